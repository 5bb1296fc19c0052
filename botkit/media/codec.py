"""Codecs: how 20 ms of PCM become a payload and back.

Two kinds share one interface. A *stateless* codec (G.711, here) maps each sample by itself, so that
any number of legs is decoded by one table look-up: `decode_batch`. A *stateful* one (G.722 and Opus,
`ffmpeg.py`) keeps a memory per stream, so each leg has its own `decoder()` and each prompt its own
`encoder()`. Code that must work with both asks for `encoder()` and `decoder()`; the beat asks
`codec.stateless` first.

`codec_by_name` finds a codec by its SDP name, in any case of letters.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from botkit.errors import ConfigError
from botkit.media.pcm import Pcm, samples_per_frame

Octets = npt.NDArray[np.uint8]


class Encoder(Protocol):
    """One stream's encoder."""

    def encode(self, frame: Pcm) -> bytes:
        """The payload of one frame, shape (samples,), int16 at the codec's `rate`."""
        ...


class Decoder(Protocol):
    """One stream's decoder."""

    def decode(self, payload: bytes) -> Pcm:
        """The samples of one payload, shape (samples,), int16 at the codec's `rate`; never raises: what
        cannot be decoded is 20 ms of silence."""
        ...

    def lost(self) -> None:
        """20 ms were lost: where the encoder's memory has gone on, follow it as well as may be."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Codec(abc.ABC):
    """One codec. `eq` is identity: there is one object per codec in a process.

    `payload_type` is what we offer (the answer's number counts on the wire), `rate` is that of its
    PCM in Hz, `clock_rate` that of its RTP clock (not the same for G.722, RFC 3551 4.5.2),
    `silence` the payload of a silent frame.
    """

    name: str
    payload_type: int
    rate: int
    clock_rate: int
    silence: bytes
    channels: int = 1
    parameters: str = ""
    stateless: bool = False
    long_memory: bool = False
    """What came before is heard in the next frames, not in one only: see `encode_after`."""

    @property
    def samples(self) -> int:
        """PCM samples in a frame of 20 ms."""
        return samples_per_frame(self.rate)

    @property
    def ticks(self) -> int:
        """How far the RTP timestamp moves in 20 ms."""
        return self.clock_rate // 50

    def ticks_of(self, payload: bytes) -> int:
        """How far the RTP timestamp moves over one payload. G.711 and G.722 have one byte a tick, 64 kbit/s both."""
        return len(payload)

    def encode_after(self, before: Sequence[bytes], pcm: Pcm) -> tuple[bytes, ...]:
        """`pcm` as payloads for a stream whose last ones were `before`, so that the far end's decoder, which has
        heard them, is in step: an encoder that has heard them, too, makes them."""
        encoder, decoder = self.encoder(), self.decoder()
        for payload in before:
            encoder.encode(np.ascontiguousarray(decoder.decode(payload)))
        return self._encode_all(encoder, pcm)

    @abc.abstractmethod
    def encoder(self) -> Encoder:
        """An encoder for a stream that begins now."""

    @abc.abstractmethod
    def decoder(self) -> Decoder:
        """A decoder for a stream that begins now."""

    def encode_all(self, pcm: Pcm) -> tuple[bytes, ...]:
        """All of `pcm`, shape (samples,) at `rate`, as payloads; the last frame is filled with silence."""
        return self._encode_all(self.encoder(), pcm)

    def _encode_all(self, encoder: Encoder, pcm: Pcm) -> tuple[bytes, ...]:
        size = self.samples
        count = -(-pcm.size // size)
        frames = np.zeros(count * size, np.int16)
        frames[: pcm.size] = pcm
        return tuple(encoder.encode(frame) for frame in frames.reshape(count, size))


# --- G.711 ------------------------------------------------------------------------------------------


def _mu_law_values() -> Pcm:
    """The 256 values of mu-law (ITU-T G.711 table 2), as 16-bit samples."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((code.astype(np.int32) & 0x0F) << 3) + 0x84 << ((code >> 4) & 0x07)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


def _a_law_values() -> Pcm:
    """The 256 values of A-law (ITU-T G.711 table 1), as 16-bit samples."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = ((code >> 4) & 0x07).astype(np.int32)
    magnitude = ((code.astype(np.int32) & 0x0F) << 4) + 8
    magnitude = np.where(segment > 0, magnitude + 0x100 << np.maximum(segment - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest_codes(values: Pcm) -> Octets:
    """For each of the 65536 samples, in the order of their uint16 views, the code of the nearest value.

    G.711's decision values lie midway between its output values; at the middle the greater
    magnitude wins, and of the two zeros of mu-law the positive one (0xFF), as its tables have it.
    """
    order = np.lexsort((np.arange(256), values))
    keep = np.concatenate((np.diff(values[order].astype(np.int32)) > 0, [True]))
    order = order[keep]  # one code per value; of equal ones the highest
    steps = values[order].astype(np.int32)
    doubled = 2 * np.arange(-32768, 32768, dtype=np.int32)
    middles = steps[1:] + steps[:-1]
    below = np.searchsorted(middles, doubled, side="left")
    above = np.searchsorted(middles, doubled, side="right")
    codes = order[np.where(doubled < 0, below, above)].astype(np.uint8)
    return np.concatenate((codes[32768:], codes[:32768]))


@dataclass(frozen=True, slots=True, eq=False)
class G711(Codec):
    """PCMU or PCMA by table, both ways, one frame or any batch at once."""

    stateless: bool = True
    values: Pcm = None  # type: ignore[assignment]
    codes: Octets = None  # type: ignore[assignment]

    def encoder(self) -> Encoder:
        return self

    def decoder(self) -> Decoder:
        return self

    def encode(self, frame: Pcm) -> bytes:
        """Samples of any number to as many bytes."""
        return self.codes[frame.view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> Pcm:
        """Bytes of any number to as many samples."""
        return self.values[np.frombuffer(payload, np.uint8)]

    def encode_batch(self, frames: Pcm) -> list[bytes]:
        """Frames of many legs, shape (n, samples), to their payloads."""
        octets = self.codes[frames.view(np.uint16)].tobytes()
        size = frames.shape[1]
        return [octets[start : start + size] for start in range(0, len(octets), size)]

    def lost(self) -> None:
        """G.711 has no memory."""

    def decode_batch(self, payloads: Sequence[bytes]) -> Pcm:
        """Payloads of many legs, all of one length, to frames of shape (n, samples)."""
        octets = np.frombuffer(b"".join(payloads), np.uint8)
        return self.values[octets.reshape(len(payloads), -1)]

    def codes_of(self, other: G711) -> bytes:
        """The code for each code of another law: a table for `bytes.translate`."""
        return self.encode(other.values)

    def encode_all(self, pcm: Pcm) -> tuple[bytes, ...]:
        octets = self.encode(np.ascontiguousarray(pcm))
        octets += self.silence[: -len(octets) % self.samples]
        return tuple(octets[start : start + self.samples] for start in range(0, len(octets), self.samples))


def _g711(name: str, payload_type: int, values: Pcm) -> G711:
    codes = _nearest_codes(values)
    values.flags.writeable = codes.flags.writeable = False
    return G711(name, payload_type, 8000, 8000, bytes([codes[0]]) * 160, values=values, codes=codes)


PCMU = _g711("PCMU", 0, _mu_law_values())
PCMA = _g711("PCMA", 8, _a_law_values())


# --- finding them -----------------------------------------------------------------------------------

_NAMES = ("PCMU", "PCMA", "G722", "opus")
"""In the order of our offers."""

_known: dict[str, Codec] = {"pcmu": PCMU, "pcma": PCMA}


def codec_names() -> tuple[str, ...]:
    """The names of all codecs, in the order in which they are offered."""
    return _NAMES


def codec_by_name(name: str) -> Codec:
    """The codec called `name` in SDP, in any case. Raises ConfigError where there is none."""
    lower = name.lower()
    if lower not in _known and lower in ("g722", "opus"):
        ffmpeg = import_module("botkit.media.ffmpeg")  # late: FFmpeg takes its time to load
        _known.update(g722=ffmpeg.G722, opus=ffmpeg.OPUS)
    try:
        return _known[lower]
    except KeyError:
        raise ConfigError(f"no codec is called {name!r}", hint=f"known: {', '.join(_NAMES)}") from None
