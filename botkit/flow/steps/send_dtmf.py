"""`send_dtmf`: send digits."""

from __future__ import annotations

from typing import ClassVar, Literal

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Choice, Digits, Duration
from botkit.flow.scope import Scope


@step("send_dtmf", short="digits")
class SendDtmf(Step):
    """Send digits to the other side, and wait until the last one has ended.

    Digits are 0-9, A-D, `*` and `#`; `w` is a pause of half a second. They go by `info`, as the SDKs
    of the platform send them, as RTP events (`rtp`) or as audible tones (`tone`). `length` and `gap`
    are those of each digit. Quote what begins with `*` or `#`: YAML has its own use for them.

    Example:
        - send_dtmf: 123#
        - send_dtmf: {digits: "*9w1", via: rtp, gap: 80ms}
    """

    waits: ClassVar[bool] = True

    digits: Digits
    """In the order in which they are sent."""
    via: Choice[Literal["info", "rtp", "tone"]] = "info"
    """A message of signalling, an RTP event, or an audible tone."""
    length: Duration = 0.1
    """How long each digit sounds."""
    gap: Duration = 0.1
    """The quiet between two."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        await call.send_dtmf(self.digits, via=self.via, length=self.length, gap=self.gap)
