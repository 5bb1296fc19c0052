"""The public test kit: a call with no network, a clock that is moved by hand, and tones.

    async def main() -> None:
        call = FakeCall.up()
        call.will_hear_tone(440, at=1.0, length=0.5)
        await call.expect_tone((440.0,), Window(within=5))

    botkit.clock.run(main(), virtual=True)

Everything here is held to the contract of the real thing by `tests/contracts`.
"""

from __future__ import annotations

from botkit.testing.clock import ManualClock
from botkit.testing.fake_call import FakeCall
from botkit.testing.script import Sent
from botkit.testing.sound import tone

__all__ = ["FakeCall", "ManualClock", "Sent", "tone"]
