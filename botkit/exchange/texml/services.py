"""What all programs of an exchange share: its web clerk, its clock, and who else is driven by a document."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botkit.clock import Clock
from botkit.exchange.texml.callbacks import Callbacks
from botkit.exchange.texml.fetch import Fetcher
from botkit.exchange.texml.records import Records


class Owned:
    """Tasks with an owner: errors in them reach the event loop, and `close` ends them all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"TeXML task {task.get_name()!r} failed", "exception": error, "task": task}
            )

    async def close(self) -> None:
        """Cancel all, and wait until they have ended."""
        while self._tasks:
            tasks = set(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@dataclass(slots=True)
class Services:
    """`driven` are the sids of legs with a program of their own, which no other program hangs up."""

    clock: Clock
    fetcher: Fetcher
    callbacks: Callbacks
    account_sid: str
    owned: Owned = field(default_factory=Owned)
    records: Records = field(init=False)
    driven: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.records = Records(self.clock)

    def now_text(self) -> str:
        """Now, as callbacks have it: `2024-01-15T10:30:26.028Z`."""
        return time_text(self.clock.wall())


def time_text(wall: float) -> str:
    """Seconds since 1970 as an ISO time with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
