"""Quiet for a server that speaks only when its client is silent.

FreeSWITCH's mod_verto writes what it has to say by itself (answers, byes) only when nothing has come in on the
socket for 50 ms; with a frame every 20 ms an answer was seen held back for 3 s. One line carries all calls of an
account, so a busy one may never be silent by chance.
"""

from __future__ import annotations

LONGEST_TALK = 0.2
"""Seconds that frames may follow each other without such a silence: one call's own frames never do for so long."""


class Pace:
    """When the next frame may be sent, so that silences of `quiet` seconds come about (0: no matter when).

    Frames go at once as a rule. Where they have followed each other for `LONGEST_TALK`, the next one waits until
    the line has been silent for `quiet`; what has come together meanwhile goes in one go. Times are monotonic
    seconds that never go back. Pure arithmetic.
    """

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        self._began = self._last = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds to wait before a frame may be sent."""
        silent = now - self._last
        if silent >= self._quiet or now - self._began < LONGEST_TALK:
            return 0.0
        return self._quiet - silent

    def sent(self, now: float) -> None:
        """A frame has been sent."""
        if now - self._last >= self._quiet:
            self._began = now
        self._last = now
