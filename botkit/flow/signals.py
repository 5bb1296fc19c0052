"""Signals: latched facts that the bots of one run tell each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Signals:
    """The signals of one run, shared by all its bots. A signal once given stays given.

    Given again, it carries the new data; whoever waits then is asked about each in turn.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._waiting: dict[str, list[tuple[Callable[[Any], bool], asyncio.Future[Any]]]] = {}

    def give(self, name: str, data: Any = None) -> None:
        """Tell everybody. Waiters wake in the order in which they began to wait."""
        self._given[name] = data
        for matches, waiter in self._waiting.pop(name, []):
            if waiter.done():
                continue
            try:
                if matches(data):
                    waiter.set_result(data)
                else:
                    self._waiting.setdefault(name, []).append((matches, waiter))
            except Exception as error:  # the waiter's own condition is at fault, not the one who signals
                waiter.set_exception(error)

    def given(self, name: str) -> bool:
        """Whether the signal has been given."""
        return name in self._given

    async def wait(self, name: str, matches: Callable[[Any], bool] = lambda data: True) -> Any:
        """The signal's data, at once when it was given before. Raises what `matches` raises.

        A cancelled caller loses nothing: the signal stays given.
        """
        if name in self._given and matches(self._given[name]):
            return self._given[name]
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        entry = (matches, waiter)
        self._waiting.setdefault(name, []).append(entry)
        try:
            return await waiter
        finally:
            waiting = self._waiting.get(name, [])
            if entry in waiting:
                waiting.remove(entry)
