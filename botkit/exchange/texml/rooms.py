"""Queues and conferences of the exchange, as documents see them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botkit.exchange.bridge import Bridge
from botkit.exchange.conference import Conference, ConferencePlan
from botkit.exchange.conferences import Conferences
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.queue import Entry, QueuePlan, Reason
from botkit.exchange.queues import Queues
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.seat import Beep, Seat, SeatPlan
from botkit.exchange.texml.port import RoomEvent, RoomListener, SeatOrder
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.house import House
    from botkit.exchange.texml.real_leg import RealTexmlLeg

log = logger(__name__)

BEEPS: Mapping[str, Beep] = {"true": "always", "false": "never", "onEnter": "on_enter", "onExit": "on_exit"}

JOINED_WITHIN = 5.0
"""Seconds that somebody who took a leg out of a queue by a command has to bridge it."""

LOOK_EVERY = 0.05


class Rooms:
    """The door to both, for legs of documents."""

    def __init__(self, house: House, queues: Queues, conferences: Conferences) -> None:
        self._house = house
        self._queues = queues
        self._conferences = conferences
        self._listened: dict[str, _Teller] = {}
        self._silence = HoldAudio(None, house.start)

    # --- queues -------------------------------------------------------------------------------------------

    def enqueue(self, leg: RealTexmlLeg, queue: str) -> RealTicket:
        """Raises `CommandRefused`."""
        leg.served.set()
        return RealTicket(self._house, leg, self._queues.enqueue(leg.leg, queue, QueuePlan()))

    def take(self, queue: str) -> RealTexmlLeg | None:
        """The head, out of the queue; None of an empty one."""
        try:
            return self._house.of(self._queues.take_head(queue))
        except CommandRefused:
            return None

    # --- conferences --------------------------------------------------------------------------------------

    def join(self, leg: RealTexmlLeg, order: SeatOrder) -> RealSeat:
        """Raises `CommandRefused`."""
        if order.record:
            log.warning("texml.not_recorded", conference=order.name, what="this exchange records legs only")
        plan = SeatPlan(
            muted=order.muted,
            # Who has music of its own hears that, and not the exchange's as well.
            hold_audio=self._silence if order.has_wait else None,
            end_on_exit=order.end_on_exit,
            start_on_enter=order.start_on_enter,
            beep=BEEPS[order.beep],
            label=order.label,
            stays=True,
        )
        conference = self._conferences.active(order.name)
        if conference is not None:
            self._listen(conference, order.listener)
            return RealSeat(conference, conference.join(leg.leg, plan))
        conference = self._conferences.create(
            leg.leg,
            ConferencePlan(order.name, max_participants=order.max_participants, start_on_create=order.start_on_enter),
            plan,
        )
        self._listen(conference, order.listener)
        if (teller := self._listened.get(conference.id)) is not None:
            teller(conference, "conference.participant.joined", {}, leg.leg)  # it was told before anybody listened
        return RealSeat(conference, conference.seat(leg.leg.control_id))

    def _listen(self, conference: Conference, listener: RoomListener | None) -> None:
        """The first listener that a conference is given is told all of it from then on."""
        if listener is None or conference.id in self._listened:
            return
        teller = self._listened[conference.id] = _Teller(conference, listener)
        conference.tellers.append(teller)
        known = {one.id for one in self._conferences if not one.is_over} | {conference.id}
        for gone in self._listened.keys() - known:
            del self._listened[gone]


class RealTicket:
    """A leg's entry in a queue."""

    def __init__(self, house: House, leg: RealTexmlLeg, entry: Entry) -> None:
        self._house = house
        self._leg = leg
        self._entry = entry
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        entry.gone.add_done_callback(self._is_gone)

    def _is_gone(self, gone: asyncio.Future[Reason]) -> None:
        if not self.gone.done() and not gone.cancelled():
            reason = gone.result()
            self.gone.set_result("bridged" if reason == "bridging-in-process" else reason)

    @property
    def queue_sid(self) -> str:
        return self._entry.queue.id

    def position(self) -> int:
        return self._entry.position

    def size(self) -> int:
        return len(self._entry.queue)

    def waited(self) -> float:
        return self._entry.waited

    def average_wait(self) -> float:
        return self._entry.queue.average_wait

    def leave(self, reason: str = "leave") -> None:
        if not self._entry.gone.done():
            self._entry.queue.remove(self._entry, "timeout" if reason == "timeout" else "leave")
        self._is_gone(self._entry.gone)

    async def served(self) -> None:
        leg = self._leg
        if leg.served.is_set():
            await self._bridged_by_command(leg.leg)
        await leg.served.wait()

    async def _bridged_by_command(self, leg: Leg) -> None:
        """Somebody else's command took it: its bridge is about to be made, and must not take the leg with it."""
        clock = self._house.switch.clock
        until = clock.now() + JOINED_WITHIN
        while not isinstance(leg.place, Bridge) and clock.now() < until and not leg.over.done():
            await clock.sleep(LOOK_EVERY)
        if isinstance(leg.place, Bridge):
            leg.place.stays[leg] = "parked"
            await leg.place.dissolved.wait()


class RealSeat:
    """A leg's seat in a conference."""

    def __init__(self, conference: Conference, seat: Seat) -> None:
        self._conference = conference
        self._seat = seat
        self.out: asyncio.Future[str] = seat.out
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watch(conference)
        if not self.started.done():
            conference.tellers.append(self._watch)
            seat.out.add_done_callback(lambda _out: self._watch_no_more())

    @property
    def conference_sid(self) -> str:
        return self._conference.id

    def leave(self) -> None:
        if not self.out.done():
            self._seat.leave(self._seat.leg)

    def _watch(self, conference: Conference, *_told: object) -> None:
        if conference.is_started and not self.started.done():
            self.started.set_result(None)

    def _watch_no_more(self) -> None:
        if self._watch in self._conference.tellers:
            self._conference.tellers.remove(self._watch)


class _Teller:
    """Tells one listener of a conference, in the words of TeXML."""

    def __init__(self, conference: Conference, listener: RoomListener) -> None:
        self._listener = listener
        self._started = conference.is_started and len(conference.seats) > 1

    def __call__(self, conference: Conference, event_type: str, fields: Mapping[str, object], leg: Leg | None) -> None:
        if event_type == "conference.participant.joined" and leg is not None:
            seat = conference.seat(leg.control_id)
            label = (("ParticipantLabel", seat.label),) if seat.label else ()
            about = (*_about(leg), *label, ("Muted", str(seat.muted).lower()))
            self._tell(conference, "participant-join", *about)
            if conference.is_started and not self._started:
                self._started = True
                self._tell(conference, "conference-start")
        elif event_type == "conference.participant.left" and leg is not None:
            self._tell(conference, "participant-leave", *_about(leg))
        elif event_type == "conference.ended":
            self._tell(conference, "conference-end", ("ReasonConferenceEnded", str(fields.get("reason", ""))))

    def _tell(self, conference: Conference, kind: str, *fields: tuple[str, str]) -> None:
        self._listener(RoomEvent(kind, conference.id, conference.name, fields))  # type: ignore[arg-type]


def _about(leg: Leg) -> tuple[tuple[str, str], ...]:
    return (("CallSid", leg.control_id), ("CallSidLegacy", leg.control_id))
