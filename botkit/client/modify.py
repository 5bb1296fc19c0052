"""Changes that the server is asked for during a call, and its reply: hold and resume (signalling.md 5.1).

No description is exchanged and our packets go on: what is played on hold takes its time, and the other
party hears what the server gives it instead.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from botkit import events
from botkit.client.signals import CallSignals
from botkit.errors import Fault, UsageError
from botkit.signalling.orders import Modify
from botkit.states import CallState

if TYPE_CHECKING:
    from botkit.client.call import Call


async def modify(
    call: Call, signals: CallSignals, action: Literal["hold", "unhold"], done: type[events.CallEvent]
) -> None:
    """Ask for `action`; returns when `done` has come, or the call's end. On a call that is over, or where it would
    change nothing, it does nothing.

    Raises `Fault` when the server refuses or does not reply, `UsageError` before the answer and while the line
    is down. A cancelled caller does not take the request back.
    """
    already = CallState.HELD if action == "hold" else CallState.ACTIVE
    if call.end is not None or call.state is already:
        return
    if call.state not in (CallState.ACTIVE, CallState.HELD):
        raise UsageError(f"only a call that is up can be put on hold and resumed; this one is {call.state.value}")
    happened: asyncio.Future[events.CallEvent] = asyncio.get_running_loop().create_future()

    def watch(event: events.CallEvent) -> None:
        refused = isinstance(event, events.CallRefused) and event.method == "modify"
        if (refused or isinstance(event, (done, events.Ended))) and not happened.done():
            happened.set_result(event)

    unsubscribe = call.listen(watch)
    try:
        signals.order(Modify(call.id, action))
        event = await happened
    finally:
        unsubscribe()
    if isinstance(event, events.CallRefused):
        raise Fault(f"the server did not {action}: {event.message} ({event.code})")
