"""`goto`: go on with a block, and do not come back."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.control import Goto as GotoControl
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import BlockRef
from botkit.flow.scope import Scope


@step("goto", short="block")
class Goto(Step):
    """Go on with the steps of a block; the rest of the handler is dropped, wherever this stands in it.

    Example:
        - goto: menu
    """

    needs_call: ClassVar[bool] = False

    block: BlockRef
    """Which block."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        raise GotoControl(self.block)
