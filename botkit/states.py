"""The states of a login and of a call, as tables.

Two rules. All that changes a state is a row here; a missing row *is* the error (whose, depends on
who sent the message). And this file does not know which dialect or side we are: the client's calls
and the exchange's legs walk the same table.

Call states are those common to the platform's WebRTC SDKs (design.md section 4):
`new → connecting → ringing → active ⇄ held → done`, with `reconnecting` and `dropped` for network
recovery and `error` for what cannot be recovered. Messages that may cross on the wire (a bye that
meets a bye, an answer that meets our cancel, a ringing that arrives after early media) are rows
like any other: they lead from a state to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum


class LoginState(Enum):
    """How far a client's session has come (signalling.md sections 2.3 and 2.5)."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"  # the socket is open, nothing said yet
    LOGGING_IN = "logging_in"  # login sent
    LOGGED_IN = "logged_in"  # login result seen; waiting for clientReady
    REGISTERING = "registering"  # polling the gateway state
    READY = "ready"  # REGED: calls may be made
    REFUSED = "refused"  # credentials refused; a new login may be tried on the same socket
    PUNTED = "punted"  # replaced by a newer session: stay away


class LoginFact(Enum):
    """What can happen to a login."""

    SOCKET_OPENED = "socket_opened"
    SOCKET_CLOSED = "socket_closed"
    LOGIN_SENT = "login_sent"
    LOGIN_ACCEPTED = "login_accepted"
    LOGIN_REFUSED = "login_refused"
    CLIENT_READY = "client_ready"
    REGISTERED = "registered"
    REGISTRATION_LOST = "registration_lost"
    PUNTED = "punted"


class CallState(Enum):
    """Where a call is; the same for the client's call and the exchange's leg."""

    NEW = "new"
    CONNECTING = "connecting"  # invite on its way, or being answered
    RINGING = "ringing"
    ACTIVE = "active"
    HELD = "held"
    RECONNECTING = "reconnecting"
    DROPPED = "dropped"
    DONE = "done"
    ERROR = "error"

    @property
    def is_over(self) -> bool:
        return self in (CallState.DONE, CallState.ERROR)

    @property
    def is_up(self) -> bool:
        """The call is answered and not over."""
        return self in (CallState.ACTIVE, CallState.HELD, CallState.RECONNECTING, CallState.DROPPED)


class CallFact(Enum):
    """What can happen to a call, whoever did it."""

    INVITE_SENT = "invite_sent"  # we call
    INVITE_RECEIVED = "invite_received"  # they call
    INVITE_ACCEPTED = "invite_accepted"  # result "CALL CREATED": accepted, not answered
    RANG = "rang"
    EARLY_MEDIA = "early_media"
    ANSWER_SENT = "answer_sent"
    ANSWER_ACCEPTED = "answer_accepted"
    ANSWERED = "answered"
    HOLD = "hold"
    UNHOLD = "unhold"
    BYE_SENT = "bye_sent"
    BYE_RECEIVED = "bye_received"
    BYE_ACCEPTED = "bye_accepted"
    NETWORK_LOST = "network_lost"
    NETWORK_BACK = "network_back"
    REATTACHED = "reattached"
    RECOVERY_EXPIRED = "recovery_expired"
    FAILED = "failed"


_L, _LF = LoginState, LoginFact
LOGIN_TRANSITIONS: Mapping[LoginState, Mapping[LoginFact, LoginState]] = {
    _L.DISCONNECTED: {_LF.SOCKET_OPENED: _L.CONNECTED, _LF.SOCKET_CLOSED: _L.DISCONNECTED},
    _L.CONNECTED: {_LF.LOGIN_SENT: _L.LOGGING_IN, _LF.SOCKET_CLOSED: _L.DISCONNECTED, _LF.PUNTED: _L.PUNTED},
    _L.LOGGING_IN: {
        _LF.LOGIN_SENT: _L.LOGGING_IN,  # credentials may be sent again at any time (2.9)
        _LF.LOGIN_ACCEPTED: _L.LOGGED_IN,
        _LF.LOGIN_REFUSED: _L.REFUSED,
        _LF.SOCKET_CLOSED: _L.DISCONNECTED,
        _LF.PUNTED: _L.PUNTED,
    },
    _L.LOGGED_IN: {
        _LF.LOGIN_SENT: _L.LOGGING_IN,
        _LF.CLIENT_READY: _L.REGISTERING,
        _LF.SOCKET_CLOSED: _L.DISCONNECTED,
        _LF.PUNTED: _L.PUNTED,
    },
    _L.REGISTERING: {
        _LF.LOGIN_SENT: _L.LOGGING_IN,
        _LF.CLIENT_READY: _L.REGISTERING,  # a second one is harmless (2.3)
        _LF.REGISTERED: _L.READY,
        _LF.REGISTRATION_LOST: _L.REGISTERING,
        _LF.LOGIN_REFUSED: _L.REFUSED,  # a service may refuse in the gateway state alone (2.4)
        _LF.SOCKET_CLOSED: _L.DISCONNECTED,
        _LF.PUNTED: _L.PUNTED,
    },
    _L.READY: {
        _LF.REGISTERED: _L.READY,
        _LF.CLIENT_READY: _L.READY,
        _LF.LOGIN_SENT: _L.LOGGING_IN,  # a fresh token on the same socket (2.9)
        _LF.REGISTRATION_LOST: _L.REGISTERING,
        _LF.SOCKET_CLOSED: _L.DISCONNECTED,
        _LF.PUNTED: _L.PUNTED,
    },
    _L.REFUSED: {_LF.LOGIN_SENT: _L.LOGGING_IN, _LF.SOCKET_CLOSED: _L.DISCONNECTED, _LF.PUNTED: _L.PUNTED},
    _L.PUNTED: {_LF.SOCKET_CLOSED: _L.PUNTED, _LF.PUNTED: _L.PUNTED},
}

_C, _CF = CallState, CallFact
_ENDINGS: Mapping[CallFact, CallState] = {
    _CF.BYE_SENT: _C.DONE,
    _CF.BYE_RECEIVED: _C.DONE,
    _CF.FAILED: _C.ERROR,
}
CALL_TRANSITIONS: Mapping[CallState, Mapping[CallFact, CallState]] = {
    _C.NEW: {
        _CF.INVITE_SENT: _C.CONNECTING,
        _CF.INVITE_RECEIVED: _C.RINGING,
        **_ENDINGS,
    },
    _C.CONNECTING: {
        _CF.INVITE_ACCEPTED: _C.CONNECTING,
        _CF.RANG: _C.RINGING,
        _CF.EARLY_MEDIA: _C.RINGING,
        _CF.ANSWERED: _C.ACTIVE,
        _CF.ANSWER_ACCEPTED: _C.ACTIVE,
        _CF.NETWORK_LOST: _C.DONE,  # unanswered calls do not outlive their socket (7.3)
        **_ENDINGS,
    },
    _C.RINGING: {
        _CF.INVITE_ACCEPTED: _C.RINGING,  # tolerated out of order; the state never falls back
        _CF.RANG: _C.RINGING,
        _CF.EARLY_MEDIA: _C.RINGING,
        _CF.ANSWERED: _C.ACTIVE,
        _CF.ANSWER_SENT: _C.CONNECTING,
        _CF.NETWORK_LOST: _C.DONE,
        **_ENDINGS,
    },
    _C.ACTIVE: {
        _CF.INVITE_ACCEPTED: _C.ACTIVE,
        _CF.RANG: _C.ACTIVE,
        _CF.EARLY_MEDIA: _C.ACTIVE,
        _CF.ANSWERED: _C.ACTIVE,
        _CF.ANSWER_ACCEPTED: _C.ACTIVE,
        _CF.HOLD: _C.HELD,
        _CF.UNHOLD: _C.ACTIVE,
        _CF.NETWORK_LOST: _C.DROPPED,
        _CF.REATTACHED: _C.ACTIVE,
        **_ENDINGS,
    },
    _C.HELD: {
        _CF.HOLD: _C.HELD,
        _CF.UNHOLD: _C.ACTIVE,
        _CF.NETWORK_LOST: _C.DROPPED,
        _CF.REATTACHED: _C.HELD,
        **_ENDINGS,
    },
    _C.DROPPED: {
        _CF.NETWORK_LOST: _C.DROPPED,
        _CF.NETWORK_BACK: _C.RECONNECTING,
        _CF.RECOVERY_EXPIRED: _C.DONE,
        **_ENDINGS,
    },
    _C.RECONNECTING: {
        _CF.NETWORK_LOST: _C.DROPPED,
        _CF.REATTACHED: _C.ACTIVE,
        _CF.RECOVERY_EXPIRED: _C.DONE,
        **_ENDINGS,
    },
    # What may still be on the wire when a call is over changes nothing.
    _C.DONE: {fact: _C.DONE for fact in _CF if fact not in (_CF.INVITE_SENT, _CF.INVITE_RECEIVED)},
    _C.ERROR: {fact: _C.ERROR for fact in _CF if fact not in (_CF.INVITE_SENT, _CF.INVITE_RECEIVED)},
}


def next_call_state(state: CallState, fact: CallFact) -> CallState | None:
    """The state after `fact`, or None where the table has no row (the error is the caller's to name)."""
    return CALL_TRANSITIONS[state].get(fact)


def next_login_state(state: LoginState, fact: LoginFact) -> LoginState | None:
    """The state after `fact`, or None where the table has no row."""
    return LOGIN_TRANSITIONS[state].get(fact)


def chart() -> Iterator[str]:
    """The call table as Mermaid lines, for the docs; self-loops are left out."""
    yield "stateDiagram-v2"
    for state, row in CALL_TRANSITIONS.items():
        for fact, after in row.items():
            if after is not state:
                yield f"    {state.value} --> {after.value}: {fact.value}"
