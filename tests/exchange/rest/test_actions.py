"""Commands for one call: which may be given in which state, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.exchange.kit import Phone
from tests.exchange.rest.bot import OTHER_STATE, STATE, Bot, control, control_in_no_time, refused

Command = Callable[[Bot, str, str], Awaitable[Any]]
"""Given a bot, the leg, and the call_control_id of another leg that is answered."""


async def _join(bot: Bot, leg: str, other: str) -> Any:
    room = (await bot.desk.sdk.conferences.create(call_control_id=other, name="room")).data
    assert room is not None
    return await bot.desk.sdk.conferences.actions.join(room.id, call_control_id=leg)


async def _conference(bot: Bot, leg: str, _other: str) -> Any:
    return await bot.desk.sdk.conferences.create(call_control_id=leg, name="room")


COMMANDS: dict[str, Command] = {
    "answer": lambda bot, leg, _: bot.actions.answer(leg),
    "reject": lambda bot, leg, _: bot.actions.reject(leg, cause="USER_BUSY"),
    "hangup": lambda bot, leg, _: bot.actions.hangup(leg),
    "bridge": lambda bot, leg, other: bot.actions.bridge(leg, call_control_id_to_bridge_with=other),
    "transfer": lambda bot, leg, _: bot.actions.transfer(leg, to="+15559999"),
    "enqueue": lambda bot, leg, _: bot.actions.enqueue(leg, queue_name="support"),
    "playback": lambda bot, leg, _: bot.actions.start_playback(leg, audio_url="http://127.0.0.1:1/a.wav"),
    "speak": lambda bot, leg, _: bot.actions.speak(leg, payload="Hi", voice="male"),
    "stop": lambda bot, leg, _: bot.actions.stop_playback(leg),
    "gather": lambda bot, leg, _: bot.actions.gather(leg),
    "gather_speak": lambda bot, leg, _: bot.actions.gather_using_speak(leg, payload="Hi", voice="male"),
    "gather_audio": lambda bot, leg, _: bot.actions.gather_using_audio(leg, audio_url="http://127.0.0.1:1/a.wav"),
    "gather_stop": lambda bot, leg, _: bot.actions.stop_gather(leg),
    "record": lambda bot, leg, _: bot.actions.start_recording(leg, channels="single", format="wav"),
    "send_dtmf": lambda bot, leg, _: bot.actions.send_dtmf(leg, digits="1"),
    "join": _join,
    "conference": _conference,
    "client_state": lambda bot, leg, _: bot.actions.update_client_state(leg, client_state=STATE),
    "suppression": lambda bot, leg, _: bot.actions.start_noise_suppression(leg),
}

OK, UNANSWERED, OUTBOUND, ENDED, CANNOT = "ok", "90034", "90102", "90018", "90033"
NEED_ANSWER = dict.fromkeys(
    (
        "gather",
        "gather_speak",
        "gather_audio",
        "gather_stop",
        "record",
        "send_dtmf",
        "join",
        "conference",
        "suppression",
    ),
    (UNANSWERED, UNANSWERED, OK),
)
TABLE: dict[str, tuple[str, str, str]] = {
    "answer": (OK, OUTBOUND, OK),
    "reject": (OK, OUTBOUND, CANNOT),
    "hangup": (OK, OK, OK),
    "bridge": (OK, OK, OK),
    "transfer": (OK, UNANSWERED, OK),
    "enqueue": (OK, UNANSWERED, OK),
    "playback": (OK, UNANSWERED, OK),
    "speak": (OK, UNANSWERED, OK),
    "stop": (OK, UNANSWERED, OK),
    "client_state": (OK, OK, OK),
    **NEED_ANSWER,
}
"""What each command is answered with: parked, ringing (dialled), answered. Over: always 90018."""

STATES = ("parked", "ringing", "answered", "over", "unknown")


async def _media(phone: Phone) -> None:
    """It takes what audio it is offered while it rings: early media, or the answer."""
    while not (offers := [one for one in phone.seen if one.get("method") in ("telnyx_rtc.media", "telnyx_rtc.answer")]):
        await phone.read()
    await phone.connect(offers[0]["params"]["sdp"])


async def _leg_that_is(bot: Bot, state: str) -> str:
    if state == "parked":
        return (await bot.parked())[1]
    if state == "ringing":
        return (await bot.ringing(await bot.desk.phone("bob", "+15550100"), "+15550100"))[1]
    if state == "unknown":
        return "v3:nobody"
    alice, leg = await bot.up()
    if state == "over":
        await alice.hang_up()
        await bot.hears(leg, "call.hangup")
    return leg


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", TABLE)
def test_state_table(name: str, state: str) -> None:
    """A command in a state is accepted, or refused by the code of its cell (platform's leg state machine)."""

    async def scene(bot: Bot) -> None:
        leg = await _leg_that_is(bot, state)
        _, other = await bot.reached("carol", "+15550101")
        said = {"over": ENDED, "unknown": "90015"}
        code = said.get(state) or TABLE[name][STATES.index(state)]
        asked = COMMANDS[name](bot, leg, other)
        media = asyncio.ensure_future(_media(bot.desk.phones[0]) if state == "parked" else asyncio.sleep(0))
        if code != OK:
            await refused(code, asked, pointer=None if code in (OUTBOUND, CANNOT) else "/call_control_id")
        else:
            await asked
        await asyncio.sleep(0.1)
        media.cancel()

    control_in_no_time(scene)


@pytest.mark.parametrize("body", [{}, {"cause": "BUSY"}])
def test_reject_needs_a_cause(body: dict[str, str]) -> None:
    """`reject` takes one of two words."""

    async def scene(bot: Bot) -> None:
        _, leg = await bot.parked()
        reply = await bot.desk.http.post(f"calls/{leg}/actions/reject", json=body)
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["code"] == ("10032" if body else "10004")
        assert await bot.alive(leg)

    control_in_no_time(scene)


@pytest.mark.parametrize(
    ("cause", "code", "told"),
    [
        ("USER_BUSY", 17, ("user_busy", "486", "callee")),
        ("CALL_REJECTED", 21, ("call_rejected", "403", "callee")),
        (None, 16, ("normal_clearing", "unspecified", "unknown")),
    ],
)
def test_parked_call_is_turned_away(cause: Any, code: int, told: tuple[str, str, str]) -> None:
    """The client of a parked call hears a bye with the command's cause; the event has the platform's word."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        await (bot.actions.reject(leg, cause=cause) if cause else bot.actions.hangup(leg))
        bye = await alice.hears("bye")
        assert (bye["cause"], bye["causeCode"]) == (cause or "NORMAL_CLEARING", code)
        assert await bot.ended(leg) == told
        await refused("90018", bot.actions.answer(leg))

    control(scene)


def test_hangup_of_calls() -> None:
    """An answered call that is hung up clears; a dialled one that rings is cancelled."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100")
        await bot.actions.hangup(leg)
        assert (await bob.hears("bye"))["causeCode"] == 16
        assert await bot.ended(leg) == ("normal_clearing", "200", "unknown")
        carol = await bot.desk.phone("carol", "+15550101")
        _, leg = await bot.ringing(carol, "+15550101")
        await bot.actions.hangup(leg)
        assert (await carol.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        assert await bot.ended(leg) == ("originator_cancel", "487", "caller")

    control(scene)


def test_command_id_of_a_command() -> None:
    """A repetition is answered alike and does nothing, for a minute, on the same leg."""

    async def scene(bot: Bot) -> None:
        bob, leg = await bot.reached("bob", "+15550100")
        _, other = await bot.reached("carol", "+15550101")
        for _ in range(2):
            await bot.actions.speak(leg, payload="Hi", voice="male", command_id="once", client_state=STATE)
        await bot.actions.speak(other, payload="Hi", voice="male", command_id="once")
        await bot.hears(other, "call.speak.started", "call.speak.ended")
        await bot.hears(leg, "call.speak.started", "call.speak.ended")
        for _ in range(2):  # a client says something now and then
            await bob.say("telnyx_rtc.ping")
            await bot.hears_nothing(leg, 31)
        await bot.actions.speak(leg, payload="Hi", voice="male", command_id="once")
        await bot.hears(leg, "call.speak.started")

    control_in_no_time(scene)


def test_refused_command_changes_nothing() -> None:
    """A command that is refused leaves the client_state, and its command_id may be used again."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        await refused("90034", bot.actions.send_dtmf(leg, digits="1", client_state=STATE, command_id="once"))
        await refused("90017", bot.actions.answer(leg, client_state="no base64"), pointer="/client_state")
        assert bot.leg(leg).client_state is None
        await bot.actions.answer(leg, command_id="once", client_state=OTHER_STATE)
        await _connect(alice)
        assert (await bot.hears(leg, "call.answered")).client_state == OTHER_STATE

    control_in_no_time(scene)


def test_commands_wait_for_an_answer_that_is_ordered() -> None:
    """What needs an answered leg may be asked for right behind the `answer`, and comes after it."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.parked()
        await bot.actions.answer(leg)
        connected = asyncio.ensure_future(_connect(alice))
        await bot.actions.gather_using_speak(leg, payload="Press one", voice="male", maximum_digits=1)
        await bot.hears(leg, "call.answered")
        await connected
        await alice.say("telnyx_rtc.info", dtmf="1", **alice.about())
        assert (await bot.hears(leg, "call.dtmf.received")).digit == "1"
        ended = await bot.hears(leg, "call.gather.ended")
        assert (ended.digits, ended.status) == ("1", "valid")

    control(scene)


async def _connect(phone: Phone) -> None:
    await phone.connect((await phone.hears("answer"))["sdp"])


def test_answered_twice() -> None:
    """An answer to an answered call changes nothing, and is told once."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        await bot.actions.answer(leg)
        await bot.hears_nothing(leg)
        assert alice.order.count("answer") == 1

    control(scene)


@pytest.mark.parametrize(("state", "told"), [(STATE, STATE), ("no base64", None), ("", None)])
def test_state_of_a_client(state: str, told: str | None) -> None:
    """The client's own `clientState` is the leg's where it is valid base64."""

    async def scene(bot: Bot) -> None:
        alice = await bot.parking()
        await alice.reply_to(await alice.dial("+15550001", dialog={"clientState": state}))
        leg = str((await alice.hears("ringing"))["telnyx_call_control_id"])
        assert (await bot.hears(leg, "call.initiated")).client_state == told

    control(scene)
