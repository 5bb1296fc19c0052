"""`resume`: take the call up again after `hold`."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("resume")
class Resume(Step):
    """Take the call up again after `hold`, and go on when both sides hear each other.

    The event `resumed` tells the handlers. On a call that is not on hold it does nothing.

    Example:
        - hold
        - wait_for: {signal: colleague_is_here, within: 30s}
        - resume
    """

    waits: ClassVar[bool] = True

    async def run(self, call: CallPort, scope: Scope) -> None:
        await call.resume()
