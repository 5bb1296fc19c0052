"""Digits: as tones (ITU-T Q.23, Q.24) and as telephone-events (RFC 4733), both ways.

Theory of operation, tones. A digit is one of four low and one of four high frequencies at once. The
bank of `tone.py` gives the amplitude of each in every half frame (10 ms). Two neighbouring halves
make a window of 20 ms, a new one every 10 ms, and a window *reads* as a digit when

- the strongest low and the strongest high tone are loud enough, and neither is far above the other
  (twist: the low one up to 8 dB, the high one up to 6 dB);
- together they explain 75 % of the energy, which is what speech does not do for long;
- both turn in phase between the halves as their nominal frequencies do, within 2.5 %;
- both halves are covered, each by at least a third.

Per call, a `DtmfToneDetector` counts: three windows in a row with one reading and steady frequencies
are a digit (so 40 ms always are, 25 ms never), four without it end the digit (so a gap of 40 ms always does, and a lost
frame, which spoils three, never does).

Theory of operation, events. A sender repeats an event every beat with a growing duration and the
timestamp of its start; the last packet has the end bit and goes three times. So a receiver may lose
any of them: the timestamp tells events apart, the duration tells when a lost start was, and silence
or the next event ends one whose end was lost. Events longer than 0xFFFF ticks go on as a new segment
under a later timestamp.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from botkit.media.pcm import FULL_SCALE, HEARING_RATE, Pcm, db_to_ratio
from botkit.media.rtp import timestamp_diff
from botkit.media.tone import HALF, HALF_SECONDS, Bank, Heard, lobe, overlap_of, tone

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = "123A456B789C*0#D"
"""The keypad, row by row: the digit of low tone r and high tone c is KEYS[4 * r + c]."""

EVENT_DIGITS = "0123456789*#ABCD"
"""The digit of each event code (RFC 4733 table 3)."""

PAUSE_SECONDS = 0.5
"""What a `w` among the digits waits."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was heard: it began at `at` and lasted `duration` seconds. `via` is `tone` or `rtp`."""

    digit: str
    at: float
    duration: float
    via: str


# --- tones: making them -----------------------------------------------------------------------------


def frequencies(digit: str) -> tuple[float, float]:
    """The two frequencies of a digit, 0-9 A-D * #. KeyError for any other."""
    index = KEYS.find(digit.upper()) if len(digit) == 1 else -1
    if index < 0:
        raise KeyError(digit)
    return LOW[index // 4], HIGH[index % 4]


def digit_tone(digit: str, length: float = 0.1, rate: int = HEARING_RATE, *, level: float = -10.0) -> Pcm:
    """One digit as samples, `length` seconds, each of its two tones at `level` dBFS."""
    return tone(frequencies(digit), length, level=level, rate=rate, ramp=0.001)


def digits_tone(
    digits: str, *, length: float = 0.1, gap: float = 0.1, level: float = -10.0, rate: int = HEARING_RATE
) -> Pcm:
    """Digits as samples, `gap` seconds of silence after each; `w` is a pause of half a second."""
    parts: list[Pcm] = [np.zeros(0, np.int16)]
    for digit in digits:
        if digit in "wW":
            parts.append(np.zeros(round(PAUSE_SECONDS * rate), np.int16))
        else:
            parts += [digit_tone(digit, length, rate, level=level), np.zeros(round(gap * rate), np.int16)]
    return np.concatenate(parts)


# --- tones: hearing them ------------------------------------------------------------------------------

MIN_LEVEL = -36.0
"""dBFS of each tone. Q.24's receivers hear -25 dBm0 and more; 0 dBm0 is about -3 dBFS."""

NORMAL_TWIST = 8.0
"""dB that the low tone may be above the high one (Q.24; long lines weaken high tones)."""

REVERSE_TWIST = 6.0
MIN_SHARE = 0.75
CLEAN_SHARE = 0.94
"""What at least one window must reach: the first and the last of a short digit are ragged, not all."""

STEADY = 8.0
"""Hz that the measured offsets of a digit may differ by from window to window. Noise 15 dB below and
ragged edges make 7 Hz; a vowel that happens to sound like a digit glides through 15 to 30."""

TOLERANCE = 0.025
"""Q.24: 1.5 % off must be taken, 3.5 % off must not."""

MIN_COVER = 0.1
"""Energy of the weaker half over that of the stronger: a third of the samples gives a ninth."""

READINGS = 3
MISSES = 4
NOTHING = -1

_HZ = (*LOW, *HIGH)
_TURN_BACK = tuple(cmath.exp(-2j * math.pi * hz * HALF_SECONDS) for hz in _HZ)
_OVERLAP = tuple(tuple(overlap_of(low - high, HALF) for high in HIGH) for low in LOW)
_HZ_PER_RADIAN = 1 / (2 * math.pi * HALF_SECONDS)
_MIN_POWER = (FULL_SCALE * db_to_ratio(MIN_LEVEL)) ** 2 / 2 * 2 * HALF
_NORMAL = 10 ** (NORMAL_TWIST / 10)
_REVERSE = 10 ** (REVERSE_TWIST / 10)


class Reading(NamedTuple):
    """A window that reads as a digit: its index into KEYS, by how many Hz each tone is off, their share."""

    key: int
    low_offset: float
    high_offset: float
    share: float


Half = tuple[list[complex], float]
"""The amplitudes of the eight frequencies in half a frame, and its energy."""


class DtmfToneDetector:
    """Hears the digits of one call. A frame without any costs it less than a microsecond.

    What every frame needs is done for all calls at once, by whichever detector sees a batch first:
    frames in which some low and some high tone stand out. Only those are read window by window.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._columns = [bank.want(hz) for hz in _HZ]
        self._before: tuple[float, Heard, int] | None = None  # the last frame: begin, batch, row
        self._reading = NOTHING  # what the last windows in a row read as, and how many
        self._count = 0
        self._start = 0.0
        self._offsets: list[Reading] = []
        self._digit = NOTHING  # what is sounding
        self._started = self._end = 0.0
        self._missed = 0

    @property
    def sounding(self) -> str | None:
        """The digit that is being heard; it is reported when it ends."""
        return KEYS[self._digit] if self._digit != NOTHING else None

    def close(self) -> None:
        """Stop listening: gives the bank its columns back."""
        for column in self._columns:
            self._bank.unwant(column)

    def push(self, at: float, heard: Heard, row: int) -> list[Digit]:
        """Judge the 20 ms that began at `at`, in `row` of the batch; returns the digit that has ended."""
        before, self._before = self._before, (at, heard, row)
        if not _may_be_digits(heard, self._columns)[row] and self._digit == self._reading == NOTHING:
            return []
        digits: list[Digit] = []
        first, second = self._half(heard, row, 0), self._half(heard, row, 1)
        if before is not None and abs(before[0] + 2 * HALF_SECONDS - at) < HALF_SECONDS:
            self._window(at - HALF_SECONDS, read(self._half(before[1], before[2], 1), first), digits)
        self._window(at, read(first, second), digits)
        return digits

    def _half(self, heard: Heard, row: int, half: int) -> Half:
        z = heard.z[row, half]
        return [z.item(column) for column in self._columns], heard.energy.item(row, half)

    def _window(self, at: float, read_as: Reading | None, digits: list[Digit]) -> None:
        key = NOTHING if read_as is None else read_as.key
        if key != self._reading:
            self._reading, self._count, self._start = key, 0, at
            self._offsets.clear()
        self._count += 1
        if key == self._digit != NOTHING:
            self._missed = 0
            self._end = at + 2 * HALF_SECONDS
            return
        if read_as is not None:
            self._offsets.append(read_as)
        sure = read_as is not None and self._count >= READINGS and self._is_steady()
        if self._digit != NOTHING:
            self._missed += 1
            if self._missed >= MISSES or sure:
                end = min(self._end, self._start) if sure else self._end
                digits.append(Digit(KEYS[self._digit], self._started, max(end - self._started, 0.0), "tone"))
                self._digit = NOTHING
        if sure:
            self._digit, self._missed = key, 0
            self._started, self._end = self._start, at + 2 * HALF_SECONDS

    def _is_steady(self) -> bool:
        """Whether the last windows agree on the two frequencies, and one of them is clean."""
        last = self._offsets[-READINGS:]
        if max(one.share for one in last) < CLEAN_SHARE:
            return False
        low, high = [one.low_offset for one in last], [one.high_offset for one in last]
        return max(low) - min(low) <= STEADY and max(high) - min(high) <= STEADY


def _may_be_digits(heard: Heard, columns: list[int]) -> list[bool]:
    """For each row of the batch whether it may hold a digit: loud enough, and little else in it.

    Looser than `read`, so that whatever any window of a digit needs passes: a frame of which a digit
    fills a third has a ninth of its energy, and that is nearly all there is.
    """
    known = heard.notes.get("dtmf")
    if known is None:
        z = heard.z[:, :, columns]
        power = (z.real**2 + z.imag**2).sum(axis=1)
        low, high = power[:, :4].max(axis=1), power[:, 4:].max(axis=1)
        passed = (np.minimum(low, high) >= 0.1 * _MIN_POWER) & (low + high >= 0.5 * heard.energy.sum(axis=1))
        known = heard.notes["dtmf"] = passed.tolist()
    return known


def read(first: Half, second: Half) -> Reading | None:
    """What a window of two halves reads as, None for no digit."""
    sizes = [abs(one) ** 2 + abs(other) ** 2 for one, other in zip(first[0], second[0], strict=True)]
    low_size, high_size = max(sizes[:4]), max(sizes[4:])
    if min(low_size, high_size) < 0.5 * _MIN_POWER:
        return None
    low, high = sizes.index(low_size), sizes.index(high_size, 4)
    overlap = _OVERLAP[low][high - 4]
    low_first, high_first = _apart(first[0][low], first[0][high], overlap)
    low_second, high_second = _apart(second[0][low], second[0][high], overlap)
    low_early, low_late = abs(low_first) ** 2, abs(low_second) ** 2
    high_early, high_late = abs(high_first) ** 2, abs(high_second) ** 2
    low_power, high_power = low_early + low_late, high_early + high_late
    if min(low_power, high_power) < _MIN_POWER:
        return None
    if low_power > _NORMAL * high_power or high_power > _REVERSE * low_power:
        return None
    halves = (low_early + high_early, low_late + high_late)
    if min(halves) < MIN_COVER * max(halves):
        return None
    low_offset = cmath.phase(low_second * low_first.conjugate() * _TURN_BACK[low]) * _HZ_PER_RADIAN
    high_offset = cmath.phase(high_second * high_first.conjugate() * _TURN_BACK[high]) * _HZ_PER_RADIAN
    if abs(low_offset) > TOLERANCE * _HZ[low] or abs(high_offset) > TOLERANCE * _HZ[high]:
        return None
    explained = low_power / lobe(low_offset * HALF_SECONDS) + high_power / lobe(high_offset * HALF_SECONDS)
    explained += 2 * overlap * (low_first.conjugate() * high_first + low_second.conjugate() * high_second).real
    share = explained / (first[1] + second[1])
    if share < MIN_SHARE:
        return None
    return Reading(low * 4 + high - 4, low_offset, high_offset, share)


def _apart(low: complex, high: complex, overlap: float) -> tuple[complex, complex]:
    """Least squares: what each tone has when both are there, of what each column shows."""
    scale = 1 / (1 - overlap * overlap)
    return (low - overlap * high) * scale, (high - overlap * low) * scale


# --- telephone-events -----------------------------------------------------------------------------------

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

    __slots__ = ("_before", "_code", "_done", "_last", "_ticks", "_volume", "_wanted", "beats")

    def __init__(self, digit: str, length: float = 0.1, clock_rate: int = 8000, *, volume: int = 10) -> None:
        """`length` in seconds, `volume` in -dBm0, 0 to 63. KeyError for what is no digit."""
        if len(digit) != 1 or digit.upper() not in EVENT_DIGITS:
            raise KeyError(digit)
        self._code = EVENT_DIGITS.index(digit.upper())
        self._volume = min(max(volume, 0), 63)
        self._ticks = clock_rate // 50
        self._wanted = max(round(length * 50), 1)
        self._done = 0
        self._before = 0  # ticks in earlier segments
        self._last: EventPacket | None = None
        self.beats = self._wanted + END_PACKETS - 1

    @property
    def finished(self) -> bool:
        """All beats have been sent."""
        return self._done >= self.beats

    def beat(self) -> tuple[EventPacket, ...]:
        """The packets of the next beat: one, and none once it is finished."""
        if self.finished:
            return ()
        self._done += 1
        if self._done <= self._wanted:
            duration = self._done * self._ticks - self._before
            if duration > LONGEST:
                # 2.5.1.3: the next segment goes on where the first one's duration would overflow;
                # the marker stays for the first packet of the event
                self._before += LONGEST
                duration -= LONGEST
            flags = (0x80 if self._done == self._wanted else 0) | self._volume
            payload = bytes((self._code, flags, duration >> 8, duration & 0xFF))
            self._last = EventPacket(payload, self._done == 1, self._before)
        elif self._last is not None and self._last.marker:
            self._last = self._last._replace(marker=False)
        assert self._last is not None
        return (self._last,)


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
        "_ended",
        "_last",
        "_segment",
        "_started",
        "_unit",
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
        self._ended = True
        self.malformed = 0

    @property
    def sounding(self) -> str | None:
        """The digit that is being sent: `expire` has something to wait for."""
        return None if self._ended else EVENT_DIGITS[self._code]

    def push(self, payload: bytes, timestamp: int, marker: bool, at: float) -> list[Digit]:
        """Take one packet that arrived at `at`; returns digits that have ended.

        What is no digit (flash, fax tones) is ignored, and so is a payload cut short, counted.
        """
        if len(payload) < 4:
            self.malformed += 1
            return []
        code, end, duration = payload[0], payload[1] >= 0x80, payload[2] << 8 | payload[3]
        if code >= len(EVENT_DIGITS):
            return []
        digits: list[Digit] = []
        ahead = timestamp_diff(timestamp, self._segment)
        if self._code < 0 or ahead > 0 or ahead < -10 * self._codec_clock:
            ticks = ahead * self._unit // self._codec_clock
            if not self._ended and code == self._code and not marker and self._continues(ticks):
                self._before += ticks
                self._segment, self._duration = timestamp, duration
            else:
                self._end(digits)
                self._begin(code, timestamp, duration, marker, at)
        elif ahead < 0 or self._ended:
            return []  # an end once more, or an update that others overtook
        self._duration = max(self._duration, duration)
        self._last = at
        if end:
            self._end(digits)
        return digits

    def expire(self, now: float) -> list[Digit]:
        """End a digit of which nothing has come for `EVENT_TIMEOUT`: its end was lost. Call it each beat."""
        digits: list[Digit] = []
        if not self._ended and now - self._last > EVENT_TIMEOUT:
            self._end(digits)
        return digits

    def _continues(self, ahead: int) -> bool:
        """Whether a timestamp so far ahead is the next segment of a long event."""
        return self._duration > LONGEST // 2 and LONGEST - 2 <= ahead <= LONGEST + 2

    def _begin(self, code: int, timestamp: int, duration: int, marker: bool, at: float) -> None:
        if marker and duration > FIRST_MAX * self._unit:
            self._unit = max(self._unit, self._codec_clock)
        self._code, self._segment, self._before, self._duration = code, timestamp, 0, duration
        self._ended = False
        # the first packet has the duration of one beat; more means that the first ones were lost
        self._started = at - max(duration / self._unit - 2 * HALF_SECONDS, 0.0)

    def _end(self, digits: list[Digit]) -> None:
        if not self._ended:
            self._ended = True
            seconds = (self._before + self._duration) / self._unit
            digits.append(Digit(EVENT_DIGITS[self._code], self._started, seconds, "rtp"))
