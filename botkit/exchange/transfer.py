"""Moving the other party of a call to somebody else.

Who asks for it (`modify` with the action `transfer`, as mod_verto has it) names a destination. That one
rings, for the other party as the caller, who hears it ring. When it has answered, those two are joined
and whoever asked is told so, and hung up. Busy, no answer, nobody there: the reply names the cause, and
the two are joined again as they were, on hold if they were on hold. A blind transfer, then, except that
the call is not lost by it; mod_verto moves the party at once and tells no more.

Whoever hangs up meanwhile ends the whole of it, and so does a command that parts the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from botkit.causes import Cause
from botkit.clock import to_the_end
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.bridge import Bridge
from botkit.exchange.leg import Leg
from botkit.exchange.setup import Refused, cause_of
from botkit.signalling.facts import ModifyReceived
from botkit.signalling.modify import TRANSFER_RINGS
from botkit.signalling.orders import RefuseRequest, ReplyModify, SendDisplay

if TYPE_CHECKING:
    from botkit.exchange.switch import Switch

log = logging.getLogger("botkit.exchange")


async def transfer(switch: Switch, bridge: Bridge, leg: Leg, asked: ModifyReceived) -> Leg | None:
    """Do what `leg` asked for; gives the leg that took its place, or None: the call stays as it was.

    The bridge comes parted and stays so: joining what is to be joined is the caller's.
    """
    far = bridge.other(leg)
    elsewhere = bridge.dissolved.is_set()  # since it was asked for
    ringback = None if far.held or elsewhere else far.endpoint.play_ringback()
    called: list[Leg] = []

    def ringing() -> None:
        for new in called:
            new.tell("call.initiated", direction=new.direction, state="bridging")

    why: Cause | str = "SYSTEM_SHUTDOWN"
    try:
        switch.permit(asked.destination)
        called = switch.setup.to(asked.destination, leg.session_id, leg.line.origin)
        for new in called:
            new.calling, new.called = far.calling if far.inbound else far.called, asked.destination
            switch.keep(new)
        taken = await _unless_parted(
            bridge,
            switch.setup.reach(
                (far, leg),
                called,
                within=asked.ring_timeout or TRANSFER_RINGS,
                codecs=far.endpoint.codec_names,
                caller_name=far.name,
                caller_number=far.number,
                when_ringing=ringing,
            ),
        )
        switch.setup.check((far, leg), taken)
    except Refused as refusal:
        why = refusal.how
    except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
        log.info("transfer.failed leg=%s %s", leg.id, fault)
        why = cause_of(fault)
    else:
        called = []
        taken.tell("call.answered", state="answered")
        far.line.order(SendDisplay(far.id, taken.number, taken.number))
        leg.line.order(ReplyModify(asked.request_id, message="CALL TRANSFERRED"))
        leg.place = None  # it leaves by its own wish, and ends nobody's call
        leg.bye("NORMAL_CLEARING", "party")
        return taken
    finally:
        for new in called:
            new.give_up(why, "peer")
    if ringback is not None:
        far.endpoint.session.stop(ringback)
    assert isinstance(why, Cause)
    leg.line.order(RefuseRequest(asked.request_id, message="transfer failed", cause=why))
    return None


async def _unless_parted(bridge: Bridge, work: Coroutine[Any, Any, Leg]) -> Leg:
    """What `work` gives, unless the two are parted for good before. Raises `Refused`, or what `work` raises."""
    task, parted = asyncio.ensure_future(work), asyncio.ensure_future(bridge.dissolved.wait())
    both = (task, parted)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in both:
            one.cancel()
        await to_the_end(asyncio.wait(both))
    if bridge.dissolved.is_set():
        if not task.cancelled():
            task.exception()
        raise Refused("ORIGINATOR_CANCEL")
    return task.result()
