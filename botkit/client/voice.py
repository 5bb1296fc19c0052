"""What a call says: plays, one after the other, and digits by any of the three ways.

Prompts are encoded once per process and shared (`botkit.media.prompt`). The mark moves when the
last frame has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from botkit.clock import Clock
from botkit.errors import UsageError
from botkit.media.codec import Codec
from botkit.media.dtmf import digit_tone
from botkit.media.pacer import PTIME
from botkit.media.playback import Playback
from botkit.media.session import RtpSession
from botkit.media.source import FileSource, ToneSource
from botkit.vocabulary import Audio, Playable, Played, Silence, Tone

DIGITS = frozenset("0123456789ABCD*#")
TONE_LEVEL = -13.0
"""dBFS of each frequency of a played tone; `gain` is on top of it."""

PAUSE = "w"
PAUSE_LENGTH = 0.5


async def payloads_of(what: Playable, codec: Codec) -> Sequence[bytes]:
    """`what` as payloads of 20 ms. Files are read and encoded off the loop, once per process.

    Raises `ConfigError` for a file that is missing or no audio.
    """
    match what:
        case Audio(files, gain):
            source = FileSource(files, gain)
            return await asyncio.get_running_loop().run_in_executor(None, source.payloads, codec)
        case Tone(hz, length, gain):
            return ToneSource(hz, length, TONE_LEVEL + gain).payloads(codec)
        case Silence(length):
            return (codec.silence,) * max(1, round(length / PTIME))


class Voice:
    """The outgoing side of one call. `over` is set while no call is there to speak to."""

    def __init__(self, session: RtpSession, clock: Clock, set_mark: Callable[[float], None]) -> None:
        self._session = session
        self._clock = clock
        self._set_mark = set_mark
        self._over = asyncio.Event()
        self._stoppers: dict[Playback, Callable[[str], None]] = {}

    def call_is_over(self) -> None:
        """Cut short whatever is being said."""
        self._over.set()
        self._session.stop_playing()

    def heard(self, what: str) -> None:
        """`dtmf` or `speech` was heard: stop the plays that wait for it."""
        for stop in list(self._stoppers.values()):
            stop(what)

    async def play(
        self,
        what: Playable,
        *,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
    ) -> Played:
        """Play to the end, or until something of `stop_on` is heard. A cancelled caller is silent at once."""
        payloads = await payloads_of(what, self._session.codec)
        if self._over.is_set():
            return Played(0.0, "ended")
        finished = asyncio.get_running_loop().create_future()

        def done(at: float) -> None:
            if not finished.done():
                finished.set_result(at)

        playback = Playback(payloads, done, loop=loop)
        stopped_by: list[str] = []

        def stop(heard: str) -> None:
            if heard in stop_on:
                stopped_by.append(heard)
                self._session.stop(playback)

        self._stoppers[playback] = stop
        self._session.play(playback, replace=over == "replace")
        try:
            await finished
        finally:
            del self._stoppers[playback]
            if not playback.done:
                self._session.stop(playback)
            if playback.sent:
                # the beat's own time: we may have been woken late
                self._set_mark(finished.result() if finished.done() and not finished.cancelled() else self._clock.now())
        played = playback.sent * PTIME
        if not playback.stopped:
            return Played(played)
        if self._over.is_set():
            return Played(played, "ended")
        return Played(played, stopped_by[0] if stopped_by else "replaced")

    async def send_digits(
        self,
        digits: str,
        *,
        via: str,
        length: float,
        gap: float,
        by_info: Callable[[str], Awaitable[None]],
    ) -> None:
        """Send digits and wait until the last has ended. A cancelled caller's remaining digits are not sent."""
        for digit in digits:
            if digit.upper() not in DIGITS and digit.lower() != PAUSE:
                raise UsageError(f"{digit!r} is no DTMF digit", hint="digits are 0-9 A-D * # and w for a pause")
        for index, digit in enumerate(digits):
            if self._over.is_set():
                return
            if digit.lower() == PAUSE:
                await self._sleep(PAUSE_LENGTH)
                continue
            if index and digits[index - 1].lower() != PAUSE:
                await self._sleep(gap)
            if self._over.is_set():
                return
            await self._send_digit(digit.upper(), via, length, by_info)

    async def _send_digit(self, digit: str, via: str, length: float, by_info: Callable[[str], Awaitable[None]]) -> None:
        if via == "info":
            await by_info(digit)
            self._set_mark(self._clock.now())
            await self._sleep(length)  # the far side plays it for as long; a hang-up now would cut it off
        elif via == "rtp":
            if self._session.event_type is None:
                raise UsageError(
                    "the other end takes no telephone-events in this call", hint="send the digits via info or tone"
                )
            ended = asyncio.get_running_loop().create_future()
            self._session.send_event(digit, length, lambda at: None if ended.done() else ended.set_result(at))
            await self._unless_over(ended)
            self._set_mark(self._clock.now())
        else:
            codec = self._session.codec
            ended = asyncio.get_running_loop().create_future()
            payloads = codec.encode_all(digit_tone(digit, length, rate=codec.rate))
            playback = Playback(payloads, lambda at: None if ended.done() else ended.set_result(at))
            self._session.play(playback)
            try:
                await self._unless_over(ended)
            finally:
                if not playback.done:
                    self._session.stop(playback)
            self._set_mark(self._clock.now())

    async def _unless_over(self, future: asyncio.Future[float]) -> None:
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((future, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with self._clock.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            pass
