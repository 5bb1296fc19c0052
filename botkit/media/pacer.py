"""One 20 ms beat for every leg of the process.

Theory of operation. On each beat the pacer walks its sessions three times: all read what arrived
(bridged legs first, so that what they forward is read by the far leg on the same beat), all send
their next packet, then what was heard is decoded and analysed for all of them at once. A beat that
comes too late is not made up for in a burst: packets that were due leave one a beat, and beats
that were missed altogether are counted as lost and skipped, as a sound card would.

A beat is *late* when it starts more than 5 ms after it was due, *lost* past 20 ms. Both are
counted, with the 99th percentile of lateness: a run whose generator was late says so.

Nothing should be raised on the beat. What is all the same is a mistake in this program: the leg in which it
happened is walked no more, and its owner ends the call over it; the others are walked as before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from botkit.clock import Clock
from botkit.media.wallclock import ToMonotonic
from botkit.results import PacerHealth

PTIME = 0.020
LATE = 0.005
LOST = 0.020

_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.010, 0.015, 0.020, 0.030, 0.050, 0.1, 0.2, 0.5, 1.0)
"""Upper edges, in seconds, of the lateness histogram."""


_RAISED = (Exception, asyncio.CancelledError)
"""Nothing is awaited on the beat: who raises the latter there has asked a cancelled future for its result."""


class Beating(Protocol):
    """What the pacer walks."""

    def receive(self, now: float, to_monotonic: float) -> None:
        """Read what arrived. Never raises."""
        ...

    def transmit(self, now: float) -> None:
        """Send what is due. Never raises."""
        ...

    def skip(self, beats: int) -> None:
        """So many beats were lost before this one. Never raises."""
        ...

    def failed(self, error: BaseException) -> bool:
        """One of the others has raised this: nobody will call them again. Whether a call's report will tell it."""
        ...


class Pacer:
    """The beat. `run` is a coroutine that its owner cancels to stop; sessions come and go meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._to_monotonic = ToMonotonic(clock)
        self._first: list[Beating] = []
        self._rest: list[Beating] = []
        self._after: list[Callable[[float], None]] = []
        self._beats = 0
        self._late = 0
        self._lost = 0
        self.errors = 0
        """What was raised on the beat, all legs together: mistakes in this program."""
        self.on_error: Callable[[BaseException, bool], None] | None = None
        """Told what was raised and no call's report tells, and whether it was over all legs at once, and not in one
        of them. Without it the event loop is told, once of what comes over and over."""
        self._said = ""  # what the loop was told last
        self._histogram = [0] * (len(_BUCKETS) + 1)
        self.kernel_times = True
        self.last_beat = clock.now()
        """When the latest beat was: later than that nobody has looked at the sockets."""

    def add(self, session: Beating, *, first: bool = False) -> None:
        """Walk `session` from the next beat on; bridged legs go `first`."""
        self.remove(session)
        if first:
            self._first = [*self._first, session]
        else:
            self._rest = [*self._rest, session]

    def remove(self, session: Beating) -> None:
        """Walk it no more. Removing what is not there is no error; a walk under way is not disturbed."""
        if session in self._first:
            self._first = [walked for walked in self._first if walked is not session]
        elif session in self._rest:
            self._rest = [walked for walked in self._rest if walked is not session]

    def after_each_beat(self, call: Callable[[float], None]) -> None:
        """Call this with the time of the beat, when all sessions have sent."""
        self._after.append(call)

    def __len__(self) -> int:
        return len(self._first) + len(self._rest)

    @property
    def health(self) -> PacerHealth:
        """How the beat was kept so far."""
        return PacerHealth(
            beats=self._beats,
            late=self._late,
            lost=self._lost,
            lateness_p99=self._percentile(0.99),
            kernel_times=self.kernel_times,
            errors=self.errors,
        )

    def _percentile(self, share: float) -> float:
        total = sum(self._histogram)
        seen = 0
        for count, edge in zip(self._histogram, (*_BUCKETS, _BUCKETS[-1]), strict=True):
            seen += count
            if total and seen >= share * total:
                return edge
        return 0.0

    async def run(self) -> None:
        """Beat until cancelled. While there is nobody to walk, time passes uncounted."""
        clock = self._clock
        due = clock.now() + PTIME
        while True:
            await clock.sleep(max(0.0, due - clock.now()))
            now = clock.now()
            if not (self._first or self._rest):
                self.last_beat = now
                due = now + PTIME
                continue
            lateness = now - due
            self._count(lateness)
            due += PTIME
            if lateness > LOST:
                missed = int(lateness / PTIME)
                self._lost += missed
                due += missed * PTIME
                for session in (*self._first, *self._rest):
                    try:
                        session.skip(missed)
                    except _RAISED as error:
                        self._failed(session, error)
            self.beat(now)

    def _count(self, lateness: float) -> None:
        self._beats += 1
        if lateness > LATE:
            self._late += 1
        for index, edge in enumerate(_BUCKETS):
            if lateness <= edge:
                self._histogram[index] += 1
                return
        self._histogram[-1] += 1

    def beat(self, now: float) -> None:
        """One beat, at `now`."""
        self.last_beat = now
        to_monotonic = self._to_monotonic.seconds()
        first, rest = self._first, self._rest
        for session in first:
            try:
                session.receive(now, to_monotonic)
            except _RAISED as error:
                self._failed(session, error)
                first = [walked for walked in first if walked is not session]
        for session in rest:
            try:
                session.receive(now, to_monotonic)
            except _RAISED as error:
                self._failed(session, error)
                rest = [walked for walked in rest if walked is not session]
        for session in first:
            try:
                session.transmit(now)
            except _RAISED as error:
                self._failed(session, error)
        for session in rest:
            try:
                session.transmit(now)
            except _RAISED as error:
                self._failed(session, error)
        for call in self._after:
            try:
                call(now)
            except _RAISED as error:
                self.errors += 1
                self._tell(call, error, True)

    def _failed(self, session: Beating, error: BaseException) -> None:
        """A mistake of ours in one leg must not stop the others, nor stay unheard."""
        self.errors += 1
        self.remove(session)
        try:
            told = session.failed(error)
        except _RAISED as another:
            self._tell(session, another, False)
            told = False
        if not told:
            self._tell(session, error, False)

    def _tell(self, who: object, error: BaseException, of_all: bool) -> None:
        if self.on_error is not None:
            self.on_error(error, of_all)
        elif (said := f"{who!r}: {error!r}") != self._said:  # what is done for all fails with every beat, as a rule
            self._said = said
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the beat of {who!r} failed", "exception": error}
            )


@contextlib.asynccontextmanager
async def beating(pacer: Pacer) -> AsyncIterator[Pacer]:
    """Run `pacer` in a task that this scope owns."""
    task = asyncio.get_running_loop().create_task(pacer.run(), name="pacer")
    try:
        yield pacer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
