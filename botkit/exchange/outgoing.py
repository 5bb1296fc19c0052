"""Legs that the platform dials: for an application's `dial`, a transfer, a TeXML `Dial`.

A dialled leg exists at once, with its ids, and rings in a task of the exchange's own; what becomes of it is told
by its events. Several addresses ring together and the first to answer wins. An address that reaches nobody is no
error of the command: its leg ends at once, with the cause.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botkit.causes import Cause
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.address import plain_address
from botkit.exchange.connections import INSIDE, Origin
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.setup import Refused, cause_of
from botkit.exchange.webhooks.targets import Overrides
from botkit.signalling.orders import Pairs

if TYPE_CHECKING:
    from botkit.exchange.switch import Switch

log = logging.getLogger("botkit.exchange")

RINGS = 30.0
"""Seconds of ringing ([SDK] `timeout_secs`, default 30)."""

LASTS = 14400.0
"""Seconds that an answered leg may last ([SDK] `time_limit_secs`, default 14400)."""


@dataclass(frozen=True, slots=True)
class DialPlan:
    """Whom to call, and how. Durations in seconds; `client_state` is base64.

    `on_timeout` is how a ring time-out is told: `timeout`, or `no_answer` where no retry was wanted. `on_answer` is
    awaited with the leg once its media is up; `on_failure` is told when nobody has answered.
    `near` are legs whose end ends the ringing (a transfer's other party).
    """

    to: Sequence[str]
    calling: str
    connection_id: str = ""
    name: str = ""
    session_id: str = ""
    timeout: float = RINGS
    time_limit: float = LASTS
    on_timeout: str = "timeout"
    headers: Pairs = ()
    client_state: str | None = None
    codecs: Sequence[str] | None = None
    near: Sequence[Leg] = ()
    origin: Origin = INSIDE
    overrides: Overrides = field(default_factory=Overrides)
    on_answer: Callable[[Leg], Awaitable[None]] | None = None
    on_failure: Callable[[], None] | None = None


def dial(switch: Switch, plan: DialPlan) -> list[Leg]:
    """Ring; gives the leg of each address. Their events tell the rest. Raises what `Switch.check` does."""
    switch.check(plan)
    session = plan.session_id or str(uuid.uuid4())
    legs: list[Leg] = []
    forks: list[Leg] = []
    for address in plan.to:
        try:
            reached = switch.setup.to(address, session, plan.origin)
            why: Cause | None = None
        except Refused as refusal:
            reached, why = [switch.setup.nowhere(plain_address(address), session)], refusal.how
        leg = reached[0]
        for one in reached:
            one.phones = reached if len(reached) > 1 else []
            one.calling, one.called, one.headers = plan.calling, address, plan.headers
            one.connection_id, one.direction, one.client_state = plan.connection_id, "outgoing", plan.client_state
            one.overrides = plan.overrides
            if one is not leg:  # another phone of the same address is the same leg
                switch.legs.drop(one)
                one.control_id, one.leg_id, one.report = leg.control_id, leg.leg_id, None
        switch.legs.add(leg)
        legs.append(leg)
        for one in reached:
            switch.keep(one)
        leg.tell("call.initiated", direction="outgoing", state="bridging")
        if why is not None:
            leg.ended(why)
        else:
            forks += reached
    if forks:
        switch.start(_ring(switch, plan, forks), f"call {legs[0].id} rings")
    elif plan.on_failure is not None:
        plan.on_failure()
    return legs


async def _ring(switch: Switch, plan: DialPlan, forks: list[Leg]) -> None:
    def one_of_them(taken: Leg) -> None:
        """This phone is the leg from now on."""
        hand_over(switch, taken, taken)
        taken.phones.clear()

    why: Cause | str = "SYSTEM_SHUTDOWN"
    limit = ""
    left = forks
    try:
        taken = await switch.setup.reach(
            plan.near,
            forks,
            within=plan.timeout,
            codecs=plan.codecs,
            caller_name=plan.name,
            caller_number=plan.calling,
            headers=plan.headers,
            client_state=plan.client_state,
            when_answered=one_of_them,
        )
    except Refused as refusal:
        why, limit = refusal.how, plan.on_timeout if refusal.limit else ""
    except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
        log.info("dial.failed to=%s %s", ",".join(plan.to), fault)
        why = cause_of(fault)
    else:
        left = []
        taken.tell("call.answered", state="answered")
        switch.limit(taken, plan.time_limit)
    finally:
        for leg in left:
            if not leg.over.done():
                leg.end.limit = limit
                leg.give_up(why, "peer")
    if left:
        if plan.on_failure is not None:
            plan.on_failure()
    elif plan.on_answer is not None:
        try:
            await plan.on_answer(taken)
        except CommandRefused as refused:  # it was in order when it was asked for, and is no longer
            log.info("dial.late leg=%s %s", taken.id, refused)


def hand_over(switch: Switch, leg: Leg, to: Leg | None = None) -> bool:
    """A phone of a leg is over: another one, `to` or any that still rings, is the leg from now on, with all that was
    said of it. False where there is none. Nothing is told."""
    heir = to or next((one for one in leg.phones if not one.over.done()), None)
    if heir is None:
        return False
    face = switch.legs.face(leg)
    if face is not heir:
        heir.report, face.report = face.report, None
        heir.client_state, heir.overrides, heir.introduced = face.client_state, face.overrides, face.introduced
        switch.legs.add(heir)
    return True


async def lasts(switch: Switch, leg: Leg, seconds: float) -> None:
    """End an answered leg when its time is over."""
    await switch.setup.first(leg.over, within=seconds)
    if not leg.over.done():
        leg.end.limit = "time_limit"
        leg.bye("ALLOTTED_TIMEOUT")


async def rings_out(switch: Switch, leg: Leg, seconds: float) -> None:
    """End a parked leg that nobody answers for so long."""
    await switch.setup.first(leg.over, within=seconds)
    if not leg.over.done() and not leg.answer_ordered:
        leg.end.limit = "timeout"
        leg.bye("NO_ANSWER")
