"""Digits that the far end enters: the one queue of a call, and its consumers.

`gather` and `expect_dtmf` take digits from the queue, those typed ahead included. Two consumers at
once would each get half of an entry, so that is a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from botkit.client.listening import Listening
from botkit.clock import Clock
from botkit.errors import ExpectationFailed, UsageError
from botkit.media.ear import Ear, HeardDigit
from botkit.vocabulary import Entry, Gathered, Heard, Window

DIGIT_TAIL = 0.6
"""Seconds past a deadline for a digit that began before it and is still being pressed: it is told when it ends."""

ENTRY_LIMIT = 64
"""Digits of one entry; what has not become it by then never will."""


class Entries:
    """The digits of one call."""

    def __init__(
        self,
        ear: Ear,
        listening: Listening,
        clock: Clock,
        over: Callable[[], str | None],
        call_time: Callable[[float], float],
    ) -> None:
        self._ear = ear
        self._listening = listening
        self._clock = clock
        self._over = over
        self._call_time = call_time
        self._consumer = False

    @contextlib.contextmanager
    def _consuming(self, flush: bool) -> Iterator[None]:
        if self._consumer:
            raise UsageError(
                "two steps want the digits of this call at once",
                hint="let one `gather` or `expect_dtmf` end before the next; `on: dtmf` may watch beside it",
            )
        self._consumer = True
        if flush:
            self._ear.digits.clear()
        try:
            yield
        finally:
            self._consumer = False

    async def expect(self, entry: Entry, window: Window, *, flush: bool = False) -> Heard:
        """Await an entry. Raises `ExpectationFailed` as soon as the digits cannot become it any more.

        A cancelled caller gives back the digits that it had already taken.
        """
        taken: list[HeardDigit] = []
        with self._consuming(flush), self._given_back(taken):
            return await self._expect(entry, window, taken)

    @contextlib.contextmanager
    def _given_back(self, taken: list[HeardDigit]) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            self._ear.digits.extendleft(reversed(taken))
            raise

    async def _expect(self, entry: Entry, window: Window, taken: list[HeardDigit]) -> Heard:
        mark = self._listening.mark
        begin = max(mark, self._clock.now())
        deadline = begin + window.within
        starts_by = None if window.starts_within is None else begin + window.starts_within
        expected = _in_words(entry)
        limit = max(ENTRY_LIMIT, len(entry.digits or entry.contains or ""))

        def unmet(heard: str) -> ExpectationFailed:
            text = f"no {expected}" if window.absent else expected
            return ExpectationFailed(
                f"{text} within {window.within:g} s",
                heard,
                at=self._call_time(self._clock.now()),
                detail={"digits": _typed(taken)},
            )

        while True:
            while self._ear.digits and self._ear.digits[0].at <= deadline:
                digit = self._ear.digits.popleft()
                if entry.via is not None and digit.via != entry.via:
                    if window.absent:
                        continue
                    raise unmet(f"{digit.digit} via {digit.via}")
                if len(taken) >= limit:  # only where it shall stay away: the newest may still contain it
                    if entry.contains is None:
                        continue
                    del taken[0]
                taken.append(digit)
                typed = _typed(taken)
                if _is_met(entry, typed):
                    if window.absent:
                        raise unmet(f"digits {typed} at {self._call_time(taken[0].at):.2f} s")
                    if starts_by is not None and taken[0].at > starts_by:
                        raise unmet(f"digits {typed}, begun only at {self._call_time(taken[0].at):.2f} s")
                    return self._met(window, mark, taken, expected)
                if not window.absent and len(taken) >= limit:
                    raise unmet(f"{len(taken)} digits, more than an entry has: {typed}")
                if not window.absent and not _may_become(entry, typed):
                    raise unmet(f"digits {typed} at {self._call_time(taken[-1].at):.2f} s")
            typed = _typed(taken)
            over = self._over()
            if over is not None:
                if window.absent and window.ended_ok:
                    return Heard(fields={"digits": typed})
                raise unmet(f"{over}; before that, " + (f"digits {typed}" if typed else "no digits"))
            now = self._clock.now()
            if now >= deadline + DIGIT_TAIL:
                if window.absent:
                    return Heard(fields={"digits": typed})
                raise unmet(f"only digits {typed}" if typed else "no digits")
            if starts_by is not None and not taken and not window.absent and now >= starts_by + DIGIT_TAIL:
                raise unmet(f"no digits within {window.starts_within:g} s")
            wake = deadline + DIGIT_TAIL
            if starts_by is not None and not taken:
                wake = min(wake, starts_by + DIGIT_TAIL)
            await self._listening.wait_for_change(max(wake, now + 0.001))

    def _met(self, window: Window, mark: float, taken: list[HeardDigit], expected: str) -> Heard:
        first, last = taken[0], taken[-1]
        latency = max(0.0, first.at - mark)  # digits typed ahead are not late
        ended = last.at + (last.duration or 0.0)
        self._listening.set_mark(ended)
        typed = _typed(taken)
        if window.max_latency is not None and latency > window.max_latency:
            raise ExpectationFailed(
                f"{expected} with a latency of at most {window.max_latency:g} s",
                f"it with a latency of {latency:.3f} s",
                at=self._call_time(first.at),
                detail={"latency": latency, "digits": typed},
            )
        return Heard(
            started=self._call_time(first.at),
            ended=self._call_time(ended),
            latency=latency,
            fields={"digits": typed, "via": last.via},
        )

    async def gather(
        self,
        *,
        count: int | None,
        end: str | None,
        first: float,
        between: float,
        flush: bool,
        within: float | None,
        prompt: Callable[[], Coroutine[Any, Any, Any]] | None,
    ) -> Gathered:
        """Collect digits. `prompt` plays meanwhile, to be stopped by the first digit; `first` counts from its end.

        A cancelled caller stops the prompt and gives back the digits already taken.
        """
        taken: list[HeardDigit] = []
        with self._consuming(flush), self._given_back(taken):
            if prompt is None or self._ear.digits:
                return await self._gather(taken, count, end, first, between, within, None)
            speaking = asyncio.get_running_loop().create_task(prompt(), name="gather prompt")
            speaking.add_done_callback(lambda _: self._ear.changed())
            try:
                gathered = await self._gather(taken, count, end, first, between, within, speaking)
            finally:
                speaking.cancel()
                await asyncio.wait((speaking,))
            if not speaking.cancelled() and (error := speaking.exception()) is not None:
                raise error
            return gathered

    async def _gather(
        self,
        taken: list[HeardDigit],
        count: int | None,
        end: str | None,
        first: float,
        between: float,
        within: float | None,
        speaking: asyncio.Task[Any] | None,
    ) -> Gathered:
        begin = self._clock.now()
        limit = None if within is None else begin + within
        waiting_until = None if speaking is not None else begin + first
        while True:
            while self._ear.digits:
                heard = self._ear.digits.popleft()
                if speaking is not None:
                    speaking.cancel()
                waiting_until = max(self._clock.now(), heard.at) + between
                if end is not None and heard.digit == end:
                    return self._gathered(taken, "end", heard)
                taken.append(heard)
                if count is not None and len(taken) >= count:
                    return self._gathered(taken, "complete", heard)
            if self._over() is not None:
                return Gathered(_typed(taken), "ended")
            now = self._clock.now()
            if waiting_until is None and speaking is not None and speaking.done():
                speaking.result()  # raises what kept it from being played
                waiting_until = now + first
            waits = [at for at in (waiting_until, limit) if at is not None]
            if any(now >= at for at in waits):
                return Gathered(_typed(taken), "timeout")
            await self._listening.wait_for_change(min(waits, default=None))

    def _gathered(self, taken: list[HeardDigit], reason: str, last: HeardDigit) -> Gathered:
        self._listening.set_mark(last.at + (last.duration or 0.0))
        return Gathered(_typed(taken), reason)


def _typed(digits: list[HeardDigit]) -> str:
    return "".join(heard.digit for heard in digits)


def _in_words(entry: Entry) -> str:
    via = f" via {entry.via}" if entry.via else ""
    if entry.digits is not None:
        return f"digits {entry.digits}{via}"
    if entry.pattern is not None:
        return f"digits that match '{entry.pattern}'{via}"
    return f"digits that contain {entry.contains}{via}"


def _is_met(entry: Entry, typed: str) -> bool:
    if entry.digits is not None:
        return typed == entry.digits
    if entry.pattern is not None:
        return re.fullmatch(entry.pattern, typed) is not None
    return entry.contains is not None and entry.contains in typed


def _may_become(entry: Entry, typed: str) -> bool:
    """Whether more digits could still make it the entry; for patterns nobody knows, so yes."""
    return entry.digits is None or entry.digits.startswith(typed)
