"""Legs to tell of, and receivers to tell: in memory and virtual time, or on a real socket.

In memory the whole way is real (httpx, an ASGI application at the other end) but for the wire: `Net` carries
requests to receivers by host name, and refuses the connection where nobody lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from botkit import clock as clocks
from botkit.clock import Clock, VirtualLoop
from botkit.exchange.webhooks.poster import open_http
from botkit.exchange.webhooks.targets import Overrides
from botkit.exchange.webhooks.webhooks import Webhooks
from botkit.signalling.facts import InviteReceived

OWNER = "1684641123236054244"


@dataclass
class Told:
    """A leg as webhooks see it."""

    id: str = "7a2b1a52-30f5-4b36-8b7b-1f66d0b2c001"
    control_id: str = "v3:Zk3bq0b1Wm8"
    leg_id: str = "6b2e4b1c-e82a-11f0-9c1e-02420a0f7568"
    session_id: str = "6b2e3f0a-e82a-11f0-8d55-02420a0f7568"
    connection_id: str = OWNER
    client_state: str | None = None
    calling: str = "john1234"
    called: str = "+15550001"
    direction: str = "outgoing"
    party_type: str = "sip"
    name: str = "John"
    headers: tuple[tuple[str, str], ...] = (("X-Ticket", "42"), ("User-to-User", "00c8"), ("Via", "no"))
    inbound: bool = True
    invite: InviteReceived | None = None
    started: float = 1767392727.4
    ended_at: float | None = None
    overrides: Overrides = field(default_factory=Overrides)


@dataclass
class Room:
    """A conference as webhooks see it."""

    creator: Told = field(default_factory=lambda: Told(client_state="Y3JlYXRvcg=="))
    id: str = "3fa85f55-0a1b-4f0e-8a2f-5a7f1d2a0001"
    connection_id: str = OWNER


@dataclass
class App:
    """An owner."""

    webhook_event_url: str | None = "http://bot/hook"
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: float | None = None
    webhook_api_version: str = "2"


@dataclass
class Request:
    """One request that a receiver got."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        """The envelope."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self.event["data"]["event_type"])


class Receiver:
    """An ASGI application. Each answer is the next of `script`: a status, or seconds to wait before a 200; then 200."""

    def __init__(self, *script: int | float) -> None:
        self.script = list(script)
        self.seen: list[Request] = []
        self.busy = 0
        self.most_busy = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        now = asyncio.get_running_loop().time()
        query = scope["query_string"].decode()
        self.seen.append(Request(scope["method"], scope["path"], query, headers, body, now))
        answer = self.script.pop(0) if self.script else 200
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                answer = 200
        finally:
            self.busy -= 1
        headers_out = [(b"location", b"http://elsewhere/")] if 300 <= answer < 400 else []
        await send({"type": "http.response.start", "status": answer, "headers": headers_out})
        await send({"type": "http.response.body", "body": b"thanks"})

    @property
    def types(self) -> list[str]:
        return [request.type for request in self.seen]

    @property
    def times(self) -> list[float]:
        return [request.at for request in self.seen]


class Net(httpx.AsyncBaseTransport):
    """Hosts by name; nobody answers at any other."""

    def __init__(self, **hosts: Receiver) -> None:
        self.hosts = {name: httpx.ASGITransport(app=receiver) for name, receiver in hosts.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in self.hosts:
            raise httpx.ConnectError(f"nobody at {request.url.host}")
        return await self.hosts[request.url.host].handle_async_request(request)


Scene = Callable[[Webhooks], Coroutine[Any, Any, None]]


def play(scene: Scene, owner: App | None = None, options: dict[str, Any] | None = None, **hosts: Receiver) -> None:
    """Run `scene` in virtual time, where these receivers live; it leaves no task, and no trouble."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        troubles: list[str] = []
        loop.set_exception_handler(lambda _loop, context: troubles.append(str(context)))
        async with httpx.AsyncClient(transport=Net(**hosts), timeout=None) as http:
            webhooks = Webhooks(loop.clock, http, {OWNER: owner or App()}.get, **(options or {}))
            try:
                async with asyncio.timeout(3600):
                    await scene(webhooks)
            finally:
                await webhooks.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not troubles

    clocks.run(main(), virtual=True)


# --- on a real socket ---------------------------------------------------------------------------------


@dataclass
class Site:
    """A real HTTP server on loopback, byte by byte. `answer` is all it says to each request, then it may hang."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    hang: bool = False
    """Keep the connection open after the answer, whatever was promised."""
    port: int = 0
    seen: list[Request] = field(default_factory=list)
    connections: int = 0
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving[task] = writer
        task.add_done_callback(self.serving.pop)
        try:
            while True:
                self.seen.append(await read_request(reader))
                writer.write(self.answer)
                await writer.drain()
                if self.hang:
                    await reader.read()
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request of a connection, whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body, 0.0)


@contextlib.asynccontextmanager
async def listening(handle: Callable[[Any, Any], Coroutine[Any, Any, None]]) -> AsyncIterator[int]:
    """A port where each connection is handled so."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextlib.asynccontextmanager
async def site(**options: Any) -> AsyncIterator[Site]:
    """A server for as long as the scope lasts."""
    one = Site(**options)
    async with listening(one.serve) as one.port:
        yield one
    for writer in one.serving.values():
        writer.close()
    if one.serving:
        await asyncio.wait(set(one.serving))


@contextlib.asynccontextmanager
async def over_network(owner: App, clock: Clock | None = None, **options: Any) -> AsyncIterator[Webhooks]:
    """Webhooks that go over real sockets."""
    async with open_http() as http:
        webhooks = Webhooks(clock or clocks.MonotonicClock(), http, {OWNER: owner}.get, **options)
        try:
            yield webhooks
        finally:
            await webhooks.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on a real loop; no task may stay, and no trouble."""

    async def whole() -> None:
        troubles: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(str(context)))
        await main
        if left := asyncio.all_tasks() - {asyncio.current_task()}:  # connections that were closed take a turn to go
            await asyncio.wait(left, timeout=20.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not troubles

    clocks.run(whole())
