"""The client's session without its calls: requests and their replies, login, readiness, keepalive.

Theory of operation. A login goes login → result → clientReady (or 5 s without one) → gateway polls
until REGED. Every request of ours stands in the pending table until its reply comes or its deadline
passes. Where nothing is heard for 20 s, or none of our requests was answered for 45 s, a ping asks
for a sign of life; without its reply the line is given up ([JS] SignalingHealthMonitor.ts).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botkit import events
from botkit.errors import LocalProtocolError, RemoteProtocolError
from botkit.states import LoginFact, LoginState

from . import shapes
from .dialect import Dialect, Params, Verb
from .messages import AUTH_REQUIRED, ErrorReply, Message, Request, RequestId
from .orders import Login, Order, Ping
from .protocol import Protocol

_L, _R = LocalProtocolError, RemoteProtocolError


@dataclass(frozen=True, slots=True)
class ClientTimings:
    """Seconds, except `polls`. Numbers without a source here are the JS SDK's."""

    login: float = 15.0
    client_ready: float = 5.0  # poll the gateway anyway when clientReady stays away
    poll_every: float = 2.5  # 2 to 6 s in [JS], 3 s in [AND] and [IOS]
    polls: int = 5
    reply: float = 10.0
    bye: float = 5.0
    quiet: float = 20.0  # without any frame: probe
    unanswered: float = 45.0  # without a reply to a request of ours: probe
    probe: float = 5.0
    recovery: float = 60.0  # how long a dropped call waits, as in [AND], [IOS], [FLU]
    session_kept: float = 90.0  # how long a former session id is worth proposing


@dataclass(frozen=True, slots=True)
class Pending:
    """A request of ours that has no reply yet."""

    verb: Verb
    phase: str
    request: Request
    deadline: float
    call_id: str | None = None
    order: Order | None = None
    again: bool = False  # it is asked for the second time


class ClientSession(Protocol):
    """The part of the client's machine that knows no calls but for those that a new line brings back."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        timings: ClientTimings | None = None,
        new_uuid: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        super().__init__(dialect)
        self.timings = timings or ClientTimings()
        self.session_id: str | None = new_uuid() if dialect.session_made_by_client else None
        self.voice_sdk_id: str | None = None
        """The server's routing token; `dialect.line_url` puts it into the next line's address."""
        self._new_uuid = new_uuid
        self._count = 0
        self._pending: dict[RequestId, Pending] = {}
        self._login_order: Login | None = None  # the latest
        self._after_login: list[RequestId] = []  # to be asked once more, when the login is taken
        self._session_seen = 0.0
        self._heard = self._answered = 0.0
        self._reattached: tuple[str, ...] = ()
        self._gateway = ""
        self._polls_in_vain = 0

    # --- the login --------------------------------------------------------------------------------

    def _log_in(self, order: Login, now: float) -> None:
        again_here = self.login_state is not LoginState.CONNECTED
        self._login(LoginFact.LOGIN_SENT, _L)
        for request_id in [r for r, p in self._pending.items() if p.verb in (Verb.LOGIN, Verb.GATEWAY_STATE)]:
            self._forget(request_id)  # an older login counts no longer
        for timer in ("client_ready", "poll"):
            self._timers.pop(timer, None)
        self._login_order = order
        session_id, again = self.session_id, self.voice_sdk_id is not None
        if not self.dialect.session_made_by_client:
            fresh = again_here or now - self._session_seen <= self.timings.session_kept
            session_id = session_id if again and fresh else None
        params = self.dialect.login_params(order, session_id, again)
        method = self.dialect.login_method(order)
        self._send(Verb.LOGIN, params, now + self.timings.login, method=method)

    def _logged_in(self, result: Any, now: float) -> None:
        self._login(LoginFact.LOGIN_ACCEPTED, _R)
        self.session_id = shapes.text(result, "sessid") or self.session_id
        self._session_seen = now
        self._timers["client_ready"] = now + self.timings.client_ready
        self._events.append(events.LoggedIn(self.session_id or ""))
        waiting, self._after_login = self._after_login, []
        for request in [self._pending[request_id].request for request_id in waiting if request_id in self._pending]:
            session = {"sessid": self.session_id} if "sessid" in request.params else {}
            self._out.append(replace(request, params={**request.params, **session}))

    def _log_in_again(self, pending: Pending, error: ErrorReply, now: float) -> bool:
        """Whether the server has forgotten our login: then log in once more, and ask the same again after it, as
        verto.js does. [JS] logs in, too. A request that is refused so twice is refused."""
        if error.code != AUTH_REQUIRED or self._login_order is None or pending.again or pending.verb is Verb.LOGIN:
            return False
        if self.login_state is not LoginState.LOGGING_IN:
            self._log_in(self._login_order, now)
        if pending.verb is not Verb.GATEWAY_STATE:  # which follows each login by itself
            request = replace(pending.request, id=self._new_id())
            self._expect(replace(pending, request=request, again=True))
            self._after_login.append(request.id)
        return True

    def _client_ready(self, request: Request, now: float) -> None:
        self._login(LoginFact.CLIENT_READY, _R)
        self._reattached = shapes.string_list(request.params.get("reattached_sessions"))
        self._server_kept(self._reattached)
        self._begin_polling(now)

    def _begin_polling(self, now: float) -> None:
        self._timers.pop("client_ready", None)
        if self.login_state is not LoginState.REGISTERING:
            return
        self._polls_in_vain, self._gateway = 0, ""
        if self.dialect.polls_gateway:
            self._poll(now)
        else:
            self._registered(now)

    def _poll(self, now: float) -> None:
        self._send(Verb.GATEWAY_STATE, {}, now + self.timings.poll_every * 2, "ready")

    def _gateway_pushed(self, request: Request, now: float) -> None:
        self._gateway_told(shapes.text(request.params, "state"), now)

    def _gateway_told(self, state: str, now: float) -> None:
        if state == "REGED":
            if self.login_state is LoginState.LOGGED_IN:  # a push that overtook clientReady
                self._login(LoginFact.CLIENT_READY, _R)
            self._registered(now)
        elif self.login_state in (LoginState.REGISTERING, LoginState.READY):
            if self.login_state is LoginState.READY:
                self._polls_in_vain = 0
            self._login(LoginFact.REGISTRATION_LOST, _R)
            self._poll_in_vain(state, now)

    def _registered(self, now: float) -> None:
        was_ready = self.login_state is LoginState.READY
        self._login(LoginFact.REGISTERED, _R)
        self._timers.pop("client_ready", None)
        self._timers.pop("poll", None)
        if not was_ready:
            self._events.append(events.ClientReady(self._reattached))

    def _poll_in_vain(self, state: str, now: float) -> None:
        """Not REGED: poll again, or after `polls` of them give up as the SDKs do."""
        if state and state != self._gateway:
            self._gateway = state
            self._events.append(events.GatewayChanged(state))
        self._polls_in_vain += 1
        if self._polls_in_vain < self.timings.polls:
            self._timers["poll"] = now + self.timings.poll_every
            return
        self._timers.pop("poll", None)
        failed = state in ("FAILED", "FAIL_WAIT")
        self._login(LoginFact.LOGIN_REFUSED, _R)
        said = f"Gateway registration has {'failed' if failed else 'timed out'}"  # [AND], [FLU]
        self._events.append(events.LoginFailed(-32004 if failed else -32003, said))

    def _server_kept(self, call_ids: tuple[str, ...]) -> None:
        """clientReady named the calls that outlived the last line."""
        raise NotImplementedError

    # --- keepalive --------------------------------------------------------------------------------

    def _heard_from(self, message: Message | None, now: float) -> None:
        self._heard = now
        if message is not None and (token := self.dialect.token_in(message.top)):
            self.voice_sdk_id = token

    def _ping(self, order: Ping | None, now: float, within: float | None = None) -> None:
        if self.login_state is LoginState.DISCONNECTED:
            raise LocalProtocolError("a ping without a line")
        params = {"sessid": self.session_id} if self.dialect.session_made_by_client else {}
        self._send(Verb.PING, params, now + (within or self.timings.reply), "ping")

    def _pinged(self, request: Request, now: float) -> None:
        if not self.dialect.replies_to_all:
            self._ping(None, now)  # a request of its own, as [JS] does; servers wait for nothing else

    def _watch(self, now: float) -> None:
        due = min(self._heard + self.timings.quiet, self._answered + self.timings.unanswered)
        self._timers["watch"] = due if due > now else now + self.timings.quiet

    # --- requests ---------------------------------------------------------------------------------

    def _send(
        self,
        verb: Verb,
        params: Params,
        deadline: float,
        phase: str = "login",
        call_id: str | None = None,
        order: Order | None = None,
        *,
        method: str | None = None,
    ) -> None:
        top = self.dialect.token_out(self.voice_sdk_id, verb)
        request = Request(self._new_id(), method or self.dialect.method(verb), params, top)
        self._out.append(request)
        self._expect(Pending(verb, phase, request, deadline, call_id, order))

    def _new_id(self) -> RequestId:
        self._count += 1
        return self.dialect.new_request_id(self._count, self._new_uuid)

    def _expect(self, pending: Pending) -> None:
        self._pending[pending.request.id] = pending
        self._timers[("reply", pending.request.id)] = pending.deadline

    def _forget(self, request_id: RequestId) -> Pending | None:
        self._timers.pop(("reply", request_id), None)
        return self._pending.pop(request_id, None)
