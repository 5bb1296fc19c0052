"""`caps`: how many calls at once, how many a second, how many minutes in all (design of accounts file)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.settings import Caps


class Limits:
    """Admission for calls that a run places."""

    def __init__(self, caps: Caps, clock: Clock) -> None:
        self._caps = caps
        self._clock = clock
        self._slots = asyncio.Semaphore(caps.concurrent) if caps.concurrent is not None else None
        self._next = 0.0
        self._spent = 0.0
        self._running: dict[object, float] = {}
        self._used_up: ConfigError | None = None

    @contextlib.asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for a place, and for the rate. A cancelled caller gives its place back.

        Raises `ConfigError` once the minutes are used up.
        """
        async with self._slots or contextlib.nullcontext():
            if self._caps.per_second:
                now = self._clock.now()
                at = max(now, self._next)
                self._next = at + 1 / self._caps.per_second
                await self._clock.sleep(at - now)
            if self._used_up is not None:
                raise ConfigError(str(self._used_up.args[0]), hint=self._used_up.hint)
            yield

    def answered(self, call: object) -> None:
        """A call's time counts from here."""
        self._running[call] = self._clock.now()

    def ended(self, call: object) -> None:
        """It counts no more."""
        began = self._running.pop(call, None)
        if began is not None:
            self._spent += self._clock.now() - began

    async def watch(self, stop: Callable[[ConfigError], None]) -> None:
        """Call `stop` when the minutes are used up; returns then, or never. Its owner cancels it."""
        if self._caps.minutes is None:
            return
        while True:
            now = self._clock.now()
            used = self._spent + sum(now - began for began in self._running.values())
            left = self._caps.minutes * 60 - used
            if left <= 0:
                self._used_up = ConfigError(
                    f"the run has used its {self._caps.minutes:g} minutes of calls",
                    hint="raise caps.minutes in botkit.yaml",
                )
                stop(self._used_up)
                return
            await self._clock.sleep(max(0.05, min(1.0, left / max(1, len(self._running)))))
