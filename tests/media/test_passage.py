"""A file heard anywhere in it."""

from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.codec import Codec, codec_by_name
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.passage import PassageHeard
from botkit.media.pcm import Pcm, gain, resample
from botkit.media.reference import Reference
from tests.load.prompts import music, noise
from tests.media.prompting import FRAME, quiet, reference
from tests.media.sounds import babble, joined

TUNE = resample(music(12, 1), 16000, 8000)


@pytest.fixture
def tune(tmp_path: Path) -> Reference:
    return reference(tmp_path / "tune.wav", TUNE)


def heard(
    sound: Pcm, tune: Reference, codec: str = "PCMU", loss: float = 0.0, asked: float = 0.0
) -> list[PassageHeard]:
    """The passages of the tune in a sound at 8 kHz, asked for `asked` seconds after its begin."""
    hearing = Hearing()
    way: Codec = codec_by_name(codec)
    call = CallHearing(hearing, Ear(), way)
    lost = np.random.default_rng(3).random(sound.size // 160 + 1) < loss
    passages = None
    for number, payload in enumerate(way.encode_all(resample(sound, 8000, way.rate))):
        if passages is None and number * FRAME >= asked:
            passages = call.anywhere(tune)
        call.payload(None if lost[number] else payload, number * FRAME)
        hearing.analyse(number * FRAME)
    assert passages is not None
    call.close()
    return passages.found


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
@pytest.mark.parametrize("at", [0.0, 3.3, 9.7])
def test_from_any_place_on(tune: Reference, codec: str, at: float) -> None:
    """Looped music that was under way: heard from its first frame to its last, over its seam, as one."""
    looped = np.concatenate((TUNE, TUNE))[round(at * 8000) :][: 8 * 8000]
    (one,) = heard(joined(quiet(0.5), looped, quiet(2.0)), tune, codec, loss=0.03)
    assert one.start == pytest.approx(0.5, abs=0.1)
    assert one.end == pytest.approx(8.5, abs=0.5)
    assert one.score > 0.8


@pytest.mark.parametrize("decibels", [-12, 12])
def test_at_another_level(tune: Reference, decibels: int) -> None:
    """Softer or clipped: it is the same music."""
    (one,) = heard(joined(quiet(0.5), gain(TUNE[20000:60000], decibels), quiet(2.0)), tune)
    assert one.score > 0.7


def test_a_jump_is_no_end(tune: Reference) -> None:
    """Music that goes on elsewhere in the same file goes on."""
    (one,) = heard(joined(quiet(0.5), TUNE[8000:40000], TUNE[64000:90000], quiet(2.0)), tune)
    assert one.end == pytest.approx(0.5 + 58000 / 8000, abs=0.5)


def test_a_break_is_an_end(tune: Reference) -> None:
    """A voice between two stretches of the music: it was heard twice."""
    found = heard(joined(quiet(0.5), TUNE[8000:40000], babble(3.0), TUNE[40000:72000], quiet(1.0)), tune)
    assert len(found) == 2
    assert found[0].end == pytest.approx(4.5, abs=0.5)
    assert found[1].start == pytest.approx(7.5, abs=0.3)


def test_asked_in_its_midst(tune: Reference) -> None:
    """What is remembered counts."""
    (one,) = heard(joined(quiet(0.5), TUNE[8000:72000], quiet(1.0)), tune, asked=4.0)
    assert one.start == pytest.approx(0.5, abs=0.1)


def test_other_music_is_none(tune: Reference) -> None:
    """Other tunes, voices and noise are not it for as long as half a second."""
    for seed in range(2, 8):
        assert not heard(resample(music(20, seed), 16000, 8000), tune)
    assert not heard(babble(20.0), tune)
    assert not heard(resample(noise(10, "pink", 1), 16000, 8000), tune)


def test_too_short(tmp_path: Path) -> None:
    """A file shorter than a patch has no places to be heard from."""
    hearing = Hearing()
    call = CallHearing(hearing, Ear(), codec_by_name("PCMU"))
    with pytest.raises(ConfigError, match="too short to be heard anywhere in it"):
        call.anywhere(reference(tmp_path / "a.wav", babble(0.5)))
    call.close()
