"""Where the calls of one process hear speech: each one's `VoiceActivity`, and one pass over all that they heard.

Compiled where it can be (`native.py`): `voice_activity` makes one for a call, `speech_hearing` one for a process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from botkit.media.batch import Batch
from botkit.media.history import FRAME
from botkit.media.native import AVAILABLE
from botkit.media.pcm import Levels
from botkit.media.vad import MIN_LEVEL, SpeechFact, VoiceActivity

Told = list[tuple[int, Sequence[SpeechFact]]]
"""Slots, and what was found there; those without are left out."""


class Speech(Protocol):
    """One call's: `VoiceActivity`, or its compiled twin."""

    @property
    def sure_until(self) -> float: ...

    @property
    def resting(self) -> bool: ...

    def hear(self, octets: bytes, at: float, frame_level: float) -> Sequence[SpeechFact]: ...


class Pass(Protocol):
    """All calls': `SpeechHearing`, or its compiled twin."""

    def enter(self, slot: int, speech: Speech) -> None: ...

    def leave(self, slot: int) -> None: ...

    def hear(self, batch: Batch, levels: Levels) -> Told: ...


class SpeechHearing:
    """The calls' by slot, and which of them rest."""

    def __init__(self) -> None:
        self._by_slot: list[Speech | None] = []
        self._resting = np.zeros(0, np.bool_)  # soft frames do not change its speech

    def enter(self, slot: int, speech: Speech) -> None:
        """A call takes a slot: one that there was already, or the next one."""
        if slot == len(self._by_slot):
            self._by_slot.append(None)
            self._resting = np.append(self._resting, False)
        self._by_slot[slot], self._resting[slot] = speech, False

    def leave(self, slot: int) -> None:
        """A call hears no more."""
        self._by_slot[slot] = None

    def hear(self, batch: Batch, levels: Levels) -> Told:
        """What is found in a batch, of `levels` dBFS."""
        slots, soft = batch.slots, levels < MIN_LEVEL
        speeches = [self._by_slot[slot] for slot in slots.tolist()]
        wanted = ~(soft & self._resting[slots])
        for row in batch.later[~wanted[batch.later]].tolist():
            wanted[row] = wanted[row - 1]  # what was before may have woken it
        for row in np.flatnonzero(~wanted).tolist():
            speeches[row] = None
        octets_of = batch.frames.view(f"V{2 * FRAME}").ravel().tolist()
        frames = zip(speeches, octets_of, batch.times.tolist(), levels.tolist(), strict=True)
        told: Told = []
        for row, (speech, octets, at, frame_level) in enumerate(frames):
            if speech is not None and (facts := speech.hear(octets, at, frame_level)):
                told.append((int(slots[row]), facts))
        self._resting[slots[wanted]] = False
        for row in np.flatnonzero(wanted & soft).tolist():
            speech = speeches[row]
            self._resting[slots[row]] = speech is not None and speech.resting
        return told


def _twins() -> tuple[Callable[..., Speech], Callable[[], Pass]]:
    if AVAILABLE:
        from botkit.media.native_speech import NativeSpeechHearing, NativeVoiceActivity

        return NativeVoiceActivity, NativeSpeechHearing
    return VoiceActivity, SpeechHearing


voice_activity, speech_hearing = _twins()
"""What makes one for a call, with what `VoiceActivity` takes, and one for a process, which is for the former alone."""
