"""What a call can be asked to wait for: the expectations of flows, and `gather`."""

from __future__ import annotations

import abc
from collections.abc import Callable

from botkit import events
from botkit.client.entries import Entries
from botkit.client.happenings import CallEvents
from botkit.client.listening import Listening, SilenceQuestion, tone_question
from botkit.client.media import CallMedia
from botkit.client.sounds import SpeechQuestion, sound_question
from botkit.vocabulary import Entry, Gathered, Heard, Playable, Played, Window


class Expecting(abc.ABC):
    """The half of a `Call` that listens; its parts are made by the call."""

    _listening: Listening
    _media: CallMedia
    _entries: Entries
    _events: CallEvents

    @abc.abstractmethod
    async def play(self, what: Playable, *, loop: bool = False, over: str = "queue") -> Played:
        """See `Call.play`."""

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
        loop: bool = False,
        over: str = "queue",
        flush: bool = False,
        within: float | None = None,
    ) -> Gathered:
        """Collect digits until `count`, the `end` key or a time-out; the first digit stops `play`."""
        return await self._entries.gather(
            count=count,
            end=end,
            first=first,
            between=between,
            flush=flush,
            within=within,
            prompt=None if play is None else lambda: self.play(play, loop=loop, over=over),
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

    async def expect_sound(
        self, length: float = 0.1, window: Window | None = None, *, within: float = 10.0, now: bool = False
    ) -> Heard:
        """Await any sound of `length` seconds; with `now` one that is there already counts from its own begin."""
        return await self._listening.expect(sound_question(length, now), window or Window(within))

    async def expect_speech(
        self, length: float = 0.1, window: Window | None = None, *, within: float = 10.0, now: bool = False
    ) -> Heard:
        """Await speech of `length` seconds, short pauses included; `now` as in `expect_sound`."""
        question = SpeechQuestion(lambda: self._media.hearing, length, now)
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
