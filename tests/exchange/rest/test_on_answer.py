"""What begins with the answer of a dialled leg, and where its events go instead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.media.pcm import Pcm
from botkit.media.source import ToneSource
from botkit.media.tone import tone
from botkit.media.wav import read_wav, write_wav
from tests.exchange.kit import soon
from tests.exchange.rest.bot import Bot, control, control_in_no_time, parsed, refused
from tests.exchange.test_bridge import ever_heard
from tests.exchange.webhooks.kit import site

DIGITS: list[dict[str, Any]] = [
    {"send_digits_on_answer": "12"},
    {"to": "+15550100,12"},
    {"to": "+15550100,99", "send_digits_on_answer": "12"},
]


def band(pcm: Pcm, hz: float, rate: int = 8000) -> float:
    """The amplitude of that frequency, over the whole of it."""
    wave = np.exp(-2j * np.pi * hz * np.arange(pcm.size) / rate)
    return float(2 * abs(np.mean(pcm.astype(float) * wave)))


@pytest.mark.parametrize("more", DIGITS, ids=["parameter", "suffix", "both"])
def test_digits_on_answer(more: dict[str, Any]) -> None:
    """Digits are sent after the answer: the parameter's, else those behind the number."""

    async def scene(bot: Bot) -> None:
        bob = await bot.desk.phone("bob", "+15550100")
        invite, _ = await bot.ringing(bob, **{"to": "+15550100", **more})
        await bob.take(invite["sdp"])
        await soon(lambda: len(bob.digits) == 2)
        assert bob.digits == ["1", "2"]

    control_in_no_time(scene)


def test_audio_on_answer(tmp_path: Path) -> None:
    """`audio_url` is heard from the answer on, and told of."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100", audio_url=(tmp_path / "hello.wav").as_uri())
        assert (await bot.hears(leg, "call.playback.started")).media_url == (tmp_path / "hello.wav").as_uri()
        assert (await bot.hears(leg, "call.playback.ended")).status == "completed"
        assert ever_heard(bob, tone(700, 2.0)) > 0.9

    write_wav(tmp_path / "hello.wav", tone(700, 1.0))
    control(scene, fixtures=(tmp_path,))


def test_recorded_from_the_answer(tmp_path: Path) -> None:
    """It is saved after the hang-up; its address gives the file, with no key, and what the callee said is in it."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached(
            "bob", "+15550100", record="record-from-answer", record_format="wav", record_channels="single"
        )
        bob.utter(ToneSource((500.0,), 1.0))
        await bob.said()
        await asyncio.sleep(0.2)  # the last of it is on its way
        await bob.hang_up()
        await bot.hears(leg, "call.hangup")
        saved = await bot.hears(leg, "call.recording.saved")
        assert saved.channels == "single"
        assert saved.recording_urls.mp3 is None
        address = saved.recording_urls.wav
        reply = await bot.desk.http.get(address, headers={"Authorization": ""})
        assert (reply.status_code, reply.headers["content-type"]) == (200, "audio/wav")
        assert len(reply.content) > 8000
        assert reply.content[:4] == b"RIFF"
        (tmp_path / "got.wav").write_bytes(reply.content)
        pcm, rate = read_wav(tmp_path / "got.wav")
        assert band(pcm, 500, rate) > 500
        gone = await bot.desk.http.get("recordings/00000000-0000-0000-0000-000000000000.wav")
        assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "10005")

    control(scene)


@pytest.mark.parametrize(
    ("wanted", "event", "result"),
    [
        ("premium", "call.machine.premium.detection.ended", "human_residence"),
        ("detect", "call.machine.detection.ended", "human"),
    ],
)
def test_machine_detection(wanted: Any, event: str, result: str) -> None:
    """Whoever answers is human; without the wish nothing is told."""

    async def scene(bot: Bot) -> None:
        _, leg = await bot.reached("bob", "+15550100", answering_machine_detection=wanted)
        assert (await bot.hears(leg, event)).result == result
        _, other = await bot.reached("carol", "+15550101")
        await bot.hears_nothing(other)

    control_in_no_time(scene)


def test_conference_on_answer() -> None:
    """`conference_config` leads the leg that answers into a conference, which is made where there is none."""

    async def scene(bot: Bot) -> None:
        room: Any = {"conference_name": "room7", "start_conference_on_enter": True}
        _, first = await bot.reached("bob", "+15550100", conference_config=room)
        made = [one async for one in bot.desk.sdk.conferences.list(filter={"name": "room7"})]
        assert len(made) == 1
        joined = await bot.hears(made[0].id, "conference.created", "conference.participant.joined")
        assert joined.call_control_id == first
        carol, second = await bot.reached(
            "carol", "+15550101", conference_config={"id": made[0].id, "mute": True, "end_conference_on_exit": True}
        )
        await bot.hears(made[0].id, "conference.participant.joined")
        people = [one async for one in bot.desk.sdk.conferences.list_participants(made[0].id)]
        assert [(one.call_control_id, one.muted, one.end_conference_on_exit) for one in people] == [
            (first, False, False),
            (second, True, True),
        ]
        await carol.hang_up()
        await bot.hears(second, "call.hangup")
        assert (await bot.ended(first))[0] == "normal_clearing"
        await refused("90019", bot.dial("+15550100", conference_config={"id": made[0].id}))

    control(scene)


def test_conference_that_ends_before_the_answer() -> None:
    """A leg whose conference is over when it answers stays, and takes commands."""

    async def scene(bot: Bot) -> None:
        _, host = await bot.reached("bob", "+15550100")
        room = (await bot.desk.sdk.conferences.create(call_control_id=host, name="room7")).data
        assert room is not None
        carol = await bot.desk.phone("carol", "+15550101")
        invite, leg = await bot.ringing(carol, "+15550101", conference_config={"id": room.id})
        await bot.desk.sdk.conferences.actions.end_conference(room.id)
        await carol.take(invite["sdp"])
        await bot.hears(leg, "call.answered")
        await bot.actions.speak(leg, payload="Too late", voice="male")
        await bot.hears(leg, "call.speak.started")

    control(scene)


def test_events_go_elsewhere() -> None:
    """`webhook_urls` has several receivers for an event, `webhook_url` one for all others, the application none."""

    async def scene(bot: Bot) -> None:
        async with site() as one, site() as two, site() as rest:
            bob = await bot.desk.phone("bob", "+15550100")
            leg = await bot.dial(
                "+15550100",
                webhook_url=rest.url,
                webhook_urls={"call.answered": [one.url, two.url]},  # type: ignore[dict-item]
            )
            await bob.take((await bob.rings())["sdp"])
            await soon(lambda: bool(one.seen and two.seen))
            await bob.hang_up()
            await soon(lambda: len(rest.seen) == 2)
            assert [request.type for request in rest.seen] == ["call.initiated", "call.hangup"]
            for hook in (one, two):
                (request,) = hook.seen
                assert parsed(request, bot.exchange.public_key).call_control_id == leg
            assert not bot.hook.seen

    control(scene)


def test_answer_moves_later_events() -> None:
    """The `webhook_url` of an answer gets what comes after it."""

    async def scene(bot: Bot) -> None:
        async with site() as later:
            alice, leg = await bot.parked()
            await bot.actions.answer(leg, webhook_url=later.url, client_state="c3RhdGU=")
            await alice.connect((await alice.hears("answer"))["sdp"])
            await soon(lambda: len(later.seen) == 1)
            await alice.hang_up()
            await soon(lambda: len(later.seen) == 2)
            assert [request.type for request in later.seen] == ["call.answered", "call.hangup"]
            assert parsed(later.seen[1], bot.exchange.public_key).client_state == "c3RhdGU="
            await bot.hears_nothing(leg)

    control(scene)


def test_retries_by_policy() -> None:
    """A receiver that fails is asked again as `webhook_retries_policies` say, with the same id."""

    async def scene(bot: Bot) -> None:
        bot.hook.script = [500, 500]  # type: ignore[union-attr]
        await bot.desk.phone("bob", "+15550100")
        policies: Any = {"call.initiated": {"retries_ms": [3000, 7000]}}
        await bot.dial("+15550100", webhook_retries_policies=policies)
        await soon(lambda: len(bot.hook.seen) == 3)
        first, second, third = bot.hook.seen
        assert second.at - first.at == pytest.approx(3, abs=0.1)
        assert third.at - second.at == pytest.approx(7, abs=0.1)
        assert [request.event["meta"]["attempt"] for request in bot.hook.seen] == [1, 2, 3]
        assert len({request.event["data"]["id"] for request in bot.hook.seen}) == 1

    control_in_no_time(scene)
