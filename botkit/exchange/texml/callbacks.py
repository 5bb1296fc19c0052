"""Notices to web servers: status callbacks, conference callbacks, actions of calls that have hung up.

Notices of one key (a leg, a conference) leave in the order in which they were given, each after the one before
has been delivered or given up. Giving one never waits, so a slow web server delays its notices and no call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from botkit.clock import Clock
from botkit.exchange.texml.errors import FetchFailed
from botkit.exchange.texml.fetch import Fetcher, HttpMethod
from botkit.log import logger

log = logger(__name__)

RETRIES = (1.0, 3.0)
"""Seconds before each further attempt."""
MOST_WAITING = 1000
"""So many notices of one key may wait; more are dropped, and the log says so."""
PATIENCE = 2.0
"""Seconds that `close` gives to notices under way."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One request. Any status from 200 to 299 delivers it; what is in the reply does not matter."""

    url: str
    method: HttpMethod
    fields: Mapping[str, str]


class Callbacks:
    """Sends notices. One task a key, for as long as the key has any."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._waiting: dict[str, deque[Notice]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def send(self, key: str, notice: Notice) -> None:
        """Send a notice after those that `key` has already. Never waits, never raises."""
        if self._closed:
            return
        waiting = self._waiting.setdefault(key, deque())
        if len(waiting) >= MOST_WAITING:
            log.error("texml.callback_dropped", key=key, url=notice.url)
            return
        waiting.append(notice)
        if key not in self._tasks:
            self._tasks[key] = asyncio.get_running_loop().create_task(self._drain(key), name=f"callbacks {key}")

    async def idle(self) -> None:
        """Wait until nothing waits."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def close(self) -> None:
        """No notice from now on; those under way have a short time to be delivered."""
        self._closed = True
        try:
            async with self._clock.timeout(PATIENCE):
                await self.idle()
        except TimeoutError:
            log.warning("texml.callbacks_given_up", number=sum(map(len, self._waiting.values())))
        finally:
            tasks = set(self._tasks.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _drain(self, key: str) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._deliver(waiting[0])
                waiting.popleft()
        finally:
            del self._tasks[key]
            del self._waiting[key]

    async def _deliver(self, notice: Notice) -> None:
        for pause in (*RETRIES, None):
            try:
                await self._fetcher.notify(notice.url, notice.method, notice.fields)
                return
            except FetchFailed as error:
                log.warning("texml.callback_failed", url=notice.url, reason=str(error), again=pause is not None)
            if pause is not None:
                await self._clock.sleep(pause)
