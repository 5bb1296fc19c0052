"""REST: placing calls, and what becomes of them. Commands for a call are in `actions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from botkit.exchange.legs import LegStatus
from botkit.exchange.refusal import not_found
from botkit.exchange.rest.bodies import Dial
from botkit.exchange.rest.dialling import dial
from botkit.exchange.rest.envelope import Json, Paging, Segment, data, listed, stamp

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def router(exchange: Exchange) -> APIRouter:
    """The routes of calls."""
    routes = APIRouter(tags=["Calls"])
    switch = exchange.switch

    @routes.post("/calls", summary="Place a call")
    async def place(body: Dial) -> Json:
        commands = exchange.platform.commands
        seen, reply = commands.repeated(body.connection_id, body.command_id)
        if not seen:
            leg = dial(exchange, body)
            reply = data({**shown(switch.legs.status(leg.control_id), switch.clock.wall()), "is_alive": False})
            commands.remember(body.connection_id, body.command_id, reply)
        told: Json = reply
        return told

    @routes.get("/calls/{call_control_id}", summary="Retrieve a call's status")
    async def status(call_control_id: Segment) -> Json:
        return data(shown(switch.legs.status(call_control_id), switch.clock.wall()))

    @routes.get("/connections/{connection_id}/active_calls", summary="List the live calls of a connection")
    async def active_calls(connection_id: Segment, page: Paging) -> Json:
        if exchange.directory.owner(connection_id) is None:
            raise not_found("The connection")
        now = switch.clock.wall()
        legs = [switch.legs.status(leg.control_id) for leg in switch.legs if leg.connection_id == connection_id]
        return listed([active(one, now) for one in legs], page)

    return routes


def shown(status: LegStatus, now: float) -> Json:
    """A call as it is sent. `now` is wallclock."""
    told: Json = {
        "record_type": "call",
        "call_control_id": status.control_id,
        "call_leg_id": status.leg_id,
        "call_session_id": status.session_id,
        "is_alive": status.ended_at is None,
        "client_state": status.client_state,
        "call_duration": lasted(status, now),
        "start_time": stamp(status.started),
    }
    return told if status.ended_at is None else {**told, "end_time": stamp(status.ended_at)}


def active(status: LegStatus, now: float) -> Json:
    """A live call in the list of its connection's."""
    told = shown(status, now)
    kept = ("record_type", "call_control_id", "call_leg_id", "call_session_id", "client_state", "call_duration")
    return {name: told[name] for name in kept}


def lasted(status: LegStatus, now: float) -> int:
    """Whole seconds since it was answered; 0 for one that never was."""
    if status.answered_at is None:
        return 0
    return max(0, int((status.ended_at or now) - status.answered_at))
