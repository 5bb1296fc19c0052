"""Parked calls, row by row: what the client sees on its wire, what its owner is told, what the owner may do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from botkit.media.tone import tone
from botkit.media.wav import write_wav
from tests.exchange.kit import soon
from tests.exchange.rest.bot import Bot, control, control_in_no_time, refused
from tests.exchange.test_bridge import ever_heard
from tests.exchange.test_transfer import hear_each_other

NAMES = ("telnyx_call_control_id", "telnyx_session_id", "telnyx_leg_id")


def test_invite_arrives() -> None:
    """The client has its result, then `ringing` with the ids, and no media; the owner is told who dialled what."""

    async def scene(bot: Bot) -> None:
        alice = await bot.parking()
        await alice.reply_to(
            await alice.dial("+15550001", dialog={"custom_headers": [{"name": "X-Case", "value": "7"}]})
        )
        ringing = await alice.hears("ringing")
        began = await bot.hears(ringing["telnyx_call_control_id"], "call.initiated")
        assert [ringing[name] for name in NAMES] == [
            began.call_control_id,
            began.call_session_id,
            began.call_leg_id,
        ]
        assert (began.direction, began.state, began.connection_id) == (
            "outgoing",
            "parked",
            bot.connection("alice").id,
        )
        assert (began.from_, began.to, began.calling_party_type) == ("alice", "+15550001", "sip")
        assert (began.from_sip_uri, began.to_sip_uri) == ("alice@sip.telnyx.com", "+15550001@sip.telnyx.com")
        assert {one.name: one.value for one in began.custom_headers} == {"X-RTC-CALLID": alice.call_id, "X-Case": "7"}
        await alice.hears_nothing(0.3)
        assert alice.order[-2:] == ["result", "ringing"]

    control(scene)


def test_answer() -> None:
    """The answer has the SDP and the ids; both ways are up."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        await bot.actions.answer(leg, custom_headers=[{"name": "X-Case", "value": "7"}])
        answer = await alice.hears("answer")
        assert answer["telnyx_call_control_id"] == leg
        await alice.connect(answer["sdp"])
        assert (await bot.hears(leg, "call.answered")).state == "answered"
        await alice.hang_up()
        assert await bot.ended(leg) == ("normal_clearing", "200", "caller")
        assert "media" not in alice.order

    control(scene)


def test_early_media(tmp_path: Path) -> None:
    """What is played before the answer is heard as early media: `media` with the SDP, and no SDP in the answer."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        playing = asyncio.ensure_future(bot.actions.start_playback(leg, audio_url=(tmp_path / "a.wav").as_uri()))
        await alice.connect((await alice.hears("media"))["sdp"])
        await playing
        await bot.hears(leg, "call.playback.started")
        assert (await bot.hears(leg, "call.playback.ended")).status == "completed"
        assert ever_heard(alice, tone(700, 2.0)) > 0.9
        await refused("90034", bot.actions.gather(leg))
        await bot.actions.answer(leg)
        assert "sdp" not in await alice.hears("answer")
        await bot.hears(leg, "call.answered")
        assert alice.order.count("media") == 1

    write_wav(tmp_path / "a.wav", tone(700, 1.1))
    control(scene, fixtures=(tmp_path,))


def test_bridge_of_an_answered_leg_is_not_signalled() -> None:
    """The client of an answered leg that is bridged sees no frame; its sound has another source."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob, his = await bot.reached("bob", "+15550100")
        seen = len(alice.seen)
        await bot.actions.bridge(his, call_control_id_to_bridge_with=hers)
        await bot.hears(hers, "call.bridged")
        await hear_each_other(alice, bob)
        assert len(alice.seen) == seen
        await alice.hears_nothing(0.2)

    control(scene)


def test_client_gives_up() -> None:
    """Its own bye before the answer is a cancel."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        await alice.hang_up()
        assert await bot.ended(leg) == ("originator_cancel", "487", "caller")

    control(scene)


def test_nobody_acts() -> None:
    """After ten minutes a parked call that nobody acts on is ended: `timeout`."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        began = bot.exchange.clock.now()
        for _ in range(20):
            await alice.say("telnyx_rtc.ping")
            await asyncio.sleep(29)
        assert await bot.alive(leg)
        await alice.hears("bye", patience=60)
        assert bot.exchange.clock.now() - began == pytest.approx(600, abs=1)
        assert (await bot.ended(leg))[0] == "timeout"

    control_in_no_time(scene)


def test_webhook_that_nobody_takes() -> None:
    """A parked call whose owner cannot be told is ended after the last try: `unspecified`, 503."""

    async def scene(bot: Bot) -> None:
        alice = await bot.parking()
        bot.connection("alice").webhook_event_url = "http://nowhere/hook"
        bot.connection("alice").webhook_event_failover_url = "http://nowhere.else/hook"
        await alice.reply_to(await alice.dial("+15550001"))
        leg = (await alice.hears("ringing"))["telnyx_call_control_id"]
        await asyncio.sleep(5)
        bot.connection("alice").webhook_event_url = bot.hook.url
        assert (await alice.hears("bye"))["cause"] == "SERVICE_UNAVAILABLE"
        assert await bot.ended(leg) == ("unspecified", "503", "unknown")

    control_in_no_time(scene)


def test_failover() -> None:
    """Where the owner's address fails the failover has the event, and the call is controlled from there."""

    async def scene(bot: Bot) -> None:
        alice = await bot.parking()
        connection = bot.connection("alice")
        connection.webhook_event_url, connection.webhook_event_failover_url = "http://nowhere/hook", bot.hook.url
        await alice.reply_to(await alice.dial("+15550001"))
        leg = (await alice.hears("ringing"))["telnyx_call_control_id"]
        await bot.hears(leg, "call.initiated")
        assert bot.hook.seen[0].event["meta"]["delivered_to"] == bot.hook.url
        await bot.actions.reject(leg, cause="USER_BUSY")
        assert (await bot.ended(leg))[0] == "user_busy"

    control_in_no_time(scene)


def test_connection_that_does_not_park() -> None:
    """With a URL and no parking the owner is told plainly, and the call goes its way."""

    async def scene(bot: Bot) -> None:
        alice, bob = await bot.desk.phone("alice"), await bot.desk.phone("bob", "+15550100")
        bot.connection("alice").webhook_event_url = bot.hook.url
        await alice.reply_to(await alice.dial("+15550100"))
        invite = await bob.rings()
        leg = (await alice.hears("ringing"))["telnyx_call_control_id"]
        await alice.connect((await alice.hears("media"))["sdp"])
        await bob.take(invite["sdp"])
        began = await bot.hears(leg, "call.initiated")
        assert (began.state, began.direction) == ("bridging", "outgoing")
        await bot.hears(leg, "call.answered", "call.bridged")
        await bob.hang_up()
        assert await bot.ended(leg) == ("normal_clearing", "200", "callee")

    control(scene)


def test_silence_after_the_bridge() -> None:
    """A leg that is parked after a bridge stays active and is sent silence; digits of it are told of."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob, his = await bot.reached("bob", "+15550100")
        more: dict[str, Any] = {"park_after_unbridge": "self"}
        await bot.actions.bridge(hers, call_control_id_to_bridge_with=his, **more)
        await bot.hears(hers, "call.bridged")
        await bob.hang_up()
        await bot.hears(his, "call.bridged", "call.hangup")
        alice.heard.clear()
        await soon(lambda: len(alice.heard) > 20)
        await alice.say("telnyx_rtc.info", dtmf="5", **alice.about())
        assert (await bot.hears(hers, "call.dtmf.received")).digit == "5"

    control(scene)
