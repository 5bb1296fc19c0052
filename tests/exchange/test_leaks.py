"""Calls of every kind leave nothing: no leg, no path, no task, no entry anywhere."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest

from botkit.exchange.conference import ConferencePlan
from botkit.exchange.conferences import KEPT
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.queue import QueuePlan
from botkit.exchange.rest.bodies import Transfer
from botkit.exchange.rest.dialling import transfer
from tests.exchange.kit import until
from tests.exchange.test_crossing import Crossing, cross

REMEMBERED = {"LegStatus", "Call", "Parties"}
"""Of legs that ended the status is kept, for ten minutes and by number; and what a line's protocol knows of its last
calls, by number."""


async def direct(at: Crossing) -> None:
    call = await at.alice.dial("100")
    await until(lambda: call.is_up)
    await at.alice.modify(call, "hold")
    await asyncio.sleep(0.05)
    await at.alice.hang_up(call)


async def refused(at: Crossing) -> None:
    at.bob.manner = "busy"
    call = await at.alice.dial("100")
    await until(lambda: call.id not in at.alice.calls)
    at.bob.manner = "answers"


async def bridged(at: Crossing) -> None:
    leg, other = await at.parked(), await at.dialled()
    at.exchange.platform.commands.bridge(leg, other)
    await until(lambda: leg.peer is other)
    at.exchange.platform.activities.of(leg).send_dtmf(digits="1")
    at.exchange.platform.commands.hang_up(other)


async def met(at: Crossing) -> None:
    one, other = await at.up("100"), await at.up("300")
    room = at.exchange.platform.conferences.create(one, ConferencePlan("room"))
    at.exchange.platform.queues.enqueue(other, "queue", QueuePlan(max_wait=60))
    at.exchange.platform.activities.of(other).gather(maximum_digits=1)
    await asyncio.sleep(0.05)
    room.end()
    at.exchange.platform.commands.hang_up(other)


async def transferred(at: Crossing) -> None:
    leg = await at.up("100")
    transfer(at.exchange, leg, Transfer(to="sip:carol@sip.telnyx.com"))
    await until(lambda: leg.peer is not None)
    at.exchange.platform.commands.hang_up(leg)


async def nowhere(at: Crossing) -> None:
    at.switch.dial(DialPlan(("999",), "+15550001", connection_id=at.application.id))


async def lost(at: Crossing) -> None:
    call = await at.alice.dial("100")
    await until(lambda: call.is_up)
    await at.alice.drop()
    await at.alice.log_in()
    await asyncio.sleep(0.3)
    assert call.id in at.alice.calls
    await at.alice.hang_up(call)


KINDS = [direct, refused, bridged, met, transferred, nowhere, lost]


def objects() -> Counter[str]:
    """How many there are of each class of ours, and of tasks and timers."""
    gc.collect()
    return Counter(
        type(one).__name__
        for one in gc.get_objects()
        if str(type(one).__module__).startswith("botkit.") or isinstance(one, (asyncio.Task, asyncio.TimerHandle))
    )


def leaves_nothing(calls: int) -> None:
    async def scene(at: Crossing) -> None:
        async def some(number: int) -> None:
            for index in range(number):
                await KINDS[index % len(KINDS)](at)
                await asyncio.sleep(0.1)
                at.office.phones = [phone for robot in at.robots if (phone := robot.line) is not None]
                for phone in at.office.phones:
                    phone.seen.clear()
            at.watch.told.clear()
            await asyncio.sleep(KEPT + 60)
            list(at.exchange.platform.conferences)  # what is looked at is cleared
            list(at.exchange.platform.queues)
            await nowhere(at)
            await asyncio.sleep(1.0)
            at.watch.told.clear()

        await some(2 * len(KINDS))
        before = objects()
        await some(calls)
        more = {name: count for name, count in (objects() - before).items() if name not in REMEMBERED}
        assert not any(count > 2 for count in more.values()), more

    cross(scene)


def test_calls_of_every_kind_leave_nothing() -> None:
    """As many objects as before."""
    leaves_nothing(5 * len(KINDS))


@pytest.mark.slow
def test_thousands_of_calls_leave_nothing() -> None:
    """The same after two thousand calls."""
    leaves_nothing(2002)
