"""Legs that record what a document asks of them, with queues and conferences to meet in.

Everything takes the world's time: a text takes a second a word, a file three seconds. The test is the party: it
picks up, presses keys and hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit.clock import Clock
from botkit.exchange.refusal import CommandRefused, call_ended, not_answered
from botkit.exchange.texml.port import (
    DialOrder,
    Ending,
    LegFacts,
    Recorded,
    RecordingOrder,
    RoomEvent,
    RoomListener,
    SeatOrder,
    TexmlLeg,
)

PLAY_TIME = 3.0


class World:
    """The legs of one test, and where they meet. `log` is all that was asked of them: (seconds, sid, what)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.log: list[tuple[float, str, str]] = []
        self.legs: dict[str, FakeTexmlLeg] = {}
        self.queues: dict[str, list[FakeTicket]] = {}
        self.queue_limit = 100
        self.rooms: dict[str, FakeRoom] = {}
        self.unreachable: set[str] = set()
        self.lost_files: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._began = clock.now()

    def leg(self, direction: Literal["inbound", "outbound"] = "inbound", **facts: Any) -> FakeTexmlLeg:
        number = next(self._numbers)
        values: dict[str, Any] = {
            "sid": f"v3:leg{number}",
            "leg_id": f"leg-{number}",
            "session_id": "session-1",
            "connection_id": "1684641123236054244",
            "calling": "+15550009",
            "called": "+13125550100",
            **facts,
        }
        leg = FakeTexmlLeg(self, LegFacts(direction=direction, **values))
        self.legs[leg.facts.sid] = leg
        return leg

    def told(self, leg: FakeTexmlLeg) -> list[str]:
        """What was asked of a leg, in order."""
        return [what for _, sid, what in self.log if sid == leg.facts.sid]

    def at(self, leg: FakeTexmlLeg, what: str) -> float:
        """When it was asked first, in seconds since the test began."""
        return next(at for at, sid, said in self.log if sid == leg.facts.sid and said == what)

    def note(self, sid: str, what: str) -> None:
        self.log.append((round(self.clock.now() - self._began, 3), sid, what))

    def start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def rung(self, address: str) -> FakeTexmlLeg:
        """The leg that rings at an address; waits for it."""
        while True:
            for leg in self.legs.values():
                if leg.facts.called == address and leg.facts.direction == "outbound" and not leg.found:
                    leg.found = True
                    return leg
            await self.clock.sleep(0.01)

    async def close(self) -> None:
        for leg in self.legs.values():
            leg.end("SYSTEM_SHUTDOWN")
        for task in set(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(set(self.tasks))


class FakeDigits:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    async def next(self) -> str:
        return await self.queue.get()


@dataclass(eq=False)
class FakeRecording:
    leg: FakeTexmlLeg
    began: float
    sid: str = "rec-1"
    recorded: Recorded | None = None

    async def ended(self) -> None:
        order = self.leg.recording_order
        assert order is not None
        ends = [seconds for seconds in (order.longest, order.silence) if seconds]
        await self.leg.world.clock.sleep(min(ends, default=1e6))

    async def stop(self) -> Recorded:
        if self.recorded is None:
            self.leg.note("recorded")
            length = self.leg.world.clock.now() - self.began
            self.recorded = Recorded(self.sid, f"http://media.test/{self.sid}.mp3", length)
        return self.recorded


@dataclass(eq=False)
class FakeTicket:
    leg: FakeTexmlLeg
    queue: str
    since: float
    gone: asyncio.Future[str]
    free: asyncio.Future[None]
    queue_sid: str = "queue-1"
    waited_for: float | None = None

    def line(self) -> list[FakeTicket]:
        return self.leg.world.queues.setdefault(self.queue, [])

    def position(self) -> int:
        return self.line().index(self) + 1

    def size(self) -> int:
        return len(self.line())

    def waited(self) -> float:
        return self.leg.world.clock.now() - self.since if self.waited_for is None else self.waited_for

    def average_wait(self) -> float:
        return self.waited()

    def leave(self, reason: str = "leave") -> None:
        if self.gone.done():
            return
        self.waited_for = self.waited()
        self.line().remove(self)
        self.gone.set_result(reason)
        self.leg.note(f"out of {self.queue}: {reason}")

    async def served(self) -> None:
        await asyncio.wait((self.free,))


@dataclass(eq=False)
class FakeRoom:
    world: World
    name: str
    sid: str
    started: asyncio.Future[None]
    seats: list[FakeSeat] = field(default_factory=list)
    listener: RoomListener | None = None

    def tell(self, kind: Any, **fields: str) -> None:
        if self.listener is not None:
            self.listener(RoomEvent(kind, self.sid, self.name, tuple(fields.items())))


@dataclass(eq=False)
class FakeSeat:
    leg: FakeTexmlLeg
    room: FakeRoom
    order: SeatOrder
    out: asyncio.Future[str]

    @property
    def conference_sid(self) -> str:
        return self.room.sid

    @property
    def started(self) -> asyncio.Future[None]:
        return self.room.started

    def leave(self) -> None:
        self.go("left")

    def go(self, why: str) -> None:
        if self.out.done():
            return
        room = self.room
        room.seats.remove(self)
        self.leg.note(f"out of {room.name}: {why}")
        self.out.set_result(why)
        room.tell("participant-leave", CallSid=self.leg.facts.sid)
        if self.order.end_on_exit:
            for seat in list(room.seats):
                seat.go("ended")
        if not room.seats and self.leg.world.rooms.pop(room.name, None) is not None:
            room.tell("conference-end")


class FakeTexmlLeg:
    """One leg. What a party does: `pick_up`, `press`, `hang_up_by_party`."""

    def __init__(self, world: World, facts: LegFacts) -> None:
        loop = asyncio.get_running_loop()
        self.world = world
        self.facts = facts
        self.ringing: asyncio.Future[None] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[Ending] = loop.create_future()
        self.parted: asyncio.Future[None] | None = None
        self.found = False
        self.order: DialOrder | None = None
        self.recording_order: RecordingOrder | None = None
        self.ticket: FakeTicket | None = None
        self.seat: FakeSeat | None = None
        self._listeners: list[FakeDigits] = []
        if facts.direction == "inbound":
            self.ringing.set_result(None)

    def note(self, what: str) -> None:
        self.world.note(self.facts.sid, what)

    # --- the party --------------------------------------------------------------------------------------

    def pick_up(self) -> None:
        self.note("picked up")
        self.answered.set_result(None)

    def press(self, digits: str) -> None:
        for digit in digits:
            for listener in self._listeners:
                listener.queue.put_nowait(digit)

    def leaves(self, cause: str = "NORMAL_CLEARING") -> None:
        """The party hangs up, or declines."""
        self.end(cause, source="callee" if self.facts.direction == "outbound" else "caller")

    def end(self, cause: str, source: Any = "unknown") -> None:
        if self.over.done():
            return
        self.note(f"over: {cause}")
        self.over.set_result(Ending(cause, source=source))
        self.part()
        if self.ticket is not None:
            self.ticket.leave("hangup")
        if self.seat is not None:
            self.seat.go("hangup")

    # --- the port ---------------------------------------------------------------------------------------

    async def answer(self) -> None:
        if self.over.done():
            raise call_ended()
        if not self.answered.done():
            await self.world.clock.sleep(0.1)
            self.note("answer")
            self.answered.set_result(None)

    def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        if not self.over.done():
            self.note("hang_up")
            self.end(cause)

    def reject(self, reason: Literal["rejected", "busy"]) -> None:
        self.note(f"reject {reason}")
        self.end("USER_BUSY" if reason == "busy" else "UNALLOCATED_NUMBER")

    async def _sound(self, what: str, seconds: float) -> None:
        if self.over.done():
            raise call_ended()
        self.note(what)
        try:
            await self.world.clock.sleep(seconds)
        except asyncio.CancelledError:
            self.note(f"cut: {what}")
            raise

    def _needs_answer(self) -> None:
        if not self.answered.done():
            raise not_answered()

    async def say(self, text: str, *, voice: str, language: str) -> None:
        self._needs_answer()
        await self._sound(f"say {text}", float(len(text.split())))

    async def play(self, url: str) -> None:
        self._needs_answer()
        if url in self.world.lost_files:
            raise CommandRefused("90040")
        await self._sound(f"play {url}", PLAY_TIME)

    async def ring_back(self, tone: str, audio_url: str) -> None:
        await self._sound(f"ring_back {audio_url or tone}", 1e6)

    async def send_digits(self, digits: str) -> None:
        self._needs_answer()
        await self._sound(f"send {digits}", 0.2 * len(digits))

    @contextlib.contextmanager
    def digits(self) -> Iterator[FakeDigits]:
        listener = FakeDigits()
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    def record(self, order: RecordingOrder) -> FakeRecording:
        self._needs_answer()
        self.recording_order = order
        self.note("beep and record" if order.beep else "record")
        return FakeRecording(self, self.world.clock.now())

    def dial(self, order: DialOrder) -> TexmlLeg:
        if order.address in self.world.unreachable:
            raise CommandRefused("10015")
        callee = self.world.leg("outbound", calling=order.caller_id, called=order.address)
        callee.order = order
        self.note(f"dial {order.address}")
        callee.ringing.set_result(None)
        self.world.start(callee._time_out(order.timeout))
        return callee

    async def _time_out(self, seconds: float) -> None:
        await self.world.clock.sleep(seconds)
        if not self.answered.done():
            self.end("NO_ANSWER")

    def part(self) -> None:
        if self.parted is not None and not self.parted.done():
            self.parted.set_result(None)

    async def bridge(self, other: TexmlLeg) -> None:
        assert isinstance(other, FakeTexmlLeg)
        self._needs_answer()
        other._needs_answer()
        if self.over.done() or other.over.done():
            raise call_ended()
        self.parted = other.parted = asyncio.get_running_loop().create_future()
        self.note(f"bridge {other.facts.sid}")
        try:
            await asyncio.wait((self.parted,))
        finally:
            self.part()
            self.note(f"parted {other.facts.sid}")

    def enqueue(self, queue: str) -> FakeTicket:
        self._needs_answer()
        line = self.world.queues.setdefault(queue, [])
        if len(line) >= self.world.queue_limit:
            raise CommandRefused("90036")
        loop = asyncio.get_running_loop()
        self.ticket = FakeTicket(self, queue, self.world.clock.now(), loop.create_future(), loop.create_future())
        line.append(self.ticket)
        self.note(f"enqueue {queue}")
        return self.ticket

    @contextlib.asynccontextmanager
    async def take_from(self, queue: str) -> AsyncIterator[TexmlLeg | None]:
        line = self.world.queues.get(queue, [])
        if not line:
            yield None
            return
        ticket = line[0]
        ticket.leave("bridged")
        try:
            yield ticket.leg
        finally:
            if not ticket.free.done():
                ticket.free.set_result(None)

    def join(self, order: SeatOrder) -> FakeSeat:
        self._needs_answer()
        loop = asyncio.get_running_loop()
        room = self.world.rooms.get(order.name)
        if room is None:
            room = self.world.rooms[order.name] = FakeRoom(self.world, order.name, "conf-1", loop.create_future())
        if len(room.seats) >= order.max_participants:
            raise CommandRefused("90032")
        if room.listener is None:
            room.listener = order.listener
        self.seat = FakeSeat(self, room, order, loop.create_future())
        room.seats.append(self.seat)
        self.note(f"join {order.name}")
        room.tell("participant-join", CallSid=self.facts.sid, Muted=str(order.muted).lower())
        if order.start_on_enter and not room.started.done():
            room.started.set_result(None)
            room.tell("conference-start")
        return self.seat
