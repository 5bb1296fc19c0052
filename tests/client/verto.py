"""A FreeSWITCH in small: the server's part of the verto dialect, with what was seen of the real one.

It names ids by one counter, speaks by itself only when its client has been silent for 50 ms, answers every invite
with "CALL CREATED", says nothing of ringing, and describes media without a=mid and BUNDLE. Its media are endpoints of
ours: over real sockets their certificate is RSA-4096 with the serial number 0.

Who is dialled: 9196 answers at once with a tone of 440 Hz; 9189 is heard before it answers, 1 s later; 9191 rings
unseen for 1 s; 9190 is busy; any other number has no route.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from botkit.client.client import Client
from botkit.media.endpoint import Endpoint
from botkit.media.peer import Peer
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.playback import Playback
from botkit.media.source import ToneSource
from botkit.settings import Account
from botkit.signalling import Line
from botkit.signalling.line import LineClosed, MemoryLine, memory_lines
from tests.media.rsa import rsa_certificate

QUIET = 0.05
NOISE = {"Event-Name": "CHANNEL_DATA", "Channel-Call-UUID": "x", "callID": "not this one", "sdp": "nor this"}


def in_their_words(sdp: str, *, offer: bool) -> str:
    """A description of ours as mod_verto writes it."""
    lines = [line for line in sdp.split("\r\n") if not line.startswith(("a=mid:", "a=group:"))]
    if offer:
        events = [line.split(":")[1].split()[0] for line in lines if "telephone-event" in line]
        lines = [line for line in lines if not any(line.startswith((f"a=rtpmap:{n} ", f"a=fmtp:{n} ")) for n in events)]
        media = next(line for line in lines if line.startswith("m=audio"))
        words = [word for word in media.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF").split() if word not in events]
        lines[lines.index(media)] = " ".join(words)
    return "\r\n".join(lines)


class WebSocketLine:
    """A server's WebSocket as a line."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._websocket.send(text)

    async def receive(self) -> str:
        try:
            return str(await self._websocket.recv())
        except ConnectionClosed:
            raise LineClosed from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._websocket.close(code, reason)


class FreeSwitch:
    """The server. `heard` are the requests of all clients, `replies` their replies, by the order of arrival."""

    def __init__(self, plane: MediaPlane, users: dict[str, str]) -> None:
        self.plane = plane
        self.users = users
        self.heard: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.lines = 0
        """How many clients have connected, ever."""
        self.seats: dict[str, Seat] = {}
        """Who is logged in, by session."""
        self._count = 0

    def next_id(self) -> int:
        self._count += 1
        return self._count

    def said(self, method: str) -> list[dict[str, Any]]:
        """The params of the requests with this method."""
        return [frame["params"] for frame in self.heard if frame["method"] == method]

    async def take(self, line: Line) -> None:
        """Serve one client until its line is gone."""
        self.lines += 1
        seat = Seat(self, line)
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(seat.speak())
            try:
                await seat.listen()
            finally:
                speaking.cancel()
                for endpoint in list(seat.calls.values()):
                    await endpoint.close()

    async def take_websocket(self, websocket: ServerConnection) -> None:
        await self.take(WebSocketLine(websocket))


class Seat:
    """One client, as the server sees it."""

    def __init__(self, server: FreeSwitch, line: Line) -> None:
        self.server = server
        self.line = line
        self.calls: dict[str, Endpoint] = {}
        self.session: str | None = None
        self._clock = server.plane.clock
        self._last = 0.0
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- speaking ------------------------------------------------------------------------------------

    def ask(self, method: str, **params: Any) -> None:
        """A request of the server's own: it leaves when the client is silent."""
        self._queue.put_nowait((f"verto.{method}", params))

    async def speak(self) -> None:
        while True:
            method, params = await self._queue.get()
            while (wait := self._last + QUIET - self._clock.now()) > 0:
                await self._clock.sleep(wait)
            await self._send(id=self.server.next_id(), method=method, params=params)
            if method == "verto.punt":
                await self.line.close()

    async def _send(self, **frame: Any) -> None:
        with contextlib.suppress(LineClosed):
            await self.line.send(json.dumps({"jsonrpc": "2.0", **frame}))

    # --- listening -----------------------------------------------------------------------------------

    async def listen(self) -> None:
        try:
            while True:
                frame = json.loads(await self.line.receive())
                self._last = self._clock.now()
                if "method" in frame:
                    await self._asked(frame)
                else:
                    self.server.replies.append(frame)
        except LineClosed:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _asked(self, frame: dict[str, Any]) -> None:
        self.server.heard.append(frame)
        params = frame["params"]
        if frame["method"] != "login" and self.session is None:
            await self._send(id=frame["id"], error={"code": -32000, "message": "Authentication Required"})
            return
        do = {
            "login": self._login,
            "verto.invite": self._invited,
            "verto.answer": self._answered,
            "verto.modify": self._modified,
            "verto.info": self._told,
            "verto.bye": self._left,
            "verto.ping": self._pinged,
        }
        await do[frame["method"]](frame["id"], params)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _result(self, request_id: int, **result: Any) -> None:
        await self._send(id=request_id, result={**result, "sessid": self.session})

    async def _login(self, request_id: int, params: dict[str, Any]) -> None:
        if self.server.users.get(params.get("login", "")) != params.get("passwd"):
            await self._send(id=request_id, error={"code": -32001, "message": "Authentication Failure"})
            return
        self.session = params["sessid"]
        assert isinstance(self.session, str)
        if (other := self.server.seats.get(self.session)) is not None and other is not self:
            other.ask("punt")
        self.server.seats[self.session] = self
        await self._result(request_id, message="logged in")
        self.ask("clientReady", reattached_sessions=[])

    async def _pinged(self, request_id: int, params: dict[str, Any]) -> None:
        await self._result(request_id, message="PONG")

    async def _invited(self, request_id: int, params: dict[str, Any]) -> None:
        said = params["dialogParams"]
        await self._result(request_id, message="CALL CREATED", callID=said["callID"])
        self._start(self._dialled(said["callID"], said["destination_number"], params["sdp"]))

    async def _dialled(self, call_id: str, number: str, offer: str) -> None:
        if number not in ("9196", "9189", "9191"):
            cause = {"9190": ("USER_BUSY", 17)}.get(number, ("NO_ROUTE_DESTINATION", 3))
            self.ask("bye", callID=call_id, causeCode=cause[1], cause=cause[0])
            return
        endpoint = self.calls[call_id] = self._endpoint()
        answer = {"callID": call_id, "sdp": in_their_words(await endpoint.answer(offer), offer=False)}
        if number == "9191":
            await self._clock.sleep(1.0)
        if number == "9189":
            self.ask("media", **answer, variables=NOISE)
            del answer["sdp"]
        else:
            self.ask("answer", **answer, variables=NOISE)
        await endpoint.connect(timeout=20.0)
        self._speak_into(endpoint)
        if number == "9189":
            await self._clock.sleep(1.0)
            self.ask("answer", **answer, variables=NOISE)

    async def call(self, call_id: str) -> None:
        """Call the client, as for the user 1001."""
        endpoint = self.calls[call_id] = self._endpoint()
        self.ask(
            "invite",
            callID=call_id,
            variables=NOISE,
            sdp=in_their_words(await endpoint.offer(), offer=True),
            caller_id_name="Extension 1001",
            caller_id_number="1001",
            callee_id_name="Outbound Call",
            callee_id_number="1000",
            display_direction="outbound",
            verto_h_X_Test="42",
        )

    async def _answered(self, request_id: int, params: dict[str, Any]) -> None:
        call_id = params["dialogParams"]["callID"]
        endpoint = self.calls[call_id]
        endpoint.accept(params["sdp"])
        await self._result(request_id)
        self._start(self._bridged(call_id, endpoint))

    async def _bridged(self, call_id: str, endpoint: Endpoint) -> None:
        await endpoint.connect(timeout=20.0)
        self._speak_into(endpoint)
        self.ask("display", callID=call_id, display_name="Extension 1001", display_number="1001")

    async def _modified(self, request_id: int, params: dict[str, Any]) -> None:
        call_id, action = params["dialogParams"]["callID"], params["action"]
        result = {"callID": call_id, "action": action, "holdState": "held" if action == "hold" else "active"}
        if action == "transfer":
            result["message"] = "CALL TRANSFERRED"
            self.ask("bye", callID=call_id, causeCode=16, cause="NORMAL_CLEARING")
        await self._result(request_id, **result)

    async def _told(self, request_id: int, params: dict[str, Any]) -> None:
        await self._result(request_id, message="SENT")

    async def _left(self, request_id: int, params: dict[str, Any]) -> None:
        call_id = params["dialogParams"]["callID"]
        said = {"cause": params.get("cause"), "causeCode": params.get("causeCode")}
        await self._result(request_id, callID=call_id, message="CALL ENDED", **said)
        if (endpoint := self.calls.pop(call_id, None)) is not None:
            await endpoint.close()

    # --- media ---------------------------------------------------------------------------------------

    def _endpoint(self) -> Endpoint:
        plane = self.server.plane
        if plane.network is not None:
            return plane.endpoint()
        return Endpoint(plane.clock, plane.pacer, Peer(plane.clock, certificate=rsa_certificate()))

    def _speak_into(self, endpoint: Endpoint) -> None:
        session = endpoint.session
        session.play(Playback(ToneSource((440.0,), 30.0).payloads(session.codec), lambda at: None))


USERS = {"1000@127.0.0.1": "1234", "1001@127.0.0.1": "1234"}


def account(**fields: Any) -> Account:
    """1000's account; of a server that is told by `server`."""
    given: dict[str, Any] = {"server": "ws://127.0.0.1:1", "login": "1000@127.0.0.1", "password": "1234", **fields}
    return Account("pbx", dialect="verto", **given)


@contextlib.asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[FreeSwitch, Account]]:
    """A server on a real socket, and an account there; with `tls` the server is called localhost."""
    async with media_plane() as plane:
        server = FreeSwitch(plane, USERS)
        async with serve(server.take_websocket, "127.0.0.1", 0, compression=None, ssl=tls) as sockets:
            port = next(iter(sockets.sockets)).getsockname()[1]
            yield server, account(server=f"wss://localhost:{port}" if tls else f"ws://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def in_memory(**options: Any) -> AsyncIterator[tuple[FreeSwitch, Client]]:
    """A server and a client of its that has logged in, joined in memory."""
    async with media_plane() as plane, asyncio.TaskGroup() as group:
        server = FreeSwitch(plane, USERS)

        def connect() -> MemoryLine:
            ours, theirs = memory_lines(plane.clock)
            group.create_task(server.take(theirs))
            return ours

        async with Client(account(), connect_line=connect, **options) as client:
            yield server, client
