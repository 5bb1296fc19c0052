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
from botkit.errors import ExpectationFailed, UsageError
from botkit.events import (
    CallEvent,
    DigitReceived,
    Held,
    Incoming,
    Resumed,
    SpeechStarted,
)
from botkit.states import CallState
from botkit.testing.digits import Digit, entered, written
from botkit.testing.digits import heard as heard_digits
from botkit.testing.script import DIGIT_PAUSE, QUIET_ENDS_RECORDING, Script, Sound
from botkit.testing.window import CLOSE, Later, Met, Span, Wanted, judge
from botkit.vocabulary import Audio, Entry, Gathered, Heard, Playable, Played, Recorded, Window

DIGITS = frozenset("0123456789ABCD*#")
LATCHED = frozenset({"incoming", "ringing", "early_media", "answered", "ended"})
"""Events that happen once and stay true: a wait finds them however long ago they came."""


class FakeCall(Script):
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

    async def send_dtmf(self, digits: str, *, via: str = "info", length: float = 0.1, gap: float = 0.1) -> None:
        for digit in digits:
            if digit.upper() not in DIGITS and digit not in "wW":
                raise UsageError(f"{digit!r} is no DTMF digit", hint="digits are 0-9 A-D * # and w for a pause")
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

    # --- CallPort: listening ---------------------------------------------------------------------

    async def expect_tone(
        self, hz: tuple[float, ...] | str, window: Window, *, length: float = 0.1, until: str = "start"
    ) -> Heard:
        def spans() -> list[Span]:
            return [each.span for each in self._sounds if _same_tone(each, hz)]

        name = hz if isinstance(hz, str) else " and ".join(f"{each:g}" for each in hz) + " Hz"
        fields = {"hz": list(hz) if isinstance(hz, tuple) and len(hz) > 1 else hz[0] if isinstance(hz, tuple) else hz}
        return await self._expect(f"tone {name} for {length:g} s", spans, Wanted(length, until), window, fields)

    async def expect_sound(self, length: float, window: Window, *, now: bool = False) -> Heard:
        return await self._expect(f"sound for {length:g} s", self._loud, Wanted(length, level=now), window, {})

    async def expect_speech(self, length: float, window: Window, *, now: bool = False) -> Heard:
        def spans() -> list[Span]:
            return [each.span for each in self._sounds if each.kind == "speech"]

        return await self._expect(f"speech for {length:g} s", spans, Wanted(length, level=now), window, {})

    async def expect_silence(self, length: float, window: Window, *, now: bool = False) -> Heard:
        wanted = Wanted(length, level=now, clipped=True)
        return await self._expect(f"{length:g} s of silence", self._quiet, wanted, window, {}, quiet=True)

    async def _expect(
        self,
        expected: str,
        spans: Callable[[], list[Span]],
        wanted: Wanted,
        window: Window,
        fields: dict[str, Any],
        *,
        quiet: bool = False,
    ) -> Heard:
        begun, mark, after = self._clock.now(), self._mark, self._after
        while True:
            found = judge(spans(), wanted, window, mark=mark, after=after, begun=begun, now=self._clock.now())
            if isinstance(found, Met):
                at = self.since_answered(found.span.started)
                if window.absent:
                    raise self._unmet(f"no {expected} within {window.within:g} s", f"it at {at:.2f} s")
                self._set_mark(found.mark, matched=True)
                ended = None if found.span.ended is None else self.since_answered(found.span.ended)
                return Heard(at, ended, found.latency, fields)
            if not isinstance(found, Later):
                if found.late is not None and not window.absent:
                    late = found.late - mark
                    self._set_mark(found.mark or mark, matched=True)
                    raise self._unmet(
                        f"{expected} with a latency of at most {window.max_latency:g} s", f"it after {late:.2f} s"
                    )
                if window.absent and found.late is None:
                    return Heard()
                raise self._unmet(f"{expected} within {window.within:g} s", self._overheard())
            if self._state.is_over:
                if window.ended_ok and (window.absent or quiet):
                    return Heard()
                no = "no " if window.absent else ""
                raise self._unmet(f"{no}{expected} within {window.within:g} s", self._ending())
            await self._change(found.at)

    async def expect_dtmf(self, entry: Entry, window: Window, *, flush: bool = False) -> Heard:
        begun, mark = self._clock.now(), self._mark
        base = max_of(begun, mark)
        due = base + window.within
        start_by = None if window.starts_within is None else base + window.starts_within
        taken: list[Digit] = []
        self._digits.acquire("expect_dtmf")
        try:
            if flush:
                self._digits.flush()
            while True:
                while entered(entry, taken) is None and (digit := self._digits.take()):
                    taken.append(digit)
                verdict = entered(entry, taken)
                if verdict:
                    return self._entry_met(entry, taken, window, mark)
                now = self._clock.now()
                not_begun = start_by is not None and not taken and now >= start_by - CLOSE
                if now >= due - CLOSE or (not window.absent and (verdict is False or not_begun)):
                    if window.absent:
                        return Heard()
                    raise self._unmet(f"{written(entry)} within {window.within:g} s", heard_digits(taken))
                if self._state.is_over:
                    if window.absent and window.ended_ok:
                        return Heard()
                    raise self._unmet(
                        f"{written(entry)} within {window.within:g} s", f"{heard_digits(taken)}; {self._ending()}"
                    )
                await self._change(due if start_by is None or taken else min(due, start_by))
        except asyncio.CancelledError:
            self._digits.put_back(taken)
            raise
        finally:
            self._digits.release()

    def _entry_met(self, entry: Entry, taken: list[Digit], window: Window, mark: float) -> Heard:
        if window.absent:
            raise self._unmet(f"no {written(entry)} within {window.within:g} s", heard_digits(taken))
        latency = max_of(taken[0].at - mark, 0.0)
        if window.max_latency is not None and latency > window.max_latency + CLOSE:
            expected = f"{written(entry)} with a latency of at most {window.max_latency:g} s"
            raise self._unmet(expected, f"it after {latency:.2f} s")
        self._set_mark(max_of(mark, taken[-1].ended), matched=True)
        started, ended = self.since_answered(taken[0].at), self.since_answered(taken[-1].ended)
        fields = {"digits": "".join(each.digit for each in taken), "via": taken[-1].via}
        return Heard(started, ended, latency, fields)

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
        taken: list[Digit] = []
        due = None if within is None else self._clock.now() + within
        self._digits.acquire("gather")
        try:
            if flush:
                self._digits.flush()
            if play is not None:
                await self._speak(
                    play,
                    lambda: "dtmf" if len(self._digits) else "timeout" if due and self._clock.now() >= due else None,
                    loop=loop,
                    over=over,
                )
            wait_until = self._clock.now() + first
            while True:
                digits = "".join(each.digit for each in taken)
                if count is not None and len(taken) >= count:
                    self._set_mark(max_of(self._mark, taken[-1].ended), matched=True)
                    return Gathered(digits, "complete")
                limit = wait_until if due is None else min(wait_until, due)
                if (digit := self._digits.take()) is not None:
                    if digit.digit == end:
                        self._set_mark(max_of(self._mark, digit.ended), matched=True)
                        return Gathered(digits, "end")
                    taken.append(digit)
                    wait_until = max_of(digit.ended, self._clock.now()) + between
                elif self._state.is_over:
                    return Gathered(digits, "ended")
                elif self._clock.now() >= limit - CLOSE:
                    return Gathered(digits, "timeout")
                else:
                    await self._change(limit)
        except asyncio.CancelledError:
            self._digits.put_back(taken)
            raise
        finally:
            self._digits.release()

    async def wait_for_event(self, name: str, matches: Callable[[CallEvent], bool], within: float) -> CallEvent:
        due = self._clock.now() + within
        seen = 0
        mark = self._mark
        latched = name in LATCHED
        while True:
            for number in range(seen, len(self._events)):
                at, event = self._events[number]
                if event.name == name and (latched or at >= mark - CLOSE) and matches(event):
                    if not latched:
                        # Taken: the next `wait_for` waits for another one.
                        self._events[number] = (float("-inf"), event)
                    return event
            seen = len(self._events)
            if self._clock.now() >= due - CLOSE:
                raise self._unmet(f"event {name} within {within:g} s", "nothing of the kind")
            if self._state.is_over:
                raise self._unmet(f"event {name} within {within:g} s", self._ending())
            await self._change(due)

    # --- words -----------------------------------------------------------------------------------

    def _unmet(self, expected: str, heard: str) -> ExpectationFailed:
        return ExpectationFailed(expected, heard, at=self.since_answered())

    def _ending(self) -> str:
        assert self._over is not None
        return f"the call ended at {self.since_answered(self._over_at):.2f} s ({self._over.cause})"

    def _overheard(self) -> str:
        """What was heard since the mark, in a few words."""
        since = [each for each in self._sounds if each.span.ended is None or each.span.ended > self._mark]
        if not since:
            return "silence"
        last = since[-1]
        what = last.tone or " and ".join(f"{each:g}" for each in last.hz) + " Hz" if last.kind == "tone" else "speech"
        return f"{what} at {self.since_answered(last.span.started):.2f} s"


max_of = max
"""`max` is also the name of an argument of `record`."""


def _same_tone(sound: Sound, hz: tuple[float, ...] | str) -> bool:
    if sound.kind != "tone":
        return False
    if isinstance(hz, str):
        return sound.tone == hz
    return len(sound.hz) == len(hz) and all(
        abs(a - b) <= 0.02 * b for a, b in zip(sorted(sound.hz), sorted(hz), strict=True)
    )


def _write_silence(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * round(seconds * 8000))
