"""`unmute`: be heard again after `mute`."""

from __future__ import annotations

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("unmute")
class Unmute(Step):
    """Be heard again after `mute`: what is being played is heard from here on.

    Example:
        - mute
        - wait: 2s
        - unmute
    """

    async def run(self, call: CallPort, scope: Scope) -> None:
        call.mute(False)
