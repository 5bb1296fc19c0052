"""Clients that speak frames by hand, as signalling.md 12.2 to 12.5 write them, and an exchange to speak to.

Nothing of botkit's own client is used, so that both ends cannot agree on a shared mistake; only their
media is botkit's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from botkit import clock
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.media.endpoint import Endpoint
from botkit.media.pcm import Pcm, resample
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.playback import Playback
from botkit.media.source import Source
from botkit.signalling.line import LineClosed

Frame = dict[str, Any]
PATIENCE = 20.0
"""Seconds until a frame that does not come fails the test; in virtual time they cost nothing."""


class Phone:
    """One client. `seen` is every frame it got, in order, whoever has read it since."""

    def __init__(self, plane: MediaPlane, send: Callable[[str], Awaitable[None]], receive: Any, close: Any) -> None:
        self.plane = plane
        self.seen: list[Frame] = []
        self.media: Endpoint | None = None
        self.heard: list[bytes] = []
        """Payloads that arrived, in order."""
        self.digits: list[str] = []
        """Telephone-events that arrived."""
        self.call_id = ""
        self.session_id = ""
        self.answers_pings = False
        self._unread: list[Frame] = []
        self._send, self._receive, self._close = send, receive, close
        self._ids = itertools.count(1)

    # --- frames ------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        """Send a text as it is."""
        await self._send(text)

    async def read(self) -> Frame:
        """The next frame. A ping is answered the way of the JS SDK: by one of our own."""
        frame: Frame = json.loads(await self._receive())
        self.seen.append(frame)
        if frame.get("method") == "telnyx_rtc.ping" and self.answers_pings:
            await self.say("telnyx_rtc.ping")
        return frame

    async def say(self, method: str, **params: Any) -> str:
        """Send a request; gives its id."""
        ident = f"a-{next(self._ids)}"
        await self.write(json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": params}))
        return ident

    async def reply_to(self, ident: str) -> Frame:
        """The reply to a request of ours."""
        return await self._wanted(lambda frame: frame.get("id") == ident and "method" not in frame)

    async def ask(self, method: str, **params: Any) -> Frame:
        """Send a request and give the reply to it."""
        return await self.reply_to(await self.say(method, **params))

    async def hears(self, method: str, patience: float = PATIENCE) -> Frame:
        """The params of the next request of this method; it is acknowledged."""
        frame = await self._wanted(lambda frame: frame.get("method") == f"telnyx_rtc.{method}", patience)
        with contextlib.suppress(LineClosed, ConnectionClosed):  # the last words on a line
            await self.write(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": {"method": frame["method"]}}))
        return dict(frame["params"])

    async def _wanted(self, wanted: Callable[[Frame], bool], patience: float = PATIENCE) -> Frame:
        for frame in self._unread:
            if wanted(frame):
                self._unread.remove(frame)
                return frame
        async with asyncio.timeout(patience):
            while not wanted(frame := await self.read()):
                self._unread.append(frame)
        return frame

    async def hears_nothing(self, seconds: float = 1.0) -> None:
        """No frame comes for so long, and none is unread."""
        assert not self._unread
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                assert not await self.read()

    @property
    def order(self) -> list[str]:
        """What came, in order: methods, and `result` or `error` for replies."""
        return [
            frame["method"].removeprefix("telnyx_rtc.")
            if "method" in frame
            else next(k for k in ("result", "error") if k in frame)
            for frame in self.seen
        ]

    # --- a session ---------------------------------------------------------------------------------

    async def login(self, **credentials: Any) -> Frame:
        """Log in with `login` and `passwd`, or with `login_token`."""
        return await self.ask(
            "login", **credentials, userVariables={}, reconnection=False, loginParams={}, **{"User-Agent": "test"}
        )

    async def ready(self, name: str, password: str) -> None:
        """Log in and poll until registered."""
        reply = await self.login(login=name, passwd=password)
        self.session_id = reply["result"]["sessid"]
        assert await self.hears("clientReady") == {"reattached_sessions": []}
        polled = await self.ask("telnyx_rtc.gatewayState")
        assert polled["result"]["params"]["state"] == "REGED"

    # --- a call ------------------------------------------------------------------------------------

    def about(self, **more: Any) -> Frame:
        """Params about our call."""
        return {"sessid": self.session_id, **more, "dialogParams": {"callID": self.call_id}}

    async def dial(
        self, number: str, *, codecs: tuple[str, ...] = ("PCMU",), sdp: str | None = None, **more: Any
    ) -> str:
        """Send an invite, and give the id of the request; the reply is still to come."""
        self.call_id = more.pop("call_id", f"k-{id(self)}-{next(self._ids)}")
        if sdp is None:
            self.media = self.plane.endpoint(codecs=codecs)
            sdp = await self.media.offer()
        dialog = {"callID": self.call_id, "destination_number": number, **more.pop("dialog", {})}
        return await self.say("telnyx_rtc.invite", sdp=sdp, dialogParams=dialog, **more)

    async def rings(self) -> Frame:
        """Await a call; gives the invite."""
        invite = await self.hears("invite")
        self.call_id = invite["callID"]
        return invite

    async def take(
        self, offer: str, *, codecs: tuple[str, ...] = ("PCMU",), change: Callable[[str], str] = str
    ) -> Frame:
        """Answer the call that rings; gives the reply. `change` edits our SDP."""
        self.media = self.plane.endpoint(codecs=codecs)
        sdp = change(await self.media.answer(offer))
        self.listen()
        reply = await self.ask("telnyx_rtc.answer", sdp=sdp, **self.about())
        if "result" in reply:
            await self.media.connect()
        return reply

    async def connect(self, answer: str) -> None:
        """Take the exchange's answer to our offer, and join the media."""
        assert self.media is not None
        self.media.accept(answer)
        self.listen()
        await self.media.connect()

    def listen(self) -> None:
        """Keep what is heard."""
        assert self.media is not None
        self.media.session.on_payload = lambda payload, _at: self.heard.append(payload or b"")
        self.media.session.on_digit = lambda digit, _at, _length: self.digits.append(digit)

    def sound(self, rate: int = 8000) -> Pcm:
        """What was heard, decoded, at `rate`."""
        assert self.media is not None
        codec = self.media.session.codec
        decoder = codec.decoder()
        pcm = [decoder.decode(payload) for payload in self.heard]
        return resample(np.concatenate([np.zeros(0, np.int16), *pcm]), codec.rate, rate)

    def utter(self, source: Source) -> None:
        """Send a sound, in the codec that was agreed."""
        assert self.media is not None
        self.speak(list(source.payloads(self.media.session.codec)))

    def speak(self, payloads: list[bytes]) -> None:
        """Send these, one a beat."""
        assert self.media is not None
        self.media.session.play(Playback(payloads, lambda _at: None))

    def hush(self) -> None:
        """Say no more of it."""
        assert self.media is not None
        self.media.session.stop_playing()

    async def said(self) -> None:
        """Wait until all of it has been sent: a busy machine takes longer than it lasts."""
        assert self.media is not None
        sender = self.media.session.sender
        await soon(lambda: sender.playing is None)

    async def hang_up(self, cause: str = "NORMAL_CLEARING", code: int = 16) -> Frame:
        """Send a bye; gives the reply."""
        return await self.ask("telnyx_rtc.bye", cause=cause, causeCode=code, **self.about())

    async def vanish(self) -> None:
        """Close the line without a word."""
        await self._close()

    async def close(self) -> None:
        if self.media is not None:
            await self.media.close()
        await self._close()


async def until(condition: Callable[[], object]) -> None:
    """Look again and again; its caller sets the limit."""
    while not condition():  # noqa: ASYNC110 - what is looked at has no events to wait for
        await asyncio.sleep(0.02)


async def soon(condition: Callable[[], object]) -> None:
    """Wait until it is so; fails when it stays otherwise."""
    async with asyncio.timeout(PATIENCE):
        await until(condition)


class Office:
    """An exchange with its phones."""

    def __init__(self, exchange: Exchange, plane: MediaPlane) -> None:
        self.exchange = exchange
        self.plane = plane
        self.phones: list[Phone] = []
        self.troubles: list[str] = []
        """What the event loop was told of: errors that nobody caught."""

    async def line(self, token: str = "") -> Phone:
        """A phone that is connected and has not logged in: over a WebSocket, or in memory without a port."""
        if self.exchange.port is None:
            end = self.exchange.connect()
            phone = Phone(self.plane, end.send, end.receive, end.close)
        else:
            socket = await connect(f"{self.exchange.url}/?voice_sdk_id={token or 'whatever'}", compression=None)
            phone = Phone(self.plane, socket.send, socket.recv, socket.close)
        self.phones.append(phone)
        return phone

    async def phone(self, name: str, *numbers: str) -> Phone:
        """A phone that is ready; its user is made on the spot."""
        account = self.exchange.account(name, *numbers)
        phone = await self.line()
        await phone.ready(name, account.password or "")
        return phone

    async def joined(
        self,
        *,
        codecs: tuple[str, str] = ("PCMU", "PCMU"),
        change: Callable[[str], str] = str,
        names: tuple[str, str] = ("alice", "bob"),
    ) -> tuple[Phone, Phone]:
        """Alice has called Bob at 100, and he has answered: both hear each other. `codecs`: hers and his."""
        alice, bob = await self.phone(names[0]), await self.phone(names[1], "100")
        await alice.reply_to(await alice.dial("100", codecs=codecs[:1]))
        invite = await bob.rings()
        media = asyncio.ensure_future(self._early(alice))
        await bob.take(invite["sdp"], codecs=codecs[1:], change=change)
        await media
        await alice.hears("answer")
        await asyncio.sleep(0.1)
        alice.heard.clear()
        bob.heard.clear()
        return alice, bob

    async def _early(self, phone: Phone) -> None:
        await phone.hears("ringing")
        await phone.connect((await phone.hears("media"))["sdp"])

    async def idle(self) -> None:
        """Wait until no call is left anywhere in the exchange; fails when one stays."""
        async with asyncio.timeout(PATIENCE):
            await until(lambda: not self.exchange.switch.bridges and not any(ln.legs for ln in self.exchange.lines))
        up = sum(phone.media is not None and phone.media.up for phone in self.phones)
        assert len(self.plane.pacer) == up, "a leg of the exchange is still on the beat"


@contextlib.asynccontextmanager
async def office(port: int | None, **options: Any) -> AsyncIterator[Office]:
    """An office that is closed afterwards; nothing of it may stay. `options` are `run_exchange`'s."""
    loop = asyncio.get_running_loop()
    async with media_plane() as plane:
        async with run_exchange(port=port, plane=plane, **options) as exchange:
            one = Office(exchange, plane)
            loop.set_exception_handler(lambda _loop, context: one.troubles.append(str(context)))
            try:
                yield one
            finally:
                for phone in one.phones:
                    await phone.close()
        assert not exchange.lines
        assert len(plane.pacer) == 0
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks stayed: {left}"
    assert not one.troubles, one.troubles


Scene = Callable[[Office], Coroutine[Any, Any, None]]


def play(scene: Scene, *, over_network: bool = False, **options: Any) -> None:
    """Run a scene: in memory and virtual time, or over sockets on a real port. `options` are `run_exchange`'s."""

    async def whole() -> None:
        async with office(0 if over_network else None, **options) as one:
            await scene(one)

    clock.run(whole(), virtual=not over_network)


async def closed(phone: Phone) -> int:
    """Wait until the exchange closes the phone's line; gives the close code."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                await phone.read()
    except LineClosed as over:
        return over.code
    except ConnectionClosed as over:
        return over.rcvd.code if over.rcvd else 1006
