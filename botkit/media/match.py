"""Which known prompt is being heard, from when, how well, and whether whole or cut short.

Theory of operation. Features of every frame (`bands.py`) go into a ring (`band_ring.py`). Every few frames of a
call, the last 0.64 s are compared with all patches of all prompts that the process listens for, in one product
for many calls (`prompt_hearing.py`). Where a patch is alike, a prompt *may* have begun so many frames ago. Then
its frames are compared one by one with what was heard (`alignment.py`): if they are alike from near its beginning
on, it is *followed*. Nothing more is done about it until it should be over; then it is judged as a whole:

- its *score* is the likeness of all its frames with those that were heard, times the share of it that was heard;
- it is no match where a third of a second in its midst is something else: another prompt that shares its beginning;
- a few frames may have slipped in or out since (a jitter buffer at work, two clocks that differ): where it is less
  than clear at one place, each third of a second is looked for a few frames around.

A prompt may lack its first second (the call was answered late): its onset is then where it was first heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from botkit.media.alignment import BLOCK, SLIP, Alignment
from botkit.media.band_ring import NEVER, BandRing
from botkit.media.native_alignment import lay
from botkit.media.pcm import FRAME_SECONDS
from botkit.media.reference import Reference

LIKELY = 0.90
"""Product of patches from which a prompt is looked at frame by frame. True ones reach 0.95, one in ten seconds of
another prompt of the same voice reaches this."""

FOLLOWED = 0.6
"""Likeness from which a prompt that may have begun is followed."""

EQUAL = 0.05
"""Likeness by which two places must differ for it to say which is the right one."""

CLEAR = 0.9
"""Likeness, or score, from which a place is not looked for again."""

REFUTED = 0.3
"""Score below which one that is followed is given up before its end."""

REPLACED = 0.5
"""The most that a prompt can score that was sure, and then went on as something else: another one, most likely."""

SURE_AFTER = 1.5
"""Seconds of sound after which a prompt that goes on is sure: two may share their first second. One that is
shorter is sure when it is over."""

WHOLE = 3
"""Frames of strong sound that may be missing of a whole prompt: that much is lost at the edges."""

TOGETHER = 0.3
"""Seconds within which two prompts begin that are heard in the same sound: only one of them is right."""

AS_GOOD = 0.1
"""Scores that differ by less are equal; then it was the one of which more was heard, which holds the other one."""

AS_LONG = 0.1
"""Seconds of sound by which two that were heard must differ for one to be longer."""

AND_ON = 20
"""Frames after the end of one prompt in which it shows whether a longer one goes on."""

FOUND_KEPT = 100


@dataclass(slots=True)
class PromptHeard:
    """One prompt that was heard, or is being heard. Times are monotonic seconds.

    `onset` is when its first sound came; `missing` the seconds of its sound cut off before that. `sure_at` is when
    it was sure to be this one (None: not yet), `end` when its last sound ended (None: not judged yet). `score` is 0
    to 1; `whole`: from its first sound to its last. `goes_on`: seconds that it should last after `end`, unheeded here,
    since it is longer than what is looked at.
    """

    reference: Reference
    onset: float
    missing: float = 0.0
    sure_at: float | None = None
    end: float | None = None
    score: float = 0.0
    whole: bool = False
    goes_on: float = 0.0


@dataclass(slots=True)
class _Follow:
    """A prompt that seems to have begun: where it lies and how much like it the patch was that told of it,
    its first frame that was heard, and when to judge it."""

    place: Alignment
    like: float
    heard: PromptHeard
    first: int
    clear: bool
    """There is no doubt about its place and its beginning."""
    due: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was heard first, and whether that is known, or another that began with it may yet prove to be the one."""

    heard: PromptHeard
    known: bool


def choose(found: Iterable[PromptHeard]) -> Choice | None:
    """The prompt that was heard first, of some that were found; of those that began together, the one that fits.

    Of equals it is the one of which most was heard, which holds the others; of two of which the same was heard the one
    that lacks nothing. Nobody knows before all of them are judged.
    """
    there = sorted(found, key=lambda one: one.onset)
    rivals = [one for one in there if one.onset <= there[0].onset + TOGETHER]
    if not rivals:
        return None
    best = max(one.score for one in rivals)
    equals = [one for one in rivals if one.score > best - AS_GOOD]
    most = max(map(_heard_of, equals))
    heard = min(
        (one for one in equals if _heard_of(one) > most - AS_LONG),
        key=lambda one: (one.missing > AS_LONG, -one.reference.duration),
    )
    if len(rivals) == 1:
        return Choice(heard, heard.sure_at is not None)
    return Choice(heard, all(one.end is not None for one in rivals))


def _heard_of(one: PromptHeard) -> float:
    """Seconds of sound that were heard of it, or will have been."""
    return float(one.reference.active_before[-1]) * FRAME_SECONDS - one.missing


class PromptEar:
    """What one call heard, as features, and the prompts found in it."""

    def __init__(self, ring: BandRing | None = None) -> None:
        self.ring = ring or BandRing()
        self.wanted: set[Reference] = set()
        self.found: list[PromptHeard] = []
        """In order of their onset, those that were judged and those that are followed."""
        self._following: list[_Follow] = []
        self._refused: dict[Reference, tuple[int, int]] = {}  # where it seemed to begin, and how far that was looked at
        self._judged: dict[Reference, tuple[int, int]] = {}  # where the last one that was judged began, and ended

    @property
    def next_due(self) -> int:
        """The frame from which `judge` has something to do."""
        return self.ring.next_due

    def may_be(self, reference: Reference, end: int, at: int) -> bool:
        """The patch that ends with the ring's frame `at` is like the prompt's that ends with its frame `end`.

        Whether the prompt is followed from now on.
        """
        start, count = at - end, self.ring.count
        for one in self._following:  # as nearly always: it is what is followed already
            place = one.place
            if place.reference is reference and -SLIP < place.start - start < SLIP and at < one.due[0]:
                return False
        for one in [one for one in self._following if one.place.reference is reference and at >= one.due[0]]:
            self._judge_due(one)  # it was put off, but what follows depends on it
            self._look_ahead()
        near = self._followed_near(reference, start)
        if near is not None and (near.heard.sure_at is not None or abs(near.place.start - start) < SLIP):
            return False
        judged = self._judged.get(reference)
        if judged is not None and abs(judged[0] - start) <= 2 * SLIP:
            return False
        refused = self._refused.get(reference)
        if refused is not None and abs(refused[0] - start) <= 2 and count < refused[1] + BLOCK:
            return False
        if near is None and self._is_echo(reference, end, at):
            return False
        place = lay(self.ring, reference, start)
        like = place.place_by_patch(end)
        if near is not None:
            if like <= near.like:
                return False
            self._drop(near)  # it seemed to lie there as long as less of it was heard
        if like >= FOLLOWED:
            begin = place.beginning(end + 1 - BLOCK * 2, end)
            if begin is not None and not self._is_of_the_last(place, begin[0]) and place.is_like(begin[0], FOLLOWED):
                self._follow(place, like, *begin)
                return True
        self._refused[reference] = (start, count)
        return False

    def _followed_near(self, reference: Reference, start: int) -> _Follow | None:
        """What is followed of a prompt that seems to have begun about there."""
        for one in self._following:
            if one.place.reference is reference and abs(one.place.start - start) <= 2 * SLIP:
                return one
        return None

    def _is_echo(self, reference: Reference, end: int, at: int) -> bool:
        """Whether what is heard is what another place of it, known already, has there as well.

        A file with a period in it (a busy tone, looped music) would else be followed from each period on. Where it
        was heard to begin first it is right as long as it goes on.
        """
        for one in self._following:
            if one.place.reference is reference and reference.repeats(at - one.place.start, end):
                return True
        return False

    def _moved(self, one: _Follow) -> bool:
        """Whether one that seems to lack periods, which it has later, too, was moved to where it lacks nothing.

        When it began nobody could tell; what it is judged by is to be heard anew.
        """
        place, reference = one.place, one.place.reference
        cut, end = one.first - reference.first, place.ring.count - 1 - place.start
        if one.heard.sure_at is not None or cut < BLOCK or not reference.repeats(end, end - cut):
            return False
        other = replace(place, start=place.start + cut)
        if other.likeness(reference.first) < max(place.likeness(one.first) - EQUAL, FOLLOWED):
            return False
        begin = other.beginning(reference.first, reference.last)
        if begin is None or begin[0] >= one.first:
            return False
        one.place, (one.first, one.heard.onset) = other, begin
        one.heard.missing = _missing(reference, one.first)
        one.due = _due(other, one.first)
        return True

    def _is_of_the_last(self, place: Alignment, first: int) -> bool:
        """Whether its beginning was heard as the end of the one before: two of the same prompt do not overlap."""
        judged = self._judged.get(place.reference)
        return judged is not None and judged[0] < place.start and place.start + first < judged[1] - 2 * SLIP

    def _drop(self, one: _Follow) -> None:
        self._following.remove(one)
        self._look_ahead()
        if one.heard in self.found:
            self.found.remove(one.heard)

    def _follow(self, place: Alignment, like: float, first: int, onset: float) -> None:
        reference, due = place.reference, _due(place, first)
        heard = PromptHeard(reference, onset, _missing(reference, first))
        clear = like > CLEAR and first == reference.first
        self._following.append(_Follow(place, like, heard, first, clear, due))
        self.ring.next_due = min(self.next_due, due[0])
        self._keep(heard)

    def _keep(self, heard: PromptHeard) -> None:
        self.found.append(heard)
        self.found.sort(key=lambda one: one.onset)
        if len(self.found) > FOUND_KEPT:  # one that is followed is wanted more than one that was judged
            self.found.remove(next((one for one in self.found if one.end is not None), self.found[0]))

    def judge(self, most: int = NEVER) -> int:
        """Judge what is due, so many at most; how many were judged.

        Each is judged by what was heard until it was due, so nothing depends on when that is done.
        """
        done = 0
        while done < most and self.ring.count > self.next_due:
            one = min(self._following, key=lambda one: one.due[0])
            self._judge_due(one)
            done += 1
            self._look_ahead()
        return done

    def _look_ahead(self) -> None:
        self.ring.next_due = min((one.due[0] for one in self._following), default=NEVER)

    def _judge_due(self, one: _Follow) -> None:
        one.place.ring = now = self.ring.until(one.due[0] + 1)
        if not (self._moved(one) and one.due[0] >= now.count):
            one.due.pop(0)
            self._judge(one)
        one.place.ring = self.ring

    def finish(self) -> None:
        """Nothing more will be heard: judge what is followed by what there was of it."""
        self.judge()
        for one in list(self._following):
            one.due.clear()
            self._judge(one)
        self.ring.next_due = NEVER

    def _judge(self, one: _Follow) -> None:
        place, heard, now = one.place, one.heard, one.place.ring.count
        if not one.clear:
            place.place_by_all(one.first)
        if heard.sure_at is None and not one.clear:  # whoever was told of its onset may have set his mark by it
            begin = place.beginning(one.first, place.reference.last)
            if begin is not None:
                one.first, heard.onset = begin
                heard.missing = _missing(place.reference, one.first)
        heard.score, end = place.score(one.first)
        if heard.sure_at is None and place.follows_another(one.first):
            heard.score = 0.0
        one.clear = heard.score > CLEAR
        refuted = heard.score <= (REFUTED if one.due else 0.0)
        if one.due and not refuted and self._is_over(place, end):
            one.due.clear()  # it broke off
        if not one.due:
            active = place.reference.active_before
            sound = max(active[-1] - active[one.first], 1)
            heard.score *= (active[place.heard_size] - active[one.first]) / sound
            if not heard.score and heard.sure_at is not None and end > one.first:  # something else took its place
                heard.score = REPLACED * (active[end] - active[one.first]) / sound
                refuted = False
        if refuted or not one.due:
            self._following.remove(one)
            self._judged[place.reference] = place.start, place.start + (0 if refuted else end + 1)
        if refuted:
            if heard in self.found:
                self.found.remove(heard)
            return
        if heard.sure_at is None:
            heard.sure_at = place.ring.time_of(now)
        if not one.due:
            heard.end = place.time_of(end + 1)
            strong = place.reference.strong
            self._ask_rivals(heard, now + AND_ON)
            to_its_end = int(strong[end + 1 :].sum()) <= WHOLE
            heard.whole = int(strong[: one.first].sum()) <= WHOLE and to_its_end
            heard.goes_on = place.reference.beyond if to_its_end else 0.0

    def _is_over(self, place: Alignment, end: int) -> bool:
        """Whether much of it should have been heard after its frame `end`, which was the last that was."""
        return int(place.reference.strong[end + 1 : place.heard_size].sum()) > BLOCK

    def _ask_rivals(self, over: PromptHeard, at: int) -> None:
        """One is over: those that began with it go on by the frame `at`, or were not heard."""
        for one in self._following:
            if abs(one.heard.onset - over.onset) <= TOGETHER and one.due[0] > at:
                one.due.insert(0, at)


def _due(place: Alignment, first: int) -> list[int]:
    """The frames after which one that was heard from its frame `first` on is judged: when it may be sure, and over."""
    due = [place.start + place.reference.last + 2 + SLIP]
    active = first + np.flatnonzero(place.reference.active[first:])
    if active.size * FRAME_SECONDS > SURE_AFTER:
        due.insert(0, place.start + int(active[round(SURE_AFTER / FRAME_SECONDS)]) + 2)
    return due


def _missing(reference: Reference, first: int) -> float:
    return float(reference.active_before[first]) * FRAME_SECONDS
