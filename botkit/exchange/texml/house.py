"""Where documents meet the exchange: which legs they drive, and whom these reach.

`Controls.program` sends an inbound leg here when its owner wants a document; TeXML REST places calls from here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from botkit.exchange.activities.activities import Activities
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.applications import TexmlApplication
from botkit.exchange.connections import CredentialConnection
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.switch import Switch
from botkit.exchange.texml.calls import Application, Calls
from botkit.exchange.texml.fetch import HttpMethod, Source
from botkit.exchange.texml.follow import Target
from botkit.exchange.texml.port import SeatOrder
from botkit.exchange.texml.program import Settings
from botkit.exchange.texml.real_leg import RealTexmlLeg
from botkit.exchange.texml.records import CallRecord
from botkit.exchange.texml.rooms import Rooms
from botkit.signalling.orders import SendRinging

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


HUMAN = "human"
"""Machines are not told from people here: every answer is a person's."""


class MeetingPlaces(Protocol):
    """Queues and conferences."""

    def enqueue(self, leg: RealTexmlLeg, queue: str) -> Any: ...

    def take(self, queue: str) -> RealTexmlLeg | None: ...

    def join(self, leg: RealTexmlLeg, order: SeatOrder) -> Any: ...


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call to place for an application, as TeXML REST has it. Durations in seconds."""

    to: str
    calling: str
    connection_id: str
    source: Source
    settings: Settings = field(default_factory=Settings)
    target: Target | None = None
    display_name: str = ""
    timeout: float = 30.0
    time_limit: float = 14400.0
    headers: tuple[tuple[str, str], ...] = ()
    detection: Target | None = None
    """Is told by whom it was answered."""


class House:
    """One per exchange; `close` it. `start` runs work in a task that it owns."""

    rooms: MeetingPlaces

    def __init__(
        self,
        calls: Calls,
        switch: Switch,
        activities: Callable[[Leg], Activities],
        recordings: Recordings,
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self.calls = calls
        self.switch = switch
        self.activities = activities
        self.recordings = recordings
        self.start = start
        self._legs: dict[str, RealTexmlLeg] = {}

    # --- legs -----------------------------------------------------------------------------------------------

    def of(self, leg: Leg) -> RealTexmlLeg:
        """A leg as documents see it, always the same."""
        known = self._legs.get(leg.control_id)
        if known is None:
            known = self._legs[leg.control_id] = RealTexmlLeg(self, leg)
        return known

    def forget(self, leg: RealTexmlLeg) -> None:
        """It is over."""
        self._legs.pop(leg.facts.sid, None)

    def fork_of(self, leg: Leg) -> Leg | None:
        """Another phone that still rings, or has answered, for the same call."""
        face = self.switch.legs.face(leg)
        return None if face is leg or face.over.done() else face

    def happened(self, leg: Leg, event_type: str, fields: Mapping[str, object]) -> None:
        """A listener of the platform: digits reach the documents that wait for them."""
        if event_type == "call.dtmf.received" and (known := self._legs.get(leg.control_id)) is not None:
            known.heard(str(fields["digit"]))

    # --- calls ----------------------------------------------------------------------------------------------

    async def program(self, leg: Leg, owner: CredentialConnection | TexmlApplication) -> None:
        """Run an inbound leg by the document of its owner; returns when the leg is over. See `Controls`."""
        leg.line.order(SendRinging(leg.id, telnyx_ids=leg.telnyx_ids))
        leg.tell("call.initiated", direction=leg.direction, state="parked")
        drive = self.calls.take(self.of(leg), application_of(owner))
        await asyncio.wait((drive.task,))  # a wait: who cancels us ends the leg, and that ends the drive

    def dial(self, plan: DialPlan) -> RealTexmlLeg:
        """Ring somebody."""
        made: list[RealTexmlLeg] = []

        async def taken(leg: Leg) -> None:
            if made and made[0].leg is not leg:
                made[0].follow(leg)

        (leg,) = self.switch.dial(dataclasses.replace(plan, on_answer=taken))
        made.append(self.of(leg))
        made[0].facts = dataclasses.replace(made[0].facts, caller_name=plan.name)
        return made[0]

    def place(self, order: CallOrder) -> CallRecord:
        """Ring somebody whom the document of `order` greets."""
        leg = self.dial(
            DialPlan(
                to=(order.to,),
                calling=order.calling,
                connection_id=order.connection_id,
                name=order.display_name,
                timeout=order.timeout,
                time_limit=order.time_limit,
                headers=order.headers,
            )
        )
        self.calls.drive(leg, order.source, order.settings, order.target)
        if order.detection is not None:
            self.calls.tell_who_answered(leg, order.detection, HUMAN)
        return self.calls.record(leg.facts.sid)

    async def close(self) -> None:
        """End the calls of documents."""
        await self.calls.close()


def open_house(exchange: Exchange, http: httpx.AsyncClient | None = None) -> House:
    """The house of an exchange, whose calls for documents come to it from now on. `http`: how it asks for documents;
    None: as the exchange asks for all else."""
    platform, clock = exchange.platform, exchange.clock
    calls = Calls(
        http or platform.http,
        clock,
        account_sid=str(uuid.uuid4()),
        signer=lambda body: platform.webhooks.key.headers(body, clock.wall()),
    )
    house = House(calls, exchange.switch, platform.activities.of, platform.recordings, exchange.start)
    house.rooms = Rooms(house, platform.queues, platform.conferences)
    exchange.controls.program = house.program
    platform.listeners.append(house.happened)
    return house


def application_of(owner: CredentialConnection | TexmlApplication) -> Application:
    """Where the document of an owner is. A connection's is at its webhook URL, which gets forms."""
    if isinstance(owner, CredentialConnection):
        return Application(owner.webhook_event_url, "POST", owner.webhook_event_failover_url)
    return Application(
        owner.voice_url,
        _method(owner.voice_method),
        owner.voice_fallback_url,
        owner.status_callback,
        _method(owner.status_callback_method),
    )


def _method(text: str) -> HttpMethod:
    return "GET" if text.upper() == "GET" else "POST"
