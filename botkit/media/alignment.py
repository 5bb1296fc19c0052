"""One prompt laid over what was heard: how well it fits there, and what of it is there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botkit.media.band_ring import BandRing, Flags, Frames
from botkit.media.bands import BANDS, Bands
from botkit.media.pcm import FRAME_SECONDS, SOUND_LEVEL
from botkit.media.reference import PATCH, Reference, Vector, centred, likeness
from botkit.media.score import score_of

MAX_CUT = 1.3
"""Seconds that a prompt may lack at its beginning…"""

MAX_SHARE_CUT = 0.67
"""…and the share of it that it may."""

PRESENT = 0.2
"""Likeness from which a single frame seems to be the prompt's, in looking for its beginning."""

SILENT = 5
"""Frames of silence out of which a prompt may come."""

LATE_BY = 15
"""Frames by which likeness may find a beginning late."""

PAUSE = 4
"""Frames without sound between two words, at least."""

BLOCK = 16
"""Frames of sound, a third of a second, that must not all be something else."""

FOREIGN = 0.66
"""Likeness below which a block is something else. One in two hundred true ones lies below 0.72."""

STILL = 3
"""Steps (`bands.STEP`) that features move by in a block in which nothing happens, as in a long tone: 0.4 dB. What is
left there is chance."""

LONG_BLOCK = 24
LONG_FOREIGN = 0.73
"""The same for half a second. One in two hundred true ones lies below 0.78."""

SCRAPS = ((16, 0.88), (28, 0.84))
"""Likeness that a scrap of fewer frames needs: a short one is easily alike."""

STRIDE = 4
"""Frames from one block to the next."""

CLOSING = 15.0
"""dB by which a prompt's closing silence must be softer than its sound."""

VARIES = 20.0
"""Steps (`bands.STEP`) that features move by in speech and music, at the least: 2.7 dB. In a tone they stay."""

BESIDE = 10.0
"""dB below a word's sound down to which what is heard beside it is of the same speech."""

CLEAR = 0.85
"""Score from which nobody asks whether frames have slipped."""

MAY_SLIP = 64
"""Frames of a prompt in which some may have slipped; in shorter ones it is another word that fits by shifting."""

SLIP = 3
"""Frames that a block may be off the one before it."""

SLIPS = 2
"""Times that a prompt may have slipped; what needs more is another one."""

UNWILLING = 0.05
"""Likeness that a slip must gain: a block that is nearly silent fits anywhere."""

FITS = 0.4
"""Likeness from which a block that slipped has been found again."""

PLACED_BY = 48
"""Frames by which a prompt's place is found, from all over it."""

BEGINS_BY = 160
"""Frames in which a prompt has begun to be heard: what it may lack, and two seconds more."""

_SHIFTED = np.arange(2 * SLIP + 1)[:, None]
_UNWILLING = np.where(np.arange(2 * SLIP + 1) == SLIP, 0, UNWILLING).astype(np.float32)
_NEAR, _FAR = np.arange(-3, 4), np.arange(-6, 7)


@dataclass(slots=True)
class Alignment:
    """Where a prompt lies: its frame 0 on the ring's frame `start`, and `offset` seconds, part of a frame, later."""

    ring: BandRing
    reference: Reference
    start: int
    offset: float = 0.0
    louder: float = 0.0
    """dB by which it is louder than its file."""

    @property
    def heard_size(self) -> int:
        """How many of the prompt's frames have gone by."""
        return min(self.ring.count - self.start, self.reference.size)

    def time_of(self, frame: int) -> float:
        """When the prompt's frame began."""
        return self.ring.time_of(self.start + frame) + self.offset

    def frames(self, low: int, high: int) -> tuple[Frames, Vector, Vector]:
        """Of the prompt's frames `low` to `high` those that are compared and were heard clearly, with both features."""
        low, high = max(low, 0), min(high, self.heard_size)
        if low >= high:
            return np.zeros(0, np.intp), np.zeros((0, BANDS), np.float32), np.zeros((0, BANDS), np.float32)
        heard, clear = self.ring.heard(self.start + low, self.start + high)
        index = (self.reference.counted[low:high] & clear).nonzero()[0]
        own = index + low
        if index.size < high - low:
            heard = heard[index]
        return own, self._between(own), heard.astype(np.float32)

    def likeness(self, first: int) -> float:
        """How alike all is that was heard of it from its frame `first` on."""
        _, ours, theirs = self.frames(first, self.heard_size)
        return likeness(ours, theirs)

    def is_like(self, first: int, least: float) -> bool:
        """Whether what was heard of it from its frame `first` on is that much like it; so few can only be judged at
        its end."""
        own, ours, theirs = self.frames(first, self.heard_size)
        return own.size < BLOCK or likeness(ours, theirs) >= least

    def _between(self, own: Frames) -> Vector:
        """The prompt's features as they fall on the ring's frames, `offset` away from its own."""
        bands, share = self.reference.bands(self.louder), np.float32(abs(self.offset) / FRAME_SECONDS)
        if share < 0.05:
            return bands[own]
        beside = own + (-1 if self.offset > 0 else 1)
        return (1 - share) * bands[own] + share * bands.take(beside, axis=0, mode="clip")

    def find_level(self, low: int, high: int) -> None:
        """Take the prompt as loud as it is heard between its frames `low` and `high`."""
        low, high = max(low, 0), min(high, self.heard_size)
        if low < high:
            self._as_loud_as(self.ring.levels(self.start + low, self.start + high), low, high)

    def _as_loud_as(self, heard: npt.NDArray[np.float32], low: int, high: int) -> Flags:
        """Take the prompt as loud as its frames `low` to `high` were `heard`; which of these should be sound and are
        none."""
        loud, strong = heard > SOUND_LEVEL, self.reference.strong[low:high]
        louder = (heard - self.reference.levels[low:high])[loud & strong]
        if louder.size:
            self.louder = _median(louder)
        return strong & ~loud

    # --- its place -------------------------------------------------------------------------------

    def place_by_patch(self, end: int) -> float:
        """Move to where the patch that ends with the prompt's frame `end` fits best; its likeness there."""
        low, high = max(end + 1 - PATCH, 0), min(end + 1, self.heard_size)
        if low >= high:
            return 0.0
        cut_off = self._as_loud_as(self.ring.levels(self.start + low, self.start + high), low, high)
        heard, clear = self.ring.heard(self.start + low, self.start + high)
        counted = self.reference.counted[low:high] & clear
        if cut_off.any():  # silence where there should be sound, and a flat one
            counted &= ~(cut_off & _is_flat(heard))
        index = counted.nonzero()[0]
        if index.size < BLOCK // 2:
            return 0.0
        like = self._by_shift(index + low, _NEAR)
        best = 1 + int(np.argmax(like[1:-1]))
        self.start += int(_NEAR[best])
        self.offset = _top(*like[best - 1 : best + 2].tolist()) * FRAME_SECONDS
        return float(like[best])

    def place_by_all(self, first: int) -> None:
        """Move to where all that was heard of it, from `first` on, fits best: a patch sees one part only."""
        own = first + np.flatnonzero(self.reference.counted[first : max(self.heard_size, first)])
        own = own[:: max(1, own.size // PLACED_BY)]
        if own.size < BLOCK // 2:
            return
        self.find_level(first, self.reference.size)
        like = self._by_shift(own, _FAR)
        best = int(like.argmax())
        if 0 < best < like.size - 1:
            self.start += int(_FAR[best])
            self.offset = _top(*like[best - 1 : best + 2].tolist()) * FRAME_SECONDS

    def _by_shift(self, own: Frames, shifts: Frames) -> Vector:
        """How alike the prompt's frames `own` are to what was heard, if it lay some frames later."""
        low, most = int(own[0]), int(shifts[-1])
        heard, clear = self.ring.heard(self.start + low - most, self.start + int(own[-1]) + most + 1)
        ours = centred(self.reference.bands(self.louder)[own]).ravel()
        if own.size == int(own[-1]) + 1 - low and clear.all():
            return _slid(ours, heard.astype(np.float32))
        rows = own[None, :] - low + (shifts + most)[:, None]
        there = heard[rows].astype(np.float32)
        there -= np.add.reduce(there, axis=1, keepdims=True) * np.float32(1 / own.size)
        there *= clear[rows][:, :, None]
        flat = there.reshape(len(shifts), -1)
        power = np.vecdot(flat, flat) * np.dot(ours, ours)
        like: Vector = (flat @ ours) / (np.sqrt(power) + 1.0)
        return like

    # --- its beginning ---------------------------------------------------------------------------

    def beginning(self, low: int, high: int) -> tuple[int, float] | None:
        """The first frame of it that was heard, and when its sound began; None where that is too late in it.

        It is judged by the frames from `low` to `high`, which seem to be the prompt's. Out of silence it
        begins with the first frame that is sound, as every sound does; else with the first that is alike.
        """
        reference = self.reference
        if self._begins_as_written():
            return reference.first, self.time_of(reference.first)
        own, ours, theirs = self.frames(0, min(self.heard_size, BEGINS_BY))
        flat = _is_flat(theirs)
        known = np.flatnonzero((own >= low) & (own <= high) & ~flat)
        if own.size < BLOCK // 2 or not known.size:
            return None
        share = np.float32(1 / known.size)
        a = ours - np.add.reduce(ours[known], axis=0) * share
        b = theirs - np.add.reduce(theirs[known], axis=0) * share
        lengths = np.sqrt(np.vecdot(a, a) * np.vecdot(b, b))
        alike = np.vecdot(a, b) / (lengths + 1.0) - PRESENT
        quiet = flat & ~self.ring.loud(self.start, self.start + int(own[-1]) + 1)[own]
        strong = reference.strong[own]
        if quiet.any():
            alike[quiet & reference.active[own]] = -PRESENT
            alike[quiet & strong] = -1.0
        index = int(np.cumsum(alike[::-1])[::-1].argmax())
        if index + 1 < own.size and own[index] > reference.first + PAUSE and own[index + 1] - own[index] > PAUSE:
            index += 1  # the scrap of a word before it is no beginning
        first = max(int(own[index]), reference.first)
        loud = self._out_of_silence(first)
        if loud is not None:
            came = self.ring.time_of(self.start + loud)
            missing = reference.strong_before(came - self.time_of(0) - FRAME_SECONDS / 2)
            begin = (max(loud, reference.first), came)
        else:
            missing = int(((own < first) & strong & (alike < -PRESENT)).sum()) - 1
            begin = (first, self.time_of(first))
        if missing <= 0:  # its softest sounds may be too soft for this line
            return reference.first, self.time_of(reference.first)
        if begin[0] > reference.last:  # what came out of silence there is something else
            return None
        cut, whole = reference.active_before[begin[0]], reference.active_before[-1]
        return begin if cut * FRAME_SECONDS <= min(MAX_CUT, whole * FRAME_SECONDS * MAX_SHARE_CUT) else None

    def _begins_as_written(self) -> bool:
        """Whether sound came out of silence just where the prompt's first sound should: nearly all begin so."""
        first = self.start + self.reference.first
        loud = self.ring.loud(first - SILENT - 2, first + 4).tolist()
        return not any(loud[:SILENT]) and all(loud[-3:])

    def _out_of_silence(self, first: int) -> int | None:
        """The first frame of sound after silence, if there was silence shortly before `first`."""
        begin = first - LATE_BY - SILENT
        quiet = 0
        after = None
        for frame, loud in enumerate(self.ring.loud(self.start + begin, self.start + first + PAUSE).tolist(), begin):
            if not loud:
                quiet += 1
            else:
                if quiet >= SILENT:
                    after = frame
                quiet = 0
        return None if quiet >= SILENT else after

    def follows_another(self, first: int) -> bool:
        """Whether something else was heard where it should have begun, before its frame `first`.

        Another prompt that ends as this one does: it is no prompt that lacks its beginning. That comes out of
        silence, or out of the ringing that it was answered in. And a word that is so short may be any syllable
        where it does not come out of silence, though its file does.
        """
        reference = self.reference
        if reference.active_before[-1] < PATCH and (first > reference.first or first >= SILENT):
            return self._comes_out_of_sound(first)
        own, ours, theirs = self.frames(reference.first, first - SLIP)
        strong = reference.strong[own]
        if int(strong.sum()) < BLOCK // 2:
            return False
        levels = self.ring.levels(self.start, self.start + self.heard_size)
        after = levels[first:][reference.strong[first : self.heard_size]]
        if not after.size:
            return False
        loud = strong & (levels[own] > _median(after) - CLOSING)
        if 3 * int(loud.sum()) < max(int(strong.sum()), BLOCK):
            return False
        varies = math.sqrt(float(theirs[loud].var(axis=0).mean())) > VARIES
        return varies and likeness(ours[loud], theirs[loud]) < FOREIGN

    def _comes_out_of_sound(self, first: int) -> bool:
        """Whether what was heard right before its frame `first` is nearly as loud as it is."""
        before = self.ring.levels(self.start + first - SILENT, self.start + first)
        after = self.ring.levels(self.start + first, self.start + self.heard_size)
        after = after[self.reference.strong[first : self.heard_size]]
        return bool(after.size) and int((before > _median(after) - BESIDE).sum()) >= SILENT - 1

    # --- how well --------------------------------------------------------------------------------

    def score(self, first: int) -> tuple[float, int]:
        """How well it was heard from `first` until now, 0 to 1, and its last frame that was.

        0 where a third of a second of it was something else (the frame is where that began), or where sound
        goes on into its closing silence: another prompt after all. What has not been heard because it broke
        off into silence lowers the score by its share.
        """
        now = self.heard_size
        own, ours, theirs = self.frames(first, now)
        if own.size < BLOCK // 2:
            return 0.0, first
        blocks = _Blocks(ours, theirs)
        if any(own.size < size and blocks.likeness < least for size, least in SCRAPS):
            return 0.0, first
        foreign = np.flatnonzero(blocks.of(BLOCK) < FOREIGN)
        if (foreign.size or blocks.likeness < CLEAR) and own.size >= MAY_SLIP:
            theirs = self._slipped(own, ours, theirs, int(foreign[0]) * STRIDE if foreign.size else 0)
            blocks = _Blocks(ours, theirs)
            foreign = np.flatnonzero(blocks.of(BLOCK) < FOREIGN)
        end = min(int(own[-1]), self.reference.last)
        if foreign.size:
            broke = int(own[int(foreign[0]) * STRIDE + BLOCK // 2])
            end = self._broke_off(own, broke)
            there = int(np.searchsorted(own, end, "right"))
            if end < 0 or there < BLOCK:
                return 0.0, broke
            blocks = _Blocks(ours[:there], theirs[:there])
            if (blocks.of(BLOCK) < FOREIGN).any():
                return 0.0, first
        elif self._goes_on(first, now):
            return 0.0, first
        if (blocks.of(LONG_BLOCK) < LONG_FOREIGN).any():
            return 0.0, first
        active = self.reference.active_before
        share = (active[end + 1] - active[first]) / max(active[now] - active[first], 1)
        return score_of(blocks.likeness) * share, end

    def _broke_off(self, own: Frames, about: int) -> int:
        """The last frame that was heard before it fell silent for good, about there; -1 where it did not."""
        loud = own[self.ring.loud(self.start, self.start + int(own[-1]) + 1)[own]]
        end = int(loud[-1]) if loud.size else -1
        return end if end <= about + BLOCK and end < own[-1] - SILENT else -1

    def _goes_on(self, first: int, now: int) -> bool:
        """Whether sound was heard where the prompt, heard from `first` on, has fallen silent."""
        reference = self.reference
        begin, end = reference.last + 2, min(reference.size, reference.last + 6, now)
        if end - begin < 2:
            return False
        heard = self.ring.levels(self.start + first, self.start + end)
        quiet = heard[begin - first :][self.ring.heard(self.start + begin, self.start + end)[1]]
        strong = heard[: reference.size - first][reference.strong[first:end]]
        return bool(quiet.size and strong.size and _median(quiet) > _median(strong) - CLOSING)

    def _slipped(self, own: Frames, ours: Vector, theirs: Vector, wrong: int) -> Vector:
        """What was heard; from the frame number `wrong` of these on each block is taken from where it fits best, up
        to `SLIP` frames off the block before.

        As it was, where that needs more than `SLIPS` slips, or two blocks are not there at all.
        """
        our_mean, their_mean = ours.mean(axis=0), theirs.mean(axis=0)
        taken = theirs.copy()
        shift = slips = missed = 0
        for begin in range(wrong // BLOCK * BLOCK, own.size, BLOCK):
            part, wanted = own[begin : begin + BLOCK], (ours[begin : begin + BLOCK] - our_mean).ravel()
            first = self.start + int(part[0]) + shift - SLIP
            around, clear = self.ring.heard(first, self.start + int(part[-1]) + shift + SLIP + 1)
            rows = part - part[0] + _SHIFTED
            heard = around[rows].astype(np.float32)
            given = ((heard - their_mean) * clear[rows][:, :, None]).reshape(len(rows), -1)
            power = np.dot(wanted, wanted) * np.vecdot(given, given)
            like = (given @ wanted) / (np.sqrt(power) + 1.0) - _UNWILLING
            best = int(like.argmax())
            missed += bool(like[best] < FOREIGN)
            if like[best] > FITS:
                slips += best != SLIP
                shift += best - SLIP
                taken[begin : begin + BLOCK] = heard[best]
            if missed > 1 or slips > SLIPS:
                return theirs
        return taken


def _slid(ours: Vector, heard: Vector) -> Vector:
    """How alike frames, shape (m * BANDS,) and without each band's mean, are to each m in a row of those that were
    heard, shape (n, BANDS)."""
    size = ours.size // BANDS
    windows = np.ndarray((len(heard) + 1 - size, size, BANDS), np.float32, heard, 0, (heard.strides[0], *heard.strides))
    flat = windows.reshape(len(windows), -1)
    sums = np.add.reduce(windows, axis=1)
    power = np.vecdot(flat, flat) - np.vecdot(sums, sums) * np.float32(1 / size)
    like: Vector = (flat @ ours) / (np.sqrt(np.maximum(power, 0) * np.dot(ours, ours)) + 1.0)
    return like


FLAT = 60
"""Steps between the strongest band and the weakest of a frame that is next to silent (`bands.STEP`): 8 dB."""


def _is_flat(heard: Bands | Vector) -> Flags:
    """Which frames are next to silent: silence has one shape."""
    flat: Flags = heard.max(axis=1) - heard.min(axis=1) < FLAT
    return flat


class _Blocks:
    """The likeness of two stretches of features, and that of each part of them around the means of the whole."""

    def __init__(self, ours: Vector, theirs: Vector) -> None:
        a, b = centred(ours), centred(theirs)
        self._sums = sums = np.zeros((3, len(a) + 1), np.float64)
        for row, (one, other) in enumerate(((a, b), (a, a), (b, b))):
            sums[row, 1:] = np.vecdot(one, other)
        sums.cumsum(axis=1, out=sums)
        product, one_power, other_power = sums[:, -1].tolist()
        self.likeness = product / (math.sqrt(one_power * other_power) + 1.0)

    def of(self, size: int) -> Vector:
        """That of each `size` frames, every `STRIDE` frames."""
        sums, count = self._sums, self._sums.shape[1] - 1
        if count <= size:
            return np.full(1, self.likeness, np.float32)
        parts = sums[:, size::STRIDE] - sums[:, : count - size + 1 : STRIDE]
        still = size * BANDS * STILL**2
        like: Vector = (parts[0] + still) / (np.sqrt(parts[1] * parts[2]) + still)
        return like


def _median(values: npt.NDArray[np.float32]) -> float:
    """The middle one; numpy's own takes ten times as long over so few."""
    return float(np.sort(values)[values.size // 2])


def _top(before: float, here: float, after: float) -> float:
    """Where the top of a parabola lies that passes three points, -0.5 to 0.5 around the middle one."""
    bend = before - 2 * here + after
    return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < -1e-6 else 0.0
