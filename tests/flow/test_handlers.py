"""Handlers by themselves: moments that a whole flow meets too seldom for a test."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

from botkit import clock
from botkit.flow.document import Handler
from botkit.flow.handlers import Event, Handling
from botkit.results import Place


@pytest.mark.parametrize("mode", ["queue", "restart", "ignore", "parallel"])
def test_an_event_just_after_the_last_step_is_handled(mode: Literal["queue", "restart", "ignore", "parallel"]) -> None:
    """An event between the end of a run and the end of its task has a run, and the handler comes to rest."""
    seen: list[Any] = []
    rests: list[bool] = []

    async def start(handler: Handler, event: Event) -> None:
        seen.append(event["n"])

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            handler = Handler("dtmf", (), Place("f.yaml", 1, 1), mode=mode)
            handling = Handling(handler, group.create_task, start, lambda: rests.append(handling.busy))
            handling.fire({"n": 1})
            await asyncio.sleep(0)  # the run is done, and its task is about to say so
            assert handling.runs == 1
            handling.fire({"n": 2})
        assert not handling.busy

    clock.run(main(), virtual=True)
    assert seen == [1, 2]
    assert rests == [False]


def test_a_run_that_is_cut_off_leaves_nothing_waiting() -> None:
    """What waited for a run that was cancelled is not waited for."""

    async def start(handler: Handler, event: Event) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []

        def spawn(work: Any) -> asyncio.Task[None]:
            tasks.append(loop.create_task(work))
            return tasks[-1]

        handling = Handling(Handler("dtmf", (), Place("f.yaml", 1, 1)), spawn, start, lambda: None)
        for n in range(3):
            handling.fire({"n": n})
        await asyncio.sleep(1)
        tasks[0].cancel()
        await asyncio.sleep(1)
        assert not handling.busy
        assert len(tasks) == 1

    clock.run(main(), virtual=True)
