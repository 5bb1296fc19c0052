"""An event of the call as `event` in expressions."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from botkit.events import CallEvent
from botkit.flow.port import CallPort
from botkit.log import plain


def event_fields(event: CallEvent, call: CallPort) -> dict[str, Any]:
    """The event's own fields, its `name`, and `at`: when it happened, in seconds since the answer."""
    own = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in ("call_id", "sdp")}
    if isinstance(own.get("headers"), tuple):
        own["headers"] = dict(own["headers"])
    given: dict[str, Any] = plain(own)
    return {**given, "name": event.name, "at": call.since_answered(own.get("at"))}
