"""Sound that comes and goes as raw PCM while a call lasts: the arithmetic of pipes, programs and sound cards.

Raw PCM is signed 16-bit little-endian samples, mono, with no header: at the usual 8000 samples a
second 20 ms are 320 bytes and a second is 16 000. Other rates are named (`?rate=16000`).

Theory of operation. Nothing here waits and nothing has a thread: the beat asks. `PcmReader` takes, once
a beat, what has come, keeps at most `AHEAD` seconds of it and leaves the rest where it is, so that a
pipe fills and its writer is slowed. Where less than 20 ms have come the call is silent for that beat,
which is counted. `PcmWriter` hands on each 20 ms heard, or drops it where there is no room, which is
counted, too. Time passes whatever the call does: what comes under a play, or while the call is muted,
is not said afterwards, as with a person at a microphone; so no delay ever builds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np

from botkit.media.ear import HeardFrame
from botkit.media.pcm import FRAME_SECONDS, HEARING_RATE, Pcm, Resampler, samples_per_frame

RATES = (8000, 16000, 24000, 48000)
"""Samples a second that raw PCM may have: those of telephony, and of most that speak and listen for machines."""

AHEAD = 0.2
"""Seconds that a reader keeps of what came before its time; a pipe itself holds some more (`pipe.py`)."""

LATE_MAX = 10
"""Beats: what comes again sooner than 0.2 s after it stopped was late; a longer gap is a pause of the speaker's."""

GAP_MAX = 0.5
"""Seconds of silence at most that make up for what was not heard: less than a pipe has room for."""

JITTER = 0.03
"""Seconds: frames less than this late are not missing."""

SAMPLE_BYTES = 2

_CARRIER = 48000
"""A rate of which all `RATES` are fractions: where neither of two is a multiple of the other, go by it."""


@dataclass(slots=True)
class LiveFigures:
    """What went through one device in one call; counts are of frames and beats of 20 ms."""

    name: str
    said: int = 0
    """Frames that came and were given to the call."""
    late: int = 0
    """Beats without one, in the midst of what was being said."""
    heard: int = 0
    """Frames that were handed on."""
    dropped: int = 0
    """Frames that nobody took in time."""
    over: str | None = None
    """Why it ended before the call did, in words; None: it did not."""

    def __str__(self) -> str:
        parts = [f"{self.said * FRAME_SECONDS:.1f} s said"] if self.said else []
        parts += [f"{self.late} beats late"] if self.late else []
        parts += [f"{self.heard * FRAME_SECONDS:.1f} s heard"] if self.heard else []
        parts += [f"{self.dropped * FRAME_SECONDS:.1f} s dropped: nobody took it in time"] if self.dropped else []
        parts += [self.over] if self.over else []
        return f"{self.name}: {', '.join(parts) or 'nothing went through'}"


class Rates:
    """A stream's samples from one of `RATES` to another, 20 ms by 20 ms."""

    __slots__ = ("_steps",)

    def __init__(self, rate: int, to_rate: int) -> None:
        direct = rate % to_rate == 0 or to_rate % rate == 0
        way = (rate, to_rate) if direct else (rate, _CARRIER, to_rate)
        self._steps = [Resampler(*step) for step in pairwise(way) if step[0] != step[1]]

    def push(self, samples: Pcm) -> Pcm:
        """The next 20 ms, or a multiple of them, at the other rate."""
        for step in self._steps:
            samples = step.push(samples)
        return samples


class PcmReader:
    """What a device says, as a `LiveSource`. `read(n)` gives at most n bytes that are there, b"" for none yet,
    None where there will be no more; it must not wait."""

    def __init__(self, rate: int, to_rate: int, figures: LiveFigures, read: Callable[[int], bytes | None]) -> None:
        self.ended = False
        """No more will come, and all that came is said."""
        self._frame = samples_per_frame(rate) * SAMPLE_BYTES
        self._room = round(AHEAD / FRAME_SECONDS) * self._frame
        self._rates = Rates(rate, to_rate)
        self._figures = figures
        self._read: Callable[[int], bytes | None] | None = read
        self._held = bytearray()
        self._gap = 0  # beats since the last frame

    def next_frame(self) -> Pcm | None:
        """The next 20 ms at the codec's rate; None: nothing has come. Never waits, never raises."""
        held = self._held
        if self._read is not None and len(held) < self._room:
            more = self._read(self._room - len(held))
            if more is None:
                self._read = None
                self._figures.over = self._figures.over or "its writer closed it"
                held += bytes(-len(held) % self._frame) if len(held) >= SAMPLE_BYTES else b""
            else:
                held += more
        if len(held) < self._frame:
            self._gap += 1
            self.ended = self._read is None
            return None
        if self._figures.said and self._gap <= LATE_MAX:
            self._figures.late += self._gap
        self._gap = 0
        self._figures.said += 1
        pcm = np.frombuffer(bytes(held[: self._frame]), "<i2").astype(np.int16, copy=False)
        del held[: self._frame]
        return self._rates.push(pcm)


class PcmWriter:
    """What a call hears, for a device, as a `Sink`. `write(frame)` takes all of 20 ms and says True, or none of it
    and says False; None where nobody will take any more. It must not wait."""

    def __init__(self, rate: int, figures: LiveFigures, write: Callable[[bytes], bool | None]) -> None:
        self._rates = Rates(HEARING_RATE, rate)
        self._figures = figures
        self._write: Callable[[bytes], bool | None] | None = write
        self._end: float | None = None

    def push(self, frame: HeardFrame) -> None:
        """Hand on 20 ms at 8 kHz, shape (160,), and silence before it for what was not heard. Never raises."""
        missing = 0.0 if self._end is None else frame.at - self._end
        if missing > JITTER:
            for _ in range(round(min(missing, GAP_MAX) / FRAME_SECONDS)):
                self._hand_on(np.zeros(frame.pcm.size, np.int16))
        self._end = frame.at + frame.pcm.size / HEARING_RATE
        self._hand_on(frame.pcm)

    def close(self) -> None:
        """Hand on no more."""
        self._write = None

    def _hand_on(self, pcm: Pcm) -> None:
        if self._write is None:
            return
        taken = self._write(self._rates.push(pcm).astype("<i2", copy=False).tobytes())
        if taken is None:
            self._write = None
            self._figures.over = self._figures.over or "its reader closed it"
        elif taken:
            self._figures.heard += 1
        else:
            self._figures.dropped += 1


class OpenDevice(Protocol):
    """A device in use by one call."""

    figures: LiveFigures

    def reader(self, rate: int) -> PcmReader:
        """What it says, at the codec's `rate`. For one that was opened to say something."""
        ...

    def writer(self) -> PcmWriter:
        """What takes in what the call hears. For one that was opened to hear."""
        ...

    def close(self) -> None:
        """Give it back. May take its time (it is called from a thread); never raises, and once closed does nothing."""
        ...


@runtime_checkable
class LiveDevice(Protocol):
    """The name of something live, as a value: comparable, picklable, opened once for each call."""

    @property
    def both(self) -> bool:
        """It says and hears at once where nothing else is named for the other way: a program."""
        ...

    @property
    def catches_up(self) -> bool:
        """It reads as fast as it can what was heard before it was there; a loudspeaker would stay late by that."""
        ...

    def check(self, *, says: bool) -> None:
        """Whether it can be used, told before any call: raises `ConfigError`. `says`: as a source, else as a sink."""
        ...

    def open(self, *, says: bool, hears: bool, environment: Mapping[str, str]) -> OpenDevice:
        """Take it into use. May take its time: call it from a thread. `environment` is told to programs.

        Raises `ConfigError`."""
        ...
