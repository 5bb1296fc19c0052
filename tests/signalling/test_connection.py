"""The shell: real sockets on loopback, and lines in memory."""

from __future__ import annotations

import asyncio
import http
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from botkit import clock
from botkit.errors import ConfigError, LocalProtocolError, NetworkFault, TimeoutFault
from botkit.events import Answered, ClientReady, Connected, Disconnected, Dropped, Ended, Event, Incoming
from botkit.signalling import (
    MAX_FRAME,
    TELNYX,
    ClientProtocol,
    LineClosed,
    ServerProtocol,
    Session,
    connect,
    memory_lines,
)
from botkit.signalling.connection import OUTBOX_FRAMES, _unreachable
from botkit.signalling.facts import AnswerReceived, ByeReceived, InviteReceived, LoginRequested
from botkit.signalling.orders import (
    AcceptAnswer,
    AcceptLogin,
    Answer,
    Hangup,
    Invite,
    Login,
    SendAnswer,
    SendInvite,
)

from .pair import ALICE, ANSWER, OFFER

REAL = clock.MonotonicClock()


class ServerLine:
    """A server's WebSocket as a line, as small as can be."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket

    async def send(self, text: str) -> None:
        await self.websocket.send(text)

    async def receive(self) -> str:
        try:
            return str(await self.websocket.recv())
        except ConnectionClosed as closed:
            raise LineClosed(closed.rcvd.code if closed.rcvd else 1006) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.websocket.close(code, reason)


class Exchange:
    """Grants everything: the smallest of all exchanges."""

    def __init__(self, line: Any, time: clock.Clock) -> None:
        self.events: list[Event] = []
        self.session = Session(line, ServerProtocol(TELNYX, "VSDK1demo"), clock=time, handler=self.handle)

    def handle(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case LoginRequested(request_id):
                self.session.order(AcceptLogin(request_id, "s-1"))
            case InviteReceived(call_id):
                self.session.order(SendAnswer(call_id, ANSWER))
            case AnswerReceived():
                self.session.order(AcceptAnswer(event.request_id))


class Bot:
    """A client that logs in, and takes what calls."""

    def __init__(self, line: Any, time: clock.Clock) -> None:
        self.events: list[Event] = []
        self.news = asyncio.Event()
        self.session = Session(line, ClientProtocol(TELNYX), clock=time, handler=self.handle)

    def handle(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()
        match event:
            case Connected():
                self.session.order(Login(ALICE))
            case Incoming(call_id):
                self.session.order(Answer(call_id, ANSWER))

    async def sees(self, kind: type[Event]) -> None:
        while not any(isinstance(event, kind) for event in self.events):
            self.news.clear()
            await self.news.wait()


@asynccontextmanager
async def loopback(exchanges: list[Exchange] | None = None, **options: Any) -> AsyncIterator[str]:
    """A websockets server that gives each line an `Exchange`."""

    async def talk(websocket: ServerConnection) -> None:
        exchange = Exchange(ServerLine(websocket), REAL)
        if exchanges is not None:
            exchanges.append(exchange)
        await exchange.session.run()

    server: Server
    async with serve(talk, "127.0.0.1", 0, max_size=MAX_FRAME, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def real(main: Any) -> Any:
    """Run on a real loop; nothing that it started may be left."""

    async def watched() -> Any:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return clock.run(watched())


def virtual(main: Any) -> Any:
    """Run in virtual time; gets the clock, returns the result and the seconds that passed."""

    async def timed() -> Any:
        loop: Any = asyncio.get_running_loop()
        result = await main(loop.clock)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result, loop.time()

    return clock.run(timed(), virtual=True)


# --- real sockets ---------------------------------------------------------------------------------


def test_a_call_over_a_real_websocket():
    """Login, ready, call, answer, bye, close; the server sees all of it."""

    async def main() -> None:
        exchanges: list[Exchange] = []
        async with loopback(exchanges) as url:
            bot = Bot(await connect(url, clock=REAL), REAL)
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                group.create_task(bot.session.run())
                await bot.sees(ClientReady)
                bot.session.order(Invite("k-1", "1002", OFFER))
                await bot.sees(Answered)
                bot.session.order(Hangup("k-1"))
                await bot.session.close()
        assert isinstance(bot.events[0], Connected)
        assert isinstance(bot.events[-1], Disconnected)
        assert ByeReceived("k-1") in exchanges[0].events

    real(main())


def test_a_frame_of_some_megabytes_passes():
    """Debug reports are long; the limit is 4 MiB."""

    async def main() -> None:
        async with loopback() as url:
            line = await connect(url, clock=REAL)
            report = {"jsonrpc": "2.0", "id": "d", "type": "debug_report_data", "debug_report_data": "x" * 3_000_000}
            await line.send(json.dumps(report))
            assert json.loads(await line.receive())["id"] == "d"
            await line.close()

    real(main())


def test_nobody_there():
    """Refused: is the server running, and on this port?"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, nor will meanwhile
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NetworkFault, match="refused") as caught:
            real(connect(url, clock=REAL))
    assert "is the server running" in str(caught.value)


def test_refused_on_every_address_of_a_name():
    """asyncio joins the errors of several addresses into one without a type."""
    error = OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] Connect call failed")
    assert "refused" in str(_unreachable("ws://localhost:1", "localhost:1", error))
    assert "network is unreachable" in str(_unreachable("ws://h", "h", OSError("network is unreachable")))


def test_a_name_that_is_none():
    """The hint speaks of DNS."""
    with pytest.raises(NetworkFault, match="not known") as caught:
        real(connect("ws://no-such-host.invalid", clock=REAL))
    assert "DNS" in str(caught.value)


def test_plain_text_where_tls_was_wanted():
    """wss:// to a ws:// port."""

    async def main() -> None:
        async with loopback() as url:
            with pytest.raises(NetworkFault, match="TLS"):
                await connect(url.replace("ws://", "wss://"), clock=REAL)

    real(main())


@pytest.mark.parametrize(("status", "hint"), [(404, "not at this path"), (503, "ill"), (200, "signalling address")])
def test_a_status_other_than_101(status, hint):
    """It is named, with a hint."""

    async def main() -> None:
        def reject(connection: ServerConnection, request: Any) -> Any:
            return connection.respond(http.HTTPStatus(status), "no\n")

        async with loopback(process_request=reject) as url:
            with pytest.raises(NetworkFault, match=f"HTTP {status}") as caught:
                await connect(url, clock=REAL)
            assert hint in str(caught.value)

    real(main())


def test_something_else_than_a_websocket():
    """A server that answers in another tongue."""

    async def main() -> None:
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail ready\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(NetworkFault, match="WebSocket"):
                await connect(f"ws://127.0.0.1:{port}", clock=REAL)

    real(main())


def test_a_server_that_says_nothing():
    """The phase is called connect."""

    async def main() -> None:
        hung_up = asyncio.Event()

        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            hung_up.set()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(TimeoutFault) as caught:
                await connect(f"ws://127.0.0.1:{port}", clock=REAL, within=0.1)
            assert caught.value.phase == "connect"
            await hung_up.wait()
            await asyncio.sleep(0)

    real(main())


def test_an_address_that_is_none():
    """The operator's mistake."""
    with pytest.raises(ConfigError, match="ws://"):
        real(connect("http://127.0.0.1", clock=REAL))


# --- lines in memory -------------------------------------------------------------------------------


def test_ten_minutes_of_keepalive_in_no_time():
    """In virtual time; both ends ping, nobody gives up."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time, forth=lambda text: 0.05, back=lambda text: 0.05)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            await time.sleep(600)
            assert not any(isinstance(event, Disconnected) for event in bot.events + exchange.events)
            await bot.session.close()
        assert isinstance(exchange.events[-1], Disconnected)

    _, seconds = virtual(main)
    assert seconds >= 600


def test_a_dead_line_is_given_up_by_both_ends():
    """Frames vanish without a word: the client after 25 s, the server after some 45."""

    async def main(time: clock.Clock) -> tuple[Any, ...]:
        dead = False

        def hook(text: str) -> float | None:
            return None if dead else 0.0

        one, other = memory_lines(time, forth=hook, back=hook)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            ours = group.create_task(bot.session.run())
            theirs = group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            dead = True
            reason = await ours
            died = time.now()
            await theirs
        return reason, died

    (reason, died), _ = virtual(main)
    assert "does not answer pings" in reason
    assert 20 <= died <= 36


def test_events_come_in_order_though_handlers_give_orders():
    """An order given from a handler is obeyed at once; its events wait for their turn."""

    async def main(time: clock.Clock) -> list[Event]:
        one, other = memory_lines(time)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            exchange.session.order(SendInvite("k-2", OFFER))
            await bot.sees(Answered)
            await bot.session.close()
        return bot.events

    events, _ = virtual(main)
    assert [type(e).__name__ for e in events] == [
        "Connected",
        "LoggedIn",
        "ClientReady",
        "Incoming",
        "Answered",
        "Disconnected",
        "Dropped",
    ]


def test_an_order_out_of_place_is_the_callers_to_hear():
    """It raises where it is given, and the session goes on."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(Connected)
            with pytest.raises(LocalProtocolError):
                bot.session.order(Invite("k-1", "1", OFFER))
            await bot.sees(ClientReady)
            await bot.session.close()

    virtual(main)


def test_a_cancelled_session_still_sends_what_is_queued():
    """Ctrl-C: the byes leave before the line is closed."""

    async def main(time: clock.Clock) -> list[Event]:
        one, other = memory_lines(time)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            bot.session.order(Invite("k-1", "1", OFFER))
            await bot.sees(Answered)
            bot.session.order(Hangup("k-1"))
            running.cancel()
        assert isinstance(bot.events[-1], Disconnected)
        return exchange.events

    events, _ = virtual(main)
    assert ByeReceived("k-1") in events


def test_a_line_lost_under_a_call():
    """run() returns the reason; the call is dropped, and orders for it are still obeyed."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            bot.session.order(Invite("k-1", "1", OFFER))
            await bot.sees(Answered)
            one.cut()
            assert "1006" in await running
        assert isinstance(bot.events[-1], Dropped)
        bot.session.order(Hangup("k-1"))
        assert isinstance(bot.events[-1], Ended)
        await bot.session.close()  # nothing is left to close

    virtual(main)


def test_the_client_takes_a_call_up_again_over_a_new_session():
    """One protocol, two sessions, one after the other."""

    async def main(time: clock.Clock) -> None:
        bot = Bot(None, time)
        for _ in range(2):
            one, other = memory_lines(time)
            bot.session = Session(one, bot.session.protocol, clock=time, handler=bot.handle)
            exchange = Exchange(other, time)
            bot.events.clear()
            async with asyncio.TaskGroup() as group:
                group.create_task(bot.session.run())
                group.create_task(exchange.session.run())
                await bot.sees(ClientReady)
                await bot.session.close()

    virtual(main)


def test_a_session_is_run_once():
    """A new line has a new session."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time)
        bot = Bot(one, time)
        await other.close()
        await bot.session.run()
        with pytest.raises(RuntimeError):
            await bot.session.run()

    virtual(main)


def test_the_log_of_the_wire_has_no_secrets(caplog):
    """At DEBUG, `<` in and `>` out."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time)
        bot, exchange = Bot(one, time), Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.session.run())
            group.create_task(exchange.session.run())
            await bot.sees(ClientReady)
            await bot.session.close()

    with caplog.at_level(logging.DEBUG, "botkit.signalling"):
        virtual(main)
    assert '> {"jsonrpc":"2.0"' in caplog.text
    assert "secret" not in caplog.text


def test_a_handler_that_fails_ends_the_session_and_not_in_silence():
    """Its error comes out of run, in a group; the line is closed all the same."""

    async def main(time: clock.Clock) -> None:
        one, other = memory_lines(time)

        def handle(event: Event) -> None:
            if isinstance(event, ClientReady):
                raise ValueError("a mistake of the handler")

        session = Session(one, ClientProtocol(TELNYX), clock=time, handler=handle)
        exchange = Exchange(other, time)
        async with asyncio.TaskGroup() as group:
            running = asyncio.create_task(session.run())
            group.create_task(exchange.session.run())
            await asyncio.sleep(0)
            session.order(Login(ALICE))
            with pytest.raises(ExceptionGroup) as caught:
                await running
        assert caught.value.subgroup(ValueError)
        assert isinstance(exchange.events[-1], Disconnected)

    virtual(main)


def test_end_that_cannot_be_told() -> None:
    """A line that takes nothing more ends all the same, when asked to and when too much waits for it."""

    class Stuck:
        closed = False

        async def send(self, text: str) -> None:
            await asyncio.Event().wait()

        async def receive(self) -> str:
            await asyncio.Event().wait()
            raise AssertionError

        async def close(self, code: int = 1000, reason: str = "") -> None:
            self.closed = True

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        for flood in (False, True):
            session = Session(Stuck(), ServerProtocol(TELNYX, "VSDK1demo"), clock=loop.clock, handler=lambda _: None)
            running = asyncio.ensure_future(session.run())
            await asyncio.sleep(1)
            if flood:
                session._queue(["x"] * (OUTBOX_FRAMES + 1))
            else:
                session._queue(["x"])
                session.end("enough")
            async with asyncio.timeout(5):
                reason = await running
            assert reason == ("the other end does not read what it is sent" if flood else "enough")

    clock.run(main(), virtual=True)
