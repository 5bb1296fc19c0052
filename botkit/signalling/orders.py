"""What a protocol may be told to do, as frozen imperatives.

`step(order, now)` raises `LocalProtocolError` and changes nothing when the state of the session or
call has no room for the order. An order for a call that is already over does nothing: it has met a
bye that was on its way.

Headers are pairs of name and value. `telnyx_ids` are pairs as well: `telnyx_call_control_id`,
`telnyx_session_id`, `telnyx_leg_id`; the last two must be UUIDs ([AND] parses them as such).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from botkit.causes import Cause

from .auth import Credentials
from .messages import AUTH_FAILED, SESSION_ERROR, RequestId

Pairs: TypeAlias = tuple[tuple[str, str], ...]
HoldState = Literal["held", "active"]


@dataclass(frozen=True, slots=True)
class Order:
    """Root of all orders."""


# --- both roles ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineUp(Order):
    """A new line is open: the first thing a protocol hears of it. `Session.run` says it."""


@dataclass(frozen=True, slots=True)
class LineDown(Order):
    """The line is gone; `reason` is for people. `Session.run` says it."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallOrder(Order):
    """Something to do about one call."""

    call_id: str


@dataclass(frozen=True, slots=True)
class SendInfo(CallOrder):
    """Send digits (played in order by the other end; one key a frame is usual), or a text message."""

    digits: str = ""
    message: dict[str, Any] = field(default_factory=dict)  # {from, to, body}


# --- client role --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Login(Order):
    """Log in, or log in again with fresh credentials on the same line."""

    credentials: Credentials
    user_variables: Pairs = ()


@dataclass(frozen=True, slots=True)
class Invite(CallOrder):
    """Place a call. `sdp` is the whole offer, every candidate in it. `client_state` is base64 text."""

    destination: str
    sdp: str
    caller_name: str = ""
    caller_number: str = ""
    headers: Pairs = ()
    client_state: str | None = None


@dataclass(frozen=True, slots=True)
class Answer(CallOrder):
    """Take an incoming call with the answer to its offer."""

    sdp: str
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class AnswerAttach(CallOrder):
    """Take up a call again with the answer to the offer of `AttachOffered`."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Hangup(CallOrder):
    """End or refuse a call. Without a cause, the dialect chooses: 17 before the answer, 16 after it."""

    cause: str | None = None
    code: int | None = None
    sip_code: int | None = None
    sip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Modify(CallOrder):
    """Hold, resume, toggle the hold, or move the other party to `destination`, which may ring for `ring_timeout`.

    `enqueue` and `conference` let the other party into the queue or conference named `destination`, from which it
    comes back to us; `takeBack` asks for it. Botkit's exchange knows these three, no other server does.
    """

    action: Literal["hold", "unhold", "toggleHold", "transfer", "enqueue", "conference", "takeBack"]
    destination: str | None = None
    ring_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class UpdateMedia(CallOrder):
    """Renegotiate with a new offer (an ICE restart)."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Ping(Order):
    """Ask for a sign of life now. The keepalive does so by itself."""


# --- server role --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcceptLogin(Order):
    """Say yes to `LoginRequested`, then clientReady, which lists `reattached`: the calls of the session
    that were kept. Those in `attach` are offered in between, as mod_verto does; others by a `SendAttach`."""

    request_id: RequestId
    session_id: str
    reattached: tuple[str, ...] = ()
    attach: tuple[SendAttach, ...] = ()


@dataclass(frozen=True, slots=True)
class RefuseLogin(Order):
    """Say no to `LoginRequested`. The code may not be -32000: [JS] would log in again without end."""

    request_id: RequestId
    code: int = AUTH_FAILED
    message: str = "Login Incorrect"


@dataclass(frozen=True, slots=True)
class AcceptAnswer(Order):
    """Say yes to `AnswerReceived`: its SDP is taken."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class ReplyModify(Order):
    """Say yes to `ModifyReceived`. Without `hold_state` it follows from the action.

    `sdp` is the answer to an updateMedia (which needs one); `message` tells of a transfer; `reason` and `waited`
    (seconds) of a stay in a queue or conference that is over.
    """

    request_id: RequestId
    hold_state: HoldState | None = None
    sdp: str | None = None
    message: str | None = None
    reason: str | None = None
    waited: float | None = None


@dataclass(frozen=True, slots=True)
class RefuseRequest(Order):
    """Say no to `AnswerReceived` or `ModifyReceived`. `cause` tells why a transfer came to nothing."""

    request_id: RequestId
    code: int = SESSION_ERROR
    message: str = "CALL ERROR"
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class SendInvite(CallOrder):
    """Call the client with an offer (`setup:actpass`). The exchange owns the ring time-out."""

    sdp: str
    caller_name: str = ""
    caller_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    headers: Pairs = ()
    client_state: str | None = None
    telnyx_ids: Pairs = ()


@dataclass(frozen=True, slots=True)
class SendRinging(CallOrder):
    """Tell the caller that the far end rings. Names and numbers are those of its invite."""

    headers: Pairs = ()
    telnyx_ids: Pairs = ()


@dataclass(frozen=True, slots=True)
class SendMedia(CallOrder):
    """Early media: the answer SDP before the answer. Once a call."""

    sdp: str
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class SendAnswer(CallOrder):
    """The far end answered. `sdp` is needed when no media went before, and left out when it did."""

    sdp: str | None = None
    headers: Pairs = ()
    telnyx_ids: Pairs = ()


@dataclass(frozen=True, slots=True)
class SendBye(CallOrder):
    """End the call, whatever its state. Without `code` it follows from the cause."""

    cause: str = "NORMAL_CLEARING"
    code: int | None = None
    sip_code: int | None = None
    sip_reason: str | None = None
    sip_call_id: str | None = None
    client_state: str | None = None


@dataclass(frozen=True, slots=True)
class SendDisplay(CallOrder):
    """The far end's name or number changed."""

    display_name: str
    display_number: str


@dataclass(frozen=True, slots=True)
class SendAttach(CallOrder):
    """Offer a call that outlived its old line to the client on this one (a new offer).

    Also on a live call, to renegotiate its media. `held` brings it back on hold.
    """

    sdp: str
    inbound: bool = True  # the channel's direction: the client had placed the call
    caller_name: str = ""
    caller_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    telnyx_ids: Pairs = ()
    held: bool = False


@dataclass(frozen=True, slots=True)
class SendPunt(Order):
    """Tell the client that a newer session took its place; the line is closed behind it."""


@dataclass(frozen=True, slots=True)
class SetGateway(Order):
    """What gateway polls are answered from now on; REGED unless told otherwise."""

    state: str
