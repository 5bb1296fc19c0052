"""What was sent to whom and what came of it: the newest deliveries, for `GET /v2/webhook_deliveries`."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from botkit.exchange.webhooks.payload import Event, iso

KEPT = 1000
"""Deliveries that are remembered; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request. Times are wallclock. `status` is None where no answer came, and `error` says why."""

    url: str
    started_at: float
    finished_at: float
    status: int | None = None
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Any 2xx is success; a redirect is not, and nobody follows it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def worth_retrying(self) -> bool:
        """No answer, 408, 429 and 5xx may be better next time; other refusals are final ([DOC] Voice API webhooks)."""
        return self.status is None or self.status in (408, 429) or 500 <= self.status < 600


@dataclass(slots=True)
class Delivery:
    """One event on its way to one receiver. `status`: None under way, then `delivered` or `failed`."""

    event: Event
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: list[Attempt] = field(default_factory=list)
    status: str | None = None
    note: str = ""
    """Why it failed, where no attempt says it."""

    @property
    def started_at(self) -> float | None:
        """Wallclock of the first request; None while there was none."""
        return self.attempts[0].started_at if self.attempts else None

    @property
    def finished_at(self) -> float | None:
        """Wallclock of the last answer; None while more may come."""
        return self.attempts[-1].finished_at if self.attempts and self.status else None

    def as_resource(self) -> dict[str, Any]:
        """The REST resource ([SDK] `types/webhook_delivery.py`): attempts newest first."""
        return {
            "record_type": "webhook_delivery",
            "id": self.id,
            "status": self.status,
            "started_at": iso(self.started_at) if self.started_at is not None else None,
            "finished_at": iso(self.finished_at) if self.finished_at is not None else None,
            "webhook": self.event.data,
            "attempts": [_attempt(each) for each in reversed(self.attempts)],
            "detail": self.note or None,
        }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    answered = {"status": attempt.status, "headers": [], "body": ""} if attempt.status is not None else None
    return {
        "status": "delivered" if attempt.delivered else "failed",
        "started_at": iso(attempt.started_at),
        "finished_at": iso(attempt.finished_at),
        "errors": [],  # the platform's codes for them are not published
        "detail": attempt.error or None,
        "http": {"request": {"url": attempt.url, "headers": []}, "response": answered},
    }


class DeliveryLog:
    """The newest deliveries; iterating gives the newest first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept: deque[Delivery] = deque(maxlen=kept)

    def __iter__(self) -> Iterator[Delivery]:
        return reversed(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self, event: Event) -> Delivery:
        """Remember that this event is being sent."""
        delivery = Delivery(event)
        self._kept.append(delivery)
        return delivery

    def dropped(self, event: Event, why: str) -> None:
        """Remember that this event was not sent at all."""
        self._kept.append(Delivery(event, status="failed", note=why))

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery with this id, while it is remembered."""
        return next((each for each in self if each.id == delivery_id), None)

    def select(self, *, status: str | None = None, event_types: Collection[str] = ()) -> list[Delivery]:
        """Those with this status and one of these types (none: any), newest first."""
        return [
            each
            for each in self
            if (status is None or each.status == status) and (not event_types or each.event.event_type in event_types)
        ]
