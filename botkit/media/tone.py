"""Tones: making them, and hearing them in what arrives.

Theory of operation. The `Bank` of `bank.py` gives, for each half frame of 10 ms, the *share* that each
frequency has in its energy: 1 for that very tone, 0.01 for noise.

The share alone cannot tell 440 from 480 Hz: 10 ms resolve 100 Hz, and a longer window that did
better would turn away a tone that is 1.5 % off, as generators may be. But the *phase* of a steady
tone turns from one half to the next by exactly 2 pi f 0.01, so how far it turned says how far the
tone is from the nominal frequency, to about 1 Hz at 10 dB signal to noise, without ambiguity up to
50 Hz. So a half counts as a *hit* when its share (corrected for the measured offset) is large, its
level is enough, and its offset is within `tolerance`. 480 Hz measures as 440 + 40 and is refused.

Two tones at once share the energy. Where they are at least 150 Hz apart, each half is solved for
both together; nearer ones (440 and 480 of ringback) need the whole frame, 20 ms, as window. Both
must be there: `TWIST` bounds how much stronger one may be.

Hits make a run. It is reported when it has lasted `for_` seconds, mostly hits, at one steady
frequency (what speech does not do), dated to the start of its first hit; three missed halves in a
row end it, so that one lost frame does not.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from botkit.media.bank import HALF_SECONDS, Bank, Heard, lobe, overlap_of
from botkit.media.pcm import FULL_SCALE, HEARING_RATE, Pcm, db_to_ratio, to_int16

MIN_LEVEL = -35.0
"""dBFS of the weaker tone; ITU-T Q.23/Q.24 receivers listen down to about -30 dBm0."""

MIN_SHARE = 0.8
"""Of the energy that the tone must explain: 6 dB above all else. A sung vowel stays below it."""

TWIST = 8.0
"""dB that one tone of a pair may be above the other."""

STEADY = 2.0
"""Hz: the standard deviation of the offsets within one tone. Voices glide, generators do not;
noise at the limit of MIN_SHARE makes 1.3."""

EVEN = 4.0
"""dB between the loudest and the softest window of a tone before it is believed."""

MISSES = 3
"""Halves in a row that may miss within a tone: one lost frame, and one half spoilt by its edge."""

MISSES_SWINGING = 5
"""The same where its loudness swings: at its softest, beside a lost frame, there is nothing to hear of it."""

Hz = tuple[float, ...]


# --- making them -----------------------------------------------------------------------------------


def tone(
    hz: float | Sequence[float], seconds: float, *, level: float = -10.0, rate: int = HEARING_RATE, ramp: float = 0.003
) -> Pcm:
    """One or more frequencies at once, each at `level` dBFS, as samples at `rate`.

    `ramp` seconds at each end rise and fall, so that nothing clicks.
    """
    frequencies = (hz,) if isinstance(hz, int | float) else tuple(hz)
    moments = np.arange(round(seconds * rate)) / rate
    wave = np.zeros(moments.size)
    for frequency in frequencies:
        wave += np.sin(2 * math.pi * frequency * moments)
    edge = min(round(ramp * rate), moments.size // 2)
    if edge:
        slope = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
        wave[:edge] *= slope
        wave[-edge:] *= slope[::-1]
    return to_int16(wave * (FULL_SCALE * db_to_ratio(level)))


@dataclass(frozen=True, slots=True)
class Burst:
    """A tone for `on` seconds and silence for `off`."""

    hz: Hz
    on: float
    off: float = 0.0


PROGRESS: dict[str, tuple[Burst, ...]] = {
    # North America: ITU-T E.180 supplement 2, ANSI T1.401, Telcordia GR-506
    "dial": (Burst((350, 440), 1.0),),
    "busy": (Burst((480, 620), 0.5, 0.5),),
    "ringback": (Burst((440, 480), 2.0, 4.0),),
    # E.180 section 8: three tones of 330 ms; frequencies and lengths of "vacant code" (GR-506)
    "sit": (Burst((985.2,), 0.38), Burst((1370.6,), 0.274), Burst((1776.7,), 0.38, 1.0)),
    "beep": (Burst((1000,), 0.5),),  # of an answering machine; no standard
}
"""One turn of each call-progress tone that we make."""


def progress(name: str, seconds: float | None = None, *, level: float = -13.0, rate: int = HEARING_RATE) -> Pcm:
    """A call-progress tone, `seconds` of it (default: one turn). KeyError for a name not in PROGRESS."""
    bursts = PROGRESS[name]
    if seconds is not None and len(bursts) == 1 and not bursts[0].off and name != "beep":
        return tone(bursts[0].hz, seconds, level=level, rate=rate)
    parts = []
    for burst in bursts:
        parts += [tone(burst.hz, burst.on, level=level, rate=rate), np.zeros(round(burst.off * rate), np.int16)]
    turn: Pcm = np.concatenate(parts)
    if seconds is None:
        return turn
    return np.tile(turn, math.ceil(seconds * rate / turn.size))[: round(seconds * rate)]


# --- hearing them ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToneStarted:
    """A tone began at `at`. `hz` is what was waited for (of a beep: what was measured)."""

    hz: Hz
    at: float
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ToneEnded:
    """It ended at `at`, after `duration` seconds."""

    hz: Hz
    at: float
    duration: float
    name: str | None = None


ToneFact = ToneStarted | ToneEnded


class Tracker(Protocol):
    """What waits for one tone in one call."""

    @property
    def idle(self) -> bool:
        """Nothing is under way: a frame in which nothing begins need not be pushed."""
        ...

    def may_begin(self, heard: Heard) -> list[bool]:
        """For each row of a batch whether what is waited for may begin there; once for all who wait for the same."""
        ...

    def push(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """Judge the 20 ms that began at `at`, in `row` of the batch, and report what changed.

        Frames that were lost are left out: they neither are the tone nor end it.
        """
        ...

    def close(self) -> None:
        """Stop waiting: gives the bank its columns back."""
        ...


class ToneTracker:
    """Waits for one frequency, or for two at once. Pure arithmetic, some 4 us a frame."""

    def __init__(
        self,
        bank: Bank,
        hz: float | Sequence[float],
        *,
        for_: float = 0.1,
        min_level: float = MIN_LEVEL,
        min_share: float = MIN_SHARE,
        tolerance: float | None = None,
        swings: bool = False,
    ) -> None:
        """`tolerance` is in Hz; by default 2 % of each frequency, at least 8 Hz, at most 45. `swings`: its loudness
        may."""
        self.hz: Hz = (float(hz),) if isinstance(hz, int | float) else tuple(map(float, hz))
        if not 1 <= len(self.hz) <= 2:
            raise ValueError("one tone, or two at once")
        self.for_ = for_
        self._bank = bank
        self._columns = tuple(bank.want(one) for one in self.hz)
        near = len(self.hz) == 2 and abs(self.hz[0] - self.hz[1]) < 150
        self._hop = 2 * HALF_SECONDS if near else HALF_SECONDS  # window and hop are the same
        unambiguous = 0.45 / self._hop
        self._tolerance = tuple(min(tolerance or max(0.02 * one, 8.0), unambiguous) for one in self.hz)
        self._turn_back = tuple(cmath.exp(-2j * math.pi * one * self._hop) for one in self.hz)
        self._to_middle = tuple(cmath.exp(1j * math.pi * one * HALF_SECONDS) for one in self.hz)
        self._overlap = overlap_of(self.hz[0] - self.hz[-1], round(self._hop * HEARING_RATE))
        self._min_energy = (FULL_SCALE * db_to_ratio(min_level)) ** 2 / 2 * self._hop * HEARING_RATE
        self._min_share = min_share
        self._loosest = min(lobe(one * self._hop) for one in self._tolerance)
        apart = 1.0 if len(self.hz) == 1 else 0.9 * (1 - abs(self._overlap))
        self._least = 0.25 if near else apart * min_share * self._loosest
        self._key = (self._columns, min_level, self._least)
        self._loudest_share = math.inf if swings else 10 ** (EVEN / 10)
        self._misses_allowed = MISSES_SWINGING if swings else MISSES if not near else MISSES // 2
        self._max_ratio = db_to_ratio(TWIST)
        self._heard_until = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget the run, reported or not."""
        self.reported = False
        self.started: float | None = None
        """Where the present run began, reported or not."""
        self._before: tuple[complex, ...] | None = None
        self._end = 0.0
        self._hits = self._windows = self._missed = 0
        self._offsets = 0
        self._softest, self._loudest = math.inf, 0.0
        self._sums = [0.0] * len(self.hz)
        self._squares = [0.0] * len(self.hz)

    def close(self) -> None:
        for column in self._columns:
            self._bank.unwant(column)

    @property
    def idle(self) -> bool:
        """No run is under way."""
        return self.started is None

    def may_begin(self, heard: Heard) -> list[bool]:
        """For each row whether some window of it may be a hit: looser than a hit, and done for all rows at once."""
        known = heard.notes.get(self._key)
        if known is None:
            z = heard.z[:, :, self._columns]
            explained, energy = (z.real**2 + z.imag**2).sum(axis=2), heard.energy
            if self._hop > HALF_SECONDS:
                explained, energy = explained.sum(axis=1, keepdims=True), energy.sum(axis=1, keepdims=True)
            passed = (energy >= self._min_energy) & (explained >= self._least * energy)
            known = heard.notes[self._key] = passed.any(axis=1).tolist()
        return known

    @property
    def missing(self) -> bool:
        """Whether the last window of the present run was no hit."""
        return self._missed > 0

    @property
    def until(self) -> float:
        """How far the present run is known to have lasted."""
        return self._end

    @property
    def measured(self) -> Hz:
        """The frequencies of the present run as measured."""
        count = max(self._offsets, 1)
        return tuple(one + total / count for one, total in zip(self.hz, self._sums, strict=True))

    def push(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """Judge the 20 ms that began at `at`, in `row` of the batch, and report what changed."""
        if at > self._heard_until + HALF_SECONDS:  # frames were lost: nothing tells how far the phase has turned
            self._before = None
        self._heard_until = at + 2 * HALF_SECONDS
        first, second = heard.energy.item(row, 0), heard.energy.item(row, 1)
        if self.started is None and first < self._min_energy and second < self._min_energy:
            return []
        facts: list[ToneFact] = []
        early = [heard.z.item(row, 0, column) for column in self._columns]
        late = [heard.z.item(row, 1, column) for column in self._columns]
        if self._hop > HALF_SECONDS:
            middle = [
                (before * turn + after * turn.conjugate()) * math.sqrt(0.5)
                for before, after, turn in zip(early, late, self._to_middle, strict=True)
            ]
            self._window(at, middle, first + second, facts)
        else:
            self._window(at, early, first, facts)
            self._window(at + HALF_SECONDS, late, second, facts)
        return facts

    def _window(self, at: float, z: list[complex], energy: float, facts: list[ToneFact]) -> None:
        if self._is_hit(z, energy):
            if self.started is None:
                self.started = at
            self._hits += 1
            self._windows += 1 + self._missed
            self._missed = 0
            self._end = at + self._hop
            if not self.reported and self._end - self.started >= self.for_ - 1e-6:
                if self._hits >= 0.75 * self._windows and self._is_even():
                    self.reported = True
                    facts.append(ToneStarted(self.hz, self.started))
                else:
                    self.reset()
        elif self.started is not None:
            self._missed += 1
            if self._missed > self._misses_allowed:
                if self.reported:
                    facts.append(ToneEnded(self.hz, self._end, self._end - self.started))
                self.reset()

    def _is_hit(self, z: list[complex], energy: float) -> bool:
        before, self._before = self._before, None
        if len(z) == 1:
            explained = weakest = abs(z[0]) ** 2
        else:
            # least squares for both amplitudes: what one tone shows in the other's column
            overlap = self._overlap
            scale = 1 - overlap * overlap
            apart = [(z[0] - overlap * z[1]) / scale, (z[1] - overlap * z[0]) / scale]
            explained = sum((one.conjugate() * seen).real for one, seen in zip(apart, z, strict=True))
            sizes = sorted(map(abs, apart))
            if sizes[1] > self._max_ratio * sizes[0]:
                return False
            weakest = sizes[0] ** 2
            z = apart
        lowest = self._min_share * energy
        if weakest < self._min_energy or explained < lowest * self._loosest:
            return False
        if before is None:  # the first of a run has nothing to turn from; the next ones will tell
            self._before = tuple(z)
            return True
        least = 1.0
        offsets = []
        for one, last, back, tolerance in zip(z, before, self._turn_back, self._tolerance, strict=True):
            turned = one * last.conjugate() * back
            offset = math.atan2(turned.imag, turned.real) / (2 * math.pi * self._hop)
            if abs(offset) > tolerance:
                return False
            offsets.append(offset)
            least = min(least, lobe(offset * self._hop))
        if explained < lowest * least:
            return False
        self._before = tuple(z)
        self._offsets += 1
        self._softest, self._loudest = min(self._softest, explained), max(self._loudest, explained)
        for index, offset in enumerate(offsets):
            self._sums[index] += offset
            self._squares[index] += offset * offset
        return True

    def _is_even(self) -> bool:
        """Whether the run so far is one steady sound. Pairs beat, and no voice holds two tones."""
        count = self._offsets
        if count < 2:
            return False
        if len(self.hz) == 2:
            return True
        variance = self._squares[0] / count - (self._sums[0] / count) ** 2
        return variance <= STEADY**2 and self._loudest <= self._loudest_share * self._softest
