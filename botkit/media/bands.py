"""What a frame sounds like, in sixteen numbers: the features that prompts are recognised by.

Each frame of 160 samples is heard together with the last 96 before it, through a Hann window, and its
power gathered in `BANDS` bands, evenly spaced on the mel scale from 150 to 3600 Hz. A band's number is the
logarithm of its share in the frame's power, so that it does not matter how loud a prompt is played; what
lies more than 35 dB below the whole, and what is as soft as a telephone's idle noise, is floored, so that
it does not matter what a codec makes of it, and silence has one shape: flat.

Numbers are kept as bytes, `STEP` of a decade each: 16 bytes a frame remember a minute of a call in 48 kB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.pcm import FULL_SCALE, HEARING_RATE, HEARING_SAMPLES, Pcm

BANDS = 16
WINDOW = 256
BEFORE = WINDOW - HEARING_SAMPLES
"""Samples of the frame before that a frame is heard with."""

LOWEST, HIGHEST = 150.0, 3600.0
SHARE_FLOOR = 10**-3.5
IDLE_LEVEL = -66.0
"""dBFS of a band's power that silence is taken to have: G.711's own noise stays below it."""

STEP = -np.log10(SHARE_FLOOR) / 255
"""Decades that one step of a byte is."""

Bands = npt.NDArray[np.uint8]
"""Features of frames, shape (n, BANDS)."""

_hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_IDLE = np.float32((FULL_SCALE**2 / 2) * 10 ** (IDLE_LEVEL / 10) * float((_hann**2).sum()) * WINDOW / 2)


def _filters() -> npt.NDArray[np.float32]:
    """What each bin of the spectrum gives to each band, shape (bins, BANDS): triangles, evenly spaced in mel."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.arange(WINDOW // 2 + 1)[:, None] * (HEARING_RATE / WINDOW)
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    filters: npt.NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters


# Real and imaginary parts lie side by side in the spectrum; each gives its square to the band.
_FILTERS = np.repeat(_filters(), 2, axis=0)


class _Desk:
    """Arrays to work in, for so many frames at most: what is made anew each beat costs more than the arithmetic."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.windows = np.zeros((size, WINDOW), np.float32)
        self._spectrum = np.zeros((size, WINDOW // 2 + 1), np.complex64)

    def bands(self, count: int) -> Bands:
        """The features of the first `count` windows, which are lost by it."""
        windows, spectrum = self.windows[:count], self._spectrum[:count]
        np.multiply(windows, _hann, out=windows)
        np.fft.rfft(windows, out=spectrum)  # type: ignore[arg-type]  # numpy 2 computes single precision singly
        squares = spectrum.view(np.float32)
        np.square(squares, out=squares)
        power = squares @ _FILTERS
        power += _IDLE
        power /= power.sum(axis=1, keepdims=True)
        decades = np.log10(np.maximum(power, np.float32(SHARE_FLOOR)))
        decades *= np.float32(1 / STEP)
        decades += np.float32(255.5)  # rounded by being cut
        bands: Bands = decades.astype(np.uint8)
        return bands


def bands_of_sound(pcm: Pcm) -> Bands:
    """The features of a sound, shape (samples,) at 8 kHz, silence before it; an incomplete last frame is filled up."""
    return _of_sound(pcm)


def _of_sound_in_python(pcm: Pcm) -> Bands:
    count = -(-pcm.size // HEARING_SAMPLES)
    padded = np.zeros(BEFORE + count * HEARING_SAMPLES, np.float32)
    padded[BEFORE : BEFORE + pcm.size] = pcm
    desk = _Desk(count)
    desk.windows[:] = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HEARING_SAMPLES]
    return desk.bands(count)


def _of_sound_in_c(pcm: Pcm) -> Bands:
    count = -(-pcm.size // HEARING_SAMPLES)
    frames = np.zeros((count, HEARING_SAMPLES), np.int16)
    frames.ravel()[: pcm.size] = pcm
    return _frames_in_c(np.zeros(count, np.intp), frames, np.zeros((1, BEFORE), np.float32))


def _frames_in_c(slots: npt.NDArray[np.intp], frames: Pcm, tails: npt.NDArray[np.float32]) -> Bands:
    bands = np.empty((len(slots), BANDS), np.uint8)
    native.module.bands_of_frames(slots, np.ascontiguousarray(frames), tails, bands)
    return bands


if native.BUILT:
    native.module.bands_begin(_hann, _filters(), float(_IDLE), SHARE_FLOOR, 1 / STEP)
_of_sound = _of_sound_in_c if native.AVAILABLE else _of_sound_in_python

SILENT_BANDS: Bands = bands_of_sound(np.zeros(HEARING_SAMPLES, np.int16))[0]
"""Silence, shape (BANDS,)."""


class BandHearing:
    """The features of what many calls hear. A call has a `slot`, a number that is its own while it lasts."""

    def __init__(self) -> None:
        self.tails = np.zeros((0, BEFORE), np.float32)
        """The end of each slot's last frame, shape (slots, BEFORE)."""
        self.desk = _Desk(16)
        """Where its frames are worked on."""

    def begin(self, slot: int) -> None:
        """A call begins in `slot`: silence was before."""
        if slot >= len(self.tails):
            more = max(16, slot + 1 - len(self.tails))
            self.tails = np.concatenate((self.tails, np.zeros((more, BEFORE), np.float32)))
        self.tails[slot] = 0

    def hear(
        self, slots: Sequence[int] | npt.NDArray[np.intp], frames: Pcm, later: npt.NDArray[np.intp] | None = None
    ) -> Bands:
        """The features of the next frames of some slots, shape (n, 160).

        Rows that are `later` follow, in the same slot, on the row before them.
        """
        return _hear(self, np.asarray(slots, np.intp), frames, later)


def _hear_in_python(
    hearing: BandHearing, slots: npt.NDArray[np.intp], frames: Pcm, later: npt.NDArray[np.intp] | None
) -> Bands:
    count, tails = len(slots), hearing.tails
    if count > hearing.desk.size:
        hearing.desk = _Desk(count)
    windows = hearing.desk.windows[:count]
    windows[:, :BEFORE] = tails[slots]
    windows[:, BEFORE:] = frames
    if later is not None and later.size:
        windows[later, :BEFORE] = frames[later - 1, -BEFORE:]
    tails[slots] = windows[:, HEARING_SAMPLES:]
    return hearing.desk.bands(count)


def _hear_in_c(hearing: BandHearing, slots: npt.NDArray[np.intp], frames: Pcm, _: object = None) -> Bands:
    return _frames_in_c(slots, frames, hearing.tails)


_hear = _hear_in_c if native.AVAILABLE else _hear_in_python
