"""`wait_for`: an event of the call, or a signal of another bot, must come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from botkit.errors import ExpectationFailed, Fault
from botkit.events import CallEvent
from botkit.flow.expectation import WITHIN
from botkit.flow.facts import event_fields
from botkit.flow.kinds import FieldError
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Choice, Condition, Text
from botkit.flow.scope import Scope
from botkit.flow.values import give

EventName = Literal[
    "incoming", "ringing", "early_media", "answered", "speech_started", "speech_ended", "dtmf",
    "held", "resumed", "reconnecting", "reconnected", "dropped", "ended", "error",
]  # fmt: skip


@step("wait_for", short="event")
class WaitFor(Step):
    """An event of this call, or a signal of any bot of the run, must come (within 10 s).

    `when` picks among several: it sees the event as `event`, and a signal's data as `event.data`.
    A signal that was given before is found at once. When the call ends the wait has failed, unless
    it was for `ended`.

    Example:
        - wait_for: {event: dtmf, when: event.digit == "#", within: 20s}
        - wait_for: {signal: doors_open}
          save_as: doors
    """

    needs_call: ClassVar[bool] = False
    is_expectation: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    obeys_within: ClassVar[bool] = True
    result_is_open: ClassVar[bool] = True

    event: Choice[EventName] | None = None
    """An event of this call."""
    signal: Text | None = None
    """The name of a signal, of whichever bot."""
    when: Condition | None = None
    """It must be so: sees `event`, and a signal's data as `event.data`."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.event is None) == (self.signal is None):
            raise FieldError("give one of `event` and `signal`")
        return self

    async def run(self, call: CallPort, scope: Scope) -> Mapping[str, Any]:
        within = WITHIN if scope.within is None else scope.within
        begun = call.clock.now()
        if self.event is not None:
            fields = await self._for_event(self.event, within, call, scope)
        else:
            fields = await self._for_signal(self.signal or "", within, call, scope)
        fields["latency"] = call.clock.now() - begun
        return fields

    async def _for_event(self, name: str, within: float, call: CallPort, scope: Scope) -> dict[str, Any]:
        faults: list[Fault] = []

        def matches(event: CallEvent) -> bool:
            try:
                return self.when is None or scope.holds(self.when, event=event_fields(event, call))
            except Fault as fault:
                # The call must not trip over our condition: it is told yes, and we look after the rest.
                faults.append(fault)
                return True

        event = await call.wait_for_event(name, matches, within)
        if faults:
            raise faults[0]
        return event_fields(event, call)

    async def _for_signal(self, name: str, within: float, call: CallPort, scope: Scope) -> dict[str, Any]:
        def matches(data: Any) -> bool:
            return self.when is None or scope.holds(self.when, event={"name": name, "data": data})

        waiting = asyncio.ensure_future(scope.signals.wait(name, matches))
        ending = asyncio.ensure_future(scope.shared.over.wait())
        try:
            async with call.clock.timeout(within):
                await asyncio.wait({waiting} if scope.is_ending else {waiting, ending}, return_when="FIRST_COMPLETED")
        except TimeoutError:
            pass
        finally:
            ending.cancel()
            if not waiting.done():
                waiting.cancel()
        await asyncio.sleep(0)
        if waiting.done() and not waiting.cancelled():
            return give(waiting.result(), data=waiting.result())
        heard = "the call ended" if scope.is_dead else "no such signal"
        raise ExpectationFailed(f"signal {name} within {within:g} s", heard, at=call.since_answered())
