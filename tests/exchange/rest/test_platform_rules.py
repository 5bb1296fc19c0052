"""Rules of the platform's Voice API that no part proves by itself, by the official SDK."""

from __future__ import annotations

import base64

import pytest
from telnyx import APIStatusError

from botkit.exchange.applications import VoiceApplication
from botkit.exchange.connections import Outbound
from botkit.exchange.queue import QueuePlan
from tests.exchange.kit import Phone, soon
from tests.exchange.meeting import Meeting
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.webhooks.kit import Site, site


async def told(hook: Site, *wanted: str) -> None:
    """Wait until these events have come."""
    await soon(lambda: set(wanted) <= {request.type for request in hook.seen})


def application(desk: Desk, hook: Site) -> str:
    """An application whose webhooks go there; gives its id."""
    made = VoiceApplication(application_name="app", webhook_event_url=hook.url)
    return desk.exchange.directory.add_voice_application(made).id


async def parked(desk: Desk, hook: Site) -> tuple[Phone, str]:
    """A client whose call is parked, and the call's control id."""
    alice = await desk.phone("alice")
    connection = next(one for one in desk.exchange.directory.connections.values() if one.user_name == "alice")
    connection.outbound = Outbound(call_parking_enabled=True)
    connection.webhook_event_url = hook.url
    await alice.reply_to(await alice.dial("+15550001"))
    ringing = await alice.hears("ringing")
    await told(hook, "call.initiated")
    return alice, ringing["telnyx_call_control_id"]


async def answered(desk: Desk, alice: Phone, control_id: str) -> None:
    """Answer the parked call."""
    await desk.sdk.calls.actions.answer(control_id)
    await alice.connect((await alice.hears("answer"))["sdp"])


def test_pattern_of_a_bridge() -> None:
    """10.1: parked, answered, a second leg of the same session dialled, bridged; one hang-up clears both. A dial that
    is sent again with its command id rings once."""

    async def scene(desk: Desk) -> None:
        async with site() as hook:
            alice, first = await parked(desk, hook)
            bob = await desk.phone("bob", "+15550200")
            await answered(desk, alice, first)
            order = {"connection_id": application(desk, hook), "to": "+15550200", "from_": "+13120000001"}
            dialled = await desk.sdk.calls.dial(**order, link_to=first, command_id="c-1")  # type: ignore[arg-type]
            again = await desk.sdk.calls.dial(**order, link_to=first, command_id="c-1")  # type: ignore[arg-type]
            assert dialled.data is not None
            assert again.data is not None
            second = dialled.data.call_control_id
            assert again.data.call_control_id == second
            status = await desk.sdk.calls.retrieve_status(first)
            assert status.data is not None
            assert dialled.data.call_session_id == status.data.call_session_id
            await bob.take((await bob.rings())["sdp"])
            await soon(lambda: desk.exchange.switch.legs.live(second).is_answered)
            await desk.sdk.calls.actions.bridge(second, call_control_id_to_bridge_with=first)
            await told(hook, "call.bridged")
            await bob.hang_up()
            assert (await alice.hears("bye"))["cause"] == "NORMAL_CLEARING"
            await told(hook, "call.hangup")
            await desk.exchange.platform.webhooks.settled()
            assert bob.order.count("invite") == 1
            assert sum(request.type == "call.bridged" for request in hook.seen) == 2

    ask(scene)


def test_bridge_with_a_queue() -> None:
    """With a queue the other call is its head, whatever call control id stands beside it."""

    async def scene(desk: Desk) -> None:
        async with site() as hook:
            meeting, app = Meeting(desk), application(desk, hook)
            ann, operator = await meeting.guest("ann", owner=app), await meeting.guest("operator", owner=app)
            desk.exchange.platform.queues.enqueue(ann.leg, "support", QueuePlan())
            await desk.sdk.calls.actions.bridge(operator.id, call_control_id_to_bridge_with="whatever", queue="support")
            await soon(lambda: operator.leg.peer is ann.leg)

    ask(scene)


def test_client_state_is_put() -> None:
    """The client state is changed by a PUT, and comes back in the next event."""

    async def scene(desk: Desk) -> None:
        async with site() as hook:
            ann = await Meeting(desk).guest("ann", owner=application(desk, hook))
            state = base64.b64encode(b"state").decode()
            await desk.sdk.calls.actions.update_client_state(ann.id, client_state=state)
            assert (await desk.http.post(f"/calls/{ann.id}/actions/client_state_update")).status_code == 404
            await ann.phone.hang_up()
            await desk.idle()
            await desk.exchange.platform.webhooks.settled()
            assert ann.leg.client_state == state

    ask(scene)


def test_ended_and_foreign() -> None:
    """A command to a call that is over is 90018, to one that never was 90015."""

    async def scene(desk: Desk) -> None:
        ann = await Meeting(desk).guest("ann")
        await ann.phone.hang_up()
        await desk.idle()
        for control_id, code in ((ann.id, "90018"), ("v3:never", "90015")):
            with pytest.raises(APIStatusError) as caught:
                await desk.sdk.calls.actions.hangup(control_id)
            assert caught.value.status_code == 422
            assert isinstance(caught.value.body, dict)
            assert caught.value.body["errors"][0]["code"] == code

    ask(scene)
