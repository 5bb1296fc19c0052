"""Prompts listened for in many calls at once."""

from pathlib import Path

import numpy as np
import pytest

from botkit.media.codec import PCMU
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.prompt_hearing import PromptHearing
from botkit.media.reference import Reference
from tests.media.prompting import FRAME, quiet, reference
from tests.media.sounds import babble, joined

VOICES = [babble(1.6 + 0.3 * seed, seed=seed) for seed in range(4)]


@pytest.fixture
def prompts(tmp_path: Path) -> list[Reference]:
    return [reference(tmp_path / f"{number}.wav", voice) for number, voice in enumerate(VOICES)]


def test_each_call_hears_its_own(prompts: list[Reference]) -> None:
    """Four calls at once, out of step, with their own prompts: each finds what it was played and asked for."""
    hearing = Hearing()
    calls = [CallHearing(hearing, Ear(), PCMU) for _ in prompts]
    ears = [call.prompts(prompts if number else [prompts[1]]) for number, call in enumerate(calls)]
    lines = [
        PCMU.encode_all(joined(quiet(0.3 + 0.107 * number), voice, quiet(2.0))) for number, voice in enumerate(VOICES)
    ]
    for beat in range(160):
        for call, line in zip(calls, lines, strict=True):
            if beat < len(line):
                call.payload(line[beat], beat * FRAME)
        hearing.analyse(beat * FRAME)
    found = [[one.reference for one in ear.found] for ear in ears]
    assert found == [[], [prompts[1]], [prompts[2]], [prompts[3]]]
    for call in calls:
        call.close()


def test_what_nobody_wants_is_let_go(prompts: list[Reference]) -> None:
    """The patches of a prompt are compared as long as some call wants it; a slot taken anew knows nothing."""
    hearing = PromptHearing()
    ear = Ear()
    for slot in (0, 1):
        hearing.ear(slot, ear.history)
        hearing.want(slot, [prompts[slot], prompts[2]])
    sizes = [len(prompt.patches) for prompt in prompts]
    assert hearing.patches == sizes[0] + sizes[1] + sizes[2]
    hearing.leave(0)
    assert hearing.patches == sizes[1] + sizes[2]
    hearing.leave(1)
    assert hearing.patches == 0
    assert not hearing.listening
    assert not hearing.ear(0, ear.history).wanted


def test_a_change_is_told(prompts: list[Reference]) -> None:
    """The row of a call is given back when a prompt seems to have begun and when it was judged; not otherwise."""
    hearing = PromptHearing()
    hearing.ear(5, Ear().history)
    hearing.want(5, [prompts[0]])
    sound = joined(quiet(0.2), VOICES[0], quiet(1.0))
    frames = sound[: sound.size // 160 * 160].reshape(-1, 160)
    told = [number for number, frame in enumerate(frames) if hearing.hear([5], [number * FRAME], frame[None], [-15.0])]
    assert 1 <= len(told) <= 4
    assert told[0] > 20
    assert told[-1] >= 10 + prompts[0].last
    assert hearing.hear([6], [0.0], np.zeros((1, 160), np.int16), [-100.0]) == []
