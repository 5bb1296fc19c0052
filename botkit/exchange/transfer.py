"""Moving the other party of a call to somebody else.

Who asks for it (`modify` with the action `transfer`, as mod_verto has it) names a destination. That one
rings, for the other party as the caller, who hears it ring. When it has answered, those two are joined
and whoever asked is told so, and hung up. Busy, no answer, nobody there: the reply names the cause, and
the two are joined again as they were, on hold if they were on hold. A blind transfer, then, except that
the call is not lost by it; mod_verto moves the party at once and tells no more.

Whoever hangs up meanwhile ends the whole of it.
"""

from __future__ import annotations

import logging

from botkit.causes import Cause
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.bridge import Bridge
from botkit.exchange.leg import Leg
from botkit.exchange.setup import Refused, Setup, cause_of
from botkit.signalling.facts import ModifyReceived
from botkit.signalling.orders import RefuseRequest, ReplyModify, SendDisplay, SendInvite
from botkit.signalling.protocol import TRANSFER_RINGS

log = logging.getLogger("botkit.exchange")


async def transfer(setup: Setup, bridge: Bridge, leg: Leg, asked: ModifyReceived, legs: list[Leg]) -> Leg | None:
    """Do what `leg` asked for; gives the leg that took its place, or None: the call stays as it was.

    The new leg is in `legs` while it lasts; `leg` is left in it, whatever happens. The bridge comes
    parted and stays so: joining what is to be joined is the caller's.
    """
    far = bridge.other(leg)
    if not far.held:
        far.endpoint.play_ringback()
    new: Leg | None = None
    try:
        new = setup.to(asked.destination, leg.session_id)
        legs.append(new)
        await _reach(setup, (far, leg), new, asked.ring_timeout or TRANSFER_RINGS)
    except Refused as refusal:
        why = refusal.how
    except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
        log.info("transfer.failed leg=%s %s", leg.id, fault)
        why = cause_of(fault)
    else:
        far.line.order(SendDisplay(far.id, new.number, new.number))
        leg.line.order(ReplyModify(asked.request_id, message="CALL TRANSFERRED"))
        leg.bye("NORMAL_CLEARING")
        return new
    _give_up(leg, asked, new, why)
    return None


async def _reach(setup: Setup, near: tuple[Leg, Leg], new: Leg, ring_timeout: float) -> None:
    far, _ = near
    offer = await new.endpoint.offer(codecs=far.endpoint.codec_names)
    setup.check(near, new)
    new.ring(
        SendInvite(
            new.id,
            offer,
            caller_name=far.name,
            caller_number=far.number,
            callee_name="Outbound Call",
            callee_number=new.number,
            telnyx_ids=new.telnyx_ids,
        )
    )
    answer = await setup.answer(near, new, within=ring_timeout)
    await setup.take(near, new, answer)


def _give_up(leg: Leg, asked: ModifyReceived, new: Leg | None, why: Cause) -> None:
    leg.line.order(RefuseRequest(asked.request_id, message="transfer failed", cause=why))
    if new is not None:
        new.give_up(why)
