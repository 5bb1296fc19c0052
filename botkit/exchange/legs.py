"""All legs of an exchange by their `call_control_id`: the live ones, and for a while those that ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botkit.clock import Clock
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused, call_ended, not_found

KEPT = 600.0
"""Seconds that an ended leg is known ([DOC] call status: 10 minutes); a command to it is answered by 90018."""

KEPT_MOST = 10_000
"""Ended legs that are known at once; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class LegStatus:
    """What REST tells of a leg. Times are wallclock; `ended_at` is None while it lives."""

    control_id: str
    leg_id: str
    session_id: str
    connection_id: str
    client_state: str | None
    calling: str
    called: str
    direction: str
    started: float
    answered_at: float | None
    ended_at: float | None


def status_of(leg: Leg) -> LegStatus:
    """The status of a leg now."""
    return LegStatus(
        leg.control_id,
        leg.leg_id,
        leg.session_id,
        leg.connection_id,
        leg.client_state,
        leg.calling,
        leg.called,
        leg.direction,
        leg.started,
        leg.answered_at,
        leg.ended_at,
    )


class Legs:
    """The registry. Iterating gives the live legs, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, Leg] = {}
        self._ended: dict[str, tuple[float, LegStatus]] = {}

    def __iter__(self) -> Iterator[Leg]:
        return iter(tuple(self._live.values()))

    def __len__(self) -> int:
        return len(self._live)

    def add(self, leg: Leg) -> None:
        """Know a leg; of several with one id (a fork) the last is the one."""
        self._live[leg.control_id] = leg

    def face(self, leg: Leg) -> Leg:
        """The phone by which a leg goes now that rings, or rang, on several; a leg of one phone is its own."""
        return self._live.get(leg.control_id, leg)

    def drop(self, leg: Leg) -> None:
        """Know no more of a leg that goes under another one's id."""
        self._live.pop(leg.control_id, None)

    def ended(self, leg: Leg) -> None:
        """It is over: known for a while, and then no more."""
        if self._live.get(leg.control_id) is not leg:
            return
        del self._live[leg.control_id]
        now = self._clock.now()
        self._ended[leg.control_id] = (now, status_of(leg))
        while now - next(iter(self._ended.values()))[0] >= KEPT or len(self._ended) > KEPT_MOST:
            del self._ended[next(iter(self._ended))]  # the oldest

    def live(self, control_id: str, pointer: str = "/call_control_id") -> Leg:
        """The leg for a command. Raises `CommandRefused`: 90018 when it is over, 90015 when it never was."""
        leg = self._live.get(control_id)
        if leg is not None and not leg.over.done():
            return leg
        if leg is not None or self._remembered(control_id) is not None:
            raise call_ended(pointer)
        raise CommandRefused("90015", "The call_control_id provided was not valid.", pointer=pointer)

    def status(self, control_id: str) -> LegStatus:
        """What is known of a leg, live or ended. Raises `CommandRefused` 10005."""
        leg = self._live.get(control_id)
        if leg is not None:
            return status_of(leg)
        if (known := self._remembered(control_id)) is not None:
            return known
        raise not_found("The requested call")

    def _remembered(self, control_id: str) -> LegStatus | None:
        at, known = self._ended.get(control_id, (0.0, None))
        return known if known is not None and self._clock.now() - at < KEPT else None
