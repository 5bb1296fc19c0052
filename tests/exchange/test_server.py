"""The exchange's one port: WebSocket and HTTP, as a client of another make finds them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import weakref

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from botkit import clock
from botkit.errors import NetworkFault
from botkit.exchange.exchange import run_exchange
from botkit.signalling import connection
from tests.exchange.kit import PATIENCE, Office, closed, play, soon, until


def test_loopback_and_free_port() -> None:
    """It binds 127.0.0.1 and a free port unless told otherwise, and says where it is."""

    async def scene(office: Office) -> None:
        exchange = office.exchange
        assert exchange.host == "127.0.0.1"
        assert exchange.url == f"ws://127.0.0.1:{exchange.port}"
        assert exchange.account("alice").server == exchange.url
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.2", exchange.port))

    play(scene, over_network=True)


def test_ipv6_address() -> None:
    """An IPv6 address stands in brackets in the URL."""

    async def whole() -> None:
        async with run_exchange(host="::1") as exchange, connect(exchange.url):
            assert exchange.url == f"ws://[::1]:{exchange.port}"

    clock.run(whole())


@pytest.mark.parametrize("listening", [True, False])
def test_port_taken(listening: bool) -> None:
    """A port that another program has, or is about to have, is a network fault with a hint."""

    async def whole() -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            if listening:
                other.listen()
                with pytest.raises(NetworkFault, match=f"127.0.0.1:{port}") as caught:
                    async with run_exchange(port=port):
                        pass
                assert "--port" in (caught.value.hint or "")
            else:
                async with run_exchange(port=port) as exchange:
                    assert exchange.port == port

    clock.run(whole())


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_address_of_another_machine(host: str) -> None:
    """An address that is not this machine's is a network fault, and the hint is not about the port."""

    async def whole() -> None:
        with pytest.raises(NetworkFault, match="cannot listen") as caught:
            async with run_exchange(host=host):
                pass
        assert "port" not in (caught.value.hint or "")
        assert "address" in (caught.value.hint or "")

    clock.run(whole())


def test_port_is_free_again() -> None:
    """When the scope ends the port is given back at once."""

    async def whole() -> None:
        async with run_exchange() as exchange:
            port = exchange.port
        async with run_exchange(port=port) as again:
            assert again.port == port

    clock.run(whole())


def test_any_query_any_origin_no_subprotocol() -> None:
    """1.1, 1.2: `/` with any query and Origin is a WebSocket; another path is none."""

    async def scene(office: Office) -> None:
        url = office.exchange.url
        async with connect(f"{url}/?voice_sdk_id=x&canary=true&new=1", origin="https://example.com") as socket_:  # type: ignore[arg-type]
            assert socket_.subprotocol is None
            await socket_.ping()
        with pytest.raises(InvalidStatus):
            await connect(f"{url}/other")

    play(scene, over_network=True)


def test_large_frames() -> None:
    """1.3: frames of 4 MiB are read; a larger one costs its sender the line, and nobody else."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob")
        report = {"jsonrpc": "2.0", "id": "d-1", "type": "debug_report_data", "data": "x" * (4 * 1024 * 1024 - 200)}
        await alice.write(json.dumps(report))
        assert "result" in await alice.reply_to("d-1")
        with contextlib.suppress(ConnectionClosed):  # it is told before it has sent all of it
            await alice.write(json.dumps({**report, "data": "x" * (5 * 1024 * 1024)}))
        assert await closed(alice) == 1009
        assert "result" in await bob.ask("telnyx_rtc.ping")

    play(scene, over_network=True)


def test_binary_frames() -> None:
    """A binary frame is nothing that we read; the line goes on."""

    async def scene(office: Office) -> None:
        async with connect(office.exchange.url) as socket_:
            await socket_.send(b"\x00\xff")
            await socket_.send(json.dumps({"jsonrpc": "2.0", "id": "1", "method": "telnyx_rtc.ping", "params": {}}))
            reply = json.loads(await socket_.recv())
            assert (reply["id"], reply["error"]["code"]) == ("1", -32000)

    play(scene, over_network=True)


def test_socket_cut_without_a_close() -> None:
    """A client whose TCP connection breaks off is gone like any other."""

    async def scene(office: Office) -> None:
        account = office.exchange.account("alice")
        reader, writer = await asyncio.open_connection("127.0.0.1", office.exchange.port)
        writer.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{office.exchange.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"101" in await reader.readline()
        await soon(lambda: len(office.exchange.lines) == 1)
        assert account.login == "alice"
        writer.transport.abort()
        await soon(lambda: not office.exchange.lines)

    play(scene, over_network=True)


def test_closing_says_goodbye() -> None:
    """Closing the exchange ends every call with a bye, then every line with a close."""

    async def whole() -> None:
        async with run_exchange() as exchange:
            office = Office(exchange, exchange.plane)
            alice, bob = await office.joined()
            carol, dave = await office.phone("carol"), await office.phone("dave", "300")
            await carol.dial("300")
            await dave.rings()
            await carol.hears("media")
        for phone, cause in ((alice, "SYSTEM_SHUTDOWN"), (bob, "SYSTEM_SHUTDOWN"), (carol, "SYSTEM_SHUTDOWN")):
            assert (await phone.hears("bye"))["cause"] == cause
        assert (await dave.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        for phone in (alice, bob, carol, dave):
            assert await closed(phone) in (1000, 1001, 1012)
            await phone.close()
        assert not exchange.lines
        assert len(asyncio.all_tasks()) == 1

    clock.run(whole())


def test_closing_with_a_deaf_client() -> None:
    """A client that reads nothing does not keep the exchange from closing."""

    async def whole() -> None:
        async with run_exchange() as exchange:
            _, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
            writer.write(
                f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{exchange.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            await soon(lambda: len(exchange.lines) == 1)
        assert not exchange.lines
        assert len(asyncio.all_tasks()) == 1
        writer.close()

    clock.run(whole())


def test_no_line_while_closing() -> None:
    """Who comes while it closes is turned away, and leaves nothing behind."""

    async def whole() -> None:
        async with run_exchange() as exchange:
            url = exchange.url
        with pytest.raises((OSError, ConnectionClosed)):
            await connect(url)

    clock.run(whole())


def test_who_reads_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends and never reads is closed when too much waits for it; its socket goes, too."""
    monkeypatch.setattr(connection, "CLOSING", 0.2)

    async def scene(office: Office) -> None:
        account = office.exchange.account("mallory")
        async with asyncio.timeout(20), connect(office.exchange.url, compression=None) as mallory:
            params = {"login": account.login, "passwd": account.password}
            await mallory.send(json.dumps({"jsonrpc": "2.0", "id": "1", "method": "login", "params": params}))
            await mallory.recv()
            (line,) = office.exchange.lines
            mallory.transport.pause_reading()
            ping = json.dumps({"jsonrpc": "2.0", "id": "x" * 200_000, "method": "telnyx_rtc.ping", "params": {}})
            with contextlib.suppress(ConnectionClosed):
                while line in office.exchange.lines:
                    await mallory.send(ping)
                    await asyncio.sleep(0)
            await until(lambda: not office.exchange.lines)
            assert not line._session._outbox
            mallory.transport.abort()

    play(scene, over_network=True)


def test_closed_exchange_is_forgotten() -> None:
    """Nothing holds an exchange that is closed, whatever its web application was asked before."""
    gone: list[weakref.ref[object]] = []

    async def whole() -> None:
        async with run_exchange() as exchange, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            key = {"Authorization": f"Bearer {exchange.api_key}"}
            await http.get(f"{exchange.rest}/openapi.json")
            await http.post(f"{exchange.rest}/calls/nobody/actions/hangup", json={}, headers=key)
            gone.append(weakref.ref(exchange))

    clock.run(whole())
    gc.collect()
    assert gone[0]() is None
