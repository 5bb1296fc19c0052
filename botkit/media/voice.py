"""What a call or a leg says: plays, one after the other or mixed, and digits by any of the three ways.

Prompts are encoded once per process and shared (`botkit.media.prompt`). The mark moves when the
last frame has left. Only what is mixed is encoded for one call alone, frame by frame: then all that is
said at once needs its samples, so they are loaded for what is being said when something is to be mixed
with it, and for what is said after that while anything is still mixed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from botkit.clock import Clock
from botkit.errors import UsageError
from botkit.media.codec import Codec
from botkit.media.pacer import PTIME
from botkit.media.playback import Playback
from botkit.media.prompt import Prompt
from botkit.media.session import RtpSession
from botkit.media.source import DigitSource, FileSource, SilenceSource, Source, ToneSource
from botkit.vocabulary import Audio, Playable, Played, Silence, Tone

DIGITS = frozenset("0123456789ABCD*#")
TONE_LEVEL = -13.0
"""dBFS of each frequency of a played tone; `gain` is on top of it."""

OVERS = ("queue", "after_loops", "replace", "mix")
"""What a play may do about those before it."""

PAUSE = "w"
PAUSE_LENGTH = 0.5


def source_of(what: Playable | Source) -> Source:
    """Where the sound of `what` comes from; a source is its own."""
    match what:
        case Audio(files, gain):
            return FileSource(files, gain)
        case Tone(hz, length, gain):
            return ToneSource(hz, length, TONE_LEVEL + gain)
        case Silence(length):
            return SilenceSource(max(length, PTIME))  # one frame at least
        case _:
            return what


T = TypeVar("T")


async def loaded(source: Source, load: Callable[[Codec], T], codec: Codec) -> T:
    """`load(codec)`, a method of the source's. Files are read and encoded off the loop, once per process.

    Raises `ConfigError` for a file that is missing or no audio.
    """
    if isinstance(source, FileSource | Prompt):
        return await asyncio.get_running_loop().run_in_executor(None, load, codec)
    return load(codec)


def _ignore(at: float) -> None:
    pass


class Voice:
    """The outgoing side of one call or leg. `said` is told of each play and digit that ended: when, and after how
    many seconds."""

    def __init__(self, session: RtpSession, clock: Clock, said: Callable[[float, float], None]) -> None:
        self._session = session
        self._clock = clock
        self._said = said
        self._over = asyncio.Event()
        self._stoppers: dict[Playback, Callable[[str], None]] = {}
        self._saying: dict[Playback, Source] = {}
        self._overlays = 0  # plays that are mixed with the others
        self._coming: list[asyncio.Event] = []  # one for each play that has not ended; set when it has its place

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
        what: Playable | Source,
        *,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        turns: int = 1,
        over: str = "queue",
        until: asyncio.Event | None = None,
    ) -> Played:
        """Play `turns` times (with `loop` without end), or until something of `stop_on` is heard or `until` is set.

        `over`: queue, after_loops (what is said for ever is stopped), replace (all that is said) or mix (with all that
        is said). A cancelled caller is silent at once.
        """
        if over not in OVERS:
            raise UsageError(f"a play over {over!r} is not known", hint=f"write one of {', '.join(OVERS)}")
        source, codec = source_of(what), self._session.codec
        mixed, placed = over == "mix", asyncio.Event()
        before = () if mixed else tuple(self._coming)
        if not mixed:
            self._coming.append(placed)
        try:
            playback = Playback(await loaded(source, source.payloads, codec), _ignore, loop=loop, turns=turns)
            for each in before:
                await each.wait()
            if mixed or self._overlays:
                playback.frames = await loaded(source, source.frames, codec)
            if mixed:
                await self._make_mixable()
            if self._over.is_set():
                return Played(0.0, "ended")
            self._saying[playback] = source
            self._overlays += mixed
            try:
                return await self._say(playback, stop_on, over, until, placed)
            finally:
                self._overlays -= mixed
                del self._saying[playback]
        finally:
            placed.set()
            if not mixed:
                self._coming.remove(placed)

    async def _make_mixable(self) -> None:
        """Load the samples of all that is being said and waits to be."""
        while missing := [playback for playback in self._saying if playback.frames is None]:
            source = self._saying[missing[0]]
            missing[0].frames = await loaded(source, source.frames, self._session.codec)

    async def _say(
        self, playback: Playback, stop_on: frozenset[str], over: str, until: asyncio.Event | None, placed: asyncio.Event
    ) -> Played:
        """Play what is loaded to its end; sets `placed` once it is among the plays of the session."""
        finished: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        playback.on_done = lambda at: None if finished.done() else finished.set_result(at)
        stopped_by: list[str] = []

        def stop(why: str) -> None:
            if why in stop_on or why == "stopped":
                stopped_by.append(why)
                self._session.stop(playback)

        self._stoppers[playback] = stop
        watching = None if until is None else asyncio.ensure_future(until.wait())
        if watching is not None:
            watching.add_done_callback(lambda task: None if task.cancelled() else stop("stopped"))
        if over == "mix":
            self._session.play_over(playback)
        else:
            if over == "after_loops":
                self._session.stop_loops()
            self._session.play(playback, replace=over == "replace")
        placed.set()
        try:
            await finished
        finally:
            del self._stoppers[playback]
            if watching is not None:
                watching.cancel()
            if not playback.done:
                self._session.stop(playback)
            if playback.sent:
                # the beat's own time: we may have been woken late
                ended = finished.result() if finished.done() and not finished.cancelled() else self._clock.now()
                self._said(ended, playback.sent * PTIME)
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
            self._said(self._clock.now(), 0.0)
            await self._sleep(length)  # the far side plays it for as long; a hang-up now would cut it off
        elif via == "rtp":
            if self._session.event_type is None:
                raise UsageError(
                    "the other end takes no telephone-events in this call", hint="send the digits via info or tone"
                )
            ended = asyncio.get_running_loop().create_future()
            self._session.send_event(digit, length, lambda at: None if ended.done() else ended.set_result(at))
            await self._unless_over(ended)
            self._said(self._clock.now(), length)
        else:
            ended = asyncio.get_running_loop().create_future()
            payloads = DigitSource(digit, length).payloads(self._session.codec, self._session.sender.lately)
            playback = Playback(payloads, lambda at: None if ended.done() else ended.set_result(at))
            self._session.interrupt(playback)
            try:
                await self._unless_over(ended)
            finally:
                if not playback.done:
                    self._session.stop(playback)
            self._said(self._clock.now(), length)

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
