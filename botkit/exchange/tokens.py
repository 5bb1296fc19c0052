"""JWTs of telephony credentials: made, and read at a login.

Header and claims are those of the sample that the platform's documents publish (Voice SDK Authentication via
JWTs): HS512, `aud` and `iss` both "telnyx_telephony", `sub` the credential's id. A token lives 24 hours, or as
long as its credential. It is revoked by deleting the credential, and by nothing else.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from botkit.exchange.connections import TelephonyCredential

LIFETIME = 24 * 3600.0
"""Seconds that a token is good for, at most."""

_PARTY = "telnyx_telephony"
_ALGORITHM = "HS512"


class Tokens:
    """Makes and reads tokens. The secret is this server's and dies with it."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(64)

    def make(self, credential: TelephonyCredential, now: float) -> str:
        """A new token for a credential; any number of them may be good at the same time."""
        expires = now + LIFETIME
        if credential.expires_at is not None:
            expires = min(expires, credential.expires_at)
        import jwt  # here, since most exchanges give out no token

        claims = {
            "aud": _PARTY,
            "exp": int(expires),
            "iat": int(now),
            "iss": _PARTY,
            "jti": str(uuid.uuid4()),
            "nbf": int(now) - 1,
            "sub": credential.id,
            "tel_token": secrets.token_urlsafe(32),
            "typ": "access",
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def credential_id(self, token: str, now: float) -> str | None:
        """The id of the credential that a token was made for; None for one that is not ours, or not good now."""
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_PARTY,
                issuer=_PARTY,
                # What time it is, our clock says (in tests it may be a virtual one).
                options={
                    "require": ["aud", "exp", "iss", "nbf", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError):  # ValueError: text that no JWT could be made of (half characters)
            return None
        if not claims["nbf"] <= now < claims["exp"]:
            return None
        return str(claims["sub"])
