"""Branches side by side: tasks that end together, for `parallel` and `race`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from botkit.flow.scope import Scope

if TYPE_CHECKING:
    from botkit.flow.schema import Steps

Branch = str | int
"""A branch's name or, where branches are a list, its index from 0."""


@asynccontextmanager
async def side_by_side(scope: Scope, lists: Mapping[Branch, Steps]) -> AsyncIterator[dict[asyncio.Task[None], Branch]]:
    """Start a task for each list of steps. On the way out, those that still run are cancelled and awaited."""
    tasks = {
        asyncio.create_task(scope.run_steps(steps), name=f"{scope.path}/{branch}"): branch
        for branch, steps in lists.items()
    }
    try:
        yield dict(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def next_to_end(tasks: dict[asyncio.Task[None], Branch]) -> tuple[asyncio.Task[None], Branch]:
    """Take out of `tasks` the next one to end; of those that have, the one that was written first.

    A cancelled caller loses nothing.
    """
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    task = next(task for task in tasks if task.done())
    return task, tasks.pop(task)
