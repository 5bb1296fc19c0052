"""`record`: keep what is heard in a file."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from botkit.flow.kinds import FieldError
from botkit.flow.port import CallPort, Recorded
from botkit.flow.registry import Step, step
from botkit.flow.schema import Choices, Duration, Flag, OutputPath, Steps
from botkit.flow.scope import Scope


@step("record", short="to")
class Record(Step):
    """Record what is heard to a WAV below the call's output folder.

    It ends after `for`, when the other side falls silent or enters a digit (`stop_on`), after `max`
    at the latest, or with the call. With `do` it records while these steps run, and ends with them.
    With `background: true` the step goes on at once, and the recording ends as said above; what
    `save_as` names has `path` at once, and `duration` and `level` when it has ended, so that the
    `ended` handler can look at them. It does not keep the call alive.

    `level` is the loudness of the whole in dBFS: silence is about -90, speech about -25.

    Example:
        - record: {to: message.wav, stop_on: [silence, dtmf], max: 30s}
        - record:
            to: greeting.wav
            do:
              - wait: 3s
          save_as: greeting
        - check: greeting.level > -50
        - record: {to: whole.wav, background: true}
          save_as: whole
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = {
        "path": "the file",
        "duration": "its length in seconds",
        "level": "its loudness in dBFS",
    }

    to: OutputPath
    """Where to, below the folder of the call."""
    length: Duration | None = Field(default=None, alias="for")
    """Its length."""
    stop_on: Choices[Literal["silence", "dtmf"]] = frozenset()
    """What ends it: two seconds of silence after a sound, or a digit."""
    max: Duration | None = None
    """It ends then at the latest."""
    do: Steps = ()
    """Record while these steps run."""
    background: Flag = False
    """Go on at once, while it records."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.do and self.background:
            raise FieldError("give one of `do` and `background`: with `do` it ends with these steps")
        return self

    @property
    def lets_time_pass(self) -> bool:
        return not self.background

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        path = scope.output(str(self.to))
        if self.background:
            await scope.in_background(lambda until: self._beside(path, call, until))
            return {"path": str(path.resolve())}
        if not self.do:
            recorded = await call.record(path, length=self.length, stop_on=self.stop_on, max=self.max)
        else:
            recorded = await self._while_doing(call, scope)
        return {"path": str(path.resolve()), "duration": recorded.duration, "level": recorded.level}

    async def _beside(self, path: Path, call: CallPort, until: asyncio.Event) -> dict[str, Any]:
        recorded = await call.record(path, length=self.length, stop_on=self.stop_on, max=self.max, until=until)
        return {"duration": recorded.duration, "level": recorded.level}

    async def _while_doing(self, call: CallPort, scope: Scope) -> Recorded:
        path, done = scope.output(str(self.to)), asyncio.Event()
        recording = asyncio.create_task(
            call.record(path, length=self.length, stop_on=self.stop_on, max=self.max, until=done)
        )
        try:
            await scope.run_steps(self.do)
        except BaseException:
            # What was recorded until here is written, whatever became of the steps.
            done.set()
            with suppress(Exception):
                await recording
            raise
        finally:
            done.set()
        return await recording
