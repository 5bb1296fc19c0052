"""How a leg comes up: whom an address reaches, the ringing, the answer, the media path.

Calls and transfers set their legs up alike: those who wait (`near`) and the one who is called. Every way
in which it comes to nothing is a `Refused` with its cause, or a fault of the network or of the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from botkit.causes import Cause, cause
from botkit.clock import Clock
from botkit.errors import Fault, RemoteProtocolError
from botkit.exchange.directory import Directory, plain_address
from botkit.exchange.leg import Leg
from botkit.exchange.line import ClientLine
from botkit.exchange.registrar import Registrar
from botkit.media.endpoint import Endpoint
from botkit.signalling.facts import AnswerReceived

log = logging.getLogger("botkit.exchange")

BYE_GRACE = 2.0
"""Seconds that a leg whose media ended has to say bye before it is taken for lost."""


class Refused(Exception):
    """The call cannot be put through; those who wait are told this cause."""

    def __init__(self, why: str | Cause) -> None:
        self.how = cause(why) if isinstance(why, str) else why
        super().__init__(self.how.name)


def cause_of(fault: Fault) -> Cause:
    """What those who wait are told of a fault."""
    unfit = isinstance(fault, RemoteProtocolError)
    return cause("INCOMPATIBLE_DESTINATION" if unfit else "DESTINATION_OUT_OF_ORDER")


class Setup:
    """Sets legs up. `make_endpoint` gives a leg of a line its media."""

    def __init__(
        self,
        clock: Clock,
        directory: Directory,
        registrar: Registrar[ClientLine],
        make_endpoint: Callable[[ClientLine], Endpoint],
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._registrar = registrar
        self.make_endpoint = make_endpoint

    def leg(self, line: ClientLine, call_id: str, session_id: str, *, inbound: bool, number: str) -> Leg:
        """A leg that its line knows of."""
        leg = Leg(line, call_id, self.make_endpoint(line), inbound=inbound, session_id=session_id, number=number)
        line.legs[leg.id] = leg
        return leg

    def to(self, destination: str, session_id: str) -> Leg:
        """A leg to whom an address reaches; it does not ring yet. Raises `Refused`."""
        user = self._directory.reach(destination)
        if user is None:
            raise Refused("UNALLOCATED_NUMBER")
        line = self._registrar.line_of(user)
        if line is None:
            raise Refused("SUBSCRIBER_ABSENT")
        return self.leg(line, str(uuid.uuid4()), session_id, inbound=False, number=plain_address(destination))

    def check(self, near: Sequence[Leg], called: Leg) -> None:
        """Raise `Refused` when somebody is gone."""
        if any(leg.over.done() for leg in near):
            raise Refused("ORIGINATOR_CANCEL")  # who gives up before the answer cancels, whatever its SDK says
        if called.over.done():
            raise Refused(called.over.result())

    async def answer(self, near: Sequence[Leg], called: Leg, *, within: float) -> AnswerReceived:
        """Wait until the called one has answered. Raises `Refused`."""
        await self.first(*(leg.over for leg in near), called.over, called.answered, within=within)
        self.check(near, called)
        if not called.answered.done():
            raise Refused("NO_ANSWER")
        return called.answered.result()

    async def take(self, near: Sequence[Leg], called: Leg, answer: AnswerReceived) -> None:
        """Take its answer, and join its media. Raises `Refused`, `NetworkFault`, `TimeoutFault` or `SdpError`."""
        called.endpoint.accept(answer.sdp, trickle=answer.trickle)
        called.line.flush_candidates(called)
        called.accept_answer()
        await self.unless_over(near, called, called.endpoint.connect())

    async def unless_over(self, near: Sequence[Leg], called: Leg, work: Awaitable[Any]) -> None:
        """Await `work`, unless somebody is gone first. Raises `Refused`, or what `work` raises."""
        task = asyncio.ensure_future(work)
        try:
            await self.first(*(leg.over for leg in near), called.over, task, within=None)
            self.check(near, called)
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((task,))

    async def first(self, *futures: asyncio.Future[Any], within: float | None) -> None:
        """Wait for the first of these, or until the time is up."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(within):
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def watch_media(leg: Leg) -> None:
    """End a leg whose media is lost. As a rule its bye is on the way, by the slower road."""
    leg.endpoint.transport.on_lost = functools.partial(_media_lost, leg)


def _media_lost(leg: Leg, why: str) -> None:
    log.info("leg.media_lost leg=%s %s", leg.id, why)
    asyncio.get_running_loop().call_later(BYE_GRACE, leg.bye, "MEDIA_TIMEOUT")
