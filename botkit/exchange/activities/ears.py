"""What one leg is heard to say, for its own activities: digits by every way, and sound while somebody wants it.

Telephone-events cost nothing and are always heard; tones, and whether there is sound at all, mean decoding and
analysing all that arrives, so they are heard only while a gather or a recording asks. A digit that comes by two
ways within 100 ms is one (`Ear.hear_digit`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from botkit.clock import Clock
from botkit.media.call_hearing import CallHearing
from botkit.media.ear import PTIME, Ear, HeardDigit
from botkit.media.hearing import Hearing
from botkit.media.session import RtpSession
from botkit.media.telephone_event import EVENT_DIGITS

DIGITS_KEPT = 1000
"""Digits that one listener may leave untaken; of more the first are forgotten."""


class DigitStream:
    """The digits that one listener hears, in order."""

    def __init__(self) -> None:
        self._digits: deque[str] = deque(maxlen=DIGITS_KEPT)
        self._come = asyncio.Event()

    def put(self, digit: str) -> None:
        """One more."""
        self._digits.append(digit)
        self._come.set()

    async def next(self) -> str:
        """The next digit. A cancelled caller loses none."""
        while not self._digits:
            self._come.clear()
            await self._come.wait()
        return self._digits.popleft()


class LegEar:
    """The ear of one leg; `on_digit` is given each digit once. `close` it."""

    def __init__(self, session: RtpSession, hearing: Hearing, clock: Clock, on_digit: Callable[[str], None]) -> None:
        self.ear = Ear()
        self.ear.on_digit = self._told
        self._session = session
        self._hearing = hearing
        self._clock = clock
        self._on_digit = on_digit
        self._listeners = 0
        self._call: CallHearing | None = None
        self._streams: list[DigitStream] = []
        session.listen_for_digits(self._event)

    def hear(self, digit: str, via: str) -> None:
        """A digit came by another way than the audio's (`info`). What is no digit is left out."""
        digit = digit.upper()
        if digit in EVENT_DIGITS:
            self.ear.hear_digit(HeardDigit(digit, via, self._clock.now()))

    def _event(self, digit: str, at: float, duration: float | None) -> None:
        if self._call is not None:
            self._call.digit_event(digit, at, duration)
        else:
            self.ear.hear_digit(HeardDigit(digit, "rtp", at, duration))

    def _told(self, heard: HeardDigit) -> None:
        self.ear.digits.clear()  # nobody waits for them there
        self._on_digit(heard.digit)
        for stream in self._streams:
            stream.put(heard.digit)

    @contextlib.contextmanager
    def digits(self) -> Iterator[DigitStream]:
        """Hear the digits that come inside the scope, tones among them; each listener hears all."""
        stream = DigitStream()
        self._streams.append(stream)
        self.listen()
        try:
            yield stream
        finally:
            self._streams.remove(stream)
            self.listen_no_more()

    # --- sound -----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Hear sound and tones, until as many `listen_no_more`."""
        self._listeners += 1
        if self._call is None:
            self._call = CallHearing(self._hearing, self.ear, self._session.codec)
            self._session.listen(self._call.payload)

    async def silent_for(self, seconds: float) -> None:
        """Wait until nothing has been heard for so long, from now on. A cancelled caller loses nothing."""
        began = self._clock.now()
        self.listen()
        try:
            while True:
                last = self.ear.sounds.last
                since = last.end if last is not None else began
                left = PTIME if since is None else max(since, began) + seconds - self._clock.now()
                if left <= 0:
                    return
                await self.ear.wait_for_change(self._clock, left if since is not None else None)
        finally:
            self.listen_no_more()

    def listen_no_more(self) -> None:
        """Undo one `listen`."""
        self._listeners = max(0, self._listeners - 1)
        if not self._listeners:
            # Not now: it is often a digit that ends a gather, told in the midst of the analysis of a beat.
            asyncio.get_running_loop().call_soon(self._shut)

    def _shut(self) -> None:
        if self._listeners or self._call is None:
            return
        self._session.listen_no_more(self._call.payload)
        self._call.close()
        self._call = None
        self.ear.sounds.finish(self._clock.now())

    def close(self) -> None:
        """Hear no more."""
        self._listeners = 0
        self._session.listen_for_digits_no_more(self._event)
        self._shut()
