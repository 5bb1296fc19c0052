"""Prompts in real calls, in virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from botkit.errors import ConfigError, ExpectationFailed
from botkit.media.reference import reference_of_file
from botkit.media.wav import write_wav
from botkit.vocabulary import Audio, Window
from tests.client.kit import Stage, about, play
from tests.media.sounds import babble, joined, silence

AUDIO = Path(__file__).parent.parent.parent / "audio"


def said(*names: str) -> Audio:
    return Audio(tuple(AUDIO / f"{name}.wav" for name in names))


async def failure(waiting: Any) -> str:
    with pytest.raises(ExpectationFailed) as raised:
        await waiting
    return str(raised.value)


def test_prompts_that_follow_each_other() -> None:
    """Played without a gap, each is heard, in order, and the latency of each counts from the end of the one before."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(far.play(said("welcome", "menu", "goodbye")))
        latencies = []
        for name in ("welcome", "menu", "goodbye"):
            heard = await near.expect_prompt(AUDIO / f"{name}.wav", within=8.0)
            assert heard.fields["prompt"] == f"{name}.wav"
            latencies.append(heard.latency)
        assert latencies == [about(0.1, 0.08), about(0.2, 0.15), about(0.1, 0.1)]
        await playing

    play(scene)


def test_a_prompt_with_which_the_stream_stops(tmp_path: Path) -> None:
    """A server that sends nothing after its last word was heard all the same."""
    prompt = tmp_path / "last.wav"
    write_wav(prompt, babble(2.0, seed=1), 8000)

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        expected = asyncio.ensure_future(near.expect_prompt(prompt, within=6.0))
        await far.play(Audio((prompt,)))
        stage.exchange.plane.pacer.remove(far.endpoint.session)
        heard = await expected
        assert heard.fields["whole"]
        assert heard.ended == about(2.0)

    play(scene)


def test_a_prompt_of_minutes(tmp_path: Path) -> None:
    """It ends when its last sound does, though a minute of it is looked at; one that breaks off later was cut short."""
    prompt = tmp_path / "terms.wav"
    write_wav(prompt, joined(babble(90.0, seed=1), silence(0.5)), 8000)
    long = Window(within=120.0)

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        expected = asyncio.ensure_future(near.expect_prompt(prompt, long))
        playing = asyncio.ensure_future(far.play(Audio((prompt,))))
        heard = await expected
        assert heard.ended == about(90.0, 0.4)
        assert heard.fields["whole"]
        await playing
        expected = asyncio.ensure_future(near.expect_prompt(prompt, long, score=0.5))
        refused = asyncio.ensure_future(failure(near.expect_prompt(prompt, long, score=0.9)))
        playing = asyncio.ensure_future(far.play(Audio((prompt,))))
        await stage.clock.sleep(70.0)
        playing.cancel()
        heard = await expected
        assert not heard.fields["whole"]
        assert heard.fields["score"] == pytest.approx(70 / 90, abs=0.03)
        assert "terms.wav" in await refused

    play(scene)


def test_the_other_side_hangs_up_with_its_last_word() -> None:
    """A goodbye that is followed by the end of the call at once was heard; one that was cut off was not."""

    async def scene(stage: Stage) -> None:
        for cut in (False, True):
            near, far = await stage.call()
            expected = asyncio.ensure_future(near.expect_prompt(AUDIO / "pin_accepted.wav", within=8.0))
            playing = asyncio.ensure_future(far.play(said("pin_accepted")))
            if cut:
                await stage.clock.sleep(0.9)
            else:
                await playing
            await far.hangup()
            if cut:
                assert "the call ended" in await failure(expected)
            else:
                assert (await expected).fields["whole"]
            await playing

    play(scene)


def test_a_call_that_is_answered_late() -> None:
    """A prompt that began before the answer is not expected any more; early media that goes on after it is not new."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(far.play(said("menu")))
        await stage.clock.sleep(1.0)
        await near.send_dtmf("1")  # the mark moves: what began before does not count
        assert "menu.wav" in await failure(near.expect_prompt(AUDIO / "menu.wav", within=5.5))
        await playing

    play(scene)


def test_what_was_heard_instead() -> None:
    """A failure names the prompts that were heard, though not expected here, and what was amiss with them."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        near.listen_for([reference_of_file(AUDIO / f"{name}.wav") for name in ("welcome", "menu")])
        playing = asyncio.ensure_future(far.play(said("welcome")))
        told = await failure(near.expect_prompt([AUDIO / "hello.wav", AUDIO / "goodbye.wav"], within=3.0))
        assert "expected one of hello.wav, goodbye.wav within 3 s" in told
        assert "heard welcome.wav from 0." in told
        assert "speech" not in told
        await playing
        menu = asyncio.ensure_future(far.play(said("menu")))
        await stage.clock.sleep(3.0)
        await far.play(Audio((AUDIO / "wrong_choice.wav",)), over="replace")
        told = await failure(near.expect_prompt(AUDIO / "menu.wav", within=4.0))
        assert "menu.wav (score 0." in told
        assert "cut short)" in told
        await menu

    play(scene)


def test_it_must_be_over_in_time() -> None:
    """`within` is for the end of the prompt, `starts_within` for its begin, and `max_latency` for its onset."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        for window, met in (
            (Window(within=2.2), False),
            (Window(within=2.8), True),
            (Window(within=9.0, starts_within=0.7), False),
            (Window(within=9.0, starts_within=1.3), True),
            (Window(within=9.0, max_latency=0.7), False),
            (Window(within=9.0, max_latency=1.3), True),
        ):
            expected = asyncio.ensure_future(near.expect_prompt(AUDIO / "welcome.wav", window))
            await stage.clock.sleep(0.9)
            await far.play(said("welcome"))
            if met:
                assert (await expected).latency == about(0.98, 0.1)
            else:
                assert "welcome.wav" in await failure(expected)
            await stage.clock.sleep(1.0)
            await near.send_dtmf("1")

    play(scene)


def test_looped_music_from_its_midst() -> None:
    """`anywhere`: music that plays over and over, met after so long, whenever one comes to it."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        music = asyncio.ensure_future(far.play(said("menu"), loop=True))
        await stage.clock.sleep(4.2)
        heard = await near.expect_prompt([AUDIO / "menu.wav"], within=5.0, anywhere=3.0)
        assert heard.fields["prompt"] == "menu.wav"
        await near.send_dtmf("1")
        again = stage.clock.now()
        await near.expect_prompt(AUDIO / "menu.wav", within=5.0, anywhere=2.0)
        assert stage.clock.now() - again == about(2.1, 0.4)
        await far.play(said("goodbye"), over="replace")
        await music
        told = await failure(near.expect_prompt(AUDIO / "menu.wav", within=3.0, anywhere=2.0))
        assert "expected 2 s of menu.wav within 3 s" in told

    play(scene)


def test_a_file_that_cannot_be_listened_for(tmp_path: Path) -> None:
    """A file that is missing, or holds too little sound, is told as the fault that it is."""
    write_wav(tmp_path / "click.wav", joined(silence(0.5), babble(0.1), silence(0.5)), 8000)

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        with pytest.raises(ConfigError, match="there is no audio file"):
            await near.expect_prompt(tmp_path / "none.wav")
        with pytest.raises(ConfigError, match="too little to be told"):
            await near.expect_prompt(tmp_path / "click.wav")
        with pytest.raises(ConfigError, match="too short to be heard anywhere"):
            await near.expect_prompt(AUDIO / "goodbye.wav", anywhere=1.0)

    play(scene)


def test_nothing_is_listened_for_after_the_call() -> None:
    """When the calls are over, their prompts are nobody's."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        near.listen_for([reference_of_file(AUDIO / "welcome.wav")])
        await far.play(said("welcome"))
        hearing = stage.exchange.plane.hearing.prompts
        assert hearing.listening
        await near.hangup()
        await near.close()
        assert not hearing.listening
        assert hearing.patches == 0

    play(scene)


def test_a_sound_right_behind_a_prompt() -> None:
    """What sounds after a prompt that was matched is another sound, however soon it comes."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(far.play(said("welcome", "menu")))
        await near.expect_prompt(AUDIO / "welcome.wav", within=5.0)
        heard = await near.expect_sound(0.3, within=2.0)
        assert heard.latency == about(0.25, 0.1)
        await playing

    play(scene)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    """Which of two files of one name was heard is told with its folder."""
    for number, folder in enumerate(("old", "new")):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "a.wav", babble(1.5, seed=number), 8000)

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        files = [tmp_path / folder / "a.wav" for folder in ("old", "new")]
        playing = asyncio.ensure_future(far.play(Audio((files[1],))))
        heard = await near.expect_prompt(files, within=5.0)
        assert heard.fields["prompt"] == "new/a.wav"
        await playing

    play(scene)
