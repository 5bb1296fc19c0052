"""All conferences of an exchange: the active ones by name and id, and for a while those that ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.exchange.activities.sounds import SoundFailed
from botkit.exchange.conference import Conference, ConferencePlan, Teller
from botkit.exchange.conference_sound import ConferenceSound
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused, not_answered, not_found
from botkit.exchange.seat import SeatPlan
from botkit.media.pacer import Pacer

KEPT = 600.0
"""Seconds that a conference is known after its end, as a call is ([POL])."""

KEPT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Rooms:
    """What conferences need of the exchange.

    `take_out` takes a leg out of where it is, and parks it; `over` is told of a conference that has ended.
    """

    clock: Clock
    pacer: Pacer
    hold_audio: HoldAudio
    take_out: Callable[[Leg], None]
    over: Callable[[Conference], None]


class Conferences:
    """The registry. `start` runs work in a task that the exchange owns; `tell` is told what happens in all of them."""

    def __init__(
        self,
        clock: Clock,
        pacer: Pacer,
        hold_audio: HoldAudio,
        take_out: Callable[[Leg], None],
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        tell: Teller = lambda conference, event_type, fields, leg: None,
    ) -> None:
        self.teller = tell
        self._rooms = Rooms(clock, pacer, hold_audio, take_out, self._over)
        self._clock = clock
        self._start = start
        self._known: dict[str, Conference] = {}
        self._ended: dict[str, float] = {}  # id to when, oldest first
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._sounds: dict[str, ConferenceSound] = {}

    def __iter__(self) -> Iterator[Conference]:
        """All that are known, those that ended too, in the order in which they were made."""
        self._forget()
        return iter(tuple(self._known.values()))

    def create(self, leg: Leg, plan: ConferencePlan, seat: SeatPlan | None = None) -> Conference:
        """A conference with `leg` in it. Raises `CommandRefused`: 90033 where an active one has the name, 90034."""
        if self.active(plan.name) is not None:
            raise CommandRefused("90033", "Conference with given name already exists and it's active.", pointer="/name")
        if not leg.is_answered:
            raise not_answered()
        conference = Conference(self._rooms, leg, plan, lambda *told: self.teller(*told))
        self._known[conference.id] = conference
        self._sounds[conference.id] = ConferenceSound(conference, self._start, (ConfigError, SoundFailed))
        conference.tell("conference.created")
        conference.join(leg, seat or SeatPlan())
        if not conference.is_over:
            name = f"conference {conference.id} lasts"
            self._timers[conference.id] = self._start(self._lasts(conference), name)
        return conference

    def active(self, name: str) -> Conference | None:
        """The active one of this name."""
        return next((one for one in self._known.values() if one.name == name and not one.is_over), None)

    def get(self, conference_id: str) -> Conference:
        """One that is known, ended or not. Raises `CommandRefused` 10005 (404)."""
        self._forget()
        conference = self._known.get(conference_id)
        if conference is None:
            raise not_found("The requested conference")
        return conference

    def sound(self, conference: Conference) -> ConferenceSound:
        """What is played into one that is known."""
        return self._sounds[conference.id]

    async def _lasts(self, conference: Conference) -> None:
        await self._clock.sleep(60 * conference.plan.duration_minutes)
        conference.expire()

    def _over(self, conference: Conference) -> None:
        timer = self._timers.pop(conference.id, None)
        if timer is not None and timer is not asyncio.current_task():
            timer.cancel()
        self._ended[conference.id] = self._clock.now()
        self._forget()

    def _forget(self) -> None:
        now = self._clock.now()
        while self._ended:
            oldest, at = next(iter(self._ended.items()))
            if now - at < KEPT and len(self._ended) <= KEPT_MOST:
                return
            del self._ended[oldest], self._known[oldest], self._sounds[oldest]
