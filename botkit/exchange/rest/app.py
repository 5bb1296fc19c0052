"""The REST application: every part's router under /v2, one shape of errors, one description.

A part is a module here with `router(exchange) -> APIRouter`, listed in `make_routers`. Its bodies are models derived
from `envelope.Body`, so that the OpenAPI description comes from them; what it refuses it raises as
`CommandRefused`. `door.Door` has checked the key before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest import (
    actions,
    applications,
    calls,
    conferences,
    connections,
    credentials,
    numbers,
    owners,
    public_key,
    queues,
    recordings,
    registrations,
    texml,
    texml_rooms,
    trunks,
    webhook_deliveries,
)
from botkit.exchange.rest.envelope import Errors, errors, refusals

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"model": Errors, "description": "no key, or one that is not known"},
    404: {"model": Errors, "description": "no such thing"},
    422: {"model": Errors, "description": "the command cannot be carried out"},
}


def make_routers(exchange: Exchange) -> list[APIRouter]:
    return [
        connections.router(exchange),
        credentials.router(exchange),
        applications.router(exchange),
        numbers.router(exchange),
        owners.router(exchange),
        registrations.router(exchange),
        webhook_deliveries.router(exchange),
        public_key.router(exchange),
        texml.router(exchange),
        texml_rooms.router(exchange),
        trunks.router(exchange),
        calls.router(exchange),
        actions.router(exchange),
        conferences.router(exchange),
        queues.router(exchange),
        recordings.router(exchange),
    ]


def make_api(routers: Sequence[APIRouter]) -> FastAPI:
    """The application of these parts, without its door."""
    api = FastAPI(
        title="botkit exchange",
        summary="The programmable voice API of botkit's embedded exchange.",
        version="2",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.add_exception_handler(CommandRefused, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _broken)
    key = Security(HTTPBearer(auto_error=False, description="an API key of the exchange"))
    for router in routers:
        api.include_router(router, dependencies=[key], responses=_REFUSED)
    return api


def _reply(*refused: CommandRefused, status: int | None = None) -> JSONResponse:
    return JSONResponse(errors(*refused), status or refused[0].status)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CommandRefused)
    return _reply(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    unreadable = any(one["type"] == "json_invalid" for one in found)
    return _reply(*refusals(found), status=400 if unreadable else None)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):  # a method that a path has not is a resource that there is not
        return _reply(not_found("The resource"))
    return _reply(CommandRefused("10015", str(error.detail)), status=error.status_code)


async def _broken(_request: Request, _error: Exception) -> JSONResponse:
    return _reply(CommandRefused("10007", "An error of the exchange; its log has it."))
