"""Caps: how many calls at once, how many a second, how many minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.errors import ConfigError
from botkit.runner.limits import Limits
from botkit.settings import Caps


def with_limits(caps: Caps, scene: Callable[[Limits], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        await scene(Limits(caps, loop.clock))

    clock.run(whole(), virtual=True)


async def calls(limits: Limits, count: int, length: float) -> list[tuple[float, int]]:
    """So many calls of that length, all wanted at once: when each was admitted, and how many there were then."""
    now = asyncio.get_running_loop().time
    admitted: list[tuple[float, int]] = []
    at_once = 0

    async def call() -> None:
        nonlocal at_once
        async with limits.admitted():
            at_once += 1
            admitted.append((round(now(), 6), at_once))
            await asyncio.sleep(length)
            at_once -= 1

    await asyncio.gather(*(call() for _ in range(count)))
    return admitted


def test_no_caps() -> None:
    """Without caps everybody is admitted at once."""

    async def scene(limits: Limits) -> None:
        assert {at for at, _ in await calls(limits, 50, 1)} == {0}

    with_limits(Caps(), scene)


def test_concurrent() -> None:
    """No more at once than allowed; the others wait and all get their turn."""

    async def scene(limits: Limits) -> None:
        admitted = await calls(limits, 7, 10)
        assert max(at_once for _, at_once in admitted) == 3
        assert [at for at, _ in admitted] == [0, 0, 0, 10, 10, 10, 20]

    with_limits(Caps(concurrent=3), scene)


def test_per_second() -> None:
    """Calls that are wanted at once leave at the rate."""

    async def scene(limits: Limits) -> None:
        assert [at for at, _ in await calls(limits, 4, 0)] == [0, 0.5, 1, 1.5]
        await asyncio.sleep(10)
        began = asyncio.get_running_loop().time()  # quiet time gives no right to a burst
        assert [at - began for at, _ in await calls(limits, 3, 0)] == pytest.approx([0, 0.5, 1])

    with_limits(Caps(per_second=2), scene)


def test_cancelled_caller_gives_its_place_back() -> None:
    """Who gives up while waiting or while calling takes no place with him."""

    async def scene(limits: Limits) -> None:
        tasks = [asyncio.ensure_future(calls(limits, 1, 100)) for _ in range(2)]
        await asyncio.sleep(1)
        for task in reversed(tasks):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await calls(limits, 1, 1) == [(1, 1)]

    with_limits(Caps(concurrent=1), scene)


def test_failed_call_gives_its_place_back() -> None:
    """An error leaves the place to the next."""

    async def scene(limits: Limits) -> None:
        with pytest.raises(ValueError, match="no"):
            async with limits.admitted():
                raise ValueError("no")
        assert await calls(limits, 1, 1)

    with_limits(Caps(concurrent=1), scene)


def test_minutes() -> None:
    """The answered time of all calls is added up; when it is used up, that is told once, with a hint."""

    async def scene(limits: Limits) -> None:
        told: list[tuple[float, ConfigError]] = []
        loop = asyncio.get_running_loop()
        watching = asyncio.ensure_future(limits.watch(lambda fault: told.append((loop.time(), fault))))
        limits.answered("one")
        await asyncio.sleep(30)
        limits.ended("one")
        limits.ended("one")  # told twice, it counts once
        await asyncio.sleep(60)  # nobody speaks: nothing is used
        assert not told
        limits.answered("two")
        limits.answered("three")
        await asyncio.sleep(44)
        assert not told
        await asyncio.wait_for(watching, 5)
        ((at, fault),) = told
        assert at == pytest.approx(30 + 60 + 45, abs=1.1)
        assert "2 minutes" in str(fault)
        assert "caps.minutes" in (fault.hint or "")

    with_limits(Caps(minutes=2), scene)


def test_no_minutes() -> None:
    """Without that cap there is nothing to watch."""

    async def scene(limits: Limits) -> None:
        await limits.watch(lambda fault: pytest.fail("told"))

    with_limits(Caps(concurrent=1), scene)
