"""Sources: whatever can be played, as payloads for a codec or as samples.

All are values: frozen, comparable, and as long as they say. Playing one in a loop is the player's
business, and so is time. Files and tones are encoded once per codec and shared,
and so are the samples behind them where something is mixed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from botkit.media import dtmf, prompt, tone
from botkit.media.codec import Codec, codec_by_name
from botkit.media.pcm import FRAME_SECONDS, Pcm, in_frames


class Source(Protocol):
    """Something to play."""

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        """20 ms each. Files are read here: call it from a thread."""
        ...

    def pcm(self, rate: int) -> Pcm:
        """The samples at `rate`, shape (samples,)."""
        ...

    def frames(self, codec: Codec) -> Pcm:
        """The samples behind `payloads`, shape (payloads, samples) at the codec's rate: for mixing. Not to be
        written to. Files are read here: call it from a thread."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """One or more audio files, one after the other, louder by `gain` dB."""

    files: tuple[Path, ...]
    gain: float = 0.0

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        """Raises ConfigError for a file that is missing or no audio."""
        parts = [prompt.load(file, self.gain).payloads(codec) for file in self.files]
        return parts[0] if len(parts) == 1 else tuple(payload for part in parts for payload in part)

    def pcm(self, rate: int) -> Pcm:
        """Raises ConfigError for a file that is missing or no audio."""
        return np.concatenate([np.zeros(0, np.int16), *(prompt.load(file, self.gain).pcm(rate) for file in self.files)])

    def frames(self, codec: Codec) -> Pcm:
        """Raises ConfigError for a file that is missing or no audio."""
        parts = [prompt.load(file, self.gain).frames(codec) for file in self.files]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class ToneSource:
    """One frequency, or several at once, each at `level` dBFS."""

    hz: tuple[float, ...]
    length: float
    level: float = -13.0

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        return _tone_payloads(self, codec.name)

    def pcm(self, rate: int) -> Pcm:
        return tone.tone(self.hz, self.length, level=self.level, rate=rate)

    def frames(self, codec: Codec) -> Pcm:
        return _tone_frames(self, codec.name)


@dataclass(frozen=True, slots=True)
class ProgressSource:
    """A call-progress tone by name: one turn of its rhythm, or `length` seconds of it."""

    name: str
    length: float | None = None
    level: float = -13.0

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        return _tone_payloads(self, codec.name)

    def pcm(self, rate: int) -> Pcm:
        return tone.progress(self.name, self.length, level=self.level, rate=rate)

    def frames(self, codec: Codec) -> Pcm:
        return _tone_frames(self, codec.name)


@dataclass(frozen=True, slots=True)
class DigitSource:
    """A digit as tone, with 20 ms of silence on both sides.

    It may cut into speech, and the far end must hear where it begins and ends.
    """

    digit: str
    length: float

    def payloads(self, codec: Codec, before: Sequence[bytes] = ()) -> tuple[bytes, ...]:
        """`before`: what went out last, for a codec with a long memory. G.722's decoder, adapted to speech,
        takes 100 ms to say a tone of another encoder as it was: its two frequencies are 15 dB apart at first.

        KeyError for what is no digit.
        """
        if not codec.long_memory:
            return (codec.silence, *_tone_payloads(self, codec.name), codec.silence)
        quiet = np.zeros(codec.samples, np.int16)
        tone = self.pcm(codec.rate)
        fill = np.zeros(-tone.size % codec.samples, np.int16)
        return codec.encode_after(before, np.concatenate((quiet, tone, fill, quiet)))

    def pcm(self, rate: int) -> Pcm:
        """The tone alone."""
        return dtmf.digit_tone(self.digit, self.length, rate=rate)


@functools.lru_cache(maxsize=128)
def _tone_payloads(source: ToneSource | ProgressSource | DigitSource, codec: str) -> tuple[bytes, ...]:
    encoder = codec_by_name(codec)
    return encoder.encode_all(source.pcm(encoder.rate))


@functools.lru_cache(maxsize=128)
def _tone_frames(source: ToneSource | ProgressSource, codec: str) -> Pcm:
    encoder = codec_by_name(codec)
    return in_frames(source.pcm(encoder.rate), encoder.rate)


@dataclass(frozen=True, slots=True)
class SilenceSource:
    """`length` seconds of nothing."""

    length: float

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        return (codec.silence,) * max(round(self.length / FRAME_SECONDS), 0)

    def pcm(self, rate: int) -> Pcm:
        return np.zeros(round(self.length * rate), np.int16)

    def frames(self, codec: Codec) -> Pcm:
        count = max(round(self.length / FRAME_SECONDS), 0)
        return np.broadcast_to(np.zeros(codec.samples, np.int16), (count, codec.samples))
