"""JSON-RPC 2.0 frames: parse and print.

A frame is one of five things, told apart by its members ([JS] Connection.ts, [FS] mod_verto.c):

- a `Request` has `id` and `method`;
- a `Notification` has `method` and no `id` (only AI conversations use it);
- a `Reply` has `result`, an `ErrorReply` has `error`, whatever else stands beside them (some
  servers put the method there too);
- a `Report` has an `id` and neither: the SDKs' debug reports, which want a reply all the same.

Top-level members beyond these (such as `voice_sdk_id`) are kept in `top`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from botkit.errors import RemoteProtocolError

MAX_FRAME = 4 * 1024 * 1024
"""Longest frame taken, in characters: an invite has some 10 kB, a debug report far more."""

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
AUTH_REQUIRED = -32000
AUTH_FAILED = -32001
SESSION_ERROR = -32002

RequestId: TypeAlias = str | int
"""Clients use UUID text, servers an integer; a reply repeats it in the same JSON type."""

Members: TypeAlias = Mapping[str, Any]


class BadFrame(RemoteProtocolError):
    """A frame that cannot be taken. `code` and the message are what a server replies to `request_id`."""

    def __init__(self, message: str, code: int = INVALID_REQUEST, request_id: RequestId | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class _Frame:
    """Frames print themselves with their secrets hidden."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {redacted(render(self))}>"  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, repr=False)
class Request(_Frame):
    """Wants a reply with the same id."""

    id: RequestId
    method: str
    params: Members = field(default_factory=dict)
    top: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Notification(_Frame):
    """Wants no reply."""

    method: str
    params: Members = field(default_factory=dict)
    top: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Reply(_Frame):
    """A request's result, always an object."""

    id: RequestId
    result: Members = field(default_factory=dict)
    top: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class ErrorReply(_Frame):
    """A request's refusal. `data` holds what stood beside code and message (callID, cause …)."""

    id: RequestId | None
    code: int
    message: str
    data: Members = field(default_factory=dict)
    top: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Report(_Frame):
    """A debug report: an id, a `type`, and no method ([JS] debug_report_start, _data, _stop)."""

    id: RequestId
    type: str
    top: Members = field(default_factory=dict)


Message: TypeAlias = Request | Notification | Reply | ErrorReply | Report


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that is half a character, as a rule with its other half behind it."""


def _whole(value: Any) -> Any:
    """The same data with half characters replaced (U+FFFD): no file and no terminal could take them."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_whole(one) for one in value]
        case dict():
            return {_whole(key): _whole(one) for key, one in value.items()}
    return value


def parse(text: str) -> Message:
    """One frame. Raises `BadFrame` (a `RemoteProtocolError`) for anything else, and nothing but that."""
    if len(text) > MAX_FRAME:
        raise BadFrame(f"a frame of {len(text)} characters, more than {MAX_FRAME}")
    try:
        frame = json.loads(text, parse_constant=_no_constant)
        if _HALF.search(text):
            frame = _whole(frame)
    except (ValueError, RecursionError):  # ValueError: not JSON, or a number of thousands of digits
        raise BadFrame("Invalid Request") from None
    if not isinstance(frame, dict):
        raise BadFrame("Invalid Request")  # batches are not used in these protocols
    ident = frame.pop("id", None)
    has_id = isinstance(ident, str) or (isinstance(ident, int) and not isinstance(ident, bool))
    request_id: RequestId | None = ident if has_id else None
    if frame.pop("jsonrpc", None) != "2.0":
        raise BadFrame("Invalid message", request_id=request_id)
    if "error" in frame:
        return _error(request_id, frame)
    if request_id is None and ident is not None:
        raise BadFrame("Invalid Request")
    if "result" in frame:
        result = frame.pop("result")
        if request_id is None or not (result is None or isinstance(result, dict)):
            raise BadFrame("a result must be an object and name its request", request_id=request_id)
        return Reply(request_id, result or {}, frame)
    if "method" in frame:
        return _call(request_id, frame)
    kind = frame.pop("type", None)
    if request_id is None or not isinstance(kind, str):
        raise BadFrame("Invalid Request", request_id=request_id)
    return Report(request_id, kind, frame)


def _error(request_id: RequestId | None, frame: dict[str, Any]) -> ErrorReply:
    error = frame.pop("error")
    if not isinstance(error, dict):
        raise BadFrame("an error must be an object", request_id=request_id)
    data = dict(error)
    code, message = data.pop("code", 0), data.pop("message", "")
    return ErrorReply(
        request_id,
        code if isinstance(code, int) and not isinstance(code, bool) else 0,
        message if isinstance(message, str) else "",
        data,
        frame,
    )


def _call(request_id: RequestId | None, frame: dict[str, Any]) -> Request | Notification:
    method, params = frame.pop("method"), frame.pop("params", None)
    if params is None:
        params = {}
    if not isinstance(method, str) or not isinstance(params, dict):
        raise BadFrame("Invalid Request", request_id=request_id)
    if request_id is None:
        return Notification(method, params, frame)
    return Request(request_id, method, params, frame)


def render(message: Message) -> str:
    """The frame's text. Non-ASCII is escaped, so that every string, lone surrogates too, can be sent."""
    frame: dict[str, Any] = {"jsonrpc": "2.0"}
    match message:
        case Request():
            frame |= {"id": message.id, "method": message.method, **message.top, "params": message.params}
        case Notification():
            frame |= {"method": message.method, **message.top, "params": message.params}
        case Reply():
            frame |= {"id": message.id, **message.top, "result": message.result}
        case ErrorReply():
            error = {**message.data, "code": message.code, "message": message.message}
            frame |= {"id": message.id, **message.top, "error": error}
        case Report():
            frame |= {"id": message.id, "type": message.type, **message.top}
    return json.dumps(frame, separators=(",", ":"))


_SECRET = re.compile(r'("(?:passwd|password|login_token|credential|sip_password)"\s*:\s*)"(?:[^"\\]|\\.)*"')


def redacted(text: str) -> str:
    """A frame's text for the log: passwords, tokens and TURN credentials are blotted out."""
    return _SECRET.sub(r'\1"***"', text)
