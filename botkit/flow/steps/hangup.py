"""`hangup`: end the call."""

from __future__ import annotations

from botkit.flow.kinds_call import CauseName
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("hangup", short="cause")
class Hangup(Step):
    """End the call.

    The cause is a word (`normal`, `busy`, `declined`, `no_answer` …) or a Q.850 name such as
    `NORMAL_CLEARING`, which is the default. The steps after it still run, on a call that is over.

    Example:
        - hangup
        - hangup: busy
    """

    cause: CauseName | None = None
    """What the other side is told; NORMAL_CLEARING without it."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        await call.hangup(self.cause)
