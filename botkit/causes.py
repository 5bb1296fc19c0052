"""Hang-up causes: Q.850 names, numbers and the SIP status that goes with them (signalling.md 6.3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One row of the table."""

    name: str
    code: int
    sip_code: int | None = None
    sip_reason: str | None = None


_ROWS = (
    Cause("UNALLOCATED_NUMBER", 1, 404, "Not Found"),
    Cause("NO_ROUTE_DESTINATION", 3, 404, "Not Found"),
    Cause("NORMAL_CLEARING", 16, 200, "OK"),
    Cause("USER_BUSY", 17, 486, "Busy Here"),
    Cause("NO_USER_RESPONSE", 18, 408, "Request Timeout"),
    Cause("NO_ANSWER", 19, 480, "Temporarily Unavailable"),
    Cause("SUBSCRIBER_ABSENT", 20, 480, "Temporarily Unavailable"),
    Cause("CALL_REJECTED", 21, 403, "Forbidden"),
    Cause("DESTINATION_OUT_OF_ORDER", 27, 502, "Bad Gateway"),
    Cause("INVALID_NUMBER_FORMAT", 28, 484, "Address Incomplete"),
    Cause("NORMAL_UNSPECIFIED", 31, 480, "Temporarily Unavailable"),
    Cause("NETWORK_OUT_OF_ORDER", 38, 503, "Service Unavailable"),
    Cause("NORMAL_TEMPORARY_FAILURE", 41, 503, "Service Unavailable"),
    Cause("BEARERCAPABILITY_NOTAUTH", 57, 403, "Forbidden"),
    Cause("BEARERCAPABILITY_NOTAVAIL", 58, 488, "Not Acceptable Here"),
    Cause("SERVICE_UNAVAILABLE", 63, 503, "Service Unavailable"),
    Cause("INCOMPATIBLE_DESTINATION", 88, 488, "Not Acceptable Here"),
    Cause("MANDATORY_IE_MISSING", 96, 400, "Bad Request"),
    Cause("RECOVERY_ON_TIMER_EXPIRE", 102, 408, "Request Timeout"),
    Cause("ORIGINATOR_CANCEL", 487, 487, "Request Terminated"),
    Cause("ALLOTTED_TIMEOUT", 602),
    Cause("INVALID_GATEWAY", 608),
    Cause("SYSTEM_SHUTDOWN", 701),
    Cause("LOSE_RACE", 702),
    Cause("MANAGER_REQUEST", 703),
    Cause("BLIND_TRANSFER", 800),
    Cause("ATTENDED_TRANSFER", 801),
    Cause("USER_CHALLENGE", 803),
    Cause("MEDIA_TIMEOUT", 804),
    Cause("PICKED_OFF", 805),
    Cause("USER_NOT_REGISTERED", 806),
    Cause("PROGRESS_TIMEOUT", 807),
    Cause("GATEWAY_DOWN", 809),
)
CAUSES = {row.name: row for row in _ROWS}

SPOKEN = {
    "normal": "NORMAL_CLEARING",
    "busy": "USER_BUSY",
    "declined": "CALL_REJECTED",
    "rejected": "CALL_REJECTED",
    "no_answer": "NO_ANSWER",
    "unallocated": "UNALLOCATED_NUMBER",
    "unavailable": "SERVICE_UNAVAILABLE",
    "cancelled": "ORIGINATOR_CANCEL",
}
"""The short words that flows may use for a cause."""

NO_ANSWER = ("NO_ANSWER", "NO_USER_RESPONSE", "SUBSCRIBER_ABSENT", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT")
"""Causes that mean: it rang, or would have rung, and nobody came."""


def cause(name: str) -> Cause:
    """The row for a cause's name, or for one of the short words. Raises KeyError for any other."""
    return CAUSES[SPOKEN.get(name, name.upper())]
