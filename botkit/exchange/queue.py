"""A queue: legs that wait in order, each until it is taken, leaves, hangs up, or has waited long enough.

A queue makes no sound and asks nothing of its legs: whoever is in it may be played to. Its entry is the leg's place,
so all that joins the leg elsewhere (a bridge, a transfer, a conference) takes it out.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botkit.clock import Clock
from botkit.exchange.leg import Leg, Place
from botkit.exchange.legs import LegStatus, status_of

MAX_SIZE = 100
"""[SDK] `max_size`, default 100."""

AVERAGED = 100
"""Waits, the latest, of which the average is told; the platform does not say which it takes."""

Reason = Literal["bridged", "bridging-in-process", "hangup", "leave", "timeout"]
"""[SDK] of `call.dequeued`."""


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """How a leg waits (the fields of `actions/enqueue`). Durations in seconds; `max_size` None: as the queue has it."""

    max_size: int | None = None
    max_wait: float | None = None
    keep_after_hangup: bool = False


class Entry:
    """One leg's place in a queue. One that hung up may be kept, `is_alive` False: its party can be called back."""

    def __init__(self, queue: Queue, leg: Leg, plan: QueuePlan, beneath: Place | None = None) -> None:
        self.queue = queue
        self.leg = leg
        self.keep_after_hangup = plan.keep_after_hangup
        self.is_alive = True
        self.enqueued_at = queue.clock.wall()
        self.gone: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        """Set when it is out of the queue, or its leg has hung up, to the reason."""
        self.timer: asyncio.Task[None] | None = None
        self.beneath = beneath
        """The place that it keeps while it waits, and has again when it has left the queue."""
        self._since = queue.clock.now()
        self._waited: float | None = None

    @property
    def facts(self) -> LegStatus:
        """What is told of its leg."""
        return status_of(self.leg)

    @property
    def waited(self) -> float:
        """Seconds in the queue, so far or in all."""
        return self.queue.clock.now() - self._since if self._waited is None else self._waited

    @property
    def position(self) -> int:
        """1 is the head; 0: not in the queue."""
        return self.queue.position(self)

    def leave(self, leg: Leg) -> None:
        """The leg goes elsewhere, or is over."""
        self.queue.remove(self, "hangup" if leg.over.done() else "bridged")
        if self.beneath is not None:
            self.beneath.leave(leg)

    def other(self, leg: Leg) -> Leg | None:
        """It waits alone, or with whom it was joined to before."""
        return self.beneath.other(leg) if self.beneath is not None else None

    def stop(self, reason: Reason) -> None:
        """It waits no more."""
        self._waited = self.waited
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.leg.place is self:
            self.leg.place = self.beneath
        if not self.gone.done():
            self.gone.set_result(reason)


class Queue:
    """One queue. `emptied` is told when nobody is left in it."""

    def __init__(self, clock: Clock, name: str, max_size: int, emptied: Callable[[Queue], None]) -> None:
        self.id = str(uuid.uuid4())
        self.clock = clock
        self.name = name
        self.max_size = max_size
        self.created_at = self.updated_at = clock.wall()
        self._entries: list[Entry] = []
        self._waits: deque[float] = deque(maxlen=AVERAGED)
        self._emptied = emptied

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> list[Entry]:
        """Head first."""
        return list(self._entries)

    @property
    def average_wait(self) -> float:
        """Seconds that those who left lately had waited; of one that nobody has left yet, those who wait now."""
        waits = self._waits or [entry.waited for entry in self._entries]
        return sum(waits) / len(waits) if waits else 0.0

    @property
    def head(self) -> Entry | None:
        """The first whose leg is alive."""
        return next((entry for entry in self._entries if entry.is_alive), None)

    def position(self, entry: Entry) -> int:
        """1 is the head; 0: not in it."""
        return self._entries.index(entry) + 1 if entry in self._entries else 0

    def entry(self, control_id: str) -> Entry | None:
        """The entry of a leg, alive or kept."""
        return next((entry for entry in self._entries if entry.leg.control_id == control_id), None)

    def add(self, leg: Leg, plan: QueuePlan, beneath: Place | None = None) -> Entry:
        """At the end. Tells `call.enqueued`. `beneath`: see `Entry`."""
        average = self.average_wait
        entry = Entry(self, leg, plan, beneath)
        self._entries.append(entry)
        self.updated_at = self.clock.wall()
        leg.place = entry
        leg.tell(
            "call.enqueued",
            queue=self.name,
            current_position=entry.position,
            queue_avg_wait_time_secs=round(average),
        )
        return entry

    def remove(self, entry: Entry, reason: Reason) -> None:
        """Take one out, or mark it as hung up where it is to be kept. Tells `call.dequeued`, once."""
        if entry not in self._entries:
            return
        position = entry.position
        if entry.is_alive:
            self._waits.append(entry.waited)
        if reason == "hangup" and entry.keep_after_hangup:
            was_alive, entry.is_alive = entry.is_alive, False
        else:
            was_alive = entry.is_alive
            self._entries.remove(entry)
        self.updated_at = self.clock.wall()
        entry.stop(reason)
        if was_alive:
            entry.leg.tell(
                "call.dequeued",
                queue=self.name,
                queue_position=position,
                reason=reason,
                wait_time_secs=round(entry.waited),
            )
        if not self._entries:
            self._emptied(self)
