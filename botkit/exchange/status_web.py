"""What a browser and a monitor may look at: the status page at `/`, its facts at `/status.json`, `/healthz`.

The page needs no key, so it is for whoever sits at this address and for nobody's web site:

- It is shown under an address only (`127.0.0.1`, `[::1]`), `localhost`, or the name that the exchange was told to
  listen on. A site that points a name of its own at this machine (DNS rebinding) comes with that name, and gets 421.
- A browser that asks for the facts on behalf of another site says so (`Sec-Fetch-Site`), and gets 403; one that
  does not say so is kept from reading them by the same-origin policy: no other origin is ever allowed.
- Its script and style are in it, known by their hashes; nothing else is run or loaded (Content-Security-Policy).

It asks for its facts twice a second while it is looked at. Nobody looks, nothing is computed.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from botkit.exchange.status import Status

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

_ALWAYS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def routes(exchange: Exchange) -> list[Route]:
    """For the web application of `exchange`. Each answers GET and HEAD."""
    status = Status(exchange)

    def refused(request: Request) -> Response | None:
        if not _may_be_named(request.headers.get("host", ""), exchange.host):
            said = (
                f"The exchange shows its status under its own address only: {exchange.url.replace('ws', 'http', 1)}/\n"
            )
            return PlainTextResponse(said, 421, _ALWAYS)
        return None

    async def page(request: Request) -> Response:
        html, policy = _page()
        return refused(request) or HTMLResponse(html, headers={**_ALWAYS, "content-security-policy": policy})

    async def facts(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        if _from_elsewhere(request.headers):
            return PlainTextResponse("The exchange shows its status to its own page only.\n", 403, _ALWAYS)
        return _Json(status.facts(), headers=_ALWAYS)

    async def health(_request: Request) -> Response:
        return _Json(status.health(), headers=_ALWAYS)

    return [Route("/", page), Route("/status.json", facts), Route("/healthz", health)]


class _Json(JSONResponse):
    """ASCII only: any text can be sent, lone surrogates too."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


@cache
def _page() -> tuple[str, str]:
    """The page and its content security policy."""
    html = (files("botkit.exchange") / "status.html").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; script-src {_hash_of('script', html)}; style-src {_hash_of('style', html)}"
    )
    return html, policy


def _hash_of(element: str, html: str) -> str:
    found = re.search(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found.group(1).encode()).digest()).decode()}'"


def _may_be_named(host: str, ours: str) -> bool:
    """Whether a browser that was told this `Host` may see the page."""
    name = re.sub(r":\d*$", "", host).lower()
    if name == ours.lower() or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser asks on behalf of another site ([W3C] Fetch Metadata Request Headers)."""
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
