"""The UDP socket that loop and beat share."""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit.media.wire import (
    ANCILLARY_MAX,
    STAMP,
    Wire,
    ask_for_arrival_times,
    probe_arrival_times,
    wallclock_of,
)
from tests.media.waiting import PATIENCE, until


class Listener(asyncio.DatagramProtocol):
    """Writes down what a wire tells it."""

    def __init__(self) -> None:
        self.made: list[asyncio.BaseTransport] = []
        self.got: list[tuple[bytes, tuple[Any, ...]]] = []
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.got.append((data, addr))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


class Scene:
    """A wire and, on the other side, a plain socket."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.listener = Listener()
        self.wire = Wire(asyncio.get_running_loop(), self.listener, host)
        self.address = self.wire.get_extra_info("sockname")
        self.far = socket.socket(self.wire.sock.family, socket.SOCK_DGRAM)
        self.far.bind((host, 0))
        self.far.settimeout(PATIENCE)

    def close(self) -> None:
        self.wire.close()
        self.far.close()

    def drained(self) -> list[bytes]:
        """What the beat would read now."""
        got: list[bytes] = []
        while True:
            try:
                got.append(self.wire.sock.recv(2048))
            except BlockingIOError:
                return got


def play(scene: Callable[[Scene], Coroutine[Any, Any, None]], host: str = "127.0.0.1") -> None:
    async def main() -> None:
        stage = Scene(host)
        try:
            await scene(stage)
        finally:
            stage.close()
            await asyncio.sleep(0)

    asyncio.run(main())


# --- arrival times ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="what a buffer holds is Linux's")
def test_a_backlog() -> None:
    """What comes while the process is suspended for 8 s waits for it: no packet of the 400 is lost by us."""

    async def scene(stage: Scene) -> None:
        stage.wire.take_over(stage.far.getsockname(), connect=False)
        for number in range(400):
            stage.far.sendto(number.to_bytes(2, "big") * 94, stage.address)
        assert [int.from_bytes(data[:2], "big") for data in stage.drained()] == list(range(400))

    play(scene)


def test_stamps_are_read() -> None:
    """The kernel's timespec becomes wallclock seconds; other ancillary data and short ones are passed over."""
    stamp = struct.pack("qq", 1_700_000_000, 250_000_000)
    assert wallclock_of([(socket.SOL_IP, 1, b"x"), (*STAMP, stamp)]) == 1_700_000_000.25
    assert wallclock_of([(*STAMP, stamp[:8])]) is None
    assert wallclock_of([]) is None


@pytest.mark.skipif(not probe_arrival_times(), reason="left out: this kernel stamps no datagrams")
def test_arrival_is_when_it_came_not_when_it_was_read() -> None:
    """A datagram that lay in the socket for a while is dated to its arrival."""

    async def scene(stage: Scene) -> None:
        stage.wire.take_over(stage.far.getsockname(), connect=False)
        await asyncio.sleep(0.3)  # the kernel begins to stamp a little after it was asked
        before = time.time()
        stage.far.sendto(b"early", stage.address)
        await asyncio.sleep(0.5)
        read = time.time()
        _, ancillary, _, _ = stage.wire.sock.recvmsg(64, ANCILLARY_MAX)
        at = wallclock_of(ancillary)
        assert at is not None
        assert before - 0.005 <= at <= read - 0.25

    play(scene)


def test_platforms_without_stamps_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no name for the option nothing is asked of the socket, and the probe is negative."""
    monkeypatch.setattr("botkit.media.wire._TIMESTAMPNS", {})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert not ask_for_arrival_times(sock)
    assert not probe_arrival_times()


def test_kernels_that_refuse_stamps_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that the kernel does not know is answered with no."""
    monkeypatch.setattr("botkit.media.wire._TIMESTAMPNS", {"linux": 9999, "darwin": 9999})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert not ask_for_arrival_times(sock)


# --- while the loop reads -----------------------------------------------------------------------------


def test_loop_reads_until_taken_over() -> None:
    """Before the take-over the protocol is given each datagram with its sender, afterwards none."""

    async def scene(stage: Scene) -> None:
        assert stage.listener.made == [stage.wire]
        stage.far.sendto(b"one", stage.address)
        await until(lambda: stage.listener.got)
        assert stage.listener.got == [(b"one", stage.far.getsockname())]
        stage.wire.take_over(stage.far.getsockname(), connect=False)
        stage.far.sendto(b"two", stage.address)
        await asyncio.sleep(0.05)
        assert len(stage.listener.got) == 1
        assert stage.drained() == [b"two"]

    play(scene)


def test_take_over_from_within_the_protocol() -> None:
    """When what was received makes somebody take over, the datagrams behind it are left to the beat."""

    async def scene(stage: Scene) -> None:
        def take(data: bytes, addr: tuple[Any, ...]) -> None:
            stage.listener.got.append((data, addr))
            stage.wire.take_over(addr, connect=False)

        stage.listener.datagram_received = take  # type: ignore[method-assign]
        for data in (b"one", b"two", b"three"):
            stage.far.sendto(data, stage.address)
        await until(lambda: stage.listener.got)
        await asyncio.sleep(0.02)
        assert [data for data, _ in stage.listener.got] == [b"one"]
        assert stage.drained() == [b"two", b"three"]

    play(scene)


def test_closed_from_within_the_protocol() -> None:
    """When what was received makes somebody close, nothing more is read and nothing is raised."""

    async def scene(stage: Scene) -> None:
        def shut(data: bytes, addr: tuple[Any, ...]) -> None:
            stage.listener.got.append((data, addr))
            stage.wire.close()

        stage.listener.datagram_received = shut  # type: ignore[method-assign]
        stage.far.sendto(b"one", stage.address)
        stage.far.sendto(b"two", stage.address)
        await until(lambda: stage.listener.lost)
        assert len(stage.listener.got) == 1

    play(scene)


# --- connected or not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("connect", [False, True], ids=["open", "connected"])
def test_connected_wires_hear_one_address(connect: bool) -> None:
    """A connected wire hears its remote address only; an open one hears everybody."""

    async def scene(stage: Scene) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stage.wire.take_over(stage.far.getsockname(), connect=connect)
            stranger.sendto(b"stranger", stage.address)
            stage.far.sendto(b"known", stage.address)
            await asyncio.sleep(0.02)
            assert stage.drained() == ([b"known"] if connect else [b"stranger", b"known"])

    play(scene)


@pytest.mark.parametrize("connect", [False, True], ids=["open", "connected"])
def test_sends_to_the_remote_address(connect: bool) -> None:
    """What is sent arrives, whether the socket is connected or an address is given with each datagram."""

    async def scene(stage: Scene) -> None:
        remote = stage.far.getsockname()
        stage.wire.take_over(remote, connect=connect)
        stage.wire.sendto(b"hello", remote)
        assert stage.far.recvfrom(64) == (b"hello", stage.address)

    play(scene)


def test_closed_far_end_is_counted() -> None:
    """The ConnectionRefused that a closed far end answers with is counted, and nothing is raised."""

    async def scene(stage: Scene) -> None:
        remote = stage.far.getsockname()
        stage.wire.take_over(remote, connect=True)
        stage.far.close()
        for _ in range(4):
            stage.wire.sendto(b"is anybody there?", remote)
            await asyncio.sleep(0.005)
        assert stage.wire.errors >= 1

    play(scene)


def test_refusal_while_the_loop_reads_is_counted() -> None:
    """The same refusal, met by the loop's read, is counted and reading goes on."""

    async def scene(stage: Scene) -> None:
        remote = stage.far.getsockname()
        stage.wire.sock.connect(remote)
        stage.far.close()
        stage.wire.sock.send(b"?")
        await until(lambda: stage.wire.errors)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            back.bind(remote)
            back.sendto(b"back again", stage.address)
            await until(lambda: stage.listener.got)

    play(scene)


def test_too_long_a_datagram_is_counted() -> None:
    """What the kernel will not take is counted, and nothing is raised."""

    async def scene(stage: Scene) -> None:
        stage.wire.sendto(b"x" * 70_000, stage.far.getsockname())
        assert stage.wire.errors == 1

    play(scene)


# --- its life ---------------------------------------------------------------------------------------------


def test_close_is_told_once() -> None:
    """Closing, however often, closes the socket, tells the protocol once, and sends nothing any more."""

    async def scene(stage: Scene) -> None:
        assert not stage.wire.is_closing()
        stage.wire.close()
        stage.wire.abort()
        stage.wire.sendto(b"late", stage.far.getsockname())
        assert stage.wire.is_closing()
        await asyncio.sleep(0)
        assert stage.listener.lost == [None]
        assert stage.wire.sock.fileno() == -1
        assert stage.wire.errors == 0

    play(scene)


def test_address_that_is_not_ours() -> None:
    """An address of another machine cannot be bound: OSError, and no socket stays."""

    async def main() -> None:
        with pytest.raises(OSError, match="assign"):
            Wire(asyncio.get_running_loop(), Listener(), "203.0.113.1")

    asyncio.run(main())


def test_version_six() -> None:
    """An address with colons makes an IPv6 socket."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("left out: this machine has no IPv6")

    async def scene(stage: Scene) -> None:
        assert stage.wire.get_extra_info("socket").family == socket.AF_INET6
        stage.far.sendto(b"six", stage.address)
        await until(lambda: stage.listener.got)
        assert stage.listener.got[0][0] == b"six"
        assert stage.wire.get_extra_info("nothing", "default") == "default"

    play(scene, "::1")
