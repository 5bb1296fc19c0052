"""`parallel`: several lists of steps at once."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.branches import next_to_end, side_by_side
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import StepLists
from botkit.flow.scope import Scope


@step("parallel", short="branches")
class Parallel(Step):
    """Run several lists of steps at once, and go on when all have ended. The first failure cancels the others.

    Example:
        - parallel:
            - [{play: {tone: 440, for: 2s}}]
            - [{wait: 1s}, {send_dtmf: 1}]
    """

    takes_whole: ClassVar[bool] = True
    needs_call: ClassVar[bool] = False

    branches: StepLists
    """What runs side by side."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        async with side_by_side(scope, self.branches) as tasks:
            while tasks:
                task, _ = await next_to_end(tasks)
                await task
