"""The exchange's one port: the WebSocket at `/`, and what a browser or a monitor may ask over HTTP.

The web server (uvicorn) gets a socket that we bound, keeps its hands off signals, and ends with the
scope that started it.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from botkit.errors import NetworkFault
from botkit.signalling.line import LineClosed
from botkit.signalling.messages import MAX_FRAME

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


ABORT = "botkit.abort"
"""The scope's name for what drops a connection at once, whatever is still to be sent."""

LINGER = 15.0
"""Seconds from the end of a line until its socket is dropped; uvicorn gives a closing handshake 10 s."""


class _WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which would keep the socket of a client that reads nothing for ever."""

    def send_receive_event_to_app(self) -> None:
        """A text that is no UTF-8 ends the line (RFC 6455 8.1); uvicorn does so with a traceback in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                decoder = codecs.getincrementaldecoder("utf-8")()
                for frame in self.frames:
                    decoder.decode(frame)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        transport = self.transport
        cast(dict[str, Any], self.scope["extensions"])[ABORT] = transport.abort
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(LINGER, transport.abort)


class _HttpProtocol(H11Protocol):
    """uvicorn's, which would let the application answer a request once more that it has refused already."""

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        if self.cycle is not None:  # a request whose body turned out to be none, when it was under way
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class WebSocketLine:
    """The web server's WebSocket as a `botkit.signalling.line.Line`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        server = websocket.scope.get("server")
        self.local_host: str | None = server[0] if server else None
        client = websocket.client
        self.client: tuple[str, int] | None = (client.host, client.port) if client else None
        self.resumes: str | None = websocket.query_params.get("voice_sdk_id")
        self._closed = False
        self._abort: Callable[[], None] = websocket.scope.get("extensions", {}).get(ABORT, lambda: None)

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise LineClosed(reason=str(error) or "the client is gone") from error

    async def receive(self) -> str:
        while True:
            message: dict[str, Any] = dict(await self._websocket.receive())
            if message["type"] == "websocket.disconnect":
                self._closed = True
                raise LineClosed(message.get("code") or 1006, message.get("reason") or "")
            if (text := message.get("text")) is not None:
                return str(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            try:
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    # a close frame carries at most 123 bytes of reason (RFC 6455 5.5)
                    await self._websocket.close(code, reason.encode()[:120].decode(errors="ignore"))
            except asyncio.CancelledError:
                self._abort()  # the client reads nothing, so it will not read this either
                raise


def make_app(exchange: Exchange) -> FastAPI:
    """The web application of an exchange."""
    from botkit.exchange.line import serve_line
    from botkit.exchange.rest.door import Door
    from botkit.exchange.rest.lazy import LazyApi
    from botkit.exchange.status_web import routes

    app = FastAPI(title="botkit exchange", docs_url=None, redoc_url=None, openapi_url=None)

    @app.websocket("/")
    async def signalling(websocket: WebSocket) -> None:
        await websocket.accept()
        await serve_line(exchange, WebSocketLine(websocket))

    app.router.routes.extend(routes(exchange))
    app.state.rest = LazyApi(exchange)
    app.mount("/v2", app.state.rest)
    app.add_middleware(Door, keys=exchange.api_keys)
    return app


def _let_go(app: FastAPI) -> None:
    """Empty the closures of an application that is served no more. FastAPI remembers endpoints for as long as the
    process lasts, to know which are coroutines, and each would hold a whole exchange."""
    for part in (app, *app.state.rest.routers):
        for route in part.routes:
            for cell in getattr(getattr(route, "endpoint", None), "__closure__", None) or ():
                with contextlib.suppress(ValueError):  # empty already: endpoints of one router share them
                    del cell.cell_contents
    app.state.rest.forget()


def _hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has the port: choose one with --port, or 0 for any free one"
    if error.errno == errno.EACCES:
        return "ports below 1024 are the system's: choose one with --port, or 0 for any free one"
    return "this machine has no such address: 127.0.0.1 is the usual one"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to whoever runs the loop


@contextlib.asynccontextmanager
async def serve_http(exchange: Exchange, host: str, port: int) -> AsyncIterator[int]:
    """Serve on `host`:`port` (0: any free one); gives the port. Raises `NetworkFault` when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(128)  # here, where a port that is taken can still be told
        except OSError as error:
            raise NetworkFault(
                f"the exchange cannot listen on {host}:{port}: {error.strerror}", hint=_hint(error)
            ) from error
        app = make_app(exchange)
        exchange.open_rest = app.state.rest.open
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            http=_HttpProtocol,
            ws=_WebSocketProtocol,
            ws_max_size=MAX_FRAME,
            ws_ping_interval=None,  # the protocol has its own keepalive
            timeout_graceful_shutdown=2,
        )
        server = _Server(config)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]), name="web server")
        try:
            while not server.started:
                if task.done():
                    await task
                    raise NetworkFault(f"the exchange's web server on {host}:{port} did not start")
                await asyncio.sleep(0.005)
            yield int(sock.getsockname()[1])
        finally:
            server.should_exit = True
            await task
            exchange.open_rest = None
            _let_go(app)
    finally:
        sock.close()
