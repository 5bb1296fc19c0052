"""`reject`: refuse the incoming call."""

from __future__ import annotations

from botkit.flow.kinds_call import CauseName
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("reject", short="cause")
class Reject(Step):
    """Refuse the incoming call: the caller hears why from the network, and never us.

    The cause is a word (`busy`, the default, `declined`, `unavailable` …) or a Q.850 name.

    Example:
        - reject
        - reject: declined
    """

    cause: CauseName = "busy"
    """What the caller is told."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        if not call.state.is_over:
            await call.reject(self.cause)
