"""The way to a server: names, closed ports, certificates, and servers that say nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.runner.doctor.findings import Diagnosis, State
from botkit.settings import Account
from tests.runner.doctor.kit import PATIENT, account, certificate, examined, fault_of, finding, silent, tcp_server


def diagnosed(one: Account) -> Diagnosis:
    return clock.run(examined(one))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, nor will meanwhile: it is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def test_a_name_that_nobody_has() -> None:
    """The fault is the name's, with the name in it; nothing later is tried."""
    text, hint = fault_of(diagnosed(account("wss://nobody.invalid")), "name")
    assert "nobody.invalid" in text
    assert "server" in hint or "network" in hint


@pytest.mark.parametrize("server", ["wss://:443", "ws://lab:99999"])
def test_what_is_no_address(server: str) -> None:
    """A server without a host, or with an impossible port, is a fault in words."""
    text, _ = fault_of(diagnosed(account(server)), "name")
    assert server in text


@pytest.mark.parametrize(("scheme", "step"), [("ws", "websocket"), ("wss", "tls")])
def test_a_closed_port(scheme: str, step: str, closed_port: int) -> None:
    """Nobody listens: the first step that connects says so."""
    text, hint = fault_of(diagnosed(account(f"{scheme}://127.0.0.1:{closed_port}")), step)
    assert "refused the connection" in text
    assert "running" in hint


@pytest.mark.parametrize(("scheme", "step"), [("ws", "websocket"), ("wss", "tls")])
def test_a_server_that_says_nothing(scheme: str, step: str) -> None:
    """It takes the connection and is silent: the wait has an end, and the words tell it from a closed port."""

    async def scene() -> Diagnosis:
        async with tcp_server(silent) as port:
            return await examined(account(f"{scheme}://127.0.0.1:{port}"), patience=replace(PATIENT, connect=0.5))

    text, hint = fault_of(clock.run(scene()), step)
    assert "within 0.5 s" in text
    assert ("takes connections" in text) == (scheme == "wss")
    assert hint


def test_a_server_without_tls() -> None:
    """wss:// to a port that speaks in the clear is said to be that."""

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scene() -> Diagnosis:
        async with tcp_server(rude) as port:
            return await examined(account(f"wss://127.0.0.1:{port}"))

    text, hint = fault_of(clock.run(scene()), "tls")
    assert "no TLS" in text
    assert "plain ws://" in hint


def with_certificate(made: tuple[Path, Path], host: str = "localhost") -> Diagnosis:
    """The diagnosis of a TLS server that has this certificate and answers HTTP 404 to everybody."""

    async def not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async def scene() -> Diagnosis:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made[0])
        async with tcp_server(not_found, ssl=context) as port:
            return await examined(account(f"wss://{host}:{port}"))

    return clock.run(scene())


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Path, Path]]:
    """Make a certificate whose authority this process trusts."""

    def make(**options: Any) -> tuple[Path, Path]:
        made = certificate(tmp_path, **options)
        monkeypatch.setenv("SSL_CERT_FILE", str(made[1]))
        return made

    return make


def test_a_certificate_that_is_well(trusted: Callable[..., tuple[Path, Path]]) -> None:
    """Whose it is, who signed it and until when; then the WebSocket's own fault is told with the HTTP status."""
    diagnosis = with_certificate(trusted(days=90))
    tls = finding(diagnosis, "tls")
    assert tls.state is State.OK
    assert "localhost by Lab Authority, valid until 20" in tls.text
    assert tls.facts["issuer"] == "Lab Authority"
    assert tls.facts["version"].startswith("TLS")
    text, hint = fault_of(diagnosis, "websocket")
    assert "HTTP 404" in text
    assert "path" in hint


def test_a_certificate_that_ends_soon(trusted: Callable[..., tuple[Path, Path]]) -> None:
    """Three days before its end it is a warning, and the later steps are tried."""
    tls = finding(with_certificate(trusted(days=3.5)), "tls")
    assert tls.state is State.WARNING
    assert "in 3 days" in tls.text


def test_an_expired_certificate(trusted: Callable[..., tuple[Path, Path]]) -> None:
    """The day on which it ended is told, and that the clock may be wrong."""
    text, hint = fault_of(with_certificate(trusted(days=-2)), "tls")
    assert "expired on 20" in text
    assert "clock" in hint


def test_a_certificate_that_is_not_valid_yet(trusted: Callable[..., tuple[Path, Path]]) -> None:
    """So is the day on which it begins."""
    text, hint = fault_of(with_certificate(trusted(days=90, since=5)), "tls")
    assert "valid from 20" in text
    assert "clock" in hint


def test_a_self_signed_certificate(tmp_path: Path) -> None:
    """It is said to be that, with the way to trust one's own."""
    text, hint = fault_of(with_certificate(certificate(tmp_path, own=True)), "tls")
    assert "localhost by localhost" in text
    assert "signed by itself" in text
    assert "SSL_CERT_FILE" in hint


def test_an_unknown_authority(tmp_path: Path) -> None:
    """Its name is told."""
    text, hint = fault_of(with_certificate(certificate(tmp_path)), "tls")
    assert "Lab Authority" in text
    assert "does not know" in text
    assert "SSL_CERT_FILE" in hint


def test_a_certificate_for_another_name(trusted: Callable[..., tuple[Path, Path]]) -> None:
    """The name that it is for is told."""
    text, hint = fault_of(with_certificate(trusted(name="other.example")), "tls")
    assert "other.example" in text
    assert "localhost" in hint
