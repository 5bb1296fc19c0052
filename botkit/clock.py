"""Time, which everything else takes by argument.

Three times have three names, and only this module knows where they come from:

- *now*: monotonic seconds; deadlines, latencies and recordings count in it;
- *media time*: RTP timestamps, in samples of the codec's clock (never from here);
- *wallclock*: seconds since 1970, for reports and file names only.

`MonotonicClock` is the machine's. `VirtualLoop` is an asyncio loop whose time passes only when
nothing is left to do, so that a two-minute call takes as long as its arithmetic; its clock is
`VirtualLoop.clock`. Both are the same `Clock` to all other code.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What the rest of botkit may know about time."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, for reports."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass. A cancelled caller loses nothing."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Any]:
        """A scope that raises `TimeoutError` when it takes longer than `seconds` (None: never)."""
        ...


class MonotonicClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Any]:
        return asyncio.timeout(seconds)


class VirtualClock(MonotonicClock):
    """The time of one `VirtualLoop`. Its wallclock starts at the real one and runs with it."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._wall = time.time()

    def now(self) -> float:
        return self.elapsed

    def wall(self) -> float:
        return self._wall + self.elapsed


class _JumpingSelector(selectors.BaseSelector):
    """Never waits: when nothing is ready, the virtual clock moves to the next deadline instead.

    Work in executors belongs to the present: while any is out, time stands still and the
    selector waits in earnest for its result.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._real = selectors.DefaultSelector()
        self._clock = clock
        self.jobs_out = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if self.jobs_out:
            return self._real.select(None)
        if timeout is None:
            raise RuntimeError("virtual time stands still: no timer is set and nobody is ready to run")
        self._clock.elapsed += max(timeout, 0.0)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. It is for in-memory lines; real sockets have no place on it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self._jumping = _JumpingSelector(self.clock)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self.clock.elapsed

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        self._jumping.jobs_out += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._job_back)
        return future

    async def shutdown_default_executor(self) -> None:
        self._jumping.jobs_out += 1  # it waits for a thread of its own
        try:
            await super().shutdown_default_executor()
        finally:
            self._jumping.jobs_out -= 1

    def _job_back(self, _future: asyncio.Future[Any]) -> None:
        self._jumping.jobs_out -= 1


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` whole; a caller that is cancelled meanwhile is cancelled when it is done.

    For clean-up, which a second cancellation must not leave half done. It has its own deadlines.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result


def run(main: Coroutine[Any, Any, T], *, virtual: bool = False) -> T:
    """Run `main` to its end on the right loop: virtual, else uvloop where it is installed."""
    if virtual:
        factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
    else:
        try:
            import uvloop
        except ImportError:  # pragma: no cover - platforms without uvloop
            factory = asyncio.new_event_loop
        else:
            factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory, debug=sys.flags.dev_mode) as runner:
        return runner.run(main)
