"""What one party says, as one frame a beat: the line that a mixer takes its frames from.

Theory of operation. A mixer needs a frame of everybody in every beat, and packets come as they come: none in
one beat, two in the next. So what has come waits in a queue, usually for one beat (`CUSHION`). A line that runs
dry says nothing for that beat, and what comes later waits one beat longer: the queue is as long as the packets
are unsteady. What is longer than it had to be for a second is cut, at a silent frame where there is one, so that
nobody stays late for good.

Losses are told late, when the packets behind them have been waited for. By then the time of the lost ones has
mostly passed, in silence: what has passed is not put in a second time.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from botkit.media.codec import G711, Codec
from botkit.media.pcm import Pcm
from botkit.media.sender import REMEMBERED

CUSHION = 1
"""Frames that wait when one has been taken: what keeps a beat that is a little early from finding nothing."""

LONGEST = 12
"""Frames that may wait at most; of more the oldest are dropped."""

WATCHED = 50
"""Beats over which a queue must have been too long before it is cut: a second."""

QUIET = 8
"""The least that G.711 can say, in units of int16: a payload of nothing louder is silence (A-law has no zero)."""

Said = bytes | Pcm
"""A frame: a payload of G.711, 160 bytes, or samples at the codec's rate, 20 ms."""


class Playout:
    """The line of one party. `push` has the shape of `Receiver.on_payload`; `take` is called once a beat."""

    __slots__ = (
        "_beats",
        "_codec",
        "_decoder",
        "_flows",
        "_octets",
        "_queue",
        "_quiet",
        "_samples",
        "_silent_for",
        "_spare",
        "_starved",
        "_waits",
    )

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder = None if isinstance(codec, G711) else codec.decoder()
        self._quiet = _quiet_codes(codec) if isinstance(codec, G711) else b""
        self._queue: deque[Said | None] = deque()  # None: a frame of silence
        self._octets = b""  # what does not fill a frame yet, of packets of other lengths
        self._samples: Pcm = np.zeros(0, np.int16)
        self._silent_for = 0  # payloads of silence in a row
        self._flows = False
        self._waits = False  # its first frame has waited a beat
        self._starved = 0  # beats since it ran dry
        self._spare = LONGEST  # frames that were left over in each of the last beats, at least
        self._beats = 0

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, payload: bytes | None, at: float) -> None:
        """Take in what came: usually 20 ms. None: it was lost; b"": nothing was sent."""
        if payload:
            self._starved = 0
            self._take_in(payload)
        elif self._starved:
            self._starved -= 1
            self._lost(payload)
        elif payload is None:
            self._lost(payload)
            self._queue.append(None)
        while len(self._queue) > LONGEST:
            self._queue.popleft()

    def take(self) -> Said | None:
        """The frame of this beat; None: it says nothing."""
        queue = self._queue
        if not queue:
            self._flows = False
            self._starved += 1
            return None
        if not self._flows:
            if len(queue) <= CUSHION and not self._waits:
                self._waits = True
                return None
            self._flows, self._waits = True, False
        said = queue.popleft()
        self._cut()
        return said

    def _cut(self) -> None:
        """Drop what need not wait."""
        queue = self._queue
        if len(queue) > CUSHION and queue[0] is None:
            queue.popleft()
        self._spare = min(self._spare, len(queue))
        self._beats += 1
        if self._beats >= WATCHED:
            for _ in range(self._spare - CUSHION):
                queue.popleft()
            self._beats, self._spare = 0, LONGEST

    def _lost(self, payload: bytes | None) -> None:
        if payload is None and self._decoder is not None and self._codec.long_memory:
            self._decoder.lost()

    def _take_in(self, payload: bytes) -> None:
        if self._decoder is None:
            if not payload.strip(self._quiet):  # stops at the first byte of another value
                self._queue.extend((None,) * max(1, len(payload) // self._codec.samples))
            elif len(payload) == self._codec.samples and not self._octets:
                self._queue.append(payload)
            else:
                self._split(payload)
        elif payload == self._codec.silence:
            self._silent_for += 1
            if self._silent_for <= REMEMBERED:  # the decoder must come to rest; then it stays there
                self._decoder.decode(payload)
            self._queue.append(None)
        else:
            self._silent_for = 0
            self._decoded(self._decoder.decode(payload))

    def _split(self, payload: bytes) -> None:
        size = self._codec.samples
        octets = self._octets + payload
        whole = len(octets) // size * size
        self._queue.extend(octets[start : start + size] for start in range(0, whole, size))
        self._octets = octets[whole:]

    def _decoded(self, pcm: Pcm) -> None:
        size = self._codec.samples
        if pcm.size == size and not self._samples.size:
            self._queue.append(pcm)
            return
        pcm = np.concatenate((self._samples, pcm))
        whole = pcm.size // size * size
        self._queue.extend(pcm[:whole].reshape(-1, size))
        self._samples = pcm[whole:]


def _quiet_codes(codec: G711) -> bytes:
    """The codes of nothing louder than `QUIET`."""
    return np.flatnonzero(np.abs(codec.values.astype(np.int32)) <= QUIET).astype(np.uint8).tobytes()
