"""Waiting for what real sockets do in their own time."""

import asyncio
from collections.abc import Callable

PATIENCE = 15.0
"""Seconds to wait for something that takes milliseconds: a busy machine is no failure."""


async def until(condition: Callable[[], object], *, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Return when the condition holds; `meanwhile` is called each time round, as the beat would be."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)
            meanwhile()
