"""`play`: let something be heard."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from botkit.flow.kinds import FieldError
from botkit.flow.kinds_call import LaterKind
from botkit.flow.port import Audio, CallPort, Playable, Silence, Tone
from botkit.flow.registry import Step, step
from botkit.flow.schema import AudioFiles, Choice, Choices, Duration, Flag, Number, ToneHz
from botkit.flow.scope import Scope

LATER = "play a file, a tone or silence"


@step("play", short="audio")
class Play(Step):
    """Play audio files, a tone or silence, and wait until the last of it is on the wire.

    Paths are taken from the folder of the flow's file. A tone is one frequency or two at once, and
    needs `for`. `stop_on` ends it when the other side enters a digit or speaks; the digit stays in
    the queue for whoever gathers next. With `loop` it plays until something stops it. `gain` is in
    dB. One voice per call: a play waits for those before it (`over: queue`), or ends all of them
    (`replace`), or is heard together with whatever else plays (`mix`), which waits for nobody.

    With `background: true` the step goes on at once. `save_as` then names the play for `stop_play`,
    and is given `played` and `stopped_by` when it has ended. It belongs to the call and not to the
    handler: it ends by itself, by `stop_play` or `stop_on`, or with the call, which it does not keep
    alive: when all handlers are done the bot hangs up, whatever plays in the background. Play in the
    foreground what must be heard to its end. Other plays wait for a looped one for ever, unless one
    of them says `over: mix`. When it ends the mark moves, as with any play.

    Example:
        - play: ../audio/welcome.wav
        - play: {audio: [../audio/welcome.wav, ../audio/menu.wav], stop_on: [dtmf, speech]}
        - play: {tone: [350, 440], for: 2s, gain: -6}
        - play: {silence: 500ms}
        - play: {audio: ../audio/welcome.wav, loop: true, gain: -12, over: mix, background: true}
          save_as: music
        - stop_play: music
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = {
        "played": "seconds that went out",
        "stopped_by": "dtmf, speech, replaced, stopped, ended; nothing when it played to its end",
    }

    audio: AudioFiles | None = None
    """WAV, MP3, Ogg, FLAC …, played one after the other."""
    tone: ToneHz | None = None
    """What sounds, at -13 dBFS each."""
    length: Duration | None = Field(default=None, alias="for")
    """How long the tone sounds; a looped one needs none."""
    silence: Duration | None = None
    """So much of nothing."""
    stop_on: Choices[Literal["dtmf", "speech"]] = frozenset()
    """What ends it when it is heard."""
    loop: Flag = False
    """Begin again at its end, until something stops it."""
    gain: Number = 0.0
    """Louder by so many dB; below 0, softer."""
    over: Choice[Literal["queue", "replace", "mix"]] = "queue"
    """What becomes of other plays: wait for them, end them, or sound together."""
    say: Annotated[str | None, LaterKind("say", LATER)] = None
    background: Flag = False
    """Go on at once, while it plays."""

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

    @property
    def lets_time_pass(self) -> bool:
        return not self.background

    def what(self) -> Playable:
        """What is to be played. The step must be resolved."""
        if self.audio is not None:
            return Audio(self.audio, self.gain)
        if self.tone is not None:
            # A looped tone has no end of its own; a second's worth of it is repeated.
            return Tone(self.tone, 1.0 if self.length is None else self.length, self.gain)
        return Silence(self.silence or 0.0)

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        if not self.background:
            return await self._play(call)
        await scope.in_background(lambda until: self._play(call, until))
        return {}

    async def _play(self, call: CallPort, until: asyncio.Event | None = None) -> dict[str, Any]:
        played = await call.play(self.what(), stop_on=self.stop_on, loop=self.loop, over=self.over, until=until)
        return {"played": played.played, "stopped_by": played.stopped_by}
