"""How a call is set up, joined and taken down: one task per call, from the invite to the last bye.

The order on the caller's line is that of the platform: invite result, ringing, media (early media,
with a ringback tone), answer. The answer is held back until both media paths are up, so that
neither side loses what the other says first.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from botkit.causes import Cause, cause
from botkit.clock import Clock, to_the_end
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.bridge import Bridge
from botkit.exchange.directory import Directory, plain_address
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.line import ClientLine
from botkit.exchange.registrar import Registrar
from botkit.media.endpoint import Endpoint
from botkit.media.pacer import Pacer
from botkit.signalling.facts import AnswerReceived, InviteReceived, ModifyReceived
from botkit.signalling.orders import (
    RefuseRequest,
    ReplyModify,
    SendAnswer,
    SendInvite,
    SendMedia,
    SendRinging,
)

log = logging.getLogger("botkit.exchange")

RING_TIMEOUT = 60.0
"""Seconds that the exchange lets a phone ring; no SDK stops by itself (signalling: the server owns it)."""


BYE_GRACE = 2.0
"""Seconds that a leg whose media ended has to say bye before it is taken for lost."""


class Refused(Exception):
    """The call cannot be put through; the caller is told this cause."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.how = cause(name)


class Switch:
    """The calls of an exchange. `make_endpoint` gives a leg of a line its media; a held party hears `hold_audio`."""

    def __init__(
        self,
        clock: Clock,
        directory: Directory,
        registrar: Registrar[ClientLine],
        pacer: Pacer,
        make_endpoint: Callable[[ClientLine], Endpoint],
        hold_audio: HoldAudio,
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._registrar = registrar
        self._pacer = pacer
        self._make_endpoint = make_endpoint
        self._hold_audio = hold_audio
        self.bridges: dict[Leg, Bridge] = {}
        """The bridge of each joined leg."""

    async def handle(self, line: ClientLine, invite: InviteReceived) -> None:
        """One call from its invite to its end. Never raises what a client did wrong."""
        session_id = str(uuid.uuid4())
        caller = Leg(line, invite.call_id, self._make_endpoint(line), inbound=True, session_id=session_id)
        line.legs[caller.id] = caller
        called: Leg | None = None
        try:
            try:
                far_line = self._route(invite.destination)
                called = self._ring(far_line, session_id)
                await self._put_through(caller, called, invite)
            except Refused as refusal:
                self._end(caller, called, refusal.how)
            except (NetworkFault, TimeoutFault) as fault:
                log.info("call.media_failed call=%s %s", caller.id, fault)
                self._end(caller, called, cause("DESTINATION_OUT_OF_ORDER"))
            except RemoteProtocolError as fault:
                log.info("call.bad_description call=%s %s", caller.id, fault)
                self._end(caller, called, cause("INCOMPATIBLE_DESTINATION"))
        finally:
            self._end(caller, called, cause("SYSTEM_SHUTDOWN"))
            await to_the_end(self._forget(caller, called))

    async def _forget(self, *legs: Leg | None) -> None:
        for leg in legs:
            if leg is not None:
                leg.line.forget(leg)
                self.bridges.pop(leg, None)
                await leg.close()

    def _route(self, destination: str) -> ClientLine:
        user = self._directory.reach(destination)
        if user is None:
            raise Refused("UNALLOCATED_NUMBER")
        line = self._registrar.line_of(user)
        if line is None:
            raise Refused("SUBSCRIBER_ABSENT")
        return line

    def _ring(self, line: ClientLine, session_id: str) -> Leg:
        leg = Leg(line, str(uuid.uuid4()), self._make_endpoint(line), inbound=False, session_id=session_id)
        line.legs[leg.id] = leg
        return leg

    async def _put_through(self, caller: Leg, called: Leg, invite: InviteReceived) -> None:
        answer = await caller.endpoint.answer(invite.sdp, trickle=invite.trickle)
        caller.line.flush_candidates(caller)
        offer = await called.endpoint.offer(codecs=caller.endpoint.codec_names)
        if caller.over.done() or called.over.done():
            self._pass_on(caller, called, answered=False)
            return
        user = caller.line.user
        number = invite.caller_number or (user.caller_number or user.name if user else "")
        called.ring(
            SendInvite(
                called.id,
                offer,
                caller_name=invite.caller_name,
                caller_number=number,
                callee_name="Outbound Call",
                callee_number=plain_address(invite.destination),
                headers=invite.headers,
                client_state=invite.client_state,
                telnyx_ids=called.telnyx_ids,
            )
        )
        caller.line.order(SendRinging(caller.id, telnyx_ids=caller.telnyx_ids))
        caller.line.order(SendMedia(caller.id, answer))
        async with _owned(self._early_media(caller)) as caller_up:
            taken = await self._await_answer(caller, called)
            called.endpoint.accept(taken.sdp, trickle=taken.trickle)
            called.line.flush_candidates(called)
            called.accept_answer()
            if not await self._unless_over(caller, called, called.endpoint.connect()):
                return
            if not await self._unless_over(caller, called, asyncio.shield(caller_up)):
                return
        caller.line.order(SendAnswer(caller.id, telnyx_ids=caller.telnyx_ids))
        for leg in (caller, called):
            leg.endpoint.transport.on_lost = functools.partial(self._media_lost, leg)
        bridge = Bridge(self._clock, self._pacer, self._hold_audio, caller, called)
        self.bridges[caller] = self.bridges[called] = bridge
        bridge.join()
        await asyncio.wait((caller.over, called.over), return_when=asyncio.FIRST_COMPLETED)
        bridge.part()
        self._pass_on(caller, called, answered=True)

    def _media_lost(self, leg: Leg, why: str) -> None:
        """A leg's media is gone. As a rule its bye is on the way, by the slower road."""
        log.info("leg.media_lost leg=%s %s", leg.id, why)
        asyncio.get_running_loop().call_later(BYE_GRACE, leg.bye, "MEDIA_TIMEOUT")

    async def _early_media(self, caller: Leg) -> None:
        await caller.endpoint.connect()
        caller.endpoint.play_ringback()

    async def _await_answer(self, caller: Leg, called: Leg) -> AnswerReceived:
        await self._first(caller.over, called.over, called.answered, within=RING_TIMEOUT)
        if caller.over.done() or called.over.done():
            self._pass_on(caller, called, answered=False)
            raise Refused("ORIGINATOR_CANCEL")  # both are told already
        if not called.answered.done():
            called.bye("ORIGINATOR_CANCEL")
            raise Refused("NO_ANSWER")
        return called.answered.result()

    async def _unless_over(self, caller: Leg, called: Leg, work: Awaitable[Any]) -> bool:
        """Await `work`, unless a leg ends first: then that is passed on, and the answer is no."""
        task = asyncio.ensure_future(work)
        try:
            await self._first(caller.over, called.over, task, within=None)
            if caller.over.done() or called.over.done():
                self._pass_on(caller, called, answered=False)
                return False
            await task
            return True
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((task,))

    async def _first(self, *futures: asyncio.Future[Any], within: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(within):
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)

    def _pass_on(self, caller: Leg, called: Leg, *, answered: bool) -> None:
        """One leg is over: tell the other why."""
        if caller.over.done() and not called.over.done():
            # A caller who gives up before the answer cancels, whatever cause its SDK names.
            called.bye(caller.over.result() if answered else "ORIGINATOR_CANCEL")
        elif called.over.done() and not caller.over.done():
            caller.bye(called.over.result())

    def _end(self, caller: Leg, called: Leg | None, how: Cause) -> None:
        caller.bye(how)
        if called is not None:
            called.refuse_answer()
            called.bye("ORIGINATOR_CANCEL" if not called.answered.done() else how)

    # --- during a call ---------------------------------------------------------------------------

    def modify(self, line: ClientLine, asked: ModifyReceived) -> None:
        """Hold, resume, toggle; what we cannot do is refused."""
        leg = line.legs.get(asked.call_id)
        bridge = self.bridges.get(leg) if leg is not None else None
        if leg is None or bridge is None:
            line.order(RefuseRequest(asked.request_id, message="CALL DOES NOT EXIST"))
        elif asked.action in ("hold", "unhold", "toggleHold"):
            bridge.hold(leg, asked.hold_state == "held")
            line.order(ReplyModify(asked.request_id, hold_state=asked.hold_state))
        elif asked.action == "transfer":
            line.order(RefuseRequest(asked.request_id, message="transfer failed"))
        else:
            line.order(RefuseRequest(asked.request_id, message=f"cannot {asked.action}"))

    def carry_digits(self, line: ClientLine, call_id: str, digits: str) -> None:
        """Digits by `info`, to the other leg."""
        leg = line.legs.get(call_id)
        bridge = self.bridges.get(leg) if leg is not None else None
        if leg is not None and bridge is not None:
            bridge.carry_digits(digits, leg)


@contextlib.asynccontextmanager
async def _owned(work: Any) -> Any:
    """Run `work` in a task that this scope owns."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, NetworkFault, TimeoutFault):
            await task
