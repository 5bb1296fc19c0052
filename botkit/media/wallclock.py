"""What leads from wallclock time, in which the kernel dates what arrives, to monotonic time.

Theory of operation. Once a beat the wallclock is read between two looks at the monotonic clock. Where the process was
interrupted in between, the difference is wrong by as much, and with it every arrival of the beat: such a reading is
tried again, and at worst the one before stands, since the two clocks run alike (both follow NTP's slewing; see
adjtime(3), clock_gettime(2)). They part only when the wallclock is set, or the machine has slept. Of what lies in the
sockets then nobody knows by which clock it was dated: for some beats, until all of it has been read, arrival times are
those of reading.
"""

from __future__ import annotations

import math

from botkit.clock import Clock

CLOSE = 0.0005
"""Seconds between two looks that are close enough."""

TRIES = 3

JUMP = 0.010
"""Seconds by which the wallclock must have moved to have been set."""

UNSURE = 6
"""Beats after that in which something may be read that was dated before: a leg reads to the bottom every fourth."""


class ToMonotonic:
    """Asked once a beat."""

    __slots__ = ("_clock", "_known", "_unsure")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: float | None = None
        self._unsure = 0

    def seconds(self) -> float:
        """What to add to wallclock seconds to get monotonic ones; infinite while that cannot be known."""
        read, width = self._read()
        known = self._known
        if known is None:
            self._known = known = read
        elif abs(read - known) > max(JUMP, width):
            self._known, self._unsure = read, UNSURE
        elif width < CLOSE:
            self._known = known = read
        if self._unsure:
            self._unsure -= 1
            return math.inf
        return known

    def _read(self) -> tuple[float, float]:
        """The difference, and how exact it is, seconds."""
        clock = self._clock
        best, width = 0.0, math.inf
        for _ in range(TRIES):
            before = clock.now()
            wall = clock.wall()
            after = clock.now()
            if after - before < width:
                best, width = (before + after) / 2 - wall, after - before
            if width < CLOSE:
                break
        return best, width
