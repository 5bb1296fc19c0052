"""`choose`: one of several ways to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Branches
from botkit.flow.scope import Scope

if TYPE_CHECKING:
    from botkit.flow.document import Branch


@step("choose", short="branches")
class Choose(Step):
    """Take one branch: the first whose `when` holds; failing that, one by its weight; failing that, `else`.

    Weights are drawn with the run's seed, so a run can be repeated.

    Example:
        - choose:
            - {when: call.duration > 60, do: [hangup]}
            - {else: [{log: still here}]}
        - choose:
            - {weight: 3, do: [{send_dtmf: 1}]}
            - {weight: 1, do: [{send_dtmf: 2}]}
    """

    takes_whole: ClassVar[bool] = True
    needs_call: ClassVar[bool] = False

    branches: Branches
    """`when` is an expression, `weight` a number, `do` and `else` are lists of steps."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        branch = self._taken(scope)
        if branch is not None:
            await scope.run_steps(branch.steps)

    def _taken(self, scope: Scope) -> Branch | None:
        weighted: list[Branch] = []
        weights: list[float] = []
        for branch in self.branches:
            if branch.when is not None and scope.holds(branch.when):
                return branch
            if branch.weight is not None:
                weighted.append(branch)
                weights.append(max(branch.weighs(scope.names, scope.rng), 0.0))
        if sum(weights) > 0:
            return scope.rng.choices(weighted, weights)[0]
        return next((branch for branch in self.branches if branch.is_else), None)
