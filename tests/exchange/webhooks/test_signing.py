"""Signatures, checked by who will check them."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import urlencode

import pytest

from botkit.exchange.webhooks.payload import leg_event
from botkit.exchange.webhooks.signing import SigningKey
from tests.exchange.webhooks import sdk
from tests.exchange.webhooks.kit import Told


def test_the_sdk_verifies_it() -> None:
    """`telnyx.lib` accepts the headers for the body as it was sent, whatever letters are in it, and for no other."""
    from telnyx.lib import WebhookVerificationError, verify_webhook_signature

    key = SigningKey()
    body = json.dumps({"data": {"name": "Zoë ☎"}}, ensure_ascii=False).encode()
    headers = key.headers(body, time.time())
    assert headers.keys() == {"telnyx-signature-ed25519", "telnyx-timestamp"}
    verify_webhook_signature(body, headers, key.public_key)
    with pytest.raises(WebhookVerificationError):
        verify_webhook_signature(body + b" ", headers, key.public_key)
    with pytest.raises(WebhookVerificationError):
        verify_webhook_signature(body, headers, SigningKey().public_key)
    old = key.headers(body, time.time() - 301)
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify_webhook_signature(body, old, key.public_key)


def test_the_sdk_unwraps_it() -> None:
    """Signature and event in one go, as bots do it."""
    from telnyx.lib import unwrap_with_ed25519

    key = SigningKey()
    event = leg_event(Told(), "call.dtmf.received", {"digit": "#"}, time.time())
    body = json.dumps(event.envelope(attempt=1, delivered_to="http://bot/"))
    client = sdk.client().copy(public_key=key.public_key)
    got = unwrap_with_ed25519(client, body, key.headers(body.encode(), time.time()))
    assert type(got).__name__ == "CallDtmfReceivedWebhookEvent"
    assert got.data.payload.digit == "#"


def test_forms_are_signed_alike() -> None:
    """A TeXML form is signed over its bytes."""
    from telnyx.lib import verify_webhook_signature

    key = SigningKey()
    body = urlencode({"CallSid": "v3:abc", "From": "+1555"}).encode()
    verify_webhook_signature(body, key.headers(body, time.time()), key.public_key)


def test_a_kept_key_is_the_same_key() -> None:
    """32 bytes make the same pair again; new pairs differ; other lengths are refused."""
    assert SigningKey(bytes(range(32))).public_key == SigningKey(bytes(range(32))).public_key
    assert SigningKey().public_key != SigningKey().public_key
    assert len(base64.b64decode(SigningKey().public_key)) == 32
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey(b"short")
