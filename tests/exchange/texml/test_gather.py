"""Gather: digits, prompts and what follows."""

from __future__ import annotations

import pytest

from tests.exchange.texml.kit import HOST, Stage, play

MENU = "<Gather action='/menu' numDigits='1'><Say>one two three four</Say></Gather><Say>nothing</Say>"


def test_a_digit_stops_the_prompt() -> None:
    """The first digit cuts the prompt, and its action's reply runs instead of the rest."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", MENU)
        stage.page("/menu", "<Say>thanks</Say>")
        leg, drive = stage.call()
        await stage.sleep(2)
        leg.press("1")
        await drive.task
        assert stage.told(leg)[1:4] == ["say one two three four", "cut: say one two three four", "say thanks"]
        (fields,) = stage.web.got("/menu")
        assert (fields["Digits"], fields["CallSid"], fields["CallStatus"]) == ("1", leg.facts.sid, "in-progress")
        assert "say nothing" not in stage.told(leg)

    play(scene)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_method_of_the_action(method: str) -> None:
    """An action is asked for by the method of the application."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", MENU)
        stage.page("/menu", "")
        leg, drive = stage.call(voice_method=method)
        await stage.sleep(2)
        leg.press("1")
        await drive.task
        assert stage.web.requests[-1].method == method

    play(scene)


def test_no_digits() -> None:
    """The time-out starts after the prompts; then the next verb follows."""

    async def scene(stage: Stage) -> None:
        leg = await stage.run("<Gather action='/menu' timeout='7'><Say>one two</Say></Gather><Say>nothing</Say>")
        assert stage.world.at(leg, "say nothing") - stage.world.at(leg, "say one two") == pytest.approx(9.0)
        assert not stage.web.got("/menu")

    play(scene)


async def typed(stage: Stage, gather: str, *keys: str, pause: float = 1.0) -> str | None:
    """What the action is told when these are typed, a pause between them; None when the next verb follows."""
    stage.page("/voice", f"{gather}<Say>nothing</Say>")
    stage.page("/menu", "")
    stage.page("/wrong", "")
    leg, drive = stage.call()
    await stage.sleep(1)
    for key in keys:
        leg.press(key)
        await stage.sleep(pause)
    await drive.task
    for path in ("/menu", "/wrong"):
        for fields in stage.web.got(path):
            assert "say nothing" not in stage.told(leg)
            return f"{path} {fields['Digits']}"
    assert "say nothing" in stage.told(leg)
    return None


@pytest.mark.parametrize(
    ("attributes", "keys", "told"),
    [
        pytest.param("", ["1", "2", "#", "3"], "/menu 12", id="the hash key ends"),
        pytest.param("", ["1", "2"], "/menu 12", id="the time-out ends"),
        pytest.param("numDigits='3'", ["12", "3456"], "/menu 123", id="the number ends"),
        pytest.param("maxDigits='2'", ["123"], "/menu 12", id="the most end"),
        pytest.param("finishOnKey='*'", ["1", "#", "*"], "/menu 1#", id="another key ends"),
        pytest.param("finishOnKey=''", ["1", "#*"], "/menu 1#*", id="no key ends"),
        pytest.param("minDigits='3'", ["12#"], None, id="too few"),
        pytest.param("numDigits='3' invalidDigitsAction='/wrong'", ["12"], "/wrong 12", id="too few are told"),
        pytest.param("validDigits='12'", ["12#"], "/menu 12", id="valid"),
        pytest.param("validDigits='12'", ["13#"], None, id="not valid"),
        pytest.param("validDigits='12' invalidDigitsAction='/wrong'", ["13#"], "/wrong 13", id="not valid is told"),
        pytest.param("", ["#"], None, id="only the key"),
        pytest.param("input='speech'", ["12#"], None, id="speech only"),
        pytest.param("input='dtmf speech'", ["12#"], "/menu 12", id="speech, too"),
    ],
)
def test_digits(attributes: str, keys: list[str], told: str | None) -> None:
    """What ends the digits, and which count."""

    async def scene(stage: Stage) -> None:
        assert await typed(stage, f"<Gather action='/menu' {attributes}/>", *keys) == told

    play(scene)


def test_the_timeout_is_between_digits() -> None:
    """Each digit starts the time-out anew."""

    async def scene(stage: Stage) -> None:
        assert await typed(stage, "<Gather action='/menu' timeout='3'/>", "1", "2", "3", pause=2.5) == "/menu 123"

    play(scene)


def test_without_an_action() -> None:
    """Without an action the document itself is asked for again, with the digits."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Gather numDigits='1'/>", "<Say>again</Say>")
        leg, drive = stage.call()
        await stage.sleep(1)
        leg.press("7")
        await drive.task
        first, second = stage.web.got("/voice")
        assert ("Digits" in first, second["Digits"]) == (False, "7")
        assert "say again" in stage.told(leg)

    play(scene)


def test_a_prompt_that_cannot_be_had() -> None:
    """A prompt that is lost leaves the others, and the digits."""

    async def scene(stage: Stage) -> None:
        stage.world.lost_files.add(f"{HOST}/gone.wav")
        leg = await stage.run("<Gather><Play>gone.wav</Play><Say>hello</Say></Gather>")
        assert "say hello" in stage.told(leg)

    play(scene)
