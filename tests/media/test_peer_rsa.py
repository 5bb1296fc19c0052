"""A peer whose DTLS certificate has an RSA key of 4096 bits and the serial number 0, as FreeSWITCH's."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from botkit.media.peer import Peer
from tests.media.rsa import rsa_certificate
from tests.media.test_peer import CLOCK, Gathered, join, packet, play
from tests.media.waiting import PATIENCE, until


@contextlib.asynccontextmanager
async def ours_and_theirs(*, we_offer: bool) -> AsyncIterator[tuple[Peer, Peer]]:
    """Our peer, and one with that certificate, gathered."""
    ours, theirs = Peer(CLOCK), Peer(CLOCK, certificate=rsa_certificate())
    try:
        await ours.gather(offerer=we_offer)
        await theirs.gather(offerer=not we_offer)
        yield ours, theirs
    finally:
        await ours.close()
        await theirs.close()


@pytest.mark.parametrize("we_offer", [True, False], ids=["we are server", "we are client"])
def test_an_rsa_certificate_is_taken(we_offer: bool) -> None:
    """As DTLS client we offer ECDHE-RSA suites; in either role the odd serial number brings no warning, and sound
    flows both ways."""

    async def main() -> None:
        async with ours_and_theirs(we_offer=we_offer) as (ours, theirs):
            await join(*((ours, theirs) if we_offer else (theirs, ours)))
            ends = Gathered(ours), Gathered(theirs)
            ours.send(packet(1))
            theirs.send(packet(2))
            await until(lambda: all(end.packets for end in ends), meanwhile=lambda: [end.beat() for end in ends])
            assert (ends[0].packets, ends[1].packets) == ([packet(2)], [packet(1)])
            cipher = ours._dtls._ssl.get_cipher_name()
            assert cipher.startswith("ECDHE-ECDSA" if we_offer else "ECDHE-RSA")  # the server's key decides

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play(main)
    assert [str(warning.message) for warning in caught if warning.category is not ResourceWarning] == []


@pytest.mark.parametrize("algorithm", ["sha-256", "SHA-384", "sha-512"])
def test_each_digest_of_a_description_is_known(algorithm: str) -> None:
    """FreeSWITCH names sha-256 in its answers, and sha-512 to a client that comes back."""

    async def main() -> None:
        async with ours_and_theirs(we_offer=False) as (ours, theirs):
            value = rsa_certificate().digest(algorithm.lower()).lower()
            described = replace(theirs.local, fingerprints=((algorithm, value),))
            far = asyncio.ensure_future(theirs.connect(ours.local, timeout=PATIENCE))
            await ours.connect(described, timeout=PATIENCE)
            await far

    play(main)


def test_the_certificate_is_as_odd_as_freeswitchs() -> None:
    """`cryptography` reads its serial number as 0, and warns: the tests above would not pass if it were asked."""
    with pytest.warns(CryptographyDeprecationWarning, match="serial"):
        assert x509.load_der_x509_certificate(rsa_certificate().der).serial_number == 0
