"""`expect_sound`: something must be heard, whatever it is."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.port import CallPort
from botkit.flow.registry import step
from botkit.flow.schema import Duration, Flag
from botkit.flow.scope import Scope


@step("expect_sound", short="for")
class ExpectSound(Expectation):
    """Something must be heard for so long (100 ms): speech, music, a tone, noise; not mere hiss.
    Pauses shorter than a quarter of a second, as between words, belong to it.

    It must begin after the mark. With `now` the level is asked for: a sound that is there when the
    step begins counts too, for as long as it has lasted already.

    Example:
        - expect_sound
        - expect_sound: {for: 500ms, within: 5s, max_latency: 2s}
        - expect_sound: {now: true, within: 1s}
        - expect_sound: {absent: true, within: 3s}
    """

    length: Duration = Field(default=0.1, alias="for")
    """It must last so long."""
    now: Flag = False
    """What sounds already when the step begins counts too."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        return result_of(await call.expect_sound(self.length, self.window(scope), now=self.now))
