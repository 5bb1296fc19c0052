"""The clock that is moved by hand."""

from __future__ import annotations

import asyncio

from botkit.testing import ManualClock


def test_manual_clock_stands_still_until_advanced() -> None:
    """Sleepers wake in the order of their times, each at its own time."""

    async def main() -> None:
        clock = ManualClock(start=10.0, wall=1000.0)
        woken: list[tuple[str, float]] = []

        async def sleep(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.now()))

        tasks = [asyncio.create_task(sleep(name, seconds)) for name, seconds in (("b", 2.0), ("a", 1.0), ("c", 5.0))]
        await clock.advance(3.0)
        assert woken == [("a", 11.0), ("b", 12.0)]
        assert (clock.now(), clock.wall()) == (13.0, 1003.0)
        await clock.advance(2.0)
        await asyncio.gather(*tasks)
        assert woken[-1] == ("c", 15.0)

    asyncio.run(main())


def test_manual_clock_times_out() -> None:
    """A time-out on the manual clock strikes when the clock passes it, and not when the work was done before."""

    async def main() -> None:
        clock = ManualClock()

        async def work(seconds: float, limit: float | None) -> str:
            try:
                async with clock.timeout(limit):
                    await clock.sleep(seconds)
            except TimeoutError:
                return "late"
            return "done"

        tasks = [asyncio.create_task(work(*each)) for each in ((1, 2), (3, 2), (3, None))]
        await clock.advance(4)
        assert [await task for task in tasks] == ["done", "late", "done"]

    asyncio.run(main())
