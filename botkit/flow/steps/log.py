"""`log`: say something in the log and the report."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Text
from botkit.flow.scope import Scope


@step("log", short="text")
class Log(Step):
    """Say something in the log and in the report. Secrets are masked.

    Example:
        - log: "${call.to} has answered"
    """

    needs_call: ClassVar[bool] = False

    text: Text
    """What is said."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        scope.log(self.text)
