"""What a `FakeCall` hears: the expectations and `gather`, by the arithmetic of `window.py` and `digits.py`."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botkit.errors import ExpectationFailed
from botkit.events import CallEvent, SpeechStarted
from botkit.testing.digits import Digit, entered, written
from botkit.testing.digits import heard as heard_digits
from botkit.testing.script import Script, Sound
from botkit.testing.window import CLOSE, Later, Met, Span, Wanted, judge
from botkit.vocabulary import Entry, Gathered, Heard, Playable, Played, Window, prompt_until, prompt_words

LATCHED = frozenset({"incoming", "ringing", "early_media", "answered", "ended"})
"""Events that happen once and stay true: a wait finds them however long ago they came."""


class FakeListening(Script, abc.ABC):
    """The half of a `FakeCall` that listens."""

    @abc.abstractmethod
    async def _speak(self, what: Playable, stopped: Callable[[], str | None], *, loop: bool, over: str) -> Played:
        """Play until the end, or until `stopped` gives a reason."""

    async def expect_tone(
        self, hz: tuple[float, ...] | str, window: Window, *, length: float = 0.1, until: str = "start"
    ) -> Heard:
        def spans() -> list[Span]:
            return [each.span for each in self._sounds if _same_tone(each, hz)]

        name = hz if isinstance(hz, str) else " and ".join(f"{each:g}" for each in hz) + " Hz"
        fields = {"hz": list(hz) if isinstance(hz, tuple) and len(hz) > 1 else hz[0] if isinstance(hz, tuple) else hz}
        return await self._expect(f"tone {name} for {length:g} s", spans, Wanted(length, until), window, fields)

    async def expect_prompt(
        self,
        files: tuple[Path, ...],
        window: Window,
        *,
        score: float = 0.7,
        anywhere: float | None = None,
        until: str | None = None,
    ) -> Heard:
        names = {file.name for file in files}

        def sounds() -> list[Sound]:
            return [each for each in self._sounds if each.prompt in names and each.score >= score]

        def fields(span: Span) -> dict[str, Any]:
            prompt = next(each for each in sounds() if each.span == span)
            told = {"prompt": prompt.prompt, "score": prompt.score}
            over = span.ended is not None and span.ended <= self._clock.now()
            return told if anywhere is not None else {**told, "whole": True if over else None, "missing": 0.0}

        ends = until or prompt_until(anywhere, absent=window.absent)
        wanted = Wanted(anywhere or 0.0, ends, clipped=anywhere is not None)
        expected = prompt_words([file.name for file in files], anywhere)
        return await self._expect(expected, lambda: [each.span for each in sounds()], wanted, window, fields)

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
        fields: Mapping[str, Any] | Callable[[Span], Mapping[str, Any]],
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
                return Heard(at, ended, found.latency, fields(found.span) if callable(fields) else fields)
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
        base = max(begun, mark)
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
        latency = max(taken[0].at - mark, 0.0)
        if window.max_latency is not None and latency > window.max_latency + CLOSE:
            expected = f"{written(entry)} with a latency of at most {window.max_latency:g} s"
            raise self._unmet(expected, f"it after {latency:.2f} s")
        self._set_mark(max(mark, taken[-1].ended), matched=True)
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
        stop_on: frozenset[str] = frozenset(),
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
                begun = len(self._events)

                def stopped() -> str | None:
                    if len(self._digits):
                        return "dtmf"
                    if "speech" in stop_on and any(isinstance(each, SpeechStarted) for _, each in self._events[begun:]):
                        return "speech"
                    return "timeout" if due and self._clock.now() >= due else None

                await self._speak(play, stopped, loop=loop, over=over)
            wait_until = self._clock.now() + first
            while True:
                digits = "".join(each.digit for each in taken)
                if count is not None and len(taken) >= count:
                    self._set_mark(max(self._mark, taken[-1].ended), matched=True)
                    return Gathered(digits, "complete")
                limit = wait_until if due is None else min(wait_until, due)
                if (digit := self._digits.take()) is not None:
                    if digit.digit == end:
                        self._set_mark(max(self._mark, digit.ended), matched=True)
                        return Gathered(digits, "end")
                    taken.append(digit)
                    wait_until = max(digit.ended, self._clock.now()) + between
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
        what = (
            last.tone or " and ".join(f"{each:g}" for each in last.hz) + " Hz"
            if last.kind == "tone"
            else last.prompt or "speech"
        )
        return f"{what} at {self.since_answered(last.span.started):.2f} s"


def _same_tone(sound: Sound, hz: tuple[float, ...] | str) -> bool:
    if sound.kind != "tone":
        return False
    if isinstance(hz, str):
        return sound.tone == hz
    return len(sound.hz) == len(hz) and all(
        abs(a - b) <= 0.02 * b for a, b in zip(sorted(sound.hz), sorted(hz), strict=True)
    )
