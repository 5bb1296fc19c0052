"""Call progress and beeps through every codec and loss, and what is none: `make accept`."""

from __future__ import annotations

import numpy as np
import pytest

from botkit.media.cadence import NAMES
from botkit.media.pcm import SOUND_LEVEL, levels
from botkit.media.spectrum import tones_in
from botkit.media.tone import ToneStarted
from tests.load import speech
from tests.load.digits import CODECS, LOSS
from tests.load.progress import TONES, listen, silence

pytestmark = pytest.mark.slow

CASES = [(name, whose) for name, sounds in TONES.items() for whose in sounds]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "whose"), CASES)
def test_each_is_heard_as_what_it_is(name: str, whose: str, codec: str) -> None:
    """Once, by its own name and no other, twenty times with 3 % of the frames lost. (One tone is a beep, too.)"""
    heard = speech.through(codec, np.concatenate((silence(0.5), TONES[name][whose], silence(0.6))))
    for seed in range(21):
        for asked in NAMES if name == "beep" else (one for one in NAMES if one != "beep"):
            began = [
                fact for fact in listen(asked, heard, LOSS if seed else 0.0, seed) if isinstance(fact, ToneStarted)
            ]
            assert len(began) == (asked == name), f"{asked}, loss by seed {seed}"


@pytest.mark.needs("voices")
@pytest.mark.parametrize("codec", CODECS)
def test_half_an_hour_of_talk_is_none_of_them(codec: str) -> None:
    """A dozen voices make no dial, busy, ringback, SIT or beep."""
    for voice, sound in speech.voices():
        heard = speech.through(codec, sound)
        for name in NAMES:
            assert listen(name, heard) == [], f"{name} in {voice}"


@pytest.mark.needs("voices")
@pytest.mark.parametrize("codec", CODECS)
def test_half_an_hour_of_talk_is_called_no_tone(codec: str) -> None:
    """What a failure says was heard: no stretch of sound of a dozen voices is named by frequencies."""
    for voice, sound in speech.voices():
        heard = speech.through(codec, sound)
        loud = np.concatenate(([False], levels(heard) > SOUND_LEVEL, [False]))
        for begin, end in np.flatnonzero(np.diff(loud.astype(np.int8))).reshape(-1, 2):
            assert tones_in(heard[begin : min(end, begin + 50)].ravel()) == (), f"{voice} at {0.02 * begin:.2f} s"
