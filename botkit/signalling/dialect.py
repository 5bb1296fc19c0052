"""What a dialect must answer: the names of its methods, and the shapes of its frames.

The protocol machines think in `Verb`s, orders and facts. A dialect turns orders into params and
says how a session is made ready; how params become facts (`shapes.py`) both dialects share. The
state machines never name a dialect: what differs is a member or a method of this class.

The writers here are those that `telnyx_rtc` and `verto` have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from botkit.causes import CAUSES, Cause, cause
from botkit.errors import ConfigError
from botkit.states import CallState

from . import shapes
from .facts import LoginRequested
from .messages import Members, Request, RequestId
from .orders import (
    Answer,
    AnswerAttach,
    CallOrder,
    Hangup,
    Invite,
    Login,
    Modify,
    Pairs,
    SendAnswer,
    SendAttach,
    SendBye,
    SendDisplay,
    SendInfo,
    SendInvite,
    SendMedia,
    SendRinging,
    UpdateMedia,
)

USER_AGENT = "botkit-0.1"

Params = dict[str, Any]


class Verb(Enum):
    """What a message is about, however the dialect spells it."""

    LOGIN = "login"
    CLIENT_READY = "clientReady"
    GATEWAY_STATE = "gatewayState"
    PING = "ping"
    PUNT = "punt"
    INVITE = "invite"
    RINGING = "ringing"
    MEDIA = "media"
    ANSWER = "answer"
    ATTACH = "attach"
    CANDIDATE = "candidate"
    END_OF_CANDIDATES = "endOfCandidates"
    MODIFY = "modify"
    INFO = "info"
    DISPLAY = "display"
    BYE = "bye"
    ATTACH_CALLS = "attachCalls"
    COURTESY = "courtesy"  # to be replied to, and of no other consequence


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom, and the direction of the server's channel: "outbound" for a call to the client,
    "inbound" for one from it ([FS])."""

    caller_name: str = ""
    caller_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    direction: str = "inbound"

    def members(self) -> Params:
        """As they stand in a server's params."""
        return {
            "caller_id_name": self.caller_name,
            "caller_id_number": self.caller_number,
            "callee_id_name": self.callee_name,
            "callee_id_number": self.callee_number,
            "display_direction": self.direction,
        }


class Dialect:
    """One wire language. Instances hold no state; all lines of a process share them."""

    name: ClassVar[str]
    methods: ClassVar[Mapping[str, Verb]]
    """Each method on the wire. Several may share a verb; the first of them is the one that is written."""
    acknowledged: ClassVar[frozenset[Verb]] = frozenset(
        {
            Verb.INVITE,
            Verb.ATTACH,
            Verb.RINGING,
            Verb.MEDIA,
            Verb.ANSWER,
            Verb.DISPLAY,
            Verb.CANDIDATE,
            Verb.BYE,
        }
    )
    """The server's requests that a client acknowledges with `{method}` ([JS] VertoHandler.ts)."""
    replies_to_all: ClassVar[bool] = False
    """Every request of the server gets `{method}`, its ping too; else only those, and a ping is met by a ping."""
    quiet: ClassVar[float] = 0.0
    """Seconds of silence that the server needs now and then to say something by itself (`pace.Pace`)."""
    login_hint: ClassVar[str] = "check login and password (or the token, and its expiry) of this account"
    """What to look at when a login is refused."""
    polls_gateway: ClassVar[bool]
    """Readiness is a poll of the gateway; where it is not, clientReady is the end of the login."""
    session_made_by_client: ClassVar[bool]
    """The client names the session (verto), or the server does (telnyx)."""

    def method(self, verb: Verb) -> str:
        """The method that is written for `verb`."""
        return next(method for method, known in self.methods.items() if known is verb)

    def verb(self, method: str) -> Verb | None:
        """What `method` is about; None for one that the dialect does not know."""
        return self.methods.get(method)

    def new_request_id(self, count: int, new_uuid: Callable[[], str]) -> RequestId:
        """The id of a client's request number `count`."""
        raise NotImplementedError

    def hangup_cause(self, state: CallState, outbound: bool) -> Cause:
        """The cause of a bye that names none: busy before the answer, normal after it ([JS], [AND], [IOS])."""
        return CAUSES["NORMAL_CLEARING" if state.is_up else "USER_BUSY"]

    # --- the session's own ids --------------------------------------------------------------

    def token_in(self, top: Members) -> str | None:
        """The routing token among a server frame's top-level members."""
        return None

    def token_out(self, token: str | None, verb: Verb | None) -> Params:
        """Top-level members of a client's request (`verb`), or of each frame of a server (None)."""
        return {}

    def line_url(self, url: str, token: str | None) -> str:
        """Where to connect, when a former session's `token` is at hand."""
        return url

    # --- login ------------------------------------------------------------------------------

    def login_method(self, order: Login) -> str:
        """The method of a login with these credentials."""
        return self.method(Verb.LOGIN)

    def login_params(self, order: Login, session_id: str | None, reconnection: bool) -> Params:
        """The params of a login; `session_id` names a former session that may still be held."""
        raise NotImplementedError

    def login_requested(self, request: Request) -> LoginRequested:
        """A client's login. Raises `BadFrame` (-32001) when it holds no credentials."""
        raise NotImplementedError

    # --- a client's requests about calls -----------------------------------------------------

    def dialog(self, call_id: str, session_id: str | None, **members: Any) -> Params:
        """The params that all call requests share; `members` go into the dialogParams."""
        return {"sessid": session_id, "dialogParams": {"callID": call_id, **members}}

    def headers_out(self, headers: Pairs) -> Params:
        """Custom headers as members of the dialogParams."""
        raise NotImplementedError

    def headers_in(self, params: Members) -> Pairs:
        """The custom headers in a server's params."""
        return shapes.headers(shapes.dialog(params))

    def invite_params(self, order: Invite, session_id: str | None) -> Params:
        said = {
            "destination_number": order.destination,
            "remote_caller_id_name": "Outbound Call",
            "remote_caller_id_number": order.destination,
            "caller_id_name": order.caller_name,
            "caller_id_number": order.caller_number,
            "userVariables": {},
            **self.headers_out(order.headers),
            "audio": True,
            "video": False,
            "useStereo": False,
            "attach": False,
            "screenShare": False,
        }
        if order.client_state is not None:
            said["clientState"] = order.client_state
        return {**self.dialog(order.call_id, session_id, **said), "sdp": order.sdp}

    def answer_params(self, order: Answer | AnswerAttach, session_id: str | None, parties: Parties) -> Params:
        attach = isinstance(order, AnswerAttach)
        said: Params = {"attach": attach, "audio": True, "video": False}
        if isinstance(order, AnswerAttach):
            said["recoveredCallId"] = order.call_id
        else:
            said |= {  # the called end is "us" here ([JS] VertoHandler.ts turns them round)
                "destination_number": parties.callee_number,
                "remote_caller_id_name": parties.caller_name,
                "remote_caller_id_number": parties.caller_number,
                "caller_id_name": parties.callee_name,
                "caller_id_number": parties.callee_number,
            }
            said |= self.headers_out(order.headers)
        return {**self.dialog(order.call_id, session_id, **said), "sdp": order.sdp}

    def modify_params(self, order: Modify | UpdateMedia, session_id: str | None) -> Params:
        params = self.dialog(order.call_id, session_id)
        if isinstance(order, UpdateMedia):
            return {**params, "action": "updateMedia", "callID": order.call_id, "sdp": order.sdp}
        params["action"] = order.action
        if order.destination is not None:
            params["destination"] = order.destination
        if order.ring_timeout is not None:
            # By the name that Call Control's own transfer has for it; mod_verto knows none and does not mind.
            params["timeout_secs"] = order.ring_timeout
        return params

    def bye_params(self, order: Hangup, said: Cause, session_id: str | None) -> Params:
        params = {**self.dialog(order.call_id, session_id), "cause": said.name, "causeCode": said.code}
        if order.sip_code is not None:
            params["sipCode"] = order.sip_code
        if order.sip_reason is not None:
            params["sipReason"] = order.sip_reason
        return params

    def info_params(self, order: SendInfo, session_id: str | None) -> Params:
        content = {"msg": order.message} if order.message else {"dtmf": order.digits}
        return {**self.dialog(order.call_id, session_id), **content}

    # --- a server's requests -----------------------------------------------------------------

    def server_headers(self, headers: Pairs) -> Params:
        """Custom headers as members of a server's params."""
        raise NotImplementedError

    def server_params(self, order: CallOrder, parties: Parties, ids: Pairs) -> Params:
        """The params of a server's request about a call. None of them may be named `state`: SDKs would
        take it for the gateway's ([JS] VertoHandler.ts, [AND])."""
        params: Params = {"callID": order.call_id}
        match order:
            case SendInvite():
                params |= {"sdp": order.sdp, **parties.members(), **self.server_headers(order.headers), **dict(ids)}
                if order.client_state is not None:
                    params["client_state"] = order.client_state
            case SendAttach():
                params |= {"sdp": order.sdp, **parties.members(), **dict(ids)}
            case SendRinging():
                params |= {**parties.members(), **self.server_headers(order.headers), **dict(ids)}
            case SendMedia():
                params |= {"sdp": order.sdp, **self.server_headers(order.headers), "variables": {}}
            case SendAnswer():
                if order.sdp is not None:  # left out rather than null: [AND] throws on null
                    params["sdp"] = order.sdp
                params |= {**self.server_headers(order.headers), "variables": {}, **dict(ids)}
            case SendDisplay():
                shown = {"display_name": order.display_name, "display_number": order.display_number}
                params |= {**shown, **parties.members()}
            case SendBye():
                said = named_cause(order.cause, order.code)
                params |= {"cause": said.name, "causeCode": said.code}
                params |= self.bye_extras(order, said)
            case SendInfo():
                params |= {"msg": order.message} if order.message else {"dtmf": order.digits}
        return params

    def bye_extras(self, order: SendBye, said: Cause) -> Params:
        """What else a server's bye may say."""
        return {}


def named_cause(name: str, code: int | None) -> Cause:
    """The row for a cause's name; a name that is in no table keeps the code given with it."""
    try:
        row = cause(name)
    except KeyError:
        row = Cause(name, 0)
    return row if code is None else Cause(row.name, code, row.sip_code, row.sip_reason)


def choose(name: str) -> Dialect:
    """The dialect called `name`. Raises `ConfigError` for one that there is not."""
    from .telnyx import TELNYX  # here, since the dialects are made of what this module defines
    from .verto import VERTO

    dialects: dict[str, Dialect] = {dialect.name: dialect for dialect in (TELNYX, VERTO)}
    try:
        return dialects[name]
    except KeyError:
        raise ConfigError(f"no dialect is called {name!r}", hint=f"there are: {', '.join(dialects)}") from None
