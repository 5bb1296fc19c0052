"""What one call has heard: the log that detectors write and expectations read.

All times are monotonic seconds, dated to the audio, not to its analysis. The ear knows nothing of
marks or deadlines: it says what was heard from when to when, and how far it has listened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from botkit.clock import Clock
from botkit.media.history import HeardFrame, History, Pcm
from botkit.media.match import PromptHeard

__all__ = ["PTIME", "Ear", "HeardDigit", "HeardFrame", "Pcm", "Segment", "SegmentLog"]

PTIME = 0.020
SEGMENTS_KEPT = 400
DIGITS_KEPT = 1000
"""Digits that wait to be consumed, the latest: of a call on which nobody wants any, and somebody presses on."""

WAITERS_KEPT = 32
SAME_DIGIT = 0.1
"""A digit that arrives as event and as tone within this time is one (flow-language.md section 4)."""


@dataclass(slots=True)
class Segment:
    """Something that lasted from `start` to `end`; None: it still does."""

    start: float
    end: float | None = None


class SegmentLog:
    """Segments in order of their beginning; only the last may be open."""

    def __init__(self) -> None:
        self.sure_until = 0.0
        """The open segment has certainly lasted so far."""
        self._segments: deque[Segment] = deque(maxlen=SEGMENTS_KEPT)

    @property
    def open(self) -> Segment | None:
        """The segment that still lasts."""
        return self._segments[-1] if self._segments and self._segments[-1].end is None else None

    @property
    def last(self) -> Segment | None:
        return self._segments[-1] if self._segments else None

    def begin(self, at: float) -> None:
        if self.open is None:
            self._segments.append(Segment(at))

    def finish(self, at: float) -> None:
        if (segment := self.open) is not None:
            segment.end = max(at, segment.start)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)


@dataclass(frozen=True, slots=True)
class HeardDigit:
    """One digit. `at` is its onset, `via` the way it came first: info, rtp or tone."""

    digit: str
    via: str
    at: float
    duration: float | None = None


Tap = Callable[[HeardFrame], object]


class Taps:
    """Those that are given each frame of a call as it is heard: recordings."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self.on_change: Callable[[], None] | None = None
        """Told when one comes or goes."""

    def append(self, tap: Tap) -> None:
        """Give it the frames from now on."""
        self._taps.append(tap)
        self._changed()

    def remove(self, tap: Tap) -> None:
        """ValueError where it is none of them."""
        self._taps.remove(tap)
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def __iter__(self) -> Iterator[Tap]:
        return iter(list(self._taps))

    def __len__(self) -> int:
        return len(self._taps)


class Ear:
    """The facts about what one call hears."""

    def __init__(self) -> None:
        self.sounds = SegmentLog()
        self.speech = SegmentLog()
        self.digits: deque[HeardDigit] = deque(maxlen=DIGITS_KEPT)
        """The queue that `gather` and `expect_dtmf` consume: see `hear_digit` for its order."""
        self.prompts: Sequence[PromptHeard] = ()
        """Prompts that were listened for and found, in order of their onset."""
        self.history = History()
        self.taps = Taps()
        self.digits_heard = 0
        self.on_digit: Callable[[HeardDigit], None] | None = None
        self.on_speech: Callable[[bool, float, float], None] | None = None
        """Told (started?, at, duration)."""
        self._recent: deque[HeardDigit] = deque(maxlen=8)
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def heard_since(self) -> float | None:
        """When the first frame was heard."""
        return self.history.since

    @property
    def heard_until(self) -> float:
        """Everything that arrived before this has been analysed."""
        return self.history.until

    def hear_digit(self, heard: HeardDigit) -> None:
        """Take a digit in, once, however many ways it comes.

        Digits wait in the queue in the order of their onsets. Each is told as soon as it is known, which is when
        it has ended, so one that was waited for and taken is not called back: where two ways cross, a later
        digit may be taken before an earlier one. Events that follow a tone do not cross it: they wait for its
        end (`CallHearing.digit_event`), once the tone is recognised as a digit, 40 ms after its onset. A digit
        by `info` travels apart from the sound, and is dated to its arrival.
        """
        for earlier in self._recent:
            if earlier.digit == heard.digit and earlier.via != heard.via and _apart(earlier, heard) <= SAME_DIGIT:
                return
        self._recent.append(heard)
        self._enqueue(heard)
        self.digits_heard += 1
        if self.on_digit is not None:
            self.on_digit(heard)
        self.changed()

    def _enqueue(self, heard: HeardDigit) -> None:
        if len(self.digits) == DIGITS_KEPT:
            self.digits.popleft()
        place = len(self.digits)
        while place and (before := self.digits[place - 1]).via != heard.via and before.at > heard.at:
            place -= 1
        self.digits.insert(place, heard)

    def speech_started(self, at: float) -> None:
        self.speech.begin(at)
        if self.on_speech is not None:
            self.on_speech(True, at, 0.0)
        self.changed()

    def speech_ended(self, at: float) -> None:
        began = self.speech.open
        self.speech.finish(at)
        if self.on_speech is not None and began is not None:
            self.on_speech(False, at, at - began.start)
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits on this ear."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def next_change(self) -> asyncio.Future[None]:
        """Resolved at the next change. Cancelling it loses nothing."""
        if len(self._waiters) > WAITERS_KEPT:  # most have given up meanwhile
            self._waiters = [waiter for waiter in self._waiters if not waiter.done()]
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    async def wait_for_change(self, clock: Clock, within: float | None) -> None:
        """Return at the next change, or after `within` seconds (None: however long it takes)."""
        change = self.next_change()
        try:
            with contextlib.suppress(TimeoutError):
                async with clock.timeout(within):
                    await change
        finally:
            change.cancel()


def _apart(one: HeardDigit, other: HeardDigit) -> float:
    """Seconds between two digits; 0 while one lies within the other."""
    first, second = sorted((one, other), key=lambda digit: digit.at)
    return max(0.0, second.at - first.at - (first.duration or 0.0))
