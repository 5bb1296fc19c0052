"""Digits as telephone-events (RFC 4733), both ways.

Theory of operation. A sender repeats an event every beat with a growing duration and the
timestamp of its start; the last packet has the end bit and goes three times. So a receiver may lose
any of them: the timestamp tells events apart, the duration tells when a lost start was, and silence
or the next event ends one whose end was lost. Events longer than 0xFFFF ticks go on as a new segment
under a later timestamp.
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

from botkit.media.dtmf import Digit
from botkit.media.rtp import timestamp_diff

PTIME = 0.020

EVENT_DIGITS = "0123456789*#ABCD"
"""The digit of each event code (RFC 4733 table 3)."""

DIGITS = len(EVENT_DIGITS)

END_PACKETS = 3
"""RFC 4733 2.5.1.4: the last packet is sent three times."""

LONGEST = 0xFFFF
"""The duration field has 16 bits."""

FIRST_MAX = 0.1
"""Seconds that the first packet of an event may claim, by its marker: senders tell every 20 to 50 ms."""

EVENT_TIMEOUT = 0.2
"""Seconds without a packet after which an event whose end was lost is over."""


class EventPacket(NamedTuple):
    """What to send in one beat, in place of audio: at `offset` ticks after the event's first timestamp."""

    payload: bytes
    marker: bool
    offset: int


class EventSender:
    """One digit as telephone-events, beat by beat (20 ms). Events last whole beats.

    The first packet goes under the RTP timestamp that audio would have then, T; all others under T
    plus their `offset`, which is 0 unless the event is longer than 0xFFFF ticks. The two beats that
    repeat the end count, too: after the last one the stream goes on at T + `beats` * ticks.
    """

    __slots__ = ("_code", "_done", "_ticks", "_volume", "_wanted", "beats")

    def __init__(self, digit: str, length: float = 0.1, clock_rate: int = 8000, *, volume: int = 10) -> None:
        """`length` in seconds, `volume` in -dBm0, 0 to 63. KeyError for what is no digit."""
        if len(digit) != 1 or digit.upper() not in EVENT_DIGITS:
            raise KeyError(digit)
        self._code = EVENT_DIGITS.index(digit.upper())
        self._volume = min(max(volume, 0), 63)
        self._ticks = clock_rate // 50
        self._wanted = max(round(length * 50), 1)
        self._done = 0
        self.beats = self._wanted + END_PACKETS - 1

    @property
    def finished(self) -> bool:
        """All beats have been sent."""
        return self._done >= self.beats

    def beat(self) -> tuple[EventPacket, ...]:
        """The packets of the next beat: one, and none once it is finished."""
        if self._done >= self.beats:
            return ()
        self._done = done = self._done + 1
        if done < self._wanted:
            return _packet(self._code, self._volume, done * self._ticks, done == 1)
        return _packet(self._code, self._volume | 0x80, self._wanted * self._ticks, done == 1)


@functools.lru_cache(maxsize=1024)
def _packet(code: int, flags: int, ticks: int, marker: bool) -> tuple[EventPacket]:
    """That of an event which has lasted so long: many calls send the same digits, equally long."""
    # 2.5.1.3: the next segment goes on where the first one's duration would overflow;
    # the marker stays for the first packet of the event
    before = (ticks - 1) // LONGEST * LONGEST
    return (EventPacket(struct.pack("!BBH", code, flags, ticks - before), marker, before),)


class EventReceiver:
    """The telephone-events of one call, each digit once, whatever was lost or doubled.

    `clock_rate` is that of durations by the description, `codec_clock` that of the stream's timestamps.
    They should be one (RFC 4733 2.1), but FreeSWITCH agrees on telephone-event/8000 beside Opus and counts
    durations at 48 kHz all the same: an event whose first packet claims more than `FIRST_MAX` is counted so.
    """

    __slots__ = (
        "_before",
        "_code",
        "_codec_clock",
        "_duration",
        "_last",
        "_segment",
        "_started",
        "_unit",
        "ended",
        "malformed",
    )

    def __init__(self, clock_rate: int = 8000, codec_clock: int | None = None) -> None:
        self._unit = clock_rate
        self._codec_clock = codec_clock or clock_rate
        self._code = -1  # of the present event, or the last one
        self._segment = 0  # the timestamp of its present segment
        self._before = 0  # ticks of its earlier segments
        self._duration = 0  # ticks of the present one
        self._started = self._last = 0.0
        self.ended = True
        """No digit is being sent: `expire` has nothing to wait for."""
        self.malformed = 0

    @property
    def sounding(self) -> str | None:
        """The digit that is being sent."""
        return None if self.ended else EVENT_DIGITS[self._code]

    @property
    def reached(self) -> int:
        """The timestamp, in the stream's clock, up to which the latest event has certainly lasted."""
        return self._segment + self._duration * self._codec_clock // self._unit

    def push(self, payload: bytes, timestamp: int, marker: bool, at: float) -> list[Digit]:
        """Take one packet that arrived at `at`; returns digits that have ended.

        What is no digit (flash, fax tones) is ignored, and so is a payload cut short, counted.
        """
        if len(payload) < 4:
            self.malformed += 1
            return []
        code, end, duration = payload[0], payload[1] >= 0x80, payload[2] << 8 | payload[3]
        if code >= DIGITS:
            return []
        digits: list[Digit] = []
        if timestamp != self._segment or self._code < 0:  # as one in seven: the others go on with what they said
            ahead = timestamp_diff(timestamp, self._segment)
            if -10 * self._codec_clock <= ahead < 0 <= self._code:
                return []  # an update that others overtook
            ticks = ahead * self._unit // self._codec_clock
            if not self.ended and code == self._code and not marker and self._continues(ticks):
                self._before += ticks
                self._segment, self._duration = timestamp, duration
            else:
                self._end(digits)
                self._begin(code, timestamp, duration, marker, at)
        elif self.ended:
            return []  # an end once more
        if duration > self._duration:
            self._duration = duration
        self._last = at
        if end:
            self._end(digits)
        return digits

    def expire(self, now: float) -> list[Digit]:
        """End a digit of which nothing has come for `EVENT_TIMEOUT`: its end was lost. Call it each beat."""
        if self.ended or now - self._last <= EVENT_TIMEOUT:
            return []
        digits: list[Digit] = []
        self._end(digits)
        return digits

    def _continues(self, ahead: int) -> bool:
        """Whether a timestamp so far ahead is the next segment of a long event."""
        return self._duration > LONGEST // 2 and LONGEST - 2 <= ahead <= LONGEST + 2

    def _begin(self, code: int, timestamp: int, duration: int, marker: bool, at: float) -> None:
        if marker and duration > FIRST_MAX * self._unit:
            self._unit = max(self._unit, self._codec_clock)
        self._code, self._segment, self._before, self._duration = code, timestamp, 0, duration
        self.ended = False
        # the first packet has the duration of one beat; more means that the first ones were lost
        self._started = at - max(duration / self._unit - PTIME, 0.0)

    def _end(self, digits: list[Digit]) -> None:
        if not self.ended:
            self.ended = True
            seconds = (self._before + self._duration) / self._unit
            digits.append(Digit(EVENT_DIGITS[self._code], self._started, seconds, "rtp"))
