"""What a call says: plays and digits, or silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from botkit.client.facts import CallFacts
from botkit.client.media import CallMedia
from botkit.client.signals import CallSignals
from botkit.errors import UsageError
from botkit.signalling.orders import SendInfo
from botkit.vocabulary import DIGIT_LENGTH, Audio, Playable, Played


class Speaking(CallFacts):
    """The part of a `Call` that speaks."""

    _signals: CallSignals
    _media: CallMedia
    may_read: Callable[[Path], Path]

    def mute(self, muted: bool = True) -> None:
        """Send silence instead of what is being said, or stop doing so; before the answer, as soon as there is media.

        Nothing is asked of the server (signalling.md 5.6). Plays take their time all the same and move the mark;
        digits by `info` and `rtp` are no sound and go out.
        """
        self._media.mute(muted)

    def unmute(self) -> None:
        """Be heard again."""
        self.mute(False)

    async def play(
        self,
        what: Playable | str | Path,
        *,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
        until: asyncio.Event | None = None,
    ) -> Played:
        """Play and wait for the end. `stop_on`: dtmf, speech. `over`: queue, replace, mix. Moves the mark.

        `until` stops it when set. A cancelled caller is silent within one beat. Raises `ConfigError` for a file
        that cannot be read, `UsageError` before there is media.
        """
        if isinstance(what, (str, Path)):
            what = Audio((Path(what),))
        if isinstance(what, Audio):
            what = Audio(tuple(self.may_read(file) for file in what.files), what.gain)
        if self._media.voice is None:
            if self.end is not None:
                return Played(0.0, "ended")
            raise UsageError("there is no media to play into yet", hint="answer first, or wait for the answer")
        return await self._media.voice.play(what, stop_on=stop_on, loop=loop, over=over, until=until)

    async def send_dtmf(self, digits: str, *, via: str = "info", length: float | None = None, gap: float = 0.1) -> None:
        """Send digits (0-9 A-D * #; `w` pauses 500 ms); returns when the last has ended. Moves the mark.

        `length` is by default 100 ms, of tones 160 ms (`DIGIT_LENGTH`).
        """
        if self.end is not None:
            return
        if self._media.voice is None:
            raise UsageError("digits need a call that is up", hint="wait for the answer first")

        async def by_info(digit: str) -> None:
            self._signals.order(SendInfo(self._id, digits=digit))

        if length is None:
            length = DIGIT_LENGTH[via]
        await self._media.voice.send_digits(digits, via=via, length=length, gap=gap, by_info=by_info)
