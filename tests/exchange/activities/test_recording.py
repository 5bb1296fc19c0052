"""Recordings of a leg: what is in the file, and what is told of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from botkit.exchange.activities.recordings import SERVED
from botkit.media.pcm import Pcm, level
from botkit.media.prompt import decode_file
from botkit.media.spectrum import tones_in
from botkit.media.wav import read_wav
from botkit.vocabulary import Tone
from tests.exchange.activities.kit import Party, Room, about, play, refused, sound


def hz(pcm: Pcm, begin: float, end: float, rate: int = 8000) -> set[int]:
    """The frequencies between two times, in whole 10 Hz."""
    return {round(one, -1) for one in tones_in(pcm[round(begin * rate) : round(end * rate)])}


async def talk(party: Party, room: Room) -> None:
    """2.2 seconds: the client says 600 Hz in the first, the exchange 440 Hz in the second."""
    saying = asyncio.ensure_future(party.call.play(Tone((600.0,), 1.0)))
    await room.clock.sleep(1.0)
    party.does.play(media_name="a")
    await room.clock.sleep(1.2)
    await saying


def test_one_channel(tmp_path: Path) -> None:
    """One channel has both sides together; the event has its fields in order, and its address leads to the file."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav")
        await talk(party, room)
        party.does.stop_recording(recording_id=recording.id)
        file = await recording.outcome
        assert file is not None
        pcm, rate = read_wav(file.path)
        assert (pcm.ndim, rate, pcm.size / rate) == (1, 8000, about(2.2))
        assert hz(pcm, 0.2, 0.8) == {600}
        assert hz(pcm, 1.2, 1.8) == {440}
        [(_, fields)] = party.told("recording.saved")
        assert list(fields) == [
            "channels",
            "recording_urls",
            "public_recording_urls",
            "recording_started_at",
            "recording_ended_at",
        ]
        url = fields["recording_urls"]["wav"]
        assert fields["recording_urls"] == {"mp3": None, "wav": url}
        assert url.endswith(f"/v2/recordings/{recording.id}.wav")
        assert room.exchange.platform.recordings.find(url.rpartition("/")[2]) == file
        times = [datetime.fromisoformat(fields[f"recording_{word}_at"]) for word in ("started", "ended")]
        assert (times[1] - times[0]).total_seconds() == about(2.2)
        assert party.order[-1] == "recording.saved"

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_two_channels(tmp_path: Path) -> None:
    """Of two channels the leg's own voice is the first, what it hears the second."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="dual", format="wav")
        await talk(party, room)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        pcm, _ = read_wav(file.path)
        assert (hz(pcm[:, 0], 0.2, 0.8), hz(pcm[:, 1], 0.2, 0.8)) == ({600}, set())
        assert (hz(pcm[:, 0], 1.2, 1.8), hz(pcm[:, 1], 1.2, 1.8)) == (set(), {440})
        assert file.channels == "dual"

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


@pytest.mark.parametrize(("track", "first", "second"), [("inbound", {600}, set()), ("outbound", set(), {440})])
def test_one_track(tmp_path: Path, track: str, first: set[int], second: set[int]) -> None:
    """One track alone is recorded in one channel, whatever channels are asked for."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="dual", format="wav", recording_track=track)
        await talk(party, room)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        pcm, _ = read_wav(file.path)
        assert (hz(pcm, 0.2, 0.8), hz(pcm, 1.2, 1.8)) == (first, second)
        assert file.channels == "single"

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_mp3(tmp_path: Path) -> None:
    """An MP3 is one, and sounds as the call did."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="dual", format="mp3", custom_file_name="my call")
        await talk(party, room)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        assert (file.media_type, file.name) == ("audio/mpeg", "my call.mp3")
        pcm, rate = decode_file(file.path)
        assert pcm.size / rate == about(2.2, 0.15)
        assert hz(pcm, 0.3, 0.8, rate) == {600}
        [(_, fields)] = party.told("recording.saved")
        assert fields["recording_urls"]["wav"] is None
        assert fields["recording_urls"]["mp3"].endswith(".mp3")

    play(scene, media={"a": sound(tmp_path, 440, 1.0)})


def test_pauses_are_left_out() -> None:
    """What comes between pause and resume is not in the file, and takes no time in it."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav", recording_track="inbound")
        for tone, act in ((600, "pause"), (800, "resume"), (1000, "stop")):
            await party.call.play(Tone((float(tone),), 1.0))
            getattr(party.does, f"{act}_recording")()
        file = await recording.outcome
        assert file is not None
        pcm, rate = read_wav(file.path)
        assert pcm.size / rate == about(2.0, 0.1)
        assert (hz(pcm, 0.2, 0.8), hz(pcm, 1.2, 1.8)) == ({600}, {1000})

    play(scene)


def test_the_longest_it_may_be() -> None:
    """It ends by itself when it is as long as it may be; pauses do not count."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav", max_length=3)
        await room.clock.sleep(1.0)
        party.does.pause_recording()
        await room.clock.sleep(5.0)
        party.does.resume_recording()
        at = room.clock.now()
        file = await recording.outcome
        assert room.clock.now() == about(at + 2.0)
        assert file is not None
        assert file.duration == about(3.0)
        assert recording.ended_by == "max_length"

    play(scene)


def test_silence_ends_it() -> None:
    """Silence after sound ends it when it has lasted long enough; silence before the first sound does not."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav", timeout_secs=2)
        await room.clock.sleep(5.0)
        assert not recording.is_over
        await party.call.play(Tone((600.0,), 1.0))
        at = room.clock.now()
        await recording.outcome
        assert room.clock.now() == about(at + 2.0, 0.3)
        assert recording.ended_by == "silence"

    play(scene)


def test_trim() -> None:
    """The silence before the first sound and after the last one is cut off."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav", trim="trim-silence")
        await room.clock.sleep(1.0)
        await party.call.play(Tone((600.0,), 1.0))
        await room.clock.sleep(2.0)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        assert file.duration == about(1.0)
        assert level(read_wav(file.path)[0]) > -20

    play(scene)


def test_the_beep() -> None:
    """The party hears a beep, and what is recorded begins after it."""

    async def scene(room: Room) -> None:
        party = await room.party()
        at = room.clock.now()
        recording = party.does.start_recording(channels="single", format="wav", play_beep=True)
        await room.clock.sleep(1.4)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        assert party.tones(at + 0.1, at + 0.35) == {1000}
        assert file.duration == about(1.0)
        assert not hz(read_wav(file.path)[0], 0.0, 1.0)

    play(scene)


def test_a_key_ends_it() -> None:
    """A key that ends the recording does so, and is told."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav", keys="#*")
        await party.call.send_dtmf("1#", via="rtp")
        await recording.outcome
        assert recording.ended_by == "key"
        assert party.order == ["dtmf.received", "dtmf.received", "recording.saved"]

    play(scene)


def test_a_hang_up_ends_it() -> None:
    """The end of the call ends it; the file is told of after the hang-up."""

    async def scene(room: Room) -> None:
        party = await room.party()
        recording = party.does.start_recording(channels="single", format="wav")
        await party.call.play(Tone((600.0,), 1.0))
        await party.call.hangup()
        assert (await recording.outcome) is not None
        assert party.order == ["hangup", "recording.saved"]

    play(scene)


def test_it_outlasts_a_bridge() -> None:
    """A recording goes on when its leg is bridged, and has both sides of what is forwarded."""

    async def scene(room: Room) -> None:
        one, other = await room.party(), await room.party()
        recording = one.does.start_recording(channels="dual", format="wav")
        room.exchange.switch.bridge(one.leg, other.leg)
        await room.clock.sleep(1.0)
        await asyncio.gather(one.call.play(Tone((600.0,), 1.0)), other.call.play(Tone((800.0,), 1.0)))
        one.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        pcm, _ = read_wav(file.path)
        assert (hz(pcm[:, 0], 1.2, 1.8), hz(pcm[:, 1], 1.2, 1.8)) == ({600}, {800})

    play(scene)


@pytest.mark.parametrize(
    ("parameters", "code", "pointer"),
    [
        ({"format": "wav"}, "10004", "/channels"),
        ({"channels": "single"}, "10004", "/format"),
        ({"channels": "both", "format": "wav"}, "10032", "/channels"),
        ({"channels": "single", "format": "ogg"}, "10032", "/format"),
        ({"channels": "single", "format": "wav", "max_length": 14401}, "10033", "/max_length"),
        ({"channels": "single", "format": "wav", "timeout_secs": -1}, "90028", "/timeout_secs"),
        ({"channels": "single", "format": "wav", "recording_track": "none"}, "90059", "/recording_track"),
        ({"channels": "single", "format": "wav", "trim": "all"}, "10032", "/trim"),
        ({"channels": "single", "format": "wav", "custom_file_name": "../a"}, "10015", "/custom_file_name"),
    ],
)
def test_refused(parameters: dict[str, Any], code: str, pointer: str) -> None:
    """What a recording cannot be is refused by code and pointer."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.start_recording, **parameters) == (code, pointer)

    play(scene)


def test_one_recording_at_a_time() -> None:
    """A second one is refused, and so are commands for one that is not there."""

    async def scene(room: Room) -> None:
        party = await room.party()
        assert refused(party.does.stop_recording)[0] == "90033"
        recording = party.does.start_recording(channels="single", format="wav")
        assert refused(party.does.start_recording, channels="single", format="wav")[0] == "90033"
        assert refused(party.does.pause_recording, recording_id="other") == ("10015", "/recording_id")
        party.does.stop_recording()
        await recording.outcome

    play(scene)


def test_files_are_there_for_a_while() -> None:
    """A file is served for ten minutes, and gone with the exchange; nothing of its spool stays."""
    folders: list[Path] = []

    async def scene(room: Room) -> None:
        party = await room.party()
        recordings = room.exchange.platform.recordings
        recording = party.does.start_recording(channels="single", format="wav")
        await room.clock.sleep(0.5)
        party.does.stop_recording()
        file = await recording.outcome
        assert file is not None
        await party.call.hangup()
        assert recordings.find(recording.id) == file
        assert refused(recordings.find, name=f"{recording.id}.mp3")[0] == "10005"
        assert [one.name for one in recordings.folder.iterdir()] == [f"{recording.id}.wav"]
        await room.clock.sleep(SERVED + 1)
        assert refused(recordings.find, name=recording.id)[0] == "10005"
        assert not list(recordings.folder.iterdir())
        folders.append(recordings.folder)

    play(scene)
    assert not folders[0].exists()
