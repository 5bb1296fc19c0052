"""Changes that a client asks for during a call (`modify`): how long each may take, and what its outcome is called.

Hold and resume change the call's state, which is the machine's own; the others are told here: a transfer, a stay in a
queue or conference, other media.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit import events

from . import shapes
from .messages import ErrorReply
from .orders import Modify, Order, UpdateMedia

STAYS_MOST = 14400.0
"""Seconds that a party may stay in a queue or conference: as long as a call may last ([DOC])."""

TRANSFER_RINGS = 60.0
"""Seconds that the new party of a transfer may ring where nothing is said."""

TRANSFER_SETUP = 25.0
"""Seconds that it takes beside the ringing: offers, ICE and DTLS at their slowest."""

_UNKNOWN = "the server does not know what was asked: botkit's exchange does"


def takes(action: str, ring_timeout: float | None) -> float | None:
    """Seconds that the server may take over an action whose reply comes when it is over; None for any other."""
    if action == "transfer":
        return (ring_timeout or TRANSFER_RINGS) + TRANSFER_SETUP
    return STAYS_MOST if action in shapes.STAYS else None


def is_transfer(order: Order | None) -> bool:
    """It hands the other party to somebody else."""
    return isinstance(order, Modify) and order.action == "transfer"


def is_stay(order: Order | None) -> bool:
    """It lets the other party into a queue or conference; its reply comes when that is over."""
    return isinstance(order, Modify) and order.action in shapes.STAYS


def is_taking_back(order: Order | None) -> bool:
    """It ends a stay."""
    return isinstance(order, Modify) and order.action == "takeBack"


def came_true(call_id: str, order: Order | None, result: Mapping[str, Any]) -> events.CallEvent | None:
    """What a result says of other media, a transfer or a stay; None for any other order."""
    if isinstance(order, UpdateMedia):
        if sdp := shapes.text(result, "sdp"):
            return events.MediaUpdated(call_id, sdp)
        return refused(call_id, order, 0, "the result has no sdp")
    if is_transfer(order):
        return events.Transferred(call_id, True, shapes.text(result, "message"))
    if is_stay(order):
        reason = shapes.text(result, "reason")  # mod_verto gives a result for what it does not know
        waited = result.get("waited")
        seconds = float(waited) if isinstance(waited, int | float) else 0.0
        return events.TakenBack(call_id, bool(reason), reason, seconds, "" if reason else _UNKNOWN)
    return None


def came_to_nothing(call_id: str, order: Order | None, why: str, cause: str = "") -> events.CallEvent | None:
    """What is told of a transfer or a stay that the server did not do; None for any other order."""
    if is_transfer(order):
        return events.Transferred(call_id, False, why, cause)
    return events.TakenBack(call_id, False, message=why) if is_stay(order) else None


def refused(call_id: str, order: Order | None, code: int, why: str) -> events.CallRefused:
    """What is told of any other change that the server did not do."""
    return events.CallRefused(call_id, "updateMedia" if isinstance(order, UpdateMedia) else "modify", code, why)


def refused_by(call_id: str, order: Order | None, error: ErrorReply) -> events.CallEvent | None:
    """What an error reply says; None where nobody needs to know: what was to be taken back has come back."""
    if is_taking_back(order):
        return None
    told = came_to_nothing(call_id, order, error.message, shapes.text(error.data, "cause"))
    return told or refused(call_id, order, error.code, error.message)
