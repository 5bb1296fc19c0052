"""A clock that is moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any


class ManualClock:
    """A clock that stands still until `advance`. Sleepers and time-outs wake in the order of their times."""

    def __init__(self, start: float = 0.0, wall: float | None = None) -> None:
        self._now = start
        self._wall = (time.time() if wall is None else wall) - start
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall + self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by `seconds`. A cancelled caller loses nothing."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._at(self._now + seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Any]:
        """As `asyncio.timeout`, on this clock."""
        return self._timeout(seconds)

    async def advance(self, seconds: float) -> None:
        """Move on by `seconds`, letting everybody who is due on the way run first."""
        end = self._now + seconds
        await _settle()
        while self._due and self._due[0][0] <= end:
            self._now, _, future = heapq.heappop(self._due)
            if not future.done():
                future.set_result(None)
            await _settle()
        self._now = end
        await _settle()

    def _at(self, moment: float) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._due, (moment, next(self._numbers), future))
        return future

    @asynccontextmanager
    async def _timeout(self, seconds: float | None) -> AsyncIterator[None]:
        if seconds is None:
            yield
            return
        loop = asyncio.get_running_loop()
        due = self._at(self._now + seconds)
        try:
            async with asyncio.timeout(None) as scope:
                due.add_done_callback(lambda f: None if f.cancelled() else scope.reschedule(loop.time()))
                yield
        finally:
            due.cancel()


async def _settle(turns: int = 20) -> None:
    """Let whatever is ready run, and what that wakes."""
    for _ in range(turns):
        await asyncio.sleep(0)
