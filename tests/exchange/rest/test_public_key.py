"""The key that webhooks are checked with, by REST."""

from __future__ import annotations

import time

from tests.exchange.rest.kit import Desk, ask


def test_public_key() -> None:
    """It verifies what the exchange signs."""

    async def scene(desk: Desk) -> None:
        from telnyx.lib import verify_webhook_signature

        reply = (await desk.http.get("public_key")).json()
        assert reply["data"].keys() == {"record_type", "public"}
        headers = desk.exchange.platform.webhooks.key.headers(b"{}", time.time())
        verify_webhook_signature(b"{}", headers, reply["data"]["public"])

    ask(scene)
