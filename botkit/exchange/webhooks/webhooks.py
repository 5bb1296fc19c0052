"""The exchange's webhooks: what happens to a leg or a conference is told to whoever owns it.

    webhooks = Webhooks(clock, http, owner_of)
    leg.report = webhooks.tell
    ...
    await webhooks.close()

Telling never waits and never fails: it composes the event as things are now, and queues it (`delivery`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import httpx

from botkit.clock import Clock
from botkit.errors import LocalProtocolError
from botkit.exchange.webhooks.chaos import Chaos
from botkit.exchange.webhooks.delivery import GRACE, Courier, Lost
from botkit.exchange.webhooks.log import DeliveryLog
from botkit.exchange.webhooks.payload import Event, conference_event, leg_event
from botkit.exchange.webhooks.poster import Poster
from botkit.exchange.webhooks.signing import SigningKey
from botkit.exchange.webhooks.targets import Owner, Target, targets
from botkit.exchange.webhooks.told import ToldConference, ToldLeg


class Webhooks:
    """Composes, signs, queues, delivers. `http` (see `poster.open_http`) stays its owner's to close.

    `owner_of` gives the connection or application of a `connection_id`; None where there is none, or where it
    wants no events. `lost` is told, from the loop, of each event that no receiver took, by the id of its leg
    (`call_control_id`) or conference. `floor_changed` switches `conference.floor.changed` on.
    """

    def __init__(
        self,
        clock: Clock,
        http: httpx.AsyncClient,
        owner_of: Callable[[str], Owner | None],
        *,
        key: SigningKey | None = None,
        lost: Lost | None = None,
        floor_changed: bool = False,
    ) -> None:
        self._clock = clock
        self._owner_of = owner_of
        self._floor_changed = floor_changed
        self.key = key or SigningKey()
        self.deliveries = DeliveryLog()
        self._courier = Courier(clock, Poster(http, self.key, clock), self.deliveries, lost=lost)

    @property
    def public_key(self) -> str:
        """Base64 of the 32 bytes that receivers check signatures with."""
        return self.key.public_key

    @property
    def waiting(self) -> int:
        """Events that wait for their turn."""
        return self._courier.waiting

    @property
    def under_way(self) -> int:
        """Events that are being sent, or that pause between two attempts."""
        return self._courier.under_way

    @property
    def lost(self) -> int:
        """Events, ever, that no receiver has taken."""
        return self._courier.lost

    @property
    def last_lost(self) -> str:
        """The type of the latest of them; empty: there is none."""
        return self._courier.last_lost

    @property
    def chaos(self) -> Chaos | None:
        """For tests of bots: double, delay and swap events from now on. None: deliver well."""
        return self._courier.chaos

    @chaos.setter
    def chaos(self, chaos: Chaos | None) -> None:
        self._courier.chaos = chaos

    def tell(self, leg: ToldLeg, event_type: str, fields: Mapping[str, object]) -> None:
        """Say what happened to a leg (`fields`: those of the event's own row in `shapes`); has the shape of a
        `Reporter`. A leg that nobody is told of costs nothing. An event that is not legal is reported to the loop
        as the bug that it is, and not sent.
        """
        if not (goes_to := self._targets(event_type, leg.connection_id, leg)):
            return
        self._send(leg.control_id, goes_to, lambda now: leg_event(leg, event_type, fields, now))

    def tell_conference(
        self,
        conference: ToldConference,
        event_type: str,
        fields: Mapping[str, object],
        member: ToldLeg | None = None,
    ) -> None:
        """The same for a conference; `member` is the leg that has joined, left, or is spoken to."""
        if event_type == "conference.floor.changed" and not self._floor_changed:
            return
        if not (goes_to := self._targets(event_type, conference.connection_id)):
            return
        self._send(
            conference.id, goes_to, lambda now: conference_event(conference, event_type, fields, now, member=member)
        )

    def is_told(self, leg: ToldLeg) -> bool:
        """Whether anybody is told of a leg's events."""
        return bool(self._targets("call.answered", leg.connection_id, leg))

    async def settled(self) -> None:
        """Wait until every event has been delivered or given up. A cancelled caller loses nothing."""
        await self._courier.settled()

    async def close(self, grace: float = GRACE) -> None:
        """Take no more events, and end: what waits has `grace` seconds to go out, and is logged as lost after it."""
        await self._courier.close(grace)

    def _targets(self, event_type: str, connection_id: str, leg: ToldLeg | None = None) -> tuple[Target, ...]:
        owner = self._owner_of(connection_id) if connection_id else None
        return targets(event_type, owner, leg.overrides if leg is not None else None)

    def _send(self, key: str, goes_to: tuple[Target, ...], compose: Callable[[float], Event]) -> None:
        try:
            event = compose(self._clock.wall())
        except LocalProtocolError as bug:
            asyncio.get_running_loop().call_exception_handler({"message": f"no webhook: {bug}", "exception": bug})
            return
        self._courier.send(key, event, goes_to)
