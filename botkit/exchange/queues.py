"""All queues of an exchange by name. A queue is made by the first leg that enters it, or by REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from botkit.clock import Clock
from botkit.exchange.leg import Leg
from botkit.exchange.queue import MAX_SIZE, Entry, Queue, QueuePlan, Reason
from botkit.exchange.refusal import CommandRefused, not_found

EMPTY_FOR = 300.0
"""Seconds after which an empty queue vanishes ([POL]; [DOC] "after a while")."""


class Queues:
    """The registry. `take_out` takes a leg out of where it is, and parks it; `start` runs work in an owned task."""

    def __init__(
        self,
        clock: Clock,
        take_out: Callable[[Leg], None],
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._clock = clock
        self._take_out = take_out
        self._start = start
        self._queues: dict[str, Queue] = {}
        self._empty_since: dict[Queue, float] = {}

    def __iter__(self) -> Iterator[Queue]:
        """In the order in which they were made."""
        self._forget()
        return iter(tuple(self._queues.values()))

    def find(self, name: str) -> Queue | None:
        """None: nobody knows it."""
        self._forget()
        return self._queues.get(name)

    def get(self, name: str) -> Queue:
        """Raises `CommandRefused` 10005 (404)."""
        if (queue := self.find(name)) is None:
            raise not_found("The requested queue")
        return queue

    def create(self, name: str, max_size: int = MAX_SIZE) -> Queue:
        """An empty one; the one that is there where it is alike. Raises `CommandRefused` 90037 where it is not."""
        queue = self.find(name)
        if queue is None:
            queue = self._queues[name] = Queue(self._clock, name, max_size, self._emptied)
            self._emptied(queue)
        elif queue.max_size != max_size:
            raise CommandRefused("90037", f"The queue exists already, with a max_size of {queue.max_size}.")
        return queue

    def delete(self, name: str) -> None:
        """Everybody in it leaves it and is parked. Raises `CommandRefused` 10005."""
        queue = self.get(name)
        for entry in queue.entries:
            entry.keep_after_hangup = False
            queue.remove(entry, "leave")
        self._queues.pop(name, None)
        self._empty_since.pop(queue, None)

    def enqueue(self, leg: Leg, name: str, plan: QueuePlan, *, stays: bool = False) -> Entry:
        """Put a leg at the end; a bridge or conference that it was in, it leaves, or (`stays`) keeps.

        Raises `CommandRefused`: 90038 in a queue already, 90036 full, 90037 for a size that is not the queue's.
        """
        queue = self.check(leg, name, plan)
        beneath = leg.place if stays else None
        if leg.place is not None and not stays:  # what is played to one who is in no place plays on
            self._take_out(leg)
        if queue is None:
            queue = self.create(name, plan.max_size or MAX_SIZE)
        entry = queue.add(leg, plan, beneath)
        self._empty_since.pop(queue, None)
        if plan.max_wait is not None:
            entry.timer = self._start(self._runs_out(entry, plan.max_wait), f"queue {queue.id} {leg.id}")
        return entry

    def check(self, leg: Leg, name: str, plan: QueuePlan) -> Queue | None:
        """Whether it may be put there; gives the queue, None where it is still to be made. Raises as `enqueue`."""
        if isinstance(leg.place, Entry):
            raise CommandRefused("90038", f"The call is in the queue {leg.place.queue.name!r} already.")
        queue = self.find(name)
        if queue is None:
            return None
        if plan.max_size is not None and plan.max_size != queue.max_size:
            raise CommandRefused("90037", f"The queue's max_size is {queue.max_size}.", pointer="/max_size")
        if len(queue) >= queue.max_size:
            raise CommandRefused("90036", f"The '{name}' queue is full and can't accept more calls.")
        return queue

    def entry(self, leg: Leg) -> Entry:
        """The entry of a leg that waits. Raises `CommandRefused` 90035."""
        if not isinstance(leg.place, Entry):
            raise CommandRefused("90035", "The call is in no queue.", pointer="/call_control_id")
        return leg.place

    def leave(self, leg: Leg, reason: Reason = "leave") -> None:
        """Take a leg out; it stays parked. Raises `CommandRefused` 90035."""
        entry = self.entry(leg)
        entry.queue.remove(entry, reason)

    def take_head(self, name: str) -> Leg:
        """Take the first living leg out, to be bridged: it is out even if that fails.

        Raises `CommandRefused` 90033 for a queue with nobody in it.
        """
        queue = self.find(name)
        head = queue.head if queue is not None else None
        if queue is None or head is None:
            raise CommandRefused("90033", f"Nobody waits in the '{name}' queue.", pointer="/queue")
        queue.remove(head, "bridged")
        return head.leg

    def hung_up(self, leg: Leg) -> None:
        """A leg is over: it waits no more. For `Switch.when_over`, so that it is told before the hang-up."""
        if isinstance(leg.place, Entry):
            leg.place.leave(leg)

    async def _runs_out(self, entry: Entry, seconds: float) -> None:
        await self._clock.sleep(seconds)
        entry.timer = None
        entry.queue.remove(entry, "timeout")

    def _emptied(self, queue: Queue) -> None:
        self._empty_since[queue] = self._clock.now()

    def _forget(self) -> None:
        now = self._clock.now()
        for queue, since in list(self._empty_since.items()):
            if now - since >= EMPTY_FOR:
                del self._empty_since[queue]
                self._queues.pop(queue.name, None)
