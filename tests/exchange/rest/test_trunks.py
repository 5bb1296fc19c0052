"""Calls from outside the network that REST lets in by a named trunk."""

from __future__ import annotations

import asyncio

import pytest

from botkit.exchange.applications import VoiceApplication
from botkit.media.pcm import level
from tests.exchange.kit import soon
from tests.exchange.rest.kit import Desk, ask

CALL = {"from": "+15550009", "to": "+13125550100"}


def broken(now: float) -> None:
    raise ZeroDivisionError


async def end_of(desk: Desk, path: str) -> str:
    """The cause for which the call ended, once it has."""
    for _ in range(200):
        shown = (await desk.http.get(path)).json()["data"]
        if shown["status"] == "ended":
            return str(shown["hangup_cause"])
        await asyncio.sleep(0.05)
    raise AssertionError("the call goes on")


def test_an_incoming_call_of_an_application() -> None:
    """It is told of as incoming from a telephone, is answered by a command, and ends by one."""

    async def scene(desk: Desk) -> None:
        directory = desk.exchange.directory
        directory.add_trunk("pstn")
        application = directory.add_voice_application(
            VoiceApplication(application_name="ivr", webhook_event_url="http://127.0.0.1:9/")
        )
        directory.add_number("+13125550100", application)
        made = (await desk.http.post("/trunks/pstn/calls", json={**CALL, "digits": "12"})).json()["data"]
        assert (made["status"], made["from"], made["trunk"]) == ("initiated", "+15550009", "pstn")
        await soon(lambda: len(desk.exchange.switch.legs) == 1)
        (leg,) = desk.exchange.switch.legs
        assert (leg.direction, leg.party_type, leg.calling, leg.connection_id) == (
            "incoming",
            "pstn",
            "+15550009",
            application.id,
        )
        digits: list[object] = []
        desk.exchange.platform.listeners.append(
            lambda leg, event, fields: digits.append(fields["digit"]) if event == "call.dtmf.received" else None
        )
        await desk.sdk.calls.actions.answer(leg.control_id)
        await soon(lambda: digits == ["1", "2"])
        await desk.sdk.calls.actions.hangup(leg.control_id)
        path = f"/trunks/pstn/calls/{made['id']}"
        assert await end_of(desk, path) == "NORMAL_CLEARING"

    ask(scene)


def test_a_call_that_breaks() -> None:
    """A mistake of ours on the beat of such a call ends it, and is told to the event loop."""
    said: list[BaseException] = []

    async def scene(desk: Desk) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: said.append(context["exception"]))
        desk.exchange.directory.add_trunk("pstn", numbers=("+49*",))
        bob = await desk.phone("bob", "+13125550100")
        made = (await desk.http.post("/trunks/pstn/calls", json=CALL)).json()["data"]
        await bob.take((await bob.rings())["sdp"])
        (party,) = desk.exchange.outside.of(next(iter(desk.exchange.directory.trunks.values())))
        await soon(lambda: party.status == "answered")
        party._endpoint.session._transmit = broken
        assert await end_of(desk, f"/trunks/pstn/calls/{made['id']}") == "NORMAL_CLEARING"

    ask(scene)
    assert [type(error) for error in said] == [ZeroDivisionError]


def test_a_phone_hears_what_is_said() -> None:
    """It is put through to a client, who hears its words; DELETE hangs up."""

    async def scene(desk: Desk) -> None:
        desk.exchange.directory.add_trunk("pstn", numbers=("+49*",))
        bob = await desk.phone("bob", "+13125550100")
        made = (await desk.http.post("/trunks/pstn/calls", json={**CALL, "say": "Hello there.", "loop": 3})).json()
        invite = await bob.rings()
        assert invite["caller_id_number"] == "+15550009"
        await bob.take(invite["sdp"])
        await soon(lambda: len(bob.heard) > 50 and level(bob.sound()[-4000:]) > -45)
        assert (await desk.http.delete(f"/trunks/pstn/calls/{made['data']['id']}")).status_code == 204
        assert (await bob.hears("bye"))["cause"] == "NORMAL_CLEARING"
        listed = (await desk.http.get("/trunks/pstn/calls")).json()
        assert [one["status"] for one in listed["data"]] == ["ended"]
        assert [one["name"] for one in (await desk.http.get("/trunks")).json()["data"]] == ["pstn"]

    ask(scene)


def test_calls_that_leave_do_not_come_back() -> None:
    """What comes from outside does not leave by a trunk again, nor does it reach the party that REST made."""

    async def scene(desk: Desk) -> None:
        desk.exchange.directory.add_trunk("pstn", numbers=("+49*",))
        made = (await desk.http.post("/trunks/pstn/calls", json={**CALL, "to": "+4930123"})).json()["data"]
        path = f"/trunks/pstn/calls/{made['id']}"
        assert await end_of(desk, path) == "UNALLOCATED_NUMBER"
        alice = await desk.phone("alice")
        await alice.reply_to(await alice.dial("+4930123"))
        assert (await alice.hears("bye"))["cause"] == "SUBSCRIBER_ABSENT"

    ask(scene)


@pytest.mark.parametrize(
    ("body", "code"), [({"to": "+1"}, "10004"), ({**CALL, "digits": "x"}, "90014"), ({**CALL, "loop": 0}, "10033")]
)
def test_refused(body: dict[str, object], code: str) -> None:
    """What is missing or wrong is told by its code."""

    async def scene(desk: Desk) -> None:
        desk.exchange.directory.add_trunk("pstn")
        reply = await desk.http.post("/trunks/pstn/calls", json=body)
        assert reply.status_code == 422
        assert code in [one["code"] for one in reply.json()["errors"]]

    ask(scene)


def test_unknown_trunk() -> None:
    """A trunk that is not there is 404."""

    async def scene(desk: Desk) -> None:
        reply = await desk.http.post("/trunks/nobody/calls", json=CALL)
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (404, "10005")

    ask(scene)
