"""Delays between attempts to connect again."""

from __future__ import annotations

import random
from itertools import islice

from botkit.signalling import delays


class Middle(random.Random):
    """Always the middle of the range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_delays_double_up_to_thirty_seconds():
    """Ten tries ([JS])."""
    assert list(delays(Middle())) == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_delays_are_spread_by_a_quarter():
    """So that clients do not come back all at once."""
    for seed in range(50):
        for delay, middle in zip(delays(random.Random(seed)), delays(Middle()), strict=True):
            assert 0.75 * middle <= delay <= 1.25 * middle


def test_the_same_seed_waits_the_same():
    """Runs are repeatable."""
    assert list(delays(random.Random(7))) == list(delays(random.Random(7)))


def test_no_limit():
    """Zero tries means for ever, and numbers stay small."""
    assert max(islice(delays(random.Random(1), tries=0), 5000)) <= 37.5
