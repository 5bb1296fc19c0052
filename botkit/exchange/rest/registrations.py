"""`/v2/sip_registration_status`: whether somebody is logged in under a SIP user name. Its reply has no envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query

from botkit.exchange.connections import CredentialConnection
from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest.envelope import Json, stamp

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

REGISTRATION = 3600
"""Seconds that a registration is said to last; a WebSocket's lasts as long as the socket."""


def router(exchange: Exchange) -> APIRouter:
    """Look a registration up."""
    api = APIRouter(tags=["Registrations"])

    @api.get("/sip_registration_status", summary="Whether a client is registered under a SIP user name")
    async def status(
        credential_type: Literal["telephony_credential", "sip_credential_connection", "uac_external_credential"],
        username: Annotated[str | None, Query()] = None,
    ) -> Json:
        if not username:
            raise CommandRefused(
                "10004", "The 'username' parameter is required and cannot be blank.", parameter="username"
            )
        identity = exchange.directory.identity(username)
        kind = "sip_credential_connection"
        if identity is not None and identity.credential is not None:
            kind = "telephony_credential"
        if identity is None or kind != credential_type or not isinstance(identity.connection, CredentialConnection):
            raise not_found("The resource")
        newest = next(iter(exchange.registrar.registrations(username)), None)
        state = "registered" if newest is not None else "unknown"
        details: Json = {}
        if newest is not None:
            address, port = newest.line.client or (None, None)
            details = {
                "expires": REGISTRATION,
                "ua_ip": address,
                "ua_port": port,
                "transport": "WS",
                "last_modified": stamp(newest.at),
            }
        return {
            "registered": newest is not None,
            "sip_registration_status": state if identity.connection.active else "connection_disabled",
            "credential_type": credential_type,
            "credential_username": username,
            "connection_id": identity.connection.id,
            "connection_name": identity.connection.connection_name,
            "last_registration_response": "200 OK" if newest is not None else None,
            "sip_registration_details": details,
        }

    return api
