"""Placing calls by REST, and what is known of them: the official SDK, phones, and verified webhooks."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from telnyx import AsyncTelnyx

from tests.exchange.rest.bot import FROM, OTHER_STATE, STATE, Bot, control, control_in_no_time, refused
from tests.exchange.test_transfer import hear_each_other


def test_dialled_and_answered() -> None:
    """The reply has the ids; the client is called with caller, name and headers; its answer and its bye are told."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        reply = await bot.calls.dial(
            connection_id=bot.app,
            to="+15550100",
            from_=FROM,
            from_display_name="The Bot",
            client_state=STATE,
            custom_headers=[{"name": "X-Case", "value": "7"}],
        )
        made = reply.data
        assert made is not None
        assert (made.record_type, made.is_alive, made.client_state) == ("call", False, STATE)
        invite = await bob.rings()
        assert (invite["caller_id_number"], invite["caller_id_name"]) == (FROM, "The Bot")
        assert invite["dialogParams"]["custom_headers"] == [{"name": "X-Case", "value": "7"}]
        assert (invite["telnyx_call_control_id"], invite["client_state"]) == (made.call_control_id, STATE)
        leg = made.call_control_id
        began = await bot.hears(leg, "call.initiated")
        assert (began.direction, began.state, began.from_, began.to) == ("outgoing", "bridging", FROM, "+15550100")
        assert (began.connection_id, began.client_state) == (bot.app, STATE)
        assert (began.call_leg_id, began.call_session_id) == (made.call_leg_id, made.call_session_id)
        assert [(one.name, one.value) for one in began.custom_headers] == [("X-Case", "7")]
        status = (await bot.calls.retrieve_status(leg)).data
        assert status is not None
        assert (status.is_alive, status.call_duration, status.end_time) == (True, 0, None)
        await bob.take(invite["sdp"])
        answered = await bot.hears(leg, "call.answered")
        assert (answered.state, answered.client_state) == ("answered", STATE)
        await bob.hang_up()
        assert await bot.ended(leg) == ("normal_clearing", "200", "callee")
        status = (await bot.calls.retrieve_status(leg)).data
        assert status is not None
        assert not status.is_alive
        assert status.start_time is not None
        assert status.end_time is not None

    control(scene)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"to": None}, "10004", "/to"),
        ({"to": ""}, "10004", "/to"),
        ({"to": []}, "10004", "/to"),
        ({"to": 5}, "10015", "/to"),
        ({"to": "15550100"}, "10016", "/to"),
        ({"to": ["+15550100", "15550101,,1"]}, "10016", "/to"),
        ({"from": None}, "10004", "/from"),
        ({"connection_id": None}, "10004", "/connection_id"),
        ({"connection_id": "4711"}, "10015", "/connection_id"),
        ({"timeout_secs": 4}, "90028", "/timeout_secs"),
        ({"timeout_secs": 601}, "90028", "/timeout_secs"),
        ({"time_limit_secs": 29}, "90029", "/time_limit_secs"),
        ({"time_limit_secs": 14401}, "90029", "/time_limit_secs"),
        ({"time_limit_secs": 10**400}, "90029", "/time_limit_secs"),
        ({"from_display_name": "x" * 129}, "10033", "/from_display_name"),
        ({"client_state": "no base64"}, "90017", "/client_state"),
        ({"link_to": "v3:nobody"}, "90015", "/link_to"),
        ({"bridge_on_answer": True}, "10004", "/link_to"),
        ({"webhook_urls": {"call.rings": ["http://127.0.0.1/"]}}, "90057", "/webhook_urls"),
        ({"webhook_url": "ftp://127.0.0.1/"}, "10015", "/webhook_url"),
        (
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": [1] * 6}}},
            "10033",
            "/webhook_retries_policies/call.hangup/retries_ms",
        ),
        ({"send_digits_on_answer": "12x"}, "90014", "/send_digits_on_answer"),
        ({"send_digits_on_answer": "1" * 65}, "10033", "/send_digits_on_answer"),
        ({"record": "record"}, "10032", "/record"),
        ({"answering_machine_detection": "sometimes"}, "10032", "/answering_machine_detection"),
        ({"conference_config": {"id": "nowhere"}}, "90058", "/conference_config/id"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_dial_is_refused(body: dict[str, Any], code: str, pointer: str) -> None:
    """What cannot be dialled is said by its code and the member at fault; nobody rings, nobody is told."""

    async def scene(bot: Bot) -> None:
        whole = {"connection_id": bot.app, "from": FROM, "to": "+15550100", **body}
        reply = await bot.desk.http.post(
            "calls", json={key: value for key, value in whole.items() if value is not None}
        )
        assert reply.status_code == 422
        first = reply.json()["errors"][0]
        assert (first["code"], first["source"]["pointer"]) == (code, pointer)
        assert not len(bot.exchange.switch.legs)
        assert not bot.hook.seen

    control_in_no_time(scene)


def test_who_may_dial() -> None:
    """An application that is not active places no call; one with a channel limit no more calls than that (403)."""

    async def scene(bot: Bot) -> None:
        await bot.desk.phone("bob", "+15550100")
        off = bot.application(active=False)
        await refused("10015", bot.dial("+15550100", connection_id=off.id), pointer="/connection_id")
        await refused("10015", bot.dial("+15550100", connection_id=bot.connection("bob").id))
        bot.application_of(bot.app).outbound.channel_limit = 1
        leg = await bot.dial("+15550100")
        await refused("90043", bot.dial("+15550100"), status=403)
        await bot.actions.hangup(leg)
        await bot.hears(leg, "call.initiated", "call.hangup")
        await bot.dial("+15550100")

    control(scene)


@pytest.mark.parametrize(
    ("to", "cause"),
    [
        ("+15559999", ("not_found", "404", "callee")),
        ("sip:nobody@sip.telnyx.com", ("not_found", "404", "callee")),
        ("sip:away@sip.telnyx.com", ("unspecified", "480", "callee")),
    ],
)
def test_nobody_is_there(to: str, cause: tuple[str, str, str]) -> None:
    """An address that reaches nobody is no error of the command: 200 first, then begin and end are told."""

    async def scene(bot: Bot) -> None:
        bot.exchange.account("away")
        leg = await bot.dial(to)
        await bot.hears(leg, "call.initiated")
        assert await bot.ended(leg) == cause
        assert not await bot.alive(leg)

    control(scene)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (("USER_BUSY", 17), ("user_busy", "486", "callee")),
        (("CALL_REJECTED", 21), ("call_rejected", "403", "callee")),
        (("NORMAL_CLEARING", 16), ("call_rejected", "603", "callee")),
    ],
)
def test_callee_declines(answer: tuple[str, int], cause: tuple[str, str, str]) -> None:
    """A callee that is busy, or declines, is told by the platform's words."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        _, leg = await bot.ringing(bob, "+15550100")
        await bob.hang_up(*answer)
        assert await bot.ended(leg) == cause

    control(scene)


@pytest.mark.parametrize(("retry", "cause"), [(True, "timeout"), (False, "no_answer")])
def test_ring_timeout(retry: bool, cause: str) -> None:
    """It rings for `timeout_secs`; `retry_on_timeout` false names the end otherwise."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        started = bot.exchange.clock.now()
        _, leg = await bot.ringing(bob, "+15550100", timeout_secs=7, retry_on_timeout=retry)
        assert (await bob.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        assert bot.exchange.clock.now() - started == pytest.approx(7, abs=0.5)
        assert await bot.ended(leg) == (cause, "487", "caller")

    control_in_no_time(scene)


def test_time_limit() -> None:
    """An answered call ends after `time_limit_secs`."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100", time_limit_secs=30)
        began = bot.exchange.clock.now()
        assert (await bob.hears("bye", patience=40))["cause"] == "ALLOTTED_TIMEOUT"
        assert bot.exchange.clock.now() - began == pytest.approx(30, abs=0.5)
        assert await bot.ended(leg) == ("time_limit", "200", "unknown")

    control_in_no_time(scene)


def test_command_id_rings_once() -> None:
    """A dial whose `command_id` was seen within a minute gives the same reply, and rings nobody again."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        other = bot.application().id
        first = await bot.dial("+15550100", command_id="once")
        assert await bot.dial("+15550100", command_id="once") == first
        assert await bot.dial("+15550100", command_id="twice") != first
        assert await bot.dial("+15550100", command_id="once", connection_id=other) != first
        assert len(bot.exchange.switch.legs) == 3
        for _ in range(3):
            await bob.rings()
        await bob.hears_nothing()
        await bob.vanish()
        await asyncio.sleep(61)
        assert await bot.dial("+15550100", command_id="once") != first

    control_in_no_time(scene)


class Forgetful(httpx.AsyncHTTPTransport):
    """The first reply is lost on its way."""

    asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = await super().handle_async_request(request)
        self.asked += 1
        if self.asked == 1:
            await reply.aread()
            raise httpx.ReadError("the connection broke", request=request)
        return reply


def test_sdk_that_resends_rings_once() -> None:
    """The SDK sends a dial again whose reply was lost; with a `command_id` the phone rings once."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        wire = Forgetful()
        async with (
            httpx.AsyncClient(transport=wire) as carrier,
            AsyncTelnyx(api_key=bot.exchange.api_key, base_url=bot.exchange.rest, http_client=carrier) as sdk,
        ):
            reply = await sdk.calls.dial(connection_id=bot.app, to="+15550100", from_=FROM, command_id="once")
        assert wire.asked == 2
        assert reply.data is not None
        assert (await bob.rings())["telnyx_call_control_id"] == reply.data.call_control_id
        await bob.hears_nothing(0.3)
        await bot.hears(reply.data.call_control_id, "call.initiated")
        assert len(bot.hook.seen) == 1

    control(scene)


def test_linked_call() -> None:
    """`link_to` shares the session id; with `bridge_intent` the linked leg's number is shown."""

    async def scene(bot: Bot) -> None:
        _, parked = await bot.parked()
        bob = await bot.desk.phone("bob", "+15550100")
        invite, leg = await bot.ringing(bob, "+15550100", link_to=parked)
        assert bot.leg(leg).session_id == bot.leg(parked).session_id
        assert invite["caller_id_number"] == FROM
        await bob.hang_up()
        await bot.hears(leg, "call.hangup")
        invite, leg = await bot.ringing(bob, "+15550100", link_to=parked, bridge_intent=True)
        assert invite["caller_id_number"] == "alice"
        await bot.actions.hangup(parked)
        await bot.hears(parked, "call.hangup")
        await refused("90018", bot.dial("+15550100", link_to=parked), pointer="/link_to")

    control(scene)


def test_bridge_on_answer() -> None:
    """The answer of the dialled leg bridges it to the linked one, which is answered first where it was not."""

    async def scene(bot: Bot) -> None:
        alice, parked = await bot.parked()
        bob = await bot.desk.phone("bob", "+15550100")
        invite, leg = await bot.ringing(bob, "+15550100", link_to=parked, bridge_on_answer=True)
        await bob.take(invite["sdp"])
        await alice.connect((await alice.hears("answer"))["sdp"])
        await bot.hears(leg, "call.answered", "call.bridged")
        await bot.hears(parked, "call.answered", "call.bridged")
        await hear_each_other(alice, bob)
        await bob.hang_up()
        assert await bot.ended(leg) == ("normal_clearing", "200", "callee")
        await alice.hears("bye")
        assert (await bot.ended(parked))[0] == "normal_clearing"

    control(scene)


def test_park_after_unbridge_of_dial() -> None:
    """With `park_after_unbridge` the dialled leg stays when the linked one hangs up, and takes commands."""

    async def scene(bot: Bot) -> None:
        alice, parked = await bot.up()
        bob, leg = await bot.reached(
            "bob", "+15550100", link_to=parked, bridge_on_answer=True, park_after_unbridge="self"
        )
        await bot.hears(leg, "call.bridged")
        await alice.hang_up()
        await bot.hears(parked, "call.bridged", "call.hangup")
        await bot.hears_nothing(leg)
        await bot.actions.speak(leg, payload="You are alone", voice="male")
        await bot.hears(leg, "call.speak.started", "call.speak.ended")
        await bot.actions.hangup(leg)
        await bob.hears("bye")

    control(scene)


def test_prevent_double_bridge_of_dial() -> None:
    """Where the linked leg is bridged already, the dialled leg is hung up when it answers, and the bridge stays."""

    async def scene(bot: Bot) -> None:
        alice, parked = await bot.up()
        bob, _ = await bot.reached("bob", "+15550100", link_to=parked, bridge_on_answer=True)
        await bot.hears(parked, "call.bridged")
        carol, late = await bot.reached(
            "carol", "+15550101", link_to=parked, bridge_on_answer=True, prevent_double_bridge=True
        )
        await carol.hears("bye")
        assert (await bot.ended(late))[0] == "normal_clearing"
        await hear_each_other(alice, bob)

    control(scene)


def test_several_addresses() -> None:
    """All of them ring; the first to answer has the call, and the others' ends are told."""

    async def scene(bot: Bot) -> None:
        bob, carol = await bot.desk.phone("bob", "+15550100"), await bot.desk.phone("carol", "+15550101")
        made = (
            await bot.calls.dial(connection_id=bot.app, to=["+15550100", "+15550101", "+15559999"], from_=FROM)
        ).data
        assert made is not None
        one, other = await bob.rings(), await carol.rings()
        first, second = one["telnyx_call_control_id"], other["telnyx_call_control_id"]
        assert made.call_control_id == first
        assert (await bot.hears(first, "call.initiated")).to == "+15550100"
        assert (await bot.hears(second, "call.initiated")).to == "+15550101"
        await carol.take(other["sdp"])
        assert (await bob.hears("bye"))["cause"] == "LOSE_RACE"
        assert (await bot.hears(second, "call.answered")).call_session_id == made.call_session_id
        assert await bot.ended(first) == ("originator_cancel", "487", "caller")
        assert sorted(request.type for request in bot.hook.seen).count("call.hangup") == 2

    control(scene)


def test_states_of_two_commands() -> None:
    """The last client_state of a leg is in its later events: dial's, then that of a command, then the PUT's."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100", client_state=STATE)
        await bot.actions.speak(leg, payload="Hi", voice="male", client_state=OTHER_STATE)
        assert (await bot.hears(leg, "call.speak.started")).client_state == OTHER_STATE
        await bot.hears(leg, "call.speak.ended")
        reply = await bot.actions.update_client_state(leg, client_state="bGFzdA==")
        assert reply.data is not None
        assert reply.data.result == "ok"
        await refused("90017", bot.actions.update_client_state(leg, client_state="no base64"), pointer="/client_state")
        shown = (await bot.calls.retrieve_status(leg)).data
        assert shown is not None
        assert shown.client_state == "bGFzdA=="
        await bob.hang_up()
        assert (await bot.hears(leg, "call.hangup")).client_state == "bGFzdA=="

    control(scene)


def test_active_calls() -> None:
    """The live calls of an application, or of a connection; pages end; an unknown id is 404."""

    async def scene(bot: Bot) -> None:
        await bot.desk.phone("bob", "+15550100")
        legs = [await bot.dial("+15550100", client_state=STATE) for _ in range(3)]
        gone = await bot.dial("+15559999")
        listed = [one async for one in bot.desk.sdk.connections.list_active_calls(bot.app, page_size=2)]
        assert [one.call_control_id for one in listed] == legs
        assert gone not in legs
        first = listed[0]
        assert (first.record_type, first.client_state, first.call_duration) == ("call", STATE, 0)
        assert first.call_session_id == bot.leg(legs[0]).session_id
        _, parked = await bot.parked()
        mine = [one async for one in bot.desk.sdk.connections.list_active_calls(bot.connection("alice").id)]
        assert [one.call_control_id for one in mine] == [parked]
        await refused("10005", bot.desk.sdk.connections.list_active_calls("4711"), status=404)

    control(scene)


def test_call_that_was_never() -> None:
    """GET of an id that was never issued is 404; a command to it is 422, 90015."""

    async def scene(bot: Bot) -> None:
        await refused("10005", bot.calls.retrieve_status("v3:abc+/="), status=404)
        await refused("90015", bot.actions.hangup("v3:abc+/="), pointer="/call_control_id")

    control(scene)


def test_call_that_is_over_is_known_for_a_while() -> None:
    """For ten minutes its status is kept, and commands to it are 90018; after that nobody knows it."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100")
        await asyncio.sleep(5)
        await bob.hang_up()
        await bot.hears(leg, "call.hangup")
        await refused("90018", bot.actions.hangup(leg), pointer="/call_control_id")
        await asyncio.sleep(590)
        status = (await bot.calls.retrieve_status(leg)).data
        assert status is not None
        assert (status.is_alive, status.call_duration) == (False, 5)
        await asyncio.sleep(15)
        await refused("10005", bot.calls.retrieve_status(leg), status=404)
        await refused("90015", bot.actions.hangup(leg))

    control_in_no_time(scene)
