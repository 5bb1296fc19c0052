"""One HTTP request with an event: POST with a JSON body, or GET with the event in the query. Signed."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx

from botkit.clock import Clock
from botkit.exchange.webhooks.log import Attempt
from botkit.exchange.webhooks.payload import Event
from botkit.exchange.webhooks.signing import SigningKey

USER_AGENT = "telnyx-webhooks"
MOST_READ = 65_536
"""Bytes of an answer's body that are read; what a receiver says beside its status is of no interest."""

UNREACHED = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)
"""What a request raises that gets no answer; the last for a host that has no form in DNS."""


@cache
def _trust() -> ssl.SSLContext:
    """Whom TLS trusts: read once a process, since that takes longer than all else of a client."""
    return httpx.create_ssl_context()


def open_http() -> httpx.AsyncClient:
    """A client fit for webhooks: no limit of connections, so that a slow receiver holds up nobody else's events.

    No proxy of the environment, no redirects, no time limits of its own: the exchange's clock has them.
    """
    return httpx.AsyncClient(transport=_WhenNeeded(), trust_env=False, follow_redirects=False, timeout=None)


class _WhenNeeded(httpx.AsyncBaseTransport):
    """Is made with the first request: an exchange that nobody listens to needs no certificates."""

    def __init__(self) -> None:
        self._real: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._real is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
            self._real = httpx.AsyncHTTPTransport(verify=_trust(), trust_env=False, limits=limits)
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        if self._real is not None:
            await self._real.aclose()


class Poster:
    """Sends events by `http`, which stays its owner's."""

    def __init__(self, http: httpx.AsyncClient, key: SigningKey, clock: Clock) -> None:
        self._http = http
        self._key = key
        self._clock = clock
        self._reading: set[asyncio.Task[None]] = set()

    async def send(self, event: Event, url: str, *, method: str, attempt: int, timeout: float) -> Attempt:
        """Try once; never raises what the receiver or the network did. A cancelled caller loses the request."""
        began = self._clock.wall()
        status, error = None, ""
        try:
            async with self._clock.timeout(timeout):
                response = await self._http.send(
                    self._request(event, url, method, attempt), stream=True, follow_redirects=False
                )
            status = response.status_code
            await self._leave(response, timeout)
        except TimeoutError:
            error = f"no answer within {timeout:g} s"
        except UNREACHED as fault:
            error = f"{type(fault).__name__}: {fault}".rstrip(": ")
        return Attempt(url, began, self._clock.wall(), status, error)

    def _request(self, event: Event, url: str, method: str, attempt: int) -> httpx.Request:
        envelope = event.envelope(attempt=attempt, delivered_to=url)
        headers = {"User-Agent": USER_AGENT}
        if method == "GET":
            # How the platform signs a GET is not known; here the signature covers the body, which is empty.
            return self._build("GET", with_query(url, envelope), b"", headers)
        body = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
        return self._build("POST", httpx.URL(url), body, {**headers, "Content-Type": "application/json"})

    def _build(self, method: str, url: httpx.URL, body: bytes, headers: dict[str, str]) -> httpx.Request:
        headers |= self._key.headers(body, self._clock.wall())
        # Without a time limit of httpx: what it waits for counts in the loop's time, not in the exchange's.
        return self._http.build_request(method, url, content=body or None, headers=headers, timeout=None)

    async def _leave(self, response: httpx.Response, timeout: float) -> None:
        """Be done with an answer. Its body may come late, which must not hold up the next event."""
        if response.headers.get("content-length") == "0":
            await self._read(response, timeout)
            return
        task = asyncio.get_running_loop().create_task(self._read(response, timeout), name="webhook answer")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, response: httpx.Response, timeout: float) -> None:
        """Read a body to its end, so that the connection can serve again; one that is long or slow is cut."""
        read = 0
        try:
            async with self._clock.timeout(timeout):
                async for chunk in response.aiter_raw():
                    read += len(chunk)
                    if read > MOST_READ:
                        break
        except (TimeoutError, *UNREACHED):
            pass  # the status has come, and that was all
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Let go of answers that are still being read."""
        for task in self._reading:
            task.cancel()
        if self._reading:
            await asyncio.wait(self._reading)


def with_query(url: str, envelope: Mapping[str, Any]) -> httpx.URL:
    """`url` with the event in its query, after what is there: the members of `data`, then those of the payload.

    Null is empty, a list or an object is JSON. No source shows the platform's own form.
    """
    data = envelope["data"]
    flat = {name: value for name, value in data.items() if name != "payload"} | data["payload"]
    query = urlencode({name: _flat(value) for name, value in flat.items()}, errors="replace")
    whole = httpx.URL(url)
    given = whole.query.decode()
    return whole.copy_with(query=(f"{given}&{query}" if given else query).encode())


def _flat(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
