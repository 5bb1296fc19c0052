"""Which digit 20 ms of sound read as, if any.

Theory of operation. A digit is one of four low and one of four high frequencies at once. The bank of `bank.py` gives
the amplitude of each in two neighbouring halves of a window, 10 ms each. The window *reads* as a digit when

- the strongest low and the strongest high tone are loud enough, and neither is far above the other
  (twist; in the windows that make it sure, the low one up to 8 dB, the high one up to 6 dB);
- together they explain 75 % of the energy, which is what speech does not do for long;
- both turn in phase between the halves as their nominal frequencies do, within 2.5 %;
- both halves are covered, each by at least a third.

Windows are read one by one where they are few, and over arrays where they are many: both say the same.
"""

from __future__ import annotations

import cmath
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from botkit.media.bank import HALF, HALF_SECONDS, Amplitudes, Energies, lobe, overlap_of
from botkit.media.pcm import FULL_SCALE, db_to_ratio

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
FREQUENCIES = (*LOW, *HIGH)
KEYS = "123A456B789C*0#D"
"""The keypad, row by row: the digit of low tone r and high tone c is KEYS[4 * r + c]."""

MIN_LEVEL = -36.0
"""dBFS of each tone. Q.24's receivers hear -25 dBm0 and more; 0 dBm0 is about -3 dBFS."""

NORMAL_TWIST = 8.0
"""dB that the low tone may be above the high one (Q.24; long lines weaken high tones)."""

REVERSE_TWIST = 6.0
AS_MEASURED = 1.0
"""dB by which either may seem more in one window: a digit at the limit is to be heard, not every other one."""

LOOSE_TWIST = 14.0
"""dB, either way, of single windows within a digit."""

MIN_SHARE = 0.75

TOLERANCE = 0.025
"""Q.24: 1.5 % off must be taken, 3.5 % off must not."""

SPREAD = 5
WIDEST = 1.985
"""Of the high tone to the low one in 2, 6 and C, whose columns are `SPREAD` apart: 1.917, and 1.975 where they are off
by 1.5 % either way. An instrument's tone and its octave, 2, is none of them."""

MIN_COVER = 0.1
"""Energy of the weaker half over that of the stronger: a third of the samples gives a ninth."""

MIN_POWER = (FULL_SCALE * db_to_ratio(MIN_LEVEL)) ** 2 / 2 * 2 * HALF
"""Of each tone, over both halves: `MIN_LEVEL` as a sum of squares."""

_TURN_BACK = tuple(cmath.exp(-2j * math.pi * hz * HALF_SECONDS) for hz in FREQUENCIES)
_TURNS_BACK = np.array(_TURN_BACK)
_NOMINAL = np.array(FREQUENCIES)
_OVERLAP = tuple(tuple(overlap_of(low - high, HALF) for high in HIGH) for low in LOW)
_OVERLAPS = np.array(_OVERLAP)
_HZ_PER_RADIAN = 1 / (2 * math.pi * HALF_SECONDS)
_LOOSE = 10 ** (LOOSE_TWIST / 10)
_NORMAL = 10 ** ((NORMAL_TWIST + AS_MEASURED) / 10)
_REVERSE = 10 ** ((REVERSE_TWIST + AS_MEASURED) / 10)


class Reading(NamedTuple):
    """A window that reads as a digit: its index into KEYS, by how many Hz each tone is off, their share.

    `level`: neither tone is further above the other than a digit's may be.
    """

    key: int
    low_offset: float
    high_offset: float
    share: float
    level: bool


def read(first: Amplitudes, second: Amplitudes, energy: Energies) -> list[Reading | None]:
    """What windows of two halves read as, None for no digit.

    `first` and `second` are (n, 8): the amplitudes of the eight frequencies; `energy` is (n,), of both halves.
    """
    if len(first) < BATCH_FROM:
        return [_read_one(*window) for window in zip(first.tolist(), second.tolist(), energy.tolist(), strict=True)]
    return _read_all(first.astype(np.complex128), second.astype(np.complex128), energy.astype(np.float64))


BATCH_FROM = 6
"""Windows from which a batch is read quicker than one by one."""


def _read_all(
    first: npt.NDArray[np.complex128], second: npt.NDArray[np.complex128], energy: npt.NDArray[np.float64]
) -> list[Reading | None]:
    """`_read_one`, over arrays."""
    rows = np.arange(len(first))
    sizes = _power(first) + _power(second)
    low, high = sizes[:, :4].argmax(axis=1), sizes[:, 4:].argmax(axis=1) + 4
    overlap = _OVERLAPS[low, high - 4]
    low_first, high_first = _apart(first[rows, low], first[rows, high], overlap)
    low_second, high_second = _apart(second[rows, low], second[rows, high], overlap)
    low_early, low_late = _power(low_first), _power(low_second)
    high_early, high_late = _power(high_first), _power(high_second)
    low_power, high_power = low_early + low_late, high_early + high_late
    early, late = low_early + high_early, low_late + high_late
    low_offset = np.angle(low_second * low_first.conj() * _TURNS_BACK[low]) * _HZ_PER_RADIAN
    high_offset = np.angle(high_second * high_first.conj() * _TURNS_BACK[high]) * _HZ_PER_RADIAN
    explained = low_power / _lobes(low_offset) + high_power / _lobes(high_offset)
    explained += 2 * overlap * (low_first.conj() * high_first + low_second.conj() * high_second).real
    share = explained / np.maximum(energy, 1e-9)
    fits = (
        (np.minimum(low_power, high_power) >= MIN_POWER)
        & (low_power <= _LOOSE * high_power)
        & (high_power <= _LOOSE * low_power)
        & (np.minimum(early, late) >= MIN_COVER * np.maximum(early, late))
        & (np.abs(low_offset) <= TOLERANCE * _NOMINAL[low])
        & (np.abs(high_offset) <= TOLERANCE * _NOMINAL[high])
        & ((_NOMINAL[high] + high_offset <= WIDEST * (_NOMINAL[low] + low_offset)) | (high - low != SPREAD))
        & (share >= MIN_SHARE)
    )
    level = (low_power <= _NORMAL * high_power) & (high_power <= _REVERSE * low_power)
    keys = low * 4 + high - 4
    read_as: list[Reading | None] = [None] * len(first)
    for row in np.flatnonzero(fits).tolist():
        read_as[row] = Reading(
            int(keys[row]), float(low_offset[row]), float(high_offset[row]), float(share[row]), bool(level[row])
        )
    return read_as


def _power(z: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    power: npt.NDArray[np.float64] = z.real**2 + z.imag**2
    return power


def _lobes(offsets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.sinc(offsets * HALF_SECONDS) ** 2
    return shares


def _read_one(first: list[complex], second: list[complex], energy: float) -> Reading | None:
    sizes = [abs(one) ** 2 + abs(other) ** 2 for one, other in zip(first, second, strict=True)]
    low_size, high_size = max(sizes[:4]), max(sizes[4:])
    if min(low_size, high_size) < 0.5 * MIN_POWER:
        return None
    low, high = sizes.index(low_size), sizes.index(high_size, 4)
    overlap = _OVERLAP[low][high - 4]
    low_first, high_first = _apart(first[low], first[high], overlap)
    low_second, high_second = _apart(second[low], second[high], overlap)
    low_early, low_late = abs(low_first) ** 2, abs(low_second) ** 2
    high_early, high_late = abs(high_first) ** 2, abs(high_second) ** 2
    low_power, high_power = low_early + low_late, high_early + high_late
    if min(low_power, high_power) < MIN_POWER:
        return None
    if low_power > _LOOSE * high_power or high_power > _LOOSE * low_power:
        return None
    halves = (low_early + high_early, low_late + high_late)
    if min(halves) < MIN_COVER * max(halves):
        return None
    low_offset = cmath.phase(low_second * low_first.conjugate() * _TURN_BACK[low]) * _HZ_PER_RADIAN
    high_offset = cmath.phase(high_second * high_first.conjugate() * _TURN_BACK[high]) * _HZ_PER_RADIAN
    if abs(low_offset) > TOLERANCE * FREQUENCIES[low] or abs(high_offset) > TOLERANCE * FREQUENCIES[high]:
        return None
    if FREQUENCIES[high] + high_offset > WIDEST * (FREQUENCIES[low] + low_offset) and high - low == SPREAD:
        return None
    explained = low_power / lobe(low_offset * HALF_SECONDS) + high_power / lobe(high_offset * HALF_SECONDS)
    explained += 2 * overlap * (low_first.conjugate() * high_first + low_second.conjugate() * high_second).real
    share = explained / energy
    if share < MIN_SHARE:
        return None
    level = low_power <= _NORMAL * high_power and high_power <= _REVERSE * low_power
    return Reading(low * 4 + high - 4, low_offset, high_offset, share, level)


def _apart(low: Any, high: Any, overlap: Any) -> tuple[Any, Any]:
    """Least squares: what each tone has when both are there, of what each column shows."""
    scale = 1 / (1 - overlap * overlap)
    return (low - overlap * high) * scale, (high - overlap * low) * scale
