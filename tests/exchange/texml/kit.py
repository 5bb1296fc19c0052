"""A web server of documents, in the process, and scenes played in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from botkit import clock as clocks
from botkit.clock import Clock, VirtualLoop
from botkit.exchange.texml.calls import Application, Calls, Drive
from botkit.exchange.texml.fetch import Signer
from tests.exchange.texml.fake_leg import FakeTexmlLeg, World

HOST = "http://bot.test"
Fields = dict[str, str]


@dataclass
class Request:
    """One request that the server got. `fields` are those of its form, or of its query."""

    at: float
    method: str
    path: str
    fields: Fields
    headers: Fields
    body: bytes


Reply = str | bytes | int | Callable[[Request], "Reply | Awaitable[Reply]"]


class Web:
    """An ASGI application. `pages` gives each path its reply: an XML text, a status, or a function of the request;
    a list is used up, its last entry stays. Any other path is 404, but callbacks (`sinks`) are 200."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pages: dict[str, Reply | list[Reply]] = {}
        self.sinks: set[str] = set()
        self.requests: list[Request] = []
        self._began = clock.now()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        method, query = scope["method"], scope["query_string"].decode()
        form = body.decode() if method == "POST" else query
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        fields = dict(parse_qsl(form, keep_blank_values=True))
        now = round(self.clock.now() - self._began, 3)
        request = Request(now, method, scope["path"], fields, headers, body)
        self.requests.append(request)
        status, content = await self._reply(request)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/xml")]})
        await send({"type": "http.response.body", "body": content})

    async def _reply(self, request: Request) -> tuple[int, bytes]:
        if request.path in self.sinks:
            return 200, b""
        page: Any = self.pages.get(request.path, 404)
        if isinstance(page, list):
            page = page.pop(0) if len(page) > 1 else page[0]
        while callable(page) or asyncio.iscoroutine(page):
            page = page(request) if callable(page) else await page
        if isinstance(page, int):
            return page, b"no document"
        if isinstance(page, str):
            page = page.encode()
        return 200, page

    def got(self, path: str) -> list[Fields]:
        """The fields of every request to a path, in order."""
        return [request.fields for request in self.requests if request.path == path]

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@dataclass
class Stage:
    """One scene: a world of legs, a web server, and the calls between them."""

    world: World
    web: Web
    calls: Calls
    clock: Clock
    troubles: list[str] = field(default_factory=list)

    def page(self, path: str, *verbs: Reply) -> None:
        """Put documents at a path: each a row of verbs, one request after the other."""
        pages: list[Reply] = [
            f"<?xml version='1.0'?><Response>{verb}</Response>" if isinstance(verb, str) else verb for verb in verbs
        ]
        self.web.pages[path] = pages

    def call(self, **application: Any) -> tuple[FakeTexmlLeg, Drive]:
        """A call comes in for the application at `/voice`."""
        leg = self.world.leg()
        values: dict[str, Any] = {"voice_url": f"{HOST}/voice", "voice_method": "POST", **application}
        return leg, self.calls.take(leg, Application(**values))

    async def run(self, *verbs: str, **application: Any) -> FakeTexmlLeg:
        """A call with this program, to its end."""
        self.page("/voice", *verbs)
        leg, drive = self.call(**application)
        await drive.task
        return leg

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def until(self, condition: Callable[[], object], within: float = 100.0) -> None:
        async with self.clock.timeout(within):
            while not condition():
                await self.clock.sleep(0.01)

    def told(self, leg: FakeTexmlLeg) -> list[str]:
        return self.world.told(leg)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]], *, signer: Signer | None = None) -> None:
    """Play a scene in virtual time; no task and no trouble may stay."""

    async def whole() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        clock = loop.clock
        web = Web(clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(web)) as http:
            calls = Calls(http, clock, account_sid="acct-1", signer=signer)
            stage = Stage(World(clock), web, calls, clock)
            loop.set_exception_handler(lambda _loop, context: stage.troubles.append(str(context)))
            try:
                async with clock.timeout(100_000):
                    await scene(stage)
            finally:
                await calls.close()
                await stage.world.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks stayed: {left}"
        assert not stage.troubles

    clocks.run(whole(), virtual=True)
