"""A walk through all that may be done with the calls of an office, in any order; nothing may be out of place."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from botkit.exchange.conference import ConferencePlan
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.queue import QueuePlan
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.bodies import Transfer
from botkit.exchange.rest.dialling import transfer
from botkit.exchange.seat import SeatPlan
from botkit.settings import HOLD_MUSIC
from tests.exchange.kit import Office, play
from tests.exchange.robots import Manner, Robot, Watch
from tests.exchange.test_crossing import Crossing

CODECS = [("PCMU",), ("PCMA",), ("G722", "PCMU"), ("opus", "PCMU")]
NAMES = ["alice", "bob", "carol", "dora"]
NUMBERS = {"alice": "101", "bob": "100", "carol": "300", "dora": "400"}


class Walk:
    """Four phones, one of whom has a second one, an application, a conference room and a queue; a seeded die."""

    def __init__(self, at: Crossing, die: random.Random) -> None:
        self.at = at
        self.die = die
        self.watch: Watch = at.watch
        self.exchange = at.exchange
        self.switch = at.switch
        self.platform = at.exchange.platform
        self.robots: list[Robot] = []
        self.did: list[str] = []

    async def open(self) -> None:
        for name in [*NAMES, "dora"]:
            robot = Robot(self.at.office, name, *self.die.choice(CODECS))
            self.robots.append(await robot.log_in(NUMBERS[name]))
        connection = next(one for one in self.exchange.directory.connections.values() if one.user_name == "dora")
        connection.inbound.simultaneous_ringing = "enabled"

    async def close(self) -> None:
        for robot in self.robots:
            await robot.close()

    # --- the die -----------------------------------------------------------------------------------

    def robot(self) -> Robot:
        return self.die.choice(self.robots)

    def leg(self) -> Leg:
        legs = list(self.switch.legs)
        if not legs:
            raise LookupError("nobody calls")
        return self.die.choice(legs)

    async def step(self) -> None:
        """One thing at random; what is out of order is refused, and that is as good as anything."""
        deed = self.die.choice(DEEDS)
        self.did.append(deed.__name__)
        try:
            await deed(self)
        except (CommandRefused, LookupError) as refused:
            self.did[-1] += f" ({refused})"
        if self.die.random() < 0.5:
            for _ in range(self.die.randrange(20)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.die.choice((0.02, 0.1, 0.4, 2.0)))


# --- deeds of clients --------------------------------------------------------------------------------


async def dials(walk: Walk) -> None:
    robot = walk.robot()
    if robot.line is not None and len(robot.calls) < 4:
        await robot.dial(walk.die.choice(["900", "900", *NUMBERS.values()]))


async def changes_its_manner(walk: Walk) -> None:
    manners: list[Manner] = ["answers", "answers", "busy", "rings"]
    walk.robot().manner = walk.die.choice(manners)


async def hangs_up(walk: Walk) -> None:
    robot = walk.robot()
    await robot.hang_up(walk.die.choice(list(robot.calls.values())))


async def holds(walk: Walk) -> None:
    robot = walk.robot()
    await robot.modify(walk.die.choice(list(robot.calls.values())), walk.die.choice(["hold", "unhold"]))


async def transfers(walk: Walk) -> None:
    robot = walk.robot()
    number = walk.die.choice(["999", *NUMBERS.values()])
    await robot.modify(walk.die.choice(list(robot.calls.values())), "transfer", destination=number)


async def lends(walk: Walk) -> None:
    robot = walk.robot()
    call = walk.die.choice(list(robot.calls.values()))
    what = walk.die.choice(["enqueue", "conference", "takeBack"])
    await robot.modify(call, what, destination="queue" if what == "enqueue" else "room")


async def presses_keys(walk: Walk) -> None:
    robot = walk.robot()
    call = walk.die.choice(list(robot.calls.values()))
    if walk.die.random() < 0.5:
        await robot.info(call, "12#")
    elif call.media.described:
        call.media.say_digit("5", 0.08)


async def loses_its_line(walk: Walk) -> None:
    await walk.robot().drop()


async def comes_back(walk: Walk) -> None:
    robot = walk.robot()
    if robot.line is None:
        await robot.log_in()


# --- deeds of applications ---------------------------------------------------------------------------


async def dial(walk: Walk) -> None:
    number = walk.die.choice(["999", *NUMBERS.values()])
    if len(walk.switch.legs) < 12:
        walk.switch.dial(DialPlan((number,), "+15550001", connection_id=walk.at.application.id, timeout=10))


async def answer(walk: Walk) -> None:
    walk.platform.commands.answer(walk.leg())


async def hang_up(walk: Walk) -> None:
    walk.platform.commands.hang_up(walk.leg())


async def reject(walk: Walk) -> None:
    walk.platform.commands.reject(walk.leg(), "USER_BUSY")


async def bridge(walk: Walk) -> None:
    walk.platform.commands.bridge(walk.leg(), walk.leg(), stays=walk.die.choice(["", "parked", "held"]))


async def move(walk: Walk) -> None:
    leg = walk.leg()
    if leg.is_answered:
        transfer(walk.exchange, leg, Transfer(to=f"sip:{walk.die.choice(NAMES)}@sip.telnyx.com"))


async def enqueue(walk: Walk) -> None:
    leg = walk.leg()
    if leg.is_answered:
        plan = QueuePlan(max_wait=walk.die.choice([None, 1.0]))
        walk.platform.queues.enqueue(leg, "queue", plan)


async def leave_queue(walk: Walk) -> None:
    walk.platform.queues.leave(walk.leg())


async def take_head(walk: Walk) -> None:
    leg = walk.leg()
    walk.platform.commands.bridge(leg, walk.platform.queues.take_head("queue"))


async def join(walk: Walk) -> None:
    leg, room = walk.leg(), walk.platform.conferences.active("room")
    plan = SeatPlan(end_on_exit=walk.die.random() < 0.2, on_hold=walk.die.random() < 0.2)
    if room is None:
        walk.platform.conferences.create(leg, ConferencePlan("room"), plan)
    else:
        room.join(leg, plan)


async def leave_conference(walk: Walk) -> None:
    room = walk.platform.conferences.active("room")
    if room is not None:
        room.leave(walk.leg().control_id)


async def end_conference(walk: Walk) -> None:
    room = walk.platform.conferences.active("room")
    if room is not None and walk.die.random() < 0.3:
        room.end()


async def play_early(walk: Walk) -> None:
    leg = walk.leg()
    walk.switch.start(_refusable(walk.platform.commands.ready(leg, early=True)), f"command early {leg.id}")


async def gather(walk: Walk) -> None:
    walk.platform.activities.of(walk.leg()).gather(maximum_digits=3, timeout_millis=3000)


async def send_digits(walk: Walk) -> None:
    walk.platform.activities.of(walk.leg()).send_dtmf(digits="1w2")


async def record(walk: Walk) -> None:
    activities = walk.platform.activities.of(walk.leg())
    if walk.die.random() < 0.5:
        activities.start_recording(channels="dual", format="wav")
    else:
        activities.stop_recording()


async def _refusable(work: Awaitable[None]) -> None:
    with contextlib.suppress(CommandRefused):
        await work


Deed = Callable[[Walk], Awaitable[None]]
DEEDS: list[Deed] = [
    *([dials, dial, answer] * 3),
    *([bridge, join, enqueue] * 2),
    *(changes_its_manner, hangs_up, holds, transfers, lends, presses_keys, loses_its_line, comes_back, comes_back),
    *(hang_up, reject, move, leave_queue, take_head, leave_conference, end_conference),
    *(play_early, gather, send_digits, record),
]


def walk(seed: int, length: int, *, closing: bool = False) -> None:
    """Walk; then let all end by itself, or (`closing`) end the exchange where it stands."""
    die = random.Random(seed)

    async def scene(office: Office) -> None:
        at = Crossing(office)
        at.application = at.add_application()
        one = Walk(at, die)
        await one.open()
        try:
            for number in range(length):
                await one.step()
                if number % 5 == 4:
                    await one.watch.settle()
                    one.watch.check_places()
                    one.watch.check_order()
                if number % 20 == 19:
                    await one.watch.check_sound()
            if closing:
                await office.exchange.close()
                await asyncio.sleep(0.1)
            for leg in list(one.switch.legs):
                leg.bye("NORMAL_CLEARING", "command")
            await asyncio.sleep(3)
            await one.close()
            await asyncio.sleep(0.1)
            one.watch.check_gone()
        except BaseException as error:
            error.add_note(f"seed {seed}: " + ", ".join(one.did))
            raise

    play(scene, hold_audio=HOLD_MUSIC, calls_kept=30.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_walk(seed: int) -> None:
    """After each few steps every leg is in its place and heard of in order; at the end nothing is left."""
    walk(seed, 60)


@pytest.mark.parametrize("seed", range(100, 104))
def test_an_exchange_closes_at_any_moment(seed: int) -> None:
    """Whatever is under way when an exchange is closed ends, with a word to who is told."""
    walk(seed, 30 + seed % 7, closing=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_a_long_walk(seed: int) -> None:
    """The same, many times and for long."""
    walk(seed, 150, closing=seed % 4 == 0)
