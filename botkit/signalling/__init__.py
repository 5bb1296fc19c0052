"""Signalling: what is said on the WebSocket, by a client and by a server. It knows no media; SDP is text.

Usage, client::

    protocol = ClientProtocol(choose("telnyx"))            # lives as long as the client
    line = await connect(protocol.dialect.line_url(url, protocol.voice_sdk_id), clock=clock)
    session = Session(line, protocol, clock=clock, handler=on_event)   # one for each line
    task = group.create_task(session.run())                # until the line is gone
    session.order(Login(Password("alice", "secret")))      # on `Connected`, as a rule
    session.order(Invite(call_id, "+15551230002", sdp))    # from `ClientReady` on
    session.order(Hangup(call_id))
    await session.close()

Usage, server: `ServerProtocol(choose("telnyx"), voice_sdk_id)` on a `Line` of one's own, same `Session`.

Events come to `on_event` in order, from `botkit.events` and `signalling.facts`:

- both: `Connected`, `Disconnected(reason)`, `ProtocolViolated(message, call_id)`, and of a call
  `InfoReceived(digits, message)`, `CandidateReceived(candidate, sdp_mid, sdp_mline_index)`,
  `Dropped(reason)` (answered, the line is lost), `Ended(cause, code, sip_code, sip_reason, by_us)`;
- client, login: `LoggedIn(session_id)`, `LoginFailed(code, message)`, `GatewayChanged(state)`,
  `ClientReady(reattached)`, `Punted`, `RequestTimedOut(phase, call_id)`;
- client, calls: `Incoming`, `CallAccepted`, `CallRefused(method, code, message)` (followed by `Ended`
  for an invite or answer), `Ringing`, `EarlyMedia(sdp)`, `Answered(sdp | None)`, `Held`, `Resumed`,
  `Transferred(ok, message)`, `TakenBack(ok, reason, waited)` (of a `Modify` that no SDK has),
  `MediaUpdated(sdp)`, `DisplayChanged`, `HangupAccepted`, `Reconnecting`,
  `AttachOffered(sdp)` (order `AnswerAttach`), `Reconnected`;
- server: `LoginRequested(request_id, credentials, …)` wants `AcceptLogin`/`RefuseLogin`;
  `InviteReceived` has its result already, refuse with `SendBye`; `AnswerReceived(request_id, sdp)`
  wants `AcceptAnswer`/`RefuseRequest`; `ModifyReceived(request_id, action, …)` wants
  `ReplyModify`/`RefuseRequest`; `ByeReceived` is replied to; `RequestAcknowledged(verb, error)`;
  `ClientReady` once the client has seen REGED; `Ended` for an unanswered call whose line was lost.

An order out of place raises `LocalProtocolError`; one for a call that is over, or for a request whose
time is up, does nothing. What the other end does wrong is an event and costs nobody else anything.
`protocol.login_state`, `protocol.calls` and `protocol.call_state(id)` tell the states; in both roles a
call's state is the client's view of it.

Layers: `messages` (JSON-RPC text), `shapes` and `dialect`/`telnyx`/`verto` (params to facts, orders to params),
`protocol` with `client_session`, `client_protocol` and `server_protocol` (state machines, no I/O, no
clock), `line` and `connection` (asyncio).
"""

from .auth import Anonymous, Credentials, Password, TelephonyCredential, Token
from .client_protocol import ClientProtocol
from .client_session import ClientTimings
from .connection import Session, connect
from .dialect import Dialect, choose
from .line import Line, LineClosed, MemoryLine, memory_lines
from .messages import MAX_FRAME
from .protocol import Output
from .reconnect import delays
from .server_protocol import ServerProtocol
from .server_session import ServerTimings
from .telnyx import TELNYX, telnyx_ids
from .verto import VERTO

__all__ = [
    "MAX_FRAME",
    "TELNYX",
    "VERTO",
    "Anonymous",
    "ClientProtocol",
    "ClientTimings",
    "Credentials",
    "Dialect",
    "Line",
    "LineClosed",
    "MemoryLine",
    "Output",
    "Password",
    "ServerProtocol",
    "ServerTimings",
    "Session",
    "TelephonyCredential",
    "Token",
    "choose",
    "connect",
    "delays",
    "memory_lines",
    "telnyx_ids",
]
