"""Queues by REST, asked by the official SDK."""

from __future__ import annotations

from botkit.exchange.queue import QueuePlan
from botkit.exchange.rest import queues
from botkit.exchange.rest.bodies import Enqueue
from tests.exchange.kit import soon
from tests.exchange.meeting import Meeting
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.rest.test_conferences import refused
from tests.exchange.test_conference import refused as refuses


def test_from_create_to_delete() -> None:
    """Made, shown, changed, listed, deleted; an unknown one is 404."""

    async def scene(desk: Desk) -> None:
        made = (await desk.sdk.queues.create(queue_name="support", max_size=5)).data
        assert made is not None
        assert (made.record_type, made.name, made.current_size, made.max_size) == ("queue", "support", 0, 5)
        changed = (await desk.sdk.queues.update("support", max_size=9)).data
        assert changed is not None
        assert (changed.id, changed.max_size) == (made.id, 9)
        shown = (await desk.sdk.queues.retrieve("support")).data
        assert shown is not None
        assert (shown.max_size, shown.average_wait_time_secs) == (9, 0)
        await desk.sdk.queues.create(queue_name="a/b c")
        assert [one.name async for one in desk.sdk.queues.list()] == ["support", "a/b c"]
        assert (await desk.sdk.queues.retrieve("a/b c")).data is not None
        assert await desk.sdk.queues.delete("support") is None
        await refused("10005", desk.sdk.queues.retrieve("support"))
        await refused("10033", desk.sdk.queues.create(queue_name="x" * 256))

    ask(scene)


def test_calls_that_wait() -> None:
    """Head first, with position and wait; one is kept after its hang-up, one removed."""

    async def scene(desk: Desk) -> None:
        meeting = Meeting(desk)
        ann, bob = await meeting.guests("ann", "bob")
        began = desk.exchange.clock.now()
        for guest in (ann, bob):
            desk.exchange.platform.queues.enqueue(guest.leg, "support", QueuePlan())
        calls = desk.sdk.queues.calls
        waiting = [one async for one in calls.list("support")]
        assert [(one.call_control_id, one.queue_position, one.is_alive) for one in waiting] == [
            (ann.id, 1, True),
            (bob.id, 2, True),
        ]
        one = (await calls.retrieve(bob.id, queue_name="support")).data
        assert one is not None
        assert (one.record_type, one.from_, one.to, one.connection_id) == ("queue_call", "+15550001", "101", "4711")
        assert one.wait_time_secs <= desk.exchange.clock.now() - began + 0.5  # rounded
        assert await calls.update(bob.id, queue_name="support", keep_after_hangup=True) is None
        await bob.phone.hang_up()
        await soon(lambda: not bob.leg.is_answered)
        kept = (await calls.retrieve(bob.id, queue_name="support")).data
        assert kept is not None
        assert not kept.is_alive
        assert await calls.remove(ann.id, queue_name="support") is None
        assert ann.leg.is_answered
        shown = (await desk.sdk.queues.retrieve("support")).data
        assert shown is not None
        assert shown.current_size == 1
        await refused("10005", calls.retrieve(ann.id, queue_name="support"))
        await refused("10005", calls.list("nowhere"))

    ask(scene)


def test_the_commands_of_a_call() -> None:
    """`enqueue` and `leave_queue`; what cannot be done is refused."""

    async def scene(desk: Desk) -> None:
        meeting = Meeting(desk)
        (ann,) = await meeting.guests("ann")
        exchange = desk.exchange
        with refuses("90035"):
            queues.leave_queue(exchange, ann.leg)
        await queues.enqueue(exchange, ann.leg, Enqueue(queue_name="support", max_size=1))
        queues.leave_queue(exchange, ann.leg)
        assert meeting.events == ["call.enqueued ann", "call.dequeued ann"]
        await queues.enqueue(exchange, ann.leg, Enqueue(queue_name="support"))
        with refuses("90038"):
            await queues.enqueue(exchange, ann.leg, Enqueue(queue_name="other"))
        bob = await meeting.guest("bob")
        with refuses("90036"):
            await queues.enqueue(exchange, bob.leg, Enqueue(queue_name="support"))

    ask(scene)
