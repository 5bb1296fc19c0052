"""The exchange's signature on what it sends: Ed25519 over `timestamp|body`.

A receiver checks it with the public key (base64 of 32 raw bytes) and refuses a timestamp that is more than
300 s off ([SDK] `telnyx.lib.verify_webhook_signature`). JSON events and TeXML forms are signed alike.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"


class SigningKey:
    """A key pair. `SigningKey()` is a new one; from the 32 bytes of a private key it is that one again."""

    def __init__(self, private: bytes | None = None) -> None:
        """Raises ValueError when `private` is not 32 bytes."""
        self._key = Ed25519PrivateKey.generate() if private is None else Ed25519PrivateKey.from_private_bytes(private)
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key = base64.b64encode(raw).decode()
        """What receivers are given (`TELNYX_PUBLIC_KEY` of the SDK)."""

    def headers(self, body: bytes, wall: float) -> dict[str, str]:
        """The two headers for `body`, byte for byte as it is sent; `wall` is the time, in seconds since 1970."""
        timestamp = str(int(wall))
        signature = self._key.sign(timestamp.encode() + b"|" + body)
        return {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIMESTAMP_HEADER: timestamp}
