"""Gives legs their activities: from when a leg is up that somebody controls, or when they are first asked for.

Of a call that is put through, and that nobody is told of, there is nothing to hear.
"""

from __future__ import annotations

from collections.abc import Callable

from botkit.exchange.activities.activities import Activities
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.activities.sounds import Sounds
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import call_ended, not_answered
from botkit.media.plane import MediaPlane


class LegActivities:
    """For all legs of an exchange. `is_told`: whether a leg's owner is told of its digits."""

    def __init__(
        self,
        plane: MediaPlane,
        sounds: Sounds,
        recordings: Recordings,
        is_told: Callable[[Leg], bool] = lambda leg: False,
    ) -> None:
        self._is_told = is_told
        self.sounds = sounds
        self.recordings = recordings
        self._plane = plane

    def admit(self, leg: Leg) -> None:
        """A new leg: it hears digits as soon as it is up."""
        leg.up.add_done_callback(lambda up: None if up.cancelled() else self._is_up(leg))

    def _is_up(self, leg: Leg) -> None:
        if not leg.over.done() and (not leg.put_through or self._is_told(leg)):
            self._opened(leg)

    def of(self, leg: Leg) -> Activities:
        """Those of a leg. Raises `CommandRefused` 90018 for one that is over, 90034 for one that has no media yet."""
        if leg.over.done():
            raise call_ended()
        if not leg.endpoint.described:
            raise not_answered()
        return self._opened(leg)

    def _opened(self, leg: Leg) -> Activities:
        if leg.activities is None:
            leg.activities = Activities(leg, self._plane, self.sounds, self.recordings, lambda: _peer(leg))
        return leg.activities


def _peer(leg: Leg) -> Activities | None:
    peer = leg.peer
    return None if peer is None else peer.activities
