"""Speech and silence: webrtcvad's judgement of each frame, gated by level, in four states.

    quiet --voiced--> starting --voiced for start_after--> speaking
    speaking --unvoiced--> stopping --unvoiced for stop_after--> quiet

A frame is *voiced* when it is above `MIN_LEVEL` and webrtcvad finds it so, and it is no steady tone. (By
itself webrtcvad calls the first frames of a stream, faint hum and every tone speech: `steady.py` takes the
tones out.) In `starting` and `stopping` single frames to the contrary are forgiven: three voiced frames in
four start speech, and a breath does not end it. What is reported is dated back to the first and the last
voiced frame.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import webrtcvad

from botkit.media.pcm import FRAME_SECONDS, HEARING_RATE, HEARING_SAMPLES, Pcm, level
from botkit.media.steady import LONG, SteadyTones, Verdicts

MIN_LEVEL = -45.0
"""dBFS of the softest speech that counts; G.711's idle channel noise is below -60."""

AGGRESSIVENESS = 2
"""webrtcvad's mode, 0 (takes much for speech) to 3. 2 is its authors' middle for telephone noise."""

START_AFTER = 0.08
STOP_AFTER = 0.5

DOUBT = LONG * FRAME_SECONDS
"""Seconds that a frame may wait until it is known for a voice or a tone: what is reported is dated right, but told
so much later at the most. A voice's start rarely waits for more than 40 ms."""


class Activity(enum.Enum):
    """Where the judgement of a stream stands."""

    QUIET = "quiet"
    STARTING = "starting"
    SPEAKING = "speaking"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """Speech began at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """Speech ended at `at`, after `duration` seconds."""

    at: float
    duration: float


SpeechFact = SpeechStart | SpeechEnd

SPEAKING = Activity.SPEAKING
NOTHING: Sequence[SpeechFact] = ()
webrtcvad_process = webrtcvad._webrtcvad.process


def new_detector(aggressiveness: int) -> Any:
    """What `webrtcvad_process` judges one stream with."""
    return webrtcvad.Vad(aggressiveness)._vad


class VoiceActivity:
    """One call's speech. Some 3 us a frame, most of it webrtcvad's, whose C function is called as it is:
    its Python wrapper, which checks lengths that are always right here, would add a fifth.

    Its compiled twin is in `speech_hearing.py`."""

    __slots__ = (
        "_first_voiced",
        "_last_voiced",
        "_started",
        "_tones",
        "_unvoiced",
        "_vad",
        "_voiced",
        "min_level",
        "start_after",
        "state",
        "stop_after",
    )

    def __init__(
        self,
        *,
        start_after: float = START_AFTER,
        stop_after: float = STOP_AFTER,
        min_level: float = MIN_LEVEL,
        aggressiveness: int = AGGRESSIVENESS,
        spoilt: int = 0,
    ) -> None:
        """Speech is reported once it has lasted `start_after` seconds, its end after `stop_after` without.

        `spoilt` frames after a lost one do not sound as they should.
        """
        self.start_after = start_after
        self.stop_after = stop_after
        self.min_level = min_level
        self.state = Activity.QUIET
        self._vad = new_detector(aggressiveness)
        self._tones = SteadyTones(spoilt)
        self._voiced = self._unvoiced = 0  # frames since this state began
        self._started = 0.0
        self._first_voiced = self._last_voiced = 0.0  # begin of the first, end of the last

    @property
    def sure_until(self) -> float:
        """Speech that has been reported, and not its end, has certainly lasted so far: to its last voiced frame."""
        return self._last_voiced

    @property
    def resting(self) -> bool:
        """A frame below `min_level` changes nothing."""
        return self.state is Activity.QUIET and self._tones.idle

    def push(self, frame: Pcm, at: float, frame_level: float | None = None) -> Sequence[SpeechFact]:
        """Judge the 20 ms that began at `at` and report what changed.

        `frame` is int16 mono at 8 kHz, shape (160,); `frame_level` its level in dBFS where it is known
        already. Pure arithmetic: no waiting, no clock.
        """
        return self.hear(frame.tobytes(), at, level(frame) if frame_level is None else frame_level)

    def hear(self, octets: bytes, at: float, frame_level: float) -> Sequence[SpeechFact]:
        """As `push`, of the 320 bytes of a frame."""
        loud = frame_level >= self.min_level
        voiced = loud and webrtcvad_process(self._vad, HEARING_RATE, octets, HEARING_SAMPLES)
        state, tones = self.state, self._tones
        if voiced and state is SPEAKING and (known := tones.go_on(octets, at, frame_level)) is not None:
            if known:
                self._last_voiced = known + FRAME_SECONDS
            return NOTHING
        if tones.idle:
            if not voiced:
                return NOTHING if state is Activity.QUIET else self._unvoiced_frame(at)
            if state is Activity.STARTING:
                return self._voiced_frame(at)  # it was found to be a voice
        heard = state is Activity.SPEAKING
        if voiced or (loud and not heard):
            return self._told(tones.push(octets, at, frame_level, voiced, heard))
        facts = self._told(tones.stop(heard))
        return facts if self.state is Activity.QUIET else [*facts, *self._unvoiced_frame(at)]

    def _told(self, verdicts: Verdicts) -> Sequence[SpeechFact]:
        """Take in what is known now of frames, the oldest first."""
        facts: list[SpeechFact] = []
        for at, voice in verdicts:
            if voice:
                if self.state is Activity.SPEAKING:
                    self._last_voiced = at + FRAME_SECONDS
                else:
                    facts += self._voiced_frame(at)
            elif self.state is not Activity.QUIET:
                facts += self._unvoiced_frame(at)
        return facts

    def _voiced_frame(self, at: float) -> Sequence[SpeechFact]:
        self._last_voiced = at + FRAME_SECONDS
        if self.state is Activity.STOPPING:
            self.state = Activity.SPEAKING
            return NOTHING
        if self.state is Activity.QUIET:
            self.state = Activity.STARTING
            self._first_voiced = at
            self._voiced = self._unvoiced = 0
        self._voiced += 1
        if self._last_voiced - self._first_voiced < self.start_after - FRAME_SECONDS / 2:
            return NOTHING
        self.state = Activity.SPEAKING
        self._started = self._first_voiced
        return [SpeechStart(self._started)]

    def _unvoiced_frame(self, at: float) -> Sequence[SpeechFact]:
        if self.state is Activity.STARTING:
            self._unvoiced += 1
            if 3 * self._unvoiced > self._voiced:
                self.state = Activity.QUIET
            return NOTHING
        self.state = Activity.STOPPING
        if at + FRAME_SECONDS - self._last_voiced < self.stop_after - FRAME_SECONDS / 2:
            return NOTHING
        self.state = Activity.QUIET
        return [SpeechEnd(self._last_voiced, self._last_voiced - self._started)]
