"""How an end is told, row by row."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from botkit.causes import CAUSES, cause
from botkit.exchange.webhooks.hangup import EndedBy, Hangup, hangup
from botkit.exchange.webhooks.payload import leg_event
from botkit.exchange.webhooks.shapes import HANGUP_CAUSES, HANGUP_SOURCES
from tests.exchange.webhooks.kit import Told

PARTY, PEER, COMMAND = EndedBy.PARTY, EndedBy.PEER, EndedBy.COMMAND
ROWS = [
    # what, cause, ended by, dialled, answered -> hangup_cause, sip_hangup_cause, hangup_source
    ("the caller hangs up", "NORMAL_CLEARING", PARTY, False, True, "normal_clearing", "200", "caller"),
    ("its callee hangs up", "NORMAL_CLEARING", PEER, False, True, "normal_clearing", "200", "callee"),
    ("the dialled one hangs up", "NORMAL_CLEARING", PARTY, True, True, "normal_clearing", "200", "callee"),
    ("the one who dialled hangs up", "NORMAL_CLEARING", PEER, True, True, "normal_clearing", "200", "caller"),
    ("with an odd word", "USER_BUSY", PARTY, True, True, "normal_clearing", "200", "callee"),
    ("a command ends it", "NORMAL_CLEARING", COMMAND, False, True, "normal_clearing", "200", "unknown"),
    ("a command ends a dialled one", "NORMAL_CLEARING", COMMAND, True, True, "normal_clearing", "200", "unknown"),
    ("the caller gives up", "ORIGINATOR_CANCEL", PARTY, False, False, "originator_cancel", "487", "caller"),
    ("the caller gives up, by JS", "USER_BUSY", PARTY, False, False, "originator_cancel", "487", "caller"),
    ("the dialled leg is cancelled", "NORMAL_CLEARING", COMMAND, True, False, "originator_cancel", "487", "caller"),
    ("its caller left", "NORMAL_CLEARING", PEER, True, False, "originator_cancel", "487", "caller"),
    ("answered elsewhere", "LOSE_RACE", PARTY, True, False, "originator_cancel", "487", "caller"),
    ("the ring time is over", "NO_ANSWER", EndedBy.RING_TIMEOUT, True, False, "timeout", "487", "caller"),
    ("nobody came to a parked one", "NO_ANSWER", EndedBy.RING_TIMEOUT, False, False, "timeout", "487", "caller"),
    ("the network gives up", "NO_ANSWER", PARTY, True, False, "no_answer", "480", "callee"),
    ("no response", "NO_USER_RESPONSE", PARTY, True, False, "no_answer", "480", "callee"),
    ("the callee rejects", "USER_BUSY", PARTY, True, False, "user_busy", "486", "callee"),
    ("whom it called rejects", "USER_BUSY", PEER, False, False, "user_busy", "486", "callee"),
    ("`reject` USER_BUSY", "USER_BUSY", COMMAND, False, False, "user_busy", "486", "callee"),
    ("the callee declines", "CALL_REJECTED", PARTY, True, False, "call_rejected", "403", "callee"),
    ("`reject` CALL_REJECTED", "CALL_REJECTED", COMMAND, False, False, "call_rejected", "403", "callee"),
    ("the callee clears", "NORMAL_CLEARING", PARTY, True, False, "call_rejected", "603", "callee"),
    ("unknown number", "UNALLOCATED_NUMBER", PARTY, True, False, "not_found", "404", "callee"),
    ("no route", "NO_ROUTE_DESTINATION", PEER, False, False, "not_found", "404", "callee"),
    ("nobody registered", "SUBSCRIBER_ABSENT", PARTY, True, False, "unspecified", "480", "callee"),
    ("not registered", "USER_NOT_REGISTERED", PEER, False, False, "unspecified", "480", "callee"),
    ("its time is over", "ALLOTTED_TIMEOUT", EndedBy.TIME_LIMIT, True, True, "time_limit", "200", "unknown"),
    ("the other leg's time is over", "ALLOTTED_TIMEOUT", PEER, False, True, "time_limit", "200", "unknown"),
    (
        "`hangup` before the answer",
        "NORMAL_CLEARING",
        COMMAND,
        False,
        False,
        "normal_clearing",
        "unspecified",
        "unknown",
    ),
    ("media is lost", "MEDIA_TIMEOUT", EndedBy.EXCHANGE, True, True, "unspecified", "503", "unknown"),
    (
        "no webhook came through",
        "NETWORK_OUT_OF_ORDER",
        EndedBy.EXCHANGE,
        False,
        False,
        "unspecified",
        "503",
        "unknown",
    ),
    ("a gateway is down", "GATEWAY_DOWN", PEER, False, False, "unspecified", "503", "unknown"),
]


@pytest.mark.parametrize(
    ("how", "by", "dialled", "answered", "hangup_cause", "sip", "source"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_each_row(
    how: str, by: EndedBy, dialled: bool, answered: bool, hangup_cause: str, sip: str, source: str
) -> None:
    """Cause, side and moment give the platform's three words."""
    assert hangup(cause(how), by, dialled=dialled, answered=answered) == Hangup(hangup_cause, source, sip)


def test_ring_timeout_without_retry() -> None:
    """A dial with `retry_on_timeout: false` says `no_answer` where it rang long enough."""
    told = hangup(cause("NO_ANSWER"), EndedBy.RING_TIMEOUT, dialled=True, answered=False, retry_on_timeout=False)
    assert told == Hangup("no_answer", "caller", "487")


def test_decline_keeps_its_sip_status() -> None:
    """A client that declines with 603 is told of with 603."""
    declined = dataclasses.replace(cause("CALL_REJECTED"), sip_code=603)
    assert hangup(declined, PARTY, dialled=True, answered=False).sip_hangup_cause == "603"


def test_every_end_is_legal() -> None:
    """Whatever ends a leg, however: the words are the SDK's, and the event can be composed."""
    for how, by, dialled, answered in itertools.product(CAUSES.values(), EndedBy, (True, False), (True, False)):
        told = hangup(how, by, dialled=dialled, answered=answered)
        assert told.hangup_cause in HANGUP_CAUSES
        assert told.hangup_source in HANGUP_SOURCES
        assert leg_event(Told(), "call.hangup", told.fields, 0.0)
