"""Sounds made by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from botkit.testing import tone


def test_tone_has_its_frequencies_and_level() -> None:
    """`tone(697, 1209, 0.5)` holds both frequencies, at the level that was asked for."""
    pcm = tone(697, 1209, 0.5, level=-20.0)
    assert (pcm.shape, pcm.dtype) == ((4000,), np.int16)
    rms = 20 * np.log10(np.sqrt(np.mean((pcm / 32767.0) ** 2)))
    assert rms == pytest.approx(-20.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(pcm))
    loudest = sorted(np.argsort(spectrum)[-2:] * 8000 / 4000)
    assert loudest == pytest.approx([697, 1209], abs=2)


def test_tone_needs_a_length() -> None:
    """A tone without a frequency is refused."""
    with pytest.raises(ValueError, match="frequencies"):
        tone(0.5)
