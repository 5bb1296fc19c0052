"""`/v2/trunks`: the outside lines, and calls that come in by them. This exchange's own; the platform has no such thing.

A call "from outside the network" is placed by a bot that is logged in as the trunk, or here, where the exchange plays
the party itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from botkit.exchange.activities import checks
from botkit.exchange.activities.sounds import ByText
from botkit.exchange.connections import Trunk
from botkit.exchange.outside import LASTS, OutsideOrder, OutsideParty
from botkit.exchange.refusal import not_found
from botkit.exchange.rest.bodies import Body, Digits, Header, Url
from botkit.exchange.rest.envelope import Json, Paging, Segment, data, listed, stamp

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


class Call(Body):
    """`POST /trunks/{name}/calls`."""

    calling: Annotated[str, Field(alias="from", min_length=1)]
    to: Annotated[str, Field(min_length=1)]
    from_display_name: Annotated[str, Field(max_length=128)] = ""
    custom_headers: tuple[Header, ...] = ()
    audio_url: Url | None = Field(None, description="what the party says once somebody answers")
    media_name: str | None = Field(None, description="the same, by name")
    say: Annotated[str, Field(max_length=3000)] | None = Field(None, description="the same, as a text")
    loop: Annotated[int, Field(ge=1, le=100)] | Literal["infinity"] = 1
    digits: Digits | None = Field(None, description="sent after that")
    time_limit_secs: Annotated[float, Field(gt=0, le=14400)] = LASTS


def router(exchange: Exchange) -> APIRouter:
    """List trunks; place, show and end calls that come in by them."""
    api = APIRouter(prefix="/trunks", tags=["Trunks"])

    def named(name: str) -> Trunk:
        found = next((one for one in exchange.directory.trunks.values() if one.name == name), None)
        if found is None:
            raise not_found("The trunk")
        return found

    def party(name: str, ident: str) -> OutsideParty:
        found = next((one for one in exchange.outside.of(named(name)) if one.id == ident), None)
        if found is None:
            raise not_found("The call")
        return found

    @api.get("", summary="List trunks")
    async def trunks(page: Paging) -> Json:
        return listed(
            [
                {"record_type": "trunk", "id": one.id, "name": one.name, "numbers": list(one.numbers)}
                for one in exchange.directory.trunks.values()
            ],
            page,
        )

    @api.post("/{name}/calls", summary="Let somebody outside call in")
    async def place(name: Segment, body: Call) -> Json:
        what = checks.audio(body.audio_url, body.media_name)
        if what is None and body.say:
            what = ByText(body.say, False, "en-US", "")
        order = OutsideOrder(
            calling=body.calling,
            called=body.to,
            name=body.from_display_name,
            headers=tuple((one.name, one.value) for one in body.custom_headers),
            says=what,
            turns=None if body.loop == "infinity" else body.loop,
            digits=(body.digits or "").replace("W", "ww"),
            lasts=body.time_limit_secs,
        )
        return data(shown(exchange.outside.call(named(name), order)))

    @api.get("/{name}/calls", summary="List the calls that came in by a trunk through here")
    async def calls(name: Segment, page: Paging) -> Json:
        return listed([shown(one) for one in exchange.outside.of(named(name))], page)

    @api.get("/{name}/calls/{call_id}", summary="Retrieve such a call")
    async def call(name: Segment, call_id: Segment) -> Json:
        return data(shown(party(name, call_id)))

    @api.delete("/{name}/calls/{call_id}", summary="Hang up such a call", status_code=204)
    async def hang_up(name: Segment, call_id: Segment) -> Response:
        party(name, call_id).hang_up()
        return Response(status_code=204)

    return api


def shown(party: OutsideParty) -> Json:
    """A call as it is sent."""
    return {
        "record_type": "trunk_call",
        "id": party.id,
        "trunk": party.trunk.name,
        "from": party.order.calling,
        "to": party.order.called,
        "status": party.status,
        "hangup_cause": party.cause or None,
        "digits": party.heard,
        "start_time": stamp(party.started),
    }
