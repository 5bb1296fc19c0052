"""A client lends its other party to a queue or conference, as long as it lasts (see `botkit.client.staying`).

In a queue the two stay bridged, so the waiting party hears what it is played. Into a conference it goes alone, and
who lent it is parked, and bridged to it again afterwards. A party that does not come back (it hung up, somebody took
it) ends the call of who lent it; so does the end of who lent it end the party's.
"""

from __future__ import annotations

import asyncio
from typing import Any

from botkit.exchange.bridge import Bridge
from botkit.exchange.conference import ConferencePlan
from botkit.exchange.conferences import Conferences
from botkit.exchange.leg import Leg
from botkit.exchange.queue import QueuePlan
from botkit.exchange.queues import Queues
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.seat import Seat, SeatPlan
from botkit.exchange.switch import Switch
from botkit.signalling.facts import ModifyReceived
from botkit.signalling.orders import RefuseRequest, ReplyModify

NAME_LONGEST = 255


class Lending:
    """Who has lent whom. `ask` is given to the switch for the actions `enqueue`, `conference` and `takeBack`."""

    def __init__(self, switch: Switch, conferences: Conferences, queues: Queues) -> None:
        self._switch = switch
        self._conferences = conferences
        self._queues = queues
        self._lent: dict[Leg, Leg] = {}
        for action in ("enqueue", "conference", "takeBack"):
            switch.actions[action] = self.ask

    def ask(self, leg: Leg, asked: ModifyReceived) -> None:
        """A client's request. It is replied to when the party is back, or will not come back."""
        try:
            if asked.action == "takeBack":
                self._take_back(leg)
                leg.line.order(ReplyModify(asked.request_id))
            else:
                self._lend(leg, asked)
        except CommandRefused as refused:
            leg.line.order(RefuseRequest(asked.request_id, message=refused.detail))

    def _lend(self, leg: Leg, asked: ModifyReceived) -> None:
        bridge = leg.place
        if leg in self._lent or not isinstance(bridge, Bridge) or bridge.moving:
            raise CommandRefused("90033", f"{asked.action}: there is no other party now")
        if len(asked.destination) > NAME_LONGEST:
            raise CommandRefused("10033", f"a name has at most {NAME_LONGEST} characters")
        party = bridge.other(leg)
        before, bridge.stays[leg] = bridge.stays.get(leg), "parked"
        gone: asyncio.Future[Any]
        try:
            if asked.action == "enqueue":
                gone = self._queues.enqueue(party, asked.destination, QueuePlan(), stays=True).gone
            else:
                gone = self._into_conference(party, asked.destination).out
        except CommandRefused:
            del bridge.stays[leg]
            if before is not None:
                bridge.stays[leg] = before
            raise
        bridge.moving = True
        self._lent[leg] = party
        name = f"call {leg.id} has lent its party"
        self._switch.start(self._until_back(leg, party, bridge, before, gone, asked), name)

    def _into_conference(self, party: Leg, name: str) -> Seat:
        conference, plan = self._conferences.active(name), SeatPlan(stays=True)
        if conference is None:
            return self._conferences.create(party, ConferencePlan(name), plan).seat(party.control_id)
        return conference.join(party, plan)

    def _take_back(self, leg: Leg) -> None:
        party = self._lent.get(leg)
        if party is None:
            raise CommandRefused("90033", "takeBack: nobody is lent")
        if isinstance(party.place, Seat):
            party.place.conference.leave(party.control_id)
        else:
            self._queues.leave(party)

    async def _until_back(
        self,
        leg: Leg,
        party: Leg,
        bridge: Bridge,
        before: str | None,
        gone: asyncio.Future[Any],
        asked: ModifyReceived,
    ) -> None:
        clock = self._switch.clock
        began = clock.now()
        try:
            await asyncio.wait((gone, leg.over), return_when=asyncio.FIRST_COMPLETED)
            if leg.over.done():
                party.bye(leg.over.result(), "peer")
                return
            reason = str(gone.result())
            back = not party.over.done() and (party.place is None or party.peer is leg)
            if not back and reason == "leave":
                reason = "moved"
            leg.line.order(ReplyModify(asked.request_id, reason=reason, waited=round(clock.now() - began, 3)))
            if leg.place is not None and leg.peer is not party:
                return  # it was put elsewhere meanwhile
            if not back:
                leg.bye(party.over.result() if party.over.done() else "NORMAL_CLEARING", "peer")
            elif party.place is None:
                self._switch.bridge(leg, party, stays={leg: before} if before is not None else None)
            else:
                bridge.stays.pop(leg, None)
                if before is not None:
                    bridge.stays[leg] = before
        finally:
            bridge.moving = False
            self._lent.pop(leg, None)
