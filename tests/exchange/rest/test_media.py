"""What a call hears, says and keeps by command: the events in order, and the client really hears or is heard."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np

from botkit.media.pcm import level
from botkit.media.source import ToneSource
from botkit.media.tone import tone
from botkit.media.wav import write_wav
from tests.exchange.kit import soon
from tests.exchange.rest.bot import STATE, Bot, control, refused
from tests.exchange.rest.test_on_answer import band
from tests.exchange.test_bridge import ever_heard, likeness


def test_playback(tmp_path: Path) -> None:
    """Two plays queue; the first is stopped, the second heard; the events name what is played."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        first, second = (tmp_path / "long.wav").as_uri(), (tmp_path / "short.wav").as_uri()
        await bot.actions.start_playback(leg, audio_url=first, loop="infinity", client_state=STATE)
        began = await bot.hears(leg, "call.playback.started")
        assert (began.media_url, began.overlay, began.client_state) == (first, False, STATE)
        await soon(lambda: likeness(alice, tone(700, 2.0)) > 0.9)
        await bot.actions.start_playback(leg, audio_url=second)
        await bot.hears_nothing(leg)
        await bot.actions.stop_playback(leg, stop="current")
        assert (await bot.hears(leg, "call.playback.ended")).status == "cancelled"
        assert (await bot.hears(leg, "call.playback.started")).media_url == second
        assert (await bot.hears(leg, "call.playback.ended")).status == "completed"
        assert ever_heard(alice, tone(1000, 2.0)) > 0.9
        await bot.actions.start_playback(leg, audio_url=(tmp_path / "none.wav").as_uri())
        assert (await bot.hears(leg, "call.playback.ended")).status in ("file_not_found", "failed")

    write_wav(tmp_path / "long.wav", tone(700, 1.0))
    write_wav(tmp_path / "short.wav", tone(1000, 1.2))
    control(scene, fixtures=(tmp_path,))


def test_speech() -> None:
    """A text is heard, for a time that is its own; a hang-up in the midst of one is told before the end."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        alice.heard.clear()
        await bot.actions.speak(leg, payload="Good morning to you", voice="female", language="en-US")
        await bot.hears(leg, "call.speak.started")
        assert (await bot.hears(leg, "call.speak.ended")).status == "completed"
        assert level(alice.sound()) > -45
        await bot.actions.speak(leg, payload="This goes on and on. " * 20, voice="female")
        await bot.hears(leg, "call.speak.started")
        await bot.actions.hangup(leg)
        assert (await bot.hears(leg, "call.speak.ended")).status == "call_hangup"
        await bot.hears(leg, "call.hangup")

    control(scene)


def test_gather(tmp_path: Path) -> None:
    """A prompt is heard, digits of the client's audio are told one by one, the terminator ends it."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        await bot.actions.gather_using_audio(
            leg, audio_url=(tmp_path / "menu.wav").as_uri(), minimum_digits=1, maximum_digits=4
        )
        await bot.hears(leg, "call.playback.started")
        await soon(lambda: likeness(alice, tone(700, 2.0)) > 0.9)
        assert alice.media is not None
        for digit in "42#":
            alice.media.say_digit(digit, 0.1)
            await asyncio.sleep(0.25)
        assert (await bot.hears(leg, "call.playback.ended")).status == "cancelled"
        assert [(await bot.hears(leg, "call.dtmf.received")).digit for _ in range(3)] == ["4", "2", "#"]
        ended = await bot.hears(leg, "call.gather.ended")
        assert (ended.digits, ended.status) == ("42", "valid")
        await bot.actions.gather(leg, gather_id="g2")
        await bot.actions.stop_gather(leg)
        ended = await bot.hears(leg, "call.gather.ended")
        assert (ended.status, ended.gather_id) == ("cancelled", "g2")

    write_wav(tmp_path / "menu.wav", tone(700, 20.0))
    control(scene, fixtures=(tmp_path,))


def test_digits_that_are_sent() -> None:
    """The client has them as telephone-events, with no event for the owner."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        await bot.actions.send_dtmf(leg, digits="1w2#", duration_millis=100)
        await soon(lambda: len(alice.digits) == 3)
        assert alice.digits == ["1", "2", "#"]
        await bot.hears_nothing(leg)
        await refused("90014", bot.actions.send_dtmf(leg, digits="1x"), pointer="/digits")
        await refused("90027", bot.actions.send_dtmf(leg, digits="1", duration_millis=99), pointer="/duration_millis")

    control(scene)


def test_recording(tmp_path: Path) -> None:
    """Both sides in two channels, without what came in a pause; its address gives the file."""

    async def scene(bot: Bot) -> None:
        alice, leg = await bot.up()
        await bot.actions.start_recording(leg, channels="dual", format="wav")
        await refused("90033", bot.actions.start_recording(leg, channels="dual", format="wav"))
        alice.utter(ToneSource((500.0,), 0.8))
        await bot.actions.start_playback(leg, audio_url=(tmp_path / "a.wav").as_uri())
        await bot.hears(leg, "call.playback.started", "call.playback.ended")
        await bot.actions.pause_recording(leg)
        alice.utter(ToneSource((1500.0,), 0.8))
        await alice.said()
        await asyncio.sleep(0.2)  # the last of it is on its way
        await bot.actions.resume_recording(leg)
        await bot.actions.stop_recording(leg)
        saved = await bot.hears(leg, "call.recording.saved")
        assert saved.channels == "dual"
        assert saved.recording_started_at < saved.recording_ended_at
        reply = await bot.desk.http.get(saved.recording_urls.wav, headers={"Authorization": ""})
        assert reply.headers["content-type"] == "audio/wav"
        (tmp_path / "got.wav").write_bytes(reply.content)
        await refused("90033", bot.actions.stop_recording(leg))

    write_wav(tmp_path / "a.wav", tone(700, 1.0))
    control(scene, fixtures=(tmp_path,))
    with wave.open(str(tmp_path / "got.wav")) as file:
        assert file.getnchannels() == 2
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    hers, ours = both[:, 0], both[:, 1]
    assert band(hers, 500) > 10 * band(hers, 700)
    assert band(ours, 700) > 10 * band(ours, 500)
    assert band(hers, 1500) < band(hers, 500) / 10
