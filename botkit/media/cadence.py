"""Named tones: dial, busy, ringback and SIT by their rhythm, and an answering machine's beep.

A frequency alone does not say what a tone means: in most of the world dial, busy and ringing are all
425 Hz. So each name has patterns, a frequency or pair with the shortest and longest on and off
times, taken from ITU-T E.180 (the limits it recommends) and its supplement 2 (what countries do).
A `ToneTracker` per pattern hears the bursts; here they are counted:

- `dial` goes on and on: reported once it has lasted longer than any ring;
- `busy` (congestion, twice as fast, too) needs on, off and on again;
- `ringback` needs one whole ring; a call that comes in the middle of one waits for the next;
- `sit` is three tones in a row, rising;
- `beep` is any single steady tone, of which we know neither frequency nor length beforehand, any two at once that
  mean nothing else, and a pitch that glides or steps (`beep.py`).

All are dated to the start of the first burst that counted.

What is not told apart: a busy, ring or dial of one frequency (Europe, Japan), and SIT, are beeps until more is heard,
since a beep is told while it sounds; North America's pairs are none. A dial tone that stutters for as long as busy
tones last (Italy: 0.2/0.2/0.6/1) is busy. Not heard are tones and beeps whose loudness swings, but for Japan's ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botkit.media.bank import Bank, Heard
from botkit.media.beep import LEAST_ENERGY, OddBeeps
from botkit.media.tone import MIN_LEVEL, Hz, ToneEnded, ToneFact, ToneStarted, ToneTracker, Tracker


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bursts of `hz`, each `on` (shortest, longest) seconds, `off` between them; `bursts` make it sure.

    `bursts` 0: no rhythm, reported as soon as it has lasted `on[0]` seconds. `swings`: its loudness does, many times a
    second.
    """

    hz: Hz
    on: tuple[float, float]
    off: tuple[float, float] = (0.0, 0.0)
    bursts: int = 0
    swings: bool = False


PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "dial": (
        Pattern((350, 440), on=(0.7, 0)),  # North America, United Kingdom
        Pattern((425,), on=(2.0, 0)),  # E.180: continuous; longer than its longest ring
        Pattern((440,), on=(2.0, 0)),  # France
        Pattern((400,), on=(2.0, 0)),  # Japan
        Pattern((450,), on=(2.4, 0)),  # China; Turkey, which rings for 2 s
    ),
    "busy": (
        Pattern((480, 620), on=(0.15, 0.6), off=(0.2, 0.6), bursts=2),  # 0.5/0.5; reorder 0.25/0.25
        Pattern((425,), on=(0.1, 0.66), off=(0.1, 0.66), bursts=2),  # E.180 section 6: period 0.3 to 1.1
        # United Kingdom: 0.375/0.375; congestion 0.4/0.35/0.225/0.525; Japan: 0.5/0.5; India: 0.75/0.75
        Pattern((400,), on=(0.2, 0.75), off=(0.3, 0.75), bursts=2),
        Pattern((440,), on=(0.2, 0.6), off=(0.2, 0.6), bursts=2),  # France: 0.5/0.5
        Pattern((450,), on=(0.2, 0.75), off=(0.2, 0.75), bursts=2),  # China: 0.35/0.35; congestion 0.7/0.7
    ),
    "ringback": (
        Pattern((440, 480), on=(0.67, 2.5), off=(0.0, 7.0), bursts=1),  # North America: 2/4
        Pattern((425,), on=(0.67, 1.6), off=(0.0, 7.0), bursts=1),  # E.180 section 5: 0.67 to 1.5 / 3 to 5
        Pattern((440,), on=(1.0, 1.8), off=(0.0, 7.0), bursts=1),  # France: 1.5/3.5
        Pattern((450,), on=(0.95, 2.2), off=(0.0, 7.0), bursts=1),  # China: 1/4; Turkey: 2/4
        Pattern((400,), on=(0.95, 1.6), off=(0.0, 7.0), bursts=1, swings=True),  # Japan: 1/2, its loudness by 16 Hz
        Pattern((400, 450), on=(0.3, 0.5), off=(0.1, 2.4), bursts=2),  # United Kingdom: 0.4/0.2/0.4/2
        Pattern((440, 480), on=(0.3, 0.5), off=(0.1, 3.4), bursts=2),  # Hong Kong: 0.4/0.2/0.4/3
    ),
}

SIT = (950.0, 1400.0, 1800.0)
"""E.180 section 8: each within 50 Hz and 330 ms long, within 70; North America's lie inside."""

SIT_ON = (0.14, 0.46)
"""Seconds that each may measure: North America's shortest lasts 0.274, of which 0.1 is given up where a codec bends
it after a loss; E.180's longest lasts 0.4."""

BEEP_ENERGY = 1e5
"""Sum of squares of a frame from which it is worth a look: some -58 dBFS."""

BEEP_SHARE = 0.3
"""Of a frame's energy that one column must explain for a beep to be tried: the first of a tone is half a frame."""

SOFTEST_SWING = MIN_LEVEL - 12
"""dBFS down to which a tone is heard whose loudness swings."""

STEP_PAUSE = 0.07
"""Seconds between two beeps that are one, which steps: the frame in which it does is neither, nor is a lost one."""

STEP_SHORTEST = 0.05
"""Seconds that the last step lasts at the least."""

STEP_WAIT = 0.2
"""Seconds until it is known whether one does."""

NAMES = ("dial", "busy", "ringback", "sit", "beep")
SLACK = 0.06
"""Seconds that a burst may measure longer or shorter: edges fall anywhere in a half frame, and a frame lost beside
them hides 20 ms more."""


def tracker_for(bank: Bank, what: str | float | Sequence[float], for_: float = 0.1) -> Tracker:
    """Who waits for `what`: one frequency, two at once, or a name. KeyError for an unknown name.

    `for_` is how long the tone must last; the rhythm of a named tone decides that itself.
    """
    if not isinstance(what, str):
        return ToneTracker(bank, what, for_=for_)
    if what == "sit":
        return SitTracker(bank)
    if what == "beep":
        return BeepTracker(bank, for_=for_)
    return CadenceTracker(bank, what)


@dataclass(slots=True)
class _Rhythm:
    """The bursts of one pattern so far."""

    pattern: Pattern
    tones: ToneTracker
    first: float | None = None
    bursts: int = 0
    last_end: float = 0.0
    on_since: float | None = None


class CadenceTracker:
    """Waits for one of the names in PATTERNS, by any of its patterns."""

    def __init__(self, bank: Bank, name: str) -> None:
        self.name = name
        self._rhythms = [_Rhythm(one, _tracker(bank, one)) for one in PATTERNS[name]]
        self._sounding: _Rhythm | None = None
        self._started = 0.0

    @property
    def idle(self) -> bool:
        return all(rhythm.first is None and rhythm.tones.idle for rhythm in self._rhythms)

    def may_begin(self, heard: Heard) -> list[bool]:
        return any_of([rhythm.tones.may_begin(heard) for rhythm in self._rhythms])

    def close(self) -> None:
        for rhythm in self._rhythms:
            rhythm.tones.close()

    def push(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """Judge the next 20 ms: reports the name once it is sure, and when its rhythm has broken off."""
        facts: list[ToneFact] = []
        for rhythm in self._rhythms:
            for fact in rhythm.tones.push(at, heard, row):
                if isinstance(fact, ToneStarted):
                    self._burst_began(rhythm, fact, facts)
                else:
                    self._burst_ended(rhythm, fact, facts)
            self._check_pause(rhythm, at, facts)
        return facts

    def _burst_began(self, rhythm: _Rhythm, fact: ToneStarted, facts: list[ToneFact]) -> None:
        pattern = rhythm.pattern
        pause = fact.at - rhythm.last_end
        if rhythm.first is not None and not pattern.off[0] - SLACK <= pause <= pattern.off[1] + SLACK:
            self._break_off(rhythm, facts)
        if rhythm.first is None:
            rhythm.first, rhythm.bursts = fact.at, 0
        rhythm.on_since = fact.at
        if pattern.bursts == 0 or rhythm.bursts + 1 >= pattern.bursts > 1:
            self._sure(rhythm, facts)

    def _burst_ended(self, rhythm: _Rhythm, fact: ToneEnded, facts: list[ToneFact]) -> None:
        pattern = rhythm.pattern
        rhythm.on_since, rhythm.last_end = None, fact.at
        if pattern.bursts == 0 or not pattern.on[0] - SLACK <= fact.duration <= pattern.on[1] + SLACK:
            self._break_off(rhythm, facts)
            return
        rhythm.bursts += 1
        if rhythm.bursts >= pattern.bursts:
            self._sure(rhythm, facts)

    def _check_pause(self, rhythm: _Rhythm, at: float, facts: list[ToneFact]) -> None:
        if rhythm.first is None:
            return
        pattern = rhythm.pattern
        if rhythm.on_since is not None:
            if pattern.bursts and at - rhythm.on_since > pattern.on[1] + 4 * SLACK:
                self._break_off(rhythm, facts)
        elif rhythm.tones.started is None and at - rhythm.last_end > pattern.off[1] + 4 * SLACK:
            self._break_off(rhythm, facts)

    def _sure(self, rhythm: _Rhythm, facts: list[ToneFact]) -> None:
        if self._sounding is None and rhythm.first is not None:
            self._sounding, self._started = rhythm, rhythm.first
            facts.append(ToneStarted(rhythm.pattern.hz, self._started, self.name))

    def _break_off(self, rhythm: _Rhythm, facts: list[ToneFact]) -> None:
        if self._sounding is rhythm:
            self._sounding = None
            end = rhythm.last_end
            facts.append(ToneEnded(rhythm.pattern.hz, end, end - self._started, self.name))
        rhythm.first, rhythm.bursts, rhythm.on_since = None, 0, None


def any_of(lists: list[list[bool]]) -> list[bool]:
    """For each row whether any of the lists says so."""
    return [any(each) for each in zip(*lists, strict=True)]


def _tracker(bank: Bank, pattern: Pattern) -> ToneTracker:
    level = SOFTEST_SWING if pattern.swings else MIN_LEVEL
    return ToneTracker(bank, pattern.hz, for_=_sure_after(pattern), min_level=level, swings=pattern.swings)


def _sure_after(pattern: Pattern) -> float:
    """How long a burst must last to be one: most of its shortest length."""
    return pattern.on[0] if pattern.bursts == 0 else min(0.1, pattern.on[0] * 0.8)


class SitTracker:
    """Waits for special information tones: three in a row, rising, each about a third of a second."""

    def __init__(self, bank: Bank) -> None:
        self._tones = [ToneTracker(bank, hz, tolerance=45.0) for hz in SIT]
        self._first = self._last_end = 0.0
        self._heard = 0

    @property
    def idle(self) -> bool:
        return all(tones.idle for tones in self._tones)

    def may_begin(self, heard: Heard) -> list[bool]:
        return any_of([tones.may_begin(heard) for tones in self._tones])

    def close(self) -> None:
        for tones in self._tones:
            tones.close()

    def push(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """Judge the next 20 ms: reports `sit` once the third tone is sure, and when that one ends."""
        facts: list[ToneFact] = []
        for index, tones in enumerate(self._tones):
            for fact in tones.push(at, heard, row):
                if isinstance(fact, ToneStarted):
                    follows = self._heard == index and fact.at - self._last_end < 0.1 + SLACK
                    if index == 0:
                        self._first, self._heard = fact.at, 1
                    elif follows:
                        self._heard = index + 1
                    else:
                        self._heard = 0
                    if self._heard == 3:
                        facts.append(ToneStarted(SIT, self._first, "sit"))
                    continue
                self._last_end = fact.at
                if self._heard == 3 and index == 2:
                    facts.append(ToneEnded(SIT, fact.at, fact.at - self._first, "sit"))
                    self._heard = 0
                elif not SIT_ON[0] <= fact.duration <= SIT_ON[1] or self._heard != index + 1:
                    self._heard = 0
        return facts


class BeepTracker:
    """Waits for a beep of whatever pitch and length, from `for_` on.

    For a single steady tone from 375 to 2225 Hz columns stand every 50 Hz, so that the nearest is at most 25 Hz
    off; the one with most energy is tried, and what it measures is what `hz` reports. `OddBeeps` hears the others.
    """

    def __init__(self, bank: Bank, for_: float = 0.1) -> None:
        self._tones = [ToneTracker(bank, hz, for_=for_, min_share=0.85, tolerance=32.0) for hz in range(400, 2201, 50)]
        self._columns = [bank.want(hz) for hz in range(400, 2201, 50)]
        self._bank = bank
        self._tried: ToneTracker | None = None
        self._hz: Hz = ()
        self._odd = OddBeeps(for_)
        self._started = 0.0
        self._ending: ToneEnded | None = None  # a beep that may go on at another pitch
        self._step_from = 0.0  # where it ended at first

    def close(self) -> None:
        for tones in self._tones:
            tones.close()
        for column in self._columns:
            self._bank.unwant(column)

    @property
    def idle(self) -> bool:
        return self._tried is None and self._odd.idle and self._ending is None

    def may_begin(self, heard: Heard) -> list[bool]:
        """For each row whether it is loud enough for any beep, or for one tone and hardly anything else."""
        key = ("beep", "any", *self._columns)
        known = heard.notes.get(key)
        if known is None:
            loud = (heard.energy.sum(axis=1) >= LEAST_ENERGY).tolist()
            known = heard.notes[key] = any_of([loud, self._may_be_steady(heard)])
        return known

    def _may_be_steady(self, heard: Heard) -> list[bool]:
        """For each row whether one column stands out: it is a beep's, or speech's for a moment."""
        key = ("beep", *self._columns)
        known = heard.notes.get(key)
        if known is None:
            energy = heard.energy.sum(axis=1)
            passed = (energy >= BEEP_ENERGY) & (self._explained(heard).max(axis=1) >= BEEP_SHARE * energy)
            known = heard.notes[key] = passed.tolist()
        return known

    def _explained(self, heard: Heard) -> npt.NDArray[np.float32]:
        """The energy that each column explains of each row, shape (n, columns)."""
        z = heard.z[:, :, self._columns]
        explained: npt.NDArray[np.float32] = (z.real**2 + z.imag**2).sum(axis=1)
        return explained

    def push(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """Judge the next 20 ms: reports a beep once it has lasted `for_`, and its end."""
        energy = heard.energy.item(row, 0) + heard.energy.item(row, 1)
        facts: list[ToneFact] = []
        if not self._odd.reported:
            facts = self._steady(at, heard, row)
        if not (self._tried is not None and self._tried.reported):
            facts += self._odd.push(at, heard.frames[row], energy)
        elif not self._odd.idle:
            self._odd.reset()
        if self._ending is not None:
            self._ending = self._ending_later(self._ending)
        return self._joined(facts, at, energy) if facts or self._ending is not None else facts

    def _ending_later(self, ending: ToneEnded) -> ToneEnded:
        """The last step of a beep may be too short for a beep of its own."""
        tried = self._tried
        if tried is None or tried.started is None or tried.until - tried.started < STEP_SHORTEST:
            return ending
        if not self._step_from <= tried.started <= self._step_from + STEP_PAUSE:
            return ending
        return ToneEnded(ending.hz, tried.until, ending.duration, "beep")

    def _joined(self, facts: list[ToneFact], at: float, energy: float) -> list[ToneFact]:
        """Beeps that follow each other without a pause are one that steps: the end of the first waits a moment."""
        told: list[ToneFact] = []
        for fact in facts:
            if isinstance(fact, ToneStarted):
                if self._ending is not None and fact.at <= self._step_from + STEP_PAUSE:
                    self._ending = None
                    continue
                self._started = fact.at
                told += [fact] if self._ending is None else [self._ending, fact]
                self._ending = None
            elif energy >= BEEP_ENERGY:
                self._ending, self._step_from = fact, fact.at
            else:
                told.append(self._since_start(fact))
        if self._ending is not None and (energy < BEEP_ENERGY or at > self._step_from + STEP_WAIT):
            told.append(self._since_start(self._ending))
            self._ending = None
        return told

    def _since_start(self, ended: ToneEnded) -> ToneEnded:
        return ToneEnded(ended.hz, ended.at, ended.at - self._started, "beep")

    def _steady(self, at: float, heard: Heard, row: int) -> list[ToneFact]:
        """What is new of a single steady tone."""
        if self._tried is None:
            if not self._may_be_steady(heard)[row]:
                return []
            one = Heard(heard.z[row : row + 1], heard.energy[row : row + 1], heard.frames[row : row + 1])
            self._tried = self._tones[int(self._explained(one).argmax())]
            self._tried.reset()
        tried = self._tried
        facts = tried.push(at, heard, row)
        for fact in facts:
            if isinstance(fact, ToneEnded):
                self._tried = None
                return [ToneEnded(self._hz, fact.at, fact.duration, "beep")]
            self._hz = tuple(round(hz, 1) for hz in tried.measured)
            return [ToneStarted(self._hz, fact.at, "beep")]
        if not tried.reported and (tried.started is None or tried.missing):
            self._tried = None
        return []
