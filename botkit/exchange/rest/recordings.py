"""REST: the files of recordings. Their names cannot be guessed, so who has the address needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import FileResponse

from botkit.exchange.rest.envelope import Segment

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def router(exchange: Exchange) -> APIRouter:
    """The route of files."""
    routes = APIRouter(tags=["Recordings"])

    @routes.get("/recordings/{name}", summary="Fetch a recording's file", response_class=FileResponse)
    async def fetch(name: Segment) -> FileResponse:
        file = exchange.recordings.find(name)
        return FileResponse(file.path, media_type=file.media_type, filename=file.name)

    return routes
