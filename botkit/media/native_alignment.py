"""`Alignment`, with its arithmetic compiled (`native/laid.c`, `native/judged.c`): several for the time of one."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.media import native
from botkit.media.alignment import BLOCK, Alignment
from botkit.media.band_ring import Heard
from botkit.media.reference import Sheet
from botkit.media.score import score_of


@dataclass(slots=True)
class NativeAlignment(Alignment):
    """The same, and quicker."""

    def _laid(self) -> tuple[*Heard, Sheet, int, float, float]:
        return *self.ring.whole(), self.reference.sheet, self.start, self.offset, self.louder

    def place_by_patch(self, end: int) -> float:
        like, self.start, self.offset, self.louder = native.module.place_by_patch(*self._laid(), end)
        return like

    def place_by_all(self, first: int) -> None:
        _, self.start, self.offset, self.louder = native.module.place_by_all(*self._laid(), first)

    def likeness(self, first: int) -> float:
        return native.module.likeness(*self._laid(), first)[1]

    def is_like(self, first: int, least: float) -> bool:
        size, like = native.module.likeness(*self._laid(), first)
        return size < BLOCK or like >= least

    def beginning(self, low: int, high: int) -> tuple[int, float] | None:
        return native.module.beginning(*self._laid(), low, high)

    def score(self, first: int) -> tuple[float, int]:
        like, share, end = native.module.score(*self._laid(), first)
        return (score_of(like) * share if share else 0.0), end


lay: type[Alignment] = NativeAlignment if native.AVAILABLE else Alignment
"""Lay a prompt over what was heard."""
