"""The questions for any sound and for speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from botkit.client.listening import SETTLE, Found, Question, SegmentQuestion
from botkit.media.ear import Ear, Segment, SegmentLog
from botkit.media.hearing import CallHearing
from botkit.media.spectrum import LEAST, is_tone
from botkit.media.vad import START_AFTER
from botkit.vocabulary import PAUSE

PIECE = 0.2
"""Seconds of sound that are judged at once: in so long no voice holds one pitch as purely as a tone does."""


def sound_question(length: float, now: bool) -> Question:
    """The question for any sound; pauses shorter than `PAUSE` belong to it, or no voice would last a second."""
    return SegmentQuestion(f"sound for {length:g} s", _with_pauses, length, now=now)


def _with_pauses(ear: Ear) -> SegmentLog:
    """The ear's sounds, joined over short pauses. The last stays open until its pause has proved long."""
    joined = SegmentLog()
    for sound in ear.sounds:
        last = joined.last
        if last is None or last.end is None or sound.start - last.end >= PAUSE:
            joined.begin(sound.start)
        assert joined.last is not None
        joined.last.end = sound.end
    if (last := joined.last) is not None:
        joined.sure_until = ear.heard_until if last.end is None else last.end
        if last.end is not None and ear.heard_until < last.end + PAUSE:
            last.end = None
    return joined


@dataclass(frozen=True, slots=True)
class SpeechQuestion:
    """Speech of at least `length` seconds, without the tones that voice detection takes for speech.

    `hearing` gives the detectors of the call, None before there is media. The end of speech is known only
    when its pause has proved long, so it has certainly lasted to its last voiced frame and no longer.
    """

    hearing: Callable[[], CallHearing | None]
    length: float
    now: bool = False
    sure_after: float = START_AFTER
    settle: float = SETTLE
    announced: bool = False
    judged: dict[float, tuple[float, bool]] = field(default_factory=dict)
    """By the begin of what was taken for speech: how far it has been judged, and whether a voice begins there."""

    @property
    def expected(self) -> str:
        return f"speech for {self.length:g} s"

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        hearing = self.hearing()
        if hearing is None:
            return None
        spoken = SegmentLog()
        spoken.sure_until = hearing.vad.sure_until
        for segment in ear.speech:
            lasted_to = spoken.sure_until if segment.end is None else segment.end
            if lasted_to <= after and segment.end is not None:
                continue
            begin = self._voice_in(ear, segment, lasted_to)
            if begin is not None:
                spoken.begin(begin)
                assert spoken.last is not None
                spoken.last.end = segment.end
        return SegmentQuestion(self.expected, lambda _: spoken, self.length, now=self.now).find(ear, after, now)

    def _voice_in(self, ear: Ear, segment: Segment, lasted_to: float) -> float | None:
        """When a voice begins in what was taken for speech; None while only tones are known to be in it."""
        begin, is_voice = self.judged.get(segment.start, (segment.start, False))
        while not is_voice and lasted_to - begin >= LEAST:
            _, frames = ear.history.between(begin - 1e-3, min(begin + PIECE, lasted_to) - 1e-3)
            if not is_tone(frames.ravel()):
                is_voice = True
            elif lasted_to - begin < PIECE:
                break  # to be judged again when there is more of it
            else:
                begin += PIECE
        self.judged[segment.start] = (begin, is_voice)
        return begin if is_voice else None
