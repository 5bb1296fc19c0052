"""What a stretch of sound consists of: of one or two steady tones, or of more, as a voice does.

A voice may hum nearly as purely as a tone for 100 ms, but not for 200 ms, and never at one pitch for longer.
So what is short must be purer than what is long, and what is long must keep its frequencies.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from botkit.media.pcm import HEARING_RATE, HEARING_SAMPLES, Pcm

PURE = 0.995
"""Share of the energy that one or two lines hold in a `PIECE` of a tone (through any codec 0.9992) and of no voice."""

PURE_WHEN_SHORT = 0.998
"""The same of what is shorter: in 20 minutes of voices two dozen moments of 60 ms reach it, and 218 reach `PURE`."""

PIECE = 0.2
"""Seconds that are judged at once."""

LEAST = 0.06
"""Seconds; less than this says nothing about frequencies."""

LEAST_LOUD = 0.04
"""Seconds of that which must be loud: a click that falls into three frames has a frequency, too."""

LOWEST = 250.0
"""Hz; what is short and lower is a voice's pitch. No tone of a telephone is so low."""

NOISY = 0.9
"""The share that is enough where `STEADY_PIECES` in a row have the same frequencies: a tone on a noisy line."""

PEAKED = 5.5
"""The power of the loudest sample over the mean: one tone has 2, two equal ones 4 (through any codec 4.3), most voices
more."""

STEADY_PIECES = 4

SAME = 6.0
"""Hz that a line may move from piece to piece."""

WEAKER = 0.05
"""The share of the energy from which a second line is a second tone and not the rest of the first: 13 dB."""

QUIETER = 0.01
"""A frame with less than this share of the loudest one's energy was lost, or is an edge."""

WIDTH = 12.0
"""Hz around a peak that belong to it at the least: a Hann window's main lobe over `PIECE`, and some drift."""

Samples = npt.NDArray[np.float32]
Lines = tuple[tuple[float, float], tuple[float, float]]
"""The two strongest lines: frequency in Hz and share of the energy of each."""


def tones_in(pcm: Pcm) -> tuple[float, ...]:
    """The one or two frequencies (Hz, rising) that `pcm`, shape (samples,) at 8 kHz, consists of.

    Empty for speech, music and noise, and for less than 60 ms. Frames of 20 ms that were lost, and are
    silent, are passed over.
    """
    found = [(piece.size, lines) for piece in _pieces(pcm) if (lines := _lines(piece)) is not None]
    pure = [lines for size, lines in found if _is_pure(lines, size)]
    if 2 * len(pure) > len(found):
        chosen = pure
    elif len(found) >= STEADY_PIECES and all(_share(lines) >= NOISY for _, lines in found):
        chosen = [lines for _, lines in found]
    else:
        return ()
    named = [_named(lines) for lines in chosen]
    usual = sorted(named)[len(named) // 2]
    alike = [one for one in named if len(one) == len(usual) and max(abs(np.subtract(one, usual))) <= SAME]
    if len(alike) < (len(named) if chosen is not pure else len(named) / 2):
        return ()
    hz = np.median(alike, axis=0)
    if chosen is not pure and hz.size == 2 and abs(hz[1] - 2 * hz[0]) < SAME:
        return ()  # a voice on one note: no tone has its octave beside it
    return tuple(round(float(one), 0) for one in hz)


def is_tone(pcm: Pcm) -> bool:
    """Whether `pcm`, shape (samples,) at 8 kHz, 40 ms to `PIECE`, is one or two frequencies and nothing else.

    Some 40 us. What is shorter is none: it says nothing.
    """
    if pcm.size < 2 * HEARING_SAMPLES or (pcm.size > 2 * HEARING_SAMPLES and _has_peaks(pcm)):
        return False
    lines = _lines(pcm, fine=False)
    return lines is not None and _is_pure(lines, pcm.size)


def _has_peaks(pcm: Pcm) -> bool:
    """Whether its loudest sample is above all that one or two tones have; a tenth of the time that a spectrum takes."""
    samples = pcm.astype(np.float32)
    peak = max(float(samples.max()), -float(samples.min()))
    return peak * peak * samples.size > PEAKED * float(np.dot(samples, samples))


def _is_pure(lines: Lines, size: int) -> bool:
    if size >= PIECE * HEARING_RATE:
        return _share(lines) >= PURE
    return _share(lines) >= PURE_WHEN_SHORT and lines[0][0] >= LOWEST


def _share(lines: Lines) -> float:
    return lines[0][1] + lines[1][1]


def _named(lines: Lines) -> tuple[float, ...]:
    """The frequencies of that which are tones, rising."""
    return tuple(sorted(hz for hz, share in lines if share >= WEAKER * _share(lines)))


def _pieces(pcm: Pcm) -> Iterator[Samples]:
    """Stretches of at most `PIECE` without what was lost, and without the frames at either end where there is more."""
    frames = pcm[: pcm.size // HEARING_SAMPLES * HEARING_SAMPLES].reshape(-1, HEARING_SAMPLES).astype(np.float32)
    energy = np.einsum("ij,ij->i", frames, frames)
    least, longest = round(LEAST * HEARING_RATE) // HEARING_SAMPLES, round(PIECE * HEARING_RATE) // HEARING_SAMPLES
    heard = energy > QUIETER * energy.max(initial=0.0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], heard, [False])).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2).tolist():
        if end - begin >= least + 2:
            begin, end = begin + 1, end - 1
        elif end - begin >= least:
            loud = _without_edges(frames[begin:end].ravel())
            if loud.size >= LEAST_LOUD * HEARING_RATE:
                yield loud
            continue
        else:
            continue
        count = max(1, (end - begin) // longest)
        for number in range(count):
            first = begin + number * (end - begin) // count
            last = begin + (number + 1) * (end - begin) // count
            yield frames[first:last].ravel()


def _without_edges(samples: Samples) -> Samples:
    """From the first to the last sample that is loud: in so little, what lies beside the tone would count."""
    loud = np.flatnonzero(np.abs(samples) > 0.3 * np.abs(samples).max())
    return samples[int(loud[0]) : int(loud[-1]) + 1]


@functools.lru_cache(maxsize=64)
def _window(size: int) -> Samples:
    window: Samples = np.hanning(size).astype(np.float32)
    return window


HOPELESS = 0.3
"""The share of the strongest line below which nobody asks for the second: together they are no tone."""


def _lines(pcm: Pcm | Samples, fine: bool = True) -> Lines | None:
    """The two strongest lines; to 1 Hz where `fine`. None for silence."""
    size = 8192 if fine else 1 << (pcm.size - 1).bit_length()
    spectrum = np.fft.rfft(pcm * _window(pcm.size), size)
    power = spectrum.real**2 + spectrum.imag**2
    total = float(power.sum())
    if total <= 0:
        return None
    width = round(max(WIDTH, 3 * HEARING_RATE / pcm.size) * size / HEARING_RATE)
    found: list[tuple[float, float]] = []
    for _ in range(2):
        peak = int(power.argmax())
        near = power[max(peak - width, 0) : peak + width + 1]
        found.append((peak * HEARING_RATE / size, float(near.sum()) / total))
        if found[0][1] < HOPELESS:
            return found[0], (0.0, 0.0)
        near[:] = 0
    return found[0], found[1]
