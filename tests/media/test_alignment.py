"""One prompt laid over what was heard."""

import numpy as np
import pytest

from botkit.media.alignment import _slid
from botkit.media.bands import BANDS
from botkit.media.reference import centred, likeness


def test_slid() -> None:
    """A stretch is compared with each of its length as if it were compared with that alone."""
    rng = np.random.default_rng(0)
    ours = rng.integers(0, 255, (20, BANDS)).astype(np.float32)
    there = rng.integers(0, 255, (26, BANDS)).astype(np.float32)
    there[3:23] += ours
    wanted = [likeness(ours, there[begin : begin + 20]) for begin in range(7)]
    assert _slid(centred(ours).ravel(), there).tolist() == pytest.approx(wanted, abs=1e-3)
    assert int(np.argmax(wanted)) == 3
