"""The log of deliveries, as people and REST read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.exchange.webhooks.log import Attempt, DeliveryLog
from botkit.exchange.webhooks.payload import Event, leg_event
from botkit.exchange.webhooks.webhooks import Webhooks
from tests.exchange.webhooks.kit import App, Receiver, Told, play


def event(event_type: str = "call.bridged") -> Event:
    return leg_event(Told(), event_type, {}, 0.0)


@pytest.mark.parametrize(
    ("status", "delivered", "again"),
    [
        (None, False, True),
        (199, False, False),
        (200, True, False),
        (299, True, False),
        (300, False, False),
        (399, False, False),
        (404, False, False),
        (407, False, False),
        (408, False, True),
        (409, False, False),
        (428, False, False),
        (429, False, True),
        (499, False, False),
        (500, False, True),
        (599, False, True),
        (600, False, False),
    ],
)
def test_what_a_status_means(status: int | None, delivered: bool, again: bool) -> None:
    """2xx is success; no answer, 408, 429 and 5xx may be better next time."""
    attempt = Attempt("http://bot/", 0.0, 1.0, status)
    assert (attempt.delivered, not attempt.delivered and attempt.worth_retrying) == (delivered, again)


def test_the_log_is_bounded() -> None:
    """The oldest goes first, and the newest is shown first."""
    log = DeliveryLog(kept=3)
    ids = [log.begin(event()).id for _ in range(5)]
    assert [delivery.id for delivery in log] == ids[:1:-1]
    assert log.find(ids[4]) is next(iter(log))
    assert log.find(ids[0]) is None


def test_selection() -> None:
    """By status, by types, by both."""
    log = DeliveryLog()
    one, two = log.begin(event("call.bridged")), log.begin(event("call.hold"))
    one.status = two.status = "delivered"
    log.dropped(event("call.hold"), "why")
    assert log.select() == list(log)
    assert log.select(status="delivered") == [two, one]
    assert log.select(event_types=("call.bridged", "call.unhold")) == [one]
    assert [each.note for each in log.select(status="failed", event_types=("call.hold",))] == ["why"]


def test_resource() -> None:
    """A delivery as the SDK's type has it: attempts newest first, nothing of it lost."""
    bot, spare = Receiver(500, 200), Receiver(2.5)
    resources: list[dict[str, Any]] = []

    async def scene(webhooks: Webhooks) -> None:
        webhooks.tell(Told(), "call.answered", {})
        await webhooks.settled()
        (delivery,) = webhooks.deliveries
        resources.append(json.loads(json.dumps(delivery.as_resource())))

    play(scene, App("http://bot/hook", "http://spare/hook"), bot=bot, spare=spare)
    (resource,) = resources
    from telnyx.types import WebhookDelivery

    parsed = WebhookDelivery.model_validate(resource)
    assert parsed.status == "delivered"
    assert parsed.webhook is not None
    assert parsed.webhook.event_type == "call.answered"
    assert parsed.attempts is not None
    assert [attempt.status for attempt in parsed.attempts] == ["delivered", "failed", "failed"]
    asked = [(attempt.http.request.url, attempt.http.response) for attempt in parsed.attempts if attempt.http]  # type: ignore[union-attr]
    assert [url for url, _ in asked] == ["http://bot/hook", "http://spare/hook", "http://bot/hook"]
    assert asked[1][1] is None
    assert resource["attempts"][1]["detail"] == "no answer within 2 s"
    assert parsed.started_at is not None
    assert parsed.finished_at is not None
    assert (parsed.finished_at - parsed.started_at).total_seconds() == pytest.approx(2.5, abs=0.01)
