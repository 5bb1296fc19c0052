"""`/v2/telephony_credentials` and their JWTs ([SDK] resources/telephony_credentials.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field

from botkit.exchange.connections import CredentialConnection, TelephonyCredential
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.envelope import Body, Json, Paging, Segment, data, listed, seconds_of, stamp

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

PER_TAG = 1000
"""Credentials that may share a tag, as documented."""


class CredentialUpdate(Body):
    """Members of a telephony credential; those that are not given stay as they are."""

    connection_id: str | None = None
    name: str | None = None
    tag: str | None = None
    expires_at: str | None = Field(None, description="ISO 8601 date and time")


class CredentialCreate(CredentialUpdate):
    """A new telephony credential; its SIP user name and password are generated."""

    connection_id: str


def shown(credential: TelephonyCredential, now: float) -> Json:
    """The resource, as it is sent."""
    return {
        "id": credential.id,
        "record_type": credential.record_type,
        "name": credential.name,
        "tag": credential.tag,
        "resource_id": f"connection:{credential.connection_id}",
        "sip_username": credential.sip_username,
        "sip_password": credential.sip_password,
        "expired": credential.is_expired(now),
        "expires_at": stamp(credential.expires_at) if credential.expires_at is not None else None,
        "user_id": "",
        "created_at": stamp(credential.created_at),
        "updated_at": stamp(credential.updated_at),
    }


def router(exchange: Exchange) -> APIRouter:
    """Make, read, change, list and delete telephony credentials; make JWTs of them."""
    api = APIRouter(tags=["Telephony credentials"])
    directory = exchange.directory

    def connection_of(ident: str) -> CredentialConnection:
        found = directory.connections.get(ident)
        if found is None:
            raise CommandRefused("10015", "There is no credential connection of that id.", pointer="/connection_id")
        return found

    def check_tag(tag: str) -> None:
        if tag and sum(one.tag == tag for one in directory.credentials.values()) >= PER_TAG:
            raise CommandRefused("10015", f"A tag holds at most {PER_TAG} credentials.", pointer="/tag")

    @api.post("/telephony_credentials", status_code=201, summary="Create a telephony credential")
    async def create(body: CredentialCreate) -> Json:
        connection = connection_of(body.connection_id)
        expires_at = seconds_of(body.expires_at, "/expires_at") if body.expires_at else None
        if expires_at is not None and expires_at <= directory.now():
            raise CommandRefused("10015", "expires_at must be in the future.", pointer="/expires_at")
        check_tag(body.tag or "")
        made = directory.add_credential(connection, name=body.name or "", tag=body.tag or "", expires_at=expires_at)
        return data(shown(made, directory.now()))

    @api.get("/telephony_credentials", summary="List telephony credentials")
    async def index(
        page: Paging,
        tag: Annotated[str | None, Query(alias="filter[tag]")] = None,
        name: Annotated[str | None, Query(alias="filter[name]")] = None,
        status: Annotated[Literal["active", "expired"] | None, Query(alias="filter[status]")] = None,
        resource_id: Annotated[
            str | None, Query(alias="filter[resource_id]", description="`connection:` and the connection's id")
        ] = None,
        sip_username: Annotated[str | None, Query(alias="filter[sip_username]")] = None,
    ) -> Json:
        now = directory.now()
        wanted = {"tag": tag, "name": name, "resource_id": resource_id, "sip_username": sip_username}
        found = [
            one
            for one in (shown(credential, now) for credential in reversed(directory.credentials.values()))
            if all(value is None or one[key] == value for key, value in wanted.items())
            and (status is None or one["expired"] == (status == "expired"))
        ]
        return listed(found, page)

    @api.get("/telephony_credentials/{ident}", summary="Retrieve a telephony credential")
    async def retrieve(ident: Segment) -> Json:
        return data(shown(directory.credential(ident), directory.now()))

    @api.patch("/telephony_credentials/{ident}", summary="Update a telephony credential")
    async def update(ident: Segment, body: CredentialUpdate) -> Json:
        credential = directory.credential(ident)
        if credential.is_expired(directory.now()):
            raise CommandRefused("10015", "can't update credentials in expired status")
        given = body.given()
        expires_at = seconds_of(body.expires_at, "/expires_at") if body.expires_at else None
        connection = connection_of(body.connection_id) if body.connection_id else None
        if body.tag != credential.tag:
            check_tag(body.tag or "")
        if connection is not None:
            credential.connection_id = connection.id
        if "name" in given:
            credential.name = body.name or ""
        if "tag" in given:
            credential.tag = body.tag or ""
        if "expires_at" in given:
            credential.expires_at = expires_at
        directory.touch(credential)
        return data(shown(credential, directory.now()))

    @api.delete("/telephony_credentials/{ident}", summary="Delete a telephony credential, and revoke its tokens")
    async def delete(ident: Segment) -> Json:
        credential = directory.credential(ident)
        gone = data(shown(credential, directory.now()))
        directory.delete(credential)
        return gone

    @api.post(
        "/telephony_credentials/{ident}/token",
        status_code=201,
        response_model=None,
        responses={201: {"description": "the bare token", "content": {"text/plain": {"schema": {"type": "string"}}}}},
        summary="Create a JWT that logs in as a telephony credential",
    )
    async def token(ident: Segment) -> PlainTextResponse:
        credential = directory.credential(ident)
        if credential.is_expired(directory.now()):
            raise CommandRefused("10015", "The credential has expired.")
        return PlainTextResponse(directory.add_token(credential), 201)

    return api
