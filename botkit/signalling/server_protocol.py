"""The server role: one client's calls on one line, as the exchange sees them.

Theory of operation. Invite, bye, info and candidates are replied to at once; answer, attach and
modify wait for an order of the exchange. The result of an invite leaves in the step that received
it, hence always before any media or answer: [JS] loses the call's state otherwise. An exchange that
refuses a call says so by a bye with a cause, as the real service does.

A `Call` here is the client's view of it, so `ringing` on both ends means the same call at the same
point; pair tests compare the two. Calls are found by id on this line, and sessions by line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from botkit import events
from botkit.errors import LocalProtocolError, RemoteProtocolError
from botkit.states import CallFact, CallState, LoginFact, LoginState, next_call_state

from . import shapes
from .dialect import Parties, Verb, named_cause
from .messages import SESSION_ERROR, BadFrame, Request
from .modify import takes
from .orders import (
    AcceptAnswer,
    AcceptLogin,
    CallOrder,
    LineDown,
    LineUp,
    Order,
    RefuseLogin,
    RefuseRequest,
    ReplyModify,
    SendAnswer,
    SendAttach,
    SendBye,
    SendDisplay,
    SendInfo,
    SendInvite,
    SendMedia,
    SendPunt,
    SendRinging,
    SetGateway,
)
from .protocol import Call
from .server_session import Owed, ServerSession

_L, _R = LocalProtocolError, RemoteProtocolError
_NO_CALL = "CALL DOES NOT EXIST"


class ServerProtocol(ServerSession):
    """The server's machine for one line. Orders: `botkit.signalling.orders`; events: `facts`, `botkit.events`.

    `voice_sdk_id` is opaque text that stands in each frame ([JS] cannot reattach without one); real
    ones begin with VSDK1.
    """

    # --- orders about the line ------------------------------------------------------------------------

    def _obey(self, order: Order, now: float) -> None:
        obey = self._ORDERS.get(type(order))
        if obey is None:
            raise LocalProtocolError(f"{type(order).__name__} is not a server's order")
        obey(self, order, now)

    def _line_up(self, order: LineUp, now: float) -> None:
        self._login(LoginFact.SOCKET_OPENED, _L)
        self._heard = now
        self._events.append(events.Connected())

    def _line_down(self, order: LineDown, now: float) -> None:
        """Answered calls are `Dropped`: the exchange keeps them a while and offers them on a newer line."""
        self._login(LoginFact.SOCKET_CLOSED, _L)
        self._timers.clear()
        for request_id in list(self._owed):
            self._lapse(request_id)
        self._events.append(events.Disconnected(order.reason))
        for call in list(self._calls.values()):
            if self._move(call, CallFact.NETWORK_LOST, _L).is_over:
                said = named_cause("DESTINATION_OUT_OF_ORDER", None)  # as mod_verto does
                self._events.append(events.Ended(call.id, said.name, said.code))
            else:
                self._events.append(events.Dropped(call.id, order.reason))

    # --- orders about calls ---------------------------------------------------------------------------

    def _send_invite(self, order: SendInvite, now: float) -> None:
        if self.session_id is None or self.login_state is LoginState.DISCONNECTED:
            raise LocalProtocolError("a call to a client that is not logged in")
        if self._named(order.call_id) is not None:
            raise LocalProtocolError(f"a second call with the id {order.call_id!r}")
        call = Call(order.call_id, outbound=False, parties=_parties(order, "outbound"), ids=order.telnyx_ids)
        self._move(call, CallFact.INVITE_RECEIVED, _L)
        self._add(call)
        self._ask_about(call, Verb.INVITE, order)

    def _send_attach(self, order: SendAttach, now: float) -> None:
        call = self._calls.get(order.call_id)
        if call is None:
            parties = _parties(order, "inbound" if order.inbound else "outbound")
            call = Call(order.call_id, order.inbound, CallState.DROPPED, True, order.held, parties, order.telnyx_ids)
            self._move(call, CallFact.NETWORK_BACK, _L)
            self._add(call)
        else:
            self._allowed(call, CallFact.REATTACHED, _L)
            call.was_held = call.state is CallState.HELD
        self._ask_about(call, Verb.ATTACH, order)

    def _send_ringing(self, order: SendRinging, now: float) -> None:
        if (call := self._in_progress(order)) is not None:
            self._move(call, CallFact.RANG, _L)
            call.ids = order.telnyx_ids or call.ids
            self._ask_about(call, Verb.RINGING, order)

    def _send_media(self, order: SendMedia, now: float) -> None:
        if (call := self._in_progress(order)) is not None:
            if call.sdp_done:
                raise LocalProtocolError("a second SDP for one call")
            self._move(call, CallFact.EARLY_MEDIA, _L)
            call.sdp_done = True
            self._ask_about(call, Verb.MEDIA, order)

    def _send_answer(self, order: SendAnswer, now: float) -> None:
        if (call := self._in_progress(order)) is not None:
            if order.sdp is None and not call.sdp_done:
                raise LocalProtocolError("an answer without SDP, and no media went before")
            self._move(call, CallFact.ANSWERED, _L)
            call.ids = order.telnyx_ids or call.ids
            # a second copy would be set in a stable peer connection ([AND], [FLU])
            self._ask_about(call, Verb.ANSWER, replace(order, sdp=None) if call.sdp_done else order)
            call.sdp_done = True

    def _send_bye(self, order: SendBye, now: float) -> None:
        if (call := self._ordered(order)) is not None:
            self._move(call, CallFact.BYE_RECEIVED, _L)
            if self.login_state not in (LoginState.DISCONNECTED, LoginState.PUNTED):
                self._ask_about(call, Verb.BYE, order)

    def _send_about(self, order: SendDisplay | SendInfo, now: float) -> None:
        call = self._ordered(order)
        if call is not None and call.state is not CallState.DROPPED:  # without a line there is nobody to tell
            self._ask_about(call, Verb.DISPLAY if isinstance(order, SendDisplay) else Verb.INFO, order)

    def _accept_answer(self, order: AcceptAnswer, now: float) -> None:
        owed = self._settle(order.request_id, Verb.ANSWER, Verb.ATTACH)
        if owed is None:
            return
        attach = owed.verb is Verb.ATTACH
        call = self._calls.get(owed.call_id)
        if call is None:
            self._refuse(order.request_id, SESSION_ERROR, _NO_CALL, callID=owed.call_id)  # it met a bye
            return
        if attach:
            self._move(call, CallFact.REATTACHED, _L)
            if call.was_held:
                self._move(call, CallFact.HOLD, _L)
            call.was_held = False
        else:
            self._move(call, CallFact.ANSWER_ACCEPTED, _L)
        self._result(order.request_id, message="CALL ATTACHED" if attach else "CALL ANSWERED", callID=call.id)

    def _reply_modify(self, order: ReplyModify, now: float) -> None:
        waiting = self._owed.get(order.request_id)
        if waiting is not None and waiting.action == "updateMedia" and not order.sdp:
            raise LocalProtocolError("the answer to an updateMedia needs its SDP")
        owed = self._settle(order.request_id, Verb.MODIFY)
        if owed is None:
            return
        call = self._calls.get(owed.call_id)
        if call is None:
            self._refuse(order.request_id, SESSION_ERROR, _NO_CALL, callID=owed.call_id)
            return
        state = order.hold_state or shapes.hold_after(owed.action, call.state is CallState.HELD)
        self._move(call, CallFact.HOLD if state == "held" else CallFact.UNHOLD, _L)
        extras = {"sdp": order.sdp, "message": order.message, "reason": order.reason, "waited": order.waited}
        said = {name: value for name, value in extras.items() if value is not None}
        self._result(order.request_id, callID=call.id, action=owed.action, holdState=state, **said)

    def _refuse_request(self, order: RefuseRequest, now: float) -> None:
        owed = self._settle(order.request_id, Verb.ANSWER, Verb.ATTACH, Verb.MODIFY)
        if owed is not None:
            # as mod_verto's error to an invite has them (10.4)
            why = {"cause": order.cause.name, "causeCode": order.cause.code} if order.cause is not None else {}
            self._refuse(order.request_id, order.code, order.message, callID=owed.call_id, **why)

    # --- the client's requests --------------------------------------------------------------------------

    def _invited(self, request: Request, now: float) -> None:
        event = shapes.invite_received(request.id, request.params)
        if event.call_id in self._calls:
            raise BadFrame("CALL ALREADY EXISTS", SESSION_ERROR)
        name = shapes.text(event.dialog, "remote_caller_id_name")
        parties = Parties(event.caller_name, event.caller_number, name, event.destination, "inbound")
        call = Call(event.call_id, outbound=True, parties=parties)
        self._move(call, CallFact.INVITE_SENT, _R)
        self._move(call, CallFact.INVITE_ACCEPTED, _R)
        self._add(call)
        self._result(request.id, message="CALL CREATED", callID=call.id)
        self._events.append(event)

    def _answered(self, request: Request, now: float) -> None:
        event = shapes.answer_received(request.id, request.params, attach=False)
        call = self._live(event.call_id)
        if call.outbound:
            raise BadFrame("an answer to a call that the client placed", SESSION_ERROR)
        self._allowed(call, CallFact.ANSWER_SENT, _R)
        self._owe(request.id, Owed(Verb.ANSWER, call.id), now)
        self._move(call, CallFact.ANSWER_SENT, _R)
        self._events.append(event)

    def _attached(self, request: Request, now: float) -> None:
        event = shapes.answer_received(request.id, request.params, attach=True)
        call = self._live(event.call_id)
        self._allowed(call, CallFact.REATTACHED, _R)
        self._owe(request.id, Owed(Verb.ATTACH, call.id), now)
        self._events.append(event)

    def _modified(self, request: Request, now: float) -> None:
        call = self._live(shapes.call_id(request.params))
        event = shapes.modify_received(request.id, request.params, call.state is CallState.HELD)
        if next_call_state(call.state, CallFact.UNHOLD) is None:  # a row exactly where a call is up
            raise BadFrame("Cannot update a call that has not been answered.", SESSION_ERROR)
        within = takes(event.action, event.ring_timeout)  # of no SDK, so no SDK's 10 s count
        self._owe(request.id, Owed(Verb.MODIFY, call.id, event.action), now, within=within)
        self._events.append(event)

    def _ended(self, request: Request, now: float) -> None:
        """A bye is replied to at once, also for a call that is over or unknown: without a reply [JS] waits
        5 s and gives the line up after 10 s."""
        event = shapes.bye_received(request.params)
        call = self._calls.get(event.call_id)
        if call is not None:
            self._move(call, CallFact.BYE_SENT, _R)
            self._events.append(event)
        said = {"cause": event.cause, "causeCode": event.code}
        self._result(request.id, callID=event.call_id, message="CALL ENDED", **said)

    def _informed(self, request: Request, now: float) -> None:
        event = shapes.info(request.params)
        if event.call_id in self._calls:
            self._events.append(event)
        self._result(request.id, message="SENT")

    def _candidate(self, request: Request, now: float) -> None:
        """Candidates of a call that we have not heard of are handed on too: they may overtake its invite.
        Those of a call that is over are not; all get their reply, and endOfCandidates may come twice."""
        event = shapes.candidate(request.params)
        if event.call_id and event.call_id not in self._over:
            self._events.append(event)
        self._result(request.id)

    # --- tools ----------------------------------------------------------------------------------------------

    def _live(self, call_id: str) -> Call:
        call = self._calls.get(shapes.needed(call_id, "CallID missing"))
        if call is None:
            raise BadFrame(_NO_CALL, SESSION_ERROR)
        return call

    def _in_progress(self, order: CallOrder) -> Call | None:
        """The call of a ringing, media or answer order: the client placed it, and it is not answered."""
        call = self._ordered(order)
        if call is not None and (not call.outbound or call.state.is_up):
            raise LocalProtocolError(f"{type(order).__name__} for a call that the client waits for no answer on")
        return call

    def _ask_about(self, call: Call, verb: Verb, order: CallOrder) -> None:
        self._ask(verb, self.dialect.server_params(order, call.parties, call.ids), call.id)

    _ORDERS: ClassVar[dict[type[Order], Callable[[ServerProtocol, Any, float], None]]] = {
        LineUp: _line_up,
        LineDown: _line_down,
        AcceptLogin: ServerSession._accept_login,
        RefuseLogin: ServerSession._refuse_login,
        SendPunt: ServerSession._punt,
        SetGateway: ServerSession._set_gateway,
        SendInvite: _send_invite,
        SendAttach: _send_attach,
        SendRinging: _send_ringing,
        SendMedia: _send_media,
        SendAnswer: _send_answer,
        SendBye: _send_bye,
        SendDisplay: _send_about,
        SendInfo: _send_about,
        AcceptAnswer: _accept_answer,
        ReplyModify: _reply_modify,
        RefuseRequest: _refuse_request,
    }
    _REQUESTS: ClassVar[Mapping[Verb, Callable[[Any, Request, float], None]]] = {
        Verb.LOGIN: ServerSession._login_requested,
        Verb.GATEWAY_STATE: ServerSession._gateway_polled,
        Verb.PING: ServerSession._pinged,
        Verb.COURTESY: ServerSession._courtesy,
        Verb.ATTACH_CALLS: ServerSession._calls_wanted,
        Verb.INVITE: _invited,
        Verb.ANSWER: _answered,
        Verb.ATTACH: _attached,
        Verb.MODIFY: _modified,
        Verb.BYE: _ended,
        Verb.INFO: _informed,
        Verb.CANDIDATE: _candidate,
        Verb.END_OF_CANDIDATES: _candidate,
    }


def _parties(order: SendInvite | SendAttach, direction: str) -> Parties:
    return Parties(order.caller_name, order.caller_number, order.callee_name, order.callee_number, direction=direction)
