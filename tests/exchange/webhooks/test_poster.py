"""Requests on a real wire: what a receiver gets byte by byte, and what it may do to us."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from botkit.exchange.webhooks.payload import leg_event
from botkit.exchange.webhooks.poster import with_query
from botkit.exchange.webhooks.targets import Overrides
from tests.exchange.kit import soon
from tests.exchange.webhooks import sdk
from tests.exchange.webhooks.kit import App, Told, listening, over_network, read_request, run, site

ONCE = Overrides().updated({"webhook_retries_policies": {"call.answered": {"retries_ms": []}}})


def test_request_as_it_is() -> None:
    """A POST of JSON with the platform's headers, which the SDK verifies over the very bytes."""

    async def main() -> None:
        from telnyx.lib import verify_webhook_signature

        async with site() as bot, over_network(App(bot.url)) as webhooks:
            webhooks.tell(Told(name="Zoë ☎"), "call.initiated", {"state": "parked"})
            await webhooks.settled()
            (request,) = bot.seen
            assert (request.method, request.path) == ("POST", "/hook")
            assert request.headers["content-type"] == "application/json"
            assert request.headers["user-agent"] == "telnyx-webhooks"
            assert "Zoë ☎".encode() in request.body
            verify_webhook_signature(request.body, request.headers, webhooks.public_key)
            event = sdk.client().webhooks.unsafe_unwrap(request.body.decode())
            assert type(event).__name__ == "CallInitiatedWebhookEvent"
            assert event.data.payload.state == "parked"
            assert request.event["meta"] == {"attempt": 1, "delivered_to": bot.url}

    run(main())


def test_each_retry_is_signed_anew() -> None:
    """A second try has its own signature, since its body says which try it is."""

    async def main() -> None:
        from telnyx.lib import verify_webhook_signature

        said = Overrides().updated({"webhook_retries_policies": {"call.answered": {"retries_ms": [10]}}})
        no = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        async with site(answer=no) as bot, over_network(App(bot.url)) as webhooks:
            webhooks.tell(Told(overrides=said), "call.answered", {})
            await webhooks.settled()
            one, two = bot.seen
            assert one.headers["telnyx-signature-ed25519"] != two.headers["telnyx-signature-ed25519"]
            for request in bot.seen:
                verify_webhook_signature(request.body, request.headers, webhooks.public_key)
            assert one.event["data"] == two.event["data"]

    run(main())


def test_redirects_are_not_followed() -> None:
    """A receiver that sends us elsewhere has not taken the event, and elsewhere hears nothing."""

    async def main() -> None:
        async with site() as elsewhere:
            answer = f"HTTP/1.1 307 There\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
            async with site(answer=answer) as bot, over_network(App(bot.url)) as webhooks:
                webhooks.tell(Told(), "call.answered", {})
                await webhooks.settled()
                assert len(bot.seen) == 1
                assert [delivery.status for delivery in webhooks.deliveries] == ["failed"]
            assert not elsewhere.seen

    run(main())


def test_failover_where_nobody_listens() -> None:
    """A refused connection leads to the failover URL at once."""

    async def main() -> None:
        async with site() as gone:
            pass
        async with site() as spare, over_network(App(gone.url, spare.url)) as webhooks:
            webhooks.tell(Told(), "call.answered", {})
            await webhooks.settled()
            assert len(spare.seen) == 1
            (delivery,) = webhooks.deliveries
            assert delivery.attempts[0].error.startswith("ConnectError")
            assert delivery.attempts[1].status == 200

    run(main())


@pytest.mark.parametrize("answer", [b"220 mail.example ready\r\n\r\n", b"HTTP/1.1 200"])
def test_answers_that_are_none(answer: bytes) -> None:
    """What is not HTTP, or ends in the middle of its head, is a failure like a lost connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def main() -> None:
        async with listening(handle) as port, over_network(App(f"http://127.0.0.1:{port}/")) as webhooks:
            webhooks.tell(Told(overrides=ONCE), "call.answered", {})
            await webhooks.settled()
            (delivery,) = webhooks.deliveries
            assert delivery.attempts[0].status is None
            assert delivery.attempts[0].error.startswith(("RemoteProtocolError", "ReadError"))

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nsome",
    ],
)
def test_body_that_does_not_end(answer: bytes) -> None:
    """The status is all that counts: the next event does not wait for a body, and closing leaves nothing of it."""

    async def main() -> None:
        async with site(answer=answer, hang=True) as bot, over_network(App(bot.url, None, 30)) as webhooks:
            for _ in range(3):
                webhooks.tell(Told(), "call.answered", {})
            async with asyncio.timeout(20):  # less than one body would be waited for
                await webhooks.settled()
            assert [delivery.status for delivery in webhooks.deliveries] == ["delivered"] * 3

    run(main())


def test_connections_serve_again() -> None:
    """A receiver that answers in order is not connected to for each event."""

    async def main() -> None:
        async with site() as bot, over_network(App(bot.url)) as webhooks:
            for _ in range(5):
                webhooks.tell(Told(), "call.answered", {})
                await webhooks.settled()
                await asyncio.sleep(0.05)
            assert len(bot.seen) == 5
            assert bot.connections < 5

    run(main())


def test_long_answers_are_cut() -> None:
    """No more than 64 kB of an answer are read: its connection is given up, and the event counts as taken."""

    async def main() -> None:
        sent = 0

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await read_request(reader)
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
                    sent += 65_536
            writer.close()
            cut.set()

        cut = asyncio.Event()
        async with (
            listening(handle) as port,
            over_network(App(f"http://127.0.0.1:{port}/", webhook_timeout_secs=30)) as webhooks,
        ):
            webhooks.tell(Told(), "call.answered", {})
            async with asyncio.timeout(20):
                await cut.wait()
            assert [delivery.status for delivery in webhooks.deliveries] == ["delivered"]
            assert sent < 20_000_000, "what fits into the buffers of the way, and no more"

    run(main())


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks go straight to their receiver, whatever proxy the environment names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def main() -> None:
        async with site() as bot, over_network(App(bot.url)) as webhooks:
            webhooks.tell(Told(), "call.answered", {})
            await webhooks.settled()
            assert len(bot.seen) == 1

    run(main())


def test_many_slow_receivers_at_once() -> None:
    """150 receivers that do not answer hold up no leg with a good one: connections are not rationed."""

    async def main() -> None:
        async with site(answer=b"", hang=True) as slow, site() as bot, over_network(App(bot.url)) as webhooks:
            for number in range(150):
                webhooks.tell(Told(control_id=f"v3:{number}", overrides=Overrides(url=slow.url)), "call.answered", {})
            webhooks.tell(Told(), "call.answered", {})
            await soon(lambda: bool(bot.seen))
            taken = [delivery for delivery in webhooks.deliveries if delivery.status == "delivered"]
            await webhooks.close(grace=0.0)
            assert len(taken) <= 1

    run(main())


# --- a bot as people write it -------------------------------------------------------------------------


@contextlib.contextmanager
def bot_of_the_manual(public_key: str, seen: list[Any]) -> Iterator[str]:
    """The standard library's server, with the SDK's check, as the platform's guides show it."""
    from telnyx.lib import verify_webhook_signature

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            verify_webhook_signature(raw, dict(self.headers), public_key)
            self.send_response(200)
            self.end_headers()
            event = json.loads(raw)["data"]
            seen.append((event["event_type"], event["payload"]["call_control_id"]))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhooks"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_bot_of_the_manual() -> None:
    """A server of the standard library that answers without a length gets all events, in order, verified."""

    async def main() -> None:
        seen: list[Any] = []
        owner = App()
        async with over_network(owner) as webhooks:
            with bot_of_the_manual(webhooks.public_key, seen) as url:
                owner.webhook_event_url = url
                types = ["call.initiated", "call.answered", "call.bridged", "call.hangup"]
                for event_type in types:
                    webhooks.tell(Told(), event_type, {})
                await webhooks.settled()
                await webhooks.close()
            assert seen == [(event_type, "v3:Zk3bq0b1Wm8") for event_type in types]

    run(main())


def test_query_keeps_what_was_there() -> None:
    """Names that occur in the URL and in the event stand there twice."""
    event = leg_event(Told(), "call.dtmf.received", {"digit": "#"}, 0.0)
    url = with_query("http://bot/?digit=x", event.envelope(attempt=1, delivered_to="x"))
    assert url.params.get_list("digit") == ["x", "#"]
    assert url.params["occurred_at"] == "1970-01-01T00:00:00.000000Z"
