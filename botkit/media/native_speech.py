"""The compiled twin of `VoiceActivity` and `SpeechHearing`. To be imported only where it is there (`native.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from botkit.media._native import Speech
from botkit.media.batch import Batch
from botkit.media.pcm import Levels, Pcm, level
from botkit.media.vad import (
    AGGRESSIVENESS,
    MIN_LEVEL,
    NOTHING,
    START_AFTER,
    STOP_AFTER,
    Activity,
    SpeechEnd,
    SpeechFact,
    SpeechStart,
    new_detector,
    webrtcvad_process,
)

STATES = tuple(Activity)


def _fact(at: float, duration: float | None) -> SpeechFact:
    return SpeechStart(at) if duration is None else SpeechEnd(at, duration)


class NativeVoiceActivity(Speech):
    """One call's speech: everything as in `VoiceActivity`."""

    __slots__ = ()

    def __new__(
        cls,
        *,
        start_after: float = START_AFTER,
        stop_after: float = STOP_AFTER,
        min_level: float = MIN_LEVEL,
        aggressiveness: int = AGGRESSIVENESS,
        spoilt: int = 0,
    ) -> Self:
        detector = new_detector(aggressiveness)
        return super().__new__(cls, webrtcvad_process, detector, start_after, stop_after, min_level, spoilt)

    @property
    def state(self) -> Activity:
        return STATES[self.stage]

    def push(self, frame: Pcm, at: float, frame_level: float | None = None) -> Sequence[SpeechFact]:
        return self.hear(frame.tobytes(), at, level(frame) if frame_level is None else frame_level)

    def hear(self, octets: bytes, at: float, frame_level: float) -> Sequence[SpeechFact]:
        facts = self.judge(octets, at, frame_level)
        return NOTHING if facts is None else [_fact(*fact) for fact in facts]


class NativeSpeechHearing:
    """The calls' by slot; everything as in `SpeechHearing`. A frame that changes nothing costs nothing here."""

    def __init__(self) -> None:
        self._by_slot: list[Any] = []

    def enter(self, slot: int, speech: object) -> None:
        if slot == len(self._by_slot):
            self._by_slot.append(None)
        self._by_slot[slot] = speech

    def leave(self, slot: int) -> None:
        self._by_slot[slot] = None

    def hear(self, batch: Batch, levels: Levels) -> list[tuple[int, Sequence[SpeechFact]]]:
        found = Speech.hear_all(self._by_slot, batch.slots, batch.frames, batch.times, levels)
        return [(slot, (_fact(at, duration),)) for slot, at, duration in found]
