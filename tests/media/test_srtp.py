"""SRTP on one shared buffer."""

import os

import pytest
from pylibsrtp import Policy, Session

from botkit.media.rtcp import ReceiverReport
from botkit.media.rtcp import pack as pack_rtcp
from botkit.media.rtp import RtpPacket, pack
from botkit.media.srtp import CAPACITY, TRAILER_MAX, SrtpCipher, SrtpError


def ciphers() -> tuple[SrtpCipher, SrtpCipher]:
    """A sender and its receiver."""
    key = os.urandom(28)
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    return (
        SrtpCipher(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))),
        SrtpCipher(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))),
    )


def packet(seq: int, payload: bytes = b"\xff" * 160) -> bytes:
    return pack(RtpPacket(0, seq, seq * 160, 7, payload))


def test_round_trip() -> None:
    """What one side protects the other reads, and on the wire it is not in the clear."""
    sender, receiver = ciphers()
    for seq in range(50):
        clear = packet(seq, os.urandom(160))
        on_the_wire = bytes(sender.protect(clear))
        assert clear[12:] not in on_the_wire
        assert receiver.unprotect(on_the_wire) == clear


def test_round_trip_in_the_shared_buffer() -> None:
    """A datagram received into `scratch` is read there; the result is a copy that later calls leave alone."""
    sender, receiver = ciphers()
    first, second = packet(1), packet(2, b"other" * 32)
    wire = [bytes(sender.protect(clear)) for clear in (first, second)]
    receiver.scratch[: len(wire[0])] = wire[0]
    got = receiver.unprotect_scratch(len(wire[0]))
    receiver.scratch[: len(wire[1])] = wire[1]
    assert receiver.unprotect_scratch(len(wire[1])) == second
    assert got == first


def test_round_trip_of_reports() -> None:
    """RTCP has its own way in and out, in the buffer and beside it."""
    sender, receiver = ciphers()
    report = pack_rtcp([ReceiverReport(7)])
    assert receiver.unprotect(bytes(sender.protect_rtcp(report)), rtcp=True) == report
    on_the_wire = bytes(sender.protect_rtcp(report))
    receiver.scratch[: len(on_the_wire)] = on_the_wire
    assert receiver.unprotect_rtcp_scratch(len(on_the_wire)) == report


def test_legs_share_the_buffer_and_nothing_else() -> None:
    """Two legs that take turns do not disturb each other, and cannot read each other's packets."""
    one, other = ciphers(), ciphers()
    for seq in range(20):
        for sender, receiver in (one, other):
            assert receiver.unprotect(bytes(sender.protect(packet(seq)))) == packet(seq)
    assert other[1].unprotect(bytes(one[0].protect(packet(99)))) is None


@pytest.mark.parametrize("place", [0, 3, 20, -1], ids=["version", "sequence", "payload", "tag"])
def test_forged_packet(place: int) -> None:
    """A packet changed under way, anywhere, is refused."""
    sender, receiver = ciphers()
    on_the_wire = bytearray(sender.protect(packet(1)))
    on_the_wire[place] ^= 0x41
    assert receiver.unprotect(bytes(on_the_wire)) is None


def test_replayed_packet() -> None:
    """The same packet a second time is refused, and the next one is not."""
    sender, receiver = ciphers()
    first, second = (bytes(sender.protect(packet(seq))) for seq in (1, 2))
    assert receiver.unprotect(first) is not None
    assert receiver.unprotect(first) is None
    assert receiver.unprotect(second) == packet(2)


@pytest.mark.parametrize("rubbish", [b"", b"\x80", b"\x80" * 11, b"\x80" * 40, b"\xff" * 200])
@pytest.mark.parametrize("rtcp", [False, True])
def test_rubbish(rubbish: bytes, rtcp: bool) -> None:
    """What is no SRTP at all, however short, is refused and not raised."""
    _, receiver = ciphers()
    assert receiver.unprotect(rubbish, rtcp=rtcp) is None


def test_too_long_to_send() -> None:
    """A packet that would not fit with its trailer is refused before it is written anywhere."""
    sender, _ = ciphers()
    most = CAPACITY - TRAILER_MAX - 12
    assert len(sender.protect(packet(1, b"x" * most))) == CAPACITY - TRAILER_MAX + 16
    with pytest.raises(SrtpError, match="too long"):
        sender.protect(packet(2, b"x" * (most + 1)))


def test_too_short_to_send() -> None:
    """What has no RTP header cannot be protected."""
    sender, _ = ciphers()
    with pytest.raises(SrtpError, match="could not"):
        sender.protect(b"short")


def test_too_long_to_read() -> None:
    """A datagram longer than the buffer is refused."""
    _, receiver = ciphers()
    assert receiver.unprotect(b"\x80" * (CAPACITY + 1)) is None
