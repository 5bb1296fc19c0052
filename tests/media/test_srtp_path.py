"""Packets over a socket, encrypted: the path in Python and its compiled twin, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from botkit.media import native
from botkit.media.srtp_path import MAX_PER_BEAT, NativePath, SrtpPath, compiled, path_over
from botkit.media.transport import Arrival
from botkit.media.wire import Wire, ask_for_arrival_times
from tests.media.test_srtp import ciphers, packet

KINDS = [SrtpPath, pytest.param(NativePath, marks=pytest.mark.needs("native"))]
if native.BUILT:
    assert compiled()
RTCP = bytes.fromhex("80c90001deadbeef")
STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)


@dataclass
class End:
    path: SrtpPath
    sock: socket.socket

    def read(self, fresh: float = -math.inf) -> tuple[list[Arrival], list[Any], int]:
        got: list[Arrival] = []
        others: list[Any] = []
        now = time.monotonic()
        errors = self.path.receive(now, now - time.time(), fresh, got, others)
        return got, others, errors


@contextlib.contextmanager
def ends(kind: type[SrtpPath], host: str = "127.0.0.1", *, connected: bool = False) -> Iterator[tuple[End, End]]:
    """Two ends of one path, with keys for either direction."""
    (one_tx, other_rx), (other_tx, one_rx) = ciphers(), ciphers()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as other:
        for sock in (one, other):
            sock.bind((host, 0))
            sock.setblocking(False)
            ask_for_arrival_times(sock)
        if connected:
            one.connect(other.getsockname())
            other.connect(one.getsockname())
        remotes = (None, None) if connected else (other.getsockname(), one.getsockname())
        yield End(kind(one, remotes[0], one_tx, one_rx), one), End(kind(other, remotes[1], other_tx, other_rx), other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("connected", [False, True])
def test_there_and_back(kind: type[SrtpPath], host: str, connected: bool) -> None:
    """RTP comes out as it went in, dated by the kernel; nothing of it is in the clear on the way."""
    with ends(kind, host, connected=connected) as (one, other):
        before = time.monotonic()
        assert all(one.path.send(packet(seq)) for seq in range(3))
        assert other.path.send(packet(9))
        between = time.monotonic()
        time.sleep(0.01)
        got, others, errors = other.read()
        assert [data for data, _ in got] == [packet(seq) for seq in range(3)]
        assert all(before - 0.25 < at < between + 0.25 for _, at in got)
        assert (others, errors) == ([], 0)
        assert [data for data, _ in one.read()[0]] == [packet(9)]
        assert one.read() == ([], [], 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_not_rtp(kind: type[SrtpPath], host: str) -> None:
    """RTCP, STUN and DTLS are handed on as they came, with the address that they came from."""
    with ends(kind, host) as (one, other):
        sent = [STUN, bytes([22, 254, 253]) + bytes(20), b"\xff\xff"]
        for datagram in sent:
            one.sock.sendto(datagram, other.sock.getsockname())
        assert one.path.send_rtcp(RTCP)
        assert one.path.send(packet(1))
        got, others, errors = other.read()
        assert [data for data, _ in got] == [packet(1)]
        assert [data for data, _, _ in others][:3] == sent
        assert others[3][0][:8] == RTCP
        assert len(others[3][0]) > len(RTCP)
        assert {address for _, _, address in others} == {one.sock.getsockname()}
        assert errors == 0


@pytest.mark.parametrize("kind", KINDS)
def test_forged_and_short(kind: type[SrtpPath]) -> None:
    """What cannot be decrypted is counted; what is too short to be anything, and an empty datagram, are not."""
    with ends(kind) as (one, other):
        for datagram in (b"", b"\x80", packet(1), b"\x80" * 2048):
            one.sock.sendto(datagram, other.sock.getsockname())
        one.path.send(packet(2))
        got, others, errors = other.read()
        assert [data for data, _ in got] == [packet(2)]
        assert (others, errors) == ([], 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wallclock_that_says_nothing(kind: type[SrtpPath]) -> None:
    """While nobody knows what the wallclock is to monotonic time, what comes is dated by when it is read."""
    with ends(kind) as (one, other):
        one.path.send(packet(1))
        one.sock.sendto(STUN, other.sock.getsockname())
        got: list[Arrival] = []
        others: list[Any] = []
        assert other.path.receive(55.0, math.inf, -math.inf, got, others) == 0
        assert got == [(packet(1), 55.0)]
        assert [at for _, at, _ in others] == [55.0]


@pytest.mark.parametrize("kind", KINDS)
def test_how_much_is_read(kind: type[SrtpPath]) -> None:
    """A flood is read in pieces; after a fresh packet nothing more is asked for."""
    with ends(kind) as (one, other):
        for seq in range(MAX_PER_BEAT + 3):
            one.path.send(packet(seq))
        assert len(other.read(fresh=10.0)[0]) == 1
        assert len(other.read()[0]) == MAX_PER_BEAT
        assert len(other.read()[0]) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there(kind: type[SrtpPath]) -> None:
    """A socket that is gone is an error on either side, and so is what is too long: never an exception."""
    with ends(kind, connected=True) as (one, other):
        assert not one.path.send(packet(1, bytes(2000)))
        other.sock.close()
        one.path.send(packet(1))
        time.sleep(0.01)
        assert one.read()[2] == 1  # connection refused
        one.sock.close()
        assert not one.path.send(packet(2))
        assert not one.path.send_rtcp(RTCP)
        got, others, errors = one.read()
        assert (got, others) == ([], [])
        assert errors == MAX_PER_BEAT


@pytest.mark.needs("native")
def test_the_compiled_one_is_used() -> None:
    """Where it is there it is taken: libsrtp is one that it knows."""

    async def kind() -> type[SrtpPath]:
        wire = Wire(asyncio.get_running_loop(), asyncio.DatagramProtocol(), "127.0.0.1")
        path = path_over(wire, ("127.0.0.1", 9), *ciphers())
        wire.close()
        return type(path)

    assert asyncio.run(kind()) is (NativePath if native.AVAILABLE else SrtpPath)


@pytest.mark.needs("native")
@pytest.mark.parametrize(
    "wrong",
    [
        (0,),
        (0, 0, b"packet", None),
        (0, 1, "packet", None),
        (0, 1, b"packet", "address"),
        ("0", 1, b"packet", None),
        (0, -(1 << 70), b"packet", None),
    ],
)
def test_what_does_not_fit_is_refused(wrong: tuple[Any, ...]) -> None:
    """A call with something else than a socket, a context and a packet: an error, and nothing is sent."""
    with pytest.raises((TypeError, ValueError, OverflowError)):
        native.module.rtp_send(*wrong)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        native.module.rtp_receive(*wrong)


def test_the_contexts_address() -> None:
    """A cipher knows where its context is."""
    one, other = ciphers()
    assert one.address
    assert one.address != other.address


@pytest.mark.parametrize("kind", KINDS)
def test_two_threads(kind: type[SrtpPath]) -> None:
    """Two media planes, each in its thread, do not touch each other's packets."""
    wrong: list[object] = []
    together = threading.Barrier(2)

    def talk(octet: bytes) -> None:
        with ends(kind) as (one, other):
            together.wait()
            for seq in range(2000):
                sent = packet(seq, octet * 160)
                one.path.send(sent)
                got, others, errors = other.read()
                if [data for data, _ in got] != [sent] or others or errors:
                    wrong.append((seq, got, others, errors))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=talk, args=(octet,)) for octet in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
