"""What all REST replies and requests have in common: envelopes, pages, error objects, dates, path segments."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from botkit.exchange.refusal import TITLES, CommandRefused

MAX_PAGE = 250
"""Entries that a page may have; who asks for more gets so many."""

SLASH = "\ue02f"
"""Stands for a slash inside a path segment while the path is matched; `Segment` turns it back."""

Json = dict[str, Any]

Segment = Annotated[str, AfterValidator(lambda text: text.replace(SLASH, "/"))]
"""A path parameter that may hold an encoded slash (`/queues/a%2Fb`): the segment, decoded once."""

ERRORS_URL = "https://developers.telnyx.com/docs/overview/errors/"


class Body(BaseModel):
    """A request's body. Members that are not known are ignored."""

    model_config = ConfigDict(extra="ignore")

    def given(self) -> Json:
        """The members that the request had, nested ones too, and no defaults."""
        return self.model_dump(exclude_unset=True)


class ErrorSource(BaseModel):
    """What of the request is at fault."""

    pointer: str | None = Field(None, description="JSON pointer into the body")
    parameter: str | None = Field(None, description="name of a query parameter")


class ErrorObject(BaseModel):
    """One error. Clients test `code`."""

    code: str
    title: str
    detail: str | None = None
    source: ErrorSource | None = None
    meta: dict[str, str] | None = None


class Errors(BaseModel):
    """The body of every refusal."""

    errors: list[ErrorObject]


def errors(*refused: CommandRefused) -> Json:
    """The body that tells of these refusals."""
    return {"errors": [_error(one) for one in refused]}


def _error(refused: CommandRefused) -> Json:
    told: Json = {"code": refused.code, "title": refused.title, "detail": refused.detail}
    if refused.pointer:
        told["source"] = {"pointer": refused.pointer}
    elif refused.parameter:
        told["source"] = {"parameter": refused.parameter}
    return {**told, "meta": {"url": ERRORS_URL + refused.code}}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `number` counts from 1."""

    number: int = 1
    size: int = 20


def _page(
    number: Annotated[int, Query(alias="page[number]", ge=1, description="from 1")] = 1,
    size: Annotated[int, Query(alias="page[size]", ge=1, description=f"at most {MAX_PAGE}")] = 20,
) -> Page:
    return Page(number, min(size, MAX_PAGE))


Paging = Annotated[Page, Depends(_page)]
"""A parameter of an endpoint that lists: `page: Paging`."""


def data(resource: Mapping[str, Any]) -> Json:
    """The envelope of one resource."""
    return {"data": dict(resource)}


def ok(**more: Any) -> Json:
    """The envelope of a command that was accepted."""
    return {"data": {"result": "ok", **more}}


def listed(resources: Sequence[Mapping[str, Any]], page: Page) -> Json:
    """The envelope of a page of `resources` (all of them). A client that follows `total_pages` comes to an end."""
    start = (page.number - 1) * page.size
    meta = {
        "page_number": page.number,
        "page_size": page.size,
        "total_pages": max(1, math.ceil(len(resources) / page.size)),
        "total_results": len(resources),
    }
    return {"data": [dict(one) for one in resources[start : start + page.size]], "meta": meta}


def stamp(at: float) -> str:
    """A time (seconds since 1970) as the platform writes it."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_of(text: str, pointer: str) -> float:
    """An ISO 8601 date and time in seconds since 1970; without a zone it is UTC. Raises `CommandRefused`."""
    try:
        at = dt.datetime.fromisoformat(text)
        seconds = (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).timestamp()
        stamp(seconds)  # of what can be read not all can be written: the year 9999 ends earlier in some zones
        return seconds
    except (ValueError, OverflowError):
        raise CommandRefused("10015", f"{text!r} is no ISO 8601 date and time.", pointer=pointer) from None


def refusals(found: Iterable[Mapping[str, Any]]) -> list[CommandRefused]:
    """What pydantic says of a request, as the platform says it."""
    return [_refusal(error) for error in found]


_OUT_OF_RANGE = ("greater_than", "less_than", "too_long", "too_short")


def _refusal(error: Mapping[str, Any]) -> CommandRefused:
    where, *path = [str(part) for part in error["loc"]] or ["body"]
    kind, says = str(error["type"]), f"{error['msg']}."
    name = path[-1] if path else ""
    place: dict[str, str] = {}
    if where == "body" and path and kind != "json_invalid":
        place = {"pointer": "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)}
    elif where == "query":
        place = {"parameter": name}
    if kind in TITLES:  # a model that knows the code of its fault
        return CommandRefused(kind, str(error["msg"]), **place)
    if kind == "missing" and name:
        return CommandRefused("10004", f"The '{name}' parameter is required and cannot be blank.", **place)
    if kind in ("literal_error", "enum"):
        return CommandRefused("10032", says, **place)
    if kind.startswith(_OUT_OF_RANGE) or kind.endswith(_OUT_OF_RANGE):
        return CommandRefused("10033", says, **place)
    return CommandRefused("10015", f"{name}: {says}" if name and kind != "json_invalid" else says, **place)
