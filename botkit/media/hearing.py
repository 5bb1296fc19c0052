"""All ears of a process, analysed together: once a beat, one array operation over every leg.

Theory of operation. Sessions hand in payloads as they read them; after the beat has sent, what came
in is decoded as one array, its levels and the powers of all frequencies that anybody asks for are
one product each, and so is all that most frames need: whether a digit or a tone may be in them at all.
Only then the small state machines of each call advance, and only those that have something to do. A beat
may bring two frames of one leg: frames are analysed in rounds, so that each round holds at most one of
each, and in batches of `BATCH`, so that the arrays stay in the processor's cache.

What was lost says nothing: for up to `LOST_MAX` frames in a row, levels, speech, tones and digits stay as they
were. After that the stream is taken for silent.

A stream that stops is silent, too: many a server sends nothing while it has nothing to say, and what it said last
must end all the same. After `STOPPED` seconds without a packet silence is heard until packets come again.

A tone that is asked for after it began is found all the same: the ear keeps its last seconds of audio,
and a new tracker hears them first.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from botkit.media.cadence import tracker_for
from botkit.media.codec import G711, PCMU, Codec
from botkit.media.dtmf import Digit, DtmfHearing
from botkit.media.ear import PTIME, Ear, HeardDigit, HeardFrame, Pcm, SegmentLog
from botkit.media.history import FRAME
from botkit.media.match import PromptEar
from botkit.media.passage import Loop, Passages
from botkit.media.pcm import FLOOR, SILENCE, SOUND_LEVEL, Resampler, levels_from_energy
from botkit.media.prompt_hearing import PromptHearing
from botkit.media.reference import Reference
from botkit.media.tone import Bank, Heard, ToneStarted, ToneTracker, Tracker
from botkit.media.vad import SpeechStart, VoiceActivity

LONGEST = 10 * FRAME
"""Samples of the longest packet: RFC 3551 4.2 wants 200 ms to be understood."""

LOST_MAX = 5
"""Frames lost in a row that leave everything as it was."""

STOPPED = 0.5
"""Seconds without a packet after which a stream is silent. One that was only held up comes again before, and late
packets keep their places up to there (`Receiver`)."""

UNTOLD = 0.1
"""Seconds before now that are not yet taken for silent: a packet may be on its way."""

CATCH_UP = 2
"""Frames of such silence that a call hears in one beat at most: many calls may fall silent at once."""

AFTER_TONE = 0.3
"""Seconds past its end that a digit's event waits at most for the end of the tone before it."""

BATCH = 128
"""Frames analysed at once, at most: 160 float samples of each are 80 kB."""

Payload = bytes | Pcm | None
"""20 ms of one call: G.711 as it came, or samples of another codec, shape (160,); b"" nothing was sent, None lost."""


class CallHearing:
    """The detectors of one call, writing to its ear. `close` takes it out of the process's hearing."""

    def __init__(self, hearing: Hearing, ear: Ear, codec: Codec) -> None:
        self.ear = ear
        self.codec = codec
        self.turn = 0
        """The round in which it was heard last."""
        self.slot = hearing.enter(self)
        self.vad = VoiceActivity(spoilt=0 if isinstance(codec, G711) else 2)
        self.trackers: list[tuple[Tracker, SegmentLog]] = []
        self.spoilt = 1 if isinstance(codec, G711) else 2
        """Frames after a lost one that do not sound as they should: a decoder with a memory takes longer."""
        self.closed = self.over = False
        self.fed_at = 0.0
        """The beat in which something was handed in last."""
        self.stopped = False
        """Its stream has stopped: it hears silence."""
        self._until: float | None = None  # the end of what was handed in
        self._prompts: PromptEar | None = None
        self._hearing = hearing
        self._decoder = None if isinstance(codec, G711) else codec.decoder()
        self._resampler = Resampler(codec.rate)
        self._late = self._resampler.delay
        self.lost_in_row = 0
        """Frames."""
        self._logs: dict[tuple[object, float], SegmentLog] = {}  # by what was asked for
        self._octets = b""  # of packets of other lengths: what does not fill a frame yet
        self._samples: Pcm = np.zeros(0, np.int16)  # the same, of codecs that have a memory
        self._rest_until = 0.0

    def payload(self, payload: bytes | None, at: float) -> None:
        """Take in what was heard at `at`, usually 20 ms; None: they were lost, b"": nothing was sent."""
        if self.stopped:
            if not payload and self._until is not None and at < self._until - PTIME / 2:
                return  # that was heard as silence already
            self.stopped = False
        if not payload:
            self._rest_until += PTIME  # what waits to fill a frame waits on: it is late by less than a frame
            if payload is None and self._decoder is not None and self.lost_in_row < LOST_MAX:
                self._decoder.lost()
            self._hand_in(payload, at)
        elif self._decoder is not None:
            self._decode(self._decoder.decode(payload), at)
        elif len(payload) == FRAME:
            self._hand_in(payload, at)
        else:
            self._split(payload, at)

    def _hand_in(self, payload: Payload, at: float) -> None:
        self._hearing.waiting.append((self, payload, at))
        self._until = at + PTIME

    def fall_silent(self, now: float) -> None:
        """Nothing has come for long: hear silence up to now. Called in each beat until something comes."""
        if self._until is None:
            return
        self.stopped = True
        for _ in range(CATCH_UP):
            if self._until + PTIME < now - UNTOLD:
                self._hand_in(b"", self._until)

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
        for begin in range(0, len(past), BATCH):
            heard = self._hearing.bank.hear(past[begin : begin + BATCH])
            for row, at in enumerate(times[begin : begin + BATCH].tolist()):
                advance(tracker, log, at, heard, row)
        if self.closed:
            tracker.close()
        else:
            self.trackers.append((tracker, log))
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


Waiting = tuple[CallHearing, Payload, float]


class Hearing:
    """What the calls of one process heard in this beat, and the one pass over it."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.prompts = PromptHearing()
        self.waiting: list[Waiting] = []
        self._dtmf: DtmfHearing | None = None  # while somebody listens
        self._slots: list[int] = []  # that are free, the lowest last
        self._calls: dict[CallHearing, None] = {}  # in the order in which they came
        self._turn = 0
        self._changed: set[Ear] = set()
        self._events: list[tuple[CallHearing, HeardDigit]] = []  # that wait for the end of a tone

    # --- who listens -----------------------------------------------------------------------------

    def enter(self, call: CallHearing) -> int:
        """A slot for one more call."""
        if self._dtmf is None:
            self._dtmf = DtmfHearing(self.bank)
        slot = self._slots.pop() if self._slots else len(self._calls)
        self._calls[call] = None
        self._dtmf.add(slot)
        return slot

    def finish(self, call: CallHearing) -> None:
        """A call is over: prompts that still sound end here, and so does a digit: some key it and hang up at once.

        A tone is reported at its end, and the end of the call comes by another way than the quiet after it.
        """
        self.prompts.finish(call.slot)
        digit = None if self._dtmf is None else self._dtmf.finish(call.slot)
        if digit is not None:
            self._tell_digit(call, digit)
        self.tell_events(-math.inf)  # those of this call: its tones are over

    def leave(self, call: CallHearing) -> None:
        """A call hears no more."""
        assert self._dtmf is not None
        self._dtmf.remove(call.slot)
        self.prompts.leave(call.slot)
        self._slots.append(call.slot)
        self._slots.sort(reverse=True)
        del self._calls[call]
        self.waiting = [entry for entry in self.waiting if entry[0] is not call]
        if not self._calls:
            self._dtmf.close()
            self._dtmf = None
            self._slots.clear()

    # --- the beat --------------------------------------------------------------------------------

    def analyse(self, now: float) -> None:
        """Analyse what was handed in since the last beat. The pacer calls it after each."""
        for entry in self.waiting:
            entry[0].fed_at = now
        for call in self._calls:
            if call.stopped or now - call.fed_at > STOPPED:
                call.fall_silent(now)
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            self._turn = turn = self._turn + 1
            together: list[Waiting] = []
            later: list[Waiting] = []
            for entry in waiting:
                call = entry[0]
                if call.turn == turn:
                    later.append(entry)
                    continue
                call.turn = turn
                payload = entry[1]
                if payload is None:
                    lost = call.is_lost()
                else:
                    lost, call.lost_in_row = False, 0
                if lost:
                    _time_passed(call.ear, entry[2])
                    call.ear.history.append(PCMU.silence, entry[2])
                    self.prompts.lost(call.slot, entry[2], call.spoilt)
                elif payload.__class__ is not bytes or payload or not self._nothing_sent(call, entry[2]):
                    together.append(entry)
            batches = -(-len(together) // BATCH)
            for number in range(batches):  # of one size: a small one costs nearly as much as a large one
                self._hear(together[number::batches])
            self.waiting += later
        if self.prompts.due:
            judged = self.prompts.judge()
            for call in self._calls:
                if call.slot in judged:
                    call.ear.changed()
        if self._events:
            self.tell_events(now)

    def event_digit(self, call: CallHearing, digit: HeardDigit) -> None:
        """See `CallHearing.digit_event`."""
        if self._waits_for_tone(call, digit) or any(other is call for other, _ in self._events):
            self._events.append((call, digit))
        else:
            call.ear.hear_digit(digit)

    def _waits_for_tone(self, call: CallHearing, digit: HeardDigit) -> bool:
        sounding = self._dtmf.sounding(call.slot) if self._dtmf is not None and not call.over else None
        return sounding is not None and sounding != digit.digit

    def tell_events(self, now: float) -> None:
        """Tell the events whose tone has ended meanwhile, or that have waited long enough, in order."""
        events, self._events = self._events, []
        for call, digit in events:
            due = now >= digit.at + (digit.duration or 0.0) + AFTER_TONE
            if any(other is call for other, _ in self._events) or (self._waits_for_tone(call, digit) and not due):
                self._events.append((call, digit))
            else:
                self._safely(call.ear.hear_digit, digit)

    def _nothing_sent(self, call: CallHearing, at: float) -> bool:
        """A frame in which nothing was sent, as while a digit goes out as an event; False where it must be analysed
        as any other, because some detector is in the midst of something. Such frames come several at once."""
        assert self._dtmf is not None
        ear = call.ear
        if ear.taps or any(not tracker.idle for tracker, _ in call.trackers):
            return False
        if not self._dtmf.idle(call.slot):
            return False
        self._dtmf.nothing_sent(call.slot, at)
        changed = self.prompts.nothing_sent(call.slot, at)
        ear.history.append(PCMU.silence, at)
        _time_passed(ear, at)
        if ear.loud:
            ear.loud = False
            ear.sounds.finish(at)
            changed = True
        if changed:
            ear.changed()
        if speech := call.vad.hear(b"", at, FLOOR):
            self._safely(self._tell, call, speech, at, SILENCE)
        return True

    def _hear(self, entries: list[Waiting]) -> None:
        """Analyse one frame of each of some calls."""
        frames, octets = _decoded(entries)
        heard = self.bank.hear(frames)
        levels = levels_from_energy(heard.energy.sum(axis=1), FRAME).tolist()
        samples = frames.tobytes()
        changed = self._changed
        for row, (call, _, at) in enumerate(entries):
            ear, level = call.ear, levels[row]
            ear.history.append(octets[row], at)
            _time_passed(ear, at)
            if (level > SOUND_LEVEL) is not ear.loud:
                ear.loud = not ear.loud
                changed.add(ear)
                if ear.loud:
                    ear.sounds.begin(at)
                else:
                    ear.sounds.finish(at)
            speech = call.vad.hear(samples[2 * FRAME * row : 2 * FRAME * (row + 1)], at, level)
            if speech or ear.taps:
                self._safely(self._tell, call, speech, at, frames[row].copy())
        slots, times = [entry[0].slot for entry in entries], [entry[2] for entry in entries]
        self._digits(entries, slots, times, heard)
        self._tones(entries, heard)
        if self.prompts.listening:
            changed.update(entries[row][0].ear for row in self.prompts.hear(slots, times, frames, levels))
        for ear in changed:
            ear.changed()
        changed.clear()

    def _tell(self, call: CallHearing, speech: Sequence[object], at: float, pcm: Pcm) -> None:
        for tap in list(call.ear.taps):
            tap(HeardFrame(at, pcm))
        for fact in speech:
            if isinstance(fact, SpeechStart):
                call.ear.speech_started(fact.at)
            else:
                call.ear.speech_ended(fact.at)  # type: ignore[attr-defined]

    def _digits(self, entries: list[Waiting], slots: list[int], times: list[float], heard: Heard) -> None:
        if self._dtmf is None:
            return
        for row, digit in self._dtmf.hear(slots, times, heard):
            self._tell_digit(entries[row][0], digit)

    def _tell_digit(self, call: CallHearing, digit: Digit) -> None:
        self._safely(call.ear.hear_digit, HeardDigit(digit.digit, digit.via, digit.at, digit.duration))

    def _tones(self, entries: list[Waiting], heard: Heard) -> None:
        for row, (call, _, at) in enumerate(entries):
            for tracker, log in call.trackers:
                if tracker.idle and not tracker.may_begin(heard)[row]:
                    continue
                if advance(tracker, log, at, heard, row):
                    self._changed.add(call.ear)

    def _safely(self, call: Callable[..., None], *arguments: object) -> None:
        """Somebody's tap or listener: the other calls must not suffer for it."""
        try:
            call(*arguments)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a listener of a call failed", "exception": error}
            )


def _time_passed(ear: Ear, at: float) -> None:
    if ear.heard_since is None:
        ear.heard_since = at
    if at + PTIME > ear.heard_until:
        ear.heard_until = at + PTIME


def _decoded(entries: list[Waiting]) -> tuple[Pcm, list[bytes]]:
    """The frames of a batch, shape (n, 160), and each of them as mu-law."""
    by_law: dict[G711, list[int]] = {}
    octets: list[bytes] = [PCMU.silence] * len(entries)
    frames = np.zeros((len(entries), FRAME), np.int16)
    for row, (call, payload, _) in enumerate(entries):
        if isinstance(payload, bytes):
            if payload:
                assert isinstance(call.codec, G711)
                by_law.setdefault(call.codec, []).append(row)
                octets[row] = payload
        elif payload is not None:
            frames[row] = payload
            octets[row] = PCMU.encode(payload)
    for law, rows in by_law.items():
        decoded = law.decode_batch([octets[row] for row in rows])
        if len(rows) == len(entries):
            frames = decoded
        else:
            frames[rows] = decoded
        if law is not PCMU:
            for row, one in zip(rows, PCMU.encode_batch(decoded), strict=True):
                octets[row] = one
    return frames, octets
