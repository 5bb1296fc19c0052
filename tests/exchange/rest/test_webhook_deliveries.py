"""The log of webhooks by REST, asked by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from telnyx import NotFoundError, UnprocessableEntityError

from tests.exchange.kit import until
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.webhooks.kit import site


async def a_call_comes_to_nothing(desk: Desk, url: str) -> None:
    """Alice, whose events go to `url`, calls a number that nobody has; all is told."""
    alice = await desk.phone("alice")
    desk.exchange.directory.add_user("alice").webhook_event_url = url
    await alice.reply_to(await alice.dial("999"))
    await alice.hears("bye")
    deliveries = desk.exchange.platform.webhooks.deliveries
    await until(lambda: len(deliveries) == 2 and all(each.status for each in deliveries))


async def types(listing: Any) -> list[str]:
    return [each.webhook.event_type async for each in await listing]


def test_listing() -> None:
    """Newest first, in pages that end, and by each filter of the SDK."""

    async def scene(desk: Desk) -> None:
        log = desk.sdk.webhook_deliveries
        assert await types(log.list()) == []
        async with site() as bot:
            await a_call_comes_to_nothing(desk, bot.url)
        both = ["call.hangup", "call.initiated"]
        assert await types(log.list()) == both
        assert await types(log.list(page_size=1)) == both
        begun = (await log.list()).data[1].started_at
        assert begun is not None
        for wanted, found in (
            ({"status": {"eq": "delivered"}}, both),
            ({"status": {"eq": "failed"}}, []),
            ({"event_type": "call.hangup,call.bridged"}, ["call.hangup"]),
            ({"webhook": {"contains": "not_found"}}, ["call.hangup"]),
            ({"attempts": {"contains": bot.url}}, both),
            ({"attempts": {"contains": "elsewhere"}}, []),
            ({"started_at": {"gte": begun.isoformat()}}, both),
            ({"started_at": {"lte": begun.isoformat()}}, ["call.initiated"]),
            ({"finished_at": {"gte": "2001-01-01T00:00:00Z"}}, both),
            ({"finished_at": {"lte": "2001-01-01T00:00:00"}}, []),
        ):
            assert await types(log.list(filter=wanted)) == found, wanted  # type: ignore[arg-type]

    ask(scene)


def test_one_delivery() -> None:
    """By its id, with the event as it was sent and every try; one that is not known is not found."""

    async def scene(desk: Desk) -> None:
        async with site(answer=b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as bot:
            await a_call_comes_to_nothing(desk, bot.url)
            newest = (await desk.sdk.webhook_deliveries.list()).data[0]
            assert newest.id is not None
            one = (await desk.sdk.webhook_deliveries.retrieve(newest.id)).data
            assert one == newest
            assert one is not None
            assert one.status == "failed"
            assert one.webhook is not None
            assert one.webhook.id == bot.seen[1].event["data"]["id"]
            assert one.attempts is not None
            (tried,) = one.attempts
            assert tried.http is not None
            assert tried.http.response is not None
            assert tried.http.response.status == 403
        with pytest.raises(NotFoundError):
            await desk.sdk.webhook_deliveries.retrieve("nobody")

    ask(scene)


def test_filters_that_are_none() -> None:
    """A status that there is not and a date that is none are refused, with the parameter's name."""

    async def scene(desk: Desk) -> None:
        for wanted, code in (({"status": {"eq": "lost"}}, "10032"), ({"started_at": {"gte": "yesterday"}}, "10015")):
            with pytest.raises(UnprocessableEntityError) as refused:
                await desk.sdk.webhook_deliveries.list(filter=wanted)  # type: ignore[arg-type]
            (error,) = refused.value.body["errors"]  # type: ignore[index,call-overload]
            assert error["code"] == code
            assert error["source"]["parameter"].startswith("filter[")

    ask(scene)
