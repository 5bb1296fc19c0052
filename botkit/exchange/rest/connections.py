"""`/v2/credential_connections` ([SDK] resources/credential_connections)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from botkit.exchange.connections import (
    AniFormat,
    CredentialConnection,
    DnisFormat,
    SipUriCalling,
    Switched,
    WebhookVersion,
)
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.envelope import Body, Json, Paging, Segment, data, listed, stamp
from botkit.exchange.rest.resources import Url, shown, sorted_by, take

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def user_name(text: str) -> str:
    """`text`, if it may be a connection's user name. Raises `ValueError`."""
    if not re.fullmatch(r"(?=.{0,4}[A-Za-z])[A-Za-z0-9]{4,32}", text):
        raise ValueError("a user name has 4 to 32 letters and digits, a letter among the first five")
    return text


UserName = Annotated[str, AfterValidator(user_name)]
Secret = Annotated[str, Field(min_length=8, max_length=128)]
Timeout = Annotated[int, Field(ge=1, le=600)]


class InboundBody(Body):
    """Calls to the connection's clients."""

    ani_number_format: AniFormat | None = None
    channel_limit: int | None = None
    codecs: list[str] | None = None
    dnis_number_format: DnisFormat | None = None
    generate_ringback_tone: bool | None = None
    simultaneous_ringing: Switched | None = None
    timeout_1xx_secs: Timeout | None = None
    timeout_2xx_secs: Timeout | None = None


class OutboundBody(Body):
    """Calls that the connection's clients place."""

    ani_override: str | None = None
    ani_override_type: Literal["always", "normal", "emergency"] | None = None
    call_parking_enabled: bool | None = None
    channel_limit: int | None = None
    generate_ringback_tone: bool | None = None
    instant_ringback_enabled: bool | None = None
    localization: str | None = None
    outbound_voice_profile_id: str | None = None


class ConnectionUpdate(Body):
    """Members of a credential connection; those that are not given stay as they are."""

    connection_name: str | None = None
    user_name: UserName | None = None
    password: Secret | None = None
    active: bool | None = None
    sip_uri_calling_preference: SipUriCalling | None = None
    webhook_event_url: Url | None = None
    webhook_event_failover_url: Url | None = None
    webhook_api_version: WebhookVersion | None = None
    webhook_timeout_secs: Annotated[int, Field(ge=0, le=30)] | None = None
    inbound: InboundBody | None = None
    outbound: OutboundBody | None = None
    tags: list[str] | None = None


class ConnectionCreate(ConnectionUpdate):
    """A new credential connection."""

    connection_name: str = Field(min_length=1)
    user_name: UserName
    password: Secret


def _change(connection: CredentialConnection, body: ConnectionUpdate) -> None:
    """Take the body's members, all or none. Raises `CommandRefused`."""
    parking = connection.outbound.call_parking_enabled
    if body.outbound is not None and body.outbound.call_parking_enabled is not None:
        parking = body.outbound.call_parking_enabled
    if (body.webhook_api_version or connection.webhook_api_version) == "texml" and not parking:
        says = "texml needs outbound.call_parking_enabled to be true."
        raise CommandRefused("10015", says, pointer="/webhook_api_version")
    take(connection, {name: value for name, value in body.given().items() if name != "user_name"})


def router(exchange: Exchange) -> APIRouter:
    """Make, read, change, list and delete credential connections; ask whether one is registered."""
    api = APIRouter(tags=["Credential connections"])
    directory = exchange.directory

    @api.post("/credential_connections", status_code=201, summary="Create a credential connection")
    async def create(body: ConnectionCreate) -> Json:
        connection = CredentialConnection(user_name=body.user_name, password=body.password)
        _change(connection, body)
        return data(shown(directory.add_connection(connection)))

    @api.get("/credential_connections", summary="List credential connections")
    async def index(
        page: Paging,
        name: Annotated[str | None, Query(alias="filter[connection_name][contains]")] = None,
        profile: Annotated[str | None, Query(alias="filter[outbound_voice_profile_id]")] = None,
        sort: str | None = None,
    ) -> Json:
        found = [
            one
            for one in directory.connections.values()
            if (name is None or name.lower() in one.connection_name.lower())
            and (profile is None or profile == one.outbound.outbound_voice_profile_id)
        ]
        keys = {
            "created_at": lambda one: one.created_at,
            "connection_name": lambda one: one.connection_name,
            "active": lambda one: one.active,
        }
        return listed([shown(one) for one in sorted_by(found, sort, keys)], page)

    @api.get("/credential_connections/{ident}", summary="Retrieve a credential connection")
    async def retrieve(ident: Segment) -> Json:
        return data(shown(directory.connection(ident)))

    @api.patch("/credential_connections/{ident}", summary="Update a credential connection")
    async def update(ident: Segment, body: ConnectionUpdate) -> Json:
        connection = directory.connection(ident)
        if body.user_name is not None and body.user_name != connection.user_name:
            if directory.identity(body.user_name) is not None:
                raise CommandRefused("10015", f"The name {body.user_name} is in use.", pointer="/user_name")
            _change(connection, body)
            directory.rename(connection, body.user_name)
        else:
            _change(connection, body)
        directory.touch(connection)
        return data(shown(connection))

    @api.delete("/credential_connections/{ident}", summary="Delete a credential connection")
    async def delete(ident: Segment) -> Json:
        connection = directory.connection(ident)
        gone = data(shown(connection))
        directory.delete(connection)
        return gone

    @api.post(
        "/credential_connections/{ident}/actions/check_registration_status",
        summary="Check whether a client is registered with a connection's user name",
    )
    async def check(ident: Segment) -> Json:
        connection = directory.connection(ident)
        newest = next(iter(exchange.registrar.registrations(connection.user_name)), None)
        address, port = (newest.line.client if newest is not None else None) or (None, None)
        return data(
            {
                "record_type": "registration_status",
                "status": "Registered" if newest is not None else "Not Registered",
                "sip_username": connection.user_name,
                "ip_address": address,
                "port": port,
                "transport": "WebSocket" if newest is not None else None,
                "user_agent": newest.user_agent if newest is not None else None,
                "last_registration": stamp(newest.at) if newest is not None else None,
            }
        )

    return api
