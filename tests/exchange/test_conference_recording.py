"""A conference recorded: what is in the file, what is told of it, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from botkit.exchange.activities.recording import Wanted
from botkit.exchange.conference import Conference
from botkit.exchange.seat import SeatPlan
from botkit.media.pcm import Pcm
from botkit.media.wav import read_wav
from tests.exchange.kit import soon
from tests.exchange.meeting import Guest, Meeting, meet
from tests.exchange.test_conference import refused, room


async def saved(meeting: Meeting) -> tuple[Pcm, int, dict[str, Any]]:
    """The file that was told of: its samples, its rate, and what was told."""
    await soon(lambda: any(event == "conference.recording.saved" for event, _, _ in meeting.told))
    (file,) = (told for event, _, told in meeting.told if event == "conference.recording.saved")
    pcm, rate = read_wav(meeting.exchange.platform.recordings.find(file["recording_id"]).path)
    return pcm, rate, file


def has(pcm: Pcm, rate: int, guest: Guest) -> bool:
    """Whether the guest's tone is in it."""
    wave = np.exp(-2j * np.pi * guest.hz * np.arange(pcm.size) / rate)
    return bool(2 * abs(np.mean(pcm.astype(float) * wave)) > 500)


def record(meeting: Meeting, conference: Conference, **wanted: Any) -> Any:
    return meeting.exchange.platform.conference_recordings.start(conference, Wanted(**wanted))


@pytest.mark.parametrize("channels", ["single", "dual"])
def test_what_is_said(channels: str) -> None:
    """All of it in one channel; in two, the creator is the first, and the others are the second."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        wide = await meeting.guest("wide", codec="opus")
        conference.join(wide.leg, SeatPlan())
        recording = record(meeting, conference, channels=channels)
        for guest in (ann, bob, wide):
            guest.says(1.0)
        await asyncio.sleep(1.0)
        recording.stop()
        recording.stop()
        pcm, rate, told = await saved(meeting)
        assert rate == 48000
        assert len(pcm) / rate == pytest.approx(1.0, abs=0.05)
        assert (told["channels"], told["format"]) == (channels, "wav")
        assert told["recording_urls"]["wav"].endswith(f"/v2/recordings/{told['recording_id']}.wav")
        assert told["recording_urls"]["mp3"] is None
        if channels == "single":
            assert [has(pcm, rate, guest) for guest in (ann, bob, wide)] == [True] * 3
        else:
            assert [has(pcm[:, 0], rate, guest) for guest in (ann, bob, wide)] == [True, False, False]
            assert [has(pcm[:, 1], rate, guest) for guest in (ann, bob, wide)] == [False, True, True]

    meet(scene)


def test_a_pause_is_left_out() -> None:
    """Its time is not in the file, nor what was said in it."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        recording = record(meeting, conference)
        ann.says(0.5)
        await asyncio.sleep(0.6)
        recording.paused = True
        bob.says(0.5)
        await asyncio.sleep(2.0)
        recording.paused = False
        await asyncio.sleep(0.4)
        recording.stop()
        pcm, rate, _ = await saved(meeting)
        assert rate == 8000
        assert len(pcm) / rate == pytest.approx(1.0, abs=0.05)
        assert has(pcm[:4000], rate, ann)
        assert not has(pcm, rate, bob)

    meet(scene)


def test_the_end_of_the_conference_ends_it() -> None:
    """And it is saved; one that is over has none."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann")
        record(meeting, conference, trim=True)
        await asyncio.sleep(0.5)
        ann.says(0.5)
        await asyncio.sleep(1.5)
        conference.end()
        pcm, rate, _ = await saved(meeting)
        assert len(pcm) / rate == pytest.approx(0.5, abs=0.1)
        with refused("90019"):
            record(meeting, conference)

    meet(scene)


def test_one_at_a_time() -> None:
    """A second one is refused while the first lasts; so is a command to another one."""

    async def scene(meeting: Meeting) -> None:
        conference, _ = await room(meeting, "ann")
        recordings = meeting.exchange.platform.conference_recordings
        with refused("90033"):
            recordings.of(conference)
        first = record(meeting, conference)
        with refused("90033"):
            record(meeting, conference)
        with refused("90033"):
            recordings.of(conference, "another")
        assert recordings.of(conference, first.id) is first
        first.stop()
        await saved(meeting)
        record(meeting, conference)

    meet(scene)


def test_a_beep_is_heard_by_all() -> None:
    """Before the recording, where it is wanted."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann")
        record(meeting, conference, beep=True)
        await asyncio.sleep(0.35)
        assert ann.hears(1000.0)

    meet(scene)
