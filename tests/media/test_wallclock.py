"""From the wallclock to monotonic time."""

from __future__ import annotations

import math

import pytest

from botkit.media.wallclock import TRIES, UNSURE, ToMonotonic
from botkit.testing import ManualClock


class Clock(ManualClock):
    """One whose wallclock can be set, and that is interrupted for so long, in order, when the wallclock was read."""

    def __init__(self) -> None:
        super().__init__(start=100.0, wall=1_700_000_000.0)
        self.ahead = 0.0
        self.interruptions: list[float] = []

    def wall(self) -> float:
        wall = super().wall() + self.ahead
        if self.interruptions:
            self._now += self.interruptions.pop(0)
        return wall


def test_the_difference() -> None:
    """It stays the same while time passes."""
    clock = Clock()
    to = ToMonotonic(clock)
    wanted = clock.now() - clock.wall()
    for _ in range(3):
        assert to.seconds() == pytest.approx(wanted, abs=1e-6)
        clock._now += 0.02


def test_an_interruption() -> None:
    """A process that was interrupted between the two readings reads again."""
    clock = Clock()
    to = ToMonotonic(clock)
    wanted = clock.now() - clock.wall()
    for _ in range(2):
        clock.interruptions = [0.5]
        assert to.seconds() == pytest.approx(wanted, abs=1e-6)


def test_interruptions_without_end() -> None:
    """A process that is interrupted each time believes what it knew."""
    clock = Clock()
    to = ToMonotonic(clock)
    wanted = clock.now() - clock.wall()
    to.seconds()
    clock.interruptions = [0.5] * TRIES
    assert to.seconds() == pytest.approx(wanted, abs=1e-6)
    clock.interruptions = [0.004] * TRIES
    assert to.seconds() == pytest.approx(wanted, abs=1e-6)
    assert to.seconds() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("by", [3600.0, -3600.0, 0.05, -0.05])
def test_a_wallclock_that_is_set(by: float) -> None:
    """For some beats nobody knows by which clock a packet was dated; then the new one counts."""
    clock = Clock()
    to = ToMonotonic(clock)
    before = to.seconds()
    clock.ahead = by
    assert [to.seconds() for _ in range(UNSURE)] == [math.inf] * UNSURE
    assert to.seconds() == pytest.approx(before - by, abs=1e-6)
