"""Queues: order, waits, limits, and all the ways out."""

from __future__ import annotations

import asyncio

import pytest

from botkit.exchange.queue import QueuePlan
from botkit.exchange.queues import EMPTY_FOR
from botkit.media.source import ToneSource
from tests.exchange.meeting import Meeting, meet
from tests.exchange.test_conference import refused


def test_positions_and_waits() -> None:
    """In order of their coming; who goes lets the others move up; the average is of those who left."""

    async def scene(meeting: Meeting) -> None:
        ann, bob, carl = await meeting.guests("ann", "bob", "carl")
        entries = []
        for guest in (ann, bob, carl):
            entries.append(meeting.queues.enqueue(guest.leg, "support", QueuePlan()))
            await asyncio.sleep(10)
        queue = meeting.queues.get("support")
        assert [entry.position for entry in entries] == [1, 2, 3]
        assert [round(entry.waited) for entry in entries] == [30, 20, 10]
        assert queue.average_wait == pytest.approx(20.0, abs=0.1)
        meeting.queues.leave(ann.leg)
        assert [entry.position for entry in entries] == [0, 1, 2]
        await asyncio.sleep(5)
        assert round(entries[0].waited) == 30
        assert queue.average_wait == pytest.approx(30.0, abs=0.1)
        assert len(queue) == 2

    meet(scene)


def test_what_is_told() -> None:
    """`call.enqueued` with the position, `call.dequeued` with the position before it left, the reason and the wait."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        meeting.queues.enqueue(ann.leg, "support", QueuePlan())
        meeting.queues.enqueue(bob.leg, "support", QueuePlan())
        await asyncio.sleep(12)
        meeting.queues.leave(bob.leg)
        assert meeting.told == [
            ("call.enqueued", "ann", {"queue": "support", "current_position": 1, "queue_avg_wait_time_secs": 0}),
            ("call.enqueued", "bob", {"queue": "support", "current_position": 2, "queue_avg_wait_time_secs": 0}),
            (
                "call.dequeued",
                "bob",
                {"queue": "support", "queue_position": 2, "reason": "leave", "wait_time_secs": 12},
            ),
        ]

    meet(scene)


def test_who_waited_long_enough_stays_parked() -> None:
    """After `max_wait` it is out, with that reason, and its leg lives."""

    async def scene(meeting: Meeting) -> None:
        (ann,) = await meeting.guests("ann")
        entry = meeting.queues.enqueue(ann.leg, "support", QueuePlan(max_wait=15))
        assert await entry.gone == "timeout"
        assert entry.waited == pytest.approx(15, abs=0.1)
        assert meeting.told[-1][2]["reason"] == "timeout"
        assert ann.leg.is_answered
        assert ann.leg.place is None
        await asyncio.sleep(16)
        assert meeting.told[2:] == []

    meet(scene)


def test_who_hangs_up_leaves() -> None:
    """10.2: dequeued is told before the hang-up."""

    async def scene(meeting: Meeting) -> None:
        (ann,) = await meeting.guests("ann")
        entry = meeting.queues.enqueue(ann.leg, "support", QueuePlan(max_wait=30))
        await ann.phone.hang_up()
        assert await entry.gone == "hangup"
        assert meeting.events[:2] == ["call.enqueued ann", "call.dequeued ann"]
        assert len(meeting.queues.get("support")) == 0

    meet(scene)


def test_one_may_be_kept_after_its_hang_up() -> None:
    """It keeps its place, not alive; nobody is bridged to it, and it is taken out without a word."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        entry = meeting.queues.enqueue(ann.leg, "support", QueuePlan(keep_after_hangup=True))
        meeting.queues.enqueue(bob.leg, "support", QueuePlan())
        await ann.phone.hang_up()
        await asyncio.sleep(0.1)
        queue = meeting.queues.get("support")
        assert (entry.position, entry.is_alive, len(queue)) == (1, False, 2)
        assert entry.facts.control_id == ann.id
        assert queue.head is not None
        assert queue.head.leg is bob.leg
        before = len(meeting.told)
        queue.remove(entry, "leave")
        assert len(queue) == 1
        assert len(meeting.told) == before

    meet(scene)


def test_the_head_is_taken_to_be_bridged() -> None:
    """Out with reason `bridged`, in order; a queue with nobody in it is refused."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        for guest in (ann, bob):
            meeting.queues.enqueue(guest.leg, "support", QueuePlan())
        assert meeting.queues.take_head("support") is ann.leg
        assert meeting.queues.take_head("support") is bob.leg
        assert [fields["reason"] for event, _, fields in meeting.told if event == "call.dequeued"] == ["bridged"] * 2
        for name in ("support", "unknown"):
            with refused("90033"):
                meeting.queues.take_head(name)

    meet(scene)


def test_a_bridge_takes_a_leg_out() -> None:
    """Dequeued is told first, then bridged for each."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        meeting.queues.enqueue(ann.leg, "support", QueuePlan())
        meeting.exchange.switch.bridge(bob.leg, ann.leg)
        told = meeting.events
        assert told[:2] == ["call.enqueued ann", "call.dequeued ann"]
        assert sorted(told[2:]) == ["call.bridged ann", "call.bridged bob"]
        assert await meeting.who_hears(ann, bob) == {"ann": "bob", "bob": "ann"}

    meet(scene)


def test_who_is_bridged_is_unbridged() -> None:
    """Its other party is hung up."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        meeting.exchange.switch.bridge(ann.leg, bob.leg)
        meeting.queues.enqueue(ann.leg, "support", QueuePlan())
        await bob.phone.hears("bye")
        assert ann.leg.is_answered

    meet(scene)


def test_what_is_played_to_one_who_waits_plays_on() -> None:
    """The queue itself makes no sound and stops none."""

    async def scene(meeting: Meeting) -> None:
        (ann,) = await meeting.guests("ann")
        from botkit.media.playback import Playback

        session = ann.leg.endpoint.session
        payloads = ToneSource((1300.0,), 1.0, level=-18.0).payloads(session.codec)
        session.play(Playback(payloads, lambda at: None, loop=True))
        meeting.queues.enqueue(ann.leg, "support", QueuePlan())
        await asyncio.sleep(0.5)
        assert ann.hears(1300.0)
        meeting.queues.leave(ann.leg)
        await asyncio.sleep(0.5)
        assert ann.hears(1300.0)

    meet(scene)


def test_what_is_refused() -> None:
    """90036 full, 90037 another size, 90038 in a queue already, 90035 in none."""

    async def scene(meeting: Meeting) -> None:
        ann, bob, carl = await meeting.guests("ann", "bob", "carl")
        with refused("90035"):
            meeting.queues.leave(ann.leg)
        meeting.queues.enqueue(ann.leg, "support", QueuePlan(max_size=2))
        with refused("90037"):
            meeting.queues.enqueue(bob.leg, "support", QueuePlan(max_size=3))
        with refused("90038"):
            meeting.queues.enqueue(ann.leg, "other", QueuePlan())
        meeting.queues.enqueue(bob.leg, "support", QueuePlan(max_size=2))
        with refused("90036"):
            meeting.queues.enqueue(carl.leg, "support", QueuePlan())
        with refused("10005"):
            meeting.queues.get("other")
        with refused("90037"):
            meeting.queues.create("support", 5)
        meeting.queues.get("support").max_size = 3
        meeting.queues.enqueue(carl.leg, "support", QueuePlan())

    meet(scene)


def test_an_empty_queue_vanishes_after_a_while() -> None:
    """Five minutes after the last one has left; one who comes before starts the time anew."""

    async def scene(meeting: Meeting) -> None:
        meeting.queues.create("support")
        await asyncio.sleep(EMPTY_FOR - 10)
        (ann,) = await meeting.guests("ann")
        meeting.queues.enqueue(ann.leg, "support", QueuePlan())
        await asyncio.sleep(20)
        assert meeting.queues.find("support") is not None
        meeting.queues.leave(ann.leg)
        await asyncio.sleep(EMPTY_FOR - 10)
        assert [queue.name for queue in meeting.queues] == ["support"]
        await asyncio.sleep(11)
        assert list(meeting.queues) == []

    meet(scene)


def test_a_queue_that_is_deleted_lets_everybody_go() -> None:
    """They are parked, with reason `leave`."""

    async def scene(meeting: Meeting) -> None:
        ann, bob = await meeting.guests("ann", "bob")
        meeting.queues.create("support", 7)
        for guest in (ann, bob):
            meeting.queues.enqueue(guest.leg, "support", QueuePlan(max_wait=60))
        meeting.queues.delete("support")
        assert meeting.queues.find("support") is None
        assert [fields["reason"] for event, _, fields in meeting.told if event == "call.dequeued"] == ["leave"] * 2
        assert ann.leg.place is None
        assert bob.leg.is_answered

    meet(scene)
