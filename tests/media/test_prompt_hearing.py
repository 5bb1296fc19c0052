"""Prompts listened for in many calls at once."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.media import prompt_hearing
from botkit.media.batch import Batch
from botkit.media.codec import PCMU
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.match import PromptEar
from botkit.media.pcm import Pcm, levels
from botkit.media.prompt_hearing import JUDGED_AT_ONCE, PromptHearing
from botkit.media.reference import Reference
from tests.media.prompting import FRAME, listen, quiet, reference
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


@pytest.mark.parametrize("heard", [0, 1, 2, 20])
def test_a_call_that_is_over_at_once(prompts: list[Reference], heard: int) -> None:
    """A call that was refused, or that ended with its first sounds, ends like any other: nothing was found."""
    hearing = Hearing()
    call = CallHearing(hearing, Ear(), PCMU)
    ear = call.prompts(prompts)
    for beat in range(heard):
        call.payload(PCMU.silence, beat * FRAME)
        hearing.analyse(beat * FRAME)
    call.finish()
    call.close()
    assert ear.found == []


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


def heard(hearing: PromptHearing, slot: int, at: float, frame: Pcm) -> list[int]:
    """What is told of one frame."""
    one, none = np.zeros(1, np.intp), np.zeros(0, np.intp)
    octets = np.frombuffer(PCMU.encode(frame), np.uint8)[None]
    batch = Batch(one + slot, np.array([at]), one, none, np.ones(1, np.bool_), frame[None], octets)
    return hearing.hear(batch, levels(frame[None]))


def test_a_change_is_told(prompts: list[Reference]) -> None:
    """The slot of a call is told when a prompt seems to have begun, and when one was judged; not otherwise."""
    hearing = PromptHearing()
    hearing.ear(5, Ear().history)
    hearing.want(5, [prompts[0]])
    sound = joined(quiet(0.2), VOICES[0], quiet(1.0))
    frames = sound[: sound.size // 160 * 160].reshape(-1, 160)
    began, judged = [], []
    for number, frame in enumerate(frames):
        began += [number] * (heard(hearing, 5, number * FRAME, frame) == [5])
        judged += [number] * (hearing.judge() == {5})
    assert 1 <= len(began) <= 2
    assert began[0] > 20
    assert 1 <= len(judged) <= 2
    assert judged[-1] >= 10 + prompts[0].last
    assert heard(hearing, 6, 0.0, np.zeros(160, np.int16)) == []


def alike(tmp_path: Path, count: int) -> tuple[list[Reference], list[Pcm]]:
    """Prompts that begin with the same two seconds."""
    begin = babble(2.0, seed=400)
    sounds = [joined(begin, babble(1.5, seed=500 + number)) for number in range(count)]
    return [reference(tmp_path / f"alike{number}.wav", sound) for number, sound in enumerate(sounds)], sounds


def test_many_that_begin_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are judged a few in each beat, and what comes of it is what would if all were judged at once."""
    references, sounds = alike(tmp_path, 30)
    sound = joined(quiet(0.5), sounds[3], quiet(1.0))
    judged: list[float] = []
    judge = PromptEar._judge

    def counted(ear: PromptEar, one: Any) -> None:
        judged.append(ear.ring.count)
        judge(ear, one)

    monkeypatch.setattr(PromptEar, "_judge", counted)
    found = listen(sound, references).found
    assert max(Counter(judged).values()) <= JUDGED_AT_ONCE
    monkeypatch.setattr(prompt_hearing, "JUDGED_AT_ONCE", 1000)
    judged.clear()
    assert listen(sound, references).found == found
    assert max(Counter(judged).values()) > JUDGED_AT_ONCE
    assert [one.reference for one in found if one.score > 0.7] == [references[3]]
