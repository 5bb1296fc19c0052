"""Prompts, listened for in many calls at once: which call may be hearing the beginning of which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.band_ring import BandRing, BandStore, Flags, Frames
from botkit.media.bands import SILENT_BANDS, BandHearing, bands_of_sound
from botkit.media.batch import Batch
from botkit.media.catalogue import catalogue_of
from botkit.media.history import History
from botkit.media.match import LIKELY, PromptEar
from botkit.media.passage import Loop, Passages
from botkit.media.pcm import FLOOR, Levels
from botkit.media.pcm import levels as levels_of
from botkit.media.reference import COEFFICIENTS, OVERHANG, PATCH, Patches, Reference, patches_in, patches_of

HOP = 8
"""Frames of a call between two looks at it. Calls take turns."""

NOTHING_MAX = 12
"""Frames in a row in which nothing was sent that say nothing: a digit's event, with its ends."""

JUDGED_AT_ONCE = 8
"""Prompts that are judged in one beat, of all calls: half a millisecond each."""

AN_EIGHTH = 8
"""Part of the calls that wait in which something is judged at least: none waits for long, however many there are."""

SPOILT = 1
"""Frames after a loss whose features are not to be trusted: they are heard with the end of the lost one."""


class PromptHearing:
    """The prompts that the calls of a process listen for. A call has a `slot`, a number of its own while it lasts."""

    def __init__(self) -> None:
        self.bands = BandHearing()
        self._ears: dict[int, PromptEar] = {}
        self._wanted: Counter[Reference] = Counter()
        self._catalogue = catalogue_of([])
        self._loops: dict[Reference, Loop] = {}
        self._passages: dict[int, dict[Reference, Passages]] = {}  # by slot
        self._due: dict[int, None] = {}  # slots in which something is to be judged, as they came
        self.store = BandStore(0)
        self.listening_in = np.zeros(0, np.bool_)
        """By slot: there is an ear."""
        self.unclear = np.zeros(0, np.int64)
        """By slot: frames to come that are not to be trusted."""
        self.nothing = np.zeros(0, np.int64)
        """By slot: its last frames in which nothing was sent."""

    def ear(self, slot: int, history: History) -> PromptEar:
        """The ear of a call, made at the first question from what the call remembers."""
        if slot in self._ears:
            return self._ears[slot]
        ear = PromptEar(BandRing(self.store, slot))
        if slot >= len(self.listening_in):
            more = len(self.store.counts) - len(self.listening_in)
            self.listening_in = np.concatenate((self.listening_in, np.zeros(more, np.bool_)))
            self.unclear = np.concatenate((self.unclear, np.zeros(more, np.int64)))
            self.nothing = np.concatenate((self.nothing, np.zeros(more, np.int64)))
        self.listening_in[slot], self.unclear[slot], self.nothing[slot] = True, 0, 0
        self.bands.begin(slot)
        times, past = history.between()
        if len(past):
            known = zip(bands_of_sound(past.ravel()), times.tolist(), levels_of(past).tolist(), strict=True)
            for bands, at, loud in known:
                ear.ring.push(bands, at, loud)
            self.bands.hear([slot], past[-1:])  # what comes next is heard with its end
        self._ears[slot] = ear
        return ear

    def want(self, slot: int, references: Iterable[Reference]) -> None:
        """Listen for prompts in a call, and in what its ear remembers."""
        ear = self._ears[slot]
        new = [reference for reference in dict.fromkeys(references) if reference not in ear.wanted]
        if not new:
            return
        ear.wanted.update(new)
        unknown = [reference for reference in new if not self._wanted[reference]]
        self._wanted.update(new)
        if unknown:
            self._build()
        self._look_back(ear, new)

    def anywhere(self, slot: int, reference: Reference) -> Passages:
        """Where a file is heard, from any place in it on, in a call and in what its ear remembers.

        Raises ConfigError for a file that is too short.
        """
        there = self._passages.setdefault(slot, {})
        if reference not in there:
            loop = self._loops.get(reference)
            if loop is None:
                loop = self._loops[reference] = Loop(reference)
            ear = self._ears[slot]
            passages = there[reference] = Passages(ear.ring, loop)
            for end, patch in zip(*_patches_in(ear), strict=True):
                passages.look(patch, end)
        return there[reference]

    def finish(self, slot: int) -> None:
        """A call's sound has ended: silence follows, and what was being heard is judged."""
        ear = self._ears.get(slot)
        if ear is None or not ear.wanted or not ear.ring.count:
            return
        ring = ear.ring
        ends = range(max(ring.count - HOP, PATCH), ring.count + OVERHANG)
        for _ in range(PATCH):
            ring.push(SILENT_BANDS, ring.time_of(ring.count), FLOOR)
        patches = patches_of(np.stack([ring.window(end) for end in ends]))
        for reference in ear.wanted:
            self._compare(ear, reference, ends, patches)
        ear.finish()

    def leave(self, slot: int) -> None:
        """The call is over."""
        ear = self._ears.pop(slot, None)
        if ear is not None:
            self.listening_in[slot] = False
        self._passages.pop(slot, None)
        self._due.pop(slot, None)
        if not self._passages:
            self._loops.clear()
        if ear is not None:
            self._wanted.subtract(ear.wanted)
            if any(not self._wanted[reference] for reference in ear.wanted):
                self._wanted = +self._wanted
                self._build()

    def _build(self) -> None:
        self._catalogue = catalogue_of(list(self._wanted))

    def _look_back(self, ear: PromptEar, references: Sequence[Reference]) -> None:
        """Look for prompts in all that an ear remembers."""
        ends, patches = _patches_in(ear)
        if not ends:
            return
        for reference in references:
            self._compare(ear, reference, ends, patches)
        while ear.ring.count > ear.next_due and ear.judge():
            pass

    def _compare(self, ear: PromptEar, reference: Reference, ends: Sequence[int], patches: Patches) -> None:
        alike = patches @ reference.patches.T
        for row in np.flatnonzero(alike.max(axis=1) > LIKELY).tolist():
            ear.may_be(reference, int(reference.ends[alike[row].argmax()]), ends[row])

    # --- the beat --------------------------------------------------------------------------------

    @property
    def listening(self) -> bool:
        """Some call listens for prompts."""
        return bool(self._ears)

    @property
    def patches(self) -> int:
        """Patches that each look is compared with."""
        return len(self._catalogue.patches)

    def lost(self, slot: int, at: float, spoilt: int = SPOILT) -> None:
        """A call's frame was lost."""
        ear = self._ears.get(slot)
        if ear is not None:
            self.unclear[slot], self.nothing[slot] = spoilt, 0
            ear.ring.lost(at)

    def hear(self, batch: Batch, loud: Levels) -> list[int]:
        """The next frames of some calls, and their levels in dBFS. The slots of those in which a prompt began.

        For so short a time as a digit's event takes, in which nothing else is sent, silence says nothing of a prompt.
        """
        slots, counts, due = _take_in(self, batch, loud)
        for slot in due:
            self._due[slot] = None
        if not slots.size or not (self._catalogue.references or self._passages):
            return []
        return self._look(slots, counts)

    @property
    def due(self) -> bool:
        """Something is to be judged."""
        return bool(self._due)

    def judge(self) -> set[int]:
        """Judge some of what is due, once a beat, in the order in which it came: many prompts may begin alike, and be
        over at once. The slots in which something was judged.
        """
        left = max(JUDGED_AT_ONCE, len(self._due) // AN_EIGHTH)
        done = set()
        for slot in list(self._due):
            ear = self._ears[slot]
            if judged := ear.judge(left):
                done.add(slot)
                left -= judged
            if ear.ring.count <= ear.next_due:
                del self._due[slot]
            if left <= 0:
                break
        return done

    def _look(self, slots: Frames, counts: Frames) -> list[int]:
        """Look at what some calls had heard when each had heard so many frames; the slots in which a prompt began."""
        of, lasts = slots.tolist(), (counts - 1).tolist()
        patches = patches_in(self.store.bands, slots, counts)
        changed = self._passed(of, lasts, patches) if self._passages else []
        for row, number, end in self._catalogue.likely(patches):
            ear, reference = self._ears[of[row]], self._catalogue.references[number]
            if reference in ear.wanted and ear.may_be(reference, end, lasts[row]):
                changed.append(of[row])
        return changed

    def _passed(self, slots: list[int], lasts: list[int], patches: Patches) -> list[int]:
        changed = []
        for slot, last, patch in zip(slots, lasts, patches, strict=True):
            for passages in self._passages.get(slot, {}).values():
                # while it lasts each look is news: it has lasted longer
                if passages.look(patch, last) or passages.lasts:
                    changed.append(slot)
        return changed


def _patches_in(ear: PromptEar) -> tuple[list[int], Patches]:
    """Patches of all that an ear remembers, and the frames that they end with."""
    ends = list(range(ear.ring.oldest + PATCH - 1, ear.ring.count, HOP))
    if not ends:
        return [], np.zeros((0, COEFFICIENTS), np.float32)
    return ends, patches_of(np.stack([ear.ring.window(end) for end in ends]))


# --- what every frame needs ----------------------------------------------------------------------


def _take_in_in_python(hearing: PromptHearing, batch: Batch, loud: Levels) -> tuple[Frames, Frames, list[int]]:
    """Take in the next frames of those slots that listen. The slots that are to be looked at, how many frames had been
    heard in each then, and the slots in which something is to be judged.
    """
    there = batch.slots < len(hearing.listening_in)
    rows = np.flatnonzero(there)
    rows = rows[hearing.listening_in[batch.slots[rows]]]
    if not rows.size:
        return rows, rows, []
    ours = rows if rows.size < there.size else slice(None)
    slots, frames, turns = batch.slots[ours], batch.frames[ours], batch.turns[ours]
    bands = hearing.bands.hear(slots, frames, np.flatnonzero(turns))
    unclear = hearing.unclear[slots] - turns
    clear = unclear <= 0
    if not clear.all():
        hearing.unclear[slots] = np.maximum(unclear - 1, 0)
    nothing = _nothing_for(hearing.nothing, slots, turns, batch.sent[ours])
    says_nothing = (nothing > 0) & (nothing <= NOTHING_MAX)
    clear &= ~says_nothing
    counts = hearing.store.push(slots, bands, batch.times[ours], loud[ours], clear, turns)
    due = slots[counts > hearing.store.next_due[slots]].tolist()
    look = np.flatnonzero(((counts + slots) % HOP == 0) & ~says_nothing)
    return slots[look], counts[look], due


def _nothing_for(known: npt.NDArray[np.int64], slots: Frames, turns: Frames, sent: Flags) -> npt.NDArray[np.int64]:
    """For how many frames in a row, up to each of these, nothing was sent in its slot; `known` is by slot, and kept."""
    nothing = np.zeros(len(slots), np.int64)
    for row in np.flatnonzero(~sent).tolist():
        nothing[row] = 1 + (nothing[row - 1] if turns[row] else known[slots[row]])
    known[slots] = nothing  # of several of one slot the last one stays
    return nothing


def _take_in_in_c(hearing: PromptHearing, batch: Batch, loud: Levels) -> tuple[Frames, Frames, list[int]]:
    slots, counts = np.empty(len(batch.slots), np.intp), np.empty(len(batch.slots), np.intp)
    store = hearing.store
    looks, due = native.module.prompts_take_in(
        batch.slots,
        batch.turns,
        batch.times,
        batch.frames,
        batch.sent,
        loud,
        hearing.listening_in,
        hearing.unclear,
        hearing.nothing,
        hearing.bands.tails,
        store.bands,
        store.times,
        store.clear,
        store.levels,
        store.counts,
        store.next_due,
        SILENT_BANDS,
        slots,
        counts,
    )
    return slots[:looks], counts[:looks], due


_take_in = _take_in_in_c if native.AVAILABLE else _take_in_in_python
