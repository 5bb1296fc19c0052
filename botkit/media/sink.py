"""Sinks: whatever takes what a call hears, 20 ms at a time, as int16 mono at 8 kHz."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from botkit.media.ear import HeardFrame, Pcm
from botkit.media.wav import write_wav

RATE = 8000
GAP_MAX = 30.0
"""Seconds of silence that a sink fills in for what was not heard; more is another recording."""


class Sink(Protocol):
    """Something that takes frames, in order."""

    def push(self, frame: HeardFrame) -> None:
        """Take 20 ms, shape (160,), heard at `frame.at`. Called on the beat: it must not wait."""
        ...

    def close(self) -> None:
        """There is no more. May take its time: it is called off the beat."""
        ...


class DiscardSink:
    """Takes everything and keeps nothing."""

    def push(self, frame: HeardFrame) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing to do."""


class TeeSink:
    """Gives everything to several sinks."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def push(self, frame: HeardFrame) -> None:
        for sink in self._sinks:
            sink.push(frame)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()


class WavSink:
    """Keeps what it takes and writes it to a WAV when it is closed; what was not heard is silence in it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._parts: list[Pcm] = []
        self._end: float | None = None

    def push(self, frame: HeardFrame) -> None:
        missing = 0.0 if self._end is None else frame.at - self._end
        if 0.03 < missing < GAP_MAX:  # less is jitter
            self._parts.append(np.zeros(round(missing * RATE), np.int16))
        self._parts.append(frame.pcm)
        self._end = frame.at + frame.pcm.size / RATE

    @property
    def pcm(self) -> Pcm:
        """What was taken so far, shape (samples,)."""
        return np.concatenate([np.zeros(0, np.int16), *self._parts])

    def close(self) -> None:
        """Raises `ConfigError` where the file cannot be written."""
        write_wav(self.path, self.pcm, RATE)
