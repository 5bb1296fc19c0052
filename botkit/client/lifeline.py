"""A client's line, and every one after it.

A line that breaks once the client was ready is followed by another one, after the pauses of the JS SDK
(`botkit.signalling.reconnect`). The protocol is the same throughout: it knows the session, and the calls that
wait. While there is no line the clock of those calls runs on.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator

from botkit.clock import Clock
from botkit.errors import NetworkFault, TimeoutFault
from botkit.events import Event
from botkit.signalling import ClientProtocol, Line, Session
from botkit.signalling.orders import Order
from botkit.signalling.reconnect import delays
from botkit.states import LoginState

log = logging.getLogger("botkit.client")


class Lifeline:
    """Made with the first line, then `run` once. `open_line` opens another one; `handler` gets all events."""

    def __init__(
        self,
        line: Line,
        protocol: ClientProtocol,
        open_line: Callable[[], Awaitable[Line]],
        *,
        clock: Clock,
        handler: Callable[[Event], None],
    ) -> None:
        self._protocol = protocol
        self._open_line = open_line
        self._clock = clock
        self._handler = handler
        self._session = self._on(line)
        self._pauses: Iterator[float] | None = None  # None: never ready
        self._coming: asyncio.Task[Line | None] | None = None
        self._left = False

    def _on(self, line: Line) -> Session:
        quiet = self._protocol.dialect.quiet
        return Session(line, self._protocol, clock=self._clock, handler=self._handler, quiet=quiet)

    def order(self, order: Order) -> None:
        """See `Session.order`; without a line, what can be done without one."""
        self._session.order(order)

    def ready(self) -> None:
        """The login is good: a line that breaks from now on is worth another one, and the pauses begin anew."""
        self._pauses = delays(random.Random())

    def drop(self, reason: str) -> None:
        """Give this line up for another one."""
        self._session.end(reason)

    def end(self, reason: str) -> None:
        """Ask for the end: what is queued is sent, and no other line follows."""
        self._left = True
        self._session.end(reason)
        if self._coming is not None:
            self._coming.cancel()

    async def run(self) -> str:
        """Pump until the last line is gone: `end`, punted, never ready, or all tries in vain. Gives the reason.

        A cancelled caller closes the line, after what is queued.
        """
        while True:
            reason = await self._session.run()
            if self._left or self._pauses is None or self._protocol.login_state is LoginState.PUNTED:
                return reason
            log.info("line.lost %s", reason)
            line = await self._another()
            if line is None:
                return reason
            self._session = self._on(line)
            if self._left:
                self._session.end(reason)

    async def _another(self) -> Line | None:
        loop = asyncio.get_running_loop()
        self._coming = loop.create_task(self._come_back(), name="another line")
        ticking = loop.create_task(self._tick(), name="without a line")
        try:
            await asyncio.wait((self._coming,))
            return None if self._coming.cancelled() else self._coming.result()
        finally:
            self._coming.cancel()
            ticking.cancel()
            await asyncio.wait((self._coming, ticking))
            self._coming = None

    async def _come_back(self) -> Line | None:
        assert self._pauses is not None
        for pause in self._pauses:
            await self._clock.sleep(pause)
            try:
                return await self._open_line()
            except (NetworkFault, TimeoutFault) as fault:
                log.info("line.not_back %s", fault)
        return None

    async def _tick(self) -> None:
        while (wake_at := self._session.tick()) is not None:
            await self._clock.sleep(max(0.0, wake_at - self._clock.now()))
