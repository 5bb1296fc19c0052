"""An exchange on a real port, and who asks its REST side: the official SDK, and plain HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from telnyx import AsyncTelnyx

from botkit import clock
from botkit.exchange.exchange import Exchange
from tests.exchange.kit import PATIENCE, Office, office


class Desk(Office):
    """An office with REST clients: `sdk`, and `http`, whose paths begin behind /v2."""

    sdk: AsyncTelnyx
    http: httpx.AsyncClient

    @classmethod
    def of(cls, office: Office, sdk: AsyncTelnyx, http: httpx.AsyncClient) -> Desk:
        one = cls(office.exchange, office.plane)
        one.phones, one.troubles = office.phones, office.troubles
        one.sdk, one.http = sdk, http
        return one


@contextlib.asynccontextmanager
async def rest_clients(
    exchange: Exchange, base: str = "", transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[tuple[AsyncTelnyx, httpx.AsyncClient]]:
    """The SDK and a plain client, both with a good key. `base` and `transport`, where there is no port."""
    key, base = {"Authorization": f"Bearer {exchange.api_key}"}, base or exchange.rest
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE, transport=transport) as carrier,
        httpx.AsyncClient(base_url=base, headers=key, trust_env=False, timeout=PATIENCE, transport=transport) as http,
        AsyncTelnyx(api_key=exchange.api_key, base_url=base, max_retries=0, http_client=carrier) as sdk,
    ):
        yield sdk, http


def ask(scene: Callable[[Desk], Awaitable[None]], **options: Any) -> None:
    """Run a scene with a REST side on a real port. `options` are `run_exchange`'s."""

    async def whole() -> None:
        async with office(0, **options) as desk, rest_clients(desk.exchange) as (sdk, http):
            await scene(Desk.of(desk, sdk, http))

    clock.run(whole())
