"""Prompts for tests: voices that say nothing, written as WAV, and ears that hear them."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from botkit.media.codec import PCMU, Codec
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.match import PromptEar
from botkit.media.pcm import Pcm, resample
from botkit.media.prompt import load
from botkit.media.reference import Reference, reference_of

FRAME = 0.02


def written(path: Path, pcm: Pcm) -> Path:
    """The samples at 8 kHz as a WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.tobytes())
    return path


def reference(path: Path, pcm: Pcm) -> Reference:
    """The samples as a prompt to listen for."""
    return reference_of(load(written(path, pcm)))


def listen(
    sound: Pcm, references: Sequence[Reference], *, codec: Codec = PCMU, lost: Sequence[int] = (), late: float = 0.0
) -> PromptEar:
    """What an ear makes of a sound at 8 kHz that comes from second 0 on; it asks `late` seconds after that."""
    hearing = Hearing()
    call = CallHearing(hearing, Ear(), codec)
    ear = None
    payloads = codec.encode_all(resample(sound, 8000, codec.rate))
    for number, payload in enumerate(payloads):
        if ear is None and number * FRAME >= late:
            ear = call.prompts(references)
        call.payload(None if number in lost else payload, number * FRAME)
        hearing.analyse(number * FRAME)
    ear = ear or call.prompts(references)
    call.close()
    return ear


def quiet(seconds: float) -> Pcm:
    return np.zeros(round(seconds * 8000), np.int16)
