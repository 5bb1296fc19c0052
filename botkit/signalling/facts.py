"""Facts of signalling that stay inside botkit; those with a name in flows are in `botkit.events`.

A server-role fact with a `request_id` waits for an order with that id; when none comes in time
(`ServerTimings.reply`) the protocol refuses the request by itself, since SDKs judge a line dead
when a reply takes 10 s ([JS] BaseSession.ts).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botkit.events import CallEvent, Event

from .auth import Credentials
from .messages import RequestId
from .orders import HoldState, Pairs

# --- both roles ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProtocolViolated(Event):
    """The other end sent what the protocol or the state does not allow. It was refused or ignored.

    Nothing in our state has changed, and the session goes on: one odd frame is no reason to lose
    the calls of a line.
    """

    message: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestTimedOut(Event):
    """A request of ours got no reply. `phase`: login, ready, invite, answer, attach, modify, info, bye, ping."""

    phase: str
    call_id: str | None = None


# --- client role --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HangupAccepted(CallEvent):
    """The server replied to our bye. The call was over for us when we sent it."""


@dataclass(frozen=True, slots=True)
class AttachOffered(CallEvent):
    """The server offers a call of ours anew, on this line; wants `AnswerAttach`."""

    sdp: str = ""
    telnyx_ids: Pairs = ()


# --- server role --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoginRequested(Event):
    """Wants `AcceptLogin` or `RefuseLogin`. `session_id` is what the client proposes: believe it only
    when it names a session still held for the same user. `again`: this line is logged in already."""

    request_id: RequestId
    credentials: Credentials
    session_id: str | None = None
    reconnection: bool = False
    user_agent: str = ""
    user_variables: dict[str, Any] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class InviteReceived(CallEvent):
    """The client calls. The result ("CALL CREATED") has been sent; refuse with `SendBye` and a cause.

    With `trickle`, candidates follow as `CandidateReceived`. `dialog` is the client's whole
    dialogParams, for the curious; it may hold TURN credentials.
    """

    request_id: RequestId = ""
    sdp: str = ""
    destination: str = ""
    caller_name: str = ""
    caller_number: str = ""
    headers: Pairs = ()
    client_state: str | None = None
    trickle: bool = False
    dialog: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AnswerReceived(CallEvent):
    """The client takes the call of `SendInvite` (or, with `attach`, of `SendAttach`).

    Wants `AcceptAnswer` or `RefuseRequest`.
    """

    request_id: RequestId = ""
    sdp: str = ""
    headers: Pairs = ()
    trickle: bool = False
    attach: bool = False


@dataclass(frozen=True, slots=True)
class ModifyReceived(CallEvent):
    """The client asks for `action`: hold, unhold, toggleHold, transfer, updateMedia, one of ours (`enqueue`,
    `conference`, `takeBack`), or one unknown to us.

    `hold_state` is what the call will be in when the request is granted. Wants `ReplyModify` or
    `RefuseRequest`: for a transfer, once the new party (which may ring for `ring_timeout` seconds) has
    answered or will not.
    """

    request_id: RequestId = ""
    action: str = ""
    hold_state: HoldState = "active"
    destination: str = ""
    ring_timeout: float | None = None
    replace_call_id: str = ""
    sdp: str = ""
    trickle: bool = False


@dataclass(frozen=True, slots=True)
class ByeReceived(CallEvent):
    """The client ended the call; the result has been sent. Before the answer of a call that the client
    placed it means cancel, whatever the cause says ([JS] sends USER_BUSY there)."""

    cause: str = "NORMAL_CLEARING"
    code: int = 16
    sip_code: int | None = None
    sip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RequestAcknowledged(CallEvent):
    """The client acknowledged our `verb` (invite, ringing, answer …), or refused it with `error`.

    Only some SDKs do ([JS] all, Flutter ringing): take it as a hint that the phone rings, and never
    wait for it.
    """

    verb: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CallsWanted(Event):
    """A client woken by a push asks for the call that waits for it ([IOS], [AND] attachCalls)."""
