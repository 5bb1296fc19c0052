"""`expect_prompt`: a known prompt must be heard."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.kinds import FieldError
from botkit.flow.port import CallPort
from botkit.flow.registry import step
from botkit.flow.schema import AudioFiles, Choice, Duration, Flag, Number
from botkit.flow.scope import Scope


@step("expect_prompt", short="audio")
class ExpectPrompt(Expectation):
    """A known prompt must be heard: this audio file, or one of a list, and `prompt` says which.

    It is recognised by its sound, at any level, on any codec and with packets lost; no words are
    understood. Up to a second of its beginning may be missing, as when a call is answered late. The
    step goes on when the prompt has ended; with `return: start` (and with `absent`) as soon as it is
    sure which one it is, a second and a half after it began, or at its end where it is shorter. Its
    onset, and so its `latency`, is when its first sound came.

    With `anywhere` the file may be heard from any place in it on, and over and over, as music on
    hold is: it must be heard for so long as `for` says. Music that was there already at the mark
    counts from then on.

    Files are WAV, MP3, Ogg, FLAC and others, with at least 0.3 s of sound; paths are taken from the
    folder of the flow's file. A prompt of less than 0.7 s needs a pause of 0.2 s around it: of digits
    that are spoken in a row without any, some are missed.

    Example:
        - expect_prompt: ../audio/welcome.wav
        - expect_prompt: {audio: ../audio/welcome.wav, within: 5s, max_latency: 1.5s}
        - expect_prompt: {audio: [../audio/pin_accepted.wav, ../audio/wrong_pin.wav], return: start}
          save_as: answer
        - check: answer.prompt == "pin_accepted.wav"
        - expect_prompt: {audio: ../audio/menu.wav, anywhere: true, for: 3s}
        - expect_prompt: {audio: ../audio/wrong_pin.wav, absent: true, within: 3s}
    """

    result: ClassVar[dict[str, str]] = {
        "prompt": "the name of the file that was heard, with its folder where two of the list have the same",
        "score": "how well, 0 to 1",
        "whole": "false: its beginning was missing, or it was cut short; null before its end (not with `anywhere`)",
        "missing": "seconds of sound that were missing at its beginning (not with `anywhere`)",
    }

    audio: AudioFiles
    """The file, or a list of files of which one must be heard."""
    score: Number = 0.7
    """How well it must be heard, 0 to 1. A prompt that is cut short scores by the share that was heard."""
    anywhere: Flag = False
    """From any place in the file on, looped; needs `for`."""
    length: Duration | None = Field(default=None, alias="for")
    """With `anywhere`: how long it must be heard."""
    until: Choice[Literal["start", "end"]] | None = Field(default=None, alias="return")
    """Go on at its `end` (the default), or at its `start`, once it is sure (the default of `absent` and `anywhere`)."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.score, int | float) and not 0 < self.score <= 1:
            raise FieldError(f"a score of {self.score:g} is not between 0 and 1", hint="0.7 is usual")
        if self.anywhere is True and self.length is None:
            raise FieldError("`anywhere` needs `for`, how long it must be heard")
        if self.anywhere is False and self.length is not None:
            raise FieldError("`for` goes with `anywhere`", hint="a prompt lasts as long as its file")
        return self

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        heard = await call.expect_prompt(
            self.audio,
            self.window(scope),
            score=self.score,
            anywhere=self.length if self.anywhere else None,
            until=self.until,
        )
        return result_of(heard)
