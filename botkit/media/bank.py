"""Frequencies in what arrives, for all calls at once.

Theory of operation. Each frame of 160 samples is heard as two halves of 80 (10 ms). For every
frequency that anyone in the process waits for, a `Bank` holds one cosine and one sine of 80 samples,
each of unit length, so that one matrix product of all halves of all legs with all of them gives, per
half, the complex amplitude `z` of each frequency; |z|^2 is the energy that the frequency explains,
and divided by the energy of the half it is the *share*: 1 for that very tone, 0.01 for noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.pcm import FLOOR_POWER, HEARING_RATE, SINE_POWER, Levels, Pcm, levels_from_energy

HALF = 80
HALF_SECONDS = HALF / HEARING_RATE


@dataclass(slots=True)
class Heard:
    """What a bank heard in one batch of frames.

    `z` is (n, 2, K), complex64: the amplitude of each frequency in each half; `energy` is (n, 2),
    float32: the sum of squares of each half; `frames` the samples, (n, 160). `notes` is for what one
    tracker derives from the whole batch, so that those that wait for the same in other calls need not.
    """

    z: npt.NDArray[np.complex64]
    energy: npt.NDArray[np.float32]
    frames: Pcm
    notes: dict[object, list[bool]] = field(default_factory=dict)

    def shares(self) -> npt.NDArray[np.float32]:
        """The share of each frequency in the energy of each frame, shape (n, K), 0 to 1."""
        explained = (self.z.real**2 + self.z.imag**2).sum(axis=1)
        result: npt.NDArray[np.float32] = explained / np.maximum(self.energy.sum(axis=1), 1.0)[:, None]
        return result

    def levels(self) -> Levels:
        """The level of each frame in dBFS, shape (n,)."""
        return _levels(self.energy)


Amplitudes = npt.NDArray[np.complex64]
Energies = npt.NDArray[np.float32]
Basis = npt.NDArray[np.float32]
"""A cosine and a sine, side by side, of each of K frequencies: shape (80, 2 K)."""


def _amplitudes_in_python(frames: Pcm, basis: Basis) -> tuple[Amplitudes, Energies]:
    """The amplitude of each frequency in each half of each frame, shape (n, 2, K), and their energies, (n, 2)."""
    halves = frames.astype(np.float32).reshape(-1, HALF)
    z = (halves @ basis).reshape(len(frames), 2, basis.shape[1]).view(np.complex64)
    return z, np.einsum("ij,ij->i", halves, halves).reshape(-1, 2)


def _amplitudes_in_c(frames: Pcm, basis: Basis) -> tuple[Amplitudes, Energies]:
    z, energy = np.empty((len(frames), 2, basis.shape[1] // 2), np.complex64), np.empty((len(frames), 2), np.float32)
    native.module.bank_hear(np.ascontiguousarray(frames), basis, z, energy)
    return z, energy


def _levels_in_python(energy: npt.NDArray[np.float32]) -> Levels:
    """dBFS of frames, by the energies of their halves."""
    return levels_from_energy(energy.sum(axis=1), 2 * HALF)


def _levels_in_c(energy: npt.NDArray[np.float32]) -> Levels:
    levels = np.empty(len(energy), np.float32)
    native.module.levels(energy, SINE_POWER * 2 * HALF, FLOOR_POWER * 2 * HALF, levels)
    return levels


_amplitudes, _levels = (
    (_amplitudes_in_c, _levels_in_c) if native.AVAILABLE else (_amplitudes_in_python, _levels_in_python)
)


NARROW = 24
"""Frequencies up to which the compiled product is quicker than that of a whole library for it."""


class Bank:
    """All frequencies that anyone in the process waits for: one matrix, one product a beat.

    Columns stay where they are while somebody wants them; a freed column is used again.
    """

    def __init__(self, hz: Sequence[float] = ()) -> None:
        self.hz: list[float] = []
        self._wanted: list[int] = []
        self._basis: Basis = np.zeros((HALF, 0), np.float32)
        self._amplitudes = _amplitudes
        for frequency in hz:
            self.want(frequency)

    def want(self, hz: float) -> int:
        """The column of `hz`, made where it is new. `unwant` gives it back."""
        if not 0 < hz < HEARING_RATE / 2:
            raise ValueError(f"{hz} Hz cannot be heard at {HEARING_RATE} samples a second")
        if hz in self.hz:
            column = self.hz.index(hz)
        else:
            column = self._wanted.index(0) if 0 in self._wanted else len(self.hz)
            if column == len(self.hz):
                self.hz.append(hz)
                self._wanted.append(0)
            self.hz[column] = hz
            self._build()
        self._wanted[column] += 1
        return column

    def unwant(self, column: int) -> None:
        """One who wanted this column does not any more."""
        self._wanted[column] -= 1
        if not self._wanted[column]:
            self.hz[column] = math.nan

    def _build(self) -> None:
        # time is counted from the middle, so that cosine (even) and sine (odd) are orthogonal at
        # any frequency, and |z|^2 is exactly the energy of the best fit
        moments = (np.arange(HALF) - (HALF - 1) / 2) / HEARING_RATE
        angles = 2 * np.pi * moments[:, None] * np.nan_to_num(np.array(self.hz))[None, :]
        cosines, sines = np.cos(angles), -np.sin(angles)
        pairs = np.stack((cosines, sines), axis=2)  # (80, K, 2): cosine and sine side by side
        lengths = np.sqrt((pairs**2).sum(axis=0, keepdims=True))
        basis = pairs / np.maximum(lengths, 1e-9)
        self._basis = np.ascontiguousarray(basis.reshape(HALF, -1), np.float32)
        self._amplitudes = _amplitudes if len(self.hz) <= NARROW else _amplitudes_in_python

    def hear(self, frames: Pcm) -> Heard:
        """Analyse frames of any number of legs, shape (n, 160), at once."""
        return Heard(*self._amplitudes(frames, self._basis), frames)


def lobe(turns: float) -> float:
    """The share that is left of a tone which gains `turns` on the nominal one in a window: sinc^2."""
    angle = math.pi * turns
    return (math.sin(angle) / angle) ** 2 if abs(angle) > 1e-6 else 1.0


def overlap_of(hz: float, samples: int) -> float:
    """How alike two unit tones `hz` apart are over a centred window: the Dirichlet kernel."""
    angle = math.pi * hz / HEARING_RATE
    return math.sin(samples * angle) / (samples * math.sin(angle)) if angle else 1.0
