"""The REST side, built when it is first asked for: a run whose calls nobody steers does without it, and starts sooner.

Building takes some hundred milliseconds of the loop, so who expects requests during calls builds it before
(`Exchange.open_rest`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from botkit.exchange.exchange import Exchange


class LazyApi:
    """An ASGI application that makes the real one. `routers` are its parts, none before."""

    def __init__(self, exchange: Exchange) -> None:
        self.routers: Sequence[APIRouter] = ()
        self._exchange: Exchange | None = exchange
        self._api: FastAPI | None = None

    def open(self) -> FastAPI:
        """Build it, once. Not after `forget`."""
        if self._api is None:
            from botkit.exchange.rest.app import make_api, make_routers

            assert self._exchange is not None
            self.routers = make_routers(self._exchange)
            self._api = make_api(self.routers)
        return self._api

    def forget(self) -> None:
        """It is served no more, and holds no exchange."""
        self._exchange = self._api = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.open()(scope, receive, send)
