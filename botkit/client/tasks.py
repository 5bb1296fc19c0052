"""The tasks that a client owns: none outlives it, and none fails unheard."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Work that goes on beside the line: handlers, answers, calls that are being closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._finishing: set[asyncio.Task[Any]] = set()  # what may not be cut short

    def start(self, work: Coroutine[Any, Any, Any], name: str, *, finish: bool = False) -> asyncio.Task[Any]:
        """Run `work` until it is done or `end` is called. `finish`: it is waited for then, not cancelled."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        (self._finishing if finish else self._tasks).add(task)
        task.add_done_callback(self._over)
        return task

    async def end(self) -> None:
        """Cancel all, and wait until they are over."""
        for task in list(self._tasks):
            task.cancel()
        if tasks := self._tasks | self._finishing:
            await asyncio.wait(tasks)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._finishing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"client task {task.get_name()!r} failed", "exception": error, "task": task}
            )
