"""The events of one call: who is told, and what is remembered for those who ask later."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from botkit import events
from botkit.client.listening import Listening
from botkit.clock import Clock
from botkit.errors import ExpectationFailed, UsageError

KEPT = 1000
LATCHED = frozenset({"incoming", "ringing", "early_media", "answered", "ended"})
"""Events that happen once and stay true: a wait finds them however long ago they came."""


@dataclass(slots=True)
class Logged:
    """An event, when it happened (monotonic), and whether a wait has taken it."""

    at: float
    event: events.CallEvent
    taken: bool = False


Start = Callable[[Coroutine[Any, Any, Any], str], None]
"""Runs a coroutine in a task that somebody owns; the text is its name."""


def tell(handler: Callable[[Any], Any], what: Any, start: Start) -> None:
    """Call a handler; what it awaits goes on in a task of the client's.

    One that raises shall not hurt the line or the beat that told it: the loop hears of it.
    """
    try:
        result = handler(what)
        if inspect.iscoroutine(result):
            start(result, f"handler {getattr(handler, '__name__', handler)}")
    except Exception as error:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"the handler {handler!r} failed", "exception": error}
        )


class CallEvents:
    """Listeners, handlers by name, and the log that `wait` reads."""

    def __init__(
        self, clock: Clock, over: Callable[[], str | None], call_time: Callable[[float | None], float], start: Start
    ) -> None:
        self._clock = clock
        self._start = start
        self._over = over
        self._call_time = call_time
        self._listeners: list[Callable[[events.CallEvent], None]] = []
        self._handlers: dict[str, list[Callable[[Any], Any]]] = {}
        self._log: deque[Logged] = deque(maxlen=KEPT)

    def listen(self, handler: Callable[[events.CallEvent], None]) -> Callable[[], None]:
        """Call `handler` for each event from now on; the result unsubscribes."""
        self._listeners.append(handler)
        return lambda: self._listeners.remove(handler) if handler in self._listeners else None

    def on(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call `handler(event)` at each event of that name. Raises `UsageError` for a name that there is not."""
        if name not in events.CALL_EVENTS:
            raise UsageError(f"a call has no event {name!r}", hint=f"it has {', '.join(events.CALL_EVENTS)}")
        self._handlers.setdefault(name, []).append(handler)

    def off(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call it no more."""
        with contextlib.suppress(ValueError):
            self._handlers.get(name, []).remove(handler)

    def emit(self, event: events.CallEvent, at: float) -> None:
        """Tell everybody, and remember it as of `at` (monotonic)."""
        self._log.append(Logged(at, event))
        for handler in [*self._listeners, *self._handlers.get(event.name or "", ())]:
            tell(handler, event, self._start)

    async def wait(
        self, name: str, matches: Callable[[events.CallEvent], bool], within: float, listening: Listening
    ) -> events.CallEvent:
        """An event since the mark that no other wait took, or a latched one. Raises `ExpectationFailed`."""
        latched = name in LATCHED
        since = float("-inf") if latched else listening.mark
        deadline = self._clock.now() + within
        while True:
            for logged in self._log:
                if logged.event.name != name or logged.at < since or (logged.taken and not latched):
                    continue
                if matches(logged.event):
                    logged.taken = True
                    return logged.event
            over = self._over()
            if over is not None or self._clock.now() >= deadline:
                raise ExpectationFailed(
                    f"the event {name} within {within:g} s", over or "no such event", at=self._call_time(None)
                )
            await listening.wait_for_change(deadline)
