"""The last seconds of what calls heard, so that what is asked for now is also found where it began.

Kept as mu-law, a byte a sample: 8 kHz speech needs no more to be recognised by, and hundreds of calls keep
theirs, side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.codec import PCMU
from botkit.media.pcm import FRAME_SECONDS

Pcm = npt.NDArray[np.int16]
Octets = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]

FRAME = 160
"""Samples, and bytes, of 20 ms."""

KEPT = 1000
"""Frames that are remembered: 20 s, 168 kB a call."""


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """20 ms of 8 kHz PCM, shape (160,); `at` is when its first sample was heard."""

    at: float
    pcm: Pcm


class HistoryStore:
    """The last `KEPT` frames of many calls, by their slots, as arrays: those of a batch are taken in at once."""

    def __init__(self, slots: int = 1) -> None:
        self.octets: Octets = np.zeros((slots, KEPT, FRAME), np.uint8)
        self.times = np.zeros((slots, KEPT))
        self.counts = np.zeros(slots, np.intp)
        """Frames heard since the beginning."""
        self.since = np.zeros(slots)
        """When the first of them was heard."""

    def begin(self, slot: int) -> None:
        """A call begins in `slot`: nothing was heard yet."""
        if slot >= len(self.counts):
            self._grow(max(16, 2 * (slot + 1)))
        self.counts[slot] = 0

    def _grow(self, slots: int) -> None:
        old, grown = len(self.counts), HistoryStore(slots)
        used = min(KEPT, int(self.counts.max(initial=0)))  # what was never touched takes no memory, and shall not
        grown.octets[:old, :used], grown.times[:old, :used] = self.octets[:, :used], self.times[:, :used]
        grown.counts[:old], grown.since[:old] = self.counts, self.since
        self.octets, self.times, self.counts, self.since = grown.octets, grown.times, grown.counts, grown.since

    def append(self, slots: Rows, octets: Octets, times: npt.NDArray[np.float64], turns: Rows) -> None:
        """Remember a frame for each of some slots, shapes (n,), (n, 160) and (n,).

        Frames of one slot lie in a row; `turns` tells which of them each is, from 0 on.
        """
        _append(self, slots, octets, times, turns)


def _append_in_python(
    store: HistoryStore, slots: Rows, octets: Octets, times: npt.NDArray[np.float64], turns: Rows
) -> None:
    counts = store.counts[slots] + turns
    if not counts.all():
        begins = np.flatnonzero(counts == 0)
        store.since[slots[begins]] = times[begins]
    places = counts % KEPT
    store.octets[slots, places] = octets
    store.times[slots, places] = times
    store.counts[slots] = counts + 1  # of several of one slot the last one stays


def _append_in_c(store: HistoryStore, slots: Rows, octets: Octets, times: npt.NDArray[np.float64], _: Rows) -> None:
    native.module.remember(slots, octets, times, store.octets, store.times, store.counts, store.since)


_append = _append_in_c if native.AVAILABLE else _append_in_python


class History:
    """What one call heard last, oldest first: its part of a store, or a store of its own."""

    __slots__ = ("_slot", "_store")

    def __init__(self, store: HistoryStore | None = None, slot: int = 0) -> None:
        self._store = store or HistoryStore()
        self._slot = slot
        self._store.begin(slot)

    def moved(self, store: HistoryStore | None = None, slot: int = 0) -> History:
        """The same, kept elsewhere from now on."""
        other = History(store, slot)
        (there, here), (mine, of) = (other._store, other._slot), (self._store, self._slot)
        used = len(self)
        there.octets[here, :used], there.times[here, :used] = mine.octets[of, :used], mine.times[of, :used]
        there.counts[here], there.since[here] = mine.counts[of], mine.since[of]
        return other

    def append(self, octets: bytes, at: float) -> None:
        """Remember 20 ms, as 160 bytes of mu-law, heard at `at`."""
        store, slot = self._store, self._slot
        count = int(store.counts[slot])
        if not count:
            store.since[slot] = at
        store.octets[slot, count % KEPT] = np.frombuffer(octets, np.uint8)
        store.times[slot, count % KEPT] = at
        store.counts[slot] = count + 1

    @property
    def since(self) -> float | None:
        """When the first frame of all was heard."""
        return float(self._store.since[self._slot]) if self._store.counts[self._slot] else None

    @property
    def until(self) -> float:
        """When the last one was over; 0 before the first."""
        count = int(self._store.counts[self._slot])
        return float(self._store.times[self._slot, (count - 1) % KEPT]) + FRAME_SECONDS if count else 0.0

    def __len__(self) -> int:
        return min(int(self._store.counts[self._slot]), KEPT)

    def between(self, start: float = float("-inf"), end: float = float("inf")) -> tuple[npt.NDArray[np.float64], Pcm]:
        """The frames that began from `start` on and before `end`: their times, shape (n,), and samples, (n, 160)."""
        store, slot, size = self._store, self._slot, len(self)
        turn = int(store.counts[slot]) % KEPT if size == KEPT else 0
        times = np.roll(store.times[slot, :size], -turn)
        wanted = np.flatnonzero((times >= start) & (times < end))
        return times[wanted], PCMU.values[store.octets[slot][(wanted + turn) % max(size, 1)]]

    def __iter__(self) -> Iterator[HeardFrame]:
        times, pcm = self.between()
        return (HeardFrame(at, row) for at, row in zip(times.tolist(), pcm, strict=True))
