"""`expect_silence`: nothing must be heard for a while."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.port import CallPort
from botkit.flow.registry import step
from botkit.flow.schema import Duration, Flag
from botkit.flow.scope import Scope


@step("expect_silence", short="for")
class ExpectSilence(Expectation):
    """There must be silence for so long.

    Silence that reigns already when our own last play or digits end counts from then on; with `now`
    it counts from its own beginning. The call's end breaks it, unless `ended: ok` is said.

    Example:
        - expect_silence: 700ms
        - expect_silence: {for: 2s, within: 15s, ended: ok}
    """

    length: Duration = Field(alias="for")
    """How long nothing must be heard."""
    now: Flag = False
    """Count from where the silence itself began, also before the mark."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        return result_of(await call.expect_silence(self.length, self.window(scope), now=self.now))
