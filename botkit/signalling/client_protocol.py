"""The client role: place calls and take them, on the session that `client_session.py` keeps.

Theory of operation. One `ClientProtocol` lives as long as its client and spans several lines:
`LineUp` and `LineDown` tell it of each. What a request's time-out means is in `_timed_out`.

The answer SDP is taken once, from whichever of invite result, media and answer has it first. A call
is over for us when our bye is sent; the reply only confirms it. When the line is lost, unanswered
calls end, and answered ones wait to be offered again (`AttachOffered`) on the next line.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, ClassVar

from botkit import events
from botkit.errors import LocalProtocolError, RemoteProtocolError
from botkit.states import CallFact, CallState, LoginFact, LoginState

from . import shapes
from .client_session import ClientSession, Pending
from .dialect import Parties, Verb, named_cause
from .facts import HangupAccepted, ProtocolViolated, RequestTimedOut
from .messages import ErrorReply, Reply, Request
from .modify import came_to_nothing, came_true, is_taking_back, refused, refused_by, takes
from .orders import (
    Answer,
    AnswerAttach,
    Hangup,
    HoldState,
    Invite,
    LineDown,
    LineUp,
    Login,
    Modify,
    Order,
    Ping,
    SendInfo,
    UpdateMedia,
)
from .protocol import Call

_L, _R = LocalProtocolError, RemoteProtocolError
_LOST = frozenset({CallState.DROPPED, CallState.RECONNECTING})
_REPLY_LOST = "the connection was lost before the reply"


class ClientProtocol(ClientSession):
    """The client's machine. Orders: `botkit.signalling.orders`; events: `botkit.events` and `facts`."""

    # --- orders ----------------------------------------------------------------------------------

    def _obey(self, order: Order, now: float) -> None:
        obey = self._ORDERS.get(type(order))
        if obey is None:
            raise LocalProtocolError(f"{type(order).__name__} is not a client's order")
        obey(self, order, now)

    def _line_up(self, order: LineUp, now: float) -> None:
        self._login(LoginFact.SOCKET_OPENED, _L)
        self._events.append(events.Connected())
        self._heard = self._answered = now
        self._watch(now)
        for call in self._calls.values():
            if call.state is CallState.DROPPED:
                self._move(call, CallFact.NETWORK_BACK, _L)
                self._events.append(events.Reconnecting(call.id))

    def _line_down(self, order: LineDown, now: float) -> None:
        if self.login_state not in (LoginState.DISCONNECTED, LoginState.PUNTED):
            self._session_seen = now
        self._login(LoginFact.SOCKET_CLOSED, _L)
        pending, self._pending = list(self._pending.values()), {}
        self._after_login.clear()
        for timer in [name for name in self._timers if not (isinstance(name, tuple) and name[0] == "recovery")]:
            del self._timers[timer]
        self._events.append(events.Disconnected(order.reason))
        for request in pending:
            self._reply_lost(request)
        for call in list(self._calls.values()):
            held = call.state is CallState.HELD or (call.state in _LOST and call.was_held)
            if self._move(call, CallFact.NETWORK_LOST, _L).is_over:
                self._ended(call, "NETWORK_OUT_OF_ORDER")
            else:
                call.was_held = held
                self._timers.setdefault(("recovery", call.id), now + self.timings.recovery)
                self._events.append(events.Dropped(call.id, order.reason))

    def _invite(self, order: Invite, now: float) -> None:
        if self.login_state is not LoginState.READY:
            raise LocalProtocolError(f"a call before the client is ready ({self.login_state.value})")
        if order.call_id in self._calls or order.call_id in self._over:
            raise LocalProtocolError(f"a second call with the id {order.call_id!r}")
        if not order.sdp:
            raise LocalProtocolError("an invite without an offer")
        call = Call(order.call_id, outbound=True)
        self._move(call, CallFact.INVITE_SENT, _L)
        self._add(call)
        params = self.dialect.invite_params(order, self.session_id)
        self._send(Verb.INVITE, params, now + self.timings.reply, "invite", call.id, order)

    def _answer(self, order: Answer, now: float) -> None:
        if (call := self._on_line(order)) is None:
            return
        if call.outbound:
            raise LocalProtocolError("an answer to a call that we placed")
        self._move(call, CallFact.ANSWER_SENT, _L)
        params = self.dialect.answer_params(order, self.session_id, call.parties)
        self._send(Verb.ANSWER, params, now + self.timings.reply, "answer", call.id, order)

    def _answer_attach(self, order: AnswerAttach, now: float) -> None:
        if (call := self._on_line(order)) is None:
            return
        self._allowed(call, CallFact.REATTACHED, _L)
        params = self.dialect.answer_params(order, self.session_id, call.parties)
        self._send(Verb.ATTACH, params, now + self.timings.reply, "attach", call.id, order)

    def _hang_up(self, order: Hangup, now: float) -> None:
        call = self._ordered(order)
        if call is None:
            return
        said = self.dialect.hangup_cause(call.state, call.outbound)
        said = named_cause(order.cause or said.name, order.code)
        self._say_bye(call, replace(order, cause=said.name, code=said.code), now)

    def _modify(self, order: Modify | UpdateMedia, now: float) -> None:
        if (call := self._on_line(order)) is None:
            return
        self._allowed(call, CallFact.UNHOLD, _L)  # a row exactly where a call is up on this line
        within = self.timings.reply
        if isinstance(order, Modify) and (longer := takes(order.action, order.ring_timeout)) is not None:
            if not order.destination:
                raise LocalProtocolError(f"{order.action} without a destination")
            within += longer
        params = self.dialect.modify_params(order, self.session_id)
        self._send(Verb.MODIFY, params, now + within, "modify", call.id, order)

    def _send_info(self, order: SendInfo, now: float) -> None:
        if (call := self._on_line(order)) is None:
            return
        params = self.dialect.info_params(order, self.session_id)
        self._send(Verb.INFO, params, now + self.timings.reply, "info", call.id, order)

    # --- replies -----------------------------------------------------------------------------------

    def _reply(self, reply: Reply | ErrorReply, now: float) -> None:
        pending = self._forget(reply.id) if reply.id is not None else None
        if pending is None:
            # a poll that was given up, or nothing of ours; SDKs read the gateway's state from either
            if self.dialect.polls_gateway and isinstance(reply, Reply) and shapes.mapping(reply.result, "params"):
                self._gateway_told(shapes.gateway_state(reply.result), now)
            return
        self._answered = now
        if isinstance(reply, ErrorReply):
            self._failed(pending, reply, now)
            return
        result = reply.result
        match pending.verb:
            case Verb.LOGIN:
                self._logged_in(result, now)
            case Verb.GATEWAY_STATE:
                self._gateway_told(shapes.gateway_state(result), now)
            case Verb.INVITE | Verb.ANSWER | Verb.ATTACH | Verb.MODIFY | Verb.BYE:
                self._call_reply(pending, result)

    def _call_reply(self, pending: Pending, result: Any) -> None:
        call_id = pending.call_id or ""
        if pending.verb is Verb.BYE:
            self._events.append(HangupAccepted(call_id))
            return
        call = self._calls.get(call_id)
        if call is None:
            return  # it has met a bye
        order = pending.order
        match pending.verb:
            case Verb.INVITE:
                self._move(call, CallFact.INVITE_ACCEPTED, _R)
                self._events.append(events.CallAccepted(call.id))
                if sdp := shapes.text(result, "sdp"):  # seen with the login option early_sdp_answer
                    self._early_media(call, sdp)
            case Verb.ANSWER:
                self._move(call, CallFact.ANSWER_ACCEPTED, _R)
                self._events.append(events.Answered(call.id))
            case Verb.ATTACH:
                self._move(call, CallFact.REATTACHED, _R)
                if call.was_held:
                    self._move(call, CallFact.HOLD, _R)
                call.was_held = False
                self._timers.pop(("recovery", call.id), None)
                self._events.append(events.Reconnected(call.id))
            case Verb.MODIFY:
                if (told := came_true(call.id, order, result)) is not None:
                    self._events.append(told)
                elif isinstance(order, Modify) and not is_taking_back(order):
                    self._hold_changed(call, order, shapes.hold_state(result))

    def _hold_changed(self, call: Call, order: Modify, state: HoldState) -> None:
        """A result is no proof (mod_verto gives one for an action that it does not know); the state in it is."""
        if state != {"hold": "held", "unhold": "active"}.get(order.action, state):
            self._events.append(events.CallRefused(call.id, "modify", 0, f"it says that the call is {state}"))
        elif state == "held":
            self._move(call, CallFact.HOLD, _R)
            self._events.append(events.Held(call.id))
        else:
            self._move(call, CallFact.UNHOLD, _R)
            self._events.append(events.Resumed(call.id))

    def _failed(self, pending: Pending, error: ErrorReply, now: float) -> None:
        """An error reply. A refused invite is the end of the call; so is a refused answer, with a bye."""
        if self._log_in_again(pending, error, now):
            return
        if pending.verb is Verb.LOGIN:
            self._login(LoginFact.LOGIN_REFUSED, _R)
            self._events.append(events.LoginFailed(error.code, error.message))
            return
        if pending.verb is Verb.GATEWAY_STATE:
            self._poll_in_vain("", now)
            return
        call = self._calls.get(pending.call_id or "")
        if pending.verb is Verb.BYE:
            self._events.append(HangupAccepted(pending.call_id or ""))  # the call is unknown there: as good
        if call is None:
            return
        if pending.verb is Verb.MODIFY:
            self._told(refused_by(call.id, pending.order, error))
            return
        self._events.append(events.CallRefused(call.id, pending.verb.value, error.code, error.message))
        if pending.verb is Verb.INVITE:
            self._move(call, CallFact.BYE_RECEIVED, _R)
            name, code = shapes.cause({"cause": "NORMAL_TEMPORARY_FAILURE", **error.data})
            self._ended(call, name, code)
        elif pending.verb in (Verb.ANSWER, Verb.ATTACH):
            self._hang_up(Hangup(call.id), now)

    def _punted(self, request: Request, now: float) -> None:
        self._login(LoginFact.PUNTED, _R)
        self._events.append(events.Punted())
        for call in list(self._calls.values()):
            self._move(call, CallFact.BYE_RECEIVED, _R)
            self._ended(call, "PICKED_OFF")
        self._timers.clear()
        self._pending.clear()
        self._close = "punted"

    # --- the server's requests ------------------------------------------------------------------------

    def _request(self, request: Request, now: float) -> None:
        verb = self.dialect.verb(request.method)
        handle = self._REQUESTS.get(verb) if verb is not None else None
        if handle is not None:
            handle(self, request, now)
        known = self._named(shapes.call_id(request.params)) is not None
        if verb is None or (verb in self.dialect.acknowledged and known) or self.dialect.replies_to_all:
            self._out.append(Reply(request.id, {"method": request.method}))

    def _invited(self, request: Request, now: float) -> None:
        if self.login_state not in (LoginState.LOGGED_IN, LoginState.REGISTERING, LoginState.READY):
            raise RemoteProtocolError("an invite before the login")
        event = shapes.incoming(request.params, self.dialect.headers_in(request.params))
        if event.call_id in self._calls:
            raise RemoteProtocolError("an invite for a call that there is")
        names = (event.caller_name, event.caller_number, event.callee_name, event.callee_number)
        call = Call(event.call_id, outbound=False, parties=Parties(*names, direction="outbound"))
        self._move(call, CallFact.INVITE_RECEIVED, _R)
        self._add(call)
        self._events.append(event)

    def _attach_offered(self, request: Request, now: float) -> None:
        event = shapes.attach_offered(request.params)
        call = self._calls.get(event.call_id)
        if call is not None:
            self._allowed(call, CallFact.REATTACHED, _R)
            self._events.append(event)
        elif (over := self._over.get(event.call_id)) is not None:
            self._send_bye(Hangup(over.id, "NORMAL_CLEARING", 16), now)  # it ended while there was no line

    def _placed(self, request: Request) -> Call | None:
        """The call that a ringing, media or answer is about; None when it is over or unknown."""
        call = self._calls.get(shapes.call_id(request.params))
        if call is not None and not call.outbound:
            raise RemoteProtocolError("progress of a call that we have not placed")
        return call

    def _rang(self, request: Request, now: float) -> None:
        if (call := self._placed(request)) is not None:
            self._move(call, CallFact.RANG, _R)
            self._events.append(events.Ringing(call.id, shapes.telnyx_ids(request.params)))

    def _media(self, request: Request, now: float) -> None:
        if (call := self._placed(request)) is not None:
            sdp = shapes.text(request.params, "sdp")
            self._early_media(call, sdp if call.sdp_done else shapes.needed(sdp, "SDP missing"))

    def _early_media(self, call: Call, sdp: str) -> None:
        self._move(call, CallFact.EARLY_MEDIA, _R)
        if not call.sdp_done:
            call.sdp_done = True
            self._events.append(events.EarlyMedia(call.id, sdp))

    def _answered_by_far_end(self, request: Request, now: float) -> None:
        call = self._placed(request)
        if call is None:
            return
        was_up = call.state.is_up
        self._allowed(call, CallFact.ANSWERED, _R)
        sdp = shapes.text(request.params, "sdp") or None
        if was_up:
            return  # a second answer
        if sdp is None and not call.sdp_done:
            said = "an answer without SDP, and no media came before"
            self._events.append(ProtocolViolated(said, call.id))
            self._hang_up(Hangup(call.id, "MANDATORY_IE_MISSING"), now)  # nothing could ever be heard
            return
        self._move(call, CallFact.ANSWERED, _R)
        sdp, call.sdp_done = None if call.sdp_done else sdp, True
        self._events.append(events.Answered(call.id, sdp, self.dialect.headers_in(request.params)))

    def _bye_received(self, request: Request, now: float) -> None:
        event = shapes.ended(request.params)
        call = self._calls.get(event.call_id)
        if call is not None:
            self._move(call, CallFact.BYE_RECEIVED, _R)
            self._events.append(event)
            self._timers.pop(("recovery", call.id), None)

    def _candidate(self, request: Request, now: float) -> None:
        if shapes.call_id(request.params) in self._calls:
            self._events.append(shapes.candidate(request.params))

    def _display(self, request: Request, now: float) -> None:
        if shapes.call_id(request.params) in self._calls:
            self._events.append(shapes.display(request.params))

    def _info(self, request: Request, now: float) -> None:
        if shapes.call_id(request.params) in self._calls:
            self._events.append(shapes.info(request.params))

    # --- time ------------------------------------------------------------------------------------------

    def _expired(self, timer: Hashable, now: float) -> None:
        match timer:
            case ("reply", str() | int() as request_id):
                pending = self._pending.pop(request_id, None)
                if pending is not None:
                    self._timed_out(pending, now)
            case ("recovery", str(call_id)):
                if (call := self._calls.get(call_id)) is not None:
                    self._recovery_over(call)
            case "client_ready":
                self._login(LoginFact.CLIENT_READY, _L)  # the server forgot it; the poll will tell
                self._begin_polling(now)
            case "poll":
                self._poll(now)
            case "watch":
                if now >= self._heard + self.timings.quiet or now >= self._answered + self.timings.unanswered:
                    self._ping(None, now, self.timings.probe)
                self._watch(now)

    def _timed_out(self, pending: Pending, now: float) -> None:
        """No reply came. To a poll: it was in vain. To a ping: the line is dead. To an invite or answer:
        the call ends with a bye. To a transfer: it failed. Else the event is all."""
        if pending.verb is Verb.GATEWAY_STATE:
            if self.login_state is LoginState.REGISTERING:
                if self._polls_in_vain + 1 >= self.timings.polls:
                    self._events.append(RequestTimedOut("ready"))
                self._poll_in_vain("", now)
            return
        self._events.append(RequestTimedOut(pending.phase, pending.call_id))
        if pending.verb is Verb.PING:
            self._close = "the server does not answer pings"
        call = self._calls.get(pending.call_id or "")
        if call is None:
            return
        if pending.verb in (Verb.INVITE, Verb.ANSWER, Verb.ATTACH):
            self._hang_up(Hangup(call.id, "RECOVERY_ON_TIMER_EXPIRE"), now)
        else:
            self._told(came_to_nothing(call.id, pending.order, "no reply"))

    def _reply_lost(self, pending: Pending) -> None:
        """The line is gone, and the reply with it. Nothing is asked again on the next one: SDKs do not either
        (signalling.md 1.10). Who waits for a change of a call that may outlive the line must hear of it."""
        call = self._calls.get(pending.call_id or "")
        if call is None or pending.verb is not Verb.MODIFY:
            return
        told = came_to_nothing(call.id, pending.order, _REPLY_LOST)
        self._told(told or refused(call.id, pending.order, 0, _REPLY_LOST))

    def _server_kept(self, call_ids: tuple[str, ...]) -> None:
        waiting = [call for call in self._calls.values() if call.state in _LOST]
        if not any(call.id in call_ids for call in waiting):  # it has none of ours any more ([JS] error 48501)
            for call in waiting:
                self._recovery_over(call)

    # --- tools -----------------------------------------------------------------------------------------

    def _told(self, event: events.CallEvent | None) -> None:
        if event is not None:
            self._events.append(event)

    def _on_line(self, order: Answer | AnswerAttach | Modify | UpdateMedia | SendInfo) -> Call | None:
        """The call, on a line that is up."""
        call = self._ordered(order)
        if call is not None and self.login_state in (LoginState.DISCONNECTED, LoginState.PUNTED):
            raise LocalProtocolError("there is no line to send it on")
        return call

    def _say_bye(self, call: Call, order: Hangup, now: float) -> None:
        self._move(call, CallFact.BYE_SENT, _L)
        self._timers.pop(("recovery", call.id), None)
        if self.login_state is not LoginState.DISCONNECTED:
            self._send_bye(order, now)
        said = named_cause(order.cause or "", order.code)
        self._events.append(events.Ended(call.id, said.name, said.code, order.sip_code, order.sip_reason, by_us=True))

    def _send_bye(self, order: Hangup, now: float) -> None:
        said = named_cause(order.cause or "", order.code)
        params = self.dialect.bye_params(order, said, self.session_id)
        self._send(Verb.BYE, params, now + self.timings.bye, "bye", order.call_id, order)

    def _ended(self, call: Call, cause: str, code: int | None = None) -> None:
        said = named_cause(cause, code)
        self._events.append(events.Ended(call.id, said.name, said.code))

    def _recovery_over(self, call: Call) -> None:
        self._timers.pop(("recovery", call.id), None)
        self._move(call, CallFact.RECOVERY_EXPIRED, _L)
        self._ended(call, "RECOVERY_ON_TIMER_EXPIRE")

    _ORDERS: ClassVar[dict[type[Order], Callable[[ClientProtocol, Any, float], None]]] = {
        LineUp: _line_up,
        LineDown: _line_down,
        Login: ClientSession._log_in,
        Invite: _invite,
        Answer: _answer,
        AnswerAttach: _answer_attach,
        Hangup: _hang_up,
        Modify: _modify,
        UpdateMedia: _modify,
        SendInfo: _send_info,
        Ping: ClientSession._ping,
    }
    _REQUESTS: ClassVar[dict[Verb, Callable[[ClientProtocol, Request, float], None]]] = {
        Verb.CLIENT_READY: ClientSession._client_ready,
        Verb.GATEWAY_STATE: ClientSession._gateway_pushed,
        Verb.PING: ClientSession._pinged,
        Verb.PUNT: _punted,
        Verb.INVITE: _invited,
        Verb.RINGING: _rang,
        Verb.MEDIA: _media,
        Verb.ANSWER: _answered_by_far_end,
        Verb.ATTACH: _attach_offered,
        Verb.CANDIDATE: _candidate,
        Verb.END_OF_CANDIDATES: _candidate,
        Verb.DISPLAY: _display,
        Verb.INFO: _info,
        Verb.BYE: _bye_received,
    }
