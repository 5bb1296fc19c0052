"""Digits through whole calls that lose packets, with speech around them. (A thousand each: `make accept`.)"""

import asyncio

import pytest

from botkit.media.playback import Playback
from botkit.media.source import DigitSource
from botkit.vocabulary import DIGIT_LENGTH, Tone
from tests.client.kit import Stage, about, play
from tests.load.digits import WAYS, Trial, run


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("way", WAYS)
def test_none_lost_invented_or_doubled(way: str, seed: int) -> None:
    """100 random digits each way at once, 3 % of the packets lost, both ends speaking: exactly these arrive."""
    for outcome in run(Trial(way, count=100, seed=seed)):
        assert outcome.heard == outcome.sent
        assert outcome.ways == {"tone" if way == "tone" else "rtp"}  # the exchange makes events of `info`


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_tones_in_codecs_with_a_memory(codec: str) -> None:
    """As long as tones are by default, they are heard through codecs that a loss puts out of step."""
    length = DIGIT_LENGTH["tone"]
    for outcome in run(Trial("tone", codec, count=60, length=(length, length))):
        assert outcome.heard == outcome.sent


@pytest.mark.parametrize(("ours", "theirs"), [("PCMU", "opus"), ("G722", "PCMA")])
@pytest.mark.parametrize("way", ["rtp", "tone"])
def test_through_two_codecs_and_two_losses(way: str, ours: str, theirs: str) -> None:
    """The exchange translates, and 3 % are lost on the way to it and 3 % from it: exactly what was sent arrives."""
    length = (0.2, 0.2) if way == "tone" else (0.06, 0.2)
    for outcome in run(Trial(way, ours, count=80, length=length, far=theirs, hops=2)):
        assert outcome.heard == outcome.sent


@pytest.mark.parametrize("way", ["info", "rtp"])
def test_short_events(way: str) -> None:
    """Events of 40 ms, 40 ms apart, are all there: their end is sent three times."""
    for outcome in run(Trial(way, count=100, length=(0.04, 0.06), gap=(0.04, 0.1))):
        assert outcome.heard == outcome.sent


@pytest.mark.parametrize(("codec", "length"), [("PCMU", 0.02), ("opus", 0.04), ("opus", 0.1)])
def test_an_event_right_after_tones(codec: str, length: float) -> None:
    """However short it is, it is gathered after them."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call(codecs=(codec,))
        gathering = asyncio.ensure_future(far.gather(count=3))
        await near.send_dtmf("12", via="tone")
        await near.send_dtmf("3", via="rtp", length=length)
        assert (await gathering).digits == "123"
        await near.hangup()

    play(scene)


def test_tones_are_longer_by_default() -> None:
    """Where no length is said, a digit by event lasts 100 ms, as a tone 160 ms."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        for way, length in (("rtp", 0.1), ("tone", 0.16)):
            await near.send_dtmf("7", via=way)
            await stage.clock.sleep(0.5)
            assert far.ear.digits.pop().duration == about(length, 0.021)
        await near.hangup()

    play(scene)


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
@pytest.mark.parametrize("way", ["info", "rtp", "tone"])
def test_hanging_up_right_behind_the_last_digit(way: str, codec: str) -> None:
    """Who hangs up as soon as the last digit has ended has sent it, whatever the way."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call(codecs=(codec,))
        await near.send_dtmf("42", via=way)
        await near.hangup()
        await far.ended()
        assert "".join(digit.digit for digit in far.ear.digits) == "42"

    play(scene)


def test_short_tones_without_loss() -> None:
    """Tones of 40 ms, 40 ms apart, are all there where nothing is lost."""
    for outcome in run(Trial("tone", count=100, length=(0.04, 0.06), gap=(0.04, 0.1), loss=0.0)):
        assert outcome.heard == outcome.sent


def test_a_tone_cuts_into_what_is_played() -> None:
    """Digits as tones do not wait for the end of a play, which goes on after them; as events neither do."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 3.0)))
        await stage.clock.sleep(0.5)
        begin = stage.clock.now()
        await near.send_dtmf("55", via="tone")
        assert stage.clock.now() == about(begin + 2 * DIGIT_LENGTH["tone"] + 0.1, 0.1)
        assert (await playing).played == about(3.0)
        assert "".join(heard.digit for heard in far.ear.digits) == "55"
        await near.hangup()

    play(scene)


@pytest.mark.parametrize("gap", [0.06, 0.2])
def test_both_ways_at_once(gap: float) -> None:
    """A far end that sends each digit as event and as tone at once sent it once; one key twice is two."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        session = near._media.endpoint.session
        for digit in "5577#":
            session.interrupt(Playback(DigitSource(digit, 0.1).payloads(session.codec), lambda at: None))
            await stage.clock.sleep(0.16)
            session.send_event(digit, 0.04)
            await stage.clock.sleep(0.08 + gap)
        await stage.clock.sleep(0.5)
        assert "".join(heard.digit for heard in far.ear.digits) == "5577#"
        await near.hangup()

    play(scene)
