"""`stop_play`: end what plays in the background."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Name
from botkit.flow.scope import Scope


@step("stop_play", short="name")
class StopPlay(Step):
    """End a play that was begun with `background: true`, and go on when it is silent.

    The name is the `save_as` of that play; without one, all plays in the background end. Plays that
    a handler waits for go on, and so do recordings. One that has ended already is no error.
    `stopped_by` of the play is then `stopped`, and the mark moves to this moment.

    Example:
        - play: {audio: ../audio/welcome.wav, loop: true, background: true}
          save_as: music
        - wait: 3s
        - stop_play: music
    """

    waits: ClassVar[bool] = False

    play_name: Name | None = Field(default=None, alias="name")
    """The `save_as` of a background play; all without it."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        await scope.stop_plays(self.play_name)
