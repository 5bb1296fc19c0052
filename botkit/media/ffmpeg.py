"""G.722 and Opus, through FFmpeg's codecs (PyAV).

Both keep a memory per stream. A prompt is encoded by an encoder of its own and spliced into the stream
between silences, so the far end's decoder is in another state than that encoder was: G.722's silence is made
so that the difference is small (see `_G722_QUIET`), and each Opus encoder begins where silence ends.

G.722 (ITU-T G.722, RFC 3551 4.5.2) samples at 16 kHz, and its RTP clock runs at 8 kHz all the same.
Opus (RFC 6716, 7587) has a clock of 48 kHz and is always called stereo in SDP; what it carries here is
mono, which any decoder understands. We send its CELT mode alone ("lowdelay"): it forgets what came before
within a frame, where SILK takes up to half a second, keeps tones clean, and costs half as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from botkit.media.codec import Codec, Decoder, Encoder
from botkit.media.pcm import Pcm

OPUS_BIT_RATE = 32_000
"""Bits a second, mono: what Chrome sends by default."""

OPUS_COMPLEXITY = 5
"""Of 0 to 10. 10 costs twice as much and is heard by nobody on a telephone."""


@dataclass(frozen=True, slots=True, eq=False)
class FfmpegCodec(Codec):
    """A codec that FFmpeg knows as `library`; `options` and `bit_rate` are those of its encoder."""

    library: str = ""
    bit_rate: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    primed: bool = False
    """New encoders and decoders are given a frame of silence, so that they begin where silence ends."""

    def encoder(self) -> Encoder:
        return _Encoder(self)

    def decoder(self) -> Decoder:
        return _Decoder(self)

    def context(self, mode: Any) -> Any:
        """A codec context of FFmpeg's for 16-bit mono; `mode` is r or w."""
        context: Any = av.CodecContext.create(self.library, mode)
        context.sample_rate = self.rate
        context.layout = "mono"
        if mode == "w" or self.library == "libopus":
            context.format = "s16"
        return context


class _Encoder:
    """One stream's encoder."""

    def __init__(self, codec: FfmpegCodec) -> None:
        self._rate = codec.rate
        self._context = codec.context("w")
        self._context.options = dict(codec.options)
        if codec.bit_rate is not None:
            self._context.bit_rate = codec.bit_rate
        self._at = 0
        if codec.primed:
            self.encode(np.zeros(codec.samples, np.int16))

    def encode(self, frame: Pcm) -> bytes:
        """The payload of 20 ms, shape (samples,) at the codec's rate."""
        given = av.AudioFrame.from_ndarray(frame.reshape(1, -1), format="s16", layout="mono")
        given.sample_rate = self._rate
        given.pts = self._at
        self._at += frame.size
        return b"".join(bytes(packet) for packet in self._context.encode(given))


class _Decoder:
    """One stream's decoder."""

    def __init__(self, codec: FfmpegCodec) -> None:
        self._codec = codec
        self._context = codec.context("r")
        self._last = codec.silence
        if codec.primed:
            self.decode(codec.silence)

    def decode(self, payload: bytes) -> Pcm:
        """The samples of one payload; of one that is no such thing, 20 ms of silence."""
        if payload:  # an empty packet would end the stream for FFmpeg
            try:
                frames = self._context.decode(av.Packet(payload))
            except (av.FFmpegError, ValueError):
                self._context = self._codec.context("r")  # FFmpeg may take its error for the end of the stream
            else:
                parts = [frame.to_ndarray()[0] for frame in frames]
                if parts:
                    self._last = payload
                    pcm: Pcm = parts[0] if len(parts) == 1 else np.concatenate(parts)
                    return pcm
        return np.zeros(self._codec.samples, np.int16)

    def lost(self) -> None:
        """Decode the last payload once more. G.722 adapts its predictors and steps to what it decodes, over tens of
        milliseconds: one frame behind, the next ones of a tone come out bent (2 % of digits at 3 % loss)."""
        self.decode(self._last)


class _Opus(FfmpegCodec):
    __slots__ = ()

    def ticks_of(self, payload: bytes) -> int:
        """By the packet's first bytes (RFC 6716 3.1): its configuration says how long a frame is, its code
        how many there are. 0 for what is no Opus packet."""
        if not payload:
            return 0
        configuration, code = payload[0] >> 3, payload[0] & 3
        if configuration < 12:  # SILK: 10, 20, 40, 60 ms
            frame = (480, 960, 1920, 2880)[configuration & 3]
        elif configuration < 16:  # hybrid: 10, 20 ms
            frame = (480, 960)[configuration & 1]
        else:  # CELT: 2.5, 5, 10, 20 ms
            frame = (120, 240, 480, 960)[configuration & 3]
        if code < 3:
            return frame * min(code + 1, 2)
        count = payload[1] & 0x3F if len(payload) > 1 else 0
        return min(frame * count, 5760)  # 120 ms at the most (3.2.5)


# A silent payload that can be spliced with prompts. A constant one drives the decoder's predictor to where the
# next sound begins with 40 ms of full-scale noise; these small codes of mixed signs (the best of some thousands that
# were drawn) leave it where a new encoder begins. They sound of -66 dBFS or less, after whatever was decoded before.
_G722_QUIET = bytes.fromhex("dcfd7c5dddfcdcdcfcdc7dddfc7d5dfcfcdd5cfc")

G722 = FfmpegCodec("G722", 9, 16000, 8000, _G722_QUIET * 8, library="g722", long_memory=True)

# A CELT frame of 20 ms that says nothing: what an encoder makes of digital silence.
OPUS = _Opus(
    "opus",
    111,
    48000,
    48000,
    b"\xf8\xff\xfe",
    channels=2,
    parameters="minptime=10;useinbandfec=1",
    library="libopus",
    bit_rate=OPUS_BIT_RATE,
    options=(("application", "lowdelay"), ("compression_level", str(OPUS_COMPLEXITY)), ("frame_duration", "20")),
    primed=True,
)
