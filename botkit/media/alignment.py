"""One prompt laid over what was heard: how well it fits there, and what of it is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from botkit.media.band_ring import BandRing, Flags, Frames
from botkit.media.pcm import FRAME_SECONDS, SOUND_LEVEL
from botkit.media.reference import PATCH, Reference, Vector, likeness
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

LONG_BLOCK = 24
LONG_FOREIGN = 0.73
"""The same for half a second. One in two hundred true ones lies below 0.78."""

SCRAPS = ((16, 0.88), (28, 0.84))
"""Likeness that a scrap of fewer frames needs: a short one is easily alike."""

STRIDE = 4
"""Frames from one block to the next."""

CLOSING = 15.0
"""dB by which a prompt's closing silence must be softer than its sound."""

CLEAR = 0.85
"""Score from which nobody asks whether frames have slipped."""

MAY_SLIP = 64
"""Frames of a prompt in which some may have slipped; in shorter ones it is another word that fits by shifting."""

SLIP = 3
"""Frames that a block may be off the one before it."""

SLIPS = 2
"""Times that a prompt may have slipped; what needs more is another one."""

FITS = 0.4
"""Likeness from which a block that slipped has been found again."""

PLACED_BY = 48
"""Frames by which a prompt's place is found, from all over it."""

_SHIFTS = np.arange(-6, 7)


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
        own = low + np.flatnonzero(self.reference.counted[low:high]) if low < high else np.zeros(0, np.intp)
        heard, clear = self.ring.heard(own + self.start)
        own = own[clear]
        return own, self._between(own), heard[clear]

    def _between(self, own: Frames) -> Vector:
        """The prompt's features as they fall on the ring's frames, `offset` away from its own."""
        bands, share = self.reference.bands(self.louder), np.float32(abs(self.offset) / FRAME_SECONDS)
        if share < 0.05:
            return bands[own].astype(np.float32)
        beside = np.clip(own + (-1 if self.offset > 0 else 1), 0, self.reference.size - 1)
        return (1 - share) * bands[own] + share * bands[beside]

    def find_level(self, low: int, high: int) -> None:
        """Take the prompt as loud as it is heard between its frames `low` and `high`."""
        own = max(low, 0) + np.flatnonzero(self.reference.strong[max(low, 0) : min(high, self.heard_size)])
        heard = self.ring.levels(own + self.start)
        there = heard > SOUND_LEVEL
        if there.any():
            self.louder = float(np.median(heard[there] - self.reference.levels[own[there]]))

    # --- its place -------------------------------------------------------------------------------

    def place_by_patch(self, end: int) -> float:
        """Move to where the patch that ends with the prompt's frame `end` fits best; its likeness there."""
        first = self.start
        self.find_level(end + 1 - PATCH, end + 1)
        like = []
        for shift in (-3, -2, -1, 0, 1, 2, 3):
            self.start = first + shift
            like.append(self._patch_likeness(end))
        best = max(range(1, 6), key=like.__getitem__)
        self.start = first + best - 3
        self.offset = _top(*like[best - 1 : best + 2]) * FRAME_SECONDS
        return like[best]

    def _patch_likeness(self, end: int) -> float:
        """The likeness of the frames of one patch, but for those that are cut off."""
        own, ours, theirs = self.frames(end + 1 - PATCH, end + 1)
        there = ~(self.reference.strong[own] & ~self.ring.loud(own + self.start) & _is_flat(theirs))
        return likeness(ours[there], theirs[there]) if there.sum() >= BLOCK // 2 else 0.0

    def place_by_all(self, first: int) -> None:
        """Move to where all that was heard of it, from `first` on, fits best: a patch sees one part only."""
        own = first + np.flatnonzero(self.reference.counted[first : max(self.heard_size, first)])
        own = own[:: max(1, own.size // PLACED_BY)]
        if own.size < BLOCK // 2:
            return
        self.find_level(first, self.reference.size)
        heard, clear = self.ring.heard(own[None, :] + (self.start + _SHIFTS)[:, None])
        ours = self.reference.bands(self.louder)[own].astype(np.float32)
        ours -= ours.mean(axis=0)
        theirs = (heard - heard.mean(axis=1, keepdims=True)) * clear[:, :, None]
        power = np.einsum("sij,sij->s", theirs, theirs) * np.einsum("ij,ij->", ours, ours)
        like = np.einsum("ij,sij->s", ours, theirs) / (np.sqrt(power) + 1.0)
        best = int(like.argmax())
        if 0 < best < like.size - 1:
            self.start += int(_SHIFTS[best])
            self.offset = _top(*like[best - 1 : best + 2].tolist()) * FRAME_SECONDS

    # --- its beginning ---------------------------------------------------------------------------

    def beginning(self, low: int, high: int) -> tuple[int, float] | None:
        """The first frame of it that was heard, and when its sound began; None where that is too late in it.

        It is judged by the frames from `low` to `high`, which seem to be the prompt's. Out of silence it
        begins with the first frame that is sound, as every sound does; else with the first that is alike.
        """
        own, ours, theirs = self.frames(0, self.heard_size)
        reference = self.reference
        known = (own >= low) & (own <= high) & ~_is_flat(theirs)
        if own.size < BLOCK // 2 or not known.any():
            return None
        a, b = ours - ours[known].mean(axis=0), theirs - theirs[known].mean(axis=0)
        lengths = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
        alike = np.einsum("ij,ij->i", a, b) / (lengths + 1.0) - PRESENT
        quiet = ~self.ring.loud(own + self.start) & _is_flat(theirs)
        alike[quiet & reference.active[own]] = -PRESENT
        alike[quiet & reference.strong[own]] = -1.0
        index = int(np.cumsum(alike[::-1])[::-1].argmax())
        if index + 1 < own.size and own[index] > reference.first + PAUSE and own[index + 1] - own[index] > PAUSE:
            index += 1  # the scrap of a word before it is no beginning
        first = max(int(own[index]), reference.first)
        strong = np.flatnonzero(reference.strong)
        loud = self._out_of_silence(first)
        if loud is not None:
            came = self.ring.time_of(self.start + loud)
            missing = int((strong * FRAME_SECONDS < came - self.time_of(0) - FRAME_SECONDS / 2).sum())
            begin = (max(loud, reference.first), came)
        else:
            missing = int(((own < first) & reference.strong[own] & (alike < -PRESENT)).sum()) - 1
            begin = (first, self.time_of(first))
        if missing <= 0:  # its softest sounds may be too soft for this line
            return reference.first, self.time_of(reference.first)
        cut = float(reference.active[: begin[0]].sum()) * FRAME_SECONDS
        return begin if cut <= min(MAX_CUT, float(reference.active.sum()) * FRAME_SECONDS * MAX_SHARE_CUT) else None

    def _out_of_silence(self, first: int) -> int | None:
        """The first frame of sound after silence, if there was silence shortly before `first`."""
        about = np.arange(first - LATE_BY - SILENT, first + PAUSE)
        quiet = ~self.ring.loud(about + self.start)
        silent = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(quiet, SILENT).all(axis=1))
        after = int(silent[-1]) + SILENT if silent.size else about.size
        return int(about[after]) if after < about.size else None

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
        score = likeness(ours, theirs)
        if any(own.size < size and score < least for size, least in SCRAPS):
            return 0.0, first
        if score < CLEAR and own.size >= MAY_SLIP:
            theirs = self._slipped(own, ours, theirs)
            score = likeness(ours, theirs)
        end = min(int(own[-1]), self.reference.last)
        begins, blocks = _blocks(ours, theirs, BLOCK)
        foreign = np.flatnonzero(blocks < FOREIGN)
        if foreign.size:
            broke = int(own[begins[foreign[0]] + BLOCK // 2])
            end = self._broke_off(own, broke)
            there = own <= end
            if end < 0 or there.sum() < BLOCK:
                return 0.0, broke
            ours, theirs = ours[there], theirs[there]
            score = likeness(ours, theirs)
            if (_blocks(ours, theirs, BLOCK)[1] < FOREIGN).any():
                return 0.0, first
        elif self._goes_on(first, now):
            return 0.0, first
        if (_blocks(ours, theirs, LONG_BLOCK)[1] < LONG_FOREIGN).any():
            return 0.0, first
        sound = self.reference.active[first:now]
        share = float(sound[: end + 1 - first].sum()) / max(float(sound.sum()), 1.0)
        return score_of(score) * share, end

    def _broke_off(self, own: Frames, about: int) -> int:
        """The last frame that was heard before it fell silent for good, about there; -1 where it did not."""
        loud = self.ring.loud(own + self.start)
        end = int(own[loud][-1]) if loud.any() else -1
        return end if end <= about + BLOCK and end < own[-1] - SILENT else -1

    def _goes_on(self, first: int, now: int) -> bool:
        """Whether sound was heard where the prompt, heard from `first` on, has fallen silent."""
        reference = self.reference
        after = np.arange(reference.last + 2, min(reference.size, reference.last + 6, now))
        if after.size < 2:
            return False
        _, clear = self.ring.heard(after + self.start)
        strong = self.ring.levels(first + np.flatnonzero(reference.strong[first:]) + self.start)
        quiet = self.ring.levels(after + self.start)[clear]
        return bool(quiet.size and float(np.median(quiet)) > float(np.median(strong)) - CLOSING)

    def _slipped(self, own: Frames, ours: Vector, theirs: Vector) -> Vector:
        """What was heard, each block taken from where it fits best, up to `SLIP` frames off the block before.

        As it was, where that needs more than `SLIPS` slips.
        """
        our_mean, their_mean = ours.mean(axis=0), theirs.mean(axis=0)
        taken = theirs.copy()
        shift = slips = 0
        for begin in range(0, own.size, BLOCK):
            part, wanted = own[begin : begin + BLOCK], ours[begin : begin + BLOCK] - our_mean
            best, found, here = FITS, shift, None
            for candidate in range(shift - SLIP, shift + SLIP + 1):
                heard, clear = self.ring.heard(part + self.start + candidate)
                given = (heard - their_mean) * clear[:, None]
                power = float(np.einsum("ij,ij->", wanted, wanted)) * float(np.einsum("ij,ij->", given, given))
                like = float(np.einsum("ij,ij->", wanted, given)) / (power**0.5 + 1.0) - 0.01 * abs(candidate - shift)
                if like > best:
                    best, found, here = like, candidate, heard
            if here is not None:
                slips += found != shift
                shift = found
                taken[begin : begin + BLOCK] = here
        return taken if slips <= SLIPS else theirs


FLAT = 60
"""Steps between the strongest band and the weakest of a frame that is next to silent (`bands.STEP`): 8 dB."""


def _is_flat(heard: Vector) -> Flags:
    """Which frames are next to silent: silence has one shape."""
    flat: Flags = heard.max(axis=1) - heard.min(axis=1) < FLAT
    return flat


def _blocks(ours: Vector, theirs: Vector, size: int) -> tuple[Frames, Vector]:
    """The likeness of each `size` frames around the means of the whole, every few frames: where each begins, and it."""
    a, b = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    sums = np.zeros((3, len(a) + 1), np.float64)
    for row, (one, other) in enumerate(((a, b), (a, a), (b, b))):
        np.cumsum(np.einsum("ij,ij->i", one, other), out=sums[row, 1:])
    begins = np.arange(0, max(len(a) - size + 1, 1), STRIDE)
    ends = np.minimum(begins + size, len(a))
    products, ones, others = sums[:, ends] - sums[:, begins]
    return begins, (products / (np.sqrt(ones * others) + 1.0)).astype(np.float32)


def _top(before: float, here: float, after: float) -> float:
    """Where the top of a parabola lies that passes three points, -0.5 to 0.5 around the middle one."""
    bend = before - 2 * here + after
    return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < -1e-6 else 0.0
