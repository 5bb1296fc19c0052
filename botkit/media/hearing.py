"""All ears of a process, analysed together: once a beat, one array operation over every leg.

Theory of operation. Sessions hand in payloads as they read them; after the beat has sent, what came
in is decoded as one array, its levels and the powers of all frequencies that anybody asks for are
one product each, and so is all that most frames need: whether a digit or a tone may be in them at all.
Only then the small state machines of each call advance, and only those that have something to do.

Most of what a frame costs is fetching what belongs to its call into the processor's cache. So each call has a
`slot`, its number while it lasts, and what every frame needs lies in arrays by slot, not in objects of each call.
And where there are `MANY` calls, each is analysed every other beat only, two frames at a time, half of the calls on
each beat. What is heard is dated to its arrival all the same; it is known 20 ms later at most.

A stream that stops is silent, too: many a server sends nothing while it has nothing to say, and what it said last
must end all the same. After `STOPPED` seconds without a packet silence is heard until packets come again.
"""

from __future__ import annotations

import asyncio
import functools
import math
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from botkit.media import native
from botkit.media.bank import Bank, Heard
from botkit.media.batch import Batch, Flags, Frames, Line, Times, batch_of
from botkit.media.call_hearing import CallHearing, advance
from botkit.media.codec import PCMU, Codec
from botkit.media.dtmf import Digit, DtmfHearing
from botkit.media.ear import Ear, HeardDigit, HeardFrame
from botkit.media.history import HistoryStore, Rows
from botkit.media.pcm import SOUND_LEVEL, Levels
from botkit.media.prompt_hearing import PromptHearing
from botkit.media.speech_hearing import speech_hearing
from botkit.media.vad import SpeechFact, SpeechStart

STOPPED = 0.5
"""Seconds without a packet after which a stream is silent. One that was only held up comes again before, and late
packets keep their places up to there (`Receiver`)."""

AFTER_TONE = 0.3
"""Seconds past its end that a digit's event waits at most for the end of the tone before it."""

BATCH = 256
"""Frames analysed at once, at most: 160 float samples of each are 160 kB."""

MANY = 64
"""Calls from which each is analysed every other beat."""


class Hearing:
    """What the calls of one process heard in this beat, and the one pass over it."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.prompts = PromptHearing()
        self.tracked: dict[int, CallHearing] = {}
        """The calls that listen for tones, by slot."""
        self._lines = (Line(), Line())  # of the even slots, and of the odd ones
        self._history = HistoryStore(0)
        self._dtmf: DtmfHearing | None = None  # while somebody listens
        self._free: list[int] = []  # slots, the lowest last
        self._left: list[int] = []  # slots of calls that are over; free when what they are in has been analysed
        self._passes = 0  # under way: a listener that ends its call begins another one
        self._calls: list[CallHearing | None] = []  # by slot, as all that follows
        self._codecs: list[Codec | None] = []
        self._fed_at = np.zeros(0)  # the beat in which something of it was analysed last
        self._loud = np.zeros(0, np.bool_)  # its last frame was sound
        self._speech = speech_hearing()
        self._tapped: set[int] = set()
        self._ragged: set[int] = set()  # the frame before was lost, or one to come
        self._beats = 0
        self._changed: set[Ear] = set()
        self._events: list[tuple[CallHearing, HeardDigit]] = []  # that wait for the end of a tone

    # --- who listens -----------------------------------------------------------------------------

    def enter(self, call: CallHearing) -> int:
        """A slot for one more call."""
        if self._dtmf is None:
            self._dtmf = DtmfHearing(self.bank)
        if not self._free:
            self._free.append(len(self._calls))
            for by_slot in (self._calls, self._codecs):
                by_slot.append(None)
            self._fed_at = np.append(self._fed_at, math.inf)
            self._loud = np.append(self._loud, False)
        slot = self._free.pop()
        self._calls[slot], self._codecs[slot] = call, call.codec
        self._fed_at[slot], self._loud[slot] = math.inf, False
        self._speech.enter(slot, call.vad)
        self._dtmf.add(slot)
        ear = call.ear
        ear.history = ear.history.moved(self._history, slot)
        ear.taps.on_change = functools.partial(self._taps_changed, ear, slot)
        ear.taps.on_change()
        return slot

    def line_of(self, slot: int) -> Line:
        """Where a call hands in what it hears."""
        return self._lines[slot % 2]

    def finish(self, call: CallHearing) -> None:
        """A call is over: prompts that still sound end here, and so does a digit: some key it and hang up at once.

        A tone is reported at its end, and the end of the call comes by another way than the quiet after it.
        """
        self._hear_all(call.line.take(call.slot))
        self.prompts.finish(call.slot)
        digit = None if self._dtmf is None else self._dtmf.finish(call.slot)
        if digit is not None:
            self._tell_digit(call, digit)
        self.tell_events(-math.inf)  # those of this call: its tones are over

    def leave(self, call: CallHearing) -> None:
        """A call hears no more."""
        assert self._dtmf is not None
        slot, ear = call.slot, call.ear
        self._dtmf.remove(slot)
        self.prompts.leave(slot)
        call.line.take(slot)
        self._ragged.discard(slot)
        if ear.history is call.history:  # else it goes on in the hearing of another stream
            ear.history, ear.taps.on_change = ear.history.moved(), None
        self._speech.leave(slot)
        self._calls[slot] = self._codecs[slot] = None
        self._fed_at[slot] = math.inf
        self._tapped.discard(slot)
        self.tracked.pop(slot, None)
        self._left.append(slot)
        if not self._passes:
            self._free_left()

    def _free_left(self) -> None:
        """The slots of calls that have left are free."""
        self._free.extend(self._left)
        self._free.sort(reverse=True)
        self._left.clear()
        if len(self._free) == len(self._calls):
            assert self._dtmf is not None
            self._dtmf.close()
            self._dtmf = None
            for by_slot in (self._calls, self._codecs, self._free):
                by_slot.clear()
            self._fed_at, self._loud, self._speech = self._fed_at[:0], self._loud[:0], speech_hearing()
            self._history = HistoryStore(0)

    def _taps_changed(self, ear: Ear, slot: int) -> None:
        if ear.taps:
            self._tapped.add(slot)
        else:
            self._tapped.discard(slot)

    def _at(self, slot: int) -> CallHearing:
        """The call in a slot, where there is one for sure: a listener that was told something may have ended it."""
        call = self._calls[slot]
        assert call is not None
        return call

    # --- the beat --------------------------------------------------------------------------------

    def analyse(self, now: float) -> None:
        """Analyse what was handed in since the last beat. The pacer calls it after each."""
        self._beats += 1
        many = len(self._calls) - len(self._free) >= MANY
        for number in (self._beats % 2,) if many else (0, 1):
            line = self._lines[number]
            for slot in _fed(line.slots, self._fed_at, number, now):
                self._at(slot).fall_silent(now)
            self._hear_all(line.take())
        if self.prompts.due:
            for slot in self.prompts.judge():
                self._at(slot).ear.changed()
        if self._events:
            self.tell_events(now)

    def event_digit(self, call: CallHearing, digit: HeardDigit) -> None:
        """See `CallHearing.digit_event`. The tone may be in what is still to be analysed."""
        if self._has_more(call) or self._waits_for_tone(call, digit) or any(other is call for other, _ in self._events):
            self._events.append((call, digit))
        else:
            call.ear.hear_digit(digit)

    def _waits_for_tone(self, call: CallHearing, digit: HeardDigit) -> bool:
        sounding = self._dtmf.sounding(call.slot) if self._dtmf is not None and not call.over else None
        return sounding is not None and sounding != digit.digit

    def _has_more(self, call: CallHearing) -> bool:
        """Something that it heard is still to be analysed."""
        return not call.over and call.slot in call.line.slots

    def tell_events(self, now: float) -> None:
        """Tell the events whose tone has ended meanwhile, or that have waited long enough, in order."""
        events, self._events = self._events, []
        for call, digit in events:
            due = now >= digit.at + (digit.duration or 0.0) + AFTER_TONE
            waits = self._has_more(call) or self._waits_for_tone(call, digit)
            if any(other is call for other, _ in self._events) or (waits and not due):
                self._events.append((call, digit))
            else:
                self._safely(call, call.ear.hear_digit, digit)

    def _hear_all(self, frames: Frames) -> None:
        """Analyse what some calls have heard."""
        if np.count_nonzero(frames.lost):  # any() is Python within
            self._ragged.update(frames.slots[frames.lost].tolist())
        self._passes += 1
        try:
            while len(frames := self._of_those_here(frames)):
                now, rest = self._before_losses(frames) if self._ragged else (frames, [])
                if 0 < len(now) <= BATCH:
                    self._hear(batch_of(now, self._codecs))
                elif len(now):  # of one size: a small one costs nearly as much as a large one
                    for rows in np.array_split(np.arange(len(now)), -(-len(now) // BATCH)):
                        if len(part := self._of_those_here(now.part(rows))):
                            self._hear(batch_of(part, self._codecs))
                if not rest:
                    break
                frames = frames.part(rest)
        finally:
            self._passes -= 1
            if self._left and not self._passes:
                self._free_left()

    def _of_those_here(self, frames: Frames) -> Frames:
        """Frames but those of calls that were ended while others were analysed."""
        return frames.part(np.flatnonzero(~np.isin(frames.slots, self._left))) if self._left else frames

    def _before_losses(self, frames: Frames) -> tuple[Frames, list[int]]:
        """What can be analysed now, and the rows that come after it: a loss is told when all before it is known."""
        ragged = self._ragged
        now = np.ones(len(frames), np.bool_)
        later: list[int] = []
        taken: set[int] = set()  # slots of which there is something among these
        held: set[int] = set()  # slots in which a loss comes after that
        for row in np.flatnonzero(np.isin(frames.slots, list(ragged))).tolist():
            slot, call = int(frames.slots[row]), self._at(int(frames.slots[row]))
            lost = bool(frames.lost[row])
            if slot in held or (slot in taken and lost):
                held.add(slot)
                later.append(row)
                now[row] = False
            elif lost and call.is_lost():
                now[row] = False
                call.ear.history.append(PCMU.silence, float(frames.times[row]))
                self.prompts.lost(slot, float(frames.times[row]), call.spoilt)
            else:
                taken.add(slot)
                if not lost:
                    call.lost_in_row = 0
                    ragged.discard(slot)
        ragged |= held
        return frames.part(np.flatnonzero(now)), later

    def _hear(self, batch: Batch) -> None:
        """Analyse a batch."""
        heard = self.bank.hear(batch.frames)
        levels = heard.levels()
        self._history.append(batch.slots, batch.octets, batch.times, batch.turns)
        self._loudness(batch, levels)
        # Before anybody is told anything: who then asks for a tone, or a prompt, hears this batch as part of the past.
        if self.tracked:
            self._tones(batch, heard)
        if self.prompts.listening:
            for slot in self.prompts.hear(batch, levels):
                self._changed.add(self._at(slot).ear)
        for slot, facts in self._speech.hear(batch, levels):
            self._safely(self._calls[slot], self._tell_speech, slot, facts)
        if self._tapped:
            self._taps(batch)
        if self._dtmf is not None:
            for row, digit in self._dtmf.hear(batch.slots, batch.times, heard, batch.turns):
                call = self._calls[int(batch.slots[row])]
                if call is not None:
                    self._tell_digit(call, digit)
        for ear in self._changed:
            ear.changed()
        self._changed.clear()

    def _loudness(self, batch: Batch, levels: Levels) -> None:
        """Where sound begins and ends."""
        for slot, at, loud in _edges(batch.slots, batch.times, levels, self._loud):
            ear = self._at(slot).ear
            self._changed.add(ear)
            if loud:
                ear.sounds.begin(at)
            else:
                ear.sounds.finish(at)

    def _tell_speech(self, slot: int, facts: Sequence[SpeechFact]) -> None:
        for fact in facts:
            call = self._calls[slot]
            if call is None:
                return
            if isinstance(fact, SpeechStart):
                call.ear.speech_started(fact.at)
            else:
                call.ear.speech_ended(fact.at)

    def _taps(self, batch: Batch) -> None:
        """Give frames to those that record them."""
        for row in np.flatnonzero(np.isin(batch.slots, list(self._tapped))).tolist():
            call = self._calls[int(batch.slots[row])]
            frame = HeardFrame(float(batch.times[row]), batch.frames[row].copy())
            for tap in call.ear.taps if call is not None else ():
                self._safely(call, tap, frame)

    def _tones(self, batch: Batch, heard: Heard) -> None:
        for row in np.flatnonzero(np.isin(batch.slots, list(self.tracked))).tolist():
            call = self.tracked.get(int(batch.slots[row]))
            for tracker, log in call.trackers if call is not None else ():
                if tracker.idle and not tracker.may_begin(heard)[row]:
                    continue
                if advance(tracker, log, float(batch.times[row]), heard, row):
                    self._changed.add(self._at(int(batch.slots[row])).ear)

    def _tell_digit(self, call: CallHearing, digit: Digit) -> None:
        self._safely(call, call.ear.hear_digit, HeardDigit(digit.digit, digit.via, digit.at, digit.duration))

    def _safely(self, of: CallHearing | None, tell: Callable[..., object], *arguments: object) -> None:
        """Tell a tap or a listener of a call: the other calls must not suffer for it."""
        try:
            tell(*arguments)
        except Exception as error:
            if of is not None and of.on_failed is not None:
                of.on_failed(error)
            else:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a listener of a call failed", "exception": error}
                )


# --- what every frame needs ----------------------------------------------------------------------


def _fed_in_python(slots: array[int], fed_at: Times, first: int, now: float) -> list[int]:
    """Note that these slots were fed now; which of every other slot, from `first` on, have not been for long."""
    fed_at[np.frombuffer(slots, np.int64)] = now
    return [first + 2 * index for index in np.flatnonzero(now - fed_at[first::2] > STOPPED).tolist()]


def _fed_in_c(slots: array[int], fed_at: Times, first: int, now: float) -> list[int]:
    return native.module.fed(slots, fed_at, first, now, STOPPED)


Edges = list[tuple[int, float, bool]]
"""The slots in which sound begins or ends, when, and whether it begins."""


def _edges_in_python(slots: Rows, times: Times, levels: Levels, loud_before: Flags) -> Edges:
    """Where sound begins or ends. `loud_before` is by slot, and kept."""
    loud = levels > SOUND_LEVEL
    before = loud_before[slots]
    later = np.flatnonzero(slots[1:] == slots[:-1]) + 1
    before[later] = loud[later - 1]
    loud_before[slots] = loud
    rows = np.flatnonzero(loud != before)
    return list(zip(slots[rows].tolist(), times[rows].tolist(), loud[rows].tolist(), strict=True))


def _edges_in_c(slots: Rows, times: Times, levels: Levels, loud_before: Flags) -> Edges:
    return native.module.edges(slots, times, levels, SOUND_LEVEL, loud_before)


_fed, _edges = (_fed_in_c, _edges_in_c) if native.AVAILABLE else (_fed_in_python, _edges_in_python)
