"""The asyncio shell round a protocol: `connect` opens a line, a `Session` pumps one.

All decisions are the protocol's; the shell reads, steps, writes, and sleeps until `wake_at`. It
starts no task that outlives `Session.run`, which belongs to its caller's task: cancelling that is
the stop signal.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from typing import Protocol as Shape
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from botkit.clock import Clock
from botkit.errors import ConfigError, NetworkFault, TimeoutFault
from botkit.events import Event

from .line import Line, LineClosed
from .messages import MAX_FRAME, redacted
from .orders import LineDown, LineUp, Order
from .pace import Pace
from .protocol import Output

log = logging.getLogger("botkit.signalling.line")

CLOSING = 2.0
"""Seconds that a close may take: the closing handshake, and what was still to be sent."""

OUTBOX_FRAMES = 10_000
OUTBOX_SIZE = 4_000_000
"""What may wait to be sent, in frames and in characters. Beyond it the other end is taken not to read."""


class WebSocketLine:
    """A client's WebSocket as a line."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def receive(self) -> str:
        try:
            frame = await self._websocket.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        # binary frames are used nowhere; the protocol will say that this one is not JSON
        return frame if isinstance(frame, str) else frame.decode("latin-1")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        # a close frame carries at most 123 bytes of reason (RFC 6455 5.5)
        await self._websocket.close(code, reason.encode()[:120].decode(errors="ignore"))


def _closed(error: ConnectionClosed) -> LineClosed:
    return LineClosed(error.rcvd.code, error.rcvd.reason) if error.rcvd else LineClosed()


async def connect(url: str, *, clock: Clock, within: float = 10.0, tls: ssl.SSLContext | None = None) -> Line:
    """A line to the server at `url` (ws:// or wss://), within so many seconds.

    No subprotocol is offered, as by the SDKs; keepalive is the protocol's, so the library's own pings
    are off. Raises `NetworkFault`, `TimeoutFault` (phase connect) or `ConfigError` with a hint. A
    cancelled caller leaves nothing open.
    """
    where = urlsplit(url).netloc.rpartition("@")[2] or url
    options: dict[str, Any] = {"ssl": tls} if tls is not None else {}
    try:
        async with clock.timeout(within):
            websocket = await open_websocket(
                url,
                max_size=MAX_FRAME,
                compression=None,  # frames are small, and hundreds of deflate windows are not
                open_timeout=None,
                ping_interval=None,
                close_timeout=CLOSING,
                user_agent_header="botkit",
                **options,
            )
    except TimeoutError:
        hint = "is the address right, and does a firewall let it through?"
        raise TimeoutFault(f"no WebSocket to {where} within {within:g} s", "connect", hint=hint) from None
    except InvalidURI as error:
        raise ConfigError(f"not a WebSocket address: {url}", hint="write ws://host:port or wss://host") from error
    except InvalidStatus as error:
        raise _refused_upgrade(where, error.response.status_code) from error
    except InvalidHandshake as error:
        hint = "something answers there, but it does not speak WebSocket"
        raise NetworkFault(f"no WebSocket at {where}: {error}", hint=hint) from error
    except OSError as error:
        raise _unreachable(url, where, error) from error
    return WebSocketLine(websocket)


def _refused_upgrade(where: str, status: int) -> NetworkFault:
    hints = {
        401: "the server wants credentials before the login: a proxy in between?",
        403: "the server or a proxy forbids it",
        404: "the server is there, but not at this path",
        429: "too many connections: lower the rate",
    }
    hint = hints.get(status, "the server is ill: try later" if status >= 500 else "is this the signalling address?")
    return NetworkFault(f"{where} answered HTTP {status} where 101 was due", hint=hint)


def _unreachable(url: str, where: str, error: OSError) -> NetworkFault:
    """asyncio joins the errors of several addresses into one text, so the words count beside the type."""
    words = str(error)
    if isinstance(error, socket.gaierror):
        return NetworkFault(f"the name of {where} is not known", hint="a typing error, or no DNS?")
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "an unknown authority or a wrong name: check the address and the machine's certificates"
        return NetworkFault(f"the certificate of {where} is not trusted: {error.verify_message}", hint=hint)
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in words:
        return NetworkFault(f"{where} refused the connection", hint="is the server running, and on this port?")
    hung_up = isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError)
    if isinstance(error, ssl.SSLError) or (hung_up and url.startswith("wss")):
        reason = getattr(error, "reason", None) or words or "it hung up"
        return NetworkFault(f"no TLS with {where}: {reason}", hint="does the server speak plain ws:// on this port?")
    return NetworkFault(f"{where} cannot be reached: {words or type(error).__name__}", hint="is the network up?")


class Steps(Shape):
    """What a session needs of a protocol; `ClientProtocol` and `ServerProtocol` have it."""

    def step(self, given: str | Order | None, now: float) -> Output: ...


class _Over(Exception):
    """The session is to end."""


class Session:
    """One protocol on one line, until the line is gone. Use it from one event loop only.

    `handler` is called with each event, in order, from within `run` or `order`; it must not block.
    It may give orders: their events come after those that are still to be handed on. `quiet` is the
    dialect's: seconds of silence that the other end needs now and then.
    """

    def __init__(
        self, line: Line, protocol: Steps, *, clock: Clock, handler: Callable[[Event], None], quiet: float = 0.0
    ) -> None:
        self.line = line
        self.protocol = protocol
        self._clock = clock
        self._handler = handler
        self._pace = Pace(quiet)
        self._outbox: deque[str] = deque()
        self._outbox_size = 0
        self._full = False  # the other end does not read
        self._ending = asyncio.Event()  # `_closing` is set
        self._events: deque[Event] = deque()
        self._handing_on = False
        self._wake_at: float | None = None
        self._closing: str | None = None
        self._work = asyncio.Event()  # the outbox or `_closing` has news
        self._rearmed = asyncio.Event()  # `_wake_at` has
        self._up = False
        self._ended = asyncio.Event()
        self._was_run = False

    def order(self, order: Order) -> None:
        """Give an order: its frames are queued and its events handed on before this returns.

        Raises `LocalProtocolError` when the state has no room for it.
        """
        self._step(order)

    def tick(self) -> float | None:
        """Let time pass where there is no line: what is due happens; gives when the next thing is (monotonic)."""
        self._step(None)
        return self._wake_at

    async def run(self) -> str:
        """Pump until the line is closed, by either end; returns the reason, for people.

        The first event is `Connected`, the last ones are those of the lost line. When it is cancelled,
        what is queued is still sent (within 2 s), then the line is closed. What a handler raises ends
        the session and comes out in an `ExceptionGroup`.
        """
        if self._was_run:
            raise RuntimeError("a session is run once")
        self._was_run = self._up = True
        reason = "cancelled"
        try:
            self._step(LineUp())
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read())
                    group.create_task(self._write())
                    group.create_task(self._wake())
                    group.create_task(self._last_chance())
            except* (_Over, LineClosed) as over:
                reason = self._closing or str(over.exceptions[0])
            return reason
        finally:
            try:
                await self._hang_up_line(reason)
            finally:
                self._up = False
                try:
                    self._step(LineDown(reason))
                finally:
                    self._ended.set()

    def end(self, reason: str = "closed") -> None:
        """Ask for the end: what is queued is sent, then the line is closed and `run` returns."""
        if self._closing is None:
            self._closing = reason
            self._work.set()
            self._ending.set()

    async def close(self, reason: str = "closed") -> None:
        """`end`, and wait until `run` is over. A cancelled caller has still asked for it."""
        self.end(reason)
        if self._up:
            await self._ended.wait()

    # --- the pump ------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            text = await self.line.receive()
            if log.isEnabledFor(logging.DEBUG):
                log.debug("< %s", redacted(text))
            self._step(text)

    async def _write(self) -> None:
        while True:
            while self._outbox:
                if (wait := self._pace.wait(self._clock.now())) > 0:
                    await self._clock.sleep(wait)
                await self._send(self._next())
                self._pace.sent(self._clock.now())
            if self._closing is not None:
                raise _Over
            self._work.clear()
            await self._work.wait()

    async def _last_chance(self) -> None:
        """An end that was asked for comes, though what is queued cannot be sent."""
        await self._ending.wait()
        if not self._full:
            await self._clock.sleep(CLOSING)
        raise _Over

    def _next(self) -> str:
        text = self._outbox.popleft()
        self._outbox_size -= len(text)
        return text

    def _queue(self, frames: Iterable[str]) -> None:
        if self._full:
            return
        for text in frames:
            self._outbox.append(text)
            self._outbox_size += len(text)
        if len(self._outbox) > OUTBOX_FRAMES or (len(self._outbox) > 1 and self._outbox_size > OUTBOX_SIZE):
            log.info("outbox.full frames=%d characters=%d", len(self._outbox), self._outbox_size)
            self._full = True
            self._outbox.clear()
            self._outbox_size = 0
            self._closing = None
            self.end("the other end does not read what it is sent")
        else:
            self._work.set()

    async def _wake(self) -> None:
        while True:
            self._rearmed.clear()
            wake_at = self._wake_at
            if wake_at is None:
                await self._rearmed.wait()
                continue
            if (wait := wake_at - self._clock.now()) <= 0:
                self._step(None)
                continue
            try:
                async with self._clock.timeout(wait):
                    await self._rearmed.wait()
            except TimeoutError:
                pass  # the deadline is here

    async def _send(self, text: str) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("> %s", redacted(text))
        await self.line.send(text)

    async def _hang_up_line(self, reason: str) -> None:
        try:
            async with self._clock.timeout(CLOSING):
                while self._outbox:
                    await self._send(self._next())
                await self.line.close(1000, reason)
        except (LineClosed, TimeoutError):
            pass  # the other end is gone: nobody is left to be told

    def _step(self, given: str | Order | None) -> None:
        output = self.protocol.step(given, self._clock.now())
        if output.send and self._up:
            self._queue(output.send)
        if output.close is not None:
            self.end(output.close)
        if output.wake_at != self._wake_at:
            self._wake_at = output.wake_at
            self._rearmed.set()
        self._events.extend(output.events)
        if self._handing_on:
            return
        self._handing_on = True
        try:
            while self._events:
                self._handler(self._events.popleft())
        finally:
            self._handing_on = False
