"""From one leg of a bridge to the other: as it is, or in the other's codec (a translator, RFC 3550 section 7.2).

Where both legs share a codec and the clock of their telephone-events, payloads go through undecoded.
Else each packet is decoded, brought to the other rate and encoded, on the same beat, and keeps its
place: numbers go through, timestamps in the other clock, so that gaps stay gaps. Packets of other
lengths than 20 ms are cut into packets of 20 ms, numbered anew.

What was lost is not made up: the far end knows best what to do about a gap, and a made-up piece of a tone makes two
digits of one (10 of 1600 digits of 120 ms, with 3 % lost on both ways; none with gaps). But G.722's decoder must
be told, or what follows comes out bent: 60 ms after a loss speech is 10 dB nearer to what was said. The encoder is
not: it goes on best from what it sent last (8 dB in the second frame). Opus' decoder is best left alone (1 dB).
"""

from __future__ import annotations

import numpy as np

from botkit.media.codec import G711, Codec
from botkit.media.pcm import Pcm, Resampler
from botkit.media.receiver import Onward, Receiver
from botkit.media.rtp import Extender, seq_add, seq_diff
from botkit.media.sender import Sender

EVENT_LENGTH = 4

LOST_MAX = 5
"""Frames lost in a row over which a decoder follows; after more there is nothing to follow."""


def onward(near: Receiver, codec: Codec, far: Sender) -> Onward:
    """What takes the packets of `near`, which are in `codec`, to `far`."""
    if codec is far.codec and near.event_clock == far.event_clock:
        return _Straight(near, far)
    return _Translated(near, codec, far)


class _Straight:
    """Both legs speak alike."""

    def __init__(self, near: Receiver, far: Sender) -> None:
        self._near = near
        self._far = far

    def packet(self, payload_type: int, payload: bytes, seq: int, timestamp: int, marker: bool) -> None:
        far = self._far
        if payload_type == self._near.receive_type:
            far.forward(payload, far.payload_type, seq, timestamp, marker)
        elif payload_type == self._near.event_type and far.event_type is not None:
            far.forward(payload, far.event_type, seq, timestamp, marker)

    def new_source(self) -> None:
        self._far.fed(True)


class _Translated:
    """The legs differ in their codecs, or in the clocks of their events."""

    def __init__(self, near: Receiver, codec: Codec, far: Sender) -> None:
        self._near = near
        self._codec = codec
        self._far = far
        same_law = isinstance(codec, G711) and isinstance(far.codec, G711)
        self._table = far.codec.codes_of(codec) if same_law else None  # type: ignore[attr-defined]
        self.new_source()

    def new_source(self) -> None:
        self._far.fed(True)
        self._decoder = self._codec.decoder()
        self._encoder = self._far.codec.encoder()
        self._resampler = Resampler(self._codec.rate, self._far.codec.rate)
        self._timestamps = Extender(32)
        self._last = self._codec.silence
        self._last_seq: int | None = None
        self._next_at = 0  # the timestamp that follows what was heard
        self._rest: Pcm = np.zeros(0, np.int16)  # what does not fill a packet yet
        self._shift = 0  # how many packets more went out than came in

    def packet(self, payload_type: int, payload: bytes, seq: int, timestamp: int, marker: bool) -> None:
        near, far = self._near, self._far
        ahead = 1 if self._last_seq is None else seq_diff(seq, self._last_seq)
        if ahead > 0:
            self._last_seq = seq
        if payload_type == near.event_type:
            if far.event_type is not None and len(payload) >= EVENT_LENGTH:
                number = seq_add(seq, self._shift)
                far.forward(self._event(payload), far.event_type, number, self._in_their_clock(timestamp), marker)
        elif payload_type == near.receive_type:
            if ahead > 1 and self._codec.long_memory:
                self._pass_over(timestamp)
            self._last, self._next_at = payload, timestamp + self._codec.ticks_of(payload)
            codec = far.codec
            at = self._in_their_clock(timestamp) - self._rest.size * codec.clock_rate // codec.rate
            out = self._payloads(payload)
            for index, one in enumerate(out):
                ticks = (at + index * codec.ticks) & 0xFFFFFFFF
                far.forward(one, far.payload_type, seq_add(seq, self._shift + index), ticks, marker)
            self._shift += len(out) - 1

    def _pass_over(self, timestamp: int) -> None:
        """Packets were lost before `timestamp`: the decoder follows as well as it can, and nothing is sent for them."""
        lost = ((timestamp - self._next_at) & 0xFFFFFFFF) // self._codec.ticks
        for _ in range(lost if lost <= LOST_MAX else 0):
            self._resampler.push(self._decoder.decode(self._last))

    def _payloads(self, payload: bytes) -> list[bytes]:
        """20 ms each; none while they do not fill up, several where one packet brought more."""
        if not payload:
            return []  # it keeps a path open (RFC 6263 4.1) and says nothing
        if self._table is not None:
            return [payload.translate(self._table)]
        pcm = self._resampler.push(self._decoder.decode(payload))
        size = self._far.codec.samples
        if pcm.size == size and not self._rest.size:
            return [self._encoder.encode(pcm)]
        pcm = np.concatenate((self._rest, pcm))
        whole = pcm.size // size * size
        self._rest = pcm[whole:]
        return [self._encoder.encode(frame) for frame in pcm[:whole].reshape(-1, size)]

    def _event(self, payload: bytes) -> bytes:
        """The event with its duration in the other clock."""
        duration = int.from_bytes(payload[2:4], "big") * self._far.event_clock // self._near.event_clock
        return payload[:2] + min(duration, 0xFFFF).to_bytes(2, "big")

    def _in_their_clock(self, timestamp: int) -> int:
        extended = self._timestamps.extend(timestamp)
        return extended * self._far.codec.clock_rate // self._codec.clock_rate & 0xFFFFFFFF
