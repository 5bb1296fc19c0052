"""Handlers: which events start which steps, and what happens when one comes while another runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from botkit.flow.document import Handler

Event = Mapping[str, Any]
"""What `event` is in expressions."""

Start = Callable[[Handler, Event], Awaitable[None]]

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None] | None"]
"""Makes a task in the call's group, or None when the group takes no more."""


class Handling:
    """One handler of one call, with its mode.

    `queue`: one event after the other; `restart`: the run under way is cancelled; `ignore`: the event
    is dropped while one runs; `parallel`: each event has its own run. `idle` is told whenever a run
    has come to its end and nothing of this handler is left to do.
    """

    def __init__(self, handler: Handler, spawn: Spawn, start: Start, idle: Callable[[], None]) -> None:
        self.handler = handler
        self.runs = 0
        """Runs that came to their end."""
        self._spawn = spawn
        self._start = start
        self._idle = idle
        self._queue: deque[Event] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._takes = False
        """A run is under way that will still look into the queue. Its task is there for a moment longer."""

    @property
    def busy(self) -> bool:
        """It runs, or has events waiting."""
        return bool(self._tasks or self._queue)

    def fire(self, event: Event) -> None:
        """The event has happened."""
        mode = self.handler.mode
        if self._takes and mode == "ignore":
            return
        if self._takes and mode == "queue":
            self._queue.append(event)
            return
        before = frozenset(self._tasks) if mode == "restart" else frozenset()
        for old in before:
            old.cancel()
        task = self._spawn(self._run(event, before))
        if task is not None:
            self._takes = True
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _run(self, event: Event, before: frozenset[asyncio.Task[None]]) -> None:
        if before:
            # What they play and listen to must be let go first.
            await asyncio.wait(before)
        try:
            await self._start(self.handler, event)
            self.runs += 1
            while self._queue:
                await self._start(self.handler, self._queue.popleft())
                self.runs += 1
        finally:
            self._takes = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._takes = False
            self._queue.clear()  # events are left only where the run was cut off
        if not self.busy:
            self._idle()
