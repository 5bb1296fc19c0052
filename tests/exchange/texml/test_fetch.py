"""Requests for documents, over real sockets: limits, failures, methods."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from botkit.clock import MonotonicClock
from botkit.exchange.texml.errors import FetchFailed, TexmlError
from botkit.exchange.texml.fetch import Fetcher, Source, absolute
from botkit.testing import ManualClock


class Server:
    """A web server that says what it is told to, byte for byte."""

    def __init__(self) -> None:
        self.reply = b""
        self.hangs = False
        self.heads: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if self.hangs:
                await reader.read()
            writer.write(self.reply)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[Server, httpx.AsyncClient, str]]:
    one = Server()
    listening = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, httpx.AsyncClient() as http:
        yield one, http, f"http://127.0.0.1:{port}"


def http_reply(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def outcome(reply: bytes, method: str = "POST") -> tuple[str, bytes]:
    """What becomes of a request, in words, and its head."""
    async with server() as (one, http, url):
        one.reply = reply
        fetcher = Fetcher(http, MonotonicClock())
        try:
            loaded = await fetcher.load(Source(f"{url}/doc?a=b", "GET" if method == "GET" else "POST"), {"To": "+1 2"})
        except (FetchFailed, TexmlError) as error:
            return str(error).replace(url, ""), one.heads[0]
        return f"{len(loaded.document.verbs)} verbs", one.heads[0]


def test_a_document() -> None:
    """A POST carries a form, and gives the document."""
    said, head = asyncio.run(outcome(http_reply(b"<Response><Hangup/></Response>")))
    assert said == "1 verbs"
    assert head.startswith(b"POST /doc?a=b HTTP/1.1")
    assert b"application/x-www-form-urlencoded" in head
    assert b"accept-encoding: identity" in head.lower()


def test_a_get() -> None:
    """A GET carries the fields in its query, behind what stands there."""
    _, head = asyncio.run(outcome(http_reply(b"<Response/>"), "GET"))
    assert head.startswith(b"GET /doc?a=b&To=%2B1+2 HTTP/1.1")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (http_reply(b"", "500 Oops"), "status 500"),
        (http_reply(b"<Response/>", "302 Found", "Location: /other"), "status 302"),
        (http_reply(b"<Response/>", "204 No Content"), "status 204"),
        (http_reply(b"x" * 70_000), "more than 65536 bytes"),
        (http_reply(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), "encoded as gzip"),
        (b"nonsense\r\n\r\n", "POST /doc?a=b: "),
        (b"", "POST /doc?a=b: "),
        (http_reply(b"<Response>")[:-3], "POST /doc?a=b: "),
    ],
    ids=["status", "redirect", "no content", "size", "compressed", "no HTTP", "nothing", "cut off"],
)
def test_failures(reply: bytes, said: str) -> None:
    """Whatever else the server says is a failed fetch, in words."""
    assert said in asyncio.run(outcome(reply))[0]


def test_nobody_listens() -> None:
    """An address where nobody listens is a failed fetch."""

    async def scene() -> None:
        async with server() as (_, _, url):
            pass
        async with httpx.AsyncClient() as http:
            with pytest.raises(FetchFailed, match="POST"):
                await Fetcher(http, MonotonicClock()).load(Source(url), {})

    asyncio.run(scene())


def test_a_server_that_hangs() -> None:
    """A server that says nothing is given up after its time."""

    async def scene() -> None:
        async with server() as (one, http, url):
            one.hangs = True
            clock = ManualClock()
            fetch = asyncio.ensure_future(Fetcher(http, clock).load(Source(url), {}))
            while not one.heads:  # noqa: ASYNC110 - the server's own doing
                await asyncio.sleep(0.01)
            await clock.advance(14.9)
            assert not fetch.done()
            await clock.advance(0.2)
            with pytest.raises(FetchFailed, match="no reply within 15 s"):
                await fetch

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("base", "reference", "url"),
    [
        ("http://a.test/x/voice?y=1", "/next", "http://a.test/next"),
        ("http://a.test/x/voice?y=1", "next?z=2", "http://a.test/x/next?z=2"),
        ("http://a.test/x/voice", "../up", "http://a.test/up"),
        ("http://a.test/x", "https://b.test:8443/y", "https://b.test:8443/y"),
        ("http://a.test/x", "//b.test/y", "http://b.test/y"),
        ("http://a.test/x?y=1", "?z=2", "http://a.test/x?z=2"),
        ("", "http://b.test/y", "http://b.test/y"),
    ],
)
def test_addresses(base: str, reference: str, url: str) -> None:
    """A URL in a document is relative to the document's own."""
    assert absolute(base, reference) == url


@pytest.mark.parametrize(
    ("base", "reference"),
    [
        ("", "/next"),
        ("http://a.test", "ftp://a.test/x"),
        ("http://a.test", "file:///etc/passwd"),
        ("http://a.test", "http://a.test:port/"),
        ("http://a.test", "http://[::1/"),
        ("http://a.test", "javascript:alert(1)"),
    ],
)
def test_no_addresses(base: str, reference: str) -> None:
    """What is no HTTP URL is a mistake of the document."""
    with pytest.raises(TexmlError, match="is no http or https URL"):
        absolute(base, reference)
