"""`/v2/connections`: credential connections and applications side by side ([SDK] resources/connections.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from botkit.exchange.applications import VoiceApplication
from botkit.exchange.connections import CredentialConnection, Owner
from botkit.exchange.refusal import not_found
from botkit.exchange.rest.envelope import Json, Paging, Segment, data, listed
from botkit.exchange.rest.resources import shown, sorted_by

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def name_of(owner: Owner | None) -> str:
    """The name that people gave it."""
    if isinstance(owner, CredentialConnection):
        return owner.connection_name
    if isinstance(owner, VoiceApplication):
        return owner.application_name
    return owner.friendly_name if owner is not None else ""


def router(exchange: Exchange) -> APIRouter:
    """List and read whatever a number or a leg may belong to."""
    api = APIRouter(tags=["Connections"])
    directory = exchange.directory

    def resource(owner: Owner) -> Json:
        members = shown(owner)
        kept = ("id", "record_type", "active", "tags", "created_at", "updated_at")
        return {
            **{name: members[name] for name in kept},
            "connection_name": name_of(owner),
            "outbound_voice_profile_id": owner.outbound.outbound_voice_profile_id,
            "webhook_event_url": members.get("webhook_event_url"),
            "webhook_event_failover_url": members.get("webhook_event_failover_url"),
            "webhook_api_version": members.get("webhook_api_version"),
        }

    @api.get("/connections", summary="List connections and applications")
    async def index(
        page: Paging,
        name: Annotated[str | None, Query(alias="filter[connection_name][contains]")] = None,
        sort: str | None = None,
    ) -> Json:
        owners: list[Owner] = [*directory.connections.values(), *directory.voice_applications.values()]
        owners += directory.texml_applications.values()
        found = [one for one in owners if name is None or name.lower() in name_of(one).lower()]
        keys = {
            "created_at": lambda one: one.created_at,
            "connection_name": name_of,
            "active": lambda one: one.active,
        }
        return listed([resource(one) for one in sorted_by(found, sort, keys)], page)

    @api.get("/connections/{ident}", summary="Retrieve a connection or application")
    async def retrieve(ident: Segment) -> Json:
        owner = directory.owner(ident)
        if owner is None:
            raise not_found("The resource")
        return data(resource(owner))

    return api
