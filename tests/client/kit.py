"""Calls in virtual time: an exchange in memory, two clients, and a call between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.clock import Clock
from botkit.exchange.exchange import Exchange, run_exchange

NUMBER = "+18005550100"


@dataclass
class Stage:
    """An exchange, a caller and who is called."""

    exchange: Exchange
    alice: Client
    bob: Client
    incoming: asyncio.Queue[Call]
    """Calls that have come to bob."""

    @property
    def clock(self) -> Clock:
        return self.exchange.clock

    async def dial(self, **options: Any) -> tuple[Call, Call]:
        """A call that rings: alice's end and bob's."""
        near = await self.alice.dial(NUMBER, **options)
        return near, await self.incoming.get()

    async def call(self, **options: Any) -> tuple[Call, Call]:
        """A call that is up: alice's end and bob's."""
        near, far = await self.dial(**options)
        await far.answer()
        await near.answered()
        return near, far


@contextlib.asynccontextmanager
async def stage(**options: Any) -> AsyncIterator[Stage]:
    """The stage; `options` are those of both clients."""
    async with run_exchange(port=None) as exchange:
        alice = Client(exchange.account("alice"), connect_line=exchange.connect, **options)
        bob = Client(exchange.account("bob", NUMBER), connect_line=exchange.connect, **options)
        incoming: asyncio.Queue[Call] = asyncio.Queue()
        bob.on("incoming", incoming.put_nowait)
        async with alice, bob:
            yield Stage(exchange, alice, bob, incoming)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run `scene(stage)` in virtual time; it leaves no task, no call and nothing on the beat."""

    async def main() -> None:
        async with stage(**options) as whole:
            async with asyncio.timeout(600.0):  # of virtual time: what waits for ever fails, and does not hang
                await scene(whole)
            plane = whole.exchange.plane
        assert not whole.alice.calls
        assert not whole.bob.calls
        assert len(plane.pacer) == 0
        assert plane.network is not None
        assert not plane.network.ends
        assert not any(plane.hearing.bank._wanted)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def about(seconds: float | list[float], by: float = 0.05) -> Any:
    """So many seconds, give or take a few beats."""
    return pytest.approx(seconds, abs=by)
