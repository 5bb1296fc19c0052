"""Call progress of several countries and makers, as sounds at 48 kHz, and who hears them through codecs and loss."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from botkit.media.bank import Bank
from botkit.media.cadence import tracker_for
from botkit.media.pcm import Pcm, to_int16
from botkit.media.tone import ToneFact, tone
from tests.load.speech import RATE, through

Bursts = Sequence[tuple[float | tuple[float, ...], float, float]]


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE), np.int16)


def bursts(pattern: Bursts, turns: int = 1, level: float = -18.0) -> Pcm:
    """(Hz, on, off) after each other, all of it `turns` times."""
    parts = [
        part for hz, on, off in pattern for part in (tone(hz, on, level=level, rate=RATE), silence(off)) if part.size
    ]
    return np.tile(np.concatenate(parts), turns)


def swinging(hz: float, by: float, on: float, off: float, turns: int, level: float = -16.0) -> Pcm:
    """A tone whose loudness swings `by` times a second, nearly to nothing."""
    moments = np.arange(round(on * RATE)) / RATE
    wave = np.sin(2 * np.pi * hz * moments) * (1 + 0.85 * np.sin(2 * np.pi * by * moments)) / 1.85
    return np.tile(np.concatenate((to_int16(wave * 32767 * 10 ** (level / 20)), silence(off))), turns)


def chirp(begin: float, end: float, seconds: float, level: float = -15.0) -> Pcm:
    """A tone that glides from `begin` to `end` Hz."""
    hz = np.linspace(begin, end, round(seconds * RATE))
    wave = np.sin(2 * np.pi * np.cumsum(hz) / RATE)
    slope = 0.5 - 0.5 * np.cos(np.pi * (np.arange(144) + 0.5) / 144)
    wave[:144] *= slope
    wave[-144:] *= slope[::-1]
    return to_int16(wave * 32767 * 10 ** (level / 20))


TONES: dict[str, dict[str, Pcm]] = {
    "dial": {
        "North America": bursts([((350, 440), 3, 0)]),
        "United Kingdom": bursts([((350, 440), 3, 0)], level=-25),
        "E.180": bursts([(425, 4, 0)]),
        "France": bursts([(440, 4, 0)]),
        "Japan": bursts([(400, 4, 0)]),
        "China": bursts([(450, 4, 0)]),
        "Norway, 1 % off": bursts([(429, 4, 0)], level=-28),
        "stutter, North America": np.concatenate((bursts([((350, 440), 0.1, 0.1)], 10), bursts([((350, 440), 3, 0)]))),
    },
    "busy": {
        "North America": bursts([((480, 620), 0.5, 0.5)], 4),
        "North America, reorder": bursts([((480, 620), 0.25, 0.25)], 8),
        "United Kingdom": bursts([(400, 0.375, 0.375)], 5),
        "United Kingdom, congestion": bursts([(400, 0.4, 0.35), (400, 0.225, 0.525)], 3),
        "Germany": bursts([(425, 0.48, 0.48)], 4),
        "Germany, congestion": bursts([(425, 0.24, 0.24)], 8),
        "France": bursts([(440, 0.5, 0.5)], 4),
        "Spain": bursts([(425, 0.2, 0.2)], 8),
        "Italy": bursts([(425, 0.5, 0.5)], 4),
        "Sweden": bursts([(425, 0.25, 0.25)], 8),
        "Japan": bursts([(400, 0.5, 0.5)], 4),
        "China": bursts([(450, 0.35, 0.35)], 5),
        "China, congestion": bursts([(450, 0.7, 0.7)], 4),
        "Turkey": bursts([(450, 0.5, 0.5)], 4),
        "India": bursts([(400, 0.75, 0.75)], 4),
        "Russia, congestion": bursts([(425, 0.175, 0.175)], 6, level=-28),
        "Korea, congestion": bursts([((480, 620), 0.3, 0.2)], 6),
    },
    "ringback": {
        "North America": bursts([((440, 480), 2, 4)], 2),
        "United Kingdom": bursts([((400, 450), 0.4, 0.2), ((400, 450), 0.4, 2.0)], 3),
        "Germany": bursts([(425, 1, 4)], 2),
        "France": bursts([(440, 1.5, 3.5)], 2),
        "Spain": bursts([(425, 1.5, 3)], 2),
        "Italy": bursts([(425, 1, 4)], 2),
        "Sweden": bursts([(425, 1, 5)], 2),
        "Australia": bursts([((400, 450), 0.4, 0.2), ((400, 450), 0.4, 2.0)], 3, level=-24),
        "China": bursts([(450, 1, 4)], 2),
        "Turkey": bursts([(450, 2, 4)], 2),
        "Hong Kong": bursts([((440, 480), 0.4, 0.2), ((440, 480), 0.4, 3.0)], 2),
        "Japan": swinging(400, 16, 1, 2, 3),
        "Japan, softer and quicker": swinging(400, 20, 1, 2, 3, level=-25),
    },
    "sit": {
        name: bursts([(one, a, 0.0), (two, b, 0.0), (1776.7, 0.38, 1.0)])
        for name, one, a, two, b in (
            ("vacant code", 985.2, 0.38, 1370.6, 0.274),
            ("intercept", 913.8, 0.274, 1370.6, 0.274),
            ("reorder", 913.8, 0.38, 1428.5, 0.274),
            ("no circuit", 985.2, 0.38, 1428.5, 0.38),
            ("no circuit, other exchange", 913.8, 0.38, 1370.6, 0.38),
        )
    }
    | {"E.180": bursts([(950, 0.33, 0.03), (1400, 0.33, 0.03), (1800, 0.33, 1.0)])},
    "beep": {
        **{
            f"{hz} Hz, {seconds} s, {level} dBFS": tone(hz, seconds, level=level, rate=RATE)
            for hz, seconds, level in (
                (440, 0.5, -12),
                (480, 0.3, -18),
                (500, 1.0, -6),
                (620, 0.4, -20),
                (800, 0.25, -15),
                (950, 0.4, -24),
                (1000, 0.2, -6),
                (1000, 0.3, -30),
                (1400, 0.2, -20),
                (1400, 1.2, -10),
                (2000, 0.4, -16),
            )
        },
        "350 and 440 Hz, 0.3 s": tone((350, 440), 0.3, level=-18, rate=RATE),
        "350 and 440 Hz, 0.5 s": tone((350, 440), 0.5, level=-18, rate=RATE),
        "697 and 1000 Hz, 0.3 s": tone((697, 1000), 0.3, level=-15, rate=RATE),
        "800 and 1000 Hz, 0.2 s": tone((800, 1000), 0.2, level=-25, rate=RATE),
        "900 and 1300 Hz, 0.4 s": tone((900, 1300), 0.4, level=-12, rate=RATE),
        "600 to 1200 Hz in 0.3 s": chirp(600, 1200, 0.3),
        "1200 to 600 Hz in 0.3 s": chirp(1200, 600, 0.3, -25),
        "800 to 1000 Hz in 0.4 s": chirp(800, 1000, 0.4),
        "500 to 2000 Hz in 0.25 s": chirp(500, 2000, 0.25, -22),
        "800, then 1000 Hz": bursts([(800, 0.15, 0), (1000, 0.15, 0)]),
        "1000, then 600 Hz": bursts([(1000, 0.1, 0), (600, 0.1, 0)]),
    },
}
"""By what each means and whose it is; two or more turns of those that have a rhythm."""


def facts(what: str, sound: Pcm, codec: str, loss: float = 0.0, seed: int = 1) -> list[ToneFact]:
    """What waits for `what` tells of a sound at 48 kHz, heard in that codec; lost frames are left out."""
    return listen(what, through(codec, sound), loss, seed)


def listen(what: str, batch: Pcm, loss: float = 0.0, seed: int = 1) -> list[ToneFact]:
    """The same for frames, shape (n, 160)."""
    bank, draw = Bank(), random.Random(f"{what} {seed}")
    tracker = tracker_for(bank, what)
    heard = bank.hear(batch)
    return [fact for row in range(len(batch)) if draw.random() >= loss for fact in tracker.push(0.02 * row, heard, row)]
