"""`play`: let something be heard."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from botkit.flow.kinds import FieldError
from botkit.flow.kinds_call import LaterKind
from botkit.flow.kinds_many import ChoiceKind
from botkit.flow.port import Audio, CallPort, Playable, Silence, Tone
from botkit.flow.registry import Step, step
from botkit.flow.schema import AudioFiles, Choices, Duration, Flag, Number, ToneHz
from botkit.flow.scope import Scope
from botkit.flow.source import Mark

LATER = "play a file, a tone or silence"


class OverKind(ChoiceKind):
    """queue or replace; `mix` is known, and refused."""

    def of_value(self, value: Any, mark: Mark | None) -> Any:
        if value == "mix":
            raise FieldError("`over: mix` is not part of this version", hint="write queue or replace")
        return super().of_value(value, mark)


Over = Annotated[Literal["queue", "replace"], OverKind(("queue", "replace"))]


@step("play", short="audio")
class Play(Step):
    """Play audio files, a tone or silence, and wait until the last of it is on the wire.

    Paths are taken from the folder of the flow's file. A tone is one frequency or two at once, and
    needs `for`. `stop_on` ends it when the other side enters a digit or speaks; the digit stays in
    the queue for whoever gathers next. With `loop` it plays until something stops it. `gain` is in
    dB. One voice per call: a play waits for the one before it, unless `over: replace` ends that.
    `stopped_by` is `dtmf`, `speech`, `replaced`, `ended`, or nothing when it played to its end.

    Example:
        - play: ../audio/welcome.wav
        - play: {audio: [../audio/welcome.wav, ../audio/menu.wav], stop_on: [dtmf, speech]}
        - play: {tone: [350, 440], for: 2s, gain: -6}
        - play: {silence: 500ms}
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = {
        "played": "seconds that went out",
        "stopped_by": "dtmf, speech, replaced, ended; nothing when it played to its end",
    }

    audio: AudioFiles | None = None
    tone: ToneHz | None = None
    length: Duration | None = Field(default=None, alias="for")
    silence: Duration | None = None
    stop_on: Choices[Literal["dtmf", "speech"]] = frozenset()
    loop: Flag = False
    gain: Number = 0.0
    over: Over = "queue"
    say: Annotated[str | None, LaterKind("say", LATER)] = None
    background: Annotated[bool, LaterKind("background", "play it in a branch of `parallel`")] = False

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [name for name in ("audio", "tone", "silence") if getattr(self, name) is not None]
        if len(given) != 1:
            problem = "two things at once" if given else "nothing"
            raise FieldError(f"this plays {problem}: give one of `audio`, `tone` and `silence`")
        if self.tone is not None and self.length is None and not self.loop:
            raise FieldError("a tone needs `for`, how long it sounds")
        if self.tone is None and self.length is not None:
            raise FieldError("`for` goes with `tone`", hint="write `silence: 2s` for two seconds of silence")
        return self

    def what(self) -> Playable:
        """What is to be played. The step must be resolved."""
        if self.audio is not None:
            return Audio(self.audio, self.gain)
        if self.tone is not None:
            # A looped tone has no end of its own; a second's worth of it is repeated.
            return Tone(self.tone, 1.0 if self.length is None else self.length, self.gain)
        return Silence(self.silence or 0.0)

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        played = await call.play(self.what(), stop_on=self.stop_on, loop=self.loop, over=self.over)
        return {"played": played.played, "stopped_by": played.stopped_by}
