"""Sounds for the detectors' tests: silence, noise, and something that moves as speech does."""

import numpy as np

from botkit.media.pcm import Pcm, db_to_ratio, to_int16

RATE = 8000


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE), np.int16)


def noise(seconds: float, level: float = -20, seed: int = 0) -> Pcm:
    """White noise at `level` dBFS."""
    samples = np.random.default_rng(seed).normal(0, 32767 / np.sqrt(2) * db_to_ratio(level), round(seconds * RATE))
    return to_int16(samples)


def babble(seconds: float, level: float = -15, seed: int = 0) -> Pcm:
    """A voice that says nothing: gliding harmonics through moving formants, in syllables, with hiss.

    A pulse train whose pitch wanders between 80 and 300 Hz passes three resonances that wander, too,
    and opens and closes four times a second.
    """
    draw = np.random.default_rng(seed)
    count = round(seconds * RATE)
    out = np.zeros(count)
    start = 0
    while start < count:
        size = int(draw.uniform(0.08, 0.4) * RATE)
        moments = np.arange(size) / RATE
        base, bend = draw.uniform(80, 300), draw.choice([-1, 1]) * draw.uniform(0.05, 0.4)
        pitch = base * (1 + bend * moments / moments[-1] + 0.015 * np.sin(2 * np.pi * 5.5 * moments))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = [draw.uniform(250, 850), draw.uniform(800, 2400), draw.uniform(2200, 3300)]
        glides = draw.uniform(0.8, 1.25, 3)
        syllable = np.zeros(size)
        for harmonic in range(1, int(3600 / pitch.max())):
            hz = harmonic * pitch
            amplitude = np.zeros(size)
            for formant, glide, width, weight in zip(formants, glides, (60, 90, 150), (1, 0.5, 0.2), strict=True):
                centre = formant * glide ** (moments / moments[-1])
                amplitude += weight / (1 + ((hz - centre) / width) ** 2)
            syllable += amplitude * np.cos(harmonic * phase)
        syllable += draw.normal(0, 0.03 * np.abs(syllable).max(), size)
        syllable *= np.hanning(size) * draw.uniform(0.3, 1)
        end = min(start + size, count)
        out[start:end] = syllable[: end - start]
        start = end + int(draw.choice([0, 0, 0.05, 0.2]) * RATE)
    power = np.sqrt(np.mean(out**2))
    return to_int16(out / power * 32767 / np.sqrt(2) * db_to_ratio(level))


def joined(*parts: Pcm) -> Pcm:
    return np.concatenate(parts)


def summed(sound: Pcm, other: Pcm) -> Pcm:
    return to_int16(sound.astype(np.float64) + other[: sound.size])


def frames(sound: Pcm, shift: int = 0) -> Pcm:
    """The sound, `shift` samples late, in frames of shape (n, 160)."""
    late = np.concatenate((np.zeros(shift, np.int16), sound, np.zeros(-(sound.size + shift) % 160, np.int16)))
    return late.reshape(-1, 160)


def with_loss(batch: Pcm, share: float, seed: int = 0) -> Pcm:
    """Frames of which some are silence, as the ear makes of lost packets."""
    kept = np.random.default_rng(seed).random(batch.shape[0]) >= share
    return batch * kept[:, None].astype(np.int16)
