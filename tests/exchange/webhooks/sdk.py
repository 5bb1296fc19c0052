"""The official SDK, imported when a test needs it: it takes a second or two."""

from __future__ import annotations

import json
import typing
from functools import cache
from typing import Any

from botkit.exchange.webhooks.payload import Event


@cache
def client() -> Any:
    """A client that has nobody to talk to."""
    from telnyx import Telnyx

    return Telnyx(api_key="KEYlocal", base_url="http://127.0.0.1:1/v2")


@cache
def models() -> dict[str, Any]:
    """The classes that a webhook may become, by name."""
    from telnyx.types.unsafe_unwrap_webhook_event import UnsafeUnwrapWebhookEvent

    return {model.__name__: model for model in typing.get_args(UnsafeUnwrapWebhookEvent)}


def parsed(event: Event) -> Any:
    """As the SDK's receiver has it."""
    body = json.dumps(event.envelope(attempt=1, delivered_to="http://127.0.0.1:9000/webhooks"))
    return client().webhooks.unsafe_unwrap(body)


def payload_fields(name: str) -> dict[str, Any]:
    """The fields of a class's payload, by their names on the wire."""
    data = typing.get_args(models()[name].model_fields["data"].annotation)[0]
    fields = typing.get_args(data.model_fields["payload"].annotation)[0].model_fields
    return {row.alias or name: row for name, row in fields.items()}


def event_types() -> set[str]:
    """Every `event_type` that a class names."""
    known: set[str] = set()
    for model in models().values():
        for holder in (model, *typing.get_args(getattr(model.model_fields.get("data"), "annotation", None))):
            if "event_type" in getattr(holder, "model_fields", {}):
                known.update(literals(holder.model_fields["event_type"].annotation))
    return known


def literals(annotation: Any) -> list[str]:
    """The words of a type, itself or behind `Optional`; not those inside a list."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if typing.get_origin(annotation) is typing.Union:
        return [word for arm in typing.get_args(annotation) for word in literals(arm)]
    return []
