"""The features of the last minute of one call, each frame in the place that its RTP time gives it.

Frames are numbered from the call's first on. Those that were lost, or spoilt by a loss, are there and marked:
they count for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from botkit.media.bands import BANDS, SILENT_BANDS, Bands
from botkit.media.pcm import FLOOR, FRAME_SECONDS, SOUND_LEVEL
from botkit.media.reference import PATCH

RING = 4096
"""Frames remembered: 82 s. 29 bytes each, taken as they are needed."""

Frames = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Heard = tuple[Bands, Flags, npt.NDArray[np.float32], npt.NDArray[np.float64], int, int]
"""What a compiled twin takes for what a call heard: a store's bands, clear, levels and times, the slot, the count."""


NEVER = 1 << 60
"""A frame that nobody lives to hear."""


class BandStore:
    """The rings of many calls, by their slots, as arrays: one frame of each is taken in at once."""

    def __init__(self, slots: int = 1) -> None:
        self.bands: Bands = np.zeros((slots, RING, BANDS), np.uint8)
        self.times = np.zeros((slots, RING))
        self.clear = np.zeros((slots, RING), np.bool_)
        self.levels = np.zeros((slots, RING), np.float32)
        self.counts = np.zeros(slots, np.int64)
        """Frames heard since the beginning."""
        self.next_due = np.full(slots, NEVER)
        """The frame from which there is something to judge."""

    def begin(self, slot: int) -> None:
        """A call begins in `slot`: nothing was heard yet."""
        if slot >= len(self.counts):
            self._grow(max(16, 2 * (slot + 1)))
        self.counts[slot], self.next_due[slot] = 0, NEVER

    def _grow(self, slots: int) -> None:
        old, grown = len(self.counts), BandStore(slots)
        used = min(RING, int(self.counts.max(initial=0)))  # what was never touched takes no memory, and shall not
        for name in ("bands", "times", "clear", "levels"):
            getattr(grown, name)[:old, :used] = getattr(self, name)[:, :used]
            setattr(self, name, getattr(grown, name))
        grown.counts[:old], grown.next_due[:old] = self.counts, self.next_due
        self.counts, self.next_due = grown.counts, grown.next_due

    def push(
        self,
        slots: Frames,
        bands: Bands,
        times: npt.NDArray[np.float64],
        levels: npt.NDArray[np.float32],
        clear: Flags,
        turns: Frames,
    ) -> Frames:
        """The next frames of some slots: shapes (n,), (n, BANDS), (n,) … as in `BandRing.push`. Their counts.

        Frames of one slot lie in a row; `turns` tells which of them each is, from 0 on.
        """
        counts = self.counts[slots]
        if not counts.all():
            for index in np.flatnonzero((counts == 0) & (turns == 0)).tolist():
                self.silence_before(int(slots[index]), float(times[index]))
            counts = self.counts[slots]
        counts += turns
        places = counts % RING
        self.bands[slots, places] = bands
        self.times[slots, places] = times
        self.clear[slots, places] = clear
        self.levels[slots, places] = levels
        counts += 1
        self.counts[slots] = counts
        return counts

    def silence_before(self, slot: int, at: float) -> None:
        """Before the first frame, heard at `at`, there was silence."""
        self.bands[slot, :PATCH] = SILENT_BANDS
        self.times[slot, :PATCH] = at - np.arange(PATCH, 0, -1) * FRAME_SECONDS
        self.clear[slot, :PATCH] = True
        self.levels[slot, :PATCH] = FLOOR
        self.counts[slot] = PATCH


class BandRing:
    """What one call heard, as features: its ring in a store, or one of its own."""

    __slots__ = ("_slot", "_store", "_until")

    def __init__(self, store: BandStore | None = None, slot: int = 0) -> None:
        self._store = store or BandStore()
        self._slot = slot
        self._until: int | None = None
        self._store.begin(slot)

    @property
    def count(self) -> int:
        """Frames heard since the beginning."""
        return int(self._store.counts[self._slot]) if self._until is None else self._until

    @property
    def next_due(self) -> int:
        """The frame from which there is something to judge."""
        return int(self._store.next_due[self._slot])

    @next_due.setter
    def next_due(self, frame: int) -> None:
        self._store.next_due[self._slot] = frame

    def push(self, bands: Bands, at: float, level: float, *, clear: bool = True) -> None:
        """The next frame, shape (BANDS,), heard at `at`, `level` dBFS loud. `clear`: neither lost nor spoilt."""
        store, slot = self._store, self._slot
        if not store.counts[slot]:
            store.silence_before(slot, at)
        place = int(store.counts[slot]) % RING
        store.bands[slot, place] = bands
        store.times[slot, place] = at
        store.clear[slot, place] = clear
        store.levels[slot, place] = level
        store.counts[slot] += 1

    def lost(self, at: float) -> None:
        """The next frame was lost: it takes its time, and repeats the one before."""
        count = self.count
        if not count:
            self.push(SILENT_BANDS, at, FLOOR, clear=False)
        else:
            place = (count - 1) % RING
            self.push(
                self._store.bands[self._slot, place], at, float(self._store.levels[self._slot, place]), clear=False
            )

    def until(self, count: int) -> BandRing:
        """What it was when so many frames had been heard: those after it are not there. Not to be pushed to."""
        if count == self.count:
            return self
        view = object.__new__(BandRing)
        view._store, view._slot, view._until = self._store, self._slot, count
        return view

    def whole(self) -> Heard:
        """All of it, as it lies there."""
        store = self._store
        return store.bands, store.clear, store.levels, store.times, self._slot, self.count

    @property
    def oldest(self) -> int:
        """The first frame that is remembered."""
        return max(0, self.count - RING)

    def window(self, end: int) -> Bands:
        """The `PATCH` frames up to `end`, shape (PATCH, BANDS)."""
        window: Bands = self._stretch(self._store.bands[self._slot], end + 1 - PATCH, end + 1)
        return window

    def heard(self, low: int, high: int) -> tuple[Bands, Flags]:
        """The features of the frames `low` to `high`, and which of them can be trusted; those not there cannot."""
        store, slot = self._store, self._slot
        clear: Flags = self._stretch(store.clear[slot], low, high)
        if (there := self._there(low, high)) is not None:
            clear = clear & there
        return self._stretch(store.bands[slot], low, high), clear

    def levels(self, low: int, high: int) -> npt.NDArray[np.float32]:
        """How loud frames were, dBFS; those not there are silent."""
        levels: npt.NDArray[np.float32] = self._stretch(self._store.levels[self._slot], low, high)
        there = self._there(low, high)
        return levels if there is None else np.where(there, levels, np.float32(FLOOR))

    def loud(self, low: int, high: int) -> Flags:
        """Which of the frames are sound."""
        return self.levels(low, high) > SOUND_LEVEL

    def _there(self, low: int, high: int) -> Flags | None:
        """Which of some frames are remembered; None for all."""
        count = self.count
        oldest = max(0, count - RING)
        if low >= oldest and high <= count:
            return None
        frames = np.arange(low, high)
        there: Flags = (frames >= oldest) & (frames < count)
        return there

    @staticmethod
    def _stretch(array: npt.NDArray[Any], low: int, high: int) -> npt.NDArray[Any]:
        """A run of places in a ring: as it lies there, where it does not cross the seam."""
        first, last = low % RING, high % RING
        if first <= last and high - low < RING:
            return array[first:last]
        return array[np.arange(low, high) % RING]

    def time_of(self, frame: float) -> float:
        """When a frame began; of those not there, by their distance."""
        known = min(max(int(frame), self.oldest), self.count - 1)
        return float(self._store.times[self._slot][known % RING]) + (frame - known) * FRAME_SECONDS
