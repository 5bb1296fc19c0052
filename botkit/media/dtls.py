"""The DTLS half of a peer: aiortc's transport and certificate, with what they leave undone.

Beside `peer.py` this module alone knows private names of aiortc; the version they were read in is 1.16.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS, State
from OpenSSL import SSL, crypto

CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA")
    for key in ("ECDSA", "RSA")
)
"""aiortc's suites, and beside each its twin for a server whose certificate has an RSA key: FreeSWITCH's has one of
4096 bits, and ends a handshake that offers ECDSA alone with alert 40."""

DATAGRAM = 1500
"""The most that goes into one datagram, as in aiortc; OpenSSL's records are shorter."""

_RECORD_HEADER = 13
"""Bytes before a record's content, the last two its length (RFC 6347 4.1)."""


class Certificate(RTCCertificate):
    """A certificate whose TLS context is made once, not once per leg."""

    _context: SSL.Context | None = None
    _prints: list[RTCDtlsFingerprint] | None = None

    def getFingerprints(self) -> list[RTCDtlsFingerprint]:
        if self._prints is None:
            self._prints = super().getFingerprints()
        return self._prints

    def _create_ssl_context(self, srtp_profiles: Any) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_cipher_list(CIPHERS.encode())
        return self._context


@functools.cache
def process_certificate() -> RTCCertificate:
    """The certificate of this process, made at first use."""
    return Certificate.generateCertificate()


class DtlsTransport(RTCDtlsTransport):
    """aiortc's transport, which sends long flights whole, and reads of the other end's certificate the digest only."""

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        # aiortc has `cryptography` parse it, which warns of what is odd there (FreeSWITCH's serial number is 0).
        # All fingerprints that we can compute must match, and one must be there.
        assert self._ssl is not None
        certificate = self._ssl.get_peer_certificate()
        known = [one for one in remoteParameters.fingerprints if one.algorithm.lower() in X509_DIGEST_ALGORITHMS]
        if certificate is None or not known or any(_digest(certificate, one) != one.value.upper() for one in known):
            self._set_state(State.FAILED)

    async def _write_ssl(self) -> None:
        # aiortc sends the first 1500 bytes: an RSA key of 4096 bits makes a flight longer than that, and a record
        # that is cut in two is lost.
        datagram = b""
        for record in self._records():
            if datagram and len(datagram) + len(record) > DATAGRAM:
                await self.transport._send(datagram)
                datagram = b""
            datagram += record
        if datagram:
            await self.transport._send(datagram)

    def _records(self) -> Iterator[bytes]:
        assert self._ssl is not None
        try:
            data = self._ssl.bio_read(1 << 16)
        except SSL.Error:
            return  # there is nothing to send
        while data:
            end = _RECORD_HEADER + int.from_bytes(data[_RECORD_HEADER - 2 : _RECORD_HEADER], "big")
            yield data[:end]
            data = data[end:]


def _digest(certificate: crypto.X509, wanted: RTCDtlsFingerprint) -> str:
    return certificate.digest(wanted.algorithm.replace("-", "")).decode()
