"""One call's part in the hearing of its process: what its session hands in, and what is asked of its ear.

What was lost says nothing: for up to `LOST_MAX` frames in a row, levels, speech, tones and digits stay as they
were. After that the stream is taken for silent.

A tone that is asked for after it began is found all the same: the ear keeps its last seconds of audio,
and a new tracker hears them first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from botkit.media.bank import Heard
from botkit.media.batch import Line, Payload
from botkit.media.cadence import tracker_for
from botkit.media.codec import G711, Codec
from botkit.media.ear import PTIME, Ear, HeardDigit, Pcm, SegmentLog
from botkit.media.history import FRAME
from botkit.media.match import PromptEar
from botkit.media.passage import Loop, Passages
from botkit.media.pcm import SILENCE, Resampler
from botkit.media.reference import Reference
from botkit.media.speech_hearing import voice_activity
from botkit.media.tone import ToneStarted, ToneTracker, Tracker

if TYPE_CHECKING:
    from botkit.media.hearing import Hearing

LONGEST = 10 * FRAME
"""Samples of the longest packet: RFC 3551 4.2 wants 200 ms to be understood."""

LOST_MAX = 5
"""Frames lost in a row that leave everything as it was."""

UNTOLD = 0.1
"""Seconds before now that are not yet taken for silent: a packet may be on its way."""

CATCH_UP = 2
"""Frames of such silence that a call hears at once at most: many calls may fall silent together."""

AT_ONCE = 128
"""Frames of its past that a new tone is looked for in at once."""


class CallHearing:
    """The detectors of one call, writing to its ear. `close` takes it out of the process's hearing."""

    def __init__(self, hearing: Hearing, ear: Ear, codec: Codec) -> None:
        self.ear = ear
        self.codec = codec
        self.vad = voice_activity(spoilt=0 if isinstance(codec, G711) else 2)
        self.slot = hearing.enter(self)
        self.history = ear.history
        """What it heard, as long as that is its ear's."""
        self.line = hearing.line_of(self.slot)
        """Where it hands in what is to be analysed."""
        self.trackers: list[tuple[Tracker, SegmentLog]] = []
        self.spoilt = 1 if isinstance(codec, G711) else 2
        """Frames after a lost one that do not sound as they should: a decoder with a memory takes longer."""
        self.closed = self.over = False
        self.stopped = False
        """Its stream has stopped: it hears silence."""
        self.on_failed: Callable[[BaseException], object] | None = None
        """Told what a listener or a tap of this call has raised; without it the event loop is."""
        self._until: float | None = None  # the end of what was handed in
        self._prompts: PromptEar | None = None
        self._hearing = hearing
        self._decoder = None if isinstance(codec, G711) else codec.decoder()
        self._resampler = Resampler(codec.rate)
        self._late = self._resampler.delay
        self._silence: Payload = codec.silence if isinstance(codec, G711) else SILENCE
        self.lost_in_row = 0
        """Frames."""
        self._logs: dict[tuple[object, float], SegmentLog] = {}  # by what was asked for
        self._octets = b""  # of packets of other lengths: what does not fill a frame yet
        self._samples: Pcm = np.zeros(0, np.int16)  # the same, of codecs that have a memory
        self._rest_until = 0.0

    def payload(self, payload: bytes | None, at: float) -> None:
        """Take in what was heard at `at`, usually 20 ms; None: they were lost, b"": nothing was sent."""
        if self._decoder is None and payload and len(payload) == FRAME and not self.stopped:
            line = self.line  # as nearly always, so `_hand_in` is written out
            line.slots.append(self.slot)
            line.payloads.append(payload)
            line.times.append(at)
            self._until = at + PTIME
            return
        if self.stopped:
            if not payload and self._until is not None and at < self._until - PTIME / 2:
                return  # that was heard as silence already
            self.stopped = False
        if not payload:
            self._rest_until += PTIME  # what waits to fill a frame waits on: it is late by less than a frame
            if payload is None and self._decoder is not None and self.lost_in_row < LOST_MAX:
                self._decoder.lost()
            self._missing(payload is None, at)
        elif self._decoder is not None:
            self._decode(self._decoder.decode(payload), at)
        elif len(payload) == FRAME:
            self._hand_in(payload, at)
        else:
            self._split(payload, at)

    def _hand_in(self, payload: Payload, at: float) -> None:
        line = self.line
        line.slots.append(self.slot)
        line.payloads.append(payload)
        line.times.append(at)
        self._until = at + PTIME

    def _missing(self, lost: bool, at: float) -> None:
        """20 ms were lost, or not sent."""
        line = self.line
        (line.lost if lost else line.unsent).append(len(line.payloads))
        self._hand_in(self._silence, at)

    def fall_silent(self, now: float) -> None:
        """Nothing has come for long: hear silence up to now. Called in each beat until something comes."""
        if self._until is None:
            return
        self.stopped = True
        for _ in range(CATCH_UP):
            if self._until + PTIME < now - UNTOLD:
                self._missing(False, self._until)

    def _decode(self, pcm: Pcm, at: float) -> None:
        """Take in samples at the codec's rate as frames of 20 ms at 8 kHz."""
        samples = self._resampler.push(pcm)[:LONGEST]
        at -= self._late
        if samples.size == FRAME and not self._samples.size:
            self._hand_in(samples, at)
            return
        until = at + samples.size / 8000
        if abs(at - self._rest_until) < PTIME:
            at -= self._samples.size / 8000
            samples = np.concatenate((self._samples, samples))
        whole = samples.size // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self._hand_in(samples[start : start + FRAME], at + start / 8000)
        self._samples, self._rest_until = samples[whole:], until

    def _split(self, payload: bytes, at: float) -> None:
        """Take in G.711 of another length as frames of 20 ms; what is left waits for the next packet."""
        payload = payload[:LONGEST]
        until = at + len(payload) / 8000
        if self._octets and abs(at - self._rest_until) < PTIME:
            at -= len(self._octets) / 8000
            payload = self._octets + payload
        whole = len(payload) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self._hand_in(payload[start : start + FRAME], at + start / 8000)
        self._octets, self._rest_until = payload[whole:], until

    def digit_event(self, digit: str, at: float, duration: float | None) -> None:
        """A telephone-event has ended. While another digit sounds as a tone, which began before it and is told when
        it has ended, the event waits for that: digits are told in the order in which they were pressed."""
        self._hearing.event_digit(self, HeardDigit(digit, "rtp", at, duration))

    def tone(self, wanted: Sequence[float] | str, length: float) -> SegmentLog:
        """The log of one tone, by frequencies in Hz or by name, from the audio still remembered on.

        `length`: shorter ones need not be told. Raises ValueError for a frequency that 8 kHz cannot carry.
        """
        key = (wanted if isinstance(wanted, str) else tuple(wanted), length)
        if key in self._logs:
            return self._logs[key]
        tracker, log = tracker_for(self._hearing.bank, wanted, length), SegmentLog()
        self._logs[key] = log
        times, past = self.ear.history.between()
        for begin in range(0, len(past), AT_ONCE):
            heard = self._hearing.bank.hear(past[begin : begin + AT_ONCE])
            for row, at in enumerate(times[begin : begin + AT_ONCE].tolist()):
                advance(tracker, log, at, heard, row)
        if self.closed:
            tracker.close()
        else:
            self.trackers.append((tracker, log))
            self._hearing.tracked[self.slot] = self
        return log

    def prompts(self, references: Iterable[Reference]) -> PromptEar:
        """Where these prompts are found, from the audio still remembered on."""
        if self._prompts is None:
            self._prompts = PromptEar() if self.closed else self._hearing.prompts.ear(self.slot, self.ear.history)
            self.ear.prompts = self._prompts.found
        ear = self._prompts
        if not self.closed:
            self._hearing.prompts.want(self.slot, references)
        return ear

    def anywhere(self, reference: Reference) -> Passages:
        """Where this file is heard, from any place in it on, from the audio still remembered on.

        Raises ConfigError for a file that is too short.
        """
        ear = self.prompts(())
        if self.closed:
            return Passages(ear.ring, Loop(reference))
        return self._hearing.prompts.anywhere(self.slot, reference)

    def finish(self) -> None:
        """The call is over: what is being heard will not go on."""
        if not self.closed:
            self.over = True
            self._hearing.finish(self)

    def is_lost(self) -> bool:
        """One more frame was lost: whether it says nothing; after too many in a row it is silence."""
        self.lost_in_row += 1
        return self.lost_in_row <= LOST_MAX

    def close(self) -> None:
        """Hear no more; columns of the shared matrix go back. Once closed it does nothing."""
        if self.closed:
            return
        self.closed = self.over = True
        for tracker, _ in self.trackers:
            tracker.close()
        self.trackers.clear()
        self._hearing.leave(self)
        self.line = Line()  # what comes still is heard by nobody


def advance(tracker: Tracker, log: SegmentLog, at: float, heard: Heard, row: int) -> bool:
    """Push a frame and keep what changed in the log; whether anything did."""
    facts = tracker.push(at, heard, row)
    for fact in facts:
        if isinstance(fact, ToneStarted):
            log.begin(fact.at)
        else:
            log.finish(fact.at)
    log.sure_until = tracker.until if isinstance(tracker, ToneTracker) else at + PTIME
    return bool(facts)
