"""Changes that the server is asked for during a call, and its reply: hold, resume (signalling.md 5.1), transfer (10.3).

No description is exchanged and our packets go on: what is played on hold takes its time, and the other
party hears what the server gives it instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from botkit import events
from botkit.causes import NO_ANSWER
from botkit.client.signals import CallSignals
from botkit.errors import Fault, UsageError
from botkit.signalling.orders import Modify
from botkit.states import CallState

if TYPE_CHECKING:
    from botkit.client.call import Call

BYE_WITHIN = 5.0
"""Seconds from the news of a transfer to the bye that ends our part; a server that sends none leaves us a call."""


async def modify(
    call: Call, signals: CallSignals, action: Literal["hold", "unhold"], done: type[events.CallEvent]
) -> None:
    """Ask for `action`; returns when `done` has come, or the call's end. On a call that is over, or where it would
    change nothing, it does nothing; what was asked before and has no reply yet may change something.

    Raises `Fault` when the server refuses or does not reply, or when the line is lost first; `UsageError` before
    the answer and while the line is down. A cancelled caller does not take the request back.
    """
    already = CallState.HELD if action == "hold" else CallState.ACTIVE
    if call.end is not None or (call.state is already and not call.changes):
        return
    _check_up(call, "put on hold and resumed")

    def replied(event: events.CallEvent) -> None:
        # Beside us: our caller may be cancelled before the reply comes.
        if wanted(event):
            call.changes -= 1
            unsubscribe()

    def wanted(event: events.CallEvent) -> bool:
        refused = isinstance(event, events.CallRefused) and event.method == "modify"
        return refused or isinstance(event, (done, events.Ended))

    call.changes += 1
    unsubscribe = call.listen(replied)
    event = await _asked(call, signals, Modify(call.id, action), wanted)
    if isinstance(event, events.CallRefused):
        raise Fault(f"the server did not {action}: {event.message}" + (f" ({event.code})" if event.code else ""))


async def transfer(call: Call, signals: CallSignals, to: str, ring_timeout: float | None) -> str:
    """Have the other party moved to `to`; gives the outcome: answered, busy, no_answer or failed.

    A server that moves it without asking (mod_verto) tells no more than that: answered. A line that is lost
    before the reply gives failed, whatever became of the other party. So does a call that ends under it,
    unless the end itself says that it was transferred.

    Raises `UsageError` before the answer and while the line is down, and for nobody to go to. A cancelled
    caller loses the outcome.
    """
    if call.end is not None:
        return "failed"
    _check_up(call, "transferred")
    if not to.strip():
        raise UsageError("a transfer needs somebody to go to", hint="give a number or a user's name")
    event = await _asked(
        call,
        signals,
        Modify(call.id, "transfer", to, ring_timeout),
        lambda event: isinstance(event, (events.Transferred, events.Ended)),
    )
    if isinstance(event, events.Transferred) and event.ok:
        with contextlib.suppress(TimeoutError):
            async with call.clock.timeout(BYE_WITHIN):
                await call.ended()
        return "answered"
    if isinstance(event, events.Ended):
        return "answered" if event.cause in ("BLIND_TRANSFER", "ATTENDED_TRANSFER") else "failed"
    assert isinstance(event, events.Transferred)
    if event.cause == "USER_BUSY":
        return "busy"
    return "no_answer" if event.cause in NO_ANSWER else "failed"


def _check_up(call: Call, done: str) -> None:
    if call.state not in (CallState.ACTIVE, CallState.HELD):
        raise UsageError(f"only a call that is up can be {done}; this one is {call.state.value}")


async def _asked(
    call: Call, signals: CallSignals, order: Modify, wanted: Callable[[events.CallEvent], bool]
) -> events.CallEvent:
    """Send the order, and give the first event that is wanted. A cancelled caller does not take the order back."""
    happened: asyncio.Future[events.CallEvent] = asyncio.get_running_loop().create_future()

    def watch(event: events.CallEvent) -> None:
        if wanted(event) and not happened.done():
            happened.set_result(event)

    unsubscribe = call.listen(watch)
    try:
        signals.order(order)
        return await happened
    finally:
        unsubscribe()
