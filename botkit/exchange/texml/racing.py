"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from typing import Any

from botkit.clock import to_the_end
from botkit.exchange.refusal import CommandRefused


async def race(**work: Coroutine[Any, Any, Any]) -> dict[str, Any]:
    """Run all until one is done; what is not done by then is cancelled. Gives the results of those that are, by name.

    Raises what one of them raised. A cancelled caller cancels all, and is back when they have ended.
    """
    tasks = {name: asyncio.ensure_future(one) for name, one in work.items()}
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks.values():
            task.cancel()
        await to_the_end(_ended(set(tasks.values())))
    return {name: task.result() for name, task in tasks.items() if not task.cancelled()}


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: `result` raises it, unless the caller is being cancelled


async def settled(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of them is; none is touched by a cancelled caller."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def lasting(sound: Awaitable[None]) -> None:
    """A sound that accompanies something else: where it ends, or cannot be had, silence follows until cancelled."""
    with contextlib.suppress(CommandRefused):
        await sound
    await asyncio.get_running_loop().create_future()
