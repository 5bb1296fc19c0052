"""What a listener does in the midst of a beat's analysis hurts neither the other calls nor what is analysed next."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.media.hearing import Hearing
from botkit.media.history import HeardFrame
from botkit.media.match import PromptEar
from botkit.media.pcm import Pcm
from botkit.media.reference import PATCH
from botkit.media.tone import tone
from tests.media.sounds import joined, noise, silence
from tests.media.test_hearing import BEGIN, Call, facts, hear, spans

SOUND = joined(silence(0.1), noise(0.5), silence(0.3))


def alone(sound: Pcm) -> object:
    """What a call hears beside which nothing happens."""
    hearing = Hearing()
    call = Call(hearing, sound)
    hear(hearing, call)
    return facts(call)


def test_a_tone_is_asked_for() -> None:
    """It is found where it began; those that are asked for at once need not be in what was multiplied already."""
    hearing = Hearing()
    asking, other = Call(hearing, joined(silence(0.1), tone(1000, 0.5), silence(0.3))), Call(hearing, SOUND)
    logs: list[Any] = []

    def ask(frame: HeardFrame) -> None:
        if frame.at > BEGIN + 0.3 and not logs:
            logs.extend(asking.hearing.tone((hz,), 0.1) for hz in (1000.0, 2500.0, 3000.0))

    asking.ear.taps.append(ask)
    hear(hearing, asking, other)
    found, *none = map(spans, logs)
    assert found == [(pytest.approx(0.1, abs=0.011), pytest.approx(0.6, abs=0.021))]
    assert none == [[], []]
    assert facts(other) == alone(SOUND)


def test_prompts_are_asked_for() -> None:
    """Each frame is heard once, those of the beat in which they were asked for, too."""
    hearing = Hearing()
    call = Call(hearing, SOUND)
    ears: list[PromptEar] = []

    def ask(frame: HeardFrame) -> None:
        if frame.at > BEGIN + 0.3 and not ears:
            ears.append(call.hearing.prompts(()))

    call.ear.taps.append(ask)
    hear(hearing, call)
    assert ears[0].ring.count == len(call.payloads) + PATCH
