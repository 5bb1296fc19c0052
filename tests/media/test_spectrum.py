"""What a stretch of sound consists of."""

from __future__ import annotations

import numpy as np
import pytest

from botkit.media.spectrum import tones_in
from botkit.media.tone import tone


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
