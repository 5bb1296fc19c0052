"""`FakeCall`: a call that follows a script, in virtual time, with no network and no audio.

What the other side does is told beforehand (`will_hear_tone(440, at=2.0)`); what our side did is
read afterwards (`sent`). It keeps the rules of `CallPort` to the letter, since every step is
tested against it: the mark, the windows and the digit queue are arithmetic of their own, beside it.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botkit.causes import cause as cause_named
from botkit.clock import Clock
from botkit.errors import UsageError
from botkit.events import (
    CallEvent,
    DigitReceived,
    Held,
    Incoming,
    Resumed,
    SpeechStarted,
)
from botkit.states import CallState
from botkit.testing.fake_listening import FakeListening
from botkit.testing.script import DIGIT_PAUSE, QUIET_ENDS_RECORDING
from botkit.testing.window import CLOSE
from botkit.vocabulary import DIGIT_LENGTH, Audio, Playable, Played, Recorded, Stayed

DIGITS = frozenset("0123456789ABCD*#")


class FakeCall(FakeListening):
    """A `CallPort` with a script. See `Script` for how to write it."""

    # --- CallPort: what it is --------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self._id

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def state(self) -> CallState:
        return self._state

    def facts(self) -> dict[str, Any]:
        over = self._over
        last = self._clock.now() if self._over_at is None else self._over_at
        return {
            "id": self._id,
            "state": self._state.value,
            "from": self._caller,
            "to": self._callee,
            "headers": dict(self._headers),
            "cause": over.cause if over else None,
            "code": over.code if over else None,
            "sip_code": over.sip_code if over else None,
            "duration": 0.0 if self._answered is None else last - self._answered,
            "rtp": {"sent": 0, "received": 0, "lost": 0, "jitter": 0.0, "rtt": None},
        }

    def incoming(self) -> Incoming:
        """The event that announced this call."""
        return Incoming(self._id, caller_number=self._caller, callee_number=self._callee, headers=self._headers)

    def listen(self, handler: Callable[[CallEvent], None]) -> Callable[[], None]:
        self._listeners.append(handler)

        def stop() -> None:
            if handler in self._listeners:
                self._listeners.remove(handler)

        return stop

    # --- CallPort: actions -----------------------------------------------------------------------

    async def answer(self) -> None:
        if self._direction != "answer":
            raise UsageError("a call that we placed cannot be answered by us")
        self._note("answer", None)
        self._answer_now()
        await asyncio.sleep(0)

    async def reject(self, cause: str = "busy") -> None:
        self._note("reject", cause)
        self._end_now(cause_named(cause), by_us=True)

    async def hangup(self, cause: str | None = None) -> None:
        if self._state.is_over:
            return
        self._note("hangup", cause)
        usual = "normal" if self._answered is not None or self._direction == "answer" else "cancelled"
        self._end_now(cause_named(cause or usual), by_us=True)

    async def hold(self) -> None:
        self._modify("hold", CallState.HELD, Held(self._id))

    async def resume(self) -> None:
        self._modify("resume", CallState.ACTIVE, Resumed(self._id))

    def _modify(self, kind: str, state: CallState, event: CallEvent) -> None:
        if self._state.is_over or self._state is state:
            return
        self._check_up("put on hold and resumed")
        self._note(kind, None)
        self._happen(event, state)

    def _check_up(self, done: str) -> None:
        if self._state not in (CallState.ACTIVE, CallState.HELD):
            raise UsageError(f"only a call that is up can be {done}; this one is {self._state.value}")

    def mute(self, muted: bool = True) -> None:
        self._note("mute" if muted else "unmute", None)

    async def transfer(self, to: str, *, ring_timeout: float | None = None) -> str:
        if self._state.is_over:
            return "failed"
        self._check_up("transferred")
        started = self._clock.now()
        outcome, after = self._transfers.popleft() if self._transfers else ("answered", 1.0)
        if ring_timeout is not None and after > ring_timeout:
            outcome, after = "no_answer", ring_timeout
        await self._pass(after)
        self._note("transfer", to, started)
        if self._state.is_over:
            return "failed"
        if outcome == "answered":
            self._end_now(cause_named("normal"), by_us=False)
        return outcome

    async def enqueue(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        return await self._lend("enqueue", name, until)

    async def join_conference(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        return await self._lend("conference", name, until)

    async def _lend(self, kind: str, name: str, until: asyncio.Event | None) -> Stayed:
        if self._state.is_over:
            return Stayed("ended", 0.0)
        self._check_up("lent")
        if self._lent:
            raise UsageError("the other party is in a queue or conference already")
        started = self._clock.now()
        reason, after = self._stays.popleft() if self._stays else ("leave", float("inf"))
        back = started + after
        self._lent = True
        try:
            with self._watched(until):
                while not self._state.is_over and self._clock.now() < back - CLOSE:
                    if until is not None and until.is_set():
                        reason = "leave"
                        break
                    await self._change(back if after < float("inf") else None)
        finally:
            self._lent = False
            self._note(kind, name, started)
        if self._state.is_over:
            reason = "hangup"
        elif reason in ("bridged", "hangup", "moved"):
            self._end_now(cause_named("normal"), by_us=False)
        return Stayed(reason, self._clock.now() - started)

    async def play(
        self,
        what: Playable,
        *,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
        until: asyncio.Event | None = None,
    ) -> Played:
        begun = len(self._events)

        def stopped() -> str | None:
            for _, event in self._events[begun:]:
                if isinstance(event, DigitReceived) and "dtmf" in stop_on:
                    return "dtmf"
                if isinstance(event, SpeechStarted) and "speech" in stop_on:
                    return "speech"
            return "stopped" if until is not None and until.is_set() else None

        with self._watched(until):
            return await self._speak(what, stopped, loop=loop, over=over)

    @contextmanager
    def _watched(self, until: asyncio.Event | None) -> Iterator[None]:
        """Wake whoever waits for a change when `until` is set."""
        watcher = None if until is None else asyncio.ensure_future(until.wait())
        if watcher is not None:
            watcher.add_done_callback(lambda _: self._changed())
        try:
            yield
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _speak(self, what: Playable, stopped: Callable[[], str | None], *, loop: bool, over: str) -> Played:
        turn = object()
        if over == "replace":
            self._voice.clear()
            self._mixed.clear()
            self._changed()
        elif over not in ("queue", "mix"):
            raise UsageError(f"a play over {over!r} is not known")
        voices = self._mixed if over == "mix" else self._voice
        voices.append(turn)
        started: float | None = None
        reason: str | None = None
        try:
            while over != "mix" and voices[:1] != [turn]:
                if turn not in voices:
                    return Played(0.0, "replaced")
                if self._state.is_over:
                    return Played(0.0, "ended")
                if (reason := stopped()) is not None:
                    return Played(0.0, reason)
                await self._change()
            started = self._clock.now()
            due = None if loop else started + self._seconds(what)
            while reason is None and (due is None or self._clock.now() < due - CLOSE):
                if self._state.is_over:
                    reason = "ended"
                elif turn not in voices:
                    reason = "replaced"
                elif (reason := stopped()) is None:
                    await self._change(due)
            return Played(self._clock.now() - started, reason)
        finally:
            if turn in voices:
                voices.remove(turn)
            if started is not None:
                self._note("play", what, started)
                self._set_mark(self._clock.now())
            self._changed()

    def _seconds(self, what: Playable) -> float:
        if not isinstance(what, Audio):
            return what.length
        return sum(self._file_seconds(Path(each)) for each in what.files)

    def _file_seconds(self, path: Path) -> float:
        if path.name in self.audio_seconds or not path.exists():
            return self.audio_seconds.get(path.name, 1.0)
        with wave.open(str(path)) as file:
            seconds: float = file.getnframes() / file.getframerate()
        return seconds

    async def record(
        self,
        to: Path,
        *,
        length: float | None = None,
        stop_on: frozenset[str] = frozenset(),
        max: float | None = None,
        until: asyncio.Event | None = None,
    ) -> Recorded:
        started, begun = self._clock.now(), len(self._events)
        due = min((started + each for each in (length, max) if each is not None), default=None)
        with self._watched(until):
            try:
                while not self._state.is_over and not (until is not None and until.is_set()):
                    now = self._clock.now()
                    if due is not None and now >= due - CLOSE:
                        break
                    if "dtmf" in stop_on and any(isinstance(event, DigitReceived) for _, event in self._events[begun:]):
                        break
                    look = due
                    if "silence" in stop_on and (quiet := self._quiet()) and quiet[-1].ended is None:
                        enough = max_of(quiet[-1].started, started) + QUIET_ENDS_RECORDING
                        if now >= enough - CLOSE:
                            break
                        look = enough if look is None else min(look, enough)
                    await self._change(look)
            finally:
                seconds = self._clock.now() - started
                _write_silence(to, seconds)
                self._note("record", str(to), started)
        return Recorded(str(to), seconds, -91.0)

    async def send_dtmf(self, digits: str, *, via: str = "info", length: float | None = None, gap: float = 0.1) -> None:
        for digit in digits:
            if digit.upper() not in DIGITS and digit not in "wW":
                raise UsageError(f"{digit!r} is no DTMF digit", hint="digits are 0-9 A-D * # and w for a pause")
        length = DIGIT_LENGTH[via] if length is None else length
        started, out = self._clock.now(), ""
        try:
            for number, digit in enumerate(digits):
                if number and digit not in "wW":
                    await self._pass(gap)
                if self._state.is_over:
                    return
                out += digit
                await self._pass(DIGIT_PAUSE if digit in "wW" else length)
        finally:
            self._note("dtmf", out, started)
            self._set_mark(self._clock.now())


max_of = max
"""`max` is also the name of an argument of `record`."""


def _write_silence(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * round(seconds * 8000))
