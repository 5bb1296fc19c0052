"""What stands before the REST application: the key, the path's segments, the size of a body.

Plain ASGI, so that it holds for every path, whether somebody serves it or not.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection
from urllib.parse import unquote

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest.envelope import SLASH, errors

MAX_BODY = 1_000_000
"""Bytes of a request's body."""

TOO_LARGE = "The body is too large."

PUBLIC = ("/v2/openapi.json",)
"""Paths that need no key: a description holds no secret."""

PUBLIC_BELOW = "/v2/recordings/"
"""What lies there has a name that cannot be guessed, and is fetched with no key as from the platform's storage."""

_WRITES = ("POST", "PUT", "PATCH")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Door:
    """Lets requests in to `inside`. `keys` are looked at on each request; requests elsewhere than /v2 pass."""

    def __init__(self, inside: ASGIApp, keys: Collection[str]) -> None:
        self._inside = inside
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == "/v2" or path.startswith("/v2/")):
            await self._inside(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        path = _segments(scope)
        public = path in PUBLIC or (scope["method"] == "GET" and path.startswith(PUBLIC_BELOW))
        if not public and not self._knows(headers.get(b"authorization", b"")):
            await _refuse(send, CommandRefused("10009", "The API key is missing or is not known."))
            return
        if _length(headers) > MAX_BODY:
            await _refuse(send, CommandRefused("10015", TOO_LARGE), 413)
            return
        scope = {**scope, "path": path}
        if _CONTROL.search(path):  # nothing has such a name, and no route would match a line's end
            await _refuse(send, not_found("The resource"))
            return
        empty = _length(headers) == 0 and b"transfer-encoding" not in headers
        if scope["method"] in _WRITES and empty:
            # The official SDK sends a JSON content type with no body for what has no arguments.
            await self._inside(_as_json(scope), _once(b"{}"), send)
            return
        await self._inside(scope, _limited(receive), send)

    def _knows(self, authorization: bytes) -> bool:
        kind, _, key = authorization.partition(b" ")
        given = key.strip()
        found = False
        for known in self._keys:  # all of them, so that the time tells nothing
            found |= hmac.compare_digest(known.encode(), given)
        return found and kind.lower() == b"bearer"


def _length(headers: dict[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"0").strip()
    return int(text) if text.isdigit() else 0


def _segments(scope: Scope) -> str:
    """The path, each of its segments decoded once, after it was split at the slashes."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return str(scope["path"])
    parts = raw.split(b"?")[0].decode("latin-1").split("/")
    return "/".join(unquote(part).replace("/", SLASH) for part in parts)


def _as_json(scope: Scope) -> Scope:
    kept = [
        (name, value) for name, value in scope["headers"] if name.lower() not in (b"content-type", b"content-length")
    ]
    return {**scope, "headers": [*kept, (b"content-type", b"application/json"), (b"content-length", b"2")]}


def _once(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            raise HTTPException(413, TOO_LARGE)
        return message

    return limited


async def _refuse(send: Send, refused: CommandRefused, status: int | None = None) -> None:
    body = json.dumps(errors(refused)).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status or refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
