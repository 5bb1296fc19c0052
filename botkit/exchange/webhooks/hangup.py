"""How the end of a leg is told: `hangup_cause`, `hangup_source` and `sip_hangup_cause` of `call.hangup`.

Sides are relative to the leg: on a leg that the exchange dialled the exchange is the caller, on one that its
client placed the client is. A client's own word for the cause counts only where it turned a call down: who gives
up before the answer cancels, and who hangs up afterwards clears, whatever its SDK says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum, auto

from botkit.causes import Cause


class EndedBy(Enum):
    """Who or what ended a leg."""

    PARTY = auto()
    """The client at its end; where none was reached, the network that would have reached it."""
    PEER = auto()
    """The other side of its call: the one it is bridged to, or whom it was to reach."""
    COMMAND = auto()
    """`hangup` or `reject`."""
    RING_TIMEOUT = auto()
    TIME_LIMIT = auto()
    EXCHANGE = auto()
    """Trouble of ours: media lost, shut down."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """Fields of `call.hangup`."""

    hangup_cause: str
    hangup_source: str
    sip_hangup_cause: str

    @property
    def fields(self) -> dict[str, object]:
        """For `leg.tell("call.hangup", **hangup(…).fields)`."""
        return asdict(self)


_CANCELLED = Hangup("originator_cancel", "caller", "487")
_TROUBLE = Hangup("unspecified", "unknown", "503")
_NOT_TAKEN: dict[str, Hangup] = {
    **dict.fromkeys(("ORIGINATOR_CANCEL", "LOSE_RACE", "PICKED_OFF"), _CANCELLED),
    "USER_BUSY": Hangup("user_busy", "callee", "486"),
    "CALL_REJECTED": Hangup("call_rejected", "callee", "403"),
    **dict.fromkeys(("NO_ANSWER", "NO_USER_RESPONSE", "PROGRESS_TIMEOUT"), Hangup("no_answer", "callee", "480")),
    **dict.fromkeys(("UNALLOCATED_NUMBER", "NO_ROUTE_DESTINATION"), Hangup("not_found", "callee", "404")),
    # [DOC] SIP response codes give only the 480 of a user who is known and not registered.
    **dict.fromkeys(("SUBSCRIBER_ABSENT", "USER_NOT_REGISTERED"), Hangup("unspecified", "callee", "480")),
}
"""A call that nobody took, by its cause; any other cause is trouble."""

_ALLOTTED = "ALLOTTED_TIMEOUT"


def hangup(how: Cause, by: EndedBy, *, dialled: bool, answered: bool, retry_on_timeout: bool = True) -> Hangup:
    """How the end of a leg is told. `dialled`: the exchange called its client.

    `retry_on_timeout` is that of the dial command: without it a ring timeout is `no_answer`.
    """
    if by is EndedBy.TIME_LIMIT or (answered and how.name == _ALLOTTED):
        return Hangup("time_limit", "unknown", "200")
    if by is EndedBy.EXCHANGE:
        return _TROUBLE
    if answered:
        return Hangup("normal_clearing", _source(by, dialled), "200")
    if by is EndedBy.RING_TIMEOUT or how.name == _ALLOTTED:
        return Hangup("timeout" if retry_on_timeout else "no_answer", "caller", "487")
    client_gave_up = by is EndedBy.PARTY and not dialled
    we_gave_up = dialled and by in (EndedBy.PEER, EndedBy.COMMAND)
    if client_gave_up or we_gave_up:
        return _CANCELLED
    if how.name == "NORMAL_CLEARING":
        # A client that was called and clears has declined. For a placed call that a command ends no source
        # has a row: a plain end, without a SIP status, by nobody in particular.
        return (
            Hangup("call_rejected", "callee", "603")
            if by is EndedBy.PARTY
            else Hangup("normal_clearing", _source(by, dialled), "unspecified")
        )
    row = _NOT_TAKEN.get(how.name, _TROUBLE)
    if row.hangup_cause == "call_rejected" and how.sip_code == 603:
        return Hangup(row.hangup_cause, row.hangup_source, "603")
    return row


def _source(by: EndedBy, dialled: bool) -> str:
    if by is EndedBy.COMMAND:
        return "unknown"
    client_is = "callee" if dialled else "caller"
    exchange_is = "caller" if dialled else "callee"
    return client_is if by is EndedBy.PARTY else exchange_is
