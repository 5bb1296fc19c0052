"""`expect_tone`: a tone must be heard."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.port import CallPort
from botkit.flow.registry import step
from botkit.flow.schema import Choice, Duration, Hz
from botkit.flow.scope import Scope


@step("expect_tone", short="hz")
class ExpectTone(Expectation):
    """A tone must be heard: one frequency, two at once, or `dial`, `busy`, `ringback`, `sit` or `beep`.

    It must last for `for` (100 ms). The step goes on as soon as it has, or when the tone has ended
    with `return: end`, which is what `beep` does by itself.

    Example:
        - expect_tone: 440
        - expect_tone: {hz: [350, 440], for: 1s, within: 5s}
        - expect_tone: {hz: beep, within: 20s}
    """

    result: ClassVar[dict[str, str]] = {"hz": "what was heard"}

    hz: Hz
    """What must sound."""
    length: Duration = Field(default=0.1, alias="for")
    """It must last so long."""
    until: Choice[Literal["start", "end"]] | None = Field(default=None, alias="return")
    """Met when it has lasted, or only at its end; `beep`: end."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        until = self.until or ("end" if self.hz == "beep" else "start")
        heard = await call.expect_tone(self.hz, self.window(scope), length=self.length, until=until)
        return {**result_of(heard), "hz": _written(heard.fields.get("hz"))}


def _written(hz: Any) -> Any:
    """440.0 as 440, so that it reads and compares as it was written; two in a list."""
    if isinstance(hz, list | tuple):
        return [_written(each) for each in hz]
    return int(hz) if isinstance(hz, float) and hz.is_integer() else hz
