"""Which frames may hold a digit: what `dtmf.py` needs of every frame of every call, done for a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.bank import Amplitudes, Energies, Heard

Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.float64]


def _may_be_digits(z: Amplitudes, energy: Energies, least: float) -> Flags:
    """For each row of the batch whether it may hold a digit: loud enough, and little else in it.

    Looser than `digit_reading.read`, so that whatever any window of a digit needs passes: a frame of which a digit
    fills a third has a ninth of its energy, and that is nearly all there is.
    """
    power = (z.real**2 + z.imag**2).sum(axis=1)
    low, high = power[:, :4].max(axis=1), power[:, 4:].max(axis=1)
    passed: Flags = (np.minimum(low, high) >= least) & (low + high >= 0.5 * energy.sum(axis=1))
    return passed


def _wanted_in_python(
    heard: Heard, columns: Rows, slots: Rows, turns: Rows, busy: Flags, least: float
) -> tuple[Amplitudes, Flags, list[int]]:
    """The amplitudes of the tones of digits, shape (n, 2, 8), which rows may hold a digit, and which are to be read:
    those, those of slots that are `busy` with one, and what follows on them in the same slot.

    `columns` are those of the bank in the order of LOW and HIGH, `least` is what the weaker tone of a digit must have.
    """
    z: Amplitudes = heard.z[:, :, columns]
    likely = _may_be_digits(z, heard.energy, least)
    wanted = likely | busy[slots]
    if wanted.any():
        follows = set(np.flatnonzero(turns).tolist())
        for row in np.flatnonzero(wanted).tolist():  # what follows on a digit tells whether it goes on
            while row + 1 in follows:
                row += 1
                wanted[row] = True
    return z, likely, np.flatnonzero(wanted).tolist()


def _wanted_in_c(
    heard: Heard, columns: Rows, slots: Rows, turns: Rows, busy: Flags, least: float
) -> tuple[Amplitudes, Flags, list[int]]:
    z, likely = np.empty((len(slots), 2, 8), np.complex64), np.empty(len(slots), np.bool_)
    return z, likely, native.module.digits_wanted(heard.z, columns, heard.energy, slots, turns, busy, least, z, likely)


def _keep_in_python(
    slots: Rows,
    times: Times,
    z: Amplitudes,
    energy: Energies,
    window: float,
    last_z: Amplitudes,
    last: Energies,
    end: Times,
) -> None:
    """Keep what the next frame of each slot is read with: by slot, of several of one the last one."""
    last_z[slots] = z[:, 1]
    last[slots] = energy[:, 1]
    end[slots] = times + window


def _keep_in_c(
    slots: Rows,
    times: Times,
    z: Amplitudes,
    energy: Energies,
    window: float,
    last_z: Amplitudes,
    last: Energies,
    end: Times,
) -> None:
    native.module.digits_keep(slots, times, z, energy, window, last_z, last, end)


wanted, keep = (_wanted_in_c, _keep_in_c) if native.AVAILABLE else (_wanted_in_python, _keep_in_python)
