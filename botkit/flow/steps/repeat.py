"""`repeat`, and what stands inside it: `break` and `next`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar, Self

from pydantic import Field, model_validator

from botkit.errors import Fault
from botkit.flow.control import Break, Next
from botkit.flow.document import every_step
from botkit.flow.kinds import FieldError
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.rules import lets_time_pass
from botkit.flow.schema import Condition, Count, Integer, Steps
from botkit.flow.scope import Scope

TURNS = 10_000
"""No loop goes round more often, unless it says how often and lets time pass; what does has lost its way."""


@step("repeat", short=None)
class Repeat(Step):
    """Do steps again and again: so many `times`, `while` something holds, or `until` it does.

    `while` is tested before each turn, `until` after it. `at_most` limits the turns of both. `else`
    runs when `times` or `at_most` ran out without a `break`. Inside, `break` leaves the loop, `next`
    begins the next turn, and `repeat.index` counts from 1.

    A loop goes round 10000 times and no more, unless `times` or `at_most` gives a higher number and it
    waits or listens in its turns.

    Example:
        - repeat:
            times: 3
            do:
              - gather: {digits: 4}
                save_as: entry
              - if: entry.digits == "4321"
                break:
            else:
              - fail: three wrong pins
    """

    needs_call: ClassVar[bool] = False

    times: Integer | None = None
    """So many turns."""
    while_: Condition | None = Field(default=None, alias="while")
    """Another turn while this is so."""
    until: Condition | None = None
    """Another turn until this is so."""
    do: Steps
    """The steps of a turn."""
    at_most: Count | None = None
    """So many turns at most."""
    else_: Steps = Field(default=(), alias="else")
    """Done when the turns ran out."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if sum(each is not None for each in (self.times, self.while_, self.until)) != 1:
            raise FieldError("give one of `times`, `while` and `until`")
        if isinstance(self.times, int) and self.times < 0:
            raise FieldError("`times` cannot be negative")
        return self

    async def run(self, call: CallPort, scope: Scope) -> None:
        limit = min((each for each in (self.times, self.at_most) if each is not None), default=None)
        turn = 0
        try:
            while limit is None or turn < limit:
                turn += 1
                if turn == TURNS + 1:
                    self._may_go_on(scope, limit)
                inside = scope.in_turn(turn)
                if self.while_ is not None and not inside.holds(self.while_):
                    return
                if self._is_idle(scope):
                    return
                with suppress(Next):
                    await inside.run_steps(self.do)
                if self.until is not None and inside.holds(self.until):
                    return
                # Other tasks get their turn, however little the steps wait.
                await asyncio.sleep(0)
        except Break:
            return
        if self.while_ is not None and not scope.in_turn(turn).holds(self.while_):
            return
        await scope.run_steps(self.else_)

    def _may_go_on(self, scope: Scope, limit: int | None) -> None:
        """Raises `Fault` where more turns than `TURNS` were not asked for, or nothing in them lets time pass."""
        if limit is None:
            raise Fault(f"`repeat` went round {TURNS} times", hint="if it shall, say how often with `at_most`")
        if not lets_time_pass(self.do, scope.shared.blocks):
            raise Fault(
                f"`repeat` went round {TURNS} times, and neither waits nor listens", hint="add a `wait` to its steps"
            )

    def _is_idle(self, scope: Scope) -> bool:
        """A further turn on a dead call would only do again what ended at once before."""
        waits = any(each.step.needs_call or each.step.waits or each.name == "run" for each in every_step(self.do))
        return waits and scope.goes_round_dead(f"repeat {scope.path}")


@step("break")
class BreakStep(Step):
    """Leave the innermost `repeat`; its `else` does not run.

    Example:
        - repeat: {times: 3, do: [{wait: 1s}, {if: repeat.index == 2, break: }]}
    """

    needs_call: ClassVar[bool] = False

    async def run(self, call: CallPort, scope: Scope) -> None:
        raise Break


@step("next")
class NextStep(Step):
    """Begin the next turn of the innermost `repeat`.

    Example:
        - repeat: {times: 3, do: [{wait: 1s}, {if: repeat.index == 2, next: }, {log: not the second}]}
    """

    needs_call: ClassVar[bool] = False

    async def run(self, call: CallPort, scope: Scope) -> None:
        raise Next
