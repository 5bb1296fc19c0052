"""Digits that a leg gathers, hears and sends, with a client at the other end who keys and listens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from botkit.vocabulary import Tone
from tests.exchange.activities.kit import Event, Party, Room, about, play, refused, sound

WAYS = ("info", "rtp", "tone")


def gathered(digits: str, status: str, gather_id: str | None = None) -> Event:
    return ("gather.ended", {"digits": digits, "gather_id": gather_id, "status": status})


def dtmf(digits: str) -> list[Event]:
    return [("dtmf.received", {"digit": digit}) for digit in digits]


@pytest.mark.parametrize("via", WAYS)
def test_gather(via: str) -> None:
    """Digits by info, event and tone are gathered alike; each is told once, before the gather is."""

    async def scene(room: Room) -> None:
        party = await room.party()
        gather = party.does.gather(maximum_digits=3, gather_id="mine")
        await party.call.send_dtmf("1*3", via=via)
        result = await party.does.gathered(gather)
        assert (result.digits, result.status) == ("1*3", "valid")
        assert party.told() == [*dtmf("1*3"), gathered("1*3", "valid", "mine")]
        assert list(party.events[-1][1]) == ["digits", "gather_id", "status"]

    play(scene)


def test_the_terminator() -> None:
    """The terminator ends the entry and is told, but is not among its digits."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.gather()
        await party.call.send_dtmf("42#", via="rtp")
        await room.clock.sleep(1.0)
        assert party.told() == [*dtmf("42#"), gathered("42", "valid")]

    play(scene)


def test_times_of_a_gather() -> None:
    """The initial time ends a gather that hears nothing, the inter-digit time one that has enough."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        first = party.does.gather(initial_timeout_millis=3000)
        assert (await first.outcome).status == "timeout"
        assert room.clock.now() == about(at + 3.0)
        second = party.does.gather(inter_digit_timeout_millis=2000)
        await party.call.send_dtmf("7", via="info")
        at = room.clock.now()
        assert (await second.outcome).digits == "7"
        assert room.clock.now() == about(at + 2.0, 0.2)

    play(scene)


def test_one_gather_at_a_time() -> None:
    """A new gather cancels the one before, with what it has; `gather_stop` cancels; where none is, nothing happens."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.gather(gather_id="one")
        await party.call.send_dtmf("5", via="rtp")
        await room.clock.sleep(0.5)
        party.does.gather(gather_id="two")
        party.does.stop_gather()
        party.does.stop_gather()
        assert party.told() == [*dtmf("5"), gathered("5", "cancelled", "one"), gathered("", "cancelled", "two")]

    play(scene)


def test_digits_that_nobody_gathers() -> None:
    """Digits by info and event are told on an answered leg in any case; tones are heard only while somebody gathers."""

    async def scene(room: Room) -> None:
        party = await room.party()
        for via in WAYS:
            await party.call.send_dtmf("9", via=via)
            await room.clock.sleep(0.5)
        assert party.told() == dtmf("99")
        assert not any(call.ear is party.does.ear.ear for call in room.exchange.plane.hearing._calls)

    play(scene)


def test_digits_of_bridged_legs() -> None:
    """Digits of a bridged leg are told, whichever way they came, and still carried to the other one."""

    async def scene(room: Room) -> None:
        one, other = await room.party(), await room.party()
        room.exchange.switch.bridge(one.leg, other.leg)
        one.events.clear()
        for via in ("info", "rtp"):
            await one.call.send_dtmf("8", via=via)
            await room.clock.sleep(0.5)
        assert one.told() == dtmf("88")
        assert [digit.digit for digit in other.call.ear.digits] == ["8", "8"]

    play(scene)


def test_listeners() -> None:
    """Each listener hears every digit of its time, by all ways, in order, beside a gather."""

    async def scene(room: Room) -> None:
        party = await room.party()
        with party.does.ear.digits() as one, party.does.ear.digits() as other:
            gather = party.does.gather(maximum_digits=3)
            for digit, via in zip("123", WAYS, strict=True):
                await party.call.send_dtmf(digit, via=via)
            assert [await one.next() for _ in range(3)] == ["1", "2", "3"]
            assert [await other.next() for _ in range(3)] == ["1", "2", "3"]
            assert gather.outcome.result().digits == "123"
            waiting = asyncio.ensure_future(one.next())
            await asyncio.sleep(0)
            waiting.cancel()
            await party.call.send_dtmf("4", via="rtp")
            assert await one.next() == "4"

    play(scene)


def test_silence_is_waited_for() -> None:
    """Who waits for silence waits from now on, and from the end of each sound again."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        await party.does.ear.silent_for(1.0)
        assert room.clock.now() == about(at + 1.0)
        waiting = asyncio.ensure_future(party.does.ear.silent_for(1.0))
        await room.clock.sleep(0.5)
        await party.call.play(Tone((600.0,), 3.0))
        at = room.clock.now()
        await waiting
        assert room.clock.now() == about(at + 1.0, 0.1)

    play(scene)


# --- with a prompt -----------------------------------------------------------------------------------


def audio_events(name: str, status: str = "completed") -> list[Event]:
    media = {"media_url": None, "media_name": name, "overlay": False}
    return [
        ("playback.started", media),
        ("playback.ended", {**media, "status": status, "status_detail": None}),
    ]


def test_gather_using_audio(tmp_path: Path) -> None:
    """The prompt is heard to its end, then digits have their time."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        party.does.gather_using_audio(media_name="a", maximum_digits=1)
        await room.clock.sleep(1.5)
        assert party.sounds == [(about(at), about(at + 1.0))]
        await party.call.send_dtmf("4", via="rtp")
        await room.clock.sleep(0.5)
        assert party.told() == [*audio_events("a"), *dtmf("4"), gathered("4", "valid")]

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_a_digit_stops_the_prompt(tmp_path: Path) -> None:
    """A digit in the prompt stops it, which is told before the digit, and counts."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        party.does.gather_using_audio(media_name="a", maximum_digits=2)
        await room.clock.sleep(0.5)
        await party.call.send_dtmf("45", via="info", gap=1.0)
        await room.clock.sleep(0.5)
        assert party.sounds == [(about(at), about(at + 0.5, 0.1))]
        assert party.told() == [*audio_events("a", "cancelled"), *dtmf("45"), gathered("45", "valid")]

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})


def test_the_prompt_is_said_again(tmp_path: Path) -> None:
    """Silence after the prompt has it said again, up to the tries; the time runs from the prompt's end."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        gather = party.does.gather_using_audio(media_name="a", timeout_millis=2000, maximum_tries=2)
        assert (await gather.outcome).status == "timeout"
        assert room.clock.now() == about(at + 6.0, 0.2)
        assert party.told() == [*audio_events("a") * 2, gathered("", "timeout")]

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_the_invalid_prompt(tmp_path: Path) -> None:
    """A wrong entry has the invalid prompt said, and the next entry may be right."""

    async def scene(room: Room) -> None:
        party = await room.party()
        gather = party.does.gather_using_audio(
            media_name="a", invalid_media_name="b", valid_digits="123", maximum_digits=1
        )
        await room.clock.sleep(1.5)
        await party.call.send_dtmf("9", via="tone")
        await room.clock.sleep(1.5)
        await party.call.send_dtmf("2", via="tone")
        assert (await gather.outcome).digits == "2"
        assert party.told() == [
            *audio_events("a"),
            *dtmf("9"),
            *audio_events("b"),
            *dtmf("2"),
            gathered("2", "valid"),
        ]

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 600, 1.0)})


def test_gather_using_speak() -> None:
    """The spoken prompt is heard, and no events of its own are told."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        gather = party.does.gather_using_speak(
            payload="Please enter your number now.", voice="female", maximum_digits=1
        )
        await room.clock.sleep(0.5)
        await party.call.send_dtmf("6", via="rtp")
        assert (await gather.outcome).status == "valid"
        await room.clock.sleep(0.5)
        assert party.sounds[0][0] == about(at, 0.2)
        assert party.order == ["dtmf.received", "gather.ended valid"]

    play(scene)


def test_a_prompt_waits_for_its_turn(tmp_path: Path) -> None:
    """A gather with a prompt takes one place in the queue: after plays before it, and before those after it."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.play(media_name="a")
        party.does.gather_using_audio(media_name="b", maximum_digits=1)
        party.does.play(media_name="a")
        await room.clock.sleep(4.0)
        assert party.order[-1] == "playback.ended completed"
        await party.call.send_dtmf("1", via="rtp")
        await room.clock.sleep(1.5)
        order = [fields.get("media_name") or name for name, fields in party.told()]
        assert order == ["a", "a", "b", "b", "dtmf.received", "gather.ended", "a", "a"]

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 600, 1.0)})


def test_a_prompt_that_is_stopped(tmp_path: Path) -> None:
    """`playback_stop` stops the prompt alone; a gather that still waits for its turn is cancelled with the queue."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.gather_using_audio(media_name="a", maximum_digits=1)
        await room.clock.sleep(0.5)
        party.does.stop_playback()
        await room.clock.sleep(1.0)
        await party.call.send_dtmf("3", via="rtp")
        await room.clock.sleep(0.5)
        assert party.told() == [*audio_events("a", "cancelled"), *dtmf("3"), gathered("3", "valid")]
        party.events.clear()
        party.does.play(media_name="a")
        party.does.gather_using_audio(media_name="a")
        await room.clock.sleep(0.5)
        party.does.stop_playback()
        assert party.told() == [*audio_events("a", "cancelled"), gathered("", "cancelled")]

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})


def test_a_hang_up_in_the_prompt(tmp_path: Path) -> None:
    """The end of the call ends prompt and gather with `call_hangup`, in this order."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.gather_using_audio(media_name="a")
        await room.clock.sleep(0.5)
        await party.call.hangup()
        await room.clock.sleep(0.5)
        assert party.told()[:3] == [*audio_events("a", "call_hangup"), gathered("", "call_hangup")]
        assert party.order[3:] == ["hangup"]

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})


def test_a_prompt_that_cannot_be_said() -> None:
    """Where the prompt is not there, that is told, and digits are gathered all the same."""

    async def scene(room: Room) -> None:
        party = await room.party()
        gather = party.does.gather_using_audio(media_name="nothing", maximum_digits=1)
        await room.clock.sleep(0.1)
        await party.call.send_dtmf("1", via="rtp")
        assert (await gather.outcome).status == "valid"
        assert party.order == ["playback.ended file_not_found", "dtmf.received", "gather.ended valid"]

    play(scene)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"minimum_digits": 0}, "90022"),
        ({"minimum_digits": 3, "maximum_digits": 2}, "90022"),
        ({"maximum_digits": 129}, "90023"),
        ({"timeout_millis": 0}, "90025"),
        ({"timeout_millis": 120001}, "90025"),
        ({"inter_digit_timeout_millis": 0}, "90026"),
        ({"initial_timeout_millis": 120001}, "90056"),
        ({"terminating_digit": "##"}, "10015"),
        ({"valid_digits": "12x"}, "10015"),
    ],
)
def test_refused(parameters: dict[str, Any], code: str) -> None:
    """What a gather cannot be is refused by the platform's code, with a pointer to what is wrong."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.gather, **parameters) == (code, f"/{next(iter(parameters))}")
        assert refused(party.does.gather_using_audio, media_name="a", maximum_tries=0) == ("90024", "/maximum_tries")
        assert refused(party.does.gather_using_audio) == ("10004", "/audio_url")
        twice = {"media_name": "a", "invalid_audio_url": "http://a/", "invalid_media_name": "b"}
        assert refused(party.does.gather_using_audio, **twice) == ("10015", "/invalid_media_name")

    play(scene)


# --- digits that are sent ----------------------------------------------------------------------------


def heard(party: Party) -> str:
    return "".join(digit.digit for digit in party.call.ear.digits)


def test_send_dtmf() -> None:
    """Digits arrive in order as telephone-events of the length asked for, with the pauses between them."""

    async def scene(room: Room) -> None:
        party = await room.party()
        first = party.does.send_dtmf(digits="1A", duration_millis=300)
        second = party.does.send_dtmf(digits="2wW#")
        await asyncio.gather(first, second)
        await room.clock.sleep(0.5)
        digits = list(party.call.ear.digits)
        assert heard(party) == "1A2#"
        assert {digit.via for digit in digits} == {"rtp"}
        assert [digit.duration for digit in digits] == [about(0.3), about(0.3), about(0.25), about(0.25)]
        assert digits[3].at - digits[2].at == about(0.25 + 1.5, 0.15)

    play(scene)


@pytest.mark.parametrize(
    ("parameters", "code", "pointer"),
    [
        ({}, "10004", "/digits"),
        ({"digits": "12x"}, "90014", "/digits"),
        ({"digits": "1", "duration_millis": 99}, "90027", "/duration_millis"),
        ({"digits": "1", "duration_millis": 501}, "90027", "/duration_millis"),
    ],
)
def test_sending_refused(parameters: dict[str, Any], code: str, pointer: str) -> None:
    """What is no digit, or lasts too long or too short, is refused."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.send_dtmf, **parameters) == (code, pointer)

    play(scene)


def test_a_hang_up_while_digits_are_sent() -> None:
    """The end of the call ends the sending, and those who wait for it are done."""

    async def scene(room: Room) -> None:
        party = await room.party()
        sending = [party.does.send_dtmf(digits="1W" * 20) for _ in range(2)]
        await room.clock.sleep(2.0)
        await party.call.hangup()
        await asyncio.wait(sending)
        assert "1" in heard(party)

    play(scene)
