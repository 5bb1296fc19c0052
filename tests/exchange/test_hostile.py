"""Hostile input, over real sockets, while a call between two others goes on and is heard.

Each ends in the documented error or in a closed socket; the exchange serves on, the event loop was told of no
trouble (the office looks), and memory stays flat. The long ones are marked slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import av
import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from botkit.exchange.activities.sounds import ByContent, SoundFailed
from botkit.exchange.applications import TexmlApplication
from botkit.exchange.line import BAD_PASSWORD
from botkit.exchange.texml import fetch
from botkit.media.prompt import Prompt
from botkit.media.source import ToneSource
from botkit.signalling.messages import BadFrame, parse
from tests.exchange import hostile
from tests.exchange.kit import PATIENCE, Office, Phone, play, soon
from tests.exchange.meeting import Meeting
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.webhooks.kit import listening

SLOW = (pytest.mark.slow, pytest.mark.timeout(1800))
GROWTH = 24_000_000
"""Bytes that the process may grow by, whatever is thrown at it: buffers and allocators have their play."""


# --- the call that goes on ------------------------------------------------------------------------------


def loudest(phone: Phone) -> float:
    """The strongest frequency of what was heard lately."""
    pcm = phone.sound()[-4000:].astype(float)
    assert pcm.size == 4000
    return float(np.argmax(np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))) * 8000 / pcm.size)


@contextlib.asynccontextmanager
async def a_call_that_goes_on(office: Office) -> AsyncIterator[None]:
    """Alice and Bob say tones to each other all the while; afterwards each is still heard by the other."""
    alice, bob = await office.joined()
    for phone in (alice, bob):
        phone.answers_pings = True
    reading = [asyncio.ensure_future(phone._wanted(lambda _: False, 3600)) for phone in (alice, bob)]
    yield
    assert not any(one.done() for one in reading), "a party of the call was told something"
    for one in reading:
        one.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    alice.heard.clear()
    bob.heard.clear()
    alice.utter(ToneSource((600.0,), 60.0))
    bob.utter(ToneSource((1000.0,), 60.0))
    await soon(lambda: min(len(alice.heard), len(bob.heard)) >= 60)
    assert abs(loudest(bob) - 600) < 10
    assert abs(loudest(alice) - 1000) < 10
    assert "bye" not in alice.order + bob.order


class Faults(logging.Handler):
    """What was logged as an error, by whomever: the web server catches what a line or a request raised."""

    NAMES = ("uvicorn.error", "asyncio", "botkit")

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or not record.name.startswith("botkit"):  # ours may say that something of another failed
            self.said.append(self.format(record))

    def __enter__(self) -> Faults:
        for name in self.NAMES:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.NAMES:
            logging.getLogger(name).removeHandler(self)
        assert not self.said, f"{len(self.said)} faults were logged, the first: {self.said[0]}"


def besieged(attack: Callable[[Office], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Play an attack while the call goes on."""

    async def scene(office: Office) -> None:
        with Faults():
            async with a_call_that_goes_on(office):
                await attack(office)

    play(scene, over_network=True, **options)


@contextlib.asynccontextmanager
async def flat() -> AsyncIterator[None]:
    """The process has not grown afterwards."""
    gc.collect()
    before = hostile.resident()
    yield
    await asyncio.sleep(0.5)
    gc.collect()
    grown = hostile.resident() - before
    assert grown < GROWTH, f"grown by {grown / 1e6:.1f} MB"


# --- frames ---------------------------------------------------------------------------------------------


async def throw(office: Office, texts: Any, credentials: dict[str, Any] | None = None) -> int:
    """Send these, over a line that is opened anew when the exchange closes it; gives how many lines it took."""
    left, lines = iter(texts), 0
    while True:
        lines += 1
        async with connect(office.exchange.url, compression=None, close_timeout=1, ping_interval=None) as line:
            drain = asyncio.ensure_future(_drain(line))
            try:
                if credentials is not None:
                    login = {"jsonrpc": "2.0", "id": "login", "method": "login", "params": credentials}
                    await line.send(json.dumps(login))
                for index, text in enumerate(left):
                    await line.send(text)
                    if index % 50 == 49:
                        await asyncio.sleep(0.005)
                return lines
            except ConnectionClosed:
                continue
            finally:
                drain.cancel()
                await asyncio.gather(drain, return_exceptions=True)


async def _drain(line: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in line:
            pass


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=SLOW)])
@pytest.mark.parametrize("logged_in", [False, True], ids=["stranger", "user"])
def test_frames(count: int, logged_in: bool) -> None:
    """Frames of all kinds of wrong, from a stranger and from a user: each has its error, or costs the line."""

    async def attack(office: Office) -> None:
        account = office.exchange.account("mallory")
        credentials = {"login": account.login, "passwd": account.password} if logged_in else None
        await throw(office, hostile.frames(1, 500), credentials)
        async with flat():
            await throw(office, hostile.frames(2, count), credentials)
        await office.exchange.clock.sleep(0.5)

    besieged(attack)


def test_deep_frames_with_half_characters() -> None:
    """A frame as deep as JSON may be, with half a character in it, is a bad frame like any other."""
    for depth in (100, 300, 600, 900, 5000):
        deep = "[" * depth + "]" * depth
        text = f'{{"jsonrpc":"2.0","id":"1","method":"login","params":{{"x":"\\ud800","deep":{deep}}}}}'
        with contextlib.suppress(BadFrame):
            parse(text)


def test_oversized_frames() -> None:
    """A frame beyond the limit, whole or in pieces that never end, costs its sender the line."""

    async def attack(office: Office) -> None:
        async with flat():
            for _ in range(5):
                async with connect(office.exchange.url, compression=None, close_timeout=1) as line:
                    with contextlib.suppress(ConnectionClosed):
                        await line.send("x" * 1_000_000 for _ in range(20))
                    with pytest.raises(ConnectionClosed):
                        await line.recv()
                    assert line.close_code == 1009

    besieged(attack)


def test_compressed_bomb() -> None:
    """A frame that is small on the wire and huge when unpacked is cut off at the limit."""

    async def attack(office: Office) -> None:
        async with flat(), connect(office.exchange.url, compression="deflate", close_timeout=1) as line:
            with contextlib.suppress(ConnectionClosed):
                await line.send("0" * 50_000_000)
            with pytest.raises(ConnectionClosed):
                await line.recv()

    besieged(attack)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\x81\x05hello",
        b"\x81\x85\x00\x00\x00\x00\xff\xfe\xfd\xfc\xfb",
        b"\xff" * 64,
        b"\x8f\x80\x00\x00\x00\x00",
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    ],
    ids=["unmasked", "no UTF-8", "ones", "reserved opcode", "huge length"],
)
def test_broken_websocket(bytes_: bytes) -> None:
    """What is no frame of a WebSocket client costs its sender the connection."""

    async def attack(office: Office) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", office.exchange.port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes_)
        async with asyncio.timeout(20):
            said = await reader.read()  # a close frame, and the end
        assert said[:1] == b"\x88"
        writer.close()

    besieged(attack)


# --- logins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=SLOW)])
def test_wrong_logins(count: int) -> None:
    """1,000 wrong logins, on one line and on many: each is refused in the same words, nobody is locked out."""

    async def attack(office: Office) -> None:
        account = office.exchange.account("victim")
        wrong = [
            {"login": "victim", "passwd": "wrong"},
            {"login": "nobody", "passwd": "wrong"},
            {"login": "victim", "passwd": ""},
            {"login": "victim", "passwd": "x" * 10_000},
        ]
        async with flat():
            for _ in range(count // 200):
                phone = await office.line()
                for index in range(200):
                    reply = await phone.login(**wrong[index % 4])
                    assert reply["error"]["message"] in (BAD_PASSWORD, "Authentication Failure"), reply
                await phone.vanish()
                office.phones.remove(phone)
                phone.seen.clear()
        right = await office.line()
        await right.ready("victim", account.password or "")
        assert len(office.exchange.registrar) == 3

    besieged(attack)


def test_wrong_tokens() -> None:
    """Tokens that are none, and one that says that it needs no signature, are refused."""

    async def attack(office: Office) -> None:
        office.exchange.account("victim")
        phone = await office.line()
        none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ2aWN0aW0iLCJleHAiOjk5OTk5OTk5OTl9."
        for token in (none, "a.b.c", "....", "\ud800", "x" * 100_000, "{}", "e30.e30.e30"):
            reply = await phone.login(login_token=token)
            assert reply["error"]["code"] in (-32001, -32602), reply

    besieged(attack)


# --- descriptions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=SLOW)])
@pytest.mark.parametrize("side", ["caller", "called"])
def test_descriptions(count: int, side: str) -> None:
    """A spoilt offer or answer: the call comes up, or ends with INCOMPATIBLE_DESTINATION; never in any other way."""

    async def attack(office: Office) -> None:
        mallory, carol = await office.phone("mallory"), await office.phone("carol", "200")
        endpoint = office.plane.endpoint(codecs=("PCMU", "opus"))
        offer = await endpoint.offer()
        await endpoint.close()
        ends: set[str] = set()
        for index, sdp in enumerate(hostile.descriptions(3, offer, count)):
            if side == "caller":
                await mallory.reply_to(await mallory.dial("200", sdp=sdp, call_id=f"h-{index}"))
                ends.add(await _outcome(mallory))
            else:
                await mallory.dial("200", call_id=f"h-{index}")
                await carol.rings()
                reply = await carol.ask("telnyx_rtc.answer", sdp=sdp, **carol.about())
                if "error" in reply:
                    ends.add((await mallory.hears("bye"))["cause"])
                assert mallory.media is not None
                await mallory.media.close()
            await mallory.hang_up()
            mallory.seen.clear()
            mallory._unread.clear()
            carol._unread.clear()
            carol.seen.clear()
        assert "INCOMPATIBLE_DESTINATION" in ends
        assert ends <= {"INCOMPATIBLE_DESTINATION", "ringing"}, ends

    besieged(attack)


async def _outcome(phone: Phone) -> str:
    """The cause that a call was ended for, or `ringing` where it goes on."""
    found = await phone._wanted(lambda frame: frame.get("method") in ("telnyx_rtc.bye", "telnyx_rtc.ringing"))
    return str(found["params"].get("cause", "ringing"))


# --- datagrams ------------------------------------------------------------------------------------------


def media_ports(office: Office) -> set[tuple[str, int]]:
    """Where the legs of the exchange get their media."""
    found = set()
    for leg in office.exchange.switch.legs:
        for line in leg.endpoint.transport.local.candidates if leg.endpoint.described else ():
            words = str(line).split()
            found.add((words[4], int(words[5])))
    return found


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=SLOW)])
def test_datagrams(count: int) -> None:
    """Garbage at the media sockets, of calls that are up and of one that still rings: nothing of it is believed."""

    async def attack(office: Office) -> None:
        carol, dave = await office.phone("carol"), await office.phone("dave", "300")
        await carol.dial("300")
        await dave.rings()
        await carol.hears("ringing")
        ports = media_ports(office)
        assert len(ports) >= 2
        async with flat():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                for index, data in enumerate(hostile.datagrams(4, count)):
                    for port in ports:
                        with contextlib.suppress(OSError):
                            stranger.sendto(data, port)
                    if index % 20 == 19:
                        await asyncio.sleep(0.001)
        await carol.hang_up()

    besieged(attack)


def test_datagrams_of_a_party() -> None:
    """A party that sends garbage over its own good path, in its own name, harms nobody but itself."""

    async def attack(office: Office) -> None:
        carol, dave = await office.phone("carol"), await office.phone("dave", "300")
        await carol.dial("300")
        invite = await dave.rings()
        await carol.hears("ringing")
        early = asyncio.ensure_future(carol.connect((await carol.hears("media"))["sdp"]))
        await dave.take(invite["sdp"])
        await early
        await carol.hears("answer")
        assert carol.media is not None
        transport: Any = carol.media.transport
        for index, data in enumerate(hostile.datagrams(5, 3000)):
            with contextlib.suppress(OSError):
                transport._wire.sendto(data, transport._remote)
            if index % 20 == 19:
                await asyncio.sleep(0.001)
        carol.heard.clear()
        dave.utter(ToneSource((700.0,), 60.0))
        await soon(lambda: len(carol.heard) > 60)
        assert abs(loudest(carol) - 700) < 10
        await carol.hang_up()

    besieged(attack)


# --- REST -----------------------------------------------------------------------------------------------

BODIES: tuple[bytes, ...] = (
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"a":1,"a":2}',
    b"{" + b'"a":{' * 5000,
    b"[" * 100_000,
    b'{"to":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"timeout_secs":NaN,"time_limit_secs":Infinity}',
    b'{"timeout_secs":1e999}',
    b'{"max_size":' + b"9" * 5000 + b"}",
    b'{"name":"\\ud800","queue_name":"\\ud800","to":"\\ud800","from":"\\ud800"}',
)


def rest_requests(description: dict[str, Any], seed: int, each: int) -> list[tuple[str, str, dict[str, Any]]]:
    """For every operation of the description: bodies that are none, and ones with wrong values under right names."""
    dice = random.Random(seed)
    schemas = description["components"]["schemas"]
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            kind = next(iter(content), "application/json")
            name = json.dumps(content).partition("#/components/schemas/")[2].partition('"')[0]
            names = list(schemas.get(name, {}).get("properties", {}))
            queries = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            for body in BODIES if content else ():
                found.append((method, path, {"content": body, "headers": {"content-type": kind}}))
            for _ in range(each):
                share = dice.choice((0.1, 0.4, 0.8))
                body = {name: _value(dice, name, share) for name in names if dice.random() < 0.7}
                query = {name: str(dice.choice(hostile.VALUES))[:200] for name in queries if dice.random() < 0.5}
                text = json.dumps(body).encode()
                options: dict[str, Any] = {"content": text, "headers": {"content-type": kind}} if content else {}
                query = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
                found.append((method, path, {**options, "params": query}))
    dice.shuffle(found)
    return found


GOOD = {
    "call_control_id": "THE-CALL",
    "call_control_ids": ["THE-CALL"],
    "name": "room7",
    "queue_name": "support",
    "payload": "Hello",
    "voice": "male",
    "digits": "1",
    "channels": "single",
    "format": "wav",
    "to": "200",
    "from": "1",
    "cause": "USER_BUSY",
    "audio_url": "http://127.0.0.1:9/x.wav",
}
"""Values that commands get through with, to go wrong behind the checks."""


def _value(dice: random.Random, name: str, share: float) -> Any:
    return dice.choice(hostile.VALUES) if dice.random() < share else GOOD.get(name)


def _filled(dice: random.Random, path: str, known: dict[str, str]) -> str:
    """A path with garbage, or as often with what there is, in the place of its parameters."""
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        garbage = ("1", "%00", "%ff%fe", "..%2f..", "%2e%2e", "a%0d%0ab", "v3:x", "9" * 400, "%F0%9F%92%A3", "-")
        path = before + (known[name] if name in known and dice.random() < 0.7 else dice.choice(garbage)) + after
    return path


@pytest.mark.parametrize("each", [3, pytest.param(100, marks=SLOW)])
def test_rest(each: int) -> None:
    """Every operation with garbage for path, query and body: a refusal in the documented shape, never a fault."""

    async def scene(desk: Desk) -> None:
        with Faults():
            async with a_call_that_goes_on(desk):
                description = (await desk.http.get("/openapi.json")).json()
                dice, meeting = random.Random(7), Meeting(desk)
                meeting.names["bob has 100"] = "bob"
                victim = await meeting.guest("victim")
                wrong: list[Any] = []
                accepted = 0
                for method, path, options in rest_requests(description, 6, each):
                    if not victim.leg.is_answered:
                        victim = await meeting.guest(f"victim{len(meeting.names)}")
                    known = {"call_control_id": victim.id, "queue_name": "support", "name": "support"}
                    for room in desk.exchange.platform.conferences:
                        known["conference_id"] = known["id"] = room.id
                    target = _filled(dice, path, known)
                    options["content"] = options.get("content", b"").replace(b"THE-CALL", victim.id.encode())
                    reply = await desk.http.request(method, target, **options)
                    if reply.status_code >= 500 or (reply.status_code >= 400 and not _is_refusal(reply)):
                        wrong.append((method, path, options, reply.status_code, reply.text[:200]))
                    accepted += reply.is_success and method != "get"
                assert accepted > 20
                assert not wrong, f"{len(wrong)} faults; {wrong[:5]}"

    ask(scene)


def _is_refusal(reply: httpx.Response) -> bool:
    try:
        errors = reply.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(errors) and all(one["code"] and one["title"] for one in errors)


HTTP: tuple[bytes, ...] = (
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/calls/%ff%fe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET http://elsewhere.example/v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /status.json?\xff=%ff&a=%zz HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"POST /v2/calls HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v2/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /v2/calls HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v2/calls HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(5000)) + b"\r\n",
    b"GET /v2/calls HTTP/1.1\r\nHost: x\r\n\r\n" * 300,
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
)


def test_http() -> None:
    """Requests that are none, doubled lengths, headers without end, many in one breath: refused or cut off."""

    async def attack(office: Office) -> None:
        for request in HTTP:
            reader, writer = await asyncio.open_connection("127.0.0.1", office.exchange.port)
            with contextlib.suppress(ConnectionError):
                writer.write(request)
                writer.write_eof()
                async with asyncio.timeout(20):
                    said = await reader.read()
                lines = [line for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
                assert all(line[9:12] < b"500" or line[9:12] == b"501" for line in lines), (request[:80], lines[:2])
            writer.close()
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as web:
            assert (await web.get(f"http://127.0.0.1:{office.exchange.port}/healthz")).json()["status"] == "ok"

    besieged(attack)


def test_no_token() -> None:
    """REST without a token, a thousand times: 401 each, and nothing is done."""

    async def attack(office: Office) -> None:
        async with flat(), httpx.AsyncClient(trust_env=False, timeout=PATIENCE, base_url=office.exchange.rest) as web:
            for index in range(1000):
                key = {"Authorization": f"Bearer KEY{index}"} if index % 2 else {}
                reply = await web.post("/calls", json={"to": "200", "from": "1", "connection_id": "1"}, headers=key)
                assert (reply.status_code, reply.json()["errors"][0]["code"]) == (401, "10009")
        assert len(office.exchange.switch.legs) == 2

    besieged(attack)


# --- who answers the exchange ---------------------------------------------------------------------------

BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><Response><Say>&j;</Say></Response>"
)

SERVERS: dict[str, tuple[bytes, bytes]] = {
    "entity bomb": (BOMB, b""),
    "deep": (b"<Response>" + b"<Gather>" * 5000, b""),
    "wide": (b"<Response>" + b"<Pause/>" * 5000 + b"</Response>", b""),
    "no XML": (b"\x00\xff" * 100, b""),
    "endless": (b"<Response>", b"<Pause/>" * 1000),
    "drips": (b"<Response>", b" "),
}
"""What a server of documents says: first this, then this over and over."""


@pytest.mark.parametrize("name", SERVERS)
def test_documents(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document server that sends bombs, never ends or drips: the call that wanted the document is ended."""
    monkeypatch.setattr(fetch, "TIMEOUT", 1.0)
    first, again = SERVERS[name]

    async def attack(office: Office) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # uvloop says RuntimeError where asyncio says ConnectionError: the other end has closed
            with contextlib.suppress(ConnectionError, RuntimeError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + first)
                while again:
                    writer.write(again)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            writer.close()

        async with flat(), listening(serve) as port:
            directory = office.exchange.directory
            url = f"http://127.0.0.1:{port}/"
            app = directory.add_texml_application(TexmlApplication(friendly_name="app", voice_url=url))
            directory.add_number("+15550009", app)
            carol = await office.phone("carol")
            await carol.dial("+15550009")
            assert (await carol.hears("bye"))["cause"]
            assert len(office.exchange.switch.legs) == 2

    besieged(attack)


def _flac_of_silence(seconds: int, rate: int) -> bytes:
    """Small as a file, large as sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        for _ in range(seconds):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), format="s16", layout="mono")
            frame.rate = rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_sounds() -> None:
    """Files that are none, that are cut off, or that hold far more sound than bytes: failed, and no memory is held."""

    async def attack(office: Office) -> None:
        sounds = office.exchange.sounds
        wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\xff\xff" + b"\xff" * 12 + b"data\xff\xff\xff\xff"
        bomb = await asyncio.to_thread(_flac_of_silence, 300, 192_000)
        assert len(bomb) < 300_000
        dice = random.Random(8)
        async with flat():
            for content in (
                b"",
                b"x",
                wav,
                b"ID3" + b"\xff" * 5000,
                dice.randbytes(50_000),
                b"#EXTM3U\nfile:///etc/passwd\n",
            ):
                with pytest.raises(SoundFailed):
                    await sounds.source(ByContent(content))
        played = await sounds.source(ByContent(bomb))
        assert isinstance(played, Prompt)
        assert played.size < 300 * 48_000 * 2 + 10_000

    besieged(attack)
