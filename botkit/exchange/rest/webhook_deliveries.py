"""`/v2/webhook_deliveries`: which events were sent where, and what came of each try.

Only the newest are remembered. One that is under way has no status yet ([SDK] types/webhook_delivery.py).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query

from botkit.exchange.refusal import not_found
from botkit.exchange.rest.envelope import Json, Paging, Segment, data, listed

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


def router(exchange: Exchange) -> APIRouter:
    """List, retrieve."""
    api = APIRouter(tags=["Webhook deliveries"])
    log = exchange.platform.webhooks.deliveries

    @api.get("/webhook_deliveries", summary="List webhook deliveries, newest first")
    async def list_deliveries(
        page: Paging,
        status: Annotated[Literal["delivered", "failed"] | None, Query(alias="filter[status][eq]")] = None,
        event_type: Annotated[str, Query(alias="filter[event_type]", description="several, with commas")] = "",
        webhook: Annotated[str, Query(alias="filter[webhook][contains]", description="a text in the event")] = "",
        attempts: Annotated[str, Query(alias="filter[attempts][contains]", description="a text in the tries")] = "",
        started_from: Annotated[datetime | None, Query(alias="filter[started_at][gte]")] = None,
        started_to: Annotated[datetime | None, Query(alias="filter[started_at][lte]")] = None,
        finished_from: Annotated[datetime | None, Query(alias="filter[finished_at][gte]")] = None,
        finished_to: Annotated[datetime | None, Query(alias="filter[finished_at][lte]")] = None,
    ) -> Json:
        types = [kind.strip() for kind in event_type.split(",") if kind.strip()]
        found = [
            each.as_resource()
            for each in log.select(status=status, event_types=types)
            if _within(each.started_at, started_from, started_to)
            and _within(each.finished_at, finished_from, finished_to)
        ]
        return listed(
            [one for one in found if _holds(one["webhook"], webhook) and _holds(one["attempts"], attempts)], page
        )

    @api.get("/webhook_deliveries/{ident}", summary="One webhook delivery")
    async def retrieve(ident: Segment) -> Json:
        found = log.find(ident)
        if found is None:
            raise not_found("The resource")
        return data(found.as_resource())

    return api


def _holds(part: object, text: str) -> bool:
    return not text or text in json.dumps(part, ensure_ascii=False)


def _within(at: float | None, first: datetime | None, last: datetime | None) -> bool:
    """Whether a time lies between these, as it was told: to the microsecond."""
    if first is None and last is None:
        return True
    if at is None:
        return False
    told = datetime.fromtimestamp(at, UTC)
    return (first is None or _zoned(first) <= told) and (last is None or told <= _zoned(last))


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
