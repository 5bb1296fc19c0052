"""Tasks that have an owner: what goes wrong in them is heard, and none outlives the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Start = Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]
"""Runs work in a task that somebody owns; the text is the task's name."""


class OwnedTasks:
    """The tasks of one owner. `whose` is said when one of them fails."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` in a task of its own."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours in one of them must not take the others with it, nor stay unheard.
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{self._whose} task {task.get_name()!r} failed", "exception": error, "task": task}
            )

    async def cancel(self, prefix: str = "") -> None:
        """Cancel those there are now whose name begins so, and wait until they have ended."""
        tasks = {task for task in self._tasks if task.get_name().startswith(prefix)}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def wait(self) -> None:
        """Wait until those there are now have ended by themselves."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Cancel all, those too that begin meanwhile, and wait until they have ended."""
        while self._tasks:
            await self.cancel()
