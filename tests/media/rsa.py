"""A DTLS certificate like FreeSWITCH's: an RSA key of 4096 bits, and the serial number 0."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Any

from aiortc import RTCCertificate, RTCDtlsFingerprint
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from OpenSSL import SSL

CIPHERS = b"HIGH:!aNULL:!DSS"
"""Every strong suite, as mod_verto's core sets it; with this key only the RSA ones can be taken."""


class RsaCertificate(RTCCertificate):
    """What aiortc's transport asks of a certificate, which it would make with an elliptic key."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 4096)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "FreeSWITCH")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .sign(self.key, hashes.SHA256())
        )
        # `cryptography` makes none with the serial number 0: write it in, and sign anew
        signed = made.tbs_certificate_bytes
        changed = signed.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1)
        signature = self.key.sign(changed, padding.PKCS1v15(), hashes.SHA256())
        der = made.public_bytes(serialization.Encoding.DER)
        self.der = der.replace(signed, changed).replace(made.signature, signature)

    def digest(self, algorithm: str = "sha-256") -> str:
        """As in an SDP's fingerprint."""
        return hashlib.new(algorithm.replace("-", ""), self.der).digest().hex(":").upper()

    def getFingerprints(self) -> list[RTCDtlsFingerprint]:
        return [RTCDtlsFingerprint("sha-256", self.digest())]

    def _create_ssl_context(self, srtp_profiles: Any) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *args: True)
        context.set_cipher_list(CIPHERS)
        with tempfile.TemporaryDirectory() as folder:  # as objects, pyOpenSSL would parse it, and warn
            file = Path(folder, "dtls.pem")
            file.write_text(ssl.DER_cert_to_PEM_cert(self.der))
            context.use_certificate_file(str(file))
        context.use_privatekey(self.key)
        context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")  # all that it offers
        return context


@functools.cache
def rsa_certificate() -> RsaCertificate:
    """One for all tests: such a key takes a second to make."""
    return RsaCertificate()
