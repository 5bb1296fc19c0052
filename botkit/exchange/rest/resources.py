"""The directory's objects as REST resources: their members out and in, and how lists are filtered and sorted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.connections import CredentialConnection, PhoneNumber
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.envelope import Json, stamp

T = TypeVar("T")

_LOCAL = frozenset(("caller_number",))
"""Members of our objects that the platform's have not."""


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("a URL must include its scheme, http or https")
    return text


Url = Annotated[str, Field(max_length=2000), AfterValidator(_url)]
"""A URL, or nothing."""


def shown(thing: CredentialConnection | VoiceApplication | TexmlApplication | PhoneNumber) -> Json:
    """The resource of a thing with documented members, as it is sent."""
    members = {name: value for name, value in dataclasses.asdict(thing).items() if name not in _LOCAL}
    for name in ("created_at", "updated_at"):
        members[name] = stamp(members[name])
    return {"id": members.pop("id"), "record_type": thing.record_type, **members}


def take(thing: Any, given: Mapping[str, Any]) -> None:
    """Set the members that a body gave; in `inbound` and `outbound` each by itself. Null is the default."""
    defaults = {field.name: field for field in dataclasses.fields(thing)}
    for name, value in given.items():
        if isinstance(value, Mapping):
            take(getattr(thing, name), value)
        elif value is None and defaults[name].default is not dataclasses.MISSING:
            setattr(thing, name, defaults[name].default)
        elif value is not None:
            setattr(thing, name, value)


def sorted_by(
    things: Iterable[T], sort: str | None, keys: Mapping[str, Callable[[T], Any]], *, default: str = "-created_at"
) -> list[T]:
    """In the order that `sort` names, with `-` before it turned round. Raises `CommandRefused`."""
    wanted = sort or default
    key = keys.get(wanted.removeprefix("-"))
    if key is None:
        raise CommandRefused("10032", f"sort must be one of {', '.join(keys)}.", parameter="sort")
    # Of two that were made in the same moment the later one counts as newer.
    return sorted(reversed(list(things)) if wanted.startswith("-") else things, key=key, reverse=wanted.startswith("-"))
