"""The platform's message sequences with conferences and queues, as a backend sees them: REST and webhooks."""

from __future__ import annotations

from typing import Any

from botkit.exchange.applications import VoiceApplication
from botkit.exchange.queue import QueuePlan
from tests.exchange.kit import soon
from tests.exchange.meeting import Meeting
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.webhooks.kit import Site, site
from tests.exchange.webhooks.sdk import client


async def told(desk: Desk, hook: Site, last: str) -> list[Any]:
    """What was posted, as the SDK has it, once `last` has come, and all that was to be told before it."""
    await soon(lambda: any(request.type == last for request in hook.seen))
    await desk.exchange.platform.webhooks.settled()
    return [client().webhooks.unsafe_unwrap(request.body.decode()) for request in hook.seen]


def owner(desk: Desk, hook: Site) -> str:
    """An application whose webhooks go there; gives its id."""
    application = VoiceApplication(application_name="app", webhook_event_url=hook.url)
    return desk.exchange.directory.add_voice_application(application).id


def test_a_conference() -> None:
    """10.3: created, joined twice, spoken to; the host hangs up: all told in order, as the SDK's own classes."""

    async def scene(desk: Desk) -> None:
        async with site() as hook:
            app, meeting = owner(desk, hook), Meeting(desk)
            ann = await meeting.guest("ann", owner=app)
            bob = await meeting.guest("bob", owner=app)
            hook.seen.clear()
            conferences = desk.sdk.conferences
            made = await conferences.create(call_control_id=ann.id, name="room7", client_state="c3RhdGU=")
            await conferences.actions.join(made.data.id, call_control_id=bob.id, end_conference_on_exit=True)
            await conferences.actions.speak(made.data.id, payload="Hi", voice="male")
            await told(desk, hook, "conference.speak.ended")
            await bob.phone.hang_up()
            events = await told(desk, hook, "conference.ended")
            of_room = [event for event in events if event.data.event_type.startswith("conference.")]
            assert [event.data.event_type.removeprefix("conference.") for event in of_room] == [
                "created",
                "participant.joined",
                "participant.joined",
                "speak.started",
                "speak.ended",
                "participant.left",
                "participant.left",
                "ended",
            ]
            for event in of_room:
                named = "".join(part.capitalize() for part in event.data.event_type.replace(".", "_").split("_"))
                assert type(event).__name__.startswith(named)
                assert event.data.payload.conference_id == made.data.id
                assert event.data.payload.connection_id == app
            joined = [event.data.payload for event in of_room[1:3]]
            assert [payload.call_control_id for payload in joined] == [ann.id, bob.id]
            assert {payload.client_state for payload in joined} == {"c3RhdGU="}
            assert of_room[-1].data.payload.reason == "host_left"
            await ann.phone.hears("bye")

    ask(scene)


def test_a_queue() -> None:
    """10.2: enqueued; an operator is bridged to the head: dequeued, bridged twice. Who gives up: dequeued, hang-up."""

    async def scene(desk: Desk) -> None:
        async with site() as hook:
            app, meeting = owner(desk, hook), Meeting(desk)
            ann, bob, operator = [await meeting.guest(name, owner=app) for name in ("ann", "bob", "operator")]
            hook.seen.clear()
            queues = desk.exchange.platform.queues
            for guest in (ann, bob):
                queues.enqueue(guest.leg, "support", QueuePlan())
            desk.exchange.platform.commands.bridge(operator.leg, queues.take_head("support"))
            await bob.phone.hang_up()
            events = await told(desk, hook, "call.hangup")
            by_leg: dict[str, list[str]] = {}
            for event in events:
                by_leg.setdefault(event.data.payload.call_control_id, []).append(event.data.event_type)
            assert by_leg[ann.id] == ["call.enqueued", "call.dequeued", "call.bridged"]
            assert by_leg[bob.id] == ["call.enqueued", "call.dequeued", "call.hangup"]
            reasons = [event.data.payload.reason for event in events if event.data.event_type == "call.dequeued"]
            assert sorted(reasons) == ["bridged", "hangup"]
            waiting = [event.data.payload for event in events if event.data.event_type == "call.enqueued"]
            assert [(payload.queue, payload.current_position) for payload in waiting] == [
                ("support", 1),
                ("support", 2),
            ]

    ask(scene)
