"""`race`: several ways at once; the first that ends well wins."""

from __future__ import annotations

from typing import Any, ClassVar

from botkit.flow.branches import next_to_end, side_by_side
from botkit.flow.control import StepFailed
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import StepLists
from botkit.flow.scope import Scope
from botkit.results import Problem


@step("race", short="branches")
class Race(Step):
    """Run several lists of steps at once. The first that ends well wins, and the rest are cancelled.

    A list that fails is out of the race; when all have failed, so has the step. `winner` is the
    name of the list, or its index from 0 where they were written as a list.

    Example:
        - race:
            answered: [{expect_tone: 440}]
            busy: [{expect_tone: busy}]
          save_as: first
        - log: "${first.winner}"
    """

    takes_whole: ClassVar[bool] = True
    needs_call: ClassVar[bool] = False
    result: ClassVar[dict[str, str]] = {"winner": "the name of the list that won, or its index from 0"}

    branches: StepLists
    """Who takes part."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        problems: list[Problem] = []
        async with side_by_side(scope, self.branches) as tasks:
            while tasks:
                task, branch = await next_to_end(tasks)
                try:
                    await task
                except StepFailed as failed:
                    problems += failed.problems
                else:
                    return {"winner": branch}
        raise StepFailed(*problems)
