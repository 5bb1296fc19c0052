"""The compiled resampler against the one in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from botkit.media import native
from botkit.media.pcm import _filtered_in_c, _filtered_in_python, _phases
from tests.media.sounds import babble

pytestmark = pytest.mark.needs("native")

RATES = [(48000, 8000), (8000, 48000), (16000, 8000), (8000, 16000), (48000, 16000), (16000, 48000)]


@pytest.mark.parametrize(("rate", "to_rate"), RATES)
def test_the_same_as_in_python(rate: int, to_rate: int) -> None:
    """Piece after piece of any size, from silence to full scale: the same samples, but for a last bit."""
    rng = np.random.default_rng(rate + to_rate)
    up, down, half, taps = _phases(rate, to_rate)
    ours, theirs = (np.zeros(2 * half - 1, np.float32) for _ in range(2))
    sounds = [babble(0.5), rng.integers(-32768, 32768, 4000).astype(np.int16), np.zeros(999, np.int16)]
    sounds.append(np.where(np.arange(4000) // 40 % 2, 32767, -32768).astype(np.int16))
    pcm = np.concatenate(sounds)
    while pcm.size:
        size = int(rng.integers(0, 500)) * down
        piece, pcm = pcm[:size], pcm[size:]
        one, other = _filtered_in_python(theirs, piece, taps, down), _filtered_in_c(ours, piece, taps, down)
        assert one.shape == other.shape == (-(-piece.size // down) * up,)
        assert np.abs(one.astype(int) - other).max(initial=0) <= 1
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "wrong",
    [
        {0: np.zeros(3, np.float32)},
        {0: np.zeros(35)},
        {1: np.zeros(80, np.float32)},
        {2: np.zeros((0, 36), np.float32)},
        {2: np.zeros(36, np.float32)},
        {3: 0},
        {3: -1},
        {3: "1"},
        {4: np.zeros(79, np.int16)},
        {4: np.zeros(82, np.int16)},
        {4: bytes(160)},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(wrong: dict[int, Any]) -> None:
    """Arrays that do not belong together: an error, and nothing is read or written beyond what is there."""
    good = [np.zeros(35, np.float32), np.zeros(80, np.int16), np.ones((1, 36), np.float32), 1, np.zeros(80, np.int16)]
    native.module.resample(*good)
    with pytest.raises((TypeError, ValueError, BufferError)):
        native.module.resample(*(wrong.get(index, part) for index, part in enumerate(good)))
