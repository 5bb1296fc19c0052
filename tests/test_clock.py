"""Time: the virtual loop, and clean-up that is not cut short."""

from __future__ import annotations

import asyncio

import pytest

from botkit import clock


def test_virtual_time_passes_at_once() -> None:
    """An hour of waiting takes no time, and every clock of the loop agrees on it."""

    async def whole() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        wall = loop.clock.wall()
        await asyncio.sleep(3600)
        assert loop.time() == loop.clock.now() == pytest.approx(3600)
        assert loop.clock.wall() - wall == pytest.approx(3600)

    clock.run(whole(), virtual=True)


def test_virtual_time_waits_for_executors() -> None:
    """Work in a thread belongs to the present: no timer fires before it is done."""

    async def whole() -> None:
        loop = asyncio.get_running_loop()
        timer = asyncio.ensure_future(asyncio.sleep(0.001))
        await loop.run_in_executor(None, sum, range(1_000_000))
        assert loop.time() == 0
        await timer

    clock.run(whole(), virtual=True)


def test_virtual_time_that_stands_still() -> None:
    """Where nobody can ever run again, that is said instead of hanging."""

    async def whole() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="stands still"):
        clock.run(whole(), virtual=True)


def test_to_the_end_gives_the_result() -> None:
    """The result of the work, or its error."""

    async def fails() -> None:
        raise ValueError("no")

    async def whole() -> None:
        assert await clock.to_the_end(asyncio.sleep(1, "done")) == "done"
        with pytest.raises(ValueError, match="no"):
            await clock.to_the_end(fails())

    clock.run(whole(), virtual=True)


def test_to_the_end_outlasts_cancellations() -> None:
    """Cancelled twice, the work is done before the cancellation goes on."""

    async def whole() -> None:
        done = []

        async def work() -> None:
            await asyncio.sleep(10)
            done.append(asyncio.get_running_loop().time())

        task = asyncio.ensure_future(clock.to_the_end(work()))
        for _ in range(2):
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [10]

    clock.run(whole(), virtual=True)
