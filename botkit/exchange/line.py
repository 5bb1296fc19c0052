"""One client's WebSocket, in the server role: login, and events to the switch.

A shell over whatever carries the frames (the web server's WebSocket, or an in-memory line): the
protocol itself is `botkit.signalling`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from botkit.causes import Cause, cause
from botkit.events import CandidateReceived, Event, InfoReceived
from botkit.exchange.connections import INSIDE, Identity, Origin
from botkit.signalling.auth import Token
from botkit.signalling.connection import Session
from botkit.signalling.facts import (
    AnswerReceived,
    ByeReceived,
    InviteReceived,
    LoginRequested,
    ModifyReceived,
    ProtocolViolated,
)
from botkit.signalling.line import Line
from botkit.signalling.messages import RequestId
from botkit.signalling.orders import AcceptLogin, Order, RefuseLogin, RefuseRequest, SendAttach, SendBye, SendPunt
from botkit.signalling.server_protocol import ServerProtocol
from botkit.signalling.telnyx import TELNYX

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange
    from botkit.exchange.leg import Leg

log = logging.getLogger("botkit.exchange")

CANDIDATES_KEPT = 64
"""Early candidates kept for a call, and calls (ready or not) for which they are kept; then the oldest call goes."""

CANDIDATE_LENGTH = 1024
"""Characters of a candidate, or of a call id that candidates are kept for; real ones are far below."""

LOGIN_WITHIN = 30.0
"""Seconds that a client may be connected and not logged in."""

LEGS_PER_LINE = 500
"""Calls that one client may have placed at the same time: each takes sockets of ours."""


def new_voice_sdk_id() -> str:
    """A routing token as the real service makes them (they begin so); opaque to clients."""
    return f"VSDK1{secrets.token_urlsafe(16)}"


BAD_PASSWORD, BAD_TOKEN = "Login Incorrect", "JWT token authentication failed"
"""What a refused login is told. Nothing about which part of it was wrong."""


class ClientLine:
    """A connected client. `user` is set once it has logged in; `legs` are its calls by id."""

    def __init__(self, exchange: Exchange, wire: Line, *, reached: bool = True) -> None:
        self.user: Identity | None = None
        self.session_id: str | None = None
        """One for as long as the line lasts: [IOS] takes it from any result."""
        self.legs: dict[str, Leg] = {}
        self.placed = 0
        """Calls placed by this client that are not over."""
        self.local_host: str | None = getattr(wire, "local_host", None)
        """The address of ours that the client reached; None where there is no network between."""
        if self.local_host is not None:
            exchange.directory.hosts.add(self.local_host)
        self.voice_sdk_id = new_voice_sdk_id()
        self._resumes: str | None = getattr(wire, "resumes", None)  # the routing token of an earlier line
        self._punted = False
        self._reached = reached
        self._exchange = exchange
        self._session = Session(
            wire, ServerProtocol(TELNYX, self.voice_sdk_id), clock=exchange.clock, handler=self._happened
        )
        self.client: tuple[str, int] | None = getattr(wire, "client", None)
        """The client's address and port; None where there is no network between."""
        self._early: dict[str, list[str | None]] = {}  # candidates that came before their call was ready
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def origin(self) -> Origin:
        """Where its calls come from."""
        return self.user.origin if self.user is not None else INSIDE

    async def run(self) -> None:
        """Serve until the client is gone. Its answered calls wait for it to come back; the others end."""
        login_due = asyncio.get_running_loop().create_task(self._until_login_due(), name="login due")
        try:
            await self._session.run()
        finally:
            login_due.cancel()
            if self._expiry is not None:
                self._expiry.cancel()
            self._exchange.registrar.unregister(self)
            self.let_go()

    def let_go(self) -> None:
        """Give the calls up: the answered ones wait for their client, who may come back over another line."""
        legs, self.legs = self.legs, {}
        for leg in legs.values():
            if leg.is_answered and not self._punted:  # who was punted gives its calls up ([JS])
                self._exchange.recovery.keep(leg, self)
            else:
                leg.ended(cause("DESTINATION_OUT_OF_ORDER"))

    async def _until_login_due(self) -> None:
        await self._exchange.clock.sleep(LOGIN_WITHIN)
        if self.user is None:
            log.info("line.no_login within=%g", LOGIN_WITHIN)
            self._session.end(f"no login within {LOGIN_WITHIN:g} s")

    async def close(self) -> None:
        """Send what is queued, then close the line; returns when that is done, or after 4 s."""
        await self._session.close("the exchange is closed")

    def order(self, order: Order) -> None:
        """Have something sent. On a line that is gone it does nothing."""
        self._session.order(order)

    def call_over(self) -> None:
        """A call that this client placed is over."""
        self.placed -= 1

    def punt(self) -> None:
        self._punted = True
        self.order(SendPunt())

    def _happened(self, event: Event) -> None:
        match event:
            case LoginRequested():
                self._login(event)
            case InviteReceived():
                self._invited(event)
            case AnswerReceived():
                self._answered(event)
            case ByeReceived():
                if (leg := self.legs.get(event.call_id)) is not None:
                    leg.ended(Cause(event.cause, event.code, event.sip_code, event.sip_reason))
            case ModifyReceived():
                self._modify(event)
            case InfoReceived() if event.digits:
                self._exchange.switch.carry_digits(self, event.call_id, event.digits)
            case CandidateReceived():
                self._candidate(event)
            case ProtocolViolated():
                log.info("line.violated user=%s %s", self.user.name if self.user else "-", event.message)
            case _:
                pass

    def _login(self, asked: LoginRequested) -> None:
        user = self._exchange.directory.authenticate(asked.credentials, self._exchange.clock.wall())
        if user is None:
            log.info("login.refused agent=%s", asked.user_agent)
            by_token = isinstance(asked.credentials, Token)
            self.order(RefuseLogin(asked.request_id, message=BAD_TOKEN if by_token else BAD_PASSWORD))
            return
        log.info("login.accepted user=%s by=%s", user.name, user.means)
        self.session_id = self._session_of(asked, user)
        self.user = user
        lost = self._exchange.recovery.claim(self)
        if lost:
            self._exchange.start_welcome(self, asked.request_id, lost)
        else:
            self.welcome(asked.request_id)
        if self._reached:
            self._exchange.registrar.register(
                user, self, session_id=self.session_id, at=self._exchange.clock.wall(), user_agent=asked.user_agent
            )
        self.check_login()

    def _session_of(self, asked: LoginRequested, user: Identity) -> str:
        """The session that the client comes back to, if this user still holds it over another line or in lost
        calls; that of the line, where the same user logs in once more; else a new one."""
        exchange = self._exchange
        for one in exchange.registrar.registrations(user.name):
            if one.line is not self and one.line.is_session(asked.session_id, self._resumes):
                one.line.let_go()  # its client has noticed before us that it is dead
                return one.session_id
        if kept := exchange.recovery.session_of(user.name, asked.session_id, self._resumes):
            return kept
        if self.session_id is not None and self.user is not None and self.user.name == user.name:
            return self.session_id
        return exchange.new_session_id(self)

    def check_login(self) -> None:
        """Go when what the client logged in with is good no more; look again when it is due to expire. (A JWT that
        expires ends no session: it is needed at the login only.)"""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.user is None:
            return
        now = self._exchange.clock.wall()
        if not self._exchange.directory.stands(self.user, now):
            log.info("login.over user=%s", self.user.name)
            self._exchange.registrar.unregister(self)
            self.punt()
            return
        credential = self.user.credential
        if credential is not None and credential.expires_at is not None:
            # A day at most: timers of years are more than some event loops take.
            due = min(max(credential.expires_at - now, 0.0), 86_400.0)
            self._expiry = asyncio.get_running_loop().call_later(due, self.check_login)

    def is_session(self, session_id: str | None, token: str | None) -> bool:
        """Whether a client that names these means this line."""
        return session_id == self.session_id or token == self.voice_sdk_id

    def welcome(self, request_id: RequestId, attach: tuple[SendAttach, ...] = ()) -> None:
        """Say yes to a login. `attach` are the calls that it finds again."""
        assert self.session_id is not None
        # [JS] ends each call that clientReady does not name, also after a second login on the same socket.
        self.order(AcceptLogin(request_id, self.session_id, tuple(self.legs), attach))

    def _modify(self, asked: ModifyReceived) -> None:
        leg = self.legs.get(asked.call_id)
        if leg is not None and leg.is_answered and asked.action == "updateMedia":
            self._exchange.recovery.renew(self, leg, asked)
        else:
            self._exchange.switch.modify(self, asked)

    def _answered(self, answer: AnswerReceived) -> None:
        leg = self.legs.get(answer.call_id)
        if leg is not None and not leg.over.done():
            if answer.attach and self._exchange.recovery.answered(leg, answer):
                return
            if not answer.attach and not leg.inbound:
                leg.answer_arrived(answer, self._exchange.clock.now())
                return
        self.order(RefuseRequest(answer.request_id, message="CALL DOES NOT EXIST"))

    def _invited(self, invite: InviteReceived) -> None:
        if self.placed >= self._exchange.legs_per_line:
            log.info("call.too_many user=%s", self.user.name if self.user else "-")
            how = cause("NORMAL_TEMPORARY_FAILURE")
            self.order(SendBye(invite.call_id, how.name, how.code, sip_code=how.sip_code, sip_reason=how.sip_reason))
            return
        self.placed += 1
        self._exchange.start_call(self, invite)

    def _candidate(self, event: CandidateReceived) -> None:
        if len(event.candidate or "") > CANDIDATE_LENGTH or len(event.call_id) > CANDIDATE_LENGTH:
            log.info("candidate.too_long user=%s", self.user.name if self.user else "-")
            return
        leg = self.legs.get(event.call_id)
        endpoint = (leg.fresh or leg.endpoint) if leg is not None else None
        if endpoint is not None and endpoint.described:
            endpoint.add_candidate(event.candidate)
        else:
            if event.call_id not in self._early and len(self._early) >= CANDIDATES_KEPT:
                # Those of calls that nobody knows go first, the oldest before the others.
                del self._early[next((call for call in self._early if call not in self.legs), next(iter(self._early)))]
            waiting = self._early.setdefault(event.call_id, [])
            if len(waiting) < CANDIDATES_KEPT:
                waiting.append(event.candidate)

    def flush_candidates(self, leg: Leg) -> None:
        """The leg's remote description is known now: give it what was trickled before."""
        for candidate in self._early.pop(leg.id, []):
            (leg.fresh or leg.endpoint).add_candidate(candidate)

    def forget(self, leg: Leg) -> None:
        """The leg's call is over."""
        self.legs.pop(leg.id, None)
        self._early.pop(leg.id, None)


async def serve_line(exchange: Exchange, wire: Line, *, reached: bool = True) -> None:
    """Serve one client until it goes; a cancelled caller closes its line. `reached`: calls to its name come to it."""
    line = ClientLine(exchange, wire, reached=reached)
    exchange.lines.add(line)
    try:
        await line.run()
    finally:
        exchange.lines.discard(line)
        await asyncio.shield(wire.close())
