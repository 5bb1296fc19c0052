"""What a call hears: the expectations of flows, `gather` and `record`."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from botkit import events
from botkit.client.entries import Entries
from botkit.client.facts import CallFacts
from botkit.client.happenings import CallEvents
from botkit.client.listening import Listening, Question, SilenceQuestion, tone_question
from botkit.client.media import CallMedia
from botkit.client.prompts import PassageQuestion, PromptQuestion, references_of
from botkit.client.recording import record_heard
from botkit.client.sounds import sound_question, speech_question
from botkit.media.ear import Ear
from botkit.media.reference import Reference
from botkit.vocabulary import Entry, Gathered, Heard, Playable, Played, Recorded, Window, prompt_until


class Expecting(CallFacts):
    """The part of a `Call` that listens; what it listens with is made by the call."""

    _gone: asyncio.Event
    _listening: Listening
    _media: CallMedia
    _entries: Entries
    _events: CallEvents
    ear: Ear
    may_read: Callable[[Path], Path]

    @abc.abstractmethod
    async def play(
        self, what: Playable, *, stop_on: frozenset[str] = frozenset(), loop: bool = False, over: str = "queue"
    ) -> Played:
        """See `Call.play`."""

    @property
    def mark(self) -> float:
        """The moment after which expectations count onsets (monotonic seconds)."""
        return self._listening.mark

    async def expect_dtmf(
        self, entry: Entry | str, window: Window | None = None, *, within: float = 10.0, flush: bool = False
    ) -> Heard:
        """Await an entry; consumes the digit queue. Raises `ExpectationFailed`."""
        entry = Entry(digits=entry) if isinstance(entry, str) else entry
        return await self._entries.expect(entry, window or Window(within), flush=flush)

    async def gather(
        self,
        *,
        count: int | None = None,
        end: str | None = None,
        first: float = 5.0,
        between: float = 2.0,
        play: Playable | None = None,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
        flush: bool = False,
        within: float | None = None,
    ) -> Gathered:
        """Collect digits until `count`, the `end` key or a time-out; the first digit stops `play`, and `stop_on`."""
        return await self._entries.gather(
            count=count,
            end=end,
            first=first,
            between=between,
            flush=flush,
            within=within,
            prompt=None if play is None else lambda: self.play(play, stop_on=stop_on, loop=loop, over=over),
        )

    async def expect_tone(
        self,
        hz: float | tuple[float, ...] | str,
        window: Window | None = None,
        *,
        within: float = 10.0,
        length: float = 0.1,
        until: str = "start",
    ) -> Heard:
        """Await a tone: one frequency, two at once, or a name (dial busy ringback sit beep)."""
        wanted = (float(hz),) if isinstance(hz, (int, float)) else hz
        question = tone_question(lambda: self._media.hearing, wanted, length, until)
        return await self._listening.expect(question, window or Window(within))

    def listen_for(self, prompts: Iterable[Reference]) -> None:
        """Listen for these prompts before anybody expects them: then no past needs to be searched.

        `botkit.media.reference.reference_of` makes them.
        """
        self._media.listen_for(prompts)

    async def expect_prompt(
        self,
        files: Path | str | Sequence[Path | str],
        window: Window | None = None,
        *,
        within: float = 10.0,
        score: float = 0.7,
        anywhere: float | None = None,
        until: str | None = None,
    ) -> Heard:
        """Await one of these audio files, heard from its beginning, of which a second may be missing.

        `fields` of what it returns: `prompt`, the file's name; `score`, 0 to 1; `whole` (None before its end);
        `missing`, the seconds of its beginning that were not heard. `until="start"` returns as soon as it is sure,
        after 1.5 s at most; else it waits for the end. `anywhere`: so many seconds of a file instead, looped, from
        whatever place in it on. Raises `ExpectationFailed`, and `ConfigError` for a file that cannot be listened for.
        """
        window = window or Window(within)
        given = [files] if isinstance(files, (str, Path)) else files
        references = await references_of([self.may_read(Path(file)) for file in given])
        until = until or prompt_until(anywhere, absent=window.absent)
        question: Question
        if anywhere is None:
            question = PromptQuestion(lambda: self._media.hearing, references, score, until)
        else:
            question = PassageQuestion(lambda: self._media.hearing, references, score, anywhere, until)
        return await self._listening.expect(question, window)

    async def expect_sound(
        self, length: float = 0.1, window: Window | None = None, *, within: float = 10.0, now: bool = False
    ) -> Heard:
        """Await any sound of `length` seconds; with `now` one that is there already counts from its own begin."""
        return await self._listening.expect(
            sound_question(length, now, self._listening.matched_end), window or Window(within)
        )

    async def expect_speech(
        self, length: float = 0.1, window: Window | None = None, *, within: float = 10.0, now: bool = False
    ) -> Heard:
        """Await speech of `length` seconds, short pauses included; `now` as in `expect_sound`."""
        question = speech_question(lambda: self._media.hearing, length, now)
        return await self._listening.expect(question, window or Window(within))

    async def expect_silence(
        self, length: float, window: Window | None = None, *, within: float = 10.0, now: bool = False
    ) -> Heard:
        """Await `length` seconds of quiet; quiet that reigned at the mark counts from the mark on."""
        return await self._listening.expect(SilenceQuestion(length, now), window or Window(within))

    async def wait_for_event(
        self, name: str, matches: Callable[[events.CallEvent], bool] = lambda event: True, within: float = 10.0
    ) -> events.CallEvent:
        """Await an event by its flow name, also one since the mark that no other wait took.

        `answered`, `ringing`, `early_media` and `ended` are latched: once they have happened they are found.
        Raises `ExpectationFailed`.
        """
        return await self._events.wait(name, matches, within, self._listening)

    async def record(
        self,
        to: Path,
        *,
        length: float | None = None,
        stop_on: frozenset[str] = frozenset(),
        max: float | None = None,
        until: asyncio.Event | None = None,
    ) -> Recorded:
        """Record what is heard to the WAV `to`. `stop_on`: silence, dtmf. `until` ends it when set.

        When cancelled, what was recorded so far is written before the cancellation goes on.
        """
        limits = [limit for limit in (length, max) if limit is not None]
        return await record_heard(
            self.ear,
            self._clock,
            to,
            limit=min(limits, default=None),
            stop_on=stop_on,
            until=until,
            over=self._gone,
        )
