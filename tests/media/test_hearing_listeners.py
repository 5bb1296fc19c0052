"""What a listener does in the midst of a beat's analysis hurts neither the other calls nor what is analysed next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.media.codec import codec_by_name
from botkit.media.hearing import BATCH, Hearing
from botkit.media.history import HeardFrame
from botkit.media.match import PromptEar
from botkit.media.pcm import Pcm
from botkit.media.reference import PATCH
from botkit.media.tone import tone
from tests.media.sounds import joined, noise, silence
from tests.media.test_hearing import BEAT, BEGIN, Call, facts, hear, spans

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


@pytest.mark.parametrize("many", [False, True], ids=["a loss", "several batches"])
def test_a_call_ends_and_another_begins(many: bool) -> None:
    """What is still to be analysed of the call that ended is dropped, and does not go to the one in its slot."""

    async def go() -> None:
        said: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))
        hearing = Hearing()
        first, ending, last = (Call(hearing, SOUND) for _ in range(3))
        begun: list[Call] = []

        def end(frame: HeardFrame) -> None:
            if not begun:
                ending.hearing.close()
                first.hearing.close()
                begun.extend(Call(hearing, SOUND, codec_by_name("G722")) for _ in range(2))

        first.ear.taps.append(end)
        frames = BATCH if many else 4
        for number in range(frames):  # all in one beat
            for call in (first, ending, last):
                lost = call is ending and number == 1 and not many
                payload = None if lost else call.payloads[number % len(call.payloads)]
                call.hearing.payload(payload, BEGIN + number * BEAT)
        hearing.analyse(BEGIN + frames * BEAT)
        assert last.ear.heard_until == pytest.approx(BEGIN + frames * BEAT)
        assert not said
        for call in begun:
            assert not len(call.ear.history)
            assert call.hearing.slot not in {first.hearing.slot, ending.hearing.slot, last.hearing.slot}
            call.hearing.close()
        last.hearing.close()
        again = Call(hearing, SOUND)
        assert again.hearing.slot == 0

    asyncio.run(go())


def test_all_calls_end() -> None:
    """What is still to be analysed then is nobody's, and the next call begins anew."""
    hearing = Hearing()
    calls = [Call(hearing, SOUND) for _ in range(4)]

    def end(frame: HeardFrame) -> None:
        for call in calls:
            call.hearing.close()

    calls[0].ear.taps.append(end)
    for number in range(BATCH):
        for call in calls:
            call.hearing.payload(call.payloads[number % len(call.payloads)], BEGIN + number * BEAT)
    hearing.analyse(BEGIN + BATCH * BEAT)
    call = Call(hearing, SOUND)
    hear(hearing, call)
    assert call.hearing.slot == 0
    assert facts(call) == alone(SOUND)
