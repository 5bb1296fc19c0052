"""Sounds that are no digits, no beeps and no call progress: half an hour of synthetic speech, and music.

The voices read this project's own texts. `flite` and `espeak-ng` make them (apt-get install flite espeak-ng);
nothing is kept, and no person was recorded.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from botkit.media.codec import codec_by_name
from botkit.media.pcm import Pcm, resample, to_int16
from botkit.media.wav import read_wav

ROOT = Path(__file__).parent.parent.parent
RATE = 48_000
"""Of all sounds here: whole multiples of every codec's rate."""

FLITE = ("slt", "rms", "kal16", "awb")
ESPEAK = (
    ("en-us", 20, 140),
    ("en-us+f3", 70, 170),
    ("en-gb", 50, 175),
    ("en-gb-scotland", 35, 160),
    ("en-029+f2", 90, 190),
    ("en-us+m5", 0, 120),
    ("de", 50, 165),
    ("fr+f4", 60, 170),
)
"""Voice, pitch (0 to 99) and words a minute."""

PROMPTS = ("hello",)
"""Words that are a whole prompt of `audio/`: said by that prompt's own voice they *are* the prompt."""


def words(count: int, begin: int) -> str:
    """`count` words of the project's texts, from the word number `begin` on."""
    text = " ".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "README.md", ROOT / "LICENSE", ROOT / "audio" / "README.md")
    )
    found = [word for word in re.findall(r"[A-Za-z']{2,}|[0-9]+", text) if word.lower() not in PROMPTS]
    chosen = [found[(begin + number) % len(found)] for number in range(count)]
    return ". ".join(" ".join(chosen[start : start + 11]) for start in range(0, count, 11)) + "."


def _spoken(command: list[str], path: str) -> Pcm:
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    pcm, rate = read_wav(path)
    pcm = pcm.astype(np.float64)
    level = np.sqrt(np.mean(pcm[np.abs(pcm) > 200] ** 2))
    loud: Pcm = to_int16(pcm * (32767 / np.sqrt(2) * 10 ** (-18 / 20) / level))
    return resample(loud, rate, RATE)


def voices(count: int = 400) -> Iterator[tuple[str, Pcm]]:
    """Each voice by its name, reading `count` words at 48 kHz; some 2.5 minutes each for 400."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/said.wav"
        begin = 0
        for voice in FLITE:
            yield f"flite {voice}", _spoken(["flite", "-voice", voice, "-t", words(count, begin), "-o", out], out)
            begin += count
        for voice, pitch, speed in ESPEAK:
            command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", out, words(count, begin)]
            yield f"espeak {voice}", _spoken(command, out)
            begin += count


def music(seconds: float = 120.0, seed: int = 1) -> Pcm:
    """Chords, melodies and glissandi of instruments with harmonics, vibrato and decay, at 48 kHz.

    No two pure tones at once: F5 with E6 *is* a 2, 1.3 % off, and lasts.
    """
    draw = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE))
    at = 0.0
    while at < seconds - 2:
        length = float(draw.choice([0.15, 0.25, 0.5, 1.0, 1.8]))
        moments = np.arange(round(length * RATE)) / RATE
        root = 55 * 2 ** (draw.integers(0, 48) / 12)
        kind = draw.integers(0, 3)
        chord = [0, *draw.choice([3, 4, 5, 7, 9, 12, 16, 19], size=int(draw.integers(0, 4)), replace=False)]
        for step in chord:
            base = root * 2 ** (step / 12)
            if base > 3000:
                continue
            bend = 2 ** (draw.uniform(-1, 1) * moments / length) if kind == 2 else 1 + 0.004 * np.sin(34 * moments)
            phase = 2 * np.pi * np.cumsum(base * bend * np.ones_like(moments)) / RATE
            decay = np.exp(-moments * draw.uniform(0.5, 6))
            for harmonic in range(1, int(draw.integers(4, 9))):
                if base * harmonic < 3800:
                    out[round(at * RATE) :][: moments.size] += (
                        decay * np.sin(harmonic * phase) / harmonic ** draw.uniform(0.8, 2)
                    )
        at += length * float(draw.choice([0.5, 1.0, 1.0]))
    return to_int16(out / np.sqrt(np.mean(out**2)) * 32767 / np.sqrt(2) * 10 ** (-18 / 20))


def through(codec_name: str, sound: Pcm) -> Pcm:
    """`sound` as the far end of a call in that codec hears it, 8 kHz, shape (n, 160)."""
    codec = codec_by_name(codec_name)
    decoder = codec.decoder()
    payloads = codec.encode_all(resample(sound, RATE, codec.rate))
    heard = resample(np.concatenate([decoder.decode(payload) for payload in payloads]), codec.rate, 8000)
    return heard[: heard.size // 160 * 160].reshape(-1, 160)
