"""Calls that outlive their line, or their media path.

Kept for a while, and offered anew to the client that comes back.

A client that loses its socket opens another one and logs in with the session id of before, or names its old
routing token in the address ([JS] BaseSession.ts; `?voice_sdk_id=`). It gets, in this order, the login's
result, an `attach` with a new offer for each of its answered calls, and clientReady, which names them (as
mod_verto sends them). When it has answered an attach and the new path is up, the leg's stream goes on over that:
whatever it was joined to never knew. Until then the old path is used for as long as it works, since media
often outlives a socket.

Nobody comes back in time: the leg ends with RECOVERY_ON_TIMER_EXPIRE, as mod_verto has it. Unanswered calls
end with their line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from botkit.clock import Clock, to_the_end
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.leg import Leg
from botkit.exchange.setup import unwatch_media, watch_media
from botkit.media.endpoint import Endpoint
from botkit.signalling.facts import AnswerReceived, ModifyReceived
from botkit.signalling.orders import AcceptAnswer, RefuseRequest, ReplyModify, SendAttach

if TYPE_CHECKING:
    from botkit.exchange.line import ClientLine

log = logging.getLogger("botkit.exchange")

KEPT = 90.0
"""Seconds that a call waits for its client: as long as [JS] proposes its old session; mod_verto waits 120."""


class MakeEndpoint(Protocol):
    """Gives a leg of a line its media. `own_certificate`: see `MediaPlane.endpoint`."""

    def __call__(self, line: ClientLine, *, own_certificate: bool = False) -> Endpoint: ...


class Lost:
    """A leg without its client, until it is attached, over, or lost once more."""

    def __init__(self, leg: Leg, line: ClientLine) -> None:
        self.leg = leg
        self.user = line.user.name if line.user is not None else ""
        self.session_id = line.session_id
        self.token = line.voice_sdk_id
        self.fresh: Endpoint | None = None
        """The end of the new path, once it was offered."""
        self.work: asyncio.Task[None] | None = None
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    async def close(self) -> None:
        """Give up what was not attached."""
        if self.work is not None:
            self.work.cancel()
            await asyncio.wait((self.work,))
        if self.fresh is not None:
            if self.leg.fresh is self.fresh:
                self.leg.fresh = None
            await self.fresh.close()


class Recovery:
    """The lost legs of an exchange. `start` runs work in a task that somebody owns."""

    def __init__(
        self,
        clock: Clock,
        make_endpoint: MakeEndpoint,
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        kept: float = KEPT,
    ) -> None:
        self.lost: dict[Leg, Lost] = {}
        self._clock = clock
        self._make_endpoint = make_endpoint
        self._start = start
        self._kept = kept

    def keep(self, leg: Leg, line: ClientLine) -> None:
        """The line of an answered leg is gone."""
        before = self.lost.get(leg)
        lost = self.lost[leg] = Lost(leg, line)
        if before is not None:
            before.settle()
        unwatch_media(leg)
        log.info("leg.line_lost leg=%s", leg.id)
        self._start(self._wait(lost), f"lost {leg.id}")

    async def _wait(self, lost: Lost) -> None:
        try:
            async with self._clock.timeout(self._kept):
                await asyncio.wait((lost.settled, lost.leg.over), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            lost.leg.bye("RECOVERY_ON_TIMER_EXPIRE")
        finally:
            if self.lost.get(lost.leg) is lost:
                del self.lost[lost.leg]
            await to_the_end(lost.close())

    def session_of(self, user: str, session_id: str | None, token: str | None) -> str | None:
        """The session that a client of `user` (its name) comes back to: the one that it names, if we hold a call of
        it."""
        for lost in self.lost.values():
            if lost.user == user and (lost.session_id == session_id or (token and lost.token == token)):
                return lost.session_id
        return None

    def claim(self, line: ClientLine) -> list[Leg]:
        """The lost legs of the line's session; they are the line's from now on."""
        legs = []
        for leg, lost in self.lost.items():
            if lost.session_id == line.session_id and leg.line is not line and not leg.over.done():
                leg.line = line
                line.legs[leg.id] = leg
                legs.append(leg)
        return legs

    async def offers(self, line: ClientLine, legs: Sequence[Leg]) -> tuple[SendAttach, ...]:
        """A new path for each of `legs`: what the client is to be sent. A leg for which there is none stays lost."""
        attaches = []
        for leg in legs:
            lost = self.lost.get(leg)
            if lost is None or leg.line is not line:
                continue  # over, or lost again
            fresh = self._make_endpoint(line)
            fresh.continues(leg.endpoint)
            lost.fresh = leg.fresh = fresh
            try:
                offer = await fresh.offer()
            except NetworkFault as fault:
                log.warning("leg.no_new_path leg=%s %s", leg.id, fault)
                continue
            if leg.over.done() or self.lost.get(leg) is not lost:
                continue
            attaches.append(_attach(leg, offer))
        return tuple(attaches)

    def answered(self, leg: Leg, answer: AnswerReceived) -> bool:
        """Its client has answered the attach; False where none was sent."""
        lost = self.lost.get(leg)
        if lost is None or lost.fresh is None or lost.work is not None:
            return False
        lost.work = self._start(self._join(lost, lost.fresh, answer), f"attach {leg.id}")
        return True

    async def _join(self, lost: Lost, fresh: Endpoint, answer: AnswerReceived) -> None:
        leg = lost.leg
        try:
            fresh.accept(answer.sdp, trickle=answer.trickle)
        except RemoteProtocolError as fault:
            log.info("leg.unfit_answer leg=%s %s", leg.id, fault)
            leg.line.order(RefuseRequest(answer.request_id, message=str(fault.args[0])))
            leg.bye("INCOMPATIBLE_DESTINATION")
            return
        leg.line.flush_candidates(leg)
        leg.line.order(AcceptAnswer(answer.request_id))
        try:
            await leg.endpoint.move_to(fresh)
        except (NetworkFault, TimeoutFault) as fault:
            log.info("leg.no_media leg=%s %s", leg.id, fault)
            leg.bye("BEARERCAPABILITY_NOTAVAIL")
            return
        lost.fresh = leg.fresh = None
        watch_media(leg)
        log.info("leg.attached leg=%s", leg.id)
        lost.settle()

    # --- a new path for a call whose line is well ------------------------------------------------------

    def renew(self, line: ClientLine, leg: Leg, asked: ModifyReceived) -> None:
        """Its client restarts ICE (`updateMedia`): answer its offer, and go on over the new path."""
        if leg.fresh is not None:
            line.order(RefuseRequest(asked.request_id, message="a new path is on its way"))
            return
        # The client keeps its DTLS transport as long as it sees the certificate that it knows; ours begins anew.
        fresh = leg.fresh = self._make_endpoint(line, own_certificate=True)
        self._start(self._renew(line, leg, fresh, asked), f"renew {leg.id}")

    async def _renew(self, line: ClientLine, leg: Leg, fresh: Endpoint, asked: ModifyReceived) -> None:
        lost: list[str] = []
        before = leg.endpoint.transport
        before.on_lost = lost.append  # no end of the call, as long as there is hope for the new one
        fresh.continues(leg.endpoint)
        try:
            answer = await fresh.answer(asked.sdp, trickle=asked.trickle)
            line.flush_candidates(leg)
            line.order(ReplyModify(asked.request_id, sdp=answer))
            await leg.endpoint.move_to(fresh)
            log.info("leg.renewed leg=%s", leg.id)
        except RemoteProtocolError as fault:
            line.order(RefuseRequest(asked.request_id, message=str(fault.args[0])))
        except (NetworkFault, TimeoutFault) as fault:
            log.info("leg.not_renewed leg=%s %s", leg.id, fault)
        finally:
            if leg.fresh is fresh:
                leg.fresh = None
            if leg not in self.lost:
                watch_media(leg)
            if lost and leg.endpoint.transport is before and before.on_lost is not None:
                before.on_lost(lost[0])
            await to_the_end(fresh.close())


def _attach(leg: Leg, offer: str) -> SendAttach:
    """The parties as the client knows them: the caller's own name stands first on the leg of a caller."""
    peer = leg.peer
    far = (peer.name, peer.number) if peer is not None else ("", leg.called if leg.inbound else leg.calling)
    mine = (leg.name, leg.number)
    caller, callee = (mine, far) if leg.inbound else (far, mine)
    return SendAttach(
        leg.id,
        offer,
        inbound=leg.inbound,
        caller_name=caller[0],
        caller_number=caller[1],
        callee_name="Outbound Call",
        callee_number=callee[1],
        telnyx_ids=leg.telnyx_ids,
        held=leg.held,
    )
