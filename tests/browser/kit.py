"""A page with the official SDK, an exchange it calls through, and a bot on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.media.ear import HeardFrame
from botkit.media.pcm import level
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.source import ToneSource
from tests.browser.chromium import PATIENCE, Chromium, Page

HERE = Path(__file__).parent
SDK = HERE / "node_modules" / "@telnyx" / "webrtc" / "lib" / "bundle.js"
"""The SDK as npm delivers it, not a byte of it changed."""

NUMBER = "+18005550100"
"""The bot's."""

PAGE_SAYS = 1000.0
"""Hz of the tone that the page's microphone hears."""

BOT_SAYS = 600.0
"""Hz of the tone that the bot says."""


# --- the page's web server ------------------------------------------------------------------------------

FILES = {
    "/": (HERE / "sdk.html", "text/html"),
    "/bundle.js": (SDK, "text/javascript"),
    "/page.js": (HERE / "page.js", "text/javascript"),
}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        request = await reader.readuntil(b"\r\n\r\n")
        path, kind = FILES.get(request.split()[1].decode(), (None, "text/plain"))
        body = path.read_bytes() if path is not None else b"no such page"
        status = "200 OK" if path is not None else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def web_server() -> AsyncIterator[str]:
    """The page on 127.0.0.1; gives its address."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


# --- a network that can be cut ----------------------------------------------------------------------------


class Wire:
    """Carries what the page's socket and the exchange say to each other, until it is cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.made = 0
        """Connections, ever."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Gives the address for the SDK."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        try:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()
            async with asyncio.timeout(PATIENCE):
                while self._writers:  # noqa: ASYNC110 - the tasks of asyncio's server have nobody to wait for
                    await asyncio.sleep(0.02)

    def cut(self) -> None:
        """Break every connection: both ends see it go, with no close frame."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", self._port)
        self.made += 1
        self._writers |= {near, far}
        try:
            await asyncio.gather(self._pump(near_reader, far), self._pump(far_reader, near))
        finally:
            for writer in (near, far):
                writer.transport.abort()
            self._writers -= {near, far}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


# --- what the bot hears ---------------------------------------------------------------------------------


class Listener:
    """A sink that knows what was heard last."""

    def __init__(self) -> None:
        self._last: deque[Any] = deque(maxlen=10)

    def push(self, frame: HeardFrame) -> None:
        self._last.append(frame.pcm)

    def close(self) -> None:
        """Nothing to give back."""

    def heard(self) -> tuple[float, float]:
        """Level in dBFS and strongest frequency of the last 200 ms."""
        if len(self._last) < 10:
            return -100.0, 0.0
        pcm = np.concatenate(self._last)
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
        return level(pcm), float(np.argmax(spectrum)) * 8000 / pcm.size

    async def until(self, fits: Callable[[float, float], bool]) -> None:
        """Wait until what is heard fits for 200 ms on end."""
        self._last.clear()
        fitting = 0
        async with asyncio.timeout(PATIENCE):
            while fitting < 10:
                await asyncio.sleep(0.02)
                fitting = fitting + 1 if fits(*self.heard()) else 0

    async def tone(self, hz: float) -> None:
        """Wait for a tone."""
        await self.until(lambda loud, strongest: loud > -40 and abs(strongest - hz) < 20)

    async def no_tone(self, hz: float) -> None:
        """Wait until something else than this is heard."""
        await self.until(lambda _loud, strongest: abs(strongest - hz) > 20)


# --- the whole ------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """The page, the exchange and the bot `bob` at `NUMBER`, which says `BOT_SAYS` in its calls."""

    page: Page
    exchange: Exchange
    bob: Client
    incoming: asyncio.Queue[Call]
    """Calls that have come to bob."""
    browser: Chromium
    address: str
    """The page's, for another one."""
    wire: Wire
    """Between the page's socket and the exchange."""
    host: str
    """The exchange's address behind that wire."""

    async def log_in(self, *, page: Page | None = None, within: float = PATIENCE, **options: Any) -> None:
        """Log a page in as alice, and wait until it is ready. `options` are the SDK's."""
        page = page or self.page
        account = self.exchange.account("alice")
        given = {"host": self.host, "login": account.login, "password": account.password, **options}
        await page.run(f"logIn({json.dumps(given)})")
        await page.until("times('telnyx.ready')", within)

    async def dial(self, number: str = NUMBER, **options: Any) -> str:
        """Have the page call a number; gives the call's id."""
        return str(await self.page.run(f"dial({json.dumps(number)}, {json.dumps(options)})"))

    async def call(self) -> tuple[str, Call, Listener]:
        """A call from the page to bob that is up: the page's id of it, bob's end, and what bob hears."""
        ident = await self.dial()
        async with asyncio.timeout(PATIENCE):
            call = await self.incoming.get()
            await call.answer()
        await self.state(ident, "active")
        return ident, call, ears_of(call)

    async def called(self) -> tuple[str, Call, Listener]:
        """A call from bob to the page that is up: the page's id of it, bob's end, and what bob hears."""
        call = await self.bob.dial("alice", caller_id=NUMBER)
        ident = str((await self.page.until("ringing()"))["id"])
        await self.page.run(f"calls[{ident!r}].answer()")
        await call.answered(within=PATIENCE)
        await self.state(ident, "active")
        return ident, call, ears_of(call)

    async def state(self, ident: str, state: str) -> dict[str, Any]:
        """Wait until a call of the page is in `state`; gives what the SDK says of it."""
        condition = f"calls[{ident!r}] && calls[{ident!r}].state === {state!r} && last({ident!r})"
        return dict(await self.page.until(condition))

    async def over(self, ident: str) -> dict[str, Any]:
        """Wait until a call of the page is over; gives what the SDK says of it."""
        return await self.state(ident, "destroy")

    async def hears(self, hz: float) -> dict[str, float]:
        """Wait until the page hears a tone; gives what it measured: `level` (dBFS) and `hz`."""
        return dict(await self.page.until(f"tone({hz})"))


def ears_of(call: Call) -> Listener:
    """What a bot's call is heard by."""
    assert isinstance(call.audio_out, Listener)
    return call.audio_out


def bot(exchange: Exchange, plane: MediaPlane, name: str, *numbers: str, **options: Any) -> Client:
    """A bot that says `BOT_SAYS` and listens."""
    return Client(
        exchange.account(name, *numbers),
        plane=plane,
        audio_in=ToneSource((BOT_SAYS,), 1.0),
        audio_out=lambda _call: Listener(),
        **options,
    )


def play(browser: Chromium, act: Callable[[Scene], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Play a scene: real time, real sockets, and nothing left of it. `options` are `run_exchange`'s."""

    async def whole() -> None:
        async with contextlib.AsyncExitStack() as stack:
            plane = await stack.enter_async_context(media_plane())
            exchange = await stack.enter_async_context(run_exchange(plane=plane, **options))
            bob = await stack.enter_async_context(bot(exchange, plane, "bob", NUMBER))
            incoming: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", incoming.put_nowait)
            address = await stack.enter_async_context(web_server())
            assert exchange.port is not None
            wire = Wire(exchange.port)
            host = await stack.enter_async_context(wire.running())
            page = await stack.enter_async_context(browser.page())
            await page.open(address)
            await act(Scene(page, exchange, bob, incoming, browser, address, wire, host))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks stayed: {left}"

    clock.run(whole())
