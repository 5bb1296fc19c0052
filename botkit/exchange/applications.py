"""Voice API and TeXML applications: what calls to their numbers are controlled by.

Fields as in the REST resources ([SDK] types/call_control_application.py, types/texml_application.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal


def new_id() -> str:
    """An id of the kind that connections, applications and numbers have: a decimal text of 19 digits."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


@dataclass(slots=True, kw_only=True)
class ApplicationInbound:
    """Calls to the application. `sip_subdomain`: `sip:anybody@SUBDOMAIN.sip.telnyx.com` reaches it."""

    channel_limit: int | None = None
    sip_subdomain: str = ""
    sip_subdomain_receive_settings: Literal["only_my_connections", "from_anyone"] = "from_anyone"


@dataclass(slots=True, kw_only=True)
class ApplicationOutbound:
    """Calls that the application dials."""

    channel_limit: int | None = None
    outbound_voice_profile_id: str = ""


@dataclass(slots=True, kw_only=True)
class VoiceApplication:
    """Its calls are told of by webhooks and controlled by REST commands."""

    record_type: ClassVar[str] = "call_control_application"

    application_name: str
    webhook_event_url: str
    id: str = field(default_factory=new_id)
    active: bool = True
    webhook_event_failover_url: str = ""
    webhook_api_version: Literal["1", "2"] = "2"  # documented default: "1", which nobody wants any more
    webhook_timeout_secs: int | None = None
    first_command_timeout: bool = False
    first_command_timeout_secs: int = 30
    inbound: ApplicationInbound = field(default_factory=ApplicationInbound)
    outbound: ApplicationOutbound = field(default_factory=ApplicationOutbound)
    tags: Sequence[str] = ()
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class TexmlApplication:
    """Its calls follow a document that is fetched from `voice_url`."""

    record_type: ClassVar[str] = "texml_application"

    friendly_name: str
    voice_url: str
    id: str = field(default_factory=new_id)
    active: bool = True
    voice_method: Literal["get", "post"] = "post"
    voice_fallback_url: str = ""
    status_callback: str = ""
    status_callback_method: Literal["get", "post"] = "post"
    first_command_timeout: bool = False
    first_command_timeout_secs: int = 30
    inbound: ApplicationInbound = field(default_factory=ApplicationInbound)
    outbound: ApplicationOutbound = field(default_factory=ApplicationOutbound)
    tags: Sequence[str] = ()
    created_at: float = 0.0
    updated_at: float = 0.0
