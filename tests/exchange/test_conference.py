"""A conference from its making to its end: who hears whom, who may come, what is told, in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from botkit.exchange.conference import Conference, ConferencePlan
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.seat import Beep, SeatPlan
from botkit.media.pcm import level
from botkit.media.source import ToneSource
from botkit.media.wav import write_wav
from tests.exchange.meeting import Guest, Meeting, meet

ROOM = ConferencePlan("room7")


def refused(code: str):
    return pytest.raises(CommandRefused, match=f"^{code}:")


async def room(meeting: Meeting, *names: str, plan: ConferencePlan = ROOM) -> tuple[Conference, list[Guest]]:
    """A conference of these guests; the first one made it."""
    guests = await meeting.guests(*names)
    conference = meeting.conferences.create(guests[0].leg, plan)
    for guest in guests[1:]:
        conference.join(guest.leg, SeatPlan())
    meeting.told.clear()
    return conference, guests


def test_each_hears_all_the_others() -> None:
    """And not itself."""

    async def scene(meeting: Meeting) -> None:
        _, guests = await room(meeting, "ann", "bob", "carl")
        assert await meeting.who_hears(*guests) == {"ann": "bob carl", "bob": "ann carl", "carl": "ann bob"}

    meet(scene)


def test_codecs_may_differ() -> None:
    """A wideband phone, a narrowband one, one of each law."""

    async def scene(meeting: Meeting) -> None:
        guests = [await meeting.guest(name, codec=name) for name in ("PCMU", "PCMA", "G722", "opus")]
        conference = meeting.conferences.create(guests[0].leg, ROOM)
        for guest in guests[1:]:
            conference.join(guest.leg, SeatPlan())
        heard = await meeting.who_hears(*guests)
        for guest in guests:
            assert heard[guest.name].split() == [one.name for one in guests if one is not guest]

    meet(scene)


def test_what_is_told() -> None:
    """10.3: created, joined for each, the creator first; when a host hangs up: its end, all left, hung up, and the
    conference's end last."""

    async def scene(meeting: Meeting) -> None:
        guests = await meeting.guests("ann", "bob", "carl")
        ann, bob, carl = guests
        conference = meeting.conferences.create(ann.leg, ROOM)
        conference.join(bob.leg, SeatPlan(end_on_exit=True))
        conference.join(carl.leg, SeatPlan())
        assert meeting.events == [
            "created",
            "participant.joined ann",
            "participant.joined bob",
            "participant.joined carl",
        ]
        await bob.phone.hang_up()
        await ann.phone.hears("bye")
        await carl.phone.hears("bye")
        await asyncio.sleep(0.1)
        told = list(meeting.told)
        assert [event for event in meeting.events if event.split()[0] != "call.hangup"] == [
            "participant.left bob",
            "participant.left ann",
            "participant.left carl",
            "ended",
        ]
        assert told[-1] == ("conference.ended", "", {"reason": "host_left"})
        assert (conference.status, conference.end_reason, conference.ended_by) == ("completed", "host_left", bob.leg)
        assert (ann.leg.end.by, bob.leg.end.by) == ("peer", "party")

    meet(scene)


def test_a_member_that_hangs_up_leaves_its_seat() -> None:
    """The others go on; when the last one has gone it ends by itself."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob, carl) = await room(meeting, "ann", "bob", "carl")
        await ann.phone.hang_up()
        await asyncio.sleep(0.1)
        assert await meeting.who_hears(bob, carl) == {"bob": "carl", "carl": "bob"}
        await bob.phone.hang_up()
        await carl.phone.hang_up()
        await asyncio.sleep(0.1)
        assert conference.end_reason == "all_left"
        assert conference.ended_by is carl.leg
        assert [event for event in meeting.events if "call." not in event] == [
            "participant.left ann",
            "participant.left bob",
            "participant.left carl",
            "ended",
        ]

    meet(scene)


def test_who_is_told_to_leave_is_parked() -> None:
    """Its leg lives, hears silence, and may join again."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob, carl) = await room(meeting, "ann", "bob", "carl")
        conference.leave(bob.id)
        assert bob.leg.place is None
        assert await meeting.who_hears(ann, bob, carl) == {"ann": "carl", "bob": "", "carl": "ann"}
        conference.join(bob.leg, SeatPlan())
        assert meeting.events == ["participant.left bob", "participant.joined bob"]
        assert await meeting.who_hears(ann, bob) == {"ann": "bob", "bob": "ann"}

    meet(scene)


def test_the_end_by_command_hangs_up() -> None:
    """REST says `ended_via_api`; the event, which has no such word, `host_left`."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        conference.end()
        for guest in (ann, bob):
            assert (await guest.phone.hears("bye"))["cause"] == "NORMAL_CLEARING"
        assert conference.end_reason == "ended_via_api"
        assert meeting.told[-1] == ("conference.ended", "", {"reason": "host_left"})
        assert conference.ended_by is None

    meet(scene)


def test_a_soft_end_parks_the_others() -> None:
    """The conference is over; their legs live."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        carl = await meeting.guest("carl")
        conference.join(carl.leg, SeatPlan(soft_end_on_exit=True))
        conference.leave(carl.id)
        await asyncio.sleep(0.1)
        assert conference.end_reason == "host_left"
        assert all(guest.leg.is_answered and guest.leg.place is None for guest in (ann, bob, carl))
        assert meeting.events[-3:] == ["participant.left ann", "participant.left bob", "ended"]

    meet(scene)


def test_one_that_is_to_stay_is_not_hung_up() -> None:
    """Whatever ends the conference."""

    async def scene(meeting: Meeting) -> None:
        conference, _ = await room(meeting, "ann")
        bob = await meeting.guest("bob")
        seat = conference.join(bob.leg, SeatPlan(stays=True))
        conference.end()
        assert bob.leg.is_answered
        assert await seat.out == "ended_via_api"

    meet(scene)


def test_its_time_is_limited() -> None:
    """After `duration_minutes` it ends, with that reason."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann", plan=ConferencePlan("short", duration_minutes=0.5))
        began = meeting.exchange.clock.now()
        async with asyncio.timeout(60):
            await ann.phone.hears("bye", patience=60)
        assert meeting.exchange.clock.now() - began == pytest.approx(30.0, abs=0.5)
        assert conference.end_reason == "time_exceeded"
        assert meeting.told[-1] == ("conference.ended", "", {"reason": "time_exceeded"})

    meet(scene)


# --- what is refused -----------------------------------------------------------------------------------


def test_names_are_unique_among_the_active() -> None:
    """90033; when the first one is over the name is free."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        with refused("90033"):
            meeting.conferences.create(bob.leg, ROOM)
        conference.leave(ann.id)
        conference.leave(bob.id)
        again = meeting.conferences.create(bob.leg, ROOM)
        assert meeting.conferences.active("room7") is again
        assert meeting.conferences.get(conference.id) is conference
        with refused("10005"):
            meeting.conferences.get("nonsense")

    meet(scene)


def test_who_may_not_join() -> None:
    """90044 in it already, 90032 full, 90034 not answered, 90019 over, 90015 a stranger."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob", plan=ConferencePlan("two", max_participants=2))
        with refused("90044"):
            conference.join(ann.leg, SeatPlan())
        carl = await meeting.guest("carl")
        with refused("90032"):
            conference.join(carl.leg, SeatPlan())
        with refused("90015"):
            conference.leave(carl.id)
        with refused("90015"):
            conference.mute(True, [ann.id, carl.id])
        answered, carl.leg.answered_at = carl.leg.answered_at, None
        conference.leave(bob.id)
        with refused("90034"):
            conference.join(carl.leg, SeatPlan())
        with refused("90034"):
            meeting.conferences.create(carl.leg, ConferencePlan("other"))
        carl.leg.answered_at = answered
        conference.end()
        for command in (conference.end, lambda: conference.join(carl.leg, SeatPlan()), lambda: conference.mute(True)):
            with refused("90019"):
                command()

    meet(scene)


def test_ended_ones_are_forgotten_after_a_while() -> None:
    """Known for ten minutes, and no more."""

    async def scene(meeting: Meeting) -> None:
        conference, _ = await room(meeting, "ann")
        conference.end()
        await asyncio.sleep(300)
        assert conference in list(meeting.conferences)
        await asyncio.sleep(301)
        assert conference not in list(meeting.conferences)

    meet(scene)


# --- who is heard --------------------------------------------------------------------------------------


def test_mute_some_or_all() -> None:
    """Who is muted hears the others; who is named by nobody is everybody."""

    async def scene(meeting: Meeting) -> None:
        conference, guests = await room(meeting, "ann", "bob", "carl")
        conference.mute(True, [guests[0].id])
        assert await meeting.who_hears(*guests) == {"ann": "bob carl", "bob": "carl", "carl": "bob"}
        conference.mute(True)
        assert await meeting.who_hears(*guests) == {"ann": "", "bob": "", "carl": ""}
        conference.mute(False)
        assert await meeting.who_hears(*guests) == {"ann": "bob carl", "bob": "ann carl", "carl": "ann bob"}

    meet(scene)


def test_hold_and_unhold(tmp_path: Path) -> None:
    """Who is on hold is not heard, and hears the hold audio until it is back."""
    write_wav(tmp_path / "hold.wav", ToneSource((1700.0,), 2.0, level=-15.0).pcm(8000), 8000)

    async def scene(meeting: Meeting) -> None:
        conference, guests = await room(meeting, "ann", "bob", "carl")
        ann = guests[0]
        conference.hold([ann.id])
        assert await meeting.who_hears(*guests) == {"ann": "", "bob": "carl", "carl": "bob"}
        assert ann.hears(1700.0)
        assert not guests[1].hears(1700.0)
        conference.unhold([ann.id])
        await asyncio.sleep(0.5)
        assert not ann.hears(1700.0)
        assert (await meeting.who_hears(*guests))["bob"] == "ann carl"

    meet(scene, hold_audio=tmp_path / "hold.wav")


def test_supervisors() -> None:
    """A monitor is heard by nobody, a whisper by those it is for; both hear all. The role may change."""

    async def scene(meeting: Meeting) -> None:
        conference, (agent, customer) = await room(meeting, "agent", "customer")
        boss = await meeting.guest("boss")
        conference.join(boss.leg, SeatPlan(role="monitor"))
        everybody = agent, customer, boss
        all_but_boss = {"agent": "customer", "customer": "agent", "boss": "agent customer"}
        assert await meeting.who_hears(*everybody) == all_but_boss
        conference.supervise(boss.id, "whisper", [agent.id])
        assert await meeting.who_hears(*everybody) == {**all_but_boss, "agent": "customer boss"}
        conference.supervise(boss.id, "whisper")
        assert await meeting.who_hears(*everybody) == all_but_boss
        conference.supervise(boss.id, "barge")
        assert (await meeting.who_hears(*everybody))["customer"] == "agent boss"

    meet(scene)


def test_a_whisper_may_wait_for_whom_it_is_for() -> None:
    """The one it names joins later, and hears it."""

    async def scene(meeting: Meeting) -> None:
        conference, (customer,) = await room(meeting, "customer")
        agent, boss = await meeting.guests("agent", "boss")
        conference.join(boss.leg, SeatPlan(role="whisper", whisper_to=(agent.id,)))
        conference.join(agent.leg, SeatPlan())
        heard = await meeting.who_hears(agent, customer, boss)
        assert heard == {"agent": "customer boss", "customer": "agent", "boss": "agent customer"}

    meet(scene)


def test_it_starts_when_one_enters_who_starts_it(tmp_path: Path) -> None:
    """Until then its members hear hold audio and not each other; the one who is muted is then still muted."""
    write_wav(tmp_path / "hold.wav", ToneSource((1700.0,), 2.0, level=-15.0).pcm(8000), 8000)

    async def scene(meeting: Meeting) -> None:
        ann, bob, host = await meeting.guests("ann", "bob", "host")
        conference = meeting.conferences.create(ann.leg, ConferencePlan("later", start_on_create=False))
        conference.join(bob.leg, SeatPlan(muted=True))
        assert conference.status == "init"
        assert not conference.started.done()
        assert await meeting.who_hears(ann, bob) == {"ann": "", "bob": ""}
        assert ann.hears(1700.0)
        assert bob.hears(1700.0)
        conference.join(host.leg, SeatPlan(start_on_enter=True))
        assert conference.status == "in_progress"
        assert conference.started.done()
        heard = await meeting.who_hears(ann, bob, host)
        assert heard == {"ann": "host", "bob": "ann host", "host": "ann"}
        assert not ann.hears(1700.0)

    meet(scene, hold_audio=tmp_path / "hold.wav")


@pytest.mark.parametrize(
    ("beep", "on_enter", "on_exit"),
    [("always", True, True), ("on_enter", True, False), ("on_exit", False, True), ("never", False, False)],
)
def test_beeps(beep: Beep, on_enter: bool, on_exit: bool) -> None:
    """Those in the room hear that somebody comes or goes."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann", plan=ConferencePlan("beeping", beep=beep))
        bob = await meeting.guest("bob")
        for act, expected in (
            (lambda: conference.join(bob.leg, SeatPlan()), on_enter),
            (lambda: conference.leave(bob.id), on_exit),
        ):
            await asyncio.sleep(0.5)
            ann.phone.heard.clear()
            act()
            await asyncio.sleep(0.3)
            assert (level(ann.phone.sound()) > -40) is expected

    meet(scene)


# --- other places --------------------------------------------------------------------------------------


def test_who_joins_leaves_its_bridge() -> None:
    """The other one of the bridge is hung up, as a bridge's are."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann")
        bob, carl = await meeting.guests("bob", "carl")
        meeting.exchange.switch.bridge(bob.leg, carl.leg)
        conference.join(bob.leg, SeatPlan())
        await carl.phone.hears("bye")
        assert await meeting.who_hears(ann, bob) == {"ann": "bob", "bob": "ann"}

    meet(scene)


def test_who_is_bridged_leaves_the_conference() -> None:
    """And hears whom it is bridged to."""

    async def scene(meeting: Meeting) -> None:
        _, (ann, bob) = await room(meeting, "ann", "bob")
        carl = await meeting.guest("carl")
        meeting.exchange.switch.bridge(bob.leg, carl.leg)
        assert meeting.events[:1] == ["participant.left bob"]
        assert await meeting.who_hears(ann, bob, carl) == {"ann": "", "bob": "carl", "carl": "bob"}

    meet(scene)


def test_who_joins_leaves_its_queue() -> None:
    """It waits no more."""

    async def scene(meeting: Meeting) -> None:
        conference, _ = await room(meeting, "ann")
        bob = await meeting.guest("bob")
        from botkit.exchange.queue import QueuePlan

        meeting.queues.enqueue(bob.leg, "support", QueuePlan())
        conference.join(bob.leg, SeatPlan())
        assert meeting.events == ["call.enqueued bob", "call.dequeued bob", "participant.joined bob"]
        assert len(meeting.queues.get("support")) == 0

    meet(scene)


def test_an_exchange_that_closes_ends_its_conferences() -> None:
    """No member, no timer, no leg of the room is left (the kit looks)."""

    async def scene(meeting: Meeting) -> None:
        await room(meeting, "ann", "bob")
        await meeting.exchange.close()

    meet(scene)
