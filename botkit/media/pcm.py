"""The PCM contract, levels, resampling, mixing and gain.

A frame is 20 ms of int16 mono at the rate of its codec; detectors hear 8 kHz, shape (160,). Most
functions take one frame, shape (samples,), or a batch of many legs, shape (n, samples).

Levels are dBFS with a full-scale *sine* at 0 (AES17), so that a tone of amplitude -10 dBFS
measures -10. Digital silence measures `FLOOR`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from botkit.media import native

Pcm = npt.NDArray[np.int16]
"""Samples: int16 mono, shape (samples,), or a batch, shape (n, samples)."""

Levels = npt.NDArray[np.float32]

FRAME_SECONDS = 0.02
HEARING_RATE = 8000
"""What detectors hear, in Hz: telephone speech has no more."""

HEARING_SAMPLES = 160
FULL_SCALE = 32767.0
FLOOR = -100.0
"""The level of digital silence, in dBFS: below anything that 16 bits can say."""

SOUND_LEVEL = -45.0
"""dBFS from which a frame counts as sound. G.711's idle noise and comfort noise lie below, quiet speech above."""

SILENCE: Pcm = np.zeros(HEARING_SAMPLES, np.int16)
SILENCE.flags.writeable = False

SINE_POWER = FULL_SCALE * FULL_SCALE / 2
FLOOR_POWER = SINE_POWER * 10 ** (FLOOR / 10)


def samples_per_frame(rate: int) -> int:
    """Samples in 20 ms: 160 at 8 kHz, 960 at 48 kHz."""
    return rate // 50


def db_to_ratio(db: float) -> float:
    """The factor on amplitudes that `db` decibels are."""
    return float(10 ** (db / 20))


def level(pcm: Pcm) -> float:
    """The level of all samples given, in dBFS; `FLOOR` for silence and for no samples."""
    if pcm.size == 0:
        return FLOOR
    flat = pcm.astype(np.float32).ravel()
    power = float(np.dot(flat, flat)) / flat.size
    return 10 * math.log10(max(power, FLOOR_POWER) / SINE_POWER)


def levels(batch: Pcm) -> Levels:
    """The level of each row of `batch`, shape (n, samples), in dBFS, shape (n,)."""
    rows = batch.astype(np.float32)
    return levels_from_energy(np.einsum("ij,ij->i", rows, rows), batch.shape[1])


def levels_from_energy(energy: Levels, samples: int) -> Levels:
    """Levels in dBFS from sums of squares over `samples` samples each; same shape."""
    power = np.maximum(energy / np.float32(samples), np.float32(FLOOR_POWER))
    result: Levels = np.float32(10) * np.log10(power / np.float32(SINE_POWER))
    return result


def gain(pcm: Pcm, db: float) -> Pcm:
    """Louder or softer by `db` decibels, clipped at full scale; 0 gives the samples themselves."""
    if db == 0:
        return pcm
    return to_int16(pcm * np.float32(db_to_ratio(db)))


def mix(parts: Sequence[Pcm]) -> Pcm:
    """The sum, clipped at full scale; a shorter part is as if followed by silence. All 1-D."""
    total = np.zeros(max((part.size for part in parts), default=0), np.int32)
    for part in parts:
        total[: part.size] += part
    return np.clip(total, -32768, 32767).astype(np.int16)


def in_frames(pcm: Pcm, rate: int) -> Pcm:
    """`pcm`, shape (samples,) at `rate`, in frames of 20 ms, shape (n, samples), the last filled with silence.

    Not to be written to: it may be the samples themselves.
    """
    size = samples_per_frame(rate)
    missing = -pcm.size % size
    whole = np.concatenate((pcm, np.zeros(missing, np.int16))) if missing else pcm
    return whole.reshape(-1, size)


def to_int16(samples: npt.NDArray[np.floating]) -> Pcm:
    """Round and clip floats in units of int16."""
    result: Pcm = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return result


# --- resampling -----------------------------------------------------------------------------------
#
# A polyphase filter: the input, thought of with `up - 1` zeros between its samples, passes a
# windowed-sinc low-pass below both Nyquist frequencies, of which every `down`-th sample is kept.
# Each output sample needs one phase of the filter only, so it is a dot product of some 32 to 400
# input samples. Whole arrays at once: no state, no delay, the ends are as if in silence.

_ZERO_CROSSINGS = 16
_ROLL_OFF = 0.92
_KAISER_BETA = 8.0  # stop band below -80 dB


@functools.lru_cache(maxsize=32)
def _phases(rate: int, to_rate: int) -> tuple[int, int, int, npt.NDArray[np.float32]]:
    """`up`, `down`, the taps each side, and the filter as (up, taps)."""
    common = math.gcd(rate, to_rate)
    up, down = to_rate // common, rate // common
    cutoff = _ROLL_OFF * min(1.0, to_rate / rate)  # of the input's Nyquist frequency
    half = math.ceil(_ZERO_CROSSINGS / cutoff / down) * down if up == 1 else math.ceil(_ZERO_CROSSINGS / cutoff)
    offsets = np.arange(-half + 1, half + 1)[None, :] - (np.arange(up) / up)[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (offsets / half) ** 2))) / np.i0(_KAISER_BETA)
    taps = cutoff * np.sinc(cutoff * offsets) * window
    taps /= taps.sum(axis=1, keepdims=True)  # a constant stays that constant, in every phase
    return up, down, half, taps.astype(np.float32)


def resample(pcm: Pcm, rate: int, to_rate: int) -> Pcm:
    """`pcm`, shape (samples,), from `rate` to `to_rate`, alias-free; the same where they are equal.

    The result has ceil(samples * to_rate / rate) samples and begins at the same moment. What lies
    above 92 % of the lower Nyquist frequency fades; what would alias is 80 dB down.
    """
    if rate == to_rate:
        return pcm
    up, down, half, taps = _phases(rate, to_rate)
    count = -(-pcm.size * up // down)
    padded = np.zeros(pcm.size + 2 * half, np.float32)
    padded[half - 1 : half - 1 + pcm.size] = pcm
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1])
    result = np.empty(count, np.int16)
    block = max(1, (1 << 20) // taps.shape[1])  # some MB at a time
    for start in range(0, count, block):
        at = np.arange(start, min(start + block, count)) * down
        result[start : start + at.size] = to_int16(np.einsum("ij,ij->i", windows[at // up], taps[at % up]))
    return result


class Resampler:
    """Streaming `resample` between rates of which one is a multiple of the other (8, 16 and 48 kHz), one
    leg's samples in turn.

    It must hear half its filter ahead: its output is `delay` seconds late (2.25 ms between 8 kHz and any other).
    """

    __slots__ = ("_down", "_held", "_taps", "delay")

    def __init__(self, rate: int, to_rate: int = HEARING_RATE) -> None:
        if rate % to_rate and to_rate % rate:
            raise ValueError(f"of {rate} and {to_rate} Hz none is a multiple of the other")
        _, self._down, half, self._taps = _phases(rate, to_rate)
        same = rate == to_rate
        self.delay = 0.0 if same else half / rate
        self._held: npt.NDArray[np.float32] | None = None if same else np.zeros(2 * half - 1, np.float32)

    def push(self, samples: Pcm) -> Pcm:
        """The next samples, at the other rate. A multiple of the factor must come where the rate falls."""
        return samples if self._held is None else _filtered(self._held, samples, self._taps, self._down)


def _filtered_in_python(held: npt.NDArray[np.float32], samples: Pcm, taps: npt.NDArray[np.float32], down: int) -> Pcm:
    """One sample for each of `taps`, shape (up, size), and each `down` of `held` and the samples after it; `held` goes
    on to their end."""
    heard = np.concatenate((held, samples), dtype=np.float32)
    held[:] = heard[samples.size :]
    windows = np.lib.stride_tricks.sliding_window_view(heard, taps.shape[1])
    return to_int16((windows[::down] @ taps.T).ravel())


def _filtered_in_c(held: npt.NDArray[np.float32], samples: Pcm, taps: npt.NDArray[np.float32], down: int) -> Pcm:
    out: Pcm = np.empty(-(-samples.size // down) * len(taps), np.int16)
    native.module.resample(held, np.ascontiguousarray(samples, np.int16), taps, down, out)
    return out


_filtered = _filtered_in_c if native.AVAILABLE else _filtered_in_python
