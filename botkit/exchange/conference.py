"""A conference: legs in one room, from the one that made it to its end.

    init ── start ──► in_progress ── end ──► completed
      └────────────────── end ───────────────┘

In `init` its members hear hold audio. It ends when all have left (`all_left`), when a member leaves whose exit ends it
(`host_left`), by command (`ended_via_api`) or when its time is over (`time_exceeded`). At its end the members' legs
are hung up; after a soft end, and those that are to stay, they are parked.

What happens is told by the webhooks' own names, in this order: `conference.created`, `.participant.joined` and
`.left` for each leg, and last `conference.ended`, after the hang-ups that it causes.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import EndedBy, Leg
from botkit.exchange.refusal import CommandRefused, not_answered
from botkit.exchange.seat import Beep, Role, Seat, SeatPlan
from botkit.media.mixer import Mixer
from botkit.media.participant import Member
from botkit.media.pcm import in_frames
from botkit.media.source import ToneSource

if TYPE_CHECKING:
    from botkit.exchange.conferences import Rooms

INIT, IN_PROGRESS, COMPLETED = "init", "in_progress", "completed"
ALL_LEFT, VIA_API, HOST_LEFT, TIME_EXCEEDED = "all_left", "ended_via_api", "host_left", "time_exceeded"

_ENDED_BY: dict[str, EndedBy] = {VIA_API: "command", HOST_LEFT: "peer", TIME_EXCEEDED: "exchange"}
"""Whose doing the hang-up of its members is."""

LASTS_MINUTES = 240
"""[DOC] Conferences end after four hours."""

MOST_MEMBERS = 250
"""[SDK] `max_participants`, default 250."""

BEEPS = {"enter": ToneSource((880.0,), 0.2, level=-18.0), "exit": ToneSource((440.0,), 0.2, level=-18.0)}
"""How an entry and an exit sound; the platform's own sounds are its own."""

Teller = Callable[["Conference", str, Mapping[str, object], Leg | None], None]
"""Is told what happened: the event's type and its own fields, and the member whom it is about. Never waits."""


@dataclass(frozen=True, slots=True)
class ConferencePlan:
    """How a conference is (the fields of `POST /conferences`). `hold_audio` None: the exchange's."""

    name: str
    beep: Beep = "never"
    hold_audio: HoldAudio | None = None
    max_participants: int = MOST_MEMBERS
    start_on_create: bool = True
    duration_minutes: float = LASTS_MINUTES
    region: str = "US"


class Conference:
    """One. Made by `Conferences.create`, which has its creator sit down."""

    def __init__(self, rooms: Rooms, creator: Leg, plan: ConferencePlan, teller: Teller) -> None:
        self.id = str(uuid.uuid4())
        self.plan = plan
        self.name = plan.name
        self.creator = creator
        self.connection_id = creator.connection_id
        """Its owner is that of the leg which made it, whoever joins."""
        self.status = IN_PROGRESS if plan.start_on_create else INIT
        self.created_at = self.updated_at = rooms.clock.wall()
        self.expires_at = self.created_at + 60 * plan.duration_minutes
        self.end_reason: str | None = None
        self.ended_by: Leg | None = None
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set when its members hear each other."""
        if plan.start_on_create:
            self.started.set_result(None)
        self.mixer = Mixer(rooms.pacer)
        self.tellers: list[Teller] = [teller]
        """Are told what happens; they may be added to."""
        self._rooms = rooms
        self._seats: dict[str, Seat] = {}

    # --- who is in it ----------------------------------------------------------------------------

    @property
    def seats(self) -> list[Seat]:
        """In the order of their coming."""
        return list(self._seats.values())

    @property
    def is_started(self) -> bool:
        return self.status == IN_PROGRESS

    @property
    def is_over(self) -> bool:
        return self.status == COMPLETED

    def seat(self, control_id: str, pointer: str = "/call_control_id") -> Seat:
        """The seat of a member. Raises `CommandRefused` 90015 for a call that is not in it."""
        if (seat := self._seats.get(control_id)) is None:
            raise CommandRefused("90015", "The call is not in this conference.", pointer=pointer)
        return seat

    def find(self, participant: str) -> Seat | None:
        """By the participant's id, its label or its call control id."""
        return next(
            (one for one in self.seats if participant in (one.id, one.label, one.leg.control_id) and participant), None
        )

    def members_of(self, control_ids: Iterable[str]) -> list[Member]:
        """The mixer's members for some of the calls; those that are not in it are left out."""
        return [self._seats[one].member for one in control_ids if one in self._seats]

    def some(self, control_ids: Collection[str] | None) -> list[Seat]:
        """The seats that a command names: all where it names none."""
        self.need_active()
        if not control_ids:
            return self.seats
        return [self.seat(one, "/call_control_ids") for one in control_ids]

    def need_active(self) -> None:
        """Raise `CommandRefused` 90019 when it is over."""
        if self.is_over:
            raise CommandRefused("90019")

    def tell(self, event_type: str, leg: Leg | None = None, /, **fields: object) -> None:
        """Say what happened; `leg` is the member whom it is about."""
        for teller in list(self.tellers):
            teller(self, event_type, fields, leg)

    def changed(self, *seats: Seat) -> None:
        """Some members are otherwise than before."""
        self.updated_at = now = self._rooms.clock.wall()
        for seat in seats:
            seat.updated_at = now
        for seat in self.seats:
            seat.apply(self.plan.hold_audio or self._rooms.hold_audio)

    # --- coming and going ------------------------------------------------------------------------

    def join(self, leg: Leg, plan: SeatPlan) -> Seat:
        """Let a leg in; it leaves where it was. Raises `CommandRefused`: 90019 over, 90034 not answered, 90044 in it
        already, 90032 full."""
        self.need_active()
        if leg.control_id in self._seats:
            raise CommandRefused("90044", "The call is in this conference already.", pointer="/call_control_id")
        if not leg.is_answered:
            raise not_answered()
        if len(self._seats) >= self.plan.max_participants:
            raise CommandRefused("90032", f"The conference has {self.plan.max_participants} participants already.")
        self._rooms.take_out(leg)
        seat = Seat(self, leg, self.mixer.add(leg.endpoint.session), plan, self._rooms.clock.wall())
        self._seats[leg.control_id] = seat
        leg.place = seat
        if plan.start_on_enter and self.status == INIT:
            self.status = IN_PROGRESS
            self.started.set_result(None)
        self.changed(seat)
        self.tell("conference.participant.joined", leg)
        self._beep("enter", seat)
        return seat

    def leave(self, control_id: str, beep: Beep | None = None) -> None:
        """Let a member go: its leg is parked. Raises `CommandRefused`."""
        self.need_active()
        seat = self.seat(control_id)
        seat.beep = beep or seat.beep
        self._rooms.take_out(seat.leg)

    def left(self, seat: Seat, why: str) -> None:
        """A member has gone: by command, to another place, by its hang-up. It may end the conference."""
        if not self._unseat(seat, why):
            return
        if seat.end_on_exit or seat.soft_end_on_exit:
            self._end(HOST_LEFT, seat.leg, hang_up=seat.end_on_exit)
        elif not self._seats:
            self._end(ALL_LEFT, seat.leg)
        else:
            self._beep("exit", seat)

    def _unseat(self, seat: Seat, why: str) -> bool:
        if self._seats.get(seat.leg.control_id) is not seat:
            return False
        del self._seats[seat.leg.control_id]
        self.mixer.remove(seat.member)
        seat.stop_hold_audio()
        if seat.leg.place is seat:
            seat.leg.place = None
        self.changed()
        self.tell("conference.participant.left", seat.leg)
        if not seat.out.done():
            seat.out.set_result(why)
        return True

    def end(self) -> None:
        """End it by command. Raises `CommandRefused` 90019 when it is over."""
        self.need_active()
        self._end(VIA_API)

    def expire(self) -> None:
        """Its time is over."""
        if not self.is_over:
            self._end(TIME_EXCEEDED)

    def _end(self, reason: str, by: Leg | None = None, *, hang_up: bool = True) -> None:
        if self.is_over:
            return
        self.end_reason, self.ended_by = reason, by
        members = self.seats
        self.status = COMPLETED
        for seat in members:
            self._unseat(seat, reason)
            if hang_up and not seat.stays:
                seat.leg.bye("NORMAL_CLEARING", _ENDED_BY[reason])
        self.expires_at = self.updated_at = self._rooms.clock.wall()
        self._rooms.over(self)
        # [POL] The end is told last; the hang-ups are told by callbacks that run before this one.
        # [SDK] `ended_via_api` is no reason of the event's.
        told = HOST_LEFT if reason == VIA_API else reason
        asyncio.get_running_loop().call_soon(lambda: self.tell("conference.ended", reason=told))

    # --- commands for some or all ----------------------------------------------------------------

    def mute(self, muted: bool, control_ids: Collection[str] | None = None) -> None:
        """Mute, or let be heard again: some, or all. Raises `CommandRefused`."""
        seats = self.some(control_ids)
        for seat in seats:
            seat.muted = muted
        self.changed(*seats)

    def hold(self, control_ids: Collection[str] | None = None, audio: HoldAudio | None = None) -> None:
        """Put some or all on hold: not heard, they hear `audio`, or the conference's. Raises `CommandRefused`."""
        seats = self.some(control_ids)
        for seat in seats:
            if audio is not None:
                seat.stop_hold_audio()
                seat.hold_audio = audio
            seat.on_hold = True
        self.changed(*seats)

    def unhold(self, control_ids: Collection[str] | None = None) -> None:
        """Back into the conversation. Raises `CommandRefused`."""
        seats = self.some(control_ids)
        for seat in seats:
            seat.on_hold = False
        self.changed(*seats)

    def supervise(self, control_id: str, role: Role, whisper_to: Collection[str] = ()) -> None:
        """Change what a member may do. Raises `CommandRefused`."""
        self.need_active()
        seat = self.seat(control_id)
        seat.role, seat.whisper_to = role, tuple(whisper_to)
        self.changed(seat)

    def _beep(self, what: str, seat: Seat) -> None:
        beep = seat.beep or self.plan.beep
        if beep == "always" or beep == f"on_{what}":
            rate = self.mixer.rate
            self.mixer.play(in_frames(BEEPS[what].pcm(rate), rate), rate)
