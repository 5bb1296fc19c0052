"""The questions for any sound and for speech."""

from __future__ import annotations

from collections.abc import Callable

from botkit.client.listening import SETTLE, Question, SegmentQuestion
from botkit.media.call_hearing import CallHearing
from botkit.media.ear import Ear, SegmentLog
from botkit.media.vad import DOUBT, START_AFTER
from botkit.vocabulary import PAUSE


def sound_question(length: float, now: bool, matched_end: float | None = None) -> Question:
    """The question for any sound; pauses shorter than `PAUSE` belong to it, or no voice would last a second.

    But for the pause in which what was matched before had ended (`matched_end`).
    """

    def log(ear: Ear) -> SegmentLog:
        return _with_pauses(ear, float("-inf") if matched_end is None else matched_end)

    return SegmentQuestion(f"sound for {length:g} s", log, length, now=now)


EDGE = 0.05
"""Seconds by which the end of what was matched may lie before the last of its sound."""


def _with_pauses(ear: Ear, split: float) -> SegmentLog:
    """The ear's sounds, joined over short pauses. The last stays open until its pause has proved long."""
    joined = SegmentLog()
    for sound in ear.sounds:
        last = joined.last
        apart = last is None or last.end is None or sound.start - last.end >= PAUSE
        if apart or (last is not None and last.end is not None and last.end - EDGE <= split < sound.start):
            joined.begin(sound.start)
        assert joined.last is not None
        joined.last.end = sound.end
    if (last := joined.last) is not None:
        joined.sure_until = ear.heard_until if last.end is None else last.end
        if last.end is not None and ear.heard_until < last.end + PAUSE:
            last.end = None
    return joined


def speech_question(hearing: Callable[[], CallHearing | None], length: float, now: bool) -> Question:
    """The question for speech. `hearing` gives the detectors of the call, None where there is no media.

    The end of speech is known only when its pause has proved long, so it has certainly lasted to its last
    voiced frame and no longer; and that frame is known for a voice, and no tone, when `DOUBT` is over.
    """

    def log(ear: Ear) -> SegmentLog:
        heard = hearing()
        if heard is not None:
            ear.speech.sure_until = heard.vad.sure_until
        return ear.speech

    expected = f"speech for {length:g} s"
    return SegmentQuestion(expected, log, length, now=now, sure_after=START_AFTER + DOUBT, settle=SETTLE + DOUBT)
