"""`answer`: take the incoming call."""

from __future__ import annotations

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("answer")
class Answer(Step):
    """Take the incoming call, and wait until both sides can be heard.

    It stands in an `incoming` handler. A flow without such a handler answers at once; one whose
    handler never answers lets the caller ring.

    Example:
        - wait: 2s
        - answer
    """

    async def run(self, call: CallPort, scope: Scope) -> None:
        if not call.state.is_up and not call.state.is_over:
            await call.answer()
