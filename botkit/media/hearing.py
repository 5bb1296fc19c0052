"""All ears of a process, analysed together: once a beat, one array operation over every leg.

Theory of operation. Sessions hand in payloads as they read them; after the beat has sent, what came
in is decoded as one array, its levels and the powers of all frequencies that anybody asks for are
one product each, and only then the small state machines of each call advance. A beat may bring two
frames of one leg: frames are analysed in rounds, so that each round holds at most one of each.

A tone that is asked for after it began is found all the same: the ear keeps its last seconds of
audio, and a new tracker hears them first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from botkit.media.cadence import tracker_for
from botkit.media.codec import G711, Codec
from botkit.media.dtmf import DtmfToneDetector
from botkit.media.ear import PTIME, Ear, HeardDigit, HeardFrame, Pcm, SegmentLog
from botkit.media.pcm import Resampler, levels_from_energy
from botkit.media.tone import Bank, Heard, ToneStarted, ToneTracker, Tracker
from botkit.media.vad import SpeechStart, VoiceActivity

SOUND_LEVEL = -45.0
"""dBFS from which a frame counts as sound. G.711's idle noise and comfort noise lie below, quiet speech above."""

FRAME = 160
"""Bytes of 20 ms of G.711."""

LONGEST = 10 * FRAME
"""Bytes of the longest packet: RFC 3551 4.2 wants 200 ms to be understood."""


class CallHearing:
    """The detectors of one call, writing to its ear. `close` takes it out of the process's hearing."""

    def __init__(self, hearing: Hearing, ear: Ear, codec: Codec) -> None:
        self.ear = ear
        self.codec = codec
        self._hearing = hearing
        self._decoder = None if codec.stateless else codec.decoder()
        self._resampler = Resampler(codec.rate)
        self._vad = VoiceActivity()
        self._dtmf = DtmfToneDetector(hearing.bank)
        self._logs: dict[tuple[object, float], SegmentLog] = {}  # by what was asked for
        self._trackers: list[tuple[Tracker, SegmentLog]] = []
        self._closed = False
        self._rest = b""  # of packets of other lengths: what does not fill a frame yet
        self._rest_until = 0.0

    def payload(self, payload: bytes | None, at: float) -> None:
        """Take in what was heard at `at`, usually 20 ms; None: they were lost."""
        if payload is None or len(payload) == FRAME or self._decoder is not None:
            self._hearing.waiting.append((self, payload, at))
        else:
            self._split(payload, at)

    def _split(self, payload: bytes, at: float) -> None:
        """Take in G.711 of another length as frames of 20 ms; what is left waits for the next packet."""
        payload = payload[:LONGEST]
        until = at + len(payload) / 8000
        if self._rest and abs(at - self._rest_until) < PTIME:
            at -= len(self._rest) / 8000
            payload = self._rest + payload
        whole = len(payload) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self._hearing.waiting.append((self, payload[start : start + FRAME], at + start / 8000))
        self._rest, self._rest_until = payload[whole:], until

    def digit_event(self, digit: str, at: float, duration: float | None) -> None:
        """A telephone-event."""
        self.ear.hear_digit(HeardDigit(digit, "rtp", at, duration))

    def tone(self, wanted: Sequence[float] | str, length: float) -> SegmentLog:
        """The log of one tone, by frequencies in Hz or by name, from the audio still remembered on.

        `length`: shorter ones need not be told. Raises ValueError for a frequency that 8 kHz cannot carry.
        """
        key = (wanted if isinstance(wanted, str) else tuple(wanted), length)
        if key in self._logs:
            return self._logs[key]
        tracker, log = tracker_for(self._hearing.bank, wanted, length), SegmentLog()
        self._logs[key] = log
        past = list(self.ear.history)
        if past:
            heard = self._hearing.bank.hear(np.stack([frame.pcm for frame in past]))
            for row, frame in enumerate(past):
                _advance(tracker, log, frame.at, heard, row)
        if self._closed:
            tracker.close()
        else:
            self._trackers.append((tracker, log))
        return log

    def decode(self, payload: bytes) -> Pcm:
        """One payload as 160 samples at 8 kHz."""
        assert self._decoder is not None
        return self._resampler.push(self._decoder.decode(payload))

    def judge(self, at: float, pcm: Pcm, level: float, heard: Heard, row: int) -> None:
        """Advance every detector by one frame."""
        ear = self.ear
        frame = HeardFrame(at, pcm)
        ear.history.append(frame)
        for tap in ear.taps:
            tap(frame)
        changed = False
        loud = level > SOUND_LEVEL
        if loud != (ear.sounds.open is not None):
            changed = True
            if loud:
                ear.sounds.begin(at)
            else:
                ear.sounds.finish(at)
        for fact in self._vad.push(pcm, at, level):
            if isinstance(fact, SpeechStart):
                ear.speech_started(fact.at)
            else:
                ear.speech_ended(fact.at)
        for digit in self._dtmf.push(at, heard, row):
            ear.hear_digit(HeardDigit(digit.digit, digit.via, digit.at, digit.duration))
        for tracker, log in self._trackers:
            if _advance(tracker, log, at, heard, row):
                changed = True
        if ear.heard_since is None:
            ear.heard_since = at
        ear.heard_until = max(ear.heard_until, at + PTIME)
        if changed:
            ear.changed()

    def close(self) -> None:
        """Hear no more; columns of the shared matrix go back. Once closed it does nothing."""
        if self._closed:
            return
        self._closed = True
        for tracker, _ in self._trackers:
            tracker.close()
        self._trackers.clear()
        self._dtmf.close()
        self._hearing.waiting = [entry for entry in self._hearing.waiting if entry[0] is not self]


def _advance(tracker: Tracker, log: SegmentLog, at: float, heard: Heard, row: int) -> bool:
    facts = tracker.push(at, heard, row)
    for fact in facts:
        if isinstance(fact, ToneStarted):
            log.begin(fact.at)
        else:
            log.finish(fact.at)
    log.sure_until = tracker.until if isinstance(tracker, ToneTracker) else at + PTIME
    return bool(facts)


class Hearing:
    """What the calls of one process heard in this beat, and the one pass over it."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.waiting: list[tuple[CallHearing, bytes | None, float]] = []

    def analyse(self, now: float) -> None:
        """Analyse what was handed in since the last beat. The pacer calls it after each."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            seen: set[int] = set()
            together: list[tuple[CallHearing, bytes | None, float]] = []
            for entry in waiting:
                if id(entry[0]) in seen:
                    self.waiting.append(entry)
                else:
                    seen.add(id(entry[0]))
                    together.append(entry)
            self._round(together)

    def _round(self, entries: list[tuple[CallHearing, bytes | None, float]]) -> None:
        frames = np.zeros((len(entries), 160), np.int16)
        by_codec: dict[G711, list[int]] = {}
        for row, (call, payload, _) in enumerate(entries):
            if payload is None:
                continue
            if isinstance(call.codec, G711):
                by_codec.setdefault(call.codec, []).append(row)
            else:
                pcm = call.decode(payload)[:160]
                frames[row, : pcm.size] = pcm
        for codec, rows in by_codec.items():
            frames[rows] = codec.decode_batch([entries[row][1] or b"" for row in rows])
        heard = self.bank.hear(frames)
        levels = levels_from_energy(heard.energy.sum(axis=1), 160).tolist()
        for row, (call, _, at) in enumerate(entries):
            try:
                call.judge(at, frames[row], levels[row], heard, row)
            except Exception as error:  # somebody's tap or listener: the other calls must not suffer for it
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a listener of a call failed", "exception": error}
                )
