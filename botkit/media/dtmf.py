"""Digits as tones (ITU-T Q.23, Q.24), both ways. (As telephone-events: `telephone_event.py`.)

Theory of operation. A digit is one of four low and one of four high frequencies at once. The
bank of `bank.py` gives the amplitude of each in every half frame (10 ms). Two neighbouring halves
make a window of 20 ms, a new one every 10 ms; `digit_reading.py` tells which digit a window reads as.

Per call, a `DtmfToneDetector` times: windows in a row with one reading and steady frequencies that span
40 ms are a digit (so 40 ms always are, 25 ms never), 40 ms without it end the digit (so a gap of 40 ms always
does). Frames that were lost neither are a digit nor end one, but they had their time: what was heard on both
sides of them is one digit, or one pause, so a digit of five frames may lose any three.

A codec with a memory (G.722) is out of step after a loss for some 30 ms: its tones stay clean, but their levels
wander apart by up to 10 dB. So windows within a digit may be so far apart
(`LOOSE_TWIST` of their reading), not all of them.

What every frame needs is done for all calls at once, by `DtmfHearing`: only frames in which some low and
some high tone stand out are read window by window, and where there are several, they are read as one batch.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from botkit.media.bank import HALF_SECONDS, Amplitudes, Bank, Energies, Heard
from botkit.media.digit_reading import FREQUENCIES, HIGH, KEYS, LOW, MIN_POWER, Reading, read
from botkit.media.digit_sieve import Flags, Rows, Times, keep, wanted
from botkit.media.pcm import HEARING_RATE, Pcm
from botkit.media.tone import tone

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

CLEAN_SHARE = 0.94
"""What at least one window must reach: the first and the last of a short digit are ragged, not all."""

BENT_SHARE = 0.85
"""The same of the first window after a loss."""

STEADY = 10.0
"""Hz that the measured offsets of a digit may differ by from window to window. Noise 15 dB below and
ragged edges make 7 Hz; a vowel that happens to sound like a digit glides through 15 to 30."""

STEADY_BENT = 20.0
"""The same where the first windows after a loss are among them."""

WINDOW = 2 * HALF_SECONDS
READINGS = 3
"""The latest windows that must agree; fewer where frames were lost."""

SHORTEST = 0.04
"""Seconds that a digit lasts at least (Q.24)."""

MISSES = 4
"""Windows in a row without it that end a digit: 40 ms."""

SHORTEST_PAUSE = 0.04
QUIET = 2
"""Windows that are enough where some were lost in these 40 ms: of frames that cannot hold a digit, bent or not."""

SLACK = 1e-3
"""Seconds by which times may be off: those of frames come from the RTP clock and a line through their arrivals."""

BRIDGED = 0.13
"""Seconds between windows that may still be neighbours: five frames were lost between them."""

NOTHING = -1


class DtmfToneDetector:
    """Counts the readings of one call."""

    __slots__ = (
        "_clean",
        "_digit",
        "_end",
        "_last",
        "_latest",
        "_level",
        "_missed",
        "_quiet",
        "_reading",
        "_start",
        "_started",
    )

    def __init__(self) -> None:
        self._reading = NOTHING  # what the last windows in a row read as
        self._start = self._last = 0.0  # when the first and the last of them began
        self._latest: deque[tuple[Reading, bool]] = deque(maxlen=READINGS)  # of them, and whether each is bent
        self._clean = self._level = False  # whether any of them was
        self._digit = NOTHING  # what is sounding
        self._started = self._end = 0.0
        self._missed = self._quiet = 0  # windows since that are none, and those of them that could be none

    @property
    def sounding(self) -> str | None:
        """The digit that is being heard; it is reported when it ends."""
        return KEYS[self._digit] if self._digit != NOTHING else None

    @property
    def idle(self) -> bool:
        """Windows that read as nothing change nothing."""
        return self._digit == self._reading == NOTHING

    def push(self, at: float, reading: Reading | None, *, bent: bool = False, likely: bool = False) -> Digit | None:
        """Take the reading of the window that began at `at`; returns the digit that has ended.

        `bent`: frames were lost right before it. `likely`: the frame may hold a digit, though it may not read as one.
        """
        if reading is None and bent and likely:
            return None
        key = NOTHING if reading is None else reading.key
        if key != self._reading or at - self._last > BRIDGED:
            self._reading, self._start = key, at
            self._latest.clear()
            self._clean = self._level = False
        self._last = at
        if key == self._digit != NOTHING:
            self._missed = self._quiet = 0
            self._end = at + WINDOW
            return None
        sure = False
        if reading is not None:
            self._latest.append((reading, bent))
            clean = reading.share >= (BENT_SHARE if bent else CLEAN_SHARE)
            self._clean = self._clean or clean
            self._level = self._level or bent or (clean and reading.level)
            lasted = at + WINDOW - self._start >= SHORTEST - SLACK
            sure = lasted and self._clean and self._level and self._is_steady()
        ended: Digit | None = None
        if self._digit != NOTHING:
            self._missed += 1
            self._quiet += not likely
            paused = self._quiet >= QUIET and at + WINDOW - self._end >= SHORTEST_PAUSE - SLACK
            if sure or paused or self._missed >= MISSES:
                end = min(self._end, self._start) if sure else self._end
                ended = Digit(KEYS[self._digit], self._started, max(end - self._started, 0.0), "tone")
                self._digit = NOTHING
        if sure:
            self._digit, self._missed, self._quiet = key, 0, 0
            self._started, self._end = self._start, at + WINDOW
        return ended

    def finish(self) -> Digit | None:
        """Nothing more will be heard: returns the digit that was being heard, as long as it was."""
        if self._digit == NOTHING:
            return None
        ended = Digit(KEYS[self._digit], self._started, max(self._end - self._started, 0.0), "tone")
        self._digit = NOTHING
        return ended

    def _is_steady(self) -> bool:
        """Whether the latest windows agree on the two frequencies."""
        straight = [reading for reading, bent in self._latest if not bent]
        return _spread(straight) <= STEADY and _spread([reading for reading, _ in self._latest]) <= STEADY_BENT


def _spread(readings: Sequence[Reading]) -> float:
    """Hz by which readings differ in their offsets, of the tone for which it is more."""
    if not readings:
        return 0.0
    low, high = [one.low_offset for one in readings], [one.high_offset for one in readings]
    return max(max(low) - min(low), max(high) - min(high))


class DtmfHearing:
    """The digits of all calls of a process. A call has a `slot`, a number that is its own while it lasts."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._columns = np.array([bank.want(hz) for hz in FREQUENCIES], np.intp)
        self._z: Amplitudes = np.zeros((0, 8), np.complex64)  # of each slot's last half frame
        self._energy = np.zeros(0, np.float32)
        self._end = np.zeros(0)  # when that ended
        self._detectors: list[DtmfToneDetector | None] = []
        self._busy = np.zeros(0, np.bool_)  # by slot: a digit is in the making

    def add(self, slot: int) -> DtmfToneDetector:
        """Listen in `slot` from now on."""
        while len(self._detectors) <= slot:
            more = max(16, len(self._detectors))
            self._detectors += [None] * more
            self._z = np.concatenate((self._z, np.zeros((more, 8), np.complex64)))
            self._energy = np.concatenate((self._energy, np.zeros(more, np.float32)))
            self._end = np.concatenate((self._end, np.full(more, -math.inf)))
            self._busy = np.concatenate((self._busy, np.zeros(more, np.bool_)))
        self._end[slot] = -math.inf
        self._busy[slot] = False
        detector = self._detectors[slot] = DtmfToneDetector()
        return detector

    def finish(self, slot: int) -> Digit | None:
        """The call is over: returns the digit that its end cut short, and listens there no more."""
        detector, self._detectors[slot] = self._detectors[slot], None
        self._busy[slot] = False
        return None if detector is None else detector.finish()

    def sounding(self, slot: int) -> str | None:
        """The digit that is being heard there; it is reported when it ends."""
        detector = self._detectors[slot]
        return None if detector is None else detector.sounding

    def remove(self, slot: int) -> None:
        """Listen there no more."""
        self._detectors[slot] = None
        self._busy[slot] = False

    def close(self) -> None:
        """Give the bank its columns back."""
        for column in self._columns.tolist():
            self._bank.unwant(column)

    def hear(
        self, who: Sequence[int] | Rows, when: Sequence[float] | Times, heard: Heard, turns: Rows | None = None
    ) -> list[tuple[int, Digit]]:
        """Judge the frames of a batch: returns (row, digit) for every digit that has ended.

        `who` and `when` tell in which slot each frame was heard, and when it began. Frames of one slot lie in a row;
        `turns` tells which of them each is, from 0 on (None: there is one of each).
        """
        slots, times = np.asarray(who, np.intp), np.asarray(when, np.float64)
        which = np.zeros(len(slots), np.intp) if turns is None else turns
        z, likely, to_read = wanted(heard, self._columns, slots, which, self._busy, 0.1 * MIN_POWER)
        found: list[tuple[int, Digit]] = []
        rows = [row for row in to_read if self._detectors[slots[row]] is not None]
        if rows:
            found = self._read(rows, slots, times, likely, z, heard.energy, np.flatnonzero(which))
        keep(slots, times, z, heard.energy, WINDOW, self._z, self._energy, self._end)
        return found

    def _read(
        self,
        rows: list[int],
        all_slots: Rows,
        times: Times,
        likely: Flags,
        z: Amplitudes,
        energy: Energies,
        later: Rows,
    ) -> list[tuple[int, Digit]]:
        """Both windows of each row: the one over its begin, where the frame before is known, and its own."""
        slots = all_slots[rows]
        begins = times[rows]
        before_z, before_energy, before_end = self._z[slots], self._energy[slots], self._end[slots]
        for index in np.flatnonzero(np.isin(rows, later)).tolist():
            before = rows[index] - 1
            before_z[index], before_energy[index] = z[before, 1], energy[before, 1]
            before_end[index] = times[before] + WINDOW
        hole = begins - before_end  # infinite before the first frame
        across = (np.abs(hole) < HALF_SECONDS).tolist()
        after_loss = ((hole >= HALF_SECONDS) & (hole < BRIDGED)).tolist()
        own_z, own_energy = z[rows], energy[rows]
        first = np.concatenate((before_z, own_z[:, 0]))
        second = np.concatenate((own_z[:, 0], own_z[:, 1]))
        read_as = read(first, second, np.concatenate((before_energy + own_energy[:, 0], own_energy.sum(axis=1))))
        found = []
        for index, (row, slot) in enumerate(zip(rows, slots.tolist(), strict=True)):
            detector = self._detectors[slot]
            assert detector is not None
            at, may = float(times[row]), bool(likely[row])
            if across[index] and (digit := detector.push(at - HALF_SECONDS, read_as[index], likely=may)) is not None:
                found.append((row, digit))
            digit = detector.push(at, read_as[len(rows) + index], bent=after_loss[index], likely=may)
            if digit is not None:
                found.append((row, digit))
            self._busy[slot] = not detector.idle
        return found
