"""Tasks with an owner: they end with it, and their errors are heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from botkit.owned import OwnedTasks


def run(scene: Callable[[OwnedTasks, list[str]], Awaitable[None]]) -> None:
    async def main() -> None:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context["message"]))
        await scene(OwnedTasks("a test's"), said)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_they_end_with_their_owner() -> None:
    """Closing ends all of them, also one that another begins while it ends."""

    async def scene(owned: OwnedTasks, said: list[str]) -> None:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                owned.start(asyncio.sleep(3600), "late")

        owned.start(stubborn(), "stubborn")
        await asyncio.sleep(0)
        await owned.close()
        assert not said

    run(scene)


def test_some_end_first() -> None:
    """Those of a name can be ended alone."""

    async def scene(owned: OwnedTasks, said: list[str]) -> None:
        call = owned.start(asyncio.sleep(3600), "call 1")
        line = owned.start(asyncio.sleep(3600), "line")
        await owned.cancel("call ")
        assert call.cancelled()
        assert not line.done()
        await owned.close()

    run(scene)


def test_some_may_finish() -> None:
    """Those that may not be cut short can be waited for."""

    async def scene(owned: OwnedTasks, said: list[str]) -> None:
        done: list[str] = []

        async def last_words() -> None:
            await asyncio.sleep(0)
            done.append("said")

        owned.start(last_words(), "one")
        await owned.wait()
        assert done == ["said"]
        await owned.wait()  # there are none any more

    run(scene)


def test_errors_are_heard() -> None:
    """What goes wrong in one is told to the loop, with the names of owner and task."""

    async def scene(owned: OwnedTasks, said: list[str]) -> None:
        async def broken() -> None:
            raise ValueError("no")

        task = owned.start(broken(), "one")
        await asyncio.wait((task,))
        await asyncio.sleep(0)
        assert said == ["a test's task 'one' failed"]

    run(scene)
