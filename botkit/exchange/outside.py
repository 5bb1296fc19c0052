"""Parties outside the network that the exchange plays itself: a REST call on a named trunk.

One is a client like any other, over a line in memory and with real media: it logs in as the trunk, calls, says what
it was told to say once somebody answers, sends its digits, and hangs up when its time is over. Calls that leave by
the trunk do not reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botkit import events
from botkit.clock import Clock, to_the_end
from botkit.errors import Fault, LocalProtocolError
from botkit.exchange.activities.sounds import SoundFailed, Sounds, What
from botkit.exchange.connections import Trunk
from botkit.media.plane import MediaPlane
from botkit.media.voice import Voice
from botkit.owned import Start
from botkit.signalling.auth import Password
from botkit.signalling.client_protocol import ClientProtocol
from botkit.signalling.connection import Session
from botkit.signalling.line import Line
from botkit.signalling.orders import Hangup, Invite, Login
from botkit.signalling.telnyx import TELNYX

log = logging.getLogger("botkit.exchange")

LASTS = 120.0
"""Seconds that such a call lasts, unless told otherwise."""

LOGIN_WITHIN = 5.0
KEPT = 100
"""Ended calls that are known; the oldest goes first."""

DIGIT_LENGTH, DIGIT_GAP = 0.15, 0.1
"""Seconds."""

Status = Literal["initiated", "ringing", "answered", "ended"]


@dataclass(frozen=True, slots=True)
class OutsideOrder:
    """Whom a party calls, and what it says: a sound (None: silence), `turns` times (None: without end), then digits."""

    calling: str
    called: str
    name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    says: What | None = None
    turns: int | None = 1
    digits: str = ""
    lasts: float = LASTS


class OutsideParty:
    """One party and its call. `status` and, at the end, `cause` tell what became of it."""

    def __init__(self, trunk: Trunk, order: OutsideOrder, clock: Clock, plane: MediaPlane, sounds: Sounds) -> None:
        self.id = str(uuid.uuid4())
        self.trunk = trunk
        self.order = order
        self.status: Status = "initiated"
        self.cause = ""
        self.heard = ""
        """Digits that came as telephone-events."""
        self.started = clock.wall()
        self._clock = clock
        self._sounds = sounds
        self._endpoint = plane.endpoint(connected=True, cname=trunk.name)
        self._endpoint.on_failed = self._failed
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._described: asyncio.Future[None] = loop.create_future()
        self._answered: asyncio.Future[None] = loop.create_future()
        self._over = asyncio.Event()
        self._login: Callable[[], None] = lambda: None

    async def run(self, line: Line) -> None:
        """The whole call, over a line to the exchange; returns when it has ended. Who is cancelled hangs up."""
        session = Session(line, ClientProtocol(TELNYX), clock=self._clock, handler=self._happened)
        self._login = lambda: session.order(Login(Password(self.trunk.name, self.trunk.password)))
        pump = asyncio.ensure_future(session.run())
        pump.add_done_callback(lambda _: self._over.set())
        try:
            await self._call(session)
        except Fault as fault:
            log.info("outside.failed trunk=%s %s", self.trunk.name, fault)
        finally:
            with contextlib.suppress(LocalProtocolError):
                session.order(Hangup(self.id))
            self._finish("NORMAL_CLEARING")
            session.end("the call is over")
            await to_the_end(self._gone(pump))

    def _failed(self, error: BaseException) -> bool:
        """A mistake of ours on the beat of this call ends it."""
        log.error("outside.broken trunk=%s %s: %s", self.trunk.name, type(error).__name__, error)
        self._over.set()
        return False

    async def _gone(self, pump: asyncio.Future[str]) -> None:
        await asyncio.wait((pump,))
        await self._endpoint.close()

    async def _call(self, session: Session) -> None:
        if not await self._first(self._ready, LOGIN_WITHIN):
            return
        offer = await self._endpoint.offer()
        order = self.order
        session.order(
            Invite(
                self.id,
                order.called,
                offer,
                caller_name=order.name,
                caller_number=order.calling,
                headers=order.headers,
            )
        )
        if not await self._first(self._described, None):
            return
        await self._endpoint.connect()  # who is put through is answered once both ends are joined
        if await self._first(self._answered, None):
            self.status = "answered"
            self._endpoint.session.listen_for_digits(self._digit)
            talk = asyncio.ensure_future(self._talk())
            await self._first(asyncio.get_running_loop().create_future(), order.lasts)
            talk.cancel()
            await asyncio.wait((talk,))

    async def _talk(self) -> None:
        voice = Voice(self._endpoint.session, self._clock, lambda at, lasted: None)
        if self.order.says is not None:
            try:
                source = await self._sounds.source(self.order.says)
            except SoundFailed as failed:
                log.warning("outside.silent trunk=%s %s", self.trunk.name, failed.detail)
            else:
                turns = self.order.turns
                await voice.play(source, loop=turns is None, turns=turns or 1)
        if self.order.digits:
            via = "tone" if self._endpoint.session.event_type is None else "rtp"
            await voice.send_digits(self.order.digits, via=via, length=DIGIT_LENGTH, gap=DIGIT_GAP, by_info=_never)

    async def _first(self, wanted: asyncio.Future[None], within: float | None) -> bool:
        """Wait for it, the end of the call, or of the time; whether it came."""
        over = asyncio.ensure_future(self._over.wait())
        try:
            async with self._clock.timeout(within):
                await asyncio.wait((wanted, over), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass
        finally:
            over.cancel()
        return wanted.done() and not self._over.is_set()

    def _happened(self, event: events.Event) -> None:
        match event:
            case events.Connected():
                self._login()
            case events.ClientReady():
                _settle(self._ready)
            case events.LoginFailed():
                self._over.set()
            case events.Ringing():
                self.status = "ringing"
            case events.EarlyMedia(_, sdp):
                self._accept(sdp)
            case events.Answered(_, sdp):
                if sdp is not None and not self._endpoint.described:
                    self._accept(sdp)
                _settle(self._answered)
            case events.Ended():
                self._finish(event.cause)

    def _accept(self, sdp: str) -> None:
        try:
            self._endpoint.accept(sdp)
        except Fault as fault:
            log.info("outside.unfit trunk=%s %s", self.trunk.name, fault)
            self._finish("INCOMPATIBLE_DESTINATION")
        else:
            _settle(self._described)

    def _digit(self, digit: str, at: float, duration: float | None) -> None:
        self.heard += digit

    def _finish(self, cause: str) -> None:
        if self.status != "ended":
            self.status, self.cause = "ended", cause
        self._over.set()

    def hang_up(self) -> None:
        """End the call."""
        self._finish("NORMAL_CLEARING")


class OutsideParties:
    """Those of an exchange, ended ones among them. `connect` opens a line to it that no call reaches."""

    def __init__(
        self, clock: Clock, plane: MediaPlane, sounds: Sounds, connect: Callable[[], Line], start: Start
    ) -> None:
        self._clock, self._plane, self._sounds = clock, plane, sounds
        self._connect, self._start = connect, start
        self._known: dict[str, OutsideParty] = {}

    def call(self, trunk: Trunk, order: OutsideOrder) -> OutsideParty:
        """Let somebody outside call."""
        party = OutsideParty(trunk, order, self._clock, self._plane, self._sounds)
        self._known[party.id] = party
        for old in [one for one in self._known.values() if one.status == "ended"][: -KEPT or None]:
            del self._known[old.id]
        self._start(party.run(self._connect()), f"outside {party.id}")
        return party

    def of(self, trunk: Trunk) -> list[OutsideParty]:
        """Those of a trunk, the oldest first."""
        return [one for one in self._known.values() if one.trunk is trunk]


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _never(digit: str) -> None: ...
