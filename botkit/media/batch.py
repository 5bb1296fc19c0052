"""What calls have handed in and is still to be analysed, and the part of it that is analysed at once."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.codec import G711, PCMU, Codec
from botkit.media.history import FRAME, Octets, Rows
from botkit.media.pcm import Pcm

Payload = bytes | Pcm
"""20 ms of one call: G.711 as it came, or samples of another codec, shape (160,)."""

Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frames:
    """What was handed in: each call's in a row, in the order of the calls' slots."""

    slots: Rows
    payloads: list[Payload]
    times: Times
    """When each was heard."""
    sent: Flags
    """Nothing was sent in the others: their payload is silence."""
    lost: Flags

    def part(self, rows: Rows | list[int]) -> Frames:
        """Some of it, in order."""
        payloads = [self.payloads[row] for row in (rows if isinstance(rows, list) else rows.tolist())]
        return Frames(self.slots[rows], payloads, self.times[rows], self.sent[rows], self.lost[rows])

    def __len__(self) -> int:
        return len(self.payloads)


class Line:
    """What some calls have handed in, in the order in which it came.

    As bare numbers, where they may be: an object for each frame would have to be fetched once more.
    """

    __slots__ = ("lost", "payloads", "slots", "times", "unsent")

    def __init__(self) -> None:
        self.slots = array("q")
        self.payloads: list[Payload] = []
        self.times = array("d")
        self.unsent: list[int] = []
        """The places of those in which nothing was sent."""
        self.lost: list[int] = []
        """The places of those that were lost."""

    def take(self, slot: int | None = None) -> Frames:
        """All of it, or what is of one call; it is no longer in the line."""
        if slot is None:
            frames = _in_order(self)
            self.__init__()  # type: ignore[misc]
            return frames
        whole = _whole(self)
        self.__init__()  # type: ignore[misc]
        others = whole.part(np.flatnonzero(whole.slots != slot))
        self.slots, self.payloads, self.times = array("q", others.slots), others.payloads, array("d", others.times)
        self.unsent, self.lost = np.flatnonzero(~others.sent).tolist(), np.flatnonzero(others.lost).tolist()
        return whole.part(np.flatnonzero(whole.slots == slot))


def _whole(line: Line) -> Frames:
    """All of a line, as it came. Its arrays are no longer to be written to."""
    slots, times = np.frombuffer(line.slots, np.int64).astype(np.intp, copy=False), np.frombuffer(line.times)
    sent, lost = np.ones(len(slots), np.bool_), np.zeros(len(slots), np.bool_)
    sent[line.unsent], lost[line.lost] = False, True
    return Frames(slots, line.payloads, times, sent, lost)


def _in_order_in_python(line: Line) -> Frames:
    """All of a line, in the order of the slots."""
    whole = _whole(line)
    return whole.part(np.argsort(whole.slots, kind="stable"))


def _in_order_in_c(line: Line) -> Frames:
    count = len(line.payloads)
    slots, times = np.empty(count, np.intp), np.empty(count)
    sent, lost = np.empty(count, np.bool_), np.empty(count, np.bool_)
    came = (line.slots, line.times, line.payloads, line.unsent, line.lost)
    return Frames(slots, native.module.sorted(*came, slots, times, sent, lost), times, sent, lost)


_in_order = _in_order_in_c if native.AVAILABLE else _in_order_in_python


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames that are analysed together, n of them, decoded."""

    slots: Rows
    times: Times
    turns: Rows
    """Which of its call's frames each is: 0 the first."""
    later: Rows
    """Those that are not the first: what was before them is in the row before."""
    sent: Flags
    """Nothing was sent in the others, as while a digit goes out as an event: they are silent."""
    frames: Pcm
    """Shape (n, 160)."""
    octets: Octets
    """The same as mu-law."""


def batch_of(frames: Frames, codecs: Sequence[Codec | None]) -> Batch:
    """Decode frames, of which none is lost. `codecs` are by slot."""
    turns = _turns(frames.slots)
    pcm, octets = _samples(frames, codecs)
    return Batch(frames.slots, frames.times, turns, np.flatnonzero(turns), frames.sent, pcm, octets)


def _turns_in_python(slots: Rows) -> Rows:
    """Which of its call's frames each is."""
    later = np.flatnonzero(slots[1:] == slots[:-1]) + 1
    turns = np.zeros(len(slots), np.intp)
    turns[later] = 1
    for row in later[turns[later - 1] > 0].tolist():  # a third frame of a call, and more
        turns[row] = turns[row - 1] + 1
    return turns


def _turns_in_c(slots: Rows) -> Rows:
    turns = np.empty(len(slots), np.intp)
    native.module.turns(slots, turns)
    return turns


def _samples_in_python(frames: Frames, codecs: Sequence[Codec | None]) -> tuple[Pcm, Octets]:
    """Payloads as samples, shape (n, 160), and as mu-law."""
    payloads = frames.payloads
    of = [codecs[slot] for slot in frames.slots.tolist()]
    if of.count(PCMU) == len(of):
        octets = np.frombuffer(b"".join(payloads), np.uint8).reshape(-1, FRAME)  # type: ignore[arg-type]  # octets
        return PCMU.values[octets], octets
    pcm = _decoded(payloads, of)
    return pcm, np.frombuffer(PCMU.encode(pcm), np.uint8).reshape(-1, FRAME)


def _samples_in_c(frames: Frames, codecs: Sequence[Codec | None]) -> tuple[Pcm, Octets]:
    pcm, octets = np.empty((len(frames), FRAME), np.int16), np.empty((len(frames), FRAME), np.uint8)
    if native.module.decoded(frames.payloads, frames.slots, codecs, PCMU, PCMU.values, octets, pcm):
        return pcm, octets
    return _samples_in_python(frames, codecs)


_turns, _samples = (_turns_in_c, _samples_in_c) if native.AVAILABLE else (_turns_in_python, _samples_in_python)


def _decoded(payloads: Sequence[Payload], codecs: Sequence[Codec | None]) -> Pcm:
    """Payloads of different codecs as samples, shape (n, 160)."""
    pcm = np.zeros((len(payloads), FRAME), np.int16)
    rows: dict[G711, list[int]] = {}
    for row, (payload, codec) in enumerate(zip(payloads, codecs, strict=True)):
        if isinstance(codec, G711):
            rows.setdefault(codec, []).append(row)
        else:
            pcm[row] = payload
    for law, of_it in rows.items():
        pcm[of_it] = law.decode_batch([payloads[row] for row in of_it])  # type: ignore[misc]  # octets
    return pcm
