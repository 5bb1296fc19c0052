"""What clients log in with: connections, the credentials made for them, and trunks; and the numbers they have.

Field names, defaults and words are those of the REST resources ([SDK] types/credential_connection.py and its
neighbours); what is no part of these stands under its own heading. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from botkit.exchange.applications import TexmlApplication, VoiceApplication, new_id

SipUriCalling = Literal["disabled", "internal", "unrestricted"]
DnisFormat = Literal["+e164", "e164", "national", "sip_username"]
AniFormat = Literal["+E.164", "E.164", "+E.164-national", "E.164-national"]
Switched = Literal["disabled", "enabled"]
WebhookVersion = Literal["1", "2", "texml"]

CODECS = ("G722", "G711U", "G711A", "OPUS")
"""Those of the documented names that are served here."""


@dataclass(slots=True, kw_only=True)
class Inbound:
    """Calls from the network to the connection's clients."""

    ani_number_format: AniFormat = "E.164-national"
    channel_limit: int | None = None
    codecs: Sequence[str] = CODECS
    dnis_number_format: DnisFormat = "e164"
    """`sip_username`: a call to one of the connection's numbers reaches whoever is logged in as `user_name`."""
    generate_ringback_tone: bool = False
    simultaneous_ringing: Switched = "disabled"
    timeout_1xx_secs: int = 3
    timeout_2xx_secs: int = 90


@dataclass(slots=True, kw_only=True)
class Outbound:
    """Calls that the connection's clients place."""

    ani_override: str = ""
    ani_override_type: Literal["always", "normal", "emergency"] = "always"
    call_parking_enabled: bool = False
    channel_limit: int | None = None
    generate_ringback_tone: bool = False
    instant_ringback_enabled: bool = False
    localization: str = ""
    outbound_voice_profile_id: str = ""


@dataclass(slots=True, kw_only=True)
class CredentialConnection:
    """A SIP user name and password, and how calls from and to whoever logs in with them are treated."""

    record_type: ClassVar[str] = "credential_connection"

    user_name: str
    password: str = field(repr=False)
    id: str = field(default_factory=new_id)
    connection_name: str = ""
    active: bool = True
    sip_uri_calling_preference: SipUriCalling = "disabled"
    webhook_event_url: str = ""
    webhook_event_failover_url: str = ""
    webhook_api_version: WebhookVersion = "2"  # documented default: "1", which nobody wants any more
    webhook_timeout_secs: int | None = None
    inbound: Inbound = field(default_factory=Inbound)
    outbound: Outbound = field(default_factory=Outbound)
    tags: Sequence[str] = ()
    created_at: float = 0.0
    updated_at: float = 0.0

    # --- of this exchange --------------------------------------------------------------------------

    caller_number: str = ""
    """Shown where the client names none."""

    @property
    def name(self) -> str:
        """The SIP user name."""
        return self.user_name


@dataclass(slots=True, kw_only=True)
class TelephonyCredential:
    """A generated SIP user name and password of a connection; the parent of JWTs."""

    record_type: ClassVar[str] = "telephony_credential"

    id: str
    connection_id: str
    sip_username: str
    sip_password: str = field(repr=False)
    name: str = ""
    tag: str = ""
    expires_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0

    def is_expired(self, now: float) -> bool:
        """Whether it is no good any more."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True, kw_only=True)
class Trunk:
    """A named outside line. Who logs in with it calls from outside the network, and gets the calls that leave it."""

    record_type: ClassVar[str] = "trunk"

    name: str
    password: str = field(repr=False)
    numbers: tuple[str, ...] = ()
    """Numbers and patterns (`+49*`, or `any`) that it carries to the outside."""
    id: str = field(default_factory=new_id)
    active: bool = True
    caller_number: str = ""


@dataclass(slots=True, kw_only=True)
class PhoneNumber:
    """A number, and the one connection or application that it belongs to (an empty id: to none)."""

    record_type: ClassVar[str] = "phone_number"

    phone_number: str
    connection_id: str = ""
    id: str = field(default_factory=new_id)
    tags: Sequence[str] = ()
    customer_reference: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


Owner: TypeAlias = CredentialConnection | VoiceApplication | TexmlApplication
"""What a number may belong to, and a leg."""

Means: TypeAlias = Literal["password", "credential", "token"]
"""With what somebody logged in: a connection's password, a telephony credential's, or a JWT."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from: from within the account (its clients, its applications), or from outside."""

    outside: bool = False


INSIDE = Origin()
OUTSIDE = Origin(outside=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a client has logged in as. `name` is the SIP user name that calls reach it by, and the registrar's key."""

    name: str
    connection: CredentialConnection | Trunk
    means: Means = "password"
    credential: TelephonyCredential | None = None
    """The telephony credential behind a login with one, or with its JWT."""

    @property
    def caller_number(self) -> str:
        """Shown where the client names none; empty: its name is."""
        return self.connection.caller_number

    @property
    def origin(self) -> Origin:
        """Where its calls come from."""
        return OUTSIDE if isinstance(self.connection, Trunk) else INSIDE
