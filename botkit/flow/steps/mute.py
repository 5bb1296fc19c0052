"""`mute`: send silence, whatever is played."""

from __future__ import annotations

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.scope import Scope


@step("mute")
class Mute(Step):
    """Send silence instead of what is played, until `unmute`.

    What is played takes its time all the same, and is recorded as the silence that went out. Digits
    still arrive, except those sent with `via: tone`. The other side is still heard.

    Example:
        - mute
        - play: {tone: 440, for: 1s}
        - unmute
    """

    async def run(self, call: CallPort, scope: Scope) -> None:
        call.mute()
