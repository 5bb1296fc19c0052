"""Playback and speech: what the party at the other end hears, and what is told of it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from botkit.exchange.activities import orders, told
from botkit.exchange.activities.sounds import BySource
from botkit.exchange.leg import Leg
from botkit.media.codec import Codec
from botkit.media.pcm import Pcm, level
from botkit.media.prompt import decode_file
from botkit.media.spectrum import tones_in
from botkit.media.wav import read_wav
from tests.exchange.activities.kit import Party, Room, about, play, refused, sound


def ended(status: str, detail: str | None = None, *, url: str | None = None, name: str | None = None) -> Any:
    """The event of a play's end."""
    media = {"media_url": url, "media_name": name, "overlay": False}
    return ("playback.ended", {**media, "status": status, "status_detail": detail})


def test_a_file_by_name(tmp_path: Path) -> None:
    """A file that the exchange was given by name is heard, and its begin and end are told with all their fields."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        outcome = await party.does.play_to_end(media_name="a")
        assert outcome.status == "completed"
        assert room.clock.now() == about(at + 1.0)
        await room.clock.sleep(0.5)
        assert party.sounds == [(about(at), about(at + 1.0))]
        assert party.tones(at + 0.1, at + 0.9) == {440}
        assert party.told() == [
            ("playback.started", {"media_url": None, "media_name": "a", "overlay": False}),
            ended("completed", name="a"),
        ]
        assert list(party.events[1][1]) == ["media_url", "media_name", "overlay", "status", "status_detail"]

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_content_in_the_command(tmp_path: Path) -> None:
    """Sound that the command itself carries is heard, and told with neither address nor name."""
    content = base64.b64encode(sound(tmp_path, 600, 0.5).read_bytes()).decode()

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        await party.does.play_to_end(playback_content=content)
        await room.clock.sleep(0.5)
        assert party.tones(at + 0.1, at + 0.4) == {600}
        assert party.told("playback.ended") == [ended("completed")]

    play(scene)


def test_plays_wait_for_each_other(tmp_path: Path) -> None:
    """Plays and speeches are said in order of arrival, each told when its turn comes."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        for name in ("a", "b"):
            party.does.play(media_name=name)
        await party.does.speak_to_end(payload="And now.", voice="female")
        assert party.tones(at + 0.1, at + 0.9) == {440}
        assert party.tones(at + 1.1, at + 1.9) == {600}
        assert party.order == [
            *(["playback.started", "playback.ended completed"] * 2),
            "speak.started",
            "speak.ended completed",
        ]

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 600, 1.0)})


@pytest.mark.parametrize(("loop", "seconds"), [(3, 1.5), ("2", 1.0), (None, 0.5)])
def test_loops(tmp_path: Path, loop: Any, seconds: float) -> None:
    """A play is said as often as it is told to be, and told once."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        await party.does.play_to_end(media_name="a", loop=loop)
        assert room.clock.now() == about(at + seconds)
        assert party.order == ["playback.started", "playback.ended completed"]

    play(scene, media={"a": sound(tmp_path, 440, 0.5)})


def test_without_end_until_stopped(tmp_path: Path) -> None:
    """`infinity` goes on until it is stopped; then it is quiet, and `cancelled`."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        party.does.play(media_name="a", loop="infinity")
        await room.clock.sleep(3.0)
        party.does.stop_playback()
        assert party.order == ["playback.started", "playback.ended cancelled"]
        await room.clock.sleep(1.0)
        assert party.sounds == [(about(at), about(at + 3.0))]

    play(scene, media={"a": sound(tmp_path, 440, 0.5)})


@pytest.mark.parametrize(
    ("stop", "order"),
    [
        ("current", ["playback.ended cancelled", "playback.started", "playback.ended completed"]),
        ("all", ["playback.ended cancelled", "playback.ended cancelled"]),
        (None, ["playback.ended cancelled", "playback.ended cancelled"]),
    ],
)
def test_stop(tmp_path: Path, stop: str | None, order: list[str]) -> None:
    """`current` stops what is said and the next one follows; `all`, the default, stops what waits, too."""

    async def scene(room: Room) -> None:
        party = await room.party()
        for _ in range(2):
            party.does.play(media_name="a")
        await room.clock.sleep(0.3)
        party.does.stop_playback(stop=stop)
        await room.clock.sleep(2.0)
        assert party.order == ["playback.started", *order]

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_a_play_in_place_of_another(tmp_path: Path) -> None:
    """A play that stops the current one is heard next, before what waited after it when it stops all."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        party.does.play(media_name="a")
        party.does.play(media_name="a")
        await room.clock.sleep(0.5)
        await party.does.play_to_end(media_name="b", stop="all")
        assert party.tones(at + 0.1, at + 0.4) == {440}
        assert party.tones(at + 0.6, at + 1.4) == {600}
        assert party.order == [
            "playback.started",
            "playback.ended cancelled",
            "playback.ended cancelled",
            "playback.started",
            "playback.ended completed",
        ]

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 600, 1.0)})


def test_overlay(tmp_path: Path) -> None:
    """An overlay is heard together with what is being played, and is told as one."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        assert refused(party.does.play, media_name="b", overlay=True) == ("90033", "/overlay")
        party.does.play(media_name="a")
        await room.clock.sleep(0.5)
        assert refused(party.does.play, media_name="b", overlay=True, target_legs="both")[1] == "/target_legs"
        await party.does.play_to_end(media_name="b", overlay=True)
        await room.clock.sleep(1.0)
        assert party.tones(at + 0.1, at + 0.4) == {440}
        assert party.tones(at + 0.7, at + 1.3) == {440, 600}
        assert party.tones(at + 1.7, at + 1.9) == {440}
        assert [fields["overlay"] for _, fields in party.events] == [False, True, True, False]

    play(scene, media={"a": sound(tmp_path, 440, 2.0), "b": sound(tmp_path, 600, 1.0)})


def test_only_the_overlay_is_stopped(tmp_path: Path) -> None:
    """`overlay` stops what is mixed in, and what is beneath goes on; a stop of all stops both."""

    async def scene(room: Room) -> None:
        party = await room.party()
        for _ in range(2):
            party.does.play(media_name="a", loop="infinity", stop="all")
            await room.clock.sleep(0.5)
            party.does.play(media_name="b", loop="infinity", overlay=True)
            await room.clock.sleep(0.5)
            party.events.clear()
            party.does.stop_playback(overlay=True)
            assert [(name, fields["overlay"]) for name, fields in party.told()] == [("playback.ended", True)]
            at = room.clock.now()
            await room.clock.sleep(0.5)
            assert party.tones(at + 0.1, at + 0.4) == {440}
            party.does.play(media_name="b", overlay=True)
            await room.clock.sleep(0.2)
            party.events.clear()
            party.does.stop_playback()
            assert [fields["overlay"] for _, fields in party.told("playback.ended")] == [True, False]

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 600, 1.0)})


# --- what goes wrong ---------------------------------------------------------------------------------


def test_failures(tmp_path: Path) -> None:
    """What is not there is `file_not_found`, what is no sound `failed`, each with a detail and never `started`."""
    (tmp_path / "text.wav").write_text("no sound at all")

    async def scene(room: Room) -> None:
        party = await room.party()
        for command, status, words in (
            ({"media_name": "nothing"}, "file_not_found", "no media named 'nothing'"),
            ({"media_name": "text"}, "failed", "cannot be read as audio"),
            ({"playback_content": "bm90aGluZw=="}, "failed", "cannot be read as audio"),
            ({"audio_url": f"file://{tmp_path}/none.wav"}, "file_not_found", "does not exist"),
            ({"audio_url": "file:///etc/passwd"}, "failed", "none of the folders"),
            ({"audio_url": f"file://{tmp_path}/../../etc/passwd"}, "failed", "none of the folders"),
            ({"audio_url": f"file://elsewhere{tmp_path}/text.wav"}, "failed", "none of the folders"),
        ):
            party.events.clear()
            outcome = await party.does.play_to_end(**command)
            assert outcome.status == status
            assert words in outcome.detail
            [(name, fields)] = party.told()
            assert (name, fields["status"], fields["status_detail"]) == ("playback.ended", status, outcome.detail)

    play(scene, media={"text": tmp_path / "text.wav"}, fixtures=[tmp_path])


class Broken:
    """A source with a bug."""

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        raise ZeroDivisionError

    def pcm(self, rate: int) -> Pcm:
        raise ZeroDivisionError

    def frames(self, codec: Codec) -> Pcm:
        raise ZeroDivisionError


def test_a_bug_in_one_sound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A sound that fails as nobody expects is told as failed and logged, and the next one is said."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.does.carry_out(orders.SayOrder(BySource(Broken()), lambda tell: told.Playback(tell, None, None)))
        assert (await party.does.play_to_end(media_name="a")).status == "completed"
        assert party.order == [
            "playback.started",
            "playback.ended failed",
            "playback.started",
            "playback.ended completed",
        ]

    play(scene, media={"a": sound(tmp_path, 440, 0.5)})
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_every_codec(tmp_path: Path, codec: str) -> None:
    """Plays, overlays, gathers of tones and recordings work alike in each codec."""

    async def scene(room: Room) -> None:
        party = await room.party(codecs=[codec])
        assert party.leg.endpoint.session.codec.name == codec
        recording = party.does.start_recording(channels="dual", format="wav")
        gather = party.does.gather(maximum_digits=2)
        at = room.clock.now()
        party.does.play(media_name="a", loop=2)
        await room.clock.sleep(0.5)
        party.does.play(media_name="b", overlay=True)
        await party.call.send_dtmf("47", via="tone")
        assert (await gather.outcome).digits == "47"
        await room.clock.sleep(2.0)
        assert party.tones(at + 0.2, at + 0.4) == {440}
        assert party.tones(at + 0.7, at + 1.3) == {440, 1000}
        assert party.tones(at + 1.7, at + 1.9) == {440}
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        pcm, rate = read_wav(file.path)
        assert rate == party.leg.endpoint.session.codec.rate
        heard = {round(hz, -1) for hz in tones_in(decode_file(file.path, 8000)[0][13600:15200])}
        assert heard == {440}
        assert level(pcm[: rate // 5, 0]) < -50

    play(scene, media={"a": sound(tmp_path, 440, 1.0), "b": sound(tmp_path, 1000, 1.0)})


def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    """A link in a fixture folder to a file outside it is not followed."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link.wav").symlink_to(sound(outside, 440, 0.5))
    fine = sound(inside, 440, 0.5)

    async def scene(room: Room) -> None:
        party = await room.party()
        assert (await party.does.play_to_end(audio_url=f"file://{inside}/link.wav")).status == "failed"
        assert (await party.does.play_to_end(audio_url=fine.as_uri())).status == "completed"

    play(scene, fixtures=[inside])


@pytest.mark.parametrize(
    ("parameters", "code", "pointer"),
    [
        ({}, "10004", "/audio_url"),
        ({"audio_url": "http://a/b.wav", "media_name": "a"}, "10015", "/media_name"),
        ({"media_name": "a", "playback_content": "AAAA"}, "10015", "/playback_content"),
        ({"audio_url": "ftp://a/b.wav"}, "10015", "/audio_url"),
        ({"audio_url": "/etc/passwd"}, "10015", "/audio_url"),
        ({"audio_url": "http://[a"}, "10015", "/audio_url"),
        ({"audio_url": "http://a/" + "b" * 2000}, "10033", "/audio_url"),
        ({"playback_content": "no base64!"}, "10015", "/playback_content"),
        ({"media_name": "a", "audio_type": "ogg"}, "10032", "/audio_type"),
        ({"media_name": "a", "loop": 0}, "10033", "/loop"),
        ({"media_name": "a", "loop": 101}, "10033", "/loop"),
        ({"media_name": "a", "loop": "often"}, "10033", "/loop"),
        ({"media_name": "a", "loop": True}, "10033", "/loop"),
        ({"media_name": "a", "stop": "overlay"}, "90016", "/stop"),
        ({"media_name": "a", "target_legs": "all"}, "10032", "/target_legs"),
        ({"media_name": "a", "target_legs": "opposite"}, "90033", "/target_legs"),
    ],
)
def test_refused(parameters: dict[str, Any], code: str, pointer: str) -> None:
    """A play that cannot be is refused by code and pointer, and nothing is told."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.play, **parameters) == (code, pointer)
        assert not party.events

    play(scene)


@pytest.mark.parametrize(
    ("parameters", "code", "pointer"),
    [
        ({"voice": "female"}, "10004", "/payload"),
        ({"payload": " ", "voice": "female"}, "10004", "/payload"),
        ({"payload": "a"}, "10004", "/voice"),
        ({"payload": "a" * 3001, "voice": "female"}, "10033", "/payload"),
        ({"payload": "a", "voice": "female", "payload_type": "html"}, "10032", "/payload_type"),
        ({"payload": "a", "voice": "female", "service_level": "best"}, "90030", "/service_level"),
        ({"payload": "a", "voice": "female", "stop": "none"}, "90016", "/stop"),
    ],
)
def test_speech_refused(parameters: dict[str, Any], code: str, pointer: str) -> None:
    """A speech that cannot be is refused by code and pointer."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.speak, **parameters) == (code, pointer)

    play(scene)


# --- bridges and the end -----------------------------------------------------------------------------


async def bridged(room: Room) -> tuple[Party, Party]:
    one, other = await room.party(), await room.party()
    room.exchange.switch.bridge(one.leg, other.leg)
    await room.clock.sleep(0.2)
    for party in (one, other):
        party.events.clear()
    return one, other


@pytest.mark.parametrize(("target", "hear"), [("self", (1, 0)), ("opposite", (0, 1)), ("both", (1, 1))])
def test_target_legs(tmp_path: Path, target: str, hear: tuple[int, int]) -> None:
    """A play of a bridged leg is heard by its own party, the other one, or both; the leg it was asked of tells."""

    async def scene(room: Room) -> None:
        one, other = await bridged(room)
        at = room.clock.now()
        await one.does.play_to_end(media_name="a", target_legs=target)
        assert tuple(int(party.tones(at + 0.1, at + 0.9) == {440}) for party in (one, other)) == hear
        assert one.order == ["playback.started", "playback.ended completed"]
        assert not other.events

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_a_bridge_cuts_what_is_said(tmp_path: Path) -> None:
    """A bridge cancels plays, speeches and gathers of both legs, which is told before it."""

    async def scene(room: Room) -> None:
        one, other = await room.party(), await room.party()
        one.does.play(media_name="a")
        one.does.gather()
        other.does.speak(payload="one two three four five six", voice="female")
        await room.clock.sleep(0.5)
        room.exchange.switch.bridge(one.leg, other.leg)
        await room.clock.sleep(0.5)
        assert one.order == ["playback.started", "playback.ended cancelled", "gather.ended cancelled", "bridged"]
        assert other.order == ["speak.started", "speak.ended completed", "bridged"]
        at = room.clock.now()
        await room.clock.sleep(1.0)
        assert one.tones(at, at + 1.0) == set()

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})


def test_a_hang_up_cuts_what_is_said(tmp_path: Path) -> None:
    """The end of a call ends what goes on in it with `call_hangup`, before the hang-up is told; then all is refused."""

    async def scene(room: Room) -> None:
        party = await room.party()
        does = party.does
        does.play(media_name="a")
        does.speak(payload="never heard", voice="female")
        does.gather()
        await room.clock.sleep(0.5)
        await party.call.hangup()
        await room.clock.sleep(0.5)
        assert party.order == [
            "playback.started",
            "playback.ended call_hangup",
            "speak.ended call_hangup",
            "gather.ended call_hangup",
            "hangup",
        ]
        for order in (
            orders.play(media_name="a"),
            orders.stop_playback(),
            orders.gather(),
            orders.gather_using_audio(media_name="a"),
            orders.send_dtmf(digits="1"),
            orders.record(channels="single", format="wav"),
        ):
            assert refused(does.carry_out, order=order)[0] == "90018"
        assert refused(does.stop_gather)[0] == "90018"

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})


def test_music_gives_way(tmp_path: Path) -> None:
    """What the exchange says for ever of its own (a ringing tone, hold music) ends for what it is told to play."""

    async def scene(room: Room) -> None:
        party = await room.party()
        party.leg.endpoint.play_ringback()
        await room.clock.sleep(0.5)
        at = room.clock.now()
        await party.does.play_to_end(media_name="a")
        assert room.clock.now() == about(at + 1.0)
        assert party.tones(at + 0.1, at + 0.9) == {600}

    play(scene, media={"a": sound(tmp_path, 600, 1.0)})


def test_early_media(tmp_path: Path) -> None:
    """A leg that is not answered may hear plays as early media; digits and recordings need an answer."""

    async def scene(room: Room) -> None:
        switch, parked = room.exchange.switch, asyncio.Event()

        async def park(leg: Leg, _invite: Any) -> None:
            room.legs.append(leg)
            await switch.early_media(leg)
            parked.set()

        switch.control = lambda leg, invite: park
        calling = asyncio.ensure_future(room.party())
        await parked.wait()
        does = room.exchange.platform.activities.of(room.legs[-1])
        assert (await does.play_to_end(media_name="a")).status == "completed"
        for order in (orders.gather(), orders.send_dtmf(digits="1"), orders.record(channels="single", format="wav")):
            assert refused(does.carry_out, order=order) == ("90034", "/call_control_id")
        await switch.answer(room.legs[-1])
        party = await calling
        assert party.does is does
        assert any(party.tones(begin, end or begin + 1) == {440} for begin, end in party.sounds)

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_who_waits_may_give_up(tmp_path: Path) -> None:
    """A cancelled caller's play is silent within a beat, and told as cancelled."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        waiting = asyncio.ensure_future(party.does.play_to_end(media_name="a"))
        await room.clock.sleep(0.5)
        waiting.cancel()
        await room.clock.sleep(0.5)
        assert party.sounds == [(about(at), about(at + 0.5))]
        assert party.order == ["playback.started", "playback.ended cancelled"]

    play(scene, media={"a": sound(tmp_path, 440, 5.0)})
