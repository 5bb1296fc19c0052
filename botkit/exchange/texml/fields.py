"""Form fields and status words: what a web server is told with each request (TeXML reference, request parameters)."""

from __future__ import annotations

from botkit.causes import CAUSES
from botkit.exchange.texml.port import Ending, LegFacts, Ticket, Word

Fields = dict[str, str]

_BUSY = ("USER_BUSY", "CALL_REJECTED")
_NO_ANSWER = ("ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT")
_CANCELLED = ("ORIGINATOR_CANCEL", "LOSE_RACE")


def word_of(ending: Ending, *, answered: bool) -> Word:
    """The status word of a leg that is over: `completed` once it was answered; else busy (486), no-answer (408, 480),
    canceled (487) or failed."""
    if answered:
        return "completed"
    row = CAUSES.get(ending.cause)
    code = ending.sip_code or (row.sip_code if row is not None else None)
    if ending.cause in _CANCELLED or code == 487:
        return "canceled"
    if ending.cause in _BUSY or code == 486:
        return "busy"
    if ending.cause in _NO_ANSWER or code in (408, 480):
        return "no-answer"
    return "failed"


def leg_fields(account_sid: str, facts: LegFacts, status: Word) -> Fields:
    """What every request carries."""
    return {
        "AccountSid": account_sid,
        "CallSid": facts.sid,
        "CallSidLegacy": facts.sid,
        "CallerId": facts.caller_name or facts.calling,
        "CallingPartyType": facts.party,
        "From": facts.calling,
        "FromSipUri": facts.calling_uri,
        "To": facts.called,
        "ToSipUri": facts.called_uri,
        "ConnectionId": facts.connection_id,
        "CallStatus": status,
        "Direction": facts.direction,
        **{f"SipHeader_{name}": value for name, value in facts.headers},
    }


def ending_fields(facts: LegFacts, ending: Ending) -> Fields:
    """What the callback of a leg's end adds."""
    row = CAUSES.get(ending.cause)
    code = ending.sip_code or (row.sip_code if row is not None else None)
    return {
        "CallControlId": facts.sid,
        "CallLegId": facts.leg_id,
        "CallSessionId": facts.session_id,
        "HangupCause": ending.cause.lower(),
        "HangupSource": ending.source,
        **({"SipResponseCode": str(code)} if code is not None else {}),
    }


def queue_fields(ticket: Ticket) -> Fields:
    """How the leg stands in its queue; `QueuePosition` only while it is in it."""
    here = {} if ticket.gone.done() else {"QueuePosition": str(ticket.position())}
    return {
        "QueueSid": ticket.queue_sid,
        **here,
        "QueueTime": str(round(ticket.waited())),
        "AvgQueueTime": str(round(ticket.average_wait())),
        "CurrentQueueSize": str(ticket.size()),
    }
