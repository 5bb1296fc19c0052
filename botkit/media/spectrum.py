"""What a stretch of sound consists of, for people who ask why it was not what they expected."""

from __future__ import annotations

import numpy as np

from botkit.media.pcm import HEARING_RATE, Pcm

TONAL = 0.75
"""Share of the energy that one or two lines must hold for the sound to be called a tone."""

PURE = 0.995
"""Share of the energy that one or two lines hold in 200 ms of a tone (G.711 leaves 0.9997) and of no voice (0.99)."""

LEAST = 0.06
"""Seconds; less than this says nothing about frequencies."""

WIDTH = 12.0
"""Hz around a peak that belong to it: a Hann window's main lobe at 8192 points, and some drift."""


def tones_in(pcm: Pcm) -> tuple[float, ...]:
    """The one or two frequencies (Hz, rising) that `pcm`, shape (samples,) at 8 kHz, consists of.

    Empty for speech, music and noise, and for less than 60 ms.
    """
    found = _lines(pcm)
    if not found:
        return ()
    if found[0][1] >= TONAL:
        return (round(found[0][0], 0),)
    if found[0][1] + found[1][1] >= TONAL and found[1][1] >= 0.1:
        return tuple(sorted(round(peak, 0) for peak, _ in found))
    return ()


def is_tone(pcm: Pcm) -> bool:
    """Whether `pcm`, shape (samples,) at 8 kHz, is one or two frequencies and nothing else, as no voice is."""
    return sum(share for _, share in _lines(pcm)) >= PURE


def _lines(pcm: Pcm) -> list[tuple[float, float]]:
    """The two strongest lines: frequency in Hz and share of the energy. Empty for silence and less than `LEAST`."""
    if pcm.size < LEAST * HEARING_RATE:
        return []
    size = max(8192, 1 << (pcm.size - 1).bit_length())
    power = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size), size)) ** 2
    hz = np.arange(power.size) * (HEARING_RATE / size)
    width = max(WIDTH, 3 * HEARING_RATE / pcm.size)
    total = float(power.sum())
    if total <= 0:
        return []
    found: list[tuple[float, float]] = []
    for _ in range(2):
        peak = float(hz[int(power.argmax())])
        near = np.abs(hz - peak) <= width
        found.append((peak, float(power[near].sum()) / total))
        power[near] = 0
    return found
