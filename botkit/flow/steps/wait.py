"""`wait`: let time pass."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Duration
from botkit.flow.scope import Scope


@step("wait", short="for")
class Wait(Step):
    """Let time pass. The end of the call cuts it short, and that is no failure.

    Example:
        - wait: 2s
        - wait: 1s..3s
    """

    needs_call: ClassVar[bool] = False
    waits: ClassVar[bool] = True

    length: Duration = Field(alias="for")
    """How long."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        await scope.sleep(self.length)
