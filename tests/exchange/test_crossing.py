"""What crosses on the way: a leg that ends, or is commanded, at any moment of whatever is being done with it.

Each sweep lets one thing happen a number of steps of the event loop after another, for as many steps as the other
takes; nothing may stay of either, and what is told stays in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit.causes import cause
from botkit.exchange.applications import VoiceApplication
from botkit.exchange.bridge import Bridge
from botkit.exchange.conference import ConferencePlan
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.queue import QueuePlan
from botkit.exchange.rest.bodies import Dial, Transfer
from botkit.exchange.rest.dialling import dial, transfer
from botkit.media.playback import Playback
from botkit.media.transport import MemoryTransport
from botkit.settings import HOLD_MUSIC
from tests.exchange.kit import Office, play, until
from tests.exchange.robots import Robot, Watch

STEPS = range(0, 61, 3)


@pytest.fixture(autouse=True)
def _slow_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """To find one's own addresses takes a few steps, as it does on a network."""
    gather = MemoryTransport.gather

    async def slowly(transport: MemoryTransport, *, offerer: bool) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        await gather(transport, offerer=offerer)

    monkeypatch.setattr(MemoryTransport, "gather", slowly)


async def steps(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Crossing:
    """Alice, who may call Bob at 100 or the application at 900, Bob, and Carol at 300."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.exchange = office.exchange
        self.switch = office.exchange.switch
        self.watch = Watch(office)
        self.robots: list[Robot] = []

    def add_application(self) -> VoiceApplication:
        directory = self.exchange.directory
        application = directory.add_voice_application(VoiceApplication(application_name="app", webhook_event_url=""))
        directory.add_number("900", application)
        return application

    async def open(self) -> None:
        self.application = self.add_application()
        self.alice = await self.robot("alice")
        self.bob = await self.robot("bob", "100")
        self.carol = await self.robot("carol", "300")

    async def robot(self, name: str, *numbers: str, codecs: tuple[str, ...] = ()) -> Robot:
        robot = Robot(self.office, name, *codecs)
        self.robots.append(robot)
        return await robot.log_in(*numbers)

    async def parked(self, robot: Robot | None = None) -> Leg:
        """A leg of Alice's (or another's) that rings for the application."""
        robot = robot or self.alice
        before = set(self.switch.legs)
        await robot.dial("900")
        await until(lambda: bool(set(self.switch.legs) - before))
        (leg,) = set(self.switch.legs) - before
        await until(lambda: leg.control_id in self.watch.told)
        return leg

    async def dialled(self, number: str = "100", **more: Any) -> Leg:
        """A leg that the application has dialled."""
        plan = DialPlan((number,), "+15550001", connection_id=self.application.id, **more)
        (leg,) = self.switch.dial(plan)
        return leg

    async def up(self, number: str = "100") -> Leg:
        leg = await self.dialled(number)
        await leg.settled()
        await asyncio.sleep(0.1)
        assert leg.is_answered
        return leg

    async def end(self) -> None:
        for leg in list(self.switch.legs):
            leg.bye("NORMAL_CLEARING", "command")
        await asyncio.sleep(0.5)
        for robot in self.robots:
            assert not robot.calls, f"{robot.name} still has a call"
            await robot.close()
        await asyncio.sleep(0.1)
        self.watch.check_gone()


Scene = Callable[[Crossing], Coroutine[Any, Any, None]]


def cross(scene: Scene, **options: Any) -> None:
    """Play it; all must be gone afterwards."""

    async def whole(office: Office) -> None:
        crossing = Crossing(office)
        await crossing.open()
        await scene(crossing)
        await crossing.end()
        assert not office.troubles

    play(whole, **{"hold_audio": None, **options})


# --- phones of one address ---------------------------------------------------------------------------


async def two_phones(at: Crossing) -> tuple[Robot, Robot]:
    """Dora has two phones at 400, which ring together; neither answers by itself."""
    first, second = await at.robot("dora", "400"), await at.robot("dora", "400")
    connection = next(one for one in at.exchange.directory.connections.values() if one.user_name == "dora")
    connection.inbound.simultaneous_ringing = "enabled"
    first.manner = second.manner = "rings"
    return first, second


async def both_ring(*phones: Robot) -> None:
    await until(lambda: all(phone.calls for phone in phones))


@pytest.mark.parametrize("who", [0, 1])
def test_one_phone_of_two_refuses(who: int) -> None:
    """One leg that rings on two phones goes on when one of them is busy; the other may answer it."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400")
        await both_ring(*phones)
        refuses, answers = phones[who], phones[1 - who]
        await refuses.hang_up(next(iter(refuses.calls.values())), "USER_BUSY", 17)
        await asyncio.sleep(0.1)
        assert at.watch.told[leg.control_id] == ["initiated"]
        assert not at.switch.legs.live(leg.control_id).over.done()
        await answers.answer(next(iter(answers.calls.values())))
        await asyncio.sleep(0.1)
        assert at.watch.told[leg.control_id] == ["initiated", "answered"]
        assert at.switch.legs.live(leg.control_id).is_answered

    cross(scene)


def test_both_phones_refuse() -> None:
    """The leg is over when the last phone has refused, and says so once."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400")
        await both_ring(*phones)
        for phone in phones:
            await phone.hang_up(next(iter(phone.calls.values())), "USER_BUSY", 17)
            await asyncio.sleep(0.1)
        assert at.watch.told[leg.control_id] == ["initiated", "hangup"]

    cross(scene)


def test_all_phones_of_a_leg_stop_ringing() -> None:
    """A command that ends the leg ends it on all phones."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400")
        await both_ring(*phones)
        at.exchange.platform.commands.hang_up(at.switch.legs.live(leg.control_id))
        await asyncio.sleep(0.1)
        assert not any(phone.calls for phone in phones)
        assert at.watch.told[leg.control_id] == ["initiated", "hangup"]

    cross(scene)


@pytest.mark.parametrize("who", [0, 1])
def test_what_a_command_said_of_a_leg_stays(who: int) -> None:
    """client_state that is updated while phones ring is that of the leg, whichever phone answers."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400", client_state="b2xk")
        await both_ring(*phones)
        at.switch.legs.live(leg.control_id).client_state = "bmV3"
        await phones[who].answer(next(iter(phones[who].calls.values())))
        await asyncio.sleep(0.1)
        assert at.switch.legs.live(leg.control_id).client_state == "bmV3"

    cross(scene)


@pytest.mark.parametrize("who", [0, 1])
def test_a_bridge_waits_for_whichever_phone_answers(who: int) -> None:
    """A leg that still rings is bridged when one of its phones has answered."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        other = await at.up("100")
        leg = await at.dialled("400")
        await both_ring(*phones)
        at.exchange.platform.commands.bridge(leg, other)
        await asyncio.sleep(0.1)
        await phones[who].answer(next(iter(phones[who].calls.values())))
        await asyncio.sleep(0.2)
        assert other.peer is at.switch.legs.live(leg.control_id)

    cross(scene)


@pytest.mark.parametrize("after", STEPS)
def test_two_phones_answer_at_once(after: int) -> None:
    """One of them has the call, the other one is told that it lost the race."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400")
        await both_ring(*phones)
        phones[0].start(phones[0].answer(next(iter(phones[0].calls.values()))))
        await steps(after)
        if phones[1].calls:
            phones[1].start(phones[1].answer(next(iter(phones[1].calls.values()))))
        await asyncio.sleep(0.5)
        assert sum(len(phone.calls) for phone in phones) == 1
        assert at.watch.told[leg.control_id] == ["initiated", "answered"]

    cross(scene)


# --- the end crosses ---------------------------------------------------------------------------------


def ends(at: Crossing, robot: Robot, by: str) -> None:
    """A robot's last call, where it has one, ends by its own wish or by that of an application."""
    for call in list(robot.calls.values())[-1:]:
        if by == "party":
            robot.start(robot.hang_up(call))
        else:
            for leg in at.switch.legs:
                if leg.id == call.id:
                    at.exchange.platform.commands.hang_up(leg)


BY = pytest.mark.parametrize("by", ["party", "command"])


@BY
@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize("after", range(0, 121, 3))
def test_a_bye_crosses_the_set_up_of_a_call(after: int, who: str, by: str) -> None:
    """A direct call that is ended at any moment of its set-up ends on both sides."""

    async def scene(at: Crossing) -> None:
        await at.alice.dial("100")
        await until(lambda: bool(at.bob.calls))
        await steps(after)
        ends(at, at.alice if who == "caller" else at.bob, by)
        await asyncio.sleep(2.5)
        assert not at.alice.calls
        assert not at.bob.calls
        assert not list(at.switch.legs)

    cross(scene)


@BY
@pytest.mark.parametrize("after", STEPS)
def test_a_bye_crosses_the_answer_to_a_parked_leg(after: int, by: str) -> None:
    """Nothing is sent to the client of a leg that is over."""

    async def scene(at: Crossing) -> None:
        leg = await at.parked()
        at.exchange.platform.commands.answer(leg)
        await steps(after)
        ends(at, at.alice, by)
        await asyncio.sleep(2.5)
        assert not at.alice.calls
        assert leg.over.done()

    cross(scene)


@BY
@pytest.mark.parametrize("after", STEPS)
def test_a_bye_crosses_early_media(after: int, by: str) -> None:
    """A leg that ends while it is given media before the answer is gone, and its media with it."""

    async def scene(at: Crossing) -> None:
        leg = await at.parked()
        at.switch.start(at.exchange.platform.commands._early(leg), "command early")
        await steps(after)
        ends(at, at.alice, by)
        await asyncio.sleep(2.5)
        assert not at.alice.calls

    cross(scene)


@pytest.mark.parametrize("after", STEPS)
def test_an_answer_crosses_early_media(after: int) -> None:
    """A leg that is answered while it is given early media has one description and one path, and is answered."""

    async def scene(at: Crossing) -> None:
        leg = await at.parked()
        at.switch.start(at.exchange.platform.commands._early(leg), "command early")
        await steps(after)
        at.exchange.platform.commands.answer(leg)
        await asyncio.sleep(1.0)
        assert leg.is_answered
        assert at.watch.told[leg.control_id] == ["initiated", "answered"]
        (call,) = at.alice.calls.values()
        assert call.is_up
        assert at.alice.line is not None
        assert sum("sdp" in frame.get("params", {}) for frame in at.alice.line.seen) == 1
        assert call.media.session.receiver.statistics.packets_received > 20

    cross(scene)


@pytest.mark.parametrize("after", STEPS)
def test_early_media_twice(after: int) -> None:
    """Two commands that need early media at the same time share it."""

    async def scene(at: Crossing) -> None:
        leg = await at.parked()
        for _ in range(2):
            at.switch.start(at.exchange.platform.commands._early(leg), "command early")
            await steps(after)
        await asyncio.sleep(1.0)
        (call,) = at.alice.calls.values()
        assert call.media.session.receiver.statistics.packets_received > 20
        assert at.alice.line is not None
        assert at.alice.line.order.count("media") == 1

    cross(scene)


@BY
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("after", STEPS)
def test_a_bye_crosses_a_bridge_to_one_that_rings(after: int, who: int, by: str) -> None:
    """Whoever ends while two legs are being joined ends both, or nothing was joined and the other is parked."""

    async def scene(at: Crossing) -> None:
        parked = await at.parked()
        dialled = await at.dialled("100")
        at.exchange.platform.commands.bridge(parked, dialled)
        await steps(after)
        ended = (parked, dialled)[who]
        ends(at, (at.alice, at.bob)[who], by)
        await asyncio.sleep(2.5)
        at.watch.check_places()
        for leg in (parked, dialled):
            assert leg.over.done() or leg.peer is None or not ended.over.done()

    cross(scene)


# --- a transfer, and what is done to its legs meanwhile ----------------------------------------------


async def transferring(at: Crossing, **stays: str) -> tuple[Leg, Leg, Robot]:
    """Bob and Carol are joined, and Bob transfers her to Dora, whose phone rings. `stays`: see `Bridge`."""
    dora = await at.robot("dora", "400")
    dora.manner = "rings"
    bob, carol = await at.up("100"), await at.up("300")
    at.switch.bridge(bob, carol, stays={{"bob": bob, "carol": carol}[who]: what for who, what in stays.items()})
    await at.bob.modify(next(iter(at.bob.calls.values())), "transfer", destination="400")
    await until(lambda: bool(dora.calls))
    return bob, carol, dora


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("to", ["conference", "queue", "bridge"])
def test_who_is_transferred_goes_elsewhere(to: str, answers: bool) -> None:
    """Who is put elsewhere while the transfer rings stays there; the transfer comes to nothing."""

    async def scene(at: Crossing) -> None:
        bob, carol, dora = await transferring(at, bob="parked")
        platform = at.exchange.platform
        if to == "conference":
            platform.conferences.create(carol, ConferencePlan("room"))
        elif to == "queue":
            platform.queues.enqueue(carol, "queue", QueuePlan())
        else:
            other = await at.parked()
            await platform.commands.up(other)
            at.switch.bridge(carol, other)
        place = carol.place
        (call,) = dora.calls.values()
        dora.start(dora.answer(call) if answers else dora.hang_up(call, "USER_BUSY", 17))
        await asyncio.sleep(0.5)
        at.watch.check_places()
        assert carol.place is place
        assert bob.place is None
        assert not bob.over.done()
        assert not dora.calls
        assert len(at.bob.refusals) == 1

    cross(scene)


@pytest.mark.parametrize("what", ["parked", "held"])
def test_who_stays_when_a_transfer_is_given_up_hears_no_ringing(what: str) -> None:
    """Who transferred hangs up: the one who is to stay hears what was said for it, and nobody ring."""

    async def scene(at: Crossing) -> None:
        _, carol, dora = await transferring(at, carol=what)
        await at.bob.hang_up(next(iter(at.bob.calls.values())))
        await asyncio.sleep(0.5)
        assert not dora.calls
        assert carol.is_answered
        assert carol.place is None
        playing = carol.endpoint.session.sender._playing
        if what == "parked":
            assert playing is None
        else:
            assert playing is not None
            assert playing.payloads == at.switch.hold_audio._encoded["PCMU"]

    cross(scene, hold_audio=HOLD_MUSIC)


def test_the_end_of_a_transfers_target_cuts_nothing() -> None:
    """Whoever was transferred and is parked again goes on hearing what it is played when the other one ends."""

    async def scene(at: Crossing) -> None:
        leg = await at.parked()
        await at.exchange.platform.commands.up(leg)
        transfer(at.exchange, leg, Transfer(to="sip:carol@sip.telnyx.com", park_after_unbridge="self"))
        await until(lambda: leg.peer is not None)
        assert isinstance(leg.place, Bridge)
        leg.place.dissolve()
        payloads = [bytes([7]) * 160] * 200
        leg.endpoint.session.play(Playback(payloads, lambda _at: None))
        await asyncio.sleep(0.1)
        await at.carol.hang_up(next(iter(at.carol.calls.values())))
        await asyncio.sleep(0.2)
        assert leg.is_answered
        assert leg.endpoint.session.sender._playing is not None

    cross(scene)


def test_what_is_played_while_a_transfer_rings_goes_on() -> None:
    """The ringing of a transfer that comes to nothing ends; what an application plays meanwhile does not."""

    async def scene(at: Crossing) -> None:
        at.carol.manner = "rings"
        leg = await at.parked()
        await at.exchange.platform.commands.up(leg)
        transfer(at.exchange, leg, Transfer(to="sip:carol@sip.telnyx.com"))
        await until(lambda: bool(at.carol.calls))
        assert leg.endpoint.session.sender._playing is not None
        music = Playback([bytes([7]) * 160] * 200, lambda _at: None)
        leg.endpoint.session.play(music)
        await at.carol.hang_up(next(iter(at.carol.calls.values())), "USER_BUSY", 17)
        await asyncio.sleep(0.2)
        assert leg.endpoint.session.sender._playing is music

    cross(scene)


def test_a_dialled_leg_whose_conference_is_gone_stays_parked() -> None:
    """What an answered leg was to do may be impossible by then; that is no bug, and the leg lives."""

    async def scene(at: Crossing) -> None:
        carol = await at.up("300")
        room = at.exchange.platform.conferences.create(carol, ConferencePlan("soon gone"))
        leg = dial(
            at.exchange,
            Dial.model_validate(
                {
                    "to": "sip:bob@sip.telnyx.com",
                    "from": "+15550001",
                    "connection_id": at.application.id,
                    "conference_config": {"id": room.id},
                }
            ),
        )
        room.end()
        await asyncio.sleep(0.5)
        assert leg.is_answered
        assert leg.place is None

    cross(scene)


def test_a_transfer_crosses_a_bridge() -> None:
    """Who was put elsewhere in the moment of the asking hears who is there, and the transfer is refused."""

    async def scene(at: Crossing) -> None:
        bob, carol, other = await at.up("100"), await at.up("300"), await at.parked()
        await at.exchange.platform.commands.up(other)
        bridge = at.switch.bridge(bob, carol, stays={bob: "parked"})
        await at.bob.modify(next(iter(at.bob.calls.values())), "transfer", destination="999")
        while not bridge.moving:
            await steps(1)
        at.switch.bridge(carol, other)
        await asyncio.sleep(0.5)
        assert carol.endpoint.session.forward_to is other.endpoint.session
        assert other.endpoint.session.forward_to is carol.endpoint.session
        await at.watch.check_sound()
        assert len(at.bob.refusals) == 1

    cross(scene)


# --- places ------------------------------------------------------------------------------------------


def test_a_pair_is_joined_again_while_one_waits() -> None:
    """Two that are joined, one of them lent to a queue, are joined by a command: out of the queue, and both live."""

    async def scene(at: Crossing) -> None:
        bob, carol = await at.up("100"), await at.up("300")
        at.switch.bridge(bob, carol)
        at.exchange.platform.queues.enqueue(carol, "queue", QueuePlan(), stays=True)
        await asyncio.sleep(0.1)
        at.switch.bridge(bob, carol)
        await asyncio.sleep(0.1)
        at.watch.check_places()
        assert carol.peer is bob
        assert bob.is_answered
        assert carol.is_answered

    cross(scene)


def test_a_bridge_under_a_queue_may_go() -> None:
    """Who waits in a queue while its bridge ends, and is to stay, is in no bridge when it has left the queue."""

    async def scene(at: Crossing) -> None:
        bob, carol = await at.up("100"), await at.up("300")
        at.switch.bridge(bob, carol, stays={carol: "parked"})
        entry = at.exchange.platform.queues.enqueue(carol, "queue", QueuePlan(), stays=True)
        await at.bob.hang_up(next(iter(at.bob.calls.values())))
        await asyncio.sleep(0.1)
        assert carol.place is entry
        assert carol.peer is None
        at.exchange.platform.queues.leave(carol)
        assert carol.place is None

    cross(scene)


@pytest.mark.parametrize("after", STEPS)
def test_a_bye_crosses_the_end_of_a_transfer(after: int) -> None:
    """Who was called hangs up at once after the answer: an end is told last, and nobody is joined to it."""

    async def scene(at: Crossing) -> None:
        bob, carol, dora = await transferring(at)
        (call,) = dora.calls.values()
        dora.start(dora.answer(call))
        await steps(after)
        await asyncio.sleep(0.02 * (after % 2))
        dora.start(dora.hang_up(call))
        await asyncio.sleep(1.0)
        at.watch.check_places()
        assert bob.peer is carol or (bob.over.done() and carol.over.done())

    cross(scene)


@pytest.mark.parametrize("who", [0, 1])
def test_a_phone_of_two_goes_before_it_rings(who: int) -> None:
    """A phone that is lost in the moment of the dialling leaves the call to the other one."""

    async def scene(at: Crossing) -> None:
        phones = await two_phones(at)
        leg = await at.dialled("400")
        leg.phones[who].ended(cause("DESTINATION_OUT_OF_ORDER"))
        await asyncio.sleep(0.2)
        assert at.watch.told[leg.control_id] == ["initiated"]
        assert sum(len(one.calls) for one in phones) == 1

    cross(scene)
