"""One thing that is being said on a leg."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botkit.media.pcm import Pcm


class Playback:
    """Payloads on their way out, one a beat. `done` is called once, with the time the last one left."""

    __slots__ = ("done", "frames", "index", "loop", "on_done", "payloads", "sent", "stopped", "turns")

    def __init__(
        self, payloads: Sequence[bytes], on_done: Callable[[float], None], *, loop: bool = False, turns: int = 1
    ) -> None:
        self.payloads = payloads
        self.frames: Pcm | None = None
        """The samples behind the payloads, shape (payloads, samples), at the codec's rate: for mixing."""
        self.index = 0
        self.sent = 0
        """Payloads that went out, all turns of a loop."""
        self.loop = loop
        """Say it over and over."""
        self.turns = turns
        """Times that it is still to be said, the one under way among them."""
        self.on_done = on_done
        self.done = False
        self.stopped = False

    def finish(self, at: float) -> None:
        if not self.done:
            self.done = True
            self.on_done(at)
