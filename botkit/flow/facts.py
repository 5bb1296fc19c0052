"""An event of the call as `event` in expressions."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from botkit.events import CallEvent
from botkit.flow.port import CallPort
from botkit.log import plain


def own_fields(cls: type[CallEvent]) -> list[str]:
    """The fields of an event that expressions see, beside `name` and `at`."""
    return [each.name for each in fields(cls) if each.name not in ("call_id", "sdp")]


def event_fields(event: CallEvent, call: CallPort) -> dict[str, Any]:
    """The event's own fields, its `name`, and `at`: when it happened, in seconds since the answer."""
    own = {name: getattr(event, name) for name in own_fields(type(event))}
    if isinstance(own.get("headers"), tuple):
        own["headers"] = dict(own["headers"])
    given: dict[str, Any] = plain(own)
    return {**given, "name": event.name, "at": call.since_answered(own.get("at"))}
