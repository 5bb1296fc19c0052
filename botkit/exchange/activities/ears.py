"""What one leg is heard to say, for its own activities: digits by every way, and sound while somebody wants it.

Telephone-events cost nothing and are always heard; tones, and whether there is sound at all, mean decoding and
analysing all that arrives, so they are heard only while a gather or a recording asks. A digit that comes by two
ways within 100 ms is one (`Ear.hear_digit`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from botkit.clock import Clock
from botkit.media.ear import Ear, HeardDigit
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.session import RtpSession
from botkit.media.telephone_event import EVENT_DIGITS


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

    # --- sound -----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Hear sound and tones, until as many `listen_no_more`."""
        self._listeners += 1
        if self._call is None:
            self._call = CallHearing(self._hearing, self.ear, self._session.codec)
            self._session.listen(self._call.payload)

    def listen_no_more(self) -> None:
        """Undo one `listen`."""
        self._listeners -= 1
        if not self._listeners:
            # Not now: it is often a digit that ends a gather, told in the midst of the analysis of a beat.
            asyncio.get_running_loop().call_soon(self._shut)

    def _shut(self) -> None:
        if self._listeners or self._call is None:
            return
        self._session.listen_no_more(self._call.payload)
        self._call.close()
        self._call = None
        self.ear.loud = False
        self.ear.sounds.finish(self._clock.now())

    def close(self) -> None:
        """Hear no more."""
        self._listeners = 0
        self._session.listen_for_digits_no_more(self._event)
        self._shut()
