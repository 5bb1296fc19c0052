"""The way to a server: its name in the DNS, its certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from botkit.clock import Clock
from botkit.errors import NetworkFault, TimeoutFault
from botkit.runner.doctor.findings import Note
from botkit.settings import is_loopback

EXPIRES_SOON = 14
"""Days before its end from which on a certificate is worth a warning."""

# OpenSSL's X509_V_ERR_… (openssl-verification-options(1)); Python gives them as `verify_code`.
NOT_YET_VALID, EXPIRED, SELF_SIGNED, SELF_SIGNED_IN_CHAIN, NO_ISSUER, NO_FIRST, WRONG_NAME = 9, 10, 18, 19, 20, 21, 62


async def check_name(note: Note, host: str, clock: Clock, within: float) -> None:
    """Look the host up. Raises `NetworkFault` or `TimeoutFault`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        note.text = f"{host} is an address"
        return
    try:
        async with clock.timeout(within):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise TimeoutFault(
            f"no answer about the name {host} within {within:g} s",
            "connect",
            hint="the name server does not answer: is the network up, and /etc/resolv.conf right?",
        ) from None
    except (OSError, UnicodeError) as error:
        temporary = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        raise NetworkFault(
            f"the name {host} is not known: {getattr(error, 'strerror', None) or error}",
            hint="the name server cannot be reached: is the network up?"
            if temporary
            else "is `server` of this account spelt right, and does this machine's DNS know it?",
        ) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    note.text = f"{host} is {', '.join(addresses)}"
    note.facts["addresses"] = addresses


def no_tls(note: Note, host: str, embedded: bool) -> None:
    """A ws:// server: nothing to try, but worth saying."""
    note.text = "not encrypted (ws://)"
    note.facts["encrypted"] = False
    if not embedded and not is_loopback(host):
        note.warn("passwords and digits can be read on the way", hint="use wss:// where the server offers it")


async def check_tls(note: Note, host: str, port: int, clock: Clock, within: float) -> None:
    """Make a TLS connection as a client would, and say whose certificate it is and until when.

    Raises `NetworkFault` or `TimeoutFault`.
    """
    where = f"{host}:{port}"
    await _reach(host, port, clock, within)
    try:
        async with clock.timeout(within):
            certificate, version = await _certificate(host, port, ssl.create_default_context())
    except TimeoutError:
        raise TimeoutFault(
            f"{where} takes connections, but does not answer to TLS within {within:g} s",
            "connect",
            hint="does the server speak plain ws:// on this port, or does something in between swallow it?",
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise await _not_trusted(host, port, error, clock, within) from None
    except (ssl.SSLError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or "it hung up"
        raise NetworkFault(
            f"no TLS with {where}: {reason}", hint="does the server speak plain ws:// on this port?"
        ) from None
    except OSError as error:
        raise NetworkFault(f"{where} cannot be reached: {error.strerror or error}", hint="is the network up?") from None
    note.text = f"certificate of {certificate.subject} by {certificate.issuer}, valid until {certificate.until}"
    note.facts |= {
        "encrypted": True,
        "version": version,
        "issuer": certificate.issuer,
        "subject": certificate.subject,
        "valid_until": certificate.not_after.isoformat(),
    }
    days = (certificate.not_after.timestamp() - clock.wall()) / 86400
    if days < EXPIRES_SOON:
        note.warn(f"that is in {max(0, int(days))} days", hint="its owner must renew it soon")


async def _reach(host: str, port: int, clock: Clock, within: float) -> None:
    """Whether anybody listens at all: else TLS would be blamed. Raises `NetworkFault` or `TimeoutFault`."""
    where = f"{host}:{port}"
    try:
        async with clock.timeout(within):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        hint = f"does a firewall keep TCP to port {port} from leaving this machine?"
        raise TimeoutFault(f"no connection to {where} within {within:g} s", "connect", hint=hint) from None
    except OSError as error:
        # asyncio joins the errors of several addresses into one text, so the words count beside the type
        if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
            hint = "is the server running, and on this port?"
            raise NetworkFault(f"{where} refused the connection", hint=hint) from None
        raise NetworkFault(f"{where} cannot be reached: {error.strerror or error}", hint="is the network up?") from None
    await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError, ssl.SSLError):  # it is gone either way
        await writer.wait_closed()


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What people want to know of one."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime

    @property
    def until(self) -> str:
        return f"{self.not_after:%Y-%m-%d}"


async def _certificate(host: str, port: int, context: ssl.SSLContext) -> tuple[_Certificate, str]:
    """The server's certificate, and the version of TLS."""
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        read = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        subject, issuer = _name(read.subject), _name(read.issuer)
        found = _Certificate(subject, issuer, read.not_valid_before_utc, read.not_valid_after_utc)
        return found, tls.version() or ""
    finally:
        await _closed(writer)


def _name(name: x509.Name) -> str:
    """The organisation and the common name, as far as there are any."""
    found = [
        str(part.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for part in name.get_attributes_for_oid(oid)
    ]
    return " ".join(dict.fromkeys(found)) or name.rfc4514_string() or "nobody"


async def _not_trusted(
    host: str, port: int, error: ssl.SSLCertVerificationError, clock: Clock, within: float
) -> NetworkFault:
    """Why a certificate was not taken, in words that name it: it is read once more without belief."""
    unbelieving = ssl.create_default_context()
    unbelieving.check_hostname = False
    unbelieving.verify_mode = ssl.CERT_NONE
    try:
        async with clock.timeout(within):
            certificate, _ = await _certificate(host, port, unbelieving)
    except (OSError, ValueError):
        return NetworkFault(f"the certificate of {host}:{port} is not trusted: {error.verify_message}")
    now = datetime.fromtimestamp(clock.wall(), UTC)
    what = f"the certificate of {host}:{port} ({certificate.subject} by {certificate.issuer})"
    code = error.verify_code
    if code == EXPIRED or certificate.not_after < now:
        return NetworkFault(
            f"{what} expired on {certificate.until}",
            hint="its owner must renew it; if it should be valid, is this machine's clock right?",
        )
    if code == NOT_YET_VALID:
        return NetworkFault(
            f"{what} is valid from {certificate.not_before:%Y-%m-%d} on only", hint="is this machine's clock right?"
        )
    if code == WRONG_NAME:
        return NetworkFault(
            f"{what} is for another name", hint=f"is `server` of this account right? the certificate is not for {host}"
        )
    if code == SELF_SIGNED:
        return NetworkFault(
            f"{what} is signed by itself",
            hint="for a test server of your own, trust it: SSL_CERT_FILE=its-certificate.pem; else do not go on",
        )
    if code in (SELF_SIGNED_IN_CHAIN, NO_ISSUER, NO_FIRST):
        return NetworkFault(
            f"{what} is signed by an authority that this machine does not know",
            hint="install the authority's certificate, or name it: SSL_CERT_FILE=authority.pem; is a proxy in between?",
        )
    return NetworkFault(f"{what} is not trusted: {error.verify_message}")
