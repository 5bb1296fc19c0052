"""A line carries text frames both ways, in order: a WebSocket, or a pair of ends in memory.

`memory_lines()` stands in for a network where time is virtual or a test wants frames dropped or
delayed. Contract of all lines: one task receives, any task sends, frames arrive whole and in order,
and after a close (by either end) what had arrived is still received before `LineClosed` is raised.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from botkit.clock import Clock, MonotonicClock
from botkit.errors import NetworkFault


class LineClosed(NetworkFault):
    """The line is gone. `code` is the WebSocket close code (1006: without a word), `reason` the peer's."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the line is closed ({code}{f' {reason}' if reason else ''})")
        self.code = code
        self.reason = reason


class Line(Protocol):
    """One end of a line."""

    async def send(self, text: str) -> None:
        """Hand over one frame. Raises `LineClosed`. A cancelled caller does not know whether it was sent."""
        ...

    async def receive(self) -> str:
        """The next frame. Raises `LineClosed`. A cancelled caller loses nothing."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the line; closing twice is no error. The other end's `receive` raises `LineClosed`."""
        ...


Hook = Callable[[str], float | None]
"""What becomes of a frame: the seconds it is under way, or None when it is lost."""


def _at_once(_text: str) -> float:
    return 0.0


class MemoryLine:
    """One end of a pair; see `memory_lines`."""

    def __init__(self, clock: Clock, hook: Hook) -> None:
        self._clock = clock
        self._hook = hook
        self._peer: MemoryLine
        self._arrived: deque[tuple[float, str]] = deque()  # (due, text), in order
        self._news = asyncio.Event()
        self._closed: LineClosed | None = None

    async def send(self, text: str) -> None:
        if self._closed is not None:
            raise self._closed_error()
        under_way = self._hook(text)
        if under_way is not None:
            due = self._clock.now() + under_way
            waiting = self._peer._arrived
            # a slow frame holds up those behind it, as on any stream
            waiting.append((max(due, waiting[-1][0]) if waiting else due, text))
            self._peer._news.set()

    async def receive(self) -> str:
        while True:
            if self._arrived:
                due, text = self._arrived[0]
                if (wait := due - self._clock.now()) > 0:
                    await self._clock.sleep(wait)
                    continue
                self._arrived.popleft()
                return text
            if self._closed is not None:
                raise self._closed_error()
            self._news.clear()
            await self._news.wait()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        for end in (self, self._peer):
            if end._closed is None:
                end._closed = LineClosed(code, reason)
                end._news.set()

    def cut(self) -> None:
        """Lose the line without a word, and what was under way on it."""
        for end in (self, self._peer):
            end._arrived.clear()
            end._closed = LineClosed()
            end._news.set()

    def _closed_error(self) -> LineClosed:
        assert self._closed is not None
        return LineClosed(self._closed.code, self._closed.reason)  # each raise has its own traceback


def memory_lines(
    clock: Clock | None = None, *, forth: Hook = _at_once, back: Hook = _at_once
) -> tuple[MemoryLine, MemoryLine]:
    """Two ends of one line. `forth` decides about frames that the first end sends, `back` about the second's."""
    clock = clock or MonotonicClock()
    one, other = MemoryLine(clock, forth), MemoryLine(clock, back)
    one._peer, other._peer = other, one
    return one, other
