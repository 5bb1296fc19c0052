"""Sounds made by arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tone(*hz_and_seconds: float, rate: int = 8000, level: float = -12.0) -> NDArray[np.int16]:
    """Sine waves at once: `tone(697, 1209, 0.06)` is 60 ms of the key 1.

    The last argument is the length in seconds; those before it are frequencies. `level` is the sum's
    RMS in dBFS. The result is int16 mono at `rate`, shape (seconds * rate,).
    """
    *hz, seconds = hz_and_seconds
    if not hz:
        raise ValueError("tone() takes one or more frequencies and, last, its length in seconds")
    moments = np.arange(round(seconds * rate)) / rate
    wave = sum((np.sin(2 * np.pi * each * moments) for each in hz), np.zeros_like(moments))
    amplitude = 32767 * 10 ** (level / 20) * np.sqrt(2 / len(hz))
    pcm: NDArray[np.int16] = np.clip(np.round(amplitude * wave), -32768, 32767).astype(np.int16)
    return pcm
