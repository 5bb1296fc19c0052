"""All that can happen to a login or a call, as frozen facts in the past tense.

Signalling facts carry no time: their step does. Media facts carry `at`, monotonic seconds taken
from the kernel's arrival time where there is one. `name` is the event's name in the flow language
and in `on`/`off`; facts without one stay inside botkit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Root of all facts."""

    name: ClassVar[str | None] = None


# --- the socket and the login -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """The WebSocket is open."""

    name: ClassVar[str | None] = "connected"


@dataclass(frozen=True, slots=True)
class Disconnected(Event):
    """The WebSocket is gone; `reason` is for people."""

    name: ClassVar[str | None] = "disconnected"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """The login result came; not ready yet."""

    name: ClassVar[str | None] = "logged_in"
    session_id: str


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """The server refused the credentials."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class ClientReady(Event):
    """The gateway is REGED: calls may be made. `reattached` are the call ids that the server kept."""

    name: ClassVar[str | None] = "ready"
    reattached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayChanged(Event):
    """The registration state that the server reports, other than REGED."""

    state: str


@dataclass(frozen=True, slots=True)
class Punted(Event):
    """A newer session took our place (signalling.md 2.7)."""

    name: ClassVar[str | None] = "punted"


# --- calls --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallEvent(Event):
    """Something about one call."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Incoming(CallEvent):
    """Somebody calls us, with an offer."""

    name: ClassVar[str | None] = "incoming"
    sdp: str = ""
    caller_name: str = ""
    caller_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    client_state: str | None = None
    telnyx_ids: tuple[tuple[str, str], ...] = ()  # telnyx_call_control_id, telnyx_session_id, telnyx_leg_id


@dataclass(frozen=True, slots=True)
class CallAccepted(CallEvent):
    """The server took our invite ("CALL CREATED"); it says nothing about the far end."""


@dataclass(frozen=True, slots=True)
class CallRefused(CallEvent):
    """An error reply to one of our call requests; `method` is the request's (invite, answer, modify)."""

    method: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Ringing(CallEvent):
    """The far end rings."""

    name: ClassVar[str | None] = "ringing"
    telnyx_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EarlyMedia(CallEvent):
    """The answer SDP came before the answer: the far end may already be heard."""

    name: ClassVar[str | None] = "early_media"
    sdp: str = ""


@dataclass(frozen=True, slots=True)
class Answered(CallEvent):
    """The call is up. `sdp` is None when early media brought it before."""

    name: ClassVar[str | None] = "answered"
    sdp: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Held(CallEvent):
    """The call is on hold, by us or, where the exchange tells, by the far end."""

    name: ClassVar[str | None] = "held"


@dataclass(frozen=True, slots=True)
class Resumed(CallEvent):
    """The hold is over."""

    name: ClassVar[str | None] = "resumed"


@dataclass(frozen=True, slots=True)
class Transferred(CallEvent):
    """A transfer that we asked for was taken (`ok`) or not, for `cause` where the server says so."""

    ok: bool = True
    message: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack(CallEvent):
    """The other party is with us again, or is gone for good: its stay in a queue or conference, which we asked for,
    is over for `reason`, after `waited` seconds. Not `ok`: the server did not let it in."""

    ok: bool = True
    reason: str = ""
    waited: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class DisplayChanged(CallEvent):
    """The far end's display name or number changed (signalling.md 5.4)."""

    display_name: str = ""
    display_number: str = ""


@dataclass(frozen=True, slots=True)
class InfoReceived(CallEvent):
    """An `info`: digits, or a text message."""

    digits: str = ""
    message: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CandidateReceived(CallEvent):
    """A trickled remote candidate, without its `candidate:` prefix; None ends the list."""

    candidate: str | None = None
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None


@dataclass(frozen=True, slots=True)
class MediaUpdated(CallEvent):
    """The answer to an `updateMedia` of ours."""

    sdp: str = ""


@dataclass(frozen=True, slots=True)
class Dropped(CallEvent):
    """The line under an answered call is gone; it may be taken up again for a while."""

    name: ClassVar[str | None] = "dropped"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reconnecting(CallEvent):
    """A new line is up, and a dropped call waits to be offered on it."""

    name: ClassVar[str | None] = "reconnecting"


@dataclass(frozen=True, slots=True)
class Reconnected(CallEvent):
    """The call goes on with new media."""

    name: ClassVar[str | None] = "reconnected"


@dataclass(frozen=True, slots=True)
class CallFailed(CallEvent):
    """Something went wrong about this call that did not end it: a frame out of place, say."""

    name: ClassVar[str | None] = "error"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Ended(CallEvent):
    """The call is over. `cause` and `code` as in signalling.md 6.3; `by_us` when our bye ended it."""

    name: ClassVar[str | None] = "ended"
    cause: str = "NORMAL_CLEARING"
    code: int = 16
    sip_code: int | None = None
    sip_reason: str | None = None
    by_us: bool = False


# --- what is heard ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DigitReceived(CallEvent):
    """A digit, once, however many ways it came. `at` is its onset; `via` is info, rtp or tone."""

    name: ClassVar[str | None] = "dtmf"
    digit: str = ""
    via: str = "info"
    at: float = 0.0
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted(CallEvent):
    """Speech began, at `at`."""

    name: ClassVar[str | None] = "speech_started"
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechEnded(CallEvent):
    """Speech ended, at `at`, after `duration` seconds."""

    name: ClassVar[str | None] = "speech_ended"
    at: float = 0.0
    duration: float = 0.0


CALL_EVENTS = (
    "incoming",
    "ringing",
    "early_media",
    "answered",
    "speech_started",
    "speech_ended",
    "dtmf",
    "held",
    "resumed",
    "reconnecting",
    "reconnected",
    "dropped",
    "ended",
    "error",
)
"""The call events of the flow language, in the order of its section 3."""

CLIENT_EVENTS = ("connected", "disconnected", "logged_in", "ready", "punted", "incoming")
"""The events of a client: its socket, its login, and calls that come in."""
