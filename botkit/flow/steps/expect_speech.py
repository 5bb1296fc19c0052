"""`expect_speech`: somebody must speak."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.port import CallPort
from botkit.flow.registry import step
from botkit.flow.schema import Duration, Flag
from botkit.flow.scope import Scope


@step("expect_speech", short="for")
class ExpectSpeech(Expectation):
    """Somebody must speak for so long (100 ms). Pauses shorter than half a second belong to the speech.
    Music may be taken for it; a tone is not.

    It must begin after the mark. With `now` the level is asked for: somebody who is speaking when
    the step begins counts too, for as long as the speech has lasted already. What is said does not
    matter here; `expect_prompt` knows a recording again.

    Example:
        - expect_speech
        - expect_speech: {for: 1s, within: 8s, max_latency: 1.5s}
        - expect_speech: {now: true, within: 2s}
    """

    length: Duration = Field(default=0.1, alias="for")
    """It must last so long."""
    now: Flag = False
    """Whoever speaks already when the step begins counts too."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        return result_of(await call.expect_speech(self.length, self.window(scope), now=self.now))
