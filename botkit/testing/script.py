"""The script of a `FakeCall`: what the other side will do, and the state that this leaves behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from botkit.causes import Cause
from botkit.causes import cause as cause_named
from botkit.clock import Clock, MonotonicClock
from botkit.events import (
    Answered,
    CallEvent,
    DigitReceived,
    EarlyMedia,
    Ended,
    Ringing,
    SpeechEnded,
    SpeechStarted,
)
from botkit.states import CallState
from botkit.testing.digits import Digit, DigitQueue
from botkit.testing.window import CLOSE, Span
from botkit.vocabulary import PAUSE

DIGIT_PAUSE = 0.5
"""What `w` means among digits, in seconds."""

QUIET_ENDS_RECORDING = 2.0
"""`stop_on: [silence]` ends a recording after so many seconds of quiet."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that our side did: `kind` is the step's name (play, record, hold, transfer …), or dtmf."""

    kind: str
    what: Any
    started: float
    ended: float


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to be heard: a tone, by frequency or name, speech, or a prompt, by the name of its file."""

    kind: str  # tone | speech | prompt
    span: Span
    hz: tuple[float, ...] = ()
    tone: str | None = None
    prompt: str | None = None
    score: float = 0.0


class Script:
    """The far side of a call, told beforehand.

    Times given as `at` count from the answer; those given as `after`, from now. The clock must be
    the running loop's (in tests: `botkit.clock.run(main(), virtual=True)`).
    """

    def __init__(
        self,
        *,
        direction: str = "dial",
        id: str = "fake-1",
        caller: str = "+15550001111",
        callee: str = "+18005550100",
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock: Clock = getattr(self._loop, "clock", None) or MonotonicClock()
        self._id, self._direction = id, direction
        self._caller, self._callee, self._headers = caller, callee, tuple(headers)
        self._state = CallState.CONNECTING if direction == "dial" else CallState.RINGING
        self._began = self._clock.now()
        self._answered: float | None = None
        self._over: Ended | None = None
        self._over_at: float | None = None
        self._mark = self._after = self._began
        self._script: list[tuple[float, Callable[[], None]]] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._listeners: list[Callable[[CallEvent], None]] = []
        self._waiters: set[asyncio.Future[None]] = set()
        self._events: list[tuple[float, CallEvent]] = []
        self._sounds: list[Sound] = []
        self._digits = DigitQueue()
        self._voice: list[object] = []  # who speaks, then who waits to
        self._mixed: list[object] = []  # who speaks beside them
        self._transfers: deque[tuple[str, float]] = deque()
        self._stays: deque[tuple[str, float]] = deque()
        self._lent = False
        self.sent: list[Sent] = []
        self.audio_seconds: dict[str, float] = {}
        """How long a file plays, by its name; else its WAV header says, or it is 1 s."""

    @classmethod
    def up(cls, **arguments: Any) -> Self:
        """A call that is answered already."""
        call = cls(**arguments)
        call._answer_now()
        return call

    # --- the script ------------------------------------------------------------------------------

    def will_ring(self, after: float = 0.0) -> None:
        """The far end rings."""
        self._later(after, lambda: self._happen(Ringing(self._id), CallState.RINGING))

    def will_give_early_media(self, after: float = 0.0) -> None:
        """The far end can be heard before it answers."""
        self._later(after, lambda: self._happen(EarlyMedia(self._id), CallState.RINGING))

    def will_answer(self, after: float = 0.0) -> None:
        """The far end answers."""
        self._later(after, self._answer_now)

    def will_refuse(self, cause: str = "busy", after: float = 0.0) -> None:
        """The call ends before it is answered (or from the caller's side, on an incoming call)."""
        self._later(after, lambda: self._end_now(cause_named(cause), by_us=False))

    def will_end(self, *, at: float, cause: str = "normal") -> None:
        """The far end hangs up."""
        self._at(at, lambda: self._end_now(cause_named(cause), by_us=False))

    def will_be_transferred(self, outcome: str = "answered", *, after: float = 1.0) -> None:
        """What becomes of the next transfer, once the new party has rung so long: answered, busy, no_answer or failed.

        A transfer that is not told of is answered after a second.
        """
        self._transfers.append((outcome, after))

    def will_be_back(self, reason: str, *, after: float) -> None:
        """The next stay of the other party in a queue or conference is over then, for that reason."""
        self._stays.append((reason, after))

    def will_hear_tone(self, *hz: float | str, at: float, length: float = 1.0) -> None:
        """One or two frequencies at once, or a tone by its name (busy, dial, ringback, sit, beep)."""
        names = [each for each in hz if isinstance(each, str)]
        tones = tuple(float(each) for each in hz if not isinstance(each, str))
        self._will_sound(Sound("tone", Span(0.0), tones, names[0] if names else None), at, length)

    def will_hear_prompt(self, name: str, *, at: float, length: float = 1.0, score: float = 0.95) -> None:
        """A prompt, by the name of its file, and how well it is heard. It is whole."""
        self._will_sound(Sound("prompt", Span(0.0), prompt=name, score=score), at, length)

    def will_hear_speech(self, *, at: float, length: float = 1.0) -> None:
        """Somebody speaks."""
        self._will_sound(Sound("speech", Span(0.0)), at, length)

    def will_hear_digit(self, digit: str, *, at: float, via: str = "info", duration: float | None = None) -> None:
        """A key, or several at once."""

        def press() -> None:
            for each in digit:
                self._digit_now(each, via, duration)

        self._at(at, press)

    def will_happen(self, event: CallEvent, *, at: float, state: CallState | None = None) -> None:
        """Any other event of the call, with the state it leads to."""
        self._at(at, lambda: self._happen(event, state))

    def _later(self, seconds: float, deed: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, deed))

    def _at(self, at: float, deed: Callable[[], None]) -> None:
        if self._answered is None:
            self._script.append((at, deed))
        else:
            self._later(max(self._answered + at - self._clock.now(), 0.0), deed)

    def _will_sound(self, sound: Sound, at: float, length: float) -> None:
        def begin() -> None:
            now = self._clock.now()
            begun = replace(sound, span=Span(now))
            self._sounds.append(begun)
            self._later(length, lambda: end(begun))
            if sound.kind == "speech":
                self._happen(SpeechStarted(self._id, at=now))
            self._changed()

        def end(begun: Sound) -> None:
            if begun in self._sounds:
                now = self._clock.now()
                self._sounds[self._sounds.index(begun)] = replace(begun, span=Span(begun.span.started, now))
                if sound.kind == "speech":
                    self._happen(SpeechEnded(self._id, at=now, duration=now - begun.span.started))
                self._changed()

        self._at(at, begin)

    # --- what happens ----------------------------------------------------------------------------

    def _answer_now(self) -> None:
        if self._answered is None and not self._state.is_over:
            self._answered = self._clock.now()
            self._set_mark(self._answered)
            for at, deed in self._script:
                self._later(at, deed)
            self._script.clear()
            self._happen(Answered(self._id), CallState.ACTIVE)

    def _set_mark(self, at: float, *, matched: bool = False) -> None:
        """Move the mark. What begins in this very moment counts, unless it is what was just matched."""
        self._mark = at
        self._after = at + (CLOSE if matched else -CLOSE)

    def _digit_now(self, digit: str, via: str, duration: float | None) -> None:
        now = self._clock.now()
        if self._digits.add(Digit(digit, now, via, duration)):
            self._happen(DigitReceived(self._id, digit=digit, via=via, at=now, duration=duration))

    def _end_now(self, cause: Cause, *, by_us: bool) -> None:
        if self._state.is_over:
            return
        self._over_at = self._clock.now()
        for number, sound in enumerate(self._sounds):
            if sound.span.ended is None:
                self._sounds[number] = replace(sound, span=Span(sound.span.started, self._over_at))
        self._over = Ended(self._id, cause.name, cause.code, cause.sip_code, cause.sip_reason, by_us)
        for timer in self._timers:
            timer.cancel()
        self._happen(self._over, CallState.DONE)

    def _happen(self, event: CallEvent, state: CallState | None = None) -> None:
        if self._state.is_over:
            return
        self._state = state or self._state
        self._events.append((self._clock.now(), event))
        for listener in tuple(self._listeners):
            listener(event)
        self._changed()

    def _changed(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _change(self, at: float | None = None) -> None:
        """Return when something has happened, or at the moment `at`."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            with suppress(TimeoutError):
                async with self._clock.timeout(None if at is None else max(at - self._clock.now(), 0.0)):
                    await waiter
        finally:
            self._waiters.discard(waiter)

    async def _pass(self, seconds: float) -> None:
        """Let time pass, at most until the call is over."""
        due = self._clock.now() + seconds
        while not self._state.is_over and self._clock.now() < due - CLOSE:
            await self._change(due)

    def since_answered(self, at: float | None = None) -> float:
        return 0.0 if self._answered is None else (self._clock.now() if at is None else at) - self._answered

    def _note(self, kind: str, what: Any, started: float | None = None) -> None:
        now = self._clock.now()
        begun = now if started is None else started
        self.sent.append(Sent(kind, what, self.since_answered(begun), self.since_answered(now)))

    def _quiet(self) -> list[Span]:
        """Stretches in which nothing is heard, in order, since the call began."""
        spans, since = [], self._began
        for sound in sorted((each.span for each in self._sounds), key=lambda span: span.started):
            if sound.started > since:
                spans.append(Span(since, sound.started))
            if sound.ended is None:
                return spans
            since = max(since, sound.ended)
        return [*spans, Span(since, self._over_at)]

    def _loud(self) -> list[Span]:
        """Stretches in which something is heard, in order; short pauses belong to them."""
        spans: list[Span] = []
        for sound in sorted((each.span for each in self._sounds), key=lambda span: span.started):
            last = spans[-1] if spans else None
            if last is None or (last.ended is not None and last.ended <= sound.started - PAUSE + CLOSE):
                spans.append(sound)
            elif last.ended is not None:
                ended = None if sound.ended is None else max(last.ended, sound.ended)
                spans[-1] = Span(last.started, ended)
        return spans
