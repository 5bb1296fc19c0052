"""Lines in memory."""

from __future__ import annotations

import asyncio

import pytest

from botkit import clock
from botkit.signalling import LineClosed, memory_lines


def virtual(main):
    """Run in virtual time; returns the result and the seconds that it took there."""

    async def timed():
        loop = asyncio.get_running_loop()
        result = await main(loop.clock)  # type: ignore[attr-defined]
        return result, loop.time()

    return clock.run(timed(), virtual=True)


def test_frames_arrive_in_order_both_ways():
    """At once, without a hook."""

    async def main(time):
        one, other = memory_lines(time)
        for text in "abc":
            await one.send(text)
        await other.send("x")
        return [await other.receive() for _ in range(3)], await one.receive()

    assert virtual(main) == ((["a", "b", "c"], "x"), 0.0)


def test_receive_waits_for_a_frame():
    """And takes it when it comes."""

    async def main(time):
        one, other = memory_lines(time)
        async with asyncio.TaskGroup() as group:
            heard = group.create_task(other.receive())
            await time.sleep(5)
            await one.send("late")
        return heard.result()

    assert virtual(main) == ("late", 5.0)


def test_a_hook_drops_and_delays():
    """None loses a frame; a slow one holds up those behind it, as on any stream."""

    async def main(time):
        under_way = {"lost": None, "slow": 3.0, "quick": 0.0}
        one, other = memory_lines(time, forth=under_way.__getitem__)
        for text in under_way:
            await one.send(text)
        return await other.receive(), await other.receive()

    assert virtual(main) == (("slow", "quick"), 3.0)


def test_a_cancelled_receive_loses_nothing():
    """Neither while it waits for a frame, nor while one is under way."""

    async def main(time):
        one, other = memory_lines(time, forth=lambda text: 2.0)
        for send in (False, True):
            if send:
                await one.send("kept")
            with pytest.raises(TimeoutError):
                async with time.timeout(1):
                    await other.receive()
        return await other.receive()

    assert virtual(main) == ("kept", 3.0)


def test_a_close_is_heard_after_what_came_before_it():
    """With its code and reason; afterwards nothing can be sent by either end."""

    async def main(time):
        one, other = memory_lines(time)
        await one.send("last words")
        await one.close(4000, "bye")
        await one.close()
        assert await other.receive() == "last words"
        for end in (one, other):
            with pytest.raises(LineClosed) as caught:
                await end.receive()
            assert (caught.value.code, caught.value.reason) == (4000, "bye")
            with pytest.raises(LineClosed):
                await end.send("x")

    virtual(main)


def test_a_close_wakes_who_waits():
    """On the other end."""

    async def main(time):
        one, other = memory_lines(time)
        waiting = asyncio.create_task(other.receive())
        await time.sleep(1)
        await one.close()
        with pytest.raises(LineClosed):
            await waiting

    virtual(main)


def test_a_cut_line_loses_what_was_under_way():
    """Without a word: code 1006."""

    async def main(time):
        one, other = memory_lines(time, forth=lambda text: 1.0)
        await one.send("never")
        one.cut()
        with pytest.raises(LineClosed) as caught:
            await other.receive()
        assert caught.value.code == 1006

    virtual(main)
