"""A UDP socket of our own, in the place where aioice expects one of asyncio's.

While ICE and DTLS run, the event loop reads it like any datagram transport. Then the beat takes
over: the loop forgets the descriptor and `Peer.poll` drains it every 20 ms, so that no call costs
the loop a wake-up per packet. The kernel stamps each datagram with its arrival time
(`SO_TIMESTAMPNS`), so a busy beat does not falsify what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any, cast

_TIMESTAMPNS = {"linux": 35}
"""SO_TIMESTAMPNS by platform, where Python has no name for it (Linux: asm-generic/socket.h)."""

STAMP = (socket.SOL_SOCKET, _TIMESTAMPNS.get(sys.platform, -1))
"""Level and kind of the ancillary message that holds the time."""

_timespec = struct.Struct("qq")
DATAGRAM_MAX = 2048
RECEIVE_BUFFER = 212_992
"""Bytes that the kernel is asked to keep for us (SO_RCVBUF): as many as Linux grants everybody. It doubles them, for
its own books (socket(7)), and a packet of G.711 takes some 800 of them. So a process that is suspended for 8 s loses
nothing, where the usual buffer is full after 5."""

ANCILLARY_MAX = 64

KernelTime = tuple[int, int, bytes]


def wallclock_of(ancillary: list[KernelTime]) -> float | None:
    """The kernel's arrival time in a datagram's ancillary data, in wallclock seconds."""
    for level, kind, data in ancillary:
        if (level, kind) == STAMP and len(data) >= _timespec.size:
            seconds, nanoseconds = _timespec.unpack_from(data)
            return cast(float, seconds + nanoseconds * 1e-9)
    return None


def ask_for_arrival_times(sock: socket.socket) -> bool:
    """Ask the kernel to stamp what arrives on `sock`; False where the platform has no such thing."""
    option = _TIMESTAMPNS.get(sys.platform)
    if option is None:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    except OSError:
        return False
    return True


def probe_arrival_times() -> bool:
    """Send one datagram over loopback and see whether the kernel stamps it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if not ask_for_arrival_times(sock):
            return False
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.5)
        sock.sendto(b"?", sock.getsockname())
        try:
            _, ancillary, _, _ = sock.recvmsg(16, ANCILLARY_MAX)
        except OSError:
            return False
    return wallclock_of(ancillary) is not None


class Wire(asyncio.DatagramTransport):
    """A bound, non-blocking UDP socket that speaks asyncio's datagram transport to `protocol`.

    Raises OSError when `host` cannot be bound.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.DatagramProtocol, host: str) -> None:
        super().__init__()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            with contextlib.suppress(OSError):  # the usual buffer will do
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self.sock.bind((host, 0))
        except OSError:
            self.sock.close()
            raise
        ask_for_arrival_times(self.sock)
        self.errors = 0
        self._loop = loop
        self._protocol = protocol
        self.connected = False
        """To one address: no other is heard."""
        self._closed = False
        self._read_by_loop = True
        loop.add_reader(self.sock.fileno(), self._readable)
        protocol.connection_made(self)

    def _readable(self) -> None:
        for _ in range(8):
            try:
                data, address = self.sock.recvfrom(DATAGRAM_MAX)
            except BlockingIOError:
                return
            except OSError:  # a closed peer's ICMP answer; ICE finds out by itself
                self.errors += 1
                return
            try:
                self._protocol.datagram_received(data, address)
            except Exception:  # aioice's parser on a malformed datagram: anybody may send one
                self.errors += 1
            if self._closed or not self._read_by_loop:
                return

    def take_over(self, remote: tuple[str, int], *, connect: bool) -> None:
        """From now on the beat drains the socket. With `connect` only `remote` is heard: for paths
        whose address cannot change (a connected socket never shows STUN from a new address)."""
        self._stop_reading()
        if connect:
            self.sock.connect(remote)
            self.connected = True

    def _stop_reading(self) -> None:
        if self._read_by_loop:
            self._loop.remove_reader(self.sock.fileno())
            self._read_by_loop = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        if self._closed:
            return
        try:
            if self.connected or addr is None:
                self.sock.send(data)
            else:
                self.sock.sendto(data, addr)
        except OSError:
            self.errors += 1

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sockname":
            return self.sock.getsockname()
        if name == "socket":
            return self.sock
        return default

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._stop_reading()
            self.sock.close()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()
