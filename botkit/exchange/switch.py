"""How a call is set up, joined and taken down: one task per call, from the invite to the last bye.

The order on the caller's line is that of the platform: invite result, ringing, media (early media,
with a ringback tone), answer. The answer is held back until both media paths are up, so that
neither side loses what the other says first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import Any

from botkit.causes import Cause, cause
from botkit.clock import Clock, to_the_end
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.bridge import Bridge
from botkit.exchange.directory import Directory
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.line import ClientLine
from botkit.exchange.registrar import Registrar
from botkit.exchange.setup import Refused, Setup, cause_of, watch_media
from botkit.exchange.transfer import transfer
from botkit.media.endpoint import Endpoint
from botkit.media.pacer import Pacer
from botkit.signalling.facts import InviteReceived, ModifyReceived
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
        self._pacer = pacer
        self.setup = Setup(clock, directory, registrar, make_endpoint)
        self._hold_audio = hold_audio
        self.bridges: dict[Leg, Bridge] = {}
        """The bridge of each joined leg."""

    async def handle(self, line: ClientLine, invite: InviteReceived) -> None:
        """One call from its invite to its end. Never raises what a client did wrong."""
        session_id = str(uuid.uuid4())
        user = line.user
        number = invite.caller_number or (user.caller_number or user.name if user else "")
        caller = self.setup.leg(line, invite.call_id, session_id, inbound=True, number=number)
        caller.name = invite.caller_name
        legs = [caller]
        try:
            try:
                called = self.setup.to(invite.destination, session_id)
                legs.append(called)
                await self._put_through(caller, called, invite)
                await self._talk(legs)
            except Refused as refusal:
                self._end(legs, refusal.how)
            except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
                log.info("call.failed call=%s %s", caller.id, fault)
                self._end(legs, cause_of(fault))
        finally:
            self._end(legs, cause("SYSTEM_SHUTDOWN"))
            await to_the_end(self._forget(*legs))

    async def _forget(self, *legs: Leg) -> None:
        for leg in legs:
            leg.line.forget(leg)
            self.bridges.pop(leg, None)
            await leg.close()

    async def _put_through(self, caller: Leg, called: Leg, invite: InviteReceived) -> None:
        """Until both are up. Raises `Refused`."""
        setup, near = self.setup, (caller,)
        answer = await caller.endpoint.answer(invite.sdp, trickle=invite.trickle)
        caller.line.flush_candidates(caller)
        offer = await called.endpoint.offer(codecs=caller.endpoint.codec_names)
        setup.check(near, called)
        called.ring(
            SendInvite(
                called.id,
                offer,
                caller_name=caller.name,
                caller_number=caller.number,
                callee_name="Outbound Call",
                callee_number=called.number,
                headers=invite.headers,
                client_state=invite.client_state,
                telnyx_ids=called.telnyx_ids,
            )
        )
        caller.line.order(SendRinging(caller.id, telnyx_ids=caller.telnyx_ids))
        caller.line.order(SendMedia(caller.id, answer))
        async with _owned(self._early_media(caller)) as caller_up:
            taken = await setup.answer(near, called, within=RING_TIMEOUT)
            await setup.take(near, called, taken)
            await setup.unless_over(near, called, asyncio.shield(caller_up))
        caller.line.order(SendAnswer(caller.id, telnyx_ids=caller.telnyx_ids))

    async def _early_media(self, caller: Leg) -> None:
        await caller.endpoint.connect()
        caller.endpoint.play_ringback()

    async def _talk(self, legs: list[Leg]) -> None:
        """The two in `legs` hear each other until one hangs up; by a transfer, one gives its place to a third."""
        bridge = self._bridge(*legs)
        while True:
            one, other = bridge.legs
            await asyncio.wait((one.over, other.over, bridge.leaving), return_when=asyncio.FIRST_COMPLETED)
            bridge.part()
            if one.over.done() or other.over.done():
                break
            leg, asked = bridge.leaving.result()
            new = await transfer(self.setup, bridge, leg, asked, legs)
            if new is None:
                bridge.leaving = asyncio.get_running_loop().create_future()
                bridge.join()
            else:
                bridge = self._bridge(bridge.other(leg), new)
            left = [gone for gone in legs if gone not in bridge.legs]
            legs[:] = bridge.legs
            await to_the_end(self._forget(*left))
        self._pass_on(one, other)

    def _bridge(self, one: Leg, other: Leg) -> Bridge:
        """From now on they hear each other."""
        for leg in (one, other):
            watch_media(leg)
        bridge = Bridge(self._clock, self._pacer, self._hold_audio, one, other)
        self.bridges[one] = self.bridges[other] = bridge
        bridge.join()
        return bridge

    def _pass_on(self, one: Leg, other: Leg) -> None:
        """One is over: tell the other why."""
        if one.over.done():
            other.bye(one.over.result())
        else:
            one.bye(other.over.result())

    def _end(self, legs: list[Leg], how: Cause) -> None:
        for leg in legs:
            if leg.inbound:
                leg.bye(how)
            else:
                leg.give_up(how)

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
        elif asked.action == "transfer" and not bridge.leaving.done():
            bridge.leaving.set_result((leg, asked))
        else:
            # Only one transfer of a call can be under way.
            said = "transfer failed" if asked.action == "transfer" else f"cannot {asked.action}"
            line.order(RefuseRequest(asked.request_id, message=said))

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
