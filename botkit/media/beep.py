"""Beeps of other kinds than one steady tone: two tones at once, a pitch that glides, a pitch that steps.

Theory of operation. Whatever a beep does with its pitch, it keeps its level, and at each moment it is one line or
two and nothing else. Frames in a row of one level are a *run*. After `PAIR` of them their spectrum is looked at as
a whole: two lines that hold all the energy, as no voice has. After `GLIDE` of them each is looked at by itself:
one line that rises or falls from frame to frame, never back.

Digits are two tones at once, too, and so are call progress tones of North America and Britain: their pairs are none.
But 350 and 440 Hz, which are its dial tone, are also what some machines beep with; those are known for a beep when
they have ended, alone and in time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from botkit.media.digit_reading import HIGH, LOW
from botkit.media.pcm import FRAME_SECONDS, HEARING_RATE, HEARING_SAMPLES, Pcm
from botkit.media.spectrum import is_tone, tones_in
from botkit.media.tone import Hz, ToneEnded, ToneFact, ToneStarted

LEAST_ENERGY = 1e6
"""Sum of squares of a frame: some -48 dBFS."""

EVEN = 10**0.25
"""Between the energies of two frames of a run: 2.5 dB. (440 and 480 Hz beat by 2.)"""

PAIR = 4
"""Frames whose spectrum is looked at: 80 ms."""

GLIDE = 7
"""Frames in which a pitch must glide or step: 140 ms."""

TRAVEL = 50.0
"""Hz that it moves at the least meanwhile."""

BACK = 8.0
"""Hz that it may seem to move back: what a frame's line is known to."""

LOWEST, HIGHEST = 350.0, 2300.0
"""Hz of a beep, as of those of one tone."""

IMPURE = 1
"""Frames of a glide that may be no single line: where the pitch steps."""

CLEAN = 0.98
"""Share of a frame's energy that is its one line."""

WEAKEST = 150.0
"""Hz from a line within which its energy lies in 20 ms, a glide's too."""

PROGRESS = ((440.0, 480.0), (480.0, 620.0), (400.0, 450.0))
"""Pairs of ringing and busy; 350 and 440 by themselves."""

DIAL = (350.0, 440.0)
DIAL_BEEP = (0.15, 0.65)
"""Seconds of these that are a beep; shorter is a stutter, longer is the dial tone."""

ALONE = 0.3
"""Seconds of something else that must follow; a stutter pauses for 0.1."""

OFF = 0.025
"""Share that a frequency may be off."""

_window: npt.NDArray[np.float32] = np.hanning(HEARING_SAMPLES).astype(np.float32)


class OddBeeps:
    """Waits for them in one call. A microsecond a frame; spectra are taken where the level stays as it is."""

    def __init__(self, for_: float = 0.1) -> None:
        self._for = for_
        self.reported = False
        self._hz: Hz = ()  # what it is, reported or not
        self._start: float | None = None  # of the run
        self._end = 0.0
        self._edge: float | None = None  # the frame before the run, if it rose to it
        self._heard_until = 0.0
        self._energy = 0.0  # of the frame before
        self._frames: list[Pcm] = []  # the last ones of the run
        self._lines: list[float | None] = []  # the pitch of each; 0: not one line, None: not looked at
        self._whole = 0  # how many of them came without a loss between them
        self._missed = False  # the last frame was none of the run
        self._ended_dial: tuple[float, float] | None = None

    @property
    def idle(self) -> bool:
        return self._start is None and self._ended_dial is None

    def reset(self) -> None:
        """Forget what is under way."""
        self._forget()
        self._energy = 0.0
        self._ended_dial = None

    def push(self, at: float, frame: Pcm, energy: float) -> list[ToneFact]:
        """Judge the 20 ms that began at `at`, shape (160,), and report what changed."""
        facts = self._dial_alone(at)
        lost = at > self._heard_until + FRAME_SECONDS / 2
        self._heard_until = at + FRAME_SECONDS
        before, self._energy = (0.0 if lost and self._start is None else self._energy), energy
        if energy < LEAST_ENERGY or not before / EVEN <= energy <= before * EVEN:
            return facts + self._uneven(at, energy, before)
        self._missed = False
        if self._start is None:
            self._start = at if self._edge is None else self._edge
        self._end = at + FRAME_SECONDS
        self._whole = 1 if lost else self._whole + 1
        self._frames.append(frame)
        self._lines.append(None)
        del self._frames[:-GLIDE], self._lines[:-GLIDE]
        if self.reported:
            return facts
        if not self._hz and self._whole % PAIR == 0:
            self._hz = self._pair()
        if not self._hz and len(self._frames) == GLIDE:
            self._hz = self._glide()
        if not self._hz or _near(self._hz, DIAL) or self._end - self._start < self._for - 1e-6:
            return facts
        self.reported = True
        return [*facts, ToneStarted(self._hz, self._start, "beep")]

    def _uneven(self, at: float, energy: float, before: float) -> list[ToneFact]:
        """The level changed: what is under way is over, unless this is one frame that a loss has spoilt."""
        if self._hz and not self._missed:
            self._missed, self._energy, self._whole = True, before, 0
            return []
        facts: list[ToneFact] = []
        if self._start is not None and self.reported:
            facts.append(ToneEnded(self._hz, self._end, self._end - self._start, "beep"))
        elif self._start is not None and self._hz and DIAL_BEEP[0] <= self._end - self._start <= DIAL_BEEP[1]:
            self._ended_dial = (self._start, self._end)
        self._forget()
        self._edge = at if energy > max(before, LEAST_ENERGY) else None
        return facts

    def _forget(self) -> None:
        self.reported, self._hz, self._start, self._edge, self._missed, self._whole = False, (), None, None, False, 0
        self._frames.clear()
        self._lines.clear()

    def _dial_alone(self, at: float) -> list[ToneFact]:
        """350 and 440 Hz that were over in time, and did not come again."""
        if self._ended_dial is None:
            return []
        start, end = self._ended_dial
        if self._hz:
            self._ended_dial = None
        elif at >= end + ALONE:
            self._ended_dial = None
            return [ToneStarted(DIAL, start, "beep"), ToneEnded(DIAL, end, end - start, "beep")]
        return []

    def _pair(self) -> Hz:
        """Two tones that the last frames are, and that mean a beep."""
        pcm = np.concatenate(self._frames[-PAIR:])
        if not is_tone(pcm):
            return ()
        found = tones_in(pcm)
        if len(found) != 2 or not LOWEST * (1 - OFF) <= found[0] < found[1] <= HIGHEST:
            return ()
        digit = any(_near((found[0],), (one,)) for one in LOW) and any(_near((found[1],), (one,)) for one in HIGH)
        octave = abs(found[1] - 2 * found[0]) < OFF * found[1]  # a voice's pitch and its first harmonic
        return () if digit or octave or any(_near(found, pair) for pair in PROGRESS) else found

    def _glide(self) -> Hz:
        """Where from and where to the pitch of the last frames has moved."""
        fresh = [index for index, hz in enumerate(self._lines) if hz is None]
        for index, hz in zip(fresh, _lines(np.stack([self._frames[index] for index in fresh])), strict=True):
            self._lines[index] = hz
        pure = [hz for hz in self._lines if hz]
        if len(pure) < GLIDE - IMPURE or not LOWEST <= min(pure) <= max(pure) <= HIGHEST:
            return ()
        steps = np.diff(pure)
        if abs(pure[-1] - pure[0]) < TRAVEL or not ((steps > -BACK).all() or (steps < BACK).all()):
            return ()
        return (round(pure[0], 1), round(pure[-1], 1))


def _lines(frames: Pcm) -> list[float]:
    """For each frame, shape (n, 160), the frequency of the one line that it is; 0 for any other."""
    size = 512
    spectra = np.fft.rfft(frames * _window, size)
    power = spectra.real**2 + spectra.imag**2
    bins = np.arange(power.shape[1])
    found = []
    for row in power:
        peak = int(row.argmax())
        near = np.abs(bins - peak) * HEARING_RATE / size <= WEAKEST
        share = float(row[near].sum()) / max(float(row.sum()), 1.0)
        centre = float((row[near] * bins[near]).sum() / max(float(row[near].sum()), 1.0)) * HEARING_RATE / size
        found.append(centre if share >= CLEAN else 0.0)
    return found


def _near(found: Hz, nominal: Hz) -> bool:
    return all(abs(one - other) <= OFF * other for one, other in zip(found, nominal, strict=True))
