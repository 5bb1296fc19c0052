"""The features of the last minute of one call, each frame in the place that its RTP time gives it.

Frames are numbered from the call's first on. Those that were lost, or spoilt by a loss, are there and marked:
they count for nothing.
"""

from __future__ import annotations

import copy
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


class BandRing:
    """What one call heard, as features."""

    def __init__(self) -> None:
        self.count = 0
        """Frames heard since the beginning."""
        self._bands: Bands = np.zeros((RING, BANDS), np.uint8)
        self._times = np.zeros(RING)
        self._clear = np.zeros(RING, np.bool_)
        self._levels = np.full(RING, FLOOR, np.float32)

    def push(self, bands: Bands, at: float, level: float, *, clear: bool = True) -> None:
        """The next frame, shape (BANDS,), heard at `at`, `level` dBFS loud. `clear`: neither lost nor spoilt."""
        if not self.count:
            self._silence_before(at)
        place = self.count % RING
        self._bands[place] = bands
        self._times[place] = at
        self._clear[place] = clear
        self._levels[place] = level
        self.count += 1

    def lost(self, at: float) -> None:
        """The next frame was lost: it takes its time, and repeats the one before."""
        place = (self.count - 1) % RING
        self.push(self._bands[place] if self.count else SILENT_BANDS, at, float(self._levels[place]), clear=False)

    def _silence_before(self, at: float) -> None:
        self._bands[:PATCH] = SILENT_BANDS
        self._times[:PATCH] = at - np.arange(PATCH, 0, -1) * FRAME_SECONDS
        self._clear[:PATCH] = True
        self.count = PATCH

    def until(self, count: int) -> BandRing:
        """What it was when so many frames had been heard: those after it are not there. Not to be pushed to."""
        if count == self.count:
            return self
        view = copy.copy(self)
        view.count = count
        return view

    @property
    def oldest(self) -> int:
        """The first frame that is remembered."""
        return max(0, self.count - RING)

    def window(self, end: int) -> Bands:
        """The `PATCH` frames up to `end`, shape (PATCH, BANDS)."""
        place = (end + 1) % RING
        if place >= PATCH:
            return self._bands[place - PATCH : place]
        return self._bands[np.arange(place - PATCH, place) % RING]

    def heard(self, low: int, high: int) -> tuple[Bands, Flags]:
        """The features of the frames `low` to `high`, and which of them can be trusted; those not there cannot."""
        return self._stretch(self._bands, low, high), self._stretch(self._clear, low, high) & self._there(low, high)

    def levels(self, low: int, high: int) -> npt.NDArray[np.float32]:
        """How loud frames were, dBFS; those not there are silent."""
        levels: npt.NDArray[np.float32] = self._stretch(self._levels, low, high)
        if low >= self.oldest and high <= self.count:
            return levels
        return np.where(self._there(low, high), levels, np.float32(FLOOR))

    def loud(self, low: int, high: int) -> Flags:
        """Which of the frames are sound."""
        return self.levels(low, high) > SOUND_LEVEL

    def silent_for(self, frames: int) -> bool:
        """Whether there was nothing but digital silence in the last frames."""
        return self.count >= frames and bool((self.levels(self.count - frames, self.count) <= FLOOR).all())

    def _there(self, low: int, high: int) -> Flags | np.bool_:
        if low >= self.oldest and high <= self.count:
            return np.True_
        frames = np.arange(low, high)
        there: Flags = (frames >= self.oldest) & (frames < self.count)
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
        return float(self._times[known % RING]) + (frame - known) * FRAME_SECONDS
