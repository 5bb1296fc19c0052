"""Credentials, hidden in their own `repr`.

On the wire a telephony credential is a password login: its SIP user name and SIP password stand in
`login` and `passwd` ([JS] and [DOC]). A server cannot tell the two apart, so it reads a `Password`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Password:
    """A user name (verto: user@domain) and its password."""

    login: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TelephonyCredential:
    """The SIP user name and SIP password of a telephony credential."""

    sip_username: str
    sip_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A JWT made for a telephony credential."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials: a session that may reach one target only, such as an AI assistant."""

    target_id: str
    target_type: str = "ai_assistant"
    target_version_id: str | None = None


Credentials: TypeAlias = Password | TelephonyCredential | Token | Anonymous
