"""Accounts examined in real time against small real servers."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from botkit.exchange.exchange import Exchange
from botkit.runner.doctor.examination import Patience, examine
from botkit.runner.doctor.findings import STEPS, Diagnosis, Finding, State
from botkit.settings import Account, Settings

PATIENT = Patience(connect=20.0, login=20.0, servers=3.0, answer=20.0, media=20.0, listen=2.0, digit=20.0)
"""What comes takes no time; a test of what never comes says for itself how long that is waited for."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def account(server: str, **more: Any) -> Account:
    return Account(name="lab", server=server, **{"login": "alice", "password": "wonder", **more})


def account_on(exchange: Exchange, **more: Any) -> Account:
    """The user alice of an exchange, as an account that a file would give."""
    alice = exchange.account("alice")
    return account(exchange.url, **{"password": alice.password, **more})


async def examined(
    one: Account, settings: Settings | None = None, patience: Patience = PATIENT, **more: Any
) -> Diagnosis:
    """The diagnosis, whose findings were told as they came, in the order of the steps."""
    told: list[Finding] = []
    diagnosis = await examine(settings or Settings(), one, patience=patience, found=told.append, **more)
    assert [finding.step for finding in diagnosis.findings] == list(STEPS)
    assert told == list(diagnosis.findings)
    return diagnosis


def finding(diagnosis: Diagnosis, step: str) -> Finding:
    return next(one for one in diagnosis.findings if one.step == step)


def fault_of(diagnosis: Diagnosis, step: str) -> tuple[str, str]:
    """The words and the hint of the one fault, which is that step's; those before are well, those after not tried."""
    at = STEPS.index(step)
    states = [one.state for one in diagnosis.findings]
    assert states[at] is State.FAULT, diagnosis.findings
    assert set(states[:at]) <= {State.OK, State.WARNING, State.NOT_TRIED}, diagnosis.findings
    assert set(states[at + 1 :]) <= {State.NOT_TRIED}
    assert diagnosis.fault is not None
    assert diagnosis.fault.step == step
    return diagnosis.fault.text, diagnosis.fault.hint or ""


@contextlib.asynccontextmanager
async def tcp_server(handler: Handler, **options: Any) -> AsyncIterator[int]:
    """A server on loopback; gives its port."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await handler(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads, and says nothing."""
    while await reader.read(1000):
        pass


def certificate(
    folder: Path, *, days: float = 90, since: float = -1, name: str = "localhost", own: bool = False
) -> tuple[Path, Path]:
    """A certificate for `name`, valid for `days` from now, and the authority's that signed it: two PEM files.

    With `own` it is signed by itself. The first file holds the key, too.
    """
    now = datetime.datetime.now(datetime.UTC)

    def made(subject: str, key: Any, issuer: str, signer: Any, *, ca: bool, end: float) -> x509.Certificate:
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (subject, issuer)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=min(since, end - 1)))
            .not_valid_after(now + datetime.timedelta(days=end))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        )
        return builder.sign(signer, hashes.SHA256())

    key, authority = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, signer = (name, key) if own else ("Lab Authority", authority)
    leaf = made(name, key, issuer, signer, ca=own, end=days)
    root = leaf if own else made("Lab Authority", authority, "Lab Authority", authority, ca=True, end=365)
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    paths = (folder / "server.pem", folder / "authority.pem")
    paths[0].write_bytes(text + leaf.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    return paths
