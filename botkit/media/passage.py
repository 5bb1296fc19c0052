"""A file heard anywhere in it: looped music that was playing before we came, from whatever place on.

The file is a circle. Every few frames the last 0.64 s are compared with all of it; where they are alike, and
frame by frame as well, the file is heard, and from then on only that place is looked at. It is heard as long as
two looks in a row are not unlike it. Music that jumps to another place of the same file goes on being heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from botkit.errors import ConfigError
from botkit.media.alignment import PRESENT
from botkit.media.band_ring import BandRing
from botkit.media.match import FOLLOWED, LIKELY
from botkit.media.reference import PATCH, Patches, Reference, Vector, likeness, patches_of
from botkit.media.score import score_of

EVERY = 2
"""Frames from one patch of the file to the next."""

STAYS = 0.5
"""Likeness of 0.64 s below which the file seems to be over…"""

MISSES = 2
"""…when it is so in so many looks in a row."""

DRIFT = 2
"""Frames by which the place may have moved since the last look."""

BACK = 96
"""Frames that are looked at for where it began."""

KEPT = 50


@dataclass(slots=True)
class PassageHeard:
    """A stretch in which the file was heard, from `start` on; `end` None: it still is. `score` is 0 to 1.

    `sure_until`: it has certainly lasted so far. Times are monotonic seconds.
    """

    start: float
    end: float | None = None
    sure_until: float = 0.0
    score: float = 0.0


class Loop:
    """A prompt as a circle."""

    def __init__(self, reference: Reference) -> None:
        """Raises ConfigError for one that is shorter than a patch."""
        if reference.size < PATCH:
            raise ConfigError(
                f"{reference.path} lasts {reference.size * 0.02:.2f} s: too short to be heard anywhere in it",
                hint="listen for the whole of it, without `anywhere`",
            )
        self.reference = reference
        bands = reference.bands(0.0)
        self.size = reference.size
        around = np.concatenate((bands[-PATCH + 1 :], bands))
        windows = np.lib.stride_tricks.sliding_window_view(around, PATCH, axis=0).transpose(0, 2, 1)
        self.ends = np.arange(0, self.size, EVERY)
        self.patches: Patches = patches_of(windows[self.ends])

    def frames(self, end: int, db: float) -> Vector:
        """The features of the `PATCH` frames up to `end`, when it is played louder by `db`."""
        return self.reference.bands(db)[np.arange(end - PATCH + 1, end + 1) % self.size]

    def sounding(self, end: int) -> bool:
        """Whether those frames are sound, at least half of them."""
        active = self.reference.active[np.arange(end - PATCH + 1, end + 1) % self.size]
        return 2 * int(active.sum()) >= PATCH


class Passages:
    """Where one call heard one file."""

    def __init__(self, ring: BandRing, loop: Loop) -> None:
        self.found: list[PassageHeard] = []
        self._ring = ring
        self._loop = loop
        self._start: int | None = None  # the ring's frame on which the file's frame 0 lies
        self._misses = 0
        self._looks = 0
        self._like = 0.0  # the sum over all looks

    @property
    def lasts(self) -> bool:
        """The file is being heard."""
        return self._start is not None

    def look(self, patch: Vector, end: int) -> bool:
        """Look at the patch that ends with the ring's frame `end`. Whether the file began or ceased to be heard."""
        if self._start is not None and self._still(end):
            return False
        alike = self._loop.patches @ patch
        best = int(alike.argmax())
        place = None if alike[best] < LIKELY else self._verified(int(self._loop.ends[best]), end)
        if place is not None:
            return self._begin(*place, end)
        if self._start is None:
            return False
        self._misses += 1
        if self._misses < MISSES:
            return False
        self._start, heard = None, self.found[-1]
        heard.end = heard.sure_until
        return True

    def _still(self, end: int) -> bool:
        assert self._start is not None
        here = (end - self._start) % self._loop.size
        if not self._loop.sounding(here):
            return True  # the file itself is silent there: nothing is said
        shift, like = self._best(here, end, STAYS)
        if like < STAYS:
            return False
        self._start -= shift
        self._goes_on(like, end)
        return True

    def _best(self, here: int, end: int, enough: float) -> tuple[int, float]:
        """Where around the file's frame `here` the last frames fit best, and how well."""
        heard, clear = self._ring.heard(end - PATCH + 1, end + 1)
        theirs = heard[clear].astype(np.float32)
        level = float(np.median(self._ring.levels(end - PATCH + 1, end + 1)))
        own = np.arange(here - PATCH + 1, here + 1) % self._loop.size
        louder = level - float(np.median(self._loop.reference.levels[own]))
        best, found = 0, -1.0
        for shift in sorted(range(-DRIFT, DRIFT + 1), key=abs):
            like = likeness(self._loop.frames(here + shift, louder)[clear], theirs)
            if like > found:
                best, found = shift, like
            if not shift and like > 0.5 + enough / 2:
                break
        return best, found

    def _verified(self, here: int, end: int) -> tuple[int, float] | None:
        shift, like = self._best(here, end, 1.0)
        return (here + shift, like) if like >= FOLLOWED and self._loop.sounding(here + shift) else None

    def _begin(self, here: int, like: float, end: int) -> bool:
        """The file is heard at its frame `here`; anew, or it jumped there."""
        new = self._start is None
        self._start = end - here
        if new:
            self._looks, self._like = 0, 0.0
            self.found.append(PassageHeard(self._ring.time_of(self._first(end))))
            del self.found[:-KEPT]
        self._goes_on(like, end)
        return new

    def _goes_on(self, like: float, end: int) -> None:
        self._misses = 0
        self._looks += 1
        self._like += like
        heard = self.found[-1]
        heard.sure_until = self._ring.time_of(end + 1)
        heard.score = score_of(self._like / self._looks)

    def _first(self, end: int) -> int:
        """The first frame that was the file's, going back from the ones that were looked at."""
        assert self._start is not None
        low = max(end - BACK + 1, self._ring.oldest)
        heard, clear = self._ring.heard(low, end + 1)
        own = self._loop.reference.bands(0.0)[(np.arange(low, end + 1) - self._start) % self._loop.size]
        ours, theirs = own - own[-PATCH:].mean(axis=0), heard - heard[-PATCH:].mean(axis=0, dtype=np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", ours, ours) * np.einsum("ij,ij->i", theirs, theirs))
        alike = np.einsum("ij,ij->i", ours, theirs) / (lengths + 1.0) - PRESENT
        alike[~self._ring.loud(low, end + 1)] = -1.0
        return low + int(np.cumsum((alike * clear)[::-1])[::-1].argmax())
