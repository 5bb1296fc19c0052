"""Text to speech with what the machine has, and the stand-in where it has nothing."""

from __future__ import annotations

import asyncio
import logging
import shutil

import numpy as np
import pytest

from botkit.exchange.activities.speech import AT_ONCE, ENGINES, KEPT, STAND_IN, Speech, available, plain_text
from botkit.media.pcm import level
from botkit.media.prompt import Prompt

HERE = [*[name for name in ENGINES if shutil.which(name)], STAND_IN]
TEXT = "Welcome to the clinic. Please enter your number, then press pound."


def said(text: str, engine: str, **how: str | bool) -> Prompt:
    async def main() -> Prompt:
        return await Speech(engine).say(text, **how)  # type: ignore[arg-type]

    return asyncio.run(main())


@pytest.mark.parametrize("engine", HERE)
def test_the_longer_the_text_the_longer_the_speech(engine: str) -> None:
    """What is said is sound, and lasts as long as a person would take, in proportion to the text."""
    once, thrice = said(TEXT, engine), said(" ".join([TEXT] * 3), engine)
    assert 2.0 < once.duration < 9.0
    assert thrice.duration == pytest.approx(3 * once.duration, rel=0.2)
    assert level(once.pcm(8000)) > -40


@pytest.mark.parametrize("engine", HERE)
def test_the_same_text_sounds_the_same(engine: str) -> None:
    """Two exchanges say the same text alike; another voice or text sounds otherwise."""
    one = said(TEXT, engine).pcm(8000)
    assert np.array_equal(one, said(TEXT, engine).pcm(8000))
    other = said(TEXT, engine, voice="female").pcm(8000)
    assert one.size != other.size or not np.array_equal(one, other)


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("text", ["…", "-v de", "<b>", "日本", "--help", "a\0b"])
def test_odd_texts(engine: str, text: str) -> None:
    """Whatever the text, something is said: no text is taken for an option, and silence is sound, too."""
    assert said(text, engine).duration > 0


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("language", ["de-DE", "xx-XX", "-v en", ""])
def test_languages(engine: str, language: str) -> None:
    """A language that the voice does not know is said all the same."""
    assert said(TEXT, engine, language=language).duration > 2.0


def test_ssml() -> None:
    """Of SSML the text between the tags is said."""
    ssml = '<speak>Hello <break time="1s"/><emphasis>you</emphasis> &amp; me</speak>'
    assert plain_text(ssml, ssml=True) == "Hello you & me"
    assert plain_text("a < b", ssml=False) == "a < b"


def test_made_once_and_kept_as_long_as_there_is_room() -> None:
    """The same text is made once; of many texts the oldest are forgotten."""

    async def main() -> None:
        speech = Speech(STAND_IN)
        first = await speech.say("one")
        assert await speech.say(" one ") is first
        for number in range(KEPT):
            await speech.say(f"text {number}")
        assert await speech.say("one") is not first

    asyncio.run(main())


def test_many_at_once() -> None:
    """More texts than may be made at once are made all the same."""

    async def main() -> None:
        speech = Speech(STAND_IN)
        made = await asyncio.gather(*(speech.say(f"text {number}") for number in range(3 * AT_ONCE)))
        assert len(set(map(id, made))) == 3 * AT_ONCE

    asyncio.run(main())


def test_which_voice_it_is_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the engine at the first speech, and not again."""

    async def main() -> None:
        speech = Speech()
        with caplog.at_level(logging.INFO, "botkit.exchange"):
            await speech.say("one")
            await speech.say("two")

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == [f"speech.engine {available()}"]
