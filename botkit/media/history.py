"""The last seconds of what one call heard, so that what is asked for now is also found where it began.

Kept as mu-law, a byte a sample: 8 kHz speech needs no more to be recognised by, and hundreds of calls keep
theirs. The memory is taken as it fills.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botkit.media.codec import PCMU

Pcm = npt.NDArray[np.int16]

FRAME = 160
"""Samples, and bytes, of 20 ms."""

KEPT = 1000
"""Frames that are remembered: 20 s, 168 kB a call."""


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """20 ms of 8 kHz PCM, shape (160,); `at` is when its first sample was heard."""

    at: float
    pcm: Pcm


class History:
    """The last `KEPT` frames, oldest first."""

    __slots__ = ("_count", "_octets", "_times")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._times = array("d")
        self._count = 0

    def append(self, octets: bytes, at: float) -> None:
        """Remember 20 ms, as 160 bytes of mu-law, heard at `at`."""
        place = self._count % KEPT
        if self._count < KEPT:
            self._octets += octets
            self._times.append(at)
        else:
            self._octets[place * FRAME : (place + 1) * FRAME] = octets
            self._times[place] = at
        self._count += 1

    def __len__(self) -> int:
        return min(self._count, KEPT)

    def between(self, start: float = float("-inf"), end: float = float("inf")) -> tuple[npt.NDArray[np.float64], Pcm]:
        """The frames that began from `start` on and before `end`: their times, shape (n,), and samples, (n, 160)."""
        turn = self._count % KEPT if self._count > KEPT else 0
        times = np.roll(np.frombuffer(self._times.tobytes(), np.float64), -turn)
        wanted = np.flatnonzero((times >= start) & (times < end))
        octets = np.frombuffer(bytes(self._octets), np.uint8).reshape(-1, FRAME)
        return times[wanted], PCMU.values[octets[(wanted + turn) % max(len(octets), 1)]]

    def __iter__(self) -> Iterator[HeardFrame]:
        times, pcm = self.between()
        return (HeardFrame(at, row) for at, row in zip(times.tolist(), pcm, strict=True))
