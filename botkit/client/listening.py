"""Expectations over what a call has heard: the mark, the window, and the judgement.

A *question* looks at an ear and finds the first thing after the mark that would meet it. The engine
asks it again at each change and at each deadline, so the answer depends on when the audio arrived
and never on when we got round to looking (flow-language.md section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botkit.clock import Clock
from botkit.errors import ExpectationFailed
from botkit.media.call_hearing import CallHearing
from botkit.media.ear import PTIME, Ear, Segment, SegmentLog
from botkit.media.match import PromptHeard
from botkit.media.spectrum import tones_in
from botkit.vocabulary import PAUSE, Heard, Window

SETTLE = 0.120
"""Seconds past a deadline until all that arrived before it has been put in order and analysed
(two beats of reordering, one of the beat or, with many calls, two, the detectors' own look-ahead)."""

STREAM_STOPPED = 0.2
"""Seconds without any packet after which a sound that was open is taken to have ended with the last one."""

ANSWER_SLACK = 0.200
"""The answer travels over TCP, the audio over UDP: audio that overtakes the answer by this much counts as after it."""


PLAY_SLACK = 0.060
"""Files end with a moment of silence (50 ms in ours), and who knows the file may reply to its last sound, while that
silence still goes out: a reply that begins so much before our own end counts as after it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a question found: its onset, when it was met in full (None: not yet) and its end (None: it lasts).

    `mark` is where the call's mark moves to when it is met (None: its onset).
    """

    onset: float
    met: float | None
    end: float | None = None
    fields: tuple[tuple[str, Any], ...] = ()
    mark: float | None = None


class Question(Protocol):
    """What is listened for."""

    @property
    def expected(self) -> str:
        """In words, for people: "a 440 Hz tone for 0.5 s"."""
        ...

    @property
    def sure_after(self) -> float:
        """Seconds after its onset until it is known for what it is."""
        ...

    @property
    def settle(self) -> float:
        """Seconds past a deadline until it is known whether it was met by then."""
        ...

    @property
    def announced(self) -> bool:
        """The ear says when there is something new; else it is asked with each frame while something is under way."""
        ...

    @property
    def now(self) -> bool:
        """A level is asked for, not an onset: what reigns when it is asked counts, however long it has."""
        ...

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        """The first candidate whose onset lies after `after`, met or under way; None: nothing yet.

        For a level, `after` is when it was asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class SegmentQuestion:
    """A segment of at least `length` seconds; until="end" waits for its end."""

    expected: str
    log: Callable[[Ear], SegmentLog]
    length: float
    until: str = "start"
    now: bool = False
    sure_after: float = 0.0
    fields: tuple[tuple[str, Any], ...] = ()
    settle: float = SETTLE
    announced: bool = False

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        log = self.log(ear)
        for segment in log:
            if segment.start <= after and not (self.now and (segment.end is None or segment.end > after)):
                continue
            lasted_to = segment.end if segment.end is not None else max(log.sure_until, segment.start)
            if segment.end is not None and lasted_to - segment.start < self.length - 1e-6:
                continue  # too short, and over: not it
            full: float | None = segment.start + self.length
            if self.now:  # it must still be there at the moment of asking
                full = max(segment.start + self.length, after)
            if full is not None and lasted_to < full - 1e-6:
                full = None
            if self.until == "end":
                full = segment.end
            return Found(segment.start, full, segment.end, self.fields, full if self.until == "end" else None)
        return None


@dataclass(frozen=True, slots=True)
class SilenceQuestion:
    """`length` seconds in which no sound is heard. Quiet that reigned at the mark counts from the mark on."""

    length: float
    now: bool = False
    sure_after: float = 0.0
    settle: float = SETTLE
    announced: bool = False

    @property
    def expected(self) -> str:
        return f"silence for {self.length:g} s"

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        # For an onset it was quiet for ever; for a level, since there was something to hear.
        quiet_since = ear.heard_since if self.now and ear.heard_since is not None else float("-inf")
        gaps: list[Segment] = []
        for sound in ear.sounds:
            gaps.append(Segment(quiet_since, sound.start))
            quiet_since = sound.end if sound.end is not None else float("inf")
            if sound.end is None and now - ear.heard_until > STREAM_STOPPED:
                quiet_since = ear.heard_until  # packets stopped in mid-sound: nothing is heard any more
        if quiet_since != float("inf"):
            gaps.append(Segment(quiet_since, None))
        for gap in gaps:
            start = gap.start if self.now and gap.start > float("-inf") else max(gap.start, after)
            full = start + self.length
            if gap.end is not None and gap.end < max(full, after) - 1e-6:
                continue
            # An open gap is only as long as we have listened: a packet that holds sound may be on its way.
            if gap.end is None and now < full + SETTLE and ear.heard_until < full:
                return Found(start, None)
            return Found(start, full, full, mark=full)
        return None


SURE_AFTER = {"dial": 2.0, "busy": 1.4, "ringback": 2.6, "sit": 1.2}
"""Seconds until the rhythm of a named tone has told its name (the longest of `botkit.media.cadence`)."""

BEEP_SETTLE = 0.4
"""Seconds after the end of some beeps until they are known for beeps, or for ended (`botkit.media.beep`)."""

SHORTEST = 0.1
"""Seconds of a tone until its log has it; a longer one that is asked for is measured there."""


def tone_question(
    hearing: Callable[[], CallHearing | None], wanted: tuple[float, ...] | str, length: float, until: str
) -> Question:
    """The question for a tone, by frequencies in Hz or by name."""
    found: Any
    if isinstance(wanted, str):
        words, found = f"a {wanted} tone", wanted
    else:
        hz = " and ".join(f"{one:g}" for one in wanted)
        words, found = f"a {hz} Hz tone", wanted[0] if len(wanted) == 1 else list(wanted)
    fields = (("hz", found),)
    none = SegmentLog()

    def log(_ear: Ear) -> SegmentLog:
        heard = hearing()
        if heard is None:
            return none  # without media nothing can have been heard
        return heard.tone(wanted, min(length, SHORTEST))

    sure_after = SURE_AFTER.get(wanted, 0.0) if isinstance(wanted, str) else 0.0
    settle = SETTLE + (BEEP_SETTLE if wanted == "beep" else 0.0)
    expected = f"{words} for {length:g} s"
    return SegmentQuestion(expected, log, length, until, sure_after=sure_after, fields=fields, settle=settle)


WELL = 0.8
"""The score from which a failure need not speak of it."""

SPEECH, SOUND = "speech", "sound"

SHRED = 0.06
"""Seconds: less is not known for a tone (`tones_in`), and a gap of less is no pause: packets were late."""

MISSED = 0.1
"""Seconds of a prompt's beginning that must be missing for it to be said."""


class Listening:
    """The mark of one call, and the engine that waits for questions to be met.

    `over` answers with a text when the call is over ("the call ended: USER_BUSY (17)"), else None.
    `call_time` turns monotonic seconds into seconds since the answer.
    """

    def __init__(
        self, ear: Ear, clock: Clock, over: Callable[[], str | None], call_time: Callable[[float], float]
    ) -> None:
        self.ear = ear
        self.mark = clock.now()
        self.matched_end: float | None = None
        """The mark, where it is the end of what was matched: what sounds after it is another sound."""
        self._slack = 0.0
        self._clock = clock
        self._over = over
        self._call_time = call_time

    def set_mark(self, at: float, *, slack: float = 0.0) -> None:
        """Move the mark on; it never goes back. Onsets count from `slack` before it."""
        self.matched_end = None
        if at >= self.mark:
            self.mark = at
            self._slack = slack
        else:  # within the slack: what was matched there shall not count again
            self._slack = min(self._slack, self.mark - at)

    def said(self, at: float, lasted: float) -> None:
        """Our own play or digits ended, after so many seconds: the mark.

        What was before that, a digit by `info` say, which takes no time, is no reply to it; nor is what was before
        the last mark.
        """
        self.set_mark(at, slack=min(PLAY_SLACK, lasted, max(0.0, at - self.mark)))

    async def wait_for_change(self, until: float | None) -> None:
        """Return at the next change of the ear or the call, or when it is `until`."""
        await self.ear.wait_for_change(self._clock, None if until is None else max(0.0, until - self._clock.now()))

    async def expect(self, question: Question, window: Window) -> Heard:
        """Wait until `question` is met or its window has passed.

        Raises `ExpectationFailed` with what was heard instead. A cancelled caller loses nothing.
        """
        mark = after = self.mark
        begin = max(mark, self._clock.now())
        if question.now:
            after = begin
        elif not isinstance(question, SilenceQuestion):  # quiet counts from the mark itself
            after -= self._slack
        deadline = begin + window.within
        starts_by = None if window.starts_within is None else begin + window.starts_within
        starts_known = None if starts_by is None else starts_by + SETTLE + question.sure_after
        while True:
            now = self._clock.now()
            known = deadline + question.settle
            settled = self.ear.heard_until >= known - SETTLE or now >= known
            found = question.find(self.ear, after, now)
            if found is not None and found.met is not None and found.met <= deadline + 1e-6:
                late_start = starts_by is not None and found.onset > starts_by
                if window.absent:
                    raise self._unmet(question, window, mark, f"it {self._when(found)}")
                if late_start:
                    raise self._unmet(question, window, mark, f"it began only {self._at(found.onset)}", found)
                return self._met(question, window, mark, found)
            if starts_by is not None and starts_known is not None and not window.absent and now >= starts_known:
                begun = found is not None and found.onset <= starts_by
                if not begun:
                    raise self._unmet(question, window, mark, self._what_was_heard(mark))
            over = self._over()
            if over is not None:
                if window.ended_ok and (window.absent or isinstance(question, SilenceQuestion)):
                    return Heard()
                raise self._unmet(question, window, mark, f"{over}; before that, {self._what_was_heard(mark)}")
            if settled:
                if window.absent:
                    return Heard()
                raise self._unmet(question, window, mark, self._what_was_heard(mark))
            wake = known
            if starts_known is not None and starts_known > now:
                wake = min(wake, starts_known)
            if found is not None and isinstance(question, SilenceQuestion):
                wake = min(wake, found.onset + question.length + SETTLE)
            elif found is not None and found.met is None and not question.announced:
                wake = min(wake, now + PTIME)  # it is under way: look again with the next frame
            await self.wait_for_change(max(wake, now + 0.001))

    def _met(self, question: Question, window: Window, mark: float, found: Found) -> Heard:
        latency = max(0.0, found.onset - mark)
        self.set_mark(found.onset if found.mark is None else found.mark)
        self.matched_end = found.mark
        heard = Heard(
            started=self._call_time(found.onset),
            ended=None if found.end is None else self._call_time(found.end),
            latency=latency,
            fields=dict(found.fields),
        )
        if window.max_latency is not None and latency > window.max_latency:
            raise ExpectationFailed(
                f"{question.expected} with a latency of at most {window.max_latency:g} s",
                f"it with a latency of {latency:.3f} s",
                at=self._call_time(found.onset),
                detail={"latency": latency, **dict(found.fields)},
            )
        return heard

    def _unmet(
        self, question: Question, window: Window, mark: float, heard: str, found: Found | None = None
    ) -> ExpectationFailed:
        expected = f"no {question.expected.removeprefix('a ')}" if window.absent else question.expected
        if window.starts_within is not None and not window.absent:
            expected += f" beginning within {window.starts_within:g} s"
        expected += f" within {window.within:g} s"
        detail: dict[str, Any] = {"latency": found.onset - mark} if found is not None else {}
        return ExpectationFailed(expected, heard, at=self._call_time(self._clock.now()), detail=detail)

    def _at(self, when: float) -> str:
        return f"at {self._call_time(when):.2f} s"

    def _when(self, found: Found) -> str:
        ended = "" if found.end is None else f" to {self._call_time(found.end):.2f} s"
        return f"{self._at(found.onset)}{ended}"

    def _what_was_heard(self, since: float) -> str:
        """In words, for a failure: prompts, other sounds and digits since the mark."""
        said: list[tuple[float, str]] = []
        prompts = [one for one in self.ear.prompts if one.sure_at is not None and (one.end or since + 1) > since]
        for one in prompts:
            said.append((one.onset, f"{_described(one)} {self._from_to(max(one.onset, since), one.end)}"))
        sounds = [
            sound
            for sound in self.ear.sounds
            if not _is_over(sound, since) and not any(_holds(one, sound) for one in prompts)
        ]
        for kind, sound in _joined([(self._kind_of(sound), sound) for sound in sounds]):
            said.append((sound.start, f"{kind} {self._from_to(max(sound.start, since), sound.end)}"))
        words = [what for _, what in sorted(said)]
        if len(words) > 3:
            words = [*words[:2], f"… {len(words) - 3} more …", words[-1]]
        if self.ear.digits:
            words.append("digits " + "".join(digit.digit for digit in self.ear.digits))
        return ", ".join(words) if words else "only silence"

    def _from_to(self, start: float, end: float | None) -> str:
        until = "now" if end is None else f"{self._call_time(end):.2f} s"
        return f"from {self._call_time(start):.2f} s to {until}"

    def _kind_of(self, sound: Segment) -> str:
        """A tone by its frequencies, else speech or sound; the first second decides."""
        end = float("inf") if sound.end is None else sound.end
        _, frames = self.ear.history.between(sound.start, min(end, sound.start + 1.0))
        tones = tones_in(frames.ravel())
        if tones:
            return f"a {' and '.join(f'{hz:g}' for hz in tones)} Hz tone"
        spoken = any(speech.start < end and (speech.end or end) > sound.start for speech in self.ear.speech)
        return SPEECH if spoken else SOUND


def _joined(kinds: list[tuple[str, Segment]]) -> list[tuple[str, Segment]]:
    """Neighbours of one kind as one, over pauses shorter than `PAUSE`: a sentence is one speech, not ten.

    What is too short to be known for speech (a last consonant) belongs to the speech beside it, and a frame that
    late packets cut off a tone to that tone.
    """
    joined: list[tuple[str, Segment]] = []
    for kind, sound in kinds:
        before, last = joined[-1] if joined else ("", sound)
        gap = PAUSE if last.end is None or not joined else sound.start - last.end
        if gap < PAUSE and (kind == before or {kind, before} == {SPEECH, SOUND}):
            joined[-1] = (SPEECH if SPEECH in (kind, before) else kind, Segment(last.start, sound.end))
        elif gap < SHRED and (_is_shred(before, last) or _is_shred(kind, sound)):
            joined[-1] = (kind if before == SOUND else before, Segment(last.start, sound.end))
        else:
            joined.append((kind, sound))
    return joined


def _is_over(sound: Segment, since: float) -> bool:
    """Whether a sound belongs to the time before `since`: ringback may end a frame or two behind the answer."""
    return sound.end is not None and (sound.end <= since or (sound.start < since and sound.end < since + SHRED))


def _is_shred(kind: str, sound: Segment) -> bool:
    """Whether a sound is too short to be anything by itself."""
    return kind == SOUND and sound.end is not None and sound.end - sound.start < SHRED


def _described(prompt: PromptHeard) -> str:
    """A prompt with all that is not well with it: "welcome.wav (score 0.62, cut short)"."""
    short = prompt.end is not None and not prompt.whole and prompt.missing < MISSED
    notes = [
        *([f"score {prompt.score:.2f}"] if prompt.score < WELL else []),
        *([f"{prompt.missing:.1f} s of its beginning missing"] if prompt.missing >= MISSED else []),
        *(["cut short"] if short else []),
    ]
    return prompt.reference.path.name + (f" ({', '.join(notes)})" if notes else "")


def _holds(prompt: PromptHeard, sound: Segment) -> bool:
    """Whether a sound is part of a prompt."""
    end = float("inf") if prompt.end is None else prompt.end
    return prompt.onset - 0.1 <= sound.start < end + 0.1
