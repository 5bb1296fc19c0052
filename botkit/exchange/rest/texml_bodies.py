"""Bodies of TeXML REST: JSON or forms, keys in either spelling.

The official SDK sends the body of a new call with the keys as the user wrote them, which its type hints make
`application_sid`, `from_`, `to`; its other calls, and everybody else, send `ApplicationSid`, `From`, `To`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.bodies import Address, Url

Method = Annotated[Literal["GET", "POST"], BeforeValidator(lambda value: str(value).upper())]


def _events(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


Events = Annotated[
    tuple[Literal["initiated", "ringing", "answered", "amd", "dtmf", "completed"], ...], BeforeValidator(_events)
]


def _headers(value: object) -> object:
    return json.loads(value) if isinstance(value, str) and value else value


class _Body(BaseModel):
    """Members that are not known are ignored."""

    model_config = ConfigDict(extra="ignore")


class _WithSource(_Body):
    url: Url | None = None
    texml: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Any:
        if self.url and self.texml:
            raise ValueError("Url and Texml cannot be given together")
        return self


class Header(BaseModel):
    """One of `CustomHeaders`."""

    name: Annotated[str, Field(min_length=1)]
    value: str


class NewCall(_WithSource):
    """`POST …/Calls`."""

    application_sid: Annotated[str, Field(min_length=1)]
    to: Address
    from_: Annotated[Address, Field(alias="from")]
    caller_id: Annotated[str, Field(max_length=128)] = ""
    """The name that is shown; the number is `From`."""
    url_method: Method | None = None
    fallback_url: Url = ""
    status_callback: Url = ""
    status_callback_event: Events = ("completed",)
    status_callback_method: Method = "POST"
    timeout: Annotated[int, Field(ge=5, le=120)] = 30
    time_limit: Annotated[int, Field(ge=30, le=14400)] = 14400
    custom_headers: Annotated[tuple[Header, ...], BeforeValidator(_headers)] = ()
    machine_detection: Literal["Enable", "Disable", "DetectMessageEnd"] = "Disable"
    async_amd: bool = False
    async_amd_status_callback: Url = ""
    async_amd_status_callback_method: Method = "POST"


class OldCall(_WithSource):
    """`POST /texml/calls/{connection_id}`, the older form."""

    to: Address
    from_: Annotated[Address, Field(alias="from")]
    method: Method | None = None


class CallChange(_WithSource):
    """`POST …/Calls/{sid}`."""

    status: Literal["completed"] | None = None
    method: Method = "POST"
    fallback_url: Url = ""
    fallback_method: Method = "POST"
    status_callback: Url = ""
    status_callback_method: Method = "POST"


class NewQueue(_Body):
    """`POST …/Queues`."""

    friendly_name: Annotated[str, Field(min_length=1, max_length=255)]
    max_size: Annotated[int, Field(ge=1, le=1000)] = 100


class QueueChange(_Body):
    """`POST …/Queues/{sid}`."""

    max_size: Annotated[int, Field(ge=1, le=1000)]


class NewParticipant(_Body):
    """`POST …/Participants`: a call that is placed into the conference."""

    application_sid: Annotated[str, Field(min_length=1)]
    to: Address
    from_: Annotated[Address, Field(alias="from")]
    caller_id: Annotated[str, Field(max_length=128)] = ""
    label: str = ""
    muted: bool = False
    beep: Literal["true", "false", "onEnter", "onExit"] = "true"
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    status_callback: Url = ""
    status_callback_event: Events = ("completed",)
    status_callback_method: Method = "POST"
    timeout: Annotated[int, Field(ge=5, le=120)] = 30
    time_limit: Annotated[int, Field(ge=30, le=14400)] = 14400


class ParticipantChange(_Body):
    """`POST …/Participants/{call}`."""

    muted: bool | None = None
    hold: bool | None = None
    end_conference_on_exit: bool | None = None


class ConferenceChange(_Body):
    """`POST …/Conferences/{sid}`."""

    status: Literal["completed"] | None = None


B = TypeVar("B", bound=_Body)


async def read(request: Request, model: type[B]) -> B:
    """The request's body. Raises `RequestValidationError` naming the members as the request spelled them, and
    `CommandRefused` for what is neither JSON nor a form."""
    given = _parsed(await request.body(), request.headers.get("content-type", ""))
    spelled: dict[str, str] = {}
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = _plain(key)
        spelled[name], values[name] = key, value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError([_at(one, spelled) for one in error.errors(include_url=False)]) from None


def body_of(model: type[_Body]) -> dict[str, Any]:
    """What the description of the interface says of such a body."""
    schema = model.model_json_schema(by_alias=True)
    schema = _inlined(schema, schema.pop("$defs", {}))
    schema["properties"] = {_camel(name): one for name, one in schema.get("properties", {}).items()}
    schema["required"] = [_camel(name) for name in schema.get("required", ())]
    content = {kind: {"schema": schema} for kind in ("application/json", "application/x-www-form-urlencoded")}
    return {"requestBody": {"content": content, "required": True}}


def _inlined(node: Any, parts: Mapping[str, Any]) -> Any:
    """The schema with its parts where they are referred to: nobody else's description has them."""
    if isinstance(node, list):
        return [_inlined(one, parts) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(parts[str(node["$ref"]).rpartition("/")[2]], parts)
    return {name: _inlined(one, parts) for name, one in node.items()}


def _parsed(body: bytes, content_type: str) -> Mapping[str, Any]:
    if "urlencoded" in content_type:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if not body.strip():
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise CommandRefused("10015", "The body is neither JSON nor a form.") from None
    if not isinstance(given, dict):
        raise CommandRefused("10015", "The body must be an object.")
    return given


def _plain(key: str) -> str:
    """`ApplicationSid`, `application_sid`, `from_` as `application_sid`, `from`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.rstrip("_")).lower()


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _at(error: Any, spelled: Mapping[str, str]) -> dict[str, Any]:
    first, *rest = error["loc"] or ("",)
    name = spelled.get(str(first), _camel(str(first)))
    context = {key: str(value) for key, value in error.get("ctx", {}).items()}
    return {**error, "ctx": context, "loc": ("body", name, *rest) if name else ("body",)}
