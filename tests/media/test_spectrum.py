"""What a stretch of sound consists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from botkit.media.codec import PCMU
from botkit.media.pcm import resample
from botkit.media.spectrum import is_tone, tones_in
from botkit.media.tone import tone
from botkit.media.wav import read_wav

AUDIO = Path(__file__).parents[2] / "audio"


@pytest.mark.parametrize("hz", [(300.0,), (500.0,), (1004.0,), (350.0, 440.0), (697.0, 1209.0)])
def test_tones_are_named_by_their_frequencies(hz: tuple[float, ...]) -> None:
    """One or two frequencies are found within 3 Hz."""
    assert tones_in(tone(hz, 0.5)) == pytest.approx(hz, abs=3)


def test_noise_is_no_tone() -> None:
    """Noise has no frequencies."""
    assert tones_in((np.random.default_rng(1).standard_normal(4000) * 2000).astype(np.int16)) == ()


def test_too_little_is_no_tone() -> None:
    """Less than 60 ms says nothing."""
    assert tones_in(tone(440, 0.04)) == ()


def test_silence_is_no_tone() -> None:
    """Nothing has no frequencies."""
    assert tones_in(np.zeros(8000, np.int16)) == ()


@pytest.mark.parametrize("hz", [(440.0,), (350.0, 440.0), (440.0, 480.0), (697.0, 1209.0)])
@pytest.mark.parametrize("seconds", [0.1, 0.2])
def test_tones_are_pure_on_the_line(hz: tuple[float, ...], seconds: float) -> None:
    """One or two frequencies are a tone, also after G.711."""
    assert is_tone(PCMU.decode(PCMU.encode(tone(hz, seconds))))


@pytest.mark.parametrize("file", ["menu.wav", "welcome.wav", "goodbye.wav"])
def test_no_voice_is_pure(file: str) -> None:
    """In no 200 ms of a voice are there only one or two frequencies."""
    pcm, rate = read_wav(AUDIO / file)
    pcm = resample(pcm, rate, 8000)
    assert not any(is_tone(pcm[start : start + 1600]) for start in range(0, pcm.size - 1600, 400))


def test_silence_is_not_pure() -> None:
    """Silence is no tone, and neither is too little of one."""
    assert not is_tone(np.zeros(8000, np.int16))
    assert not is_tone(tone(440, 0.04))
