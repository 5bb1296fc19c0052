"""`/v2/public_key`: what receivers check webhooks with. Bots fetch it instead of keeping it in their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from botkit.exchange.rest.envelope import Json, data

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def router(exchange: Exchange) -> APIRouter:
    """Retrieve."""
    api = APIRouter(tags=["Public key"])

    @api.get("/public_key", summary="The Ed25519 key that webhooks are signed with: base64 of 32 bytes")
    async def public_key() -> Json:
        return data({"record_type": "public_key", "public": exchange.platform.webhooks.public_key})

    return api
