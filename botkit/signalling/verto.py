"""The `verto.*` dialect, as FreeSWITCH speaks it ([FS] mod_verto.c, and its verto.js): the client's role.

What differs from `telnyx_rtc`: the client names its session and says so in every request; request ids
are integers from 1; `verto.clientReady` ends the login; there is no `verto.ringing`, no trickled
candidate and no token. Custom headers come as flat `verto_h_<name>` members and go as user variables,
which the server makes into channel variables `verto_dvar_<name>`.

The server's writers (`server_headers`, `login_requested`) are not here: no exchange of ours speaks verto.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from botkit.causes import CAUSES, Cause
from botkit.errors import ConfigError
from botkit.states import CallState

from .auth import Password
from .dialect import Dialect, Params, Verb
from .messages import Members, RequestId
from .orders import Hangup, Invite, Login, Pairs
from .shapes import text

HEADER = "verto_h_"
"""What the name of a custom header begins with in a server's params ([FS])."""


class Verto(Dialect):
    """JSON-RPC of FreeSWITCH's mod_verto."""

    name: ClassVar[str] = "verto"
    methods: ClassVar[Mapping[str, Verb]] = {
        "login": Verb.LOGIN,  # alone without a prefix
        "verto.clientReady": Verb.CLIENT_READY,
        "verto.ping": Verb.PING,
        "verto.punt": Verb.PUNT,
        "verto.invite": Verb.INVITE,
        "verto.media": Verb.MEDIA,
        "verto.answer": Verb.ANSWER,
        "verto.attach": Verb.ATTACH,
        "verto.modify": Verb.MODIFY,
        "verto.info": Verb.INFO,
        "verto.display": Verb.DISPLAY,
        "verto.bye": Verb.BYE,
        "verto.event": Verb.COURTESY,  # conferences and subscriptions
        "verto.prompt": Verb.COURTESY,
        "verto.mediaParams": Verb.COURTESY,
        "verto.announce": Verb.COURTESY,
    }
    replies_to_all: ClassVar[bool] = True
    polls_gateway: ClassVar[bool] = False
    session_made_by_client: ClassVar[bool] = True
    quiet: ClassVar[float] = 0.06  # mod_verto waits for 50 ms
    login_hint: ClassVar[str] = "check login (user@domain, as the server's directory has it) and password"

    def new_request_id(self, count: int, new_uuid: Callable[[], str]) -> RequestId:
        return count

    def hangup_cause(self, state: CallState, outbound: bool) -> Cause:
        if outbound and not state.is_up:
            return CAUSES["ORIGINATOR_CANCEL"]
        return super().hangup_cause(state, outbound)

    # --- login ------------------------------------------------------------------------------

    def login_params(self, order: Login, session_id: str | None, reconnection: bool) -> Params:
        if not isinstance(order.credentials, Password):
            raise ConfigError("a verto server takes a login and a password only", hint="it has no tokens")
        return {
            "login": order.credentials.login,
            "passwd": order.credentials.password,
            "loginParams": {},
            "userVariables": dict(order.user_variables),
            "sessid": session_id,
        }

    # --- requests about calls -----------------------------------------------------------------

    def headers_out(self, headers: Pairs) -> Params:
        return {"userVariables": dict(headers)}

    def headers_in(self, params: Members) -> Pairs:
        return tuple((name[len(HEADER) :], text(params, name)) for name in params if name[: len(HEADER)] == HEADER)

    def invite_params(self, order: Invite, session_id: str | None) -> Params:
        params = super().invite_params(order, session_id)
        said = params["dialogParams"]
        for name in ("caller_id_name", "caller_id_number"):
            if not said[name]:  # the directory's own, rather than none at all
                del said[name]
        return params

    def bye_params(self, order: Hangup, said: Cause, session_id: str | None) -> Params:
        return {**self.dialog(order.call_id, session_id), "cause": said.name, "causeCode": said.code}


VERTO = Verto()
