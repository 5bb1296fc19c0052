"""Changes that the server is asked for during a call, and its reply: hold, resume (signalling.md 5.1), transfer (10.3).

No description is exchanged and our packets go on: what is played on hold takes its time, and the other
party hears what the server gives it instead.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal

from botkit import events
from botkit.causes import NO_ANSWER
from botkit.client.facts import CallFacts
from botkit.client.signals import CallSignals
from botkit.errors import Fault, UsageError
from botkit.signalling.orders import Modify
from botkit.states import CallState

BYE_WITHIN = 5.0
"""Seconds from the news of a transfer to the bye that ends our part; a server that sends none leaves us a call."""


class Modifying(CallFacts):
    """The part of a `Call` that is changed while it goes on."""

    _signals: CallSignals
    _transferring = False
    may_dial: Callable[[str], None]
    changes = 0
    """Holds and resumes that the server was asked for and has not replied to."""

    @abc.abstractmethod
    def listen(self, handler: Callable[[events.CallEvent], None]) -> Callable[[], None]:
        """See `Call.listen`."""

    @abc.abstractmethod
    async def ended(self) -> events.Ended:
        """See `Call.ended`."""

    async def hold(self) -> None:
        """Put the call on hold; returns when it is, or when the call is over. One that is held already, or over,
        stays as it is; what was asked before and has no reply yet may change it.

        Raises `Fault` when the server refuses or does not reply, or when the line is lost first; `UsageError` before
        the answer and while the line is down. A cancelled caller does not take the request back.
        """
        await self._modify("hold", events.Held)

    async def resume(self) -> None:
        """Take the call up again; returns when it is. As `hold` for the rest."""
        await self._modify("unhold", events.Resumed)

    async def transfer(self, to: str, *, ring_timeout: float | None = None) -> str:
        """Hand the other party to `to`, which may ring for `ring_timeout` seconds (None: as the server has it).

        Gives the outcome: `answered` (our part of the call is over), or `busy`, `no_answer`, `failed`: the call
        goes on as it was. A server that moves it without asking (mod_verto) tells no more than that: answered. A
        line that is lost before the reply gives failed, whatever became of the other party. So does a call that
        ends under it, unless the end itself says that it was transferred. A cancelled caller loses the outcome; the
        transfer goes on until the call is hung up.

        Raises `UsageError` before the answer, while the line is down, while another transfer of this call is under
        way, and for nobody to go to; `ConfigError` for a number that must not be dialled.
        """
        self.may_dial(to)
        if self._transferring:
            raise UsageError("a transfer of this call is under way already")
        self._transferring = True
        try:
            return await self._transfer(to, ring_timeout)
        finally:
            self._transferring = False

    async def _modify(self, action: Literal["hold", "unhold"], done: type[events.CallEvent]) -> None:
        already = CallState.HELD if action == "hold" else CallState.ACTIVE
        if self.end is not None or (self.state is already and not self.changes):
            return
        self._check_up("put on hold and resumed")

        def replied(event: events.CallEvent) -> None:
            # Beside us: our caller may be cancelled before the reply comes.
            if wanted(event):
                self.changes -= 1
                unsubscribe()

        def wanted(event: events.CallEvent) -> bool:
            refused = isinstance(event, events.CallRefused) and event.method == "modify"
            return refused or isinstance(event, (done, events.Ended))

        self.changes += 1
        unsubscribe = self.listen(replied)
        event = await self._asked(Modify(self._id, action), wanted)
        if isinstance(event, events.CallRefused):
            raise Fault(f"the server did not {action}: {event.message}" + (f" ({event.code})" if event.code else ""))

    async def _transfer(self, to: str, ring_timeout: float | None) -> str:
        if self.end is not None:
            return "failed"
        self._check_up("transferred")
        if not to.strip():
            raise UsageError("a transfer needs somebody to go to", hint="give a number or a user's name")
        event = await self._asked(
            Modify(self._id, "transfer", to, ring_timeout),
            lambda event: isinstance(event, (events.Transferred, events.Ended)),
        )
        if isinstance(event, events.Transferred) and event.ok:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(BYE_WITHIN):
                    await self.ended()
            return "answered"
        if isinstance(event, events.Ended):
            return "answered" if event.cause in ("BLIND_TRANSFER", "ATTENDED_TRANSFER") else "failed"
        assert isinstance(event, events.Transferred)
        if event.cause == "USER_BUSY":
            return "busy"
        return "no_answer" if event.cause in NO_ANSWER else "failed"

    def _check_up(self, done: str) -> None:
        if self.state not in (CallState.ACTIVE, CallState.HELD):
            raise UsageError(f"only a call that is up can be {done}; this one is {self.state.value}")

    async def _asked(self, order: Modify, wanted: Callable[[events.CallEvent], bool]) -> events.CallEvent:
        """Send the order, and give the first event that is wanted. A cancelled caller does not take the order back."""
        happened: asyncio.Future[events.CallEvent] = asyncio.get_running_loop().create_future()

        def watch(event: events.CallEvent) -> None:
            if wanted(event) and not happened.done():
                happened.set_result(event)

        unsubscribe = self.listen(watch)
        try:
            self._signals.order(order)
            return await happened
        finally:
            unsubscribe()
