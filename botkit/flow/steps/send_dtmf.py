"""`send_dtmf`: send digits."""

from __future__ import annotations

from typing import ClassVar, Literal

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Choice, Digits, Duration
from botkit.flow.scope import Scope
from botkit.vocabulary import DIGIT_LENGTH


@step("send_dtmf", short="digits")
class SendDtmf(Step):
    """Send digits to the other side, and wait until the last one has ended.

    Digits are 0-9, A-D, `*` and `#`; `w` is a pause of half a second. They go by `info`, as the SDKs
    of the platform send them, as RTP events (`rtp`) or as audible tones (`tone`). `length` (100 ms,
    of tones 160 ms) and `gap` (100 ms) are those of each digit. Quote what begins with `*` or `#`: YAML
    has its own use for them.

    Example:
        - send_dtmf: 123#
        - send_dtmf: {digits: "*9w1", via: rtp, gap: 80ms}
    """

    waits: ClassVar[bool] = True

    digits: Digits
    """In the order in which they are sent."""
    via: Choice[Literal["info", "rtp", "tone"]] = "info"
    """A message of signalling, an RTP event, or an audible tone."""
    length: Duration | None = None
    """How long each digit sounds: 100 ms, as tones 160 ms."""
    gap: Duration = 0.1
    """The quiet between two."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        length = DIGIT_LENGTH[self.via] if self.length is None else self.length
        await call.send_dtmf(self.digits, via=self.via, length=length, gap=self.gap)
