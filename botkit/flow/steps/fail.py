"""`fail`: end the flow as failed."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.control import FlowOver
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Text
from botkit.flow.scope import Scope


@step("fail", short="says")
class Fail(Step):
    """End the flow as failed: other handlers are cancelled, the call is hung up, `ended` runs.

    Example:
        - fail: nobody answered the second question
    """

    needs_call: ClassVar[bool] = False

    says: Text = "the flow says that it has failed"
    """Why."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        raise FlowOver(self.says, failed=True)
