"""`hold`: put the call on hold."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("hold")
class Hold(Step):
    """Put the call on hold, and go on when it is.

    Neither side hears the other then; the far one hears music, or whatever its server plays. What
    is played meanwhile takes its time and is not heard. The event `held` tells the handlers; a call
    that is held already stays so. It is a fault before the answer.

    Example:
        - hold
        - wait: 5s
        - resume
    """

    waits: ClassVar[bool] = True

    async def run(self, call: CallPort, scope: Scope) -> None:
        await call.hold()
