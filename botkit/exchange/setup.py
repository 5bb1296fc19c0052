"""How a leg comes up: whom an address reaches, the ringing, the answer, the media path.

Calls and transfers set their legs up alike: those who wait (`near`) and those who are called. Where an
address reaches several clients all of them ring, and the first to answer has the call. Every way in which it
comes to nothing is a `Refused` with its cause, or a fault of the network or of the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from botkit.causes import Cause, cause
from botkit.clock import Clock
from botkit.errors import Fault, RemoteProtocolError
from botkit.exchange.connections import INSIDE, Origin
from botkit.exchange.directory import Directory
from botkit.exchange.leg import Leg
from botkit.exchange.line import ClientLine
from botkit.exchange.registrar import Registrar
from botkit.exchange.route import NotRouted, ToIdentity, ToTrunk
from botkit.media.endpoint import Endpoint
from botkit.media.transport import Transport
from botkit.signalling.facts import AnswerReceived
from botkit.signalling.orders import Order, Pairs, SendInvite

log = logging.getLogger("botkit.exchange")

BYE_GRACE = 2.0
"""Seconds that a leg whose media ended has to say bye before it is taken for lost."""


class Refused(Exception):
    """The call cannot be put through; those who wait are told this cause. `limit`: a time that ran out (`timeout`)."""

    def __init__(self, why: str | Cause, *, limit: str = "") -> None:
        self.how = cause(why) if isinstance(why, str) else why
        self.limit = limit
        super().__init__(self.how.name)


def cause_of(fault: Fault) -> Cause:
    """What those who wait are told of a fault."""
    unfit = isinstance(fault, RemoteProtocolError)
    return cause("INCOMPATIBLE_DESTINATION" if unfit else "DESTINATION_OUT_OF_ORDER")


class Setup:
    """Sets legs up. `make_endpoint` gives a leg of a line its media; `admit` is told of every new leg."""

    def __init__(
        self,
        clock: Clock,
        directory: Directory,
        registrar: Registrar[ClientLine],
        make_endpoint: Callable[[ClientLine | None], Endpoint],
        admit: Callable[[Leg], None],
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._registrar = registrar
        self._admit = admit
        self.make_endpoint = make_endpoint

    def leg(self, line: ClientLine, call_id: str, session_id: str, *, inbound: bool, number: str) -> Leg:
        """A leg that its line knows of."""
        leg = Leg(line, call_id, self.make_endpoint(line), inbound=inbound, session_id=session_id, number=number)
        leg.started = self._clock.wall()
        line.legs[leg.id] = leg
        self._admit(leg)
        return leg

    def to(self, destination: str, session_id: str, origin: Origin = INSIDE) -> list[Leg]:
        """A leg to each client that an address reaches; none rings yet. Raises `Refused`."""
        route = self._directory.route(destination, origin)
        if isinstance(route, NotRouted):
            raise Refused(route.cause)
        if not isinstance(route, ToIdentity | ToTrunk):
            raise Refused("NO_ROUTE_DESTINATION")
        lines = self._registrar.lines_of(route.name)
        if not lines:
            raise Refused("SUBSCRIBER_ABSENT")
        if isinstance(route, ToTrunk) or route.connection.inbound.simultaneous_ringing != "enabled":
            lines = lines[:1]
        number, outside = route.dialled.user, isinstance(route, ToTrunk)
        legs = [self.leg(line, str(uuid.uuid4()), session_id, inbound=False, number=number) for line in lines]
        for leg in legs:
            leg.party_type = "pstn" if outside else "sip"
            leg.connection_id = "" if isinstance(route, ToTrunk) else route.connection.id
        return legs

    def nowhere(self, number: str, session_id: str) -> Leg:
        """A leg to an address that reaches nobody: it has ids and ends."""
        line = cast(ClientLine, _NoLine())
        leg = Leg(
            line, str(uuid.uuid4()), self.make_endpoint(None), inbound=False, session_id=session_id, number=number
        )
        leg.started = self._clock.wall()
        self._admit(leg)
        return leg

    async def reach(
        self,
        near: Sequence[Leg],
        called: Sequence[Leg],
        *,
        within: float,
        codecs: Sequence[str] | None = None,
        caller_name: str = "",
        caller_number: str = "",
        headers: Pairs = (),
        client_state: str | None = None,
        when_ringing: Callable[[], None] | None = None,
        when_answered: Callable[[Leg], None] | None = None,
        before_media: Callable[[], Awaitable[Any]] | None = None,
    ) -> Leg:
        """Ring all the called; gives the first that answered, with its media up. The others are told LOSE_RACE.

        `within`: seconds of ringing. `before_media` is awaited when somebody has answered, beside the media.
        Raises `Refused`, `NetworkFault`, `TimeoutFault` or `SdpError`.
        """
        for leg in called:
            offer = await leg.endpoint.offer(codecs=codecs)
            self.check(near, *called)
            if leg.over.done():
                continue  # this phone is gone, others are not
            leg.ring(
                SendInvite(
                    leg.id,
                    offer,
                    caller_name=caller_name,
                    caller_number=caller_number,
                    callee_name="Outbound Call",
                    callee_number=leg.number,
                    headers=headers,
                    client_state=client_state,
                    telnyx_ids=leg.telnyx_ids,
                )
            )
        if when_ringing is not None:
            when_ringing()
        winner = await self._first_answer(near, called, within)
        if when_answered is not None:
            when_answered(winner)
        for leg in called:
            if leg is not winner:
                leg.refuse_answer()
                leg.bye("LOSE_RACE", "peer")
        await self._take(near, winner, winner.answered.result())
        if before_media is not None:
            await self.unless_over(near, winner, before_media())
        winner.connected(self._clock.wall())
        return winner

    def check(self, near: Sequence[Leg], *called: Leg) -> None:
        """Raise `Refused` when one who waits is gone, or all who are called."""
        if any(leg.over.done() for leg in near):
            raise Refused("ORIGINATOR_CANCEL")  # who gives up before the answer cancels, whatever its SDK says
        if all(leg.over.done() for leg in called):
            raise Refused(called[-1].over.result())

    async def _first_answer(self, near: Sequence[Leg], called: Sequence[Leg], within: float) -> Leg:
        until = self._clock.now() + within
        while True:
            ringing = [leg for leg in called if not leg.over.done()]
            promises = [promise for leg in ringing for promise in (leg.over, leg.answered)]
            left = max(0.0, until - self._clock.now())
            if promises:
                await self.first(*(leg.over for leg in near), *promises, within=left)
            taken = next((leg for leg in called if leg.has_taken), None)
            self.check(near, *(called if taken is None else (taken,)))  # who took it and is over has ended the call
            if taken is not None:
                return taken
            if self._clock.now() >= until:
                raise Refused("NO_ANSWER", limit="timeout")

    async def _take(self, near: Sequence[Leg], called: Leg, answer: AnswerReceived) -> None:
        """Take its answer, and join its media. Raises `Refused`, `NetworkFault`, `TimeoutFault` or `SdpError`."""
        called.endpoint.accept(answer.sdp, trickle=answer.trickle)
        called.line.flush_candidates(called)
        called.accept_answer()
        await self.unless_over(near, called, called.endpoint.connect())
        watch_media(called)

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
                if not task.cancelled():
                    task.exception()  # what has failed beside that needs no telling
        self.check(near, called)  # somebody may have gone while the work came to its end

    async def first(self, *futures: asyncio.Future[Any], within: float | None) -> None:
        """Wait for the first of these, or until the time is up."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(within):
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class _NoLine:
    """Where nobody is: nothing is sent there."""

    def order(self, order: Order) -> None: ...

    def forget(self, leg: Leg) -> None: ...


def watch_media(leg: Leg) -> None:
    """End a leg whose media is lost. As a rule its bye is on the way, by the slower road."""
    leg.endpoint.transport.on_lost = functools.partial(_media_lost, leg, leg.endpoint.transport)


def unwatch_media(leg: Leg) -> None:
    """Its media may be lost: its line is, and something else sees to that."""
    leg.endpoint.transport.on_lost = None


def _media_lost(leg: Leg, transport: Transport, why: str) -> None:
    log.info("leg.media_lost leg=%s %s", leg.id, why)
    asyncio.get_running_loop().call_later(BYE_GRACE, _without_media, leg, transport)


def _without_media(leg: Leg, transport: Transport) -> None:
    if leg.endpoint.transport is transport and transport.on_lost is not None:
        leg.bye("MEDIA_TIMEOUT")
