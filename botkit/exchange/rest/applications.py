"""`/v2/call_control_applications` and `/v2/texml_applications` ([SDK] resources of these names)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.refusal import not_found
from botkit.exchange.rest.envelope import Body, Json, Paging, Segment, data, listed
from botkit.exchange.rest.resources import Url, shown, sorted_by, take

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

Method = Literal["get", "post"]
NeededUrl = Annotated[Url, Field(min_length=1)]


class ApplicationInboundBody(Body):
    """Calls to the application."""

    channel_limit: int | None = None
    sip_subdomain: str | None = None
    sip_subdomain_receive_settings: Literal["only_my_connections", "from_anyone"] | None = None


class ApplicationOutboundBody(Body):
    """Calls that the application dials."""

    channel_limit: int | None = None
    outbound_voice_profile_id: str | None = None


class _Common(Body):
    active: bool | None = None
    first_command_timeout: bool | None = None
    first_command_timeout_secs: Annotated[int, Field(ge=1)] | None = None
    inbound: ApplicationInboundBody | None = None
    outbound: ApplicationOutboundBody | None = None
    tags: list[str] | None = None


class VoiceApplicationUpdate(_Common):
    """Members of a Voice API application; those that are not given stay as they are."""

    application_name: Annotated[str, Field(min_length=1)] | None = None
    webhook_event_url: NeededUrl | None = None
    webhook_event_failover_url: Url | None = None
    webhook_api_version: Literal["1", "2"] | None = None
    webhook_timeout_secs: Annotated[int, Field(ge=0, le=30)] | None = None


class VoiceApplicationCreate(VoiceApplicationUpdate):
    """A new Voice API application."""

    application_name: str = Field(min_length=1)
    webhook_event_url: NeededUrl


class TexmlApplicationUpdate(_Common):
    """Members of a TeXML application; those that are not given stay as they are."""

    friendly_name: Annotated[str, Field(min_length=1)] | None = None
    voice_url: NeededUrl | None = None
    voice_method: Method | None = None
    voice_fallback_url: Url | None = None
    status_callback: Url | None = None
    status_callback_method: Method | None = None


class TexmlApplicationCreate(TexmlApplicationUpdate):
    """A new TeXML application."""

    friendly_name: str = Field(min_length=1)
    voice_url: NeededUrl


def router(exchange: Exchange) -> APIRouter:
    """Make, read, change, list and delete applications of both kinds."""
    api = APIRouter()
    _voice(api, exchange)
    _texml(api, exchange)
    return api


def _voice(api: APIRouter, exchange: Exchange) -> None:
    directory = exchange.directory
    path, tags = "/call_control_applications", ["Voice API applications"]

    def known(ident: str) -> VoiceApplication:
        if (found := directory.voice_applications.get(ident)) is None:
            raise not_found("The resource")
        return found

    @api.post(path, status_code=201, tags=[*tags], summary="Create a Voice API application")
    async def create_voice(body: VoiceApplicationCreate) -> Json:
        application = VoiceApplication(application_name=body.application_name, webhook_event_url=body.webhook_event_url)
        take(application, body.given())
        return data(shown(directory.add_voice_application(application)))

    @api.get(path, tags=[*tags], summary="List Voice API applications")
    async def list_voice(
        page: Paging,
        name: Annotated[str | None, Query(alias="filter[application_name][contains]")] = None,
        sort: str | None = None,
    ) -> Json:
        applications = directory.voice_applications.values()
        found = [one for one in applications if name is None or name.lower() in one.application_name.lower()]
        keys = {
            "created_at": lambda one: one.created_at,
            "connection_name": lambda one: one.application_name,
            "active": lambda one: one.active,
        }
        return listed([shown(one) for one in sorted_by(found, sort, keys)], page)

    @api.get(path + "/{ident}", tags=[*tags], summary="Retrieve a Voice API application")
    async def retrieve_voice(ident: Segment) -> Json:
        return data(shown(known(ident)))

    @api.patch(path + "/{ident}", tags=[*tags], summary="Update a Voice API application")
    async def update_voice(ident: Segment, body: VoiceApplicationUpdate) -> Json:
        application = known(ident)
        take(application, body.given())
        directory.touch(application)
        return data(shown(application))

    @api.delete(path + "/{ident}", tags=[*tags], summary="Delete a Voice API application")
    async def delete_voice(ident: Segment) -> Json:
        application = known(ident)
        gone = data(shown(application))
        directory.delete(application)
        return gone


def _texml(api: APIRouter, exchange: Exchange) -> None:
    directory = exchange.directory
    path, tags = "/texml_applications", ["TeXML applications"]

    def known(ident: str) -> TexmlApplication:
        if (found := directory.texml_applications.get(ident)) is None:
            raise not_found("The resource")
        return found

    @api.post(path, status_code=201, tags=[*tags], summary="Create a TeXML application")
    async def create_texml(body: TexmlApplicationCreate) -> Json:
        application = TexmlApplication(friendly_name=body.friendly_name, voice_url=body.voice_url)
        take(application, body.given())
        return data(shown(directory.add_texml_application(application)))

    @api.get(path, tags=[*tags], summary="List TeXML applications")
    async def list_texml(
        page: Paging,
        name: Annotated[str | None, Query(alias="filter[friendly_name]")] = None,
        sort: str | None = None,
    ) -> Json:
        applications = directory.texml_applications.values()
        found = [one for one in applications if name is None or name.lower() in one.friendly_name.lower()]
        keys = {
            "created_at": lambda one: one.created_at,
            "friendly_name": lambda one: one.friendly_name,
            "active": lambda one: one.active,
        }
        return listed([shown(one) for one in sorted_by(found, sort, keys)], page)

    @api.get(path + "/{ident}", tags=[*tags], summary="Retrieve a TeXML application")
    async def retrieve_texml(ident: Segment) -> Json:
        return data(shown(known(ident)))

    @api.patch(path + "/{ident}", tags=[*tags], summary="Update a TeXML application")
    async def update_texml(ident: Segment, body: TexmlApplicationUpdate) -> Json:
        application = known(ident)
        take(application, body.given())
        directory.touch(application)
        return data(shown(application))

    @api.delete(path + "/{ident}", tags=[*tags], summary="Delete a TeXML application")
    async def delete_texml(ident: Segment) -> Json:
        application = known(ident)
        gone = data(shown(application))
        directory.delete(application)
        return gone
