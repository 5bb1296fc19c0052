"""An exchange on a real port, and who asks its REST side: the official SDK, and plain HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from telnyx import AsyncTelnyx

from botkit import clock
from botkit.exchange.exchange import Exchange
from tests.exchange.kit import Office, office


class Desk(Office):
    """An office with REST clients: `sdk`, and `http`, whose paths begin behind /v2."""

    sdk: AsyncTelnyx
    http: httpx.AsyncClient


@contextlib.asynccontextmanager
async def rest_clients(exchange: Exchange) -> AsyncIterator[tuple[AsyncTelnyx, httpx.AsyncClient]]:
    """The SDK and a plain client, both with a good key."""
    key = {"Authorization": f"Bearer {exchange.api_key}"}
    async with (
        httpx.AsyncClient(trust_env=False) as carrier,
        httpx.AsyncClient(base_url=exchange.rest, headers=key, trust_env=False) as http,
        AsyncTelnyx(api_key=exchange.api_key, base_url=exchange.rest, max_retries=0, http_client=carrier) as sdk,
    ):
        yield sdk, http


def ask(scene: Callable[[Desk], Awaitable[None]], **options: Any) -> None:
    """Run a scene with a REST side on a real port. `options` are `run_exchange`'s."""

    async def whole() -> None:
        async with office(0, **options) as desk, rest_clients(desk.exchange) as (sdk, http):
            one = Desk(desk.exchange, desk.plane)
            one.phones, one.troubles = desk.phones, desk.troubles
            one.sdk, one.http = sdk, http
            await scene(one)

    clock.run(whole())
