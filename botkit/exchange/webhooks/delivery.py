"""The way of events to their receivers: in order for each leg, at once for different legs, bounded in number.

Each leg has a queue and, while anything is in it, one task that sends its events one after the other: an event
leaves the queue when all its receivers have it or have been given up. An attempt asks a receiver's URLs in turn
(primary, failover) until one takes it; between attempts there is a pause. A URL that refuses for good is not
asked again.

A receiver that is dead for long fills its legs' queues; what comes then is dropped, logged, and told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from botkit.clock import Clock, to_the_end
from botkit.exchange.webhooks.chaos import Chaos
from botkit.exchange.webhooks.log import DeliveryLog
from botkit.exchange.webhooks.payload import Event
from botkit.exchange.webhooks.poster import Poster
from botkit.exchange.webhooks.targets import Target

log = logging.getLogger("botkit.exchange.webhooks")

QUEUE = 200
"""Events of one leg that may wait."""

ALL = 5000
"""Events that may wait altogether; some 5 kB each."""

HEAD_START = 0.01
"""Seconds that an event waits when none is before it: the reply to the command that caused it goes out first."""

GRACE = 1.0
"""Seconds that events under way have when the exchange closes."""

CLOSING = "the exchange is closing"

Lost = Callable[[str, Event], None]
"""Is told that no receiver has taken an event: its queue's key and the event."""


@dataclass(slots=True)
class _Item:
    event: Event
    targets: tuple[Target, ...]
    drawn: bool = False
    """Chaos has had its chance."""


@dataclass(slots=True)
class _Queue:
    key: str
    items: deque[_Item] = field(default_factory=deque)
    more: asyncio.Event = field(default_factory=asyncio.Event)


class Courier:
    """Sends events. `lost` is told, from the loop, of each that nobody took; not of those that closing cuts off."""

    def __init__(
        self,
        clock: Clock,
        poster: Poster,
        deliveries: DeliveryLog,
        *,
        lost: Lost | None = None,
        queue: int = QUEUE,
        most: int = ALL,
    ) -> None:
        self._clock = clock
        self._poster = poster
        self._deliveries = deliveries
        self._lost = lost
        self._longest, self._most = queue, most
        self._queues: dict[str, _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self.waiting = 0
        """Events in queues."""
        self.under_way = 0
        """Events that are being sent, or that pause between two attempts."""
        self.lost = 0
        """Events, ever, that no receiver has taken."""
        self.last_lost = ""
        """The type of the latest of them."""
        self.chaos: Chaos | None = None

    def send(self, key: str, event: Event, targets: Sequence[Target]) -> None:
        """Send an event after those of the same key. Never waits; one for which there is no room is dropped."""
        if self._closing:
            self._drop(event, CLOSING)
            return
        queue = self._queues.get(key)
        if self.waiting >= self._most or (queue is not None and len(queue.items) >= self._longest):
            self._drop(event, "too many events wait")
            self._tell_lost(key, event)
            return
        if queue is None:
            queue = self._queues[key] = _Queue(key)
            task = asyncio.get_running_loop().create_task(self._work(queue), name=f"webhooks {key}")
            self._tasks.add(task)
            task.add_done_callback(self._finished)
        queue.items.append(_Item(event, tuple(targets)))
        queue.more.set()
        self.waiting += 1

    async def settled(self) -> None:
        """Wait until every event has been delivered or given up. A cancelled caller loses nothing."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self, grace: float = GRACE) -> None:
        """Take no more; let what waits go out for `grace` seconds, then drop it. Returns when all tasks have ended."""
        self._closing = True
        await to_the_end(self._close(grace))

    async def _close(self, grace: float) -> None:
        try:
            async with self._clock.timeout(grace):
                await self.settled()
        except TimeoutError:
            pass
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._poster.close()

    # --- one queue -----------------------------------------------------------------------------------

    async def _work(self, queue: _Queue) -> None:
        try:
            await self._clock.sleep(HEAD_START)
            while queue.items:
                if self.chaos is not None:
                    await self._disturb(queue, self.chaos)
                item = queue.items.popleft()
                self.waiting -= 1
                self.under_way += 1
                try:
                    taken = await self._deliver(item)
                finally:
                    self.under_way -= 1
                if not taken:
                    self._tell_lost(queue.key, item.event)
        finally:
            for item in queue.items:  # none, unless it was cut short
                self._drop(item.event, CLOSING if self._closing else "an error of the exchange")
            self.waiting -= len(queue.items)
            del self._queues[queue.key]

    async def _disturb(self, queue: _Queue, chaos: Chaos) -> None:
        """Hold the head of the queue back, put its successor before it, double it: each event has its draws once."""
        head = queue.items[0]
        if head.drawn:
            return
        head.drawn = True
        if chaos.strikes(chaos.delay):
            await self._clock.sleep(chaos.delay_by)
        if chaos.strikes(chaos.duplicate):
            queue.items.insert(1, _Item(head.event, head.targets, drawn=True))
            self.waiting += 1
        elif chaos.strikes(chaos.swap) and await self._successor(queue, chaos.swap_within):
            queue.items[1].drawn = True
            queue.items[0], queue.items[1] = queue.items[1], head

    async def _successor(self, queue: _Queue, within: float) -> bool:
        """Whether a second event has come to the queue in time."""
        try:
            async with self._clock.timeout(within):
                while len(queue.items) < 2:
                    queue.more.clear()
                    await queue.more.wait()
        except TimeoutError:
            return False
        return True

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours; it must neither stop the others nor stay unheard.
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"task {task.get_name()!r} failed", "exception": error, "task": task}
            )

    # --- one event -----------------------------------------------------------------------------------

    async def _deliver(self, item: _Item) -> bool:
        """Whether any receiver has taken it."""
        if len(item.targets) == 1:
            return await self._to(item.targets[0], item.event)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._to(target, item.event)) for target in item.targets]
        return any(task.result() for task in tasks)

    async def _to(self, target: Target, event: Event) -> bool:
        """Whether the receiver has taken it, at last."""
        delivery = self._deliveries.begin(event)
        urls = list(target.urls)
        try:
            for attempt, pause in enumerate((0.0, *target.pauses), start=1):
                await self._clock.sleep(pause)
                for url in tuple(urls):
                    tried = await self._poster.send(
                        event, url, method=target.method, attempt=attempt, timeout=target.timeout
                    )
                    delivery.attempts.append(tried)
                    if tried.delivered:
                        delivery.status = "delivered"
                        return True
                    said = tried.error or f"status {tried.status}"
                    log.info("webhook.refused event=%s url=%s attempt=%d %s", event.event_type, url, attempt, said)
                    if not tried.worth_retrying:
                        urls.remove(url)
                if not urls:
                    break
        finally:
            if delivery.status is None:
                delivery.status = "failed"
        log.warning("webhook.failed event=%s id=%s urls=%s", event.event_type, event.id, " ".join(target.urls))
        return False

    def _drop(self, event: Event, why: str) -> None:
        self._deliveries.dropped(event, why)
        log.warning("webhook.dropped event=%s id=%s why=%s", event.event_type, event.id, why)

    def _tell_lost(self, key: str, event: Event) -> None:
        self.lost += 1
        self.last_lost = event.event_type
        if self._lost is not None:  # later: whoever told us of the event is not done with it
            asyncio.get_running_loop().call_soon(self._lost, key, event)
