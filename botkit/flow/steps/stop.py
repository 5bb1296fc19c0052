"""`stop`: end the flow as passed."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.control import FlowOver
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Text
from botkit.flow.scope import Scope


@step("stop", short="says")
class Stop(Step):
    """End the flow as passed: other handlers are cancelled, the call is hung up, `ended` runs.

    A failure that was noted before stays one.

    Example:
        - stop: the agent took over
    """

    needs_call: ClassVar[bool] = False

    says: Text = ""
    """Why; for the log."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        if self.says:
            scope.log(self.says)
        raise FlowOver(self.says, failed=False)
