"""The embedded exchange: a small, real platform on loopback.

    async with run_exchange() as exchange, Client(exchange.account("alice")) as alice: ...

It owns its lines and calls: every task it starts belongs to its task group and ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from botkit.errors import NetworkFault
from botkit.exchange.control import Controls
from botkit.exchange.directory import Directory
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.line import LEGS_PER_LINE, ClientLine, serve_line
from botkit.exchange.outside import OutsideParties
from botkit.exchange.platform import Platform
from botkit.exchange.recovery import KEPT, Recovery
from botkit.exchange.registrar import Fallback, Registrar
from botkit.exchange.server import serve_http
from botkit.exchange.switch import Switch
from botkit.exchange.texml.house import open_house
from botkit.exchange.webhooks.signing import SigningKey
from botkit.media import prompt
from botkit.media.endpoint import Endpoint
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.source import FileSource
from botkit.owned import OwnedTasks
from botkit.settings import EMBEDDED, HOLD_MUSIC, Account
from botkit.signalling.facts import InviteReceived
from botkit.signalling.line import Line, memory_lines
from botkit.signalling.messages import RequestId


class Exchange:
    """The platform. Made by `run_exchange`; `plane` carries its media."""

    def __init__(
        self,
        plane: MediaPlane,
        *,
        host: str = "127.0.0.1",
        legs_per_line: int = LEGS_PER_LINE,
        hold_audio: Path | None = HOLD_MUSIC,
        fallback: Fallback = "previous",
        fixtures: Sequence[Path] = (),
        media: Mapping[str, Path] | None = None,
        calls_kept: float = KEPT,
        signing_key: SigningKey | None = None,
    ) -> None:
        self.legs_per_line = legs_per_line
        """Calls that one client may have placed at the same time; further ones are turned away."""
        self.clock = plane.clock
        self.plane = plane
        self.host = host
        self.port: int | None = None
        self.open_rest: Callable[[], object] | None = None
        """Builds the REST side now, not when it is first asked for; None without a port."""
        self.api_keys: list[str] = [f"KEY{secrets.token_hex(16)}"]
        """What the REST side lets in. The first is made up, unless others are put in its place."""
        self.directory = Directory(plane.clock)
        self.directory.hosts.add(host)
        self.directory.changed = self._look_again
        self.registrar: Registrar[ClientLine] = Registrar(fallback=fallback)
        self.lines: set[ClientLine] = set()
        self._owned = OwnedTasks("exchange")
        self._closed = False
        held = HoldAudio(FileSource((hold_audio,)) if hold_audio is not None else None, self.start)
        self.switch = Switch(plane.clock, self.directory, self.registrar, plane.pacer, self._endpoint, held, self.start)
        self.controls = Controls(self.switch, self.directory)
        self.switch.control = self.controls
        self.platform = Platform(
            self.switch,
            self.directory,
            plane,
            lambda name: f"{self.rest_url}/recordings/{name}",
            fixtures,
            media,
            signing_key,
        )
        self.http = self.platform.http
        self.sounds = self.platform.sounds
        self.recordings = self.platform.recordings
        self.activities = self.platform.activities
        self.texml = open_house(self)
        self.outside = OutsideParties(plane.clock, plane, self.sounds, lambda: self.connect(reached=False), self.start)
        self.recovery = Recovery(plane.clock, self._endpoint, self.start, calls_kept)

    @property
    def rest_url(self) -> str:
        """The address of the REST side, as seen from this machine; only a path for an exchange with no port."""
        return f"{self.url.replace('ws://', 'http://', 1)}/v2"

    @property
    def url(self) -> str:
        """The WebSocket's address, as seen from this machine; empty for an exchange with no port."""
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        host = f"[{reached}]" if ":" in reached else reached
        return f"ws://{host}:{self.port}" if self.port is not None else ""

    @property
    def rest(self) -> str:
        """The REST side's base URL, with /v2, as seen from this machine; empty for an exchange with no port."""
        return f"http{self.url.removeprefix('ws')}/v2" if self.url else ""

    @property
    def api_key(self) -> str:
        """A key for the REST side."""
        return self.api_keys[0]

    @property
    def public_key(self) -> str:
        """What its webhooks' signatures are checked with: base64 of an Ed25519 public key."""
        return self.platform.webhooks.public_key

    def account(self, name: str, *numbers: str) -> Account:
        """An account for a client, made on the spot: user `name`, reached by its name and `numbers`."""
        user = self.directory.add_user(name, numbers=numbers)
        return Account(name=name, exchange=EMBEDDED, server=self.url or None, login=user.name, password=user.password)

    def trunk_account(self, name: str, *numbers: str) -> Account:
        """An account for a client that stands outside the network: it calls in from there, and calls to `numbers`
        (patterns too) that nobody here has leave to it."""
        trunk = next((one for one in self.directory.trunks.values() if one.name == name), None)
        trunk = trunk or self.directory.add_trunk(name, numbers=numbers)
        return Account(name=name, exchange=EMBEDDED, server=self.url or None, login=name, password=trunk.password)

    def _look_again(self, name: str) -> None:
        """Something behind a SIP user name has changed: who is logged in under it may have to go."""
        for line in [line for line in self.lines if line.user is not None and line.user.name == name]:
            line.check_login()

    def connect(self, *, reached: bool = True) -> Line:
        """A client's end of an in-memory line to this exchange, with no socket. `reached`: calls come to it.
        Raises `NetworkFault` once closed."""
        if self._closed:
            raise NetworkFault("the exchange is closed")
        near, far = memory_lines(self.clock)
        self.start(serve_line(self, far, reached=reached), "line")
        return near

    def start_call(self, line: ClientLine, invite: InviteReceived) -> None:
        """Put a call through, in a task of the exchange's own. It counts as placed by the line until it is over."""
        task = self.start(self.switch.handle(line, invite), f"call {invite.call_id}")
        task.add_done_callback(lambda _task: line.call_over())

    def start_welcome(self, line: ClientLine, request_id: RequestId, lost: list[Leg]) -> None:
        """Say yes to a login once there is a new path to offer for each of the calls that it finds again."""
        self.start(self._welcome(line, request_id, lost), f"welcome {line.session_id}")

    async def _welcome(self, line: ClientLine, request_id: RequestId, lost: list[Leg]) -> None:
        line.welcome(request_id, await self.recovery.offers(line, lost))

    def new_session_id(self, line: ClientLine) -> str:
        """The session id of a login."""
        return str(uuid.uuid4())

    def _endpoint(self, line: ClientLine | None, *, own_certificate: bool = False) -> Endpoint:
        # Media goes where signalling came: to the address by which this client reached us.
        host = line.local_host if line is not None else None
        return self.plane.endpoint(
            host=host or self.host, connected=True, cname="exchange", own_certificate=own_certificate
        )

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` in a task of the exchange's own; one whose name begins with `call ` ends before the lines do."""
        return self._owned.start(work, name)

    async def close(self) -> None:
        """End every call with a bye, every line with a close; returns when all tasks have ended."""
        self._closed = True
        await self.texml.close()
        await self._owned.cancel("call ")
        # The byes still need the lines; a line that ends sends what is queued first.
        await asyncio.gather(*(line.close() for line in list(self.lines)))
        await self._owned.close()


@contextlib.asynccontextmanager
async def run_exchange(
    *,
    host: str = "127.0.0.1",
    port: int | None = 0,
    plane: MediaPlane | None = None,
    legs_per_line: int = LEGS_PER_LINE,
    hold_audio: Path | None = HOLD_MUSIC,
    fallback: Fallback = "previous",
    fixtures: Sequence[Path] = (),
    media: Mapping[str, Path] | None = None,
    calls_kept: float = KEPT,
    signing_key: SigningKey | None = None,
) -> AsyncIterator[Exchange]:
    """An exchange for as long as the scope lasts. `port` 0 takes a free one; None serves in-memory lines only.
    `legs_per_line`: calls that one client may have placed at the same time. `hold_audio`: the file that a party
    on hold hears, over and over; None is silence. `fallback`: whom calls reach when the last login of a user went
    away: the one before it (`previous`), or nobody until the next login (`none`). `fixtures`: folders whose files
    commands may play by `file:` addresses. `media`: files that they may play by name. `calls_kept`: seconds that an
    answered call waits for a client whose line was lost. `signing_key` signs webhooks; one is made up unless given.

    Raises `NetworkFault` when the port cannot be bound, `ConfigError` when `hold_audio` cannot be read as audio.
    """
    if hold_audio is not None:
        await asyncio.to_thread(prompt.load, hold_audio)
    async with contextlib.AsyncExitStack() as stack:
        if plane is None:
            plane = await stack.enter_async_context(media_plane())
        exchange = Exchange(
            plane,
            host=host,
            legs_per_line=legs_per_line,
            hold_audio=hold_audio,
            fallback=fallback,
            fixtures=fixtures,
            media=media,
            calls_kept=calls_kept,
            signing_key=signing_key,
        )
        stack.push_async_callback(exchange.platform.close)
        stack.push_async_callback(exchange.close)
        if port is not None:
            exchange.port = await stack.enter_async_context(serve_http(exchange, host, port))
            stack.push_async_callback(exchange.close)  # before the server goes, and after it for who came meanwhile
        yield exchange
