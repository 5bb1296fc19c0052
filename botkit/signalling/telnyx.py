"""The `telnyx_rtc.*` dialect, as the Telnyx SDKs speak it ([JS] @telnyx/webrtc, [AND], [IOS], [FLU])."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from botkit.causes import Cause

from .auth import Anonymous, Credentials, Password, TelephonyCredential, Token
from .dialect import USER_AGENT, Dialect, Params, Parties, Verb
from .facts import LoginRequested
from .messages import AUTH_FAILED, BadFrame, Members, Request, RequestId
from .orders import Answer, AnswerAttach, Invite, Login, Pairs, SendBye
from .shapes import mapping, text


def telnyx_ids(call_control_id: str, session_id: str, leg_id: str) -> Pairs:
    """The platform's ids of a call. The last two must be UUIDs: [AND] parses them as such."""
    return (
        ("telnyx_call_control_id", call_control_id),
        ("telnyx_session_id", session_id),
        ("telnyx_leg_id", leg_id),
    )


class Telnyx(Dialect):
    """JSON-RPC of the Telnyx WebRTC SDKs."""

    name: ClassVar[str] = "telnyx"
    methods: ClassVar[Mapping[str, Verb]] = {
        "login": Verb.LOGIN,  # the two logins and ai_conversation have no prefix
        "anonymous_login": Verb.LOGIN,
        "telnyx_rtc.clientReady": Verb.CLIENT_READY,
        "telnyx_rtc.gatewayState": Verb.GATEWAY_STATE,
        "telnyx_rtc.ping": Verb.PING,
        "telnyx_rtc.punt": Verb.PUNT,
        "telnyx_rtc.invite": Verb.INVITE,
        "telnyx_rtc.ringing": Verb.RINGING,
        "telnyx_rtc.media": Verb.MEDIA,
        "telnyx_rtc.answer": Verb.ANSWER,
        "telnyx_rtc.attach": Verb.ATTACH,
        "telnyx_rtc.candidate": Verb.CANDIDATE,
        "telnyx_rtc.endOfCandidates": Verb.END_OF_CANDIDATES,
        "telnyx_rtc.modify": Verb.MODIFY,
        "telnyx_rtc.info": Verb.INFO,
        "telnyx_rtc.display": Verb.DISPLAY,
        "telnyx_rtc.bye": Verb.BYE,
        "telnyx_rtc.attachCalls": Verb.ATTACH_CALLS,
        "telnyx_rtc.disable_push_notification": Verb.COURTESY,
        "telnyx_rtc.ringing_ack": Verb.COURTESY,  # [IOS], public API only
        "telnyx_rtc.subscribe": Verb.COURTESY,  # [JS], conferences only; so the next two
        "telnyx_rtc.unsubscribe": Verb.COURTESY,
        "telnyx_rtc.broadcast": Verb.COURTESY,
        "telnyx_rtc.event": Verb.COURTESY,
        "webrtc.event": Verb.COURTESY,
        "ai_conversation": Verb.COURTESY,
    }
    polls_gateway: ClassVar[bool] = True
    session_made_by_client: ClassVar[bool] = False

    def new_request_id(self, count: int, new_uuid: Callable[[], str]) -> RequestId:
        return new_uuid()

    def token_in(self, top: Members) -> str | None:
        return text(top, "voice_sdk_id") or None

    def token_out(self, token: str | None, verb: Verb | None) -> Params:
        # a server marks every frame; [JS] repeats the token in these two requests only
        if token and verb in (None, Verb.GATEWAY_STATE, Verb.PING):
            return {"voice_sdk_id": token}
        return {}

    def line_url(self, url: str, token: str | None) -> str:
        if token is None:
            return url
        parts = urlsplit(url)
        query = [pair for pair in parse_qsl(parts.query) if pair[0] != "voice_sdk_id"] + [("voice_sdk_id", token)]
        return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(query)))

    # --- login ------------------------------------------------------------------------------

    def login_method(self, order: Login) -> str:
        return "anonymous_login" if isinstance(order.credentials, Anonymous) else "login"

    def login_params(self, order: Login, session_id: str | None, reconnection: bool) -> Params:
        params: Params = {
            **_credentials_out(order.credentials),
            "userVariables": dict(order.user_variables),
            "reconnection": reconnection,
            "User-Agent": {"sdkVersion": USER_AGENT.partition("-")[2], "data": USER_AGENT},
        }
        if not isinstance(order.credentials, Anonymous):
            params["loginParams"] = {"early_sdp_answer": False}
        if session_id is not None:
            params["sessid"] = session_id
        return params

    def login_requested(self, request: Request) -> LoginRequested:
        params = request.params
        agent = params.get("User-Agent")  # text, or an object in [JS]
        return LoginRequested(
            request.id,
            _credentials_in(request),
            session_id=text(params, "sessid") or None,
            reconnection=params.get("reconnection") is True,
            user_agent=text(agent, "data", "sdkVersion") if isinstance(agent, dict) else text(params, "User-Agent"),
            user_variables=mapping(params, "userVariables"),
        )

    # --- requests about calls -----------------------------------------------------------------

    def headers_out(self, headers: Pairs) -> Params:
        return {"custom_headers": [{"name": name, "value": value} for name, value in headers]}

    def invite_params(self, order: Invite, session_id: str | None) -> Params:
        return {**super().invite_params(order, session_id), "User-Agent": USER_AGENT}

    def answer_params(self, order: Answer | AnswerAttach, session_id: str | None, parties: Parties) -> Params:
        return {**super().answer_params(order, session_id, parties), "User-Agent": USER_AGENT}

    def server_headers(self, headers: Pairs) -> Params:
        return {"dialogParams": self.headers_out(headers)}

    def bye_extras(self, order: SendBye, said: Cause) -> Params:
        extras: dict[str, Any] = {
            "sipCode": order.sip_code if order.sip_code is not None else said.sip_code,
            "sipReason": order.sip_reason if order.sip_reason is not None else said.sip_reason,
            "sip_call_id": order.sip_call_id,
            "client_state": order.client_state,
        }
        return {name: value for name, value in extras.items() if value is not None}


def _credentials_out(credentials: Credentials) -> Params:
    match credentials:
        case Password(login, password) | TelephonyCredential(login, password):
            return {"login": login, "passwd": password}
        case Token(token):
            return {"login_token": token}
        case Anonymous():
            target = {"target_type": credentials.target_type, "target_id": credentials.target_id}
            if credentials.target_version_id is not None:
                target["target_version_id"] = credentials.target_version_id
            return target


def _credentials_in(request: Request) -> Credentials:
    params = request.params
    if request.method == "anonymous_login":
        version = text(params, "target_version_id") or None
        return Anonymous(text(params, "target_id"), text(params, "target_type") or "ai_assistant", version)
    login, password, token = (text(params, name) for name in ("login", "passwd", "login_token"))
    if token and not (login and password):  # with both, the user name and password win ([JS])
        return Token(token)
    if not login:  # [FLU] sends both keys as null beside a token
        raise BadFrame("Missing params", AUTH_FAILED)
    return Password(login, password)


TELNYX = Telnyx()
