"""Signals: latched facts of a run."""

from __future__ import annotations

import asyncio

import pytest

from botkit import clock
from botkit.flow.signals import Signals


def test_signal_wakes_who_waits_for_it() -> None:
    """A waiter gets the first signal of that name whose data match; a cancelled one is forgotten."""

    async def main() -> None:
        signals = Signals()
        two = asyncio.create_task(signals.wait("n", lambda data: data == 2))
        gone = asyncio.create_task(signals.wait("n"))
        await asyncio.sleep(0)
        gone.cancel()
        signals.give("n", 1)
        assert await signals.wait("n") == 1
        signals.give("n", 2)
        assert await two == 2
        assert signals.given("n")
        assert not signals.given("m")

    clock.run(main(), virtual=True)


def test_waiter_pays_for_its_own_condition() -> None:
    """A condition that raises hits the waiter, not the one who signals."""

    async def main() -> None:
        signals = Signals()
        task = asyncio.create_task(signals.wait("n", lambda data: bool(1 / data)))
        await asyncio.sleep(0)
        signals.give("n", 0)
        with pytest.raises(ZeroDivisionError):
            await task

    clock.run(main(), virtual=True)
