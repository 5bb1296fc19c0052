"""Digits, a thousand at a time, and what is none: `make accept`."""

from __future__ import annotations

import random

import pytest

from botkit.media.bank import Bank, Heard
from botkit.media.dtmf import Digit, DtmfHearing
from botkit.media.pcm import Pcm, to_int16
from tests.load import speech
from tests.load.digits import CODECS, LOSS, PROOF, Trial, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trial", PROOF, ids=lambda trial: f"{trial.way}-{trial.codec}")
def test_a_thousand_digits_each_way(trial: Trial) -> None:
    """By every way and codec, in both directions, with speech around them, 3 % lost: exactly what was sent."""
    for outcome in run(trial):
        assert len(outcome.sent) == 1000
        assert outcome.heard == outcome.sent


def _row(heard: Heard, row: int) -> Heard:
    return Heard(heard.z[row : row + 1], heard.energy[row : row + 1], heard.frames[row : row + 1])


def digits_in(batch: Pcm, loss: float, seed: str) -> list[Digit]:
    """What a call that loses frames would hear in it."""
    bank, draw = Bank(), random.Random(seed)
    hearing = DtmfHearing(bank)
    hearing.add(0)
    heard = bank.hear(batch)
    return [
        digit
        for row in range(len(batch))
        if draw.random() >= loss
        for _, digit in hearing.hear([0], [0.02 * row], _row(heard, row))
    ]


@pytest.mark.needs("voices")
def test_half_an_hour_of_talk_and_music_dials_nothing() -> None:
    """A dozen voices, some of them two at a time, and music: no digit, in no codec, with and without loss."""
    sounds = dict(speech.voices())
    assert sum(sound.size for sound in sounds.values()) > 1800 * speech.RATE
    names = list(sounds)
    for one, other in zip(names[:4], names[5:9], strict=True):
        size = min(sounds[one].size, sounds[other].size)
        sounds[f"{one} and {other}"] = to_int16((sounds[one][:size].astype(float) + sounds[other][:size]) / 1.4)
    for seed in (1, 2, 3):
        sounds[f"music {seed}"] = speech.music(seed=seed)
    for codec in CODECS:
        for name, sound in sounds.items():
            heard = speech.through(codec, sound)
            for loss in (0.0, LOSS):
                assert digits_in(heard, loss, name) == [], f"{name} in {codec}, {loss:.0%} lost"
