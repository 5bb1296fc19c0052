"""The server's session without its calls: logins, readiness, keepalive, and the replies it owes.

Theory of operation. Every frame with an id gets a reply: at once where the protocol alone can know
it (pings, gateway polls, debug reports, courtesies), else by an order of the exchange. A request
that the exchange forgets is refused when its time is up, because SDKs give a line up that owes them
a reply for 10 s ([JS] BaseSession.ts). Own requests have integer ids from one counter; who does not
acknowledge them does no wrong. What the client proposes as its session id is the exchange's to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from botkit import events
from botkit.errors import LocalProtocolError, RemoteProtocolError
from botkit.states import LoginFact, LoginState

from .dialect import Dialect, Verb
from .facts import CallsWanted, RequestAcknowledged
from .messages import (
    AUTH_FAILED,
    AUTH_REQUIRED,
    METHOD_NOT_FOUND,
    SESSION_ERROR,
    BadFrame,
    ErrorReply,
    Message,
    Reply,
    Report,
    Request,
    RequestId,
)
from .orders import AcceptLogin, RefuseLogin, SendPunt, SetGateway
from .protocol import REMEMBERED, Protocol

_L, _R = LocalProtocolError, RemoteProtocolError
_NO_METHOD = "Invalid Method, Missing Method or Permission Denied"  # mod_verto's words
_ASKED = 256  # own requests that may still be acknowledged; mobile SDKs acknowledge none


@dataclass(frozen=True, slots=True)
class ServerTimings:
    """Seconds."""

    ping_every: float = 12.0  # [JS] wants a frame at least every 20 s
    dead_after: float = 45.0  # without any frame from a client that is ready
    reply: float = 8.0  # below the 10 s of [JS] BaseSession.ts


@dataclass(frozen=True, slots=True)
class Owed:
    """A client's request that waits for an order."""

    verb: Verb
    call_id: str = ""
    action: str = ""


class ServerSession(Protocol):
    """The part of the server's machine that knows no calls."""

    _REQUESTS: ClassVar[Mapping[Verb, Callable[[Any, Request, float], None]]]

    def __init__(self, dialect: Dialect, voice_sdk_id: str, *, timings: ServerTimings | None = None) -> None:
        super().__init__(dialect)
        self.timings = timings or ServerTimings()
        self.voice_sdk_id = voice_sdk_id
        self.session_id: str | None = None
        """Set by `AcceptLogin`; while None, all but logins and reports is refused with -32000."""
        self.gateway = "REGED"
        self._count = 0
        self._owed: dict[RequestId, Owed] = {}
        self._lapsed: dict[RequestId, None] = {}
        self._asked: dict[RequestId, tuple[Verb, str]] = {}
        self._newest_login: RequestId | None = None
        self._heard = 0.0

    # --- orders about the login -----------------------------------------------------------------------

    def _accept_login(self, order: AcceptLogin, now: float) -> None:
        if self._settle(order.request_id, Verb.LOGIN) is None:
            return
        self.session_id = order.session_id
        newest = order.request_id == self._newest_login
        if newest:
            self._login(LoginFact.LOGIN_ACCEPTED, _L)
        self._result(order.request_id, message="logged in")
        for attach in order.attach:
            self._obey(attach, now)
        if newest:
            self._login(LoginFact.CLIENT_READY, _L)
            self._ask(Verb.CLIENT_READY, {"reattached_sessions": list(order.reattached)})
            self._timers.setdefault("ping", now + self.timings.ping_every)
            if not self.dialect.polls_gateway:
                self._registered()

    def _refuse_login(self, order: RefuseLogin, now: float) -> None:
        if order.code == AUTH_REQUIRED:
            raise LocalProtocolError("a login refused with -32000 would be tried again without end")
        if self._settle(order.request_id, Verb.LOGIN) is None:
            return
        if order.request_id == self._newest_login:
            self._login(LoginFact.LOGIN_REFUSED, _L)
        self._refuse(order.request_id, order.code, order.message)

    def _punt(self, order: SendPunt, now: float) -> None:
        self._login(LoginFact.PUNTED, _L)
        self._ask(Verb.PUNT, {})
        self._timers.clear()
        for request_id in list(self._owed):
            self._lapse(request_id)
        self._close = "punted"

    def _set_gateway(self, order: SetGateway, now: float) -> None:
        self.gateway = order.state

    # --- the client's frames --------------------------------------------------------------------------

    def _heard_from(self, message: Message | None, now: float) -> None:
        self._heard = now

    def _request(self, request: Request, now: float) -> None:
        verb = self.dialect.verb(request.method)
        if self.session_id is None and verb is not Verb.LOGIN:
            # [JS] logs in again on this code, whatever the request was
            raise BadFrame("Authentication Required", AUTH_REQUIRED)
        handle = self._REQUESTS.get(verb) if verb is not None else None
        if handle is None:
            raise BadFrame(_NO_METHOD, METHOD_NOT_FOUND)
        handle(self, request, now)

    def _refused(self, error: RemoteProtocolError, request_id: RequestId | None) -> None:
        code = error.code if isinstance(error, BadFrame) else SESSION_ERROR
        self._refuse(request_id, code, error.args[0])

    def _report(self, report: Report) -> None:
        self._result(report.id)  # [JS] holds its invite back until this comes

    def _reply(self, reply: Reply | ErrorReply, now: float) -> None:
        """Acknowledgements, PONGs, and replies to nothing ([FLU] answers pings under a new id)."""
        asked = self._asked.pop(reply.id, None) if reply.id is not None else None
        if asked is not None and asked[1]:
            error = reply.message if isinstance(reply, ErrorReply) else None
            self._events.append(RequestAcknowledged(asked[1], asked[0].value, error))

    def _login_requested(self, request: Request, now: float) -> None:
        event = self.dialect.login_requested(request)
        self._owe(request.id, Owed(Verb.LOGIN), now, LoginFact.LOGIN_SENT)
        self._newest_login = request.id
        self._events.append(replace(event, again=self.session_id is not None))

    def _gateway_polled(self, request: Request, now: float) -> None:
        # `sessid` beside `params` is required by [AND]; no call_report_id, hence no HTTP reports
        self._result(request.id, params={"state": self.gateway})
        if self.gateway == "REGED":
            self._registered()

    def _registered(self) -> None:
        if self.login_state is LoginState.REGISTERING:
            self._login(LoginFact.REGISTERED, _R)
            self._events.append(events.ClientReady())

    def _pinged(self, request: Request, now: float) -> None:
        # an echo of our own ping ([AND], [IOS]) has our id: to reply does no harm, and nothing to forget
        self._result(request.id, message="PONG")

    def _courtesy(self, request: Request, now: float) -> None:
        push = request.method.endswith("disable_push_notification")
        self._result(request.id, **({"message": "disable push notification success"} if push else {}))

    def _calls_wanted(self, request: Request, now: float) -> None:
        self._result(request.id, message="OK")
        self._events.append(CallsWanted())

    # --- time -----------------------------------------------------------------------------------------

    def _expired(self, timer: Hashable, now: float) -> None:
        match timer:
            case "ping":
                if now - self._heard >= self.timings.dead_after:
                    self._close = f"no frame from the client for {now - self._heard:.0f} s"
                    return
                self._ask(Verb.PING, {"serno": int(now)})
                self._timers["ping"] = now + self.timings.ping_every
            case ("owed", str() | int() as request_id):
                owed = self._lapse(request_id)
                if owed.verb is Verb.LOGIN and request_id == self._newest_login:
                    self._login(LoginFact.LOGIN_REFUSED, _L)
                code = AUTH_FAILED if owed.verb is Verb.LOGIN else SESSION_ERROR
                extras = {"callID": owed.call_id} if owed.call_id else {}
                self._refuse(request_id, code, "no decision in time", **extras)

    # --- replies and requests -------------------------------------------------------------------------

    def _owe(
        self,
        request_id: RequestId,
        owed: Owed,
        now: float,
        fact: LoginFact | None = None,
        within: float | None = None,
    ) -> None:
        if request_id in self._owed:
            raise BadFrame("a second request with the same id")
        if fact is not None:
            self._login(fact, _R)
        self._owed[request_id] = owed
        self._timers["owed", request_id] = now + (self.timings.reply if within is None else within)

    def _lapse(self, request_id: RequestId) -> Owed:
        """No reply can be given to this request any more; an order for it will come too late."""
        self._lapsed[request_id] = None
        while len(self._lapsed) > REMEMBERED:
            del self._lapsed[next(iter(self._lapsed))]
        return self._owed.pop(request_id)

    def _settle(self, request_id: RequestId, *verbs: Verb) -> Owed | None:
        """The request that an order replies to; None when the order comes too late."""
        owed = self._owed.get(request_id)
        if owed is None and request_id in self._lapsed:
            return None
        if owed is None or owed.verb not in verbs:
            raise LocalProtocolError(f"no such request waits: {request_id!r}")
        del self._owed[request_id]
        self._timers.pop(("owed", request_id), None)
        return owed

    def _result(self, request_id: RequestId, **members: Any) -> None:
        result = {**members, "sessid": self.session_id} if self.session_id is not None else members
        self._out.append(Reply(request_id, result, self.dialect.token_out(self.voice_sdk_id, None)))

    def _refuse(self, request_id: RequestId | None, code: int, message: str, **data: Any) -> None:
        top = self.dialect.token_out(self.voice_sdk_id, None)
        self._out.append(ErrorReply(request_id, code, message, data, top))

    def _ask(self, verb: Verb, params: dict[str, Any], call_id: str = "") -> None:
        self._count += 1
        self._asked[self._count] = (verb, call_id)
        self._asked.pop(self._count - _ASKED, None)
        top = self.dialect.token_out(self.voice_sdk_id, None)
        self._out.append(Request(self._count, self.dialect.method(verb), params, top))
