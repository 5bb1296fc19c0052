"""Makes the hold music again: python audio/make_hold_music.py [FILE]

A round of four chords, plucked: sine partials that fade, added up in a circle, so that what still rings at the
end rings on at the beginning and the loop has no seam. It needs numpy alone, and no random numbers.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "botkit" / "exchange" / "hold_music.wav"

RATE = 8000
BEAT = 0.48
"""Seconds: 125 beats a minute, and a whole number of 20 ms frames."""

BARS = (
    # the chord (plucked on each half beat), the bass, and the tune (beats within the bar)
    ((60, 64, 67, 72), 48, ((0, 76, 2), (2, 79, 2))),  # C
    ((60, 64, 69, 72), 45, ((0, 81, 1), (1, 79, 1), (2, 76, 2))),  # A minor
    ((60, 65, 69, 72), 53, ((0, 77, 2), (2, 81, 2))),  # F
    ((59, 62, 67, 71), 55, ((0, 79, 1), (1, 77, 1), (2, 74, 2))),  # G
    ((60, 64, 67, 72), 48, ((0, 76, 1), (1, 74, 1), (2, 72, 2))),  # C
    ((60, 64, 69, 72), 45, ((0, 72, 1), (1, 74, 1), (2, 76, 2))),  # A minor
    ((62, 65, 69, 74), 50, ((0, 77, 2), (2, 74, 2))),  # D minor
    ((59, 62, 67, 71), 55, ((0, 71, 1), (1, 74, 1), (2, 79, 2))),  # G
)
"""Notes are MIDI numbers: 60 is the middle C."""

LEVEL = -20.0
"""RMS in dBFS, as the prompts have it (a full-scale sine is 0)."""


def note(number: int, length: float, fade: float) -> np.ndarray:
    """A plucked string: partials that fade, the higher ones sooner."""
    hz = 440.0 * 2.0 ** ((number - 69) / 12)
    at = np.arange(round(length * RATE)) / RATE
    sound = np.zeros(at.size)
    for partial, share in enumerate((1.0, 0.5, 0.28, 0.14, 0.08), start=1):
        if hz * partial < 3400:  # what a telephone carries
            sound += share * np.exp(-at * partial**0.5 / fade) * np.sin(2 * np.pi * hz * partial * at)
    attack = round(0.004 * RATE)
    sound[:attack] *= np.linspace(0, 1, attack)
    sound[-attack:] *= np.linspace(1, 0, attack)
    return sound


def make() -> np.ndarray:
    """The loop, int16 mono at 8 kHz."""
    loop = np.zeros(round(len(BARS) * 4 * BEAT * RATE))

    def add(sound: np.ndarray, beat: float, loudness: float) -> None:
        begin = round(beat * BEAT * RATE)
        np.add.at(loop, (begin + np.arange(sound.size)) % loop.size, loudness * sound)

    for bar, (chord, bass, tune) in enumerate(BARS):
        add(note(bass, 2.4, 0.9), bar * 4, 0.55)
        for half in range(8):
            add(note(chord[(0, 1, 2, 3, 2, 1, 2, 1)[half]], 1.2, 0.35), bar * 4 + half / 2, 0.4)
        for beat, number, beats in tune:
            add(note(number, beats * BEAT + 0.6, 0.45), bar * 4 + beat, 0.7)
    loop *= 32767 * 10 ** (LEVEL / 20) / np.sqrt(2) / np.sqrt(np.mean(loop**2))
    return np.rint(loop).astype(np.int16)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(make().astype("<i2").tobytes())


if __name__ == "__main__":
    main()
