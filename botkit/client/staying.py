"""The other party in a queue or conference of the exchange, as long as it lasts, and back.

We ask for it by a `modify` of our own (`enqueue`, `conference`, each with a name), whose reply comes when it is over;
`takeBack` ends it. No SDK has these, and no server but botkit's exchange knows them: there, a queue or a
conference is entered by who controls the leg, over REST.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Literal

from botkit import events
from botkit.client.facts import CallFacts
from botkit.client.signals import CallSignals
from botkit.errors import Fault, UsageError
from botkit.signalling.orders import Modify
from botkit.states import CallState
from botkit.vocabulary import Stayed

BYE_WITHIN = 5.0
"""Seconds from the news that the other party is gone to the bye that ends our part of the call."""

GONE = frozenset({"bridged", "hangup", "moved"})
"""Reasons after which it does not come back."""


class Staying(CallFacts):
    """The part of a `Call` that lends its other party."""

    _signals: CallSignals
    _gone: asyncio.Event
    _lent = False

    @abc.abstractmethod
    def listen(self, handler: Callable[[events.CallEvent], None]) -> Callable[[], None]:
        """See `Call.listen`."""

    async def enqueue(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        """Put the other party into a queue; returns when it is out, or (`until` set) taken out by us.

        It hears us meanwhile, and we hear it. Once somebody has taken it (`bridged`) our part of the call is over.
        Raises `UsageError` before the answer and while it is in a queue or conference already, `Fault` when the
        server does not do it. A cancelled caller takes it back.
        """
        return await self._lend("enqueue", name, until)

    async def join_conference(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        """Put the other party into a conference, which is made where there is none; returns when it is out.

        We hear nothing of it, and it does not hear us; afterwards we speak with it again. As `enqueue` for the rest.
        """
        return await self._lend("conference", name, until)

    async def _lend(self, action: Literal["enqueue", "conference"], name: str, until: asyncio.Event | None) -> Stayed:
        if self.end is not None:
            return Stayed("ended", 0.0)
        if self.state not in (CallState.ACTIVE, CallState.HELD):
            raise UsageError(
                f"only the other party of a call that is up can be put there; this one is {self.state.value}"
            )
        if not name.strip():
            raise UsageError(f"{action} needs a name")
        if self._lent:
            raise UsageError("the other party is in a queue or conference already")
        self._lent = True
        try:
            return await self._until_back(action, name, until)
        finally:
            self._lent = False

    async def _until_back(
        self, action: Literal["enqueue", "conference"], name: str, until: asyncio.Event | None
    ) -> Stayed:
        back: asyncio.Future[events.TakenBack | events.Ended] = asyncio.get_running_loop().create_future()

        def watch(event: events.CallEvent) -> None:
            if isinstance(event, events.TakenBack | events.Ended) and not back.done():
                back.set_result(event)

        began = self._clock.now()
        unsubscribe = self.listen(watch)
        stop = asyncio.ensure_future(until.wait()) if until is not None else None
        try:
            self._signals.order(Modify(self._id, action, name))
            waited: list[asyncio.Future[Any]] = [back] if stop is None else [back, stop]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not back.done():
                self._take_back()
            event = await back
        except asyncio.CancelledError:
            if not back.done():
                self._take_back()
            raise
        finally:
            unsubscribe()
            if stop is not None:
                stop.cancel()
        if isinstance(event, events.Ended):
            return Stayed("hangup", self._clock.now() - began)
        if not event.ok:
            raise Fault(f"the server did not {action} the other party: {event.message}")
        if event.reason in GONE:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(BYE_WITHIN):
                    await self._gone.wait()
        return Stayed(event.reason, event.waited)

    def _take_back(self) -> None:
        if self.end is None and self.state in (CallState.ACTIVE, CallState.HELD):
            self._signals.order(Modify(self._id, "takeBack"))
