"""One leg's packets on their way: encrypted and sent, received and decrypted, on the beat.

`SrtpPath` does it over a socket of ours. Its compiled twin (`native/srtp_path.c`) makes the same system calls and
the same calls of libsrtp without a Python object for each; Linux alone has it.
"""

from __future__ import annotations

import functools
import math
import socket
import struct
from typing import Any

from botkit.media import native
from botkit.media.srtp import LIBRARY, SrtpCipher, SrtpError
from botkit.media.transport import Arrival
from botkit.media.wire import ANCILLARY_MAX, Wire, wallclock_of

MAX_PER_BEAT = 8
"""Datagrams read per leg and beat, so that a flood on one leg cannot stall the others."""

Datagram = tuple[bytes, float, Any]
"""What is not RTP: as it came, when (monotonic seconds), and from where (None: the system does not tell)."""


class SrtpPath:
    """The path over a socket of ours. `remote` is where to; None for a connected socket."""

    __slots__ = ("_into", "_receive_into", "_rx", "_send", "_sock", "_tx")

    def __init__(self, sock: socket.socket, remote: Any, tx: SrtpCipher, rx: SrtpCipher) -> None:
        self._sock, self._tx, self._rx = sock, tx, rx
        self._into = [rx.scratch]
        self._receive_into = sock.recvmsg_into
        self._send = sock.send if remote is None else functools.partial(_send_to, sock.sendto, remote)

    def receive(self, now: float, to_monotonic: float, fresh: float, got: list[Arrival], others: list[Datagram]) -> int:
        """Read what has arrived by `now`, up to the first RTP packet that is not `fresh` seconds old.

        RTP goes to `got`, decrypted; what else came goes to `others`. How many could not be read or decrypted.
        """
        errors = 0
        receive_into, into = self._receive_into, self._into
        scratch = into[0]
        dated = to_monotonic < math.inf
        for _ in range(MAX_PER_BEAT):
            try:
                size, ancillary, _, address = receive_into(into, ANCILLARY_MAX)
            except BlockingIOError:
                break
            except OSError:  # ConnectionRefused: the other end has closed its socket
                errors += 1
                continue
            if size < 2:
                continue
            wall = wallclock_of(ancillary) if dated else None
            at = now if wall is None else wall + to_monotonic
            if not is_rtp(scratch[0], scratch[1]):
                others.append((bytes(scratch[:size]), at, address))
                continue
            clear = self._rx.unprotect_scratch(size)
            if clear is None:
                errors += 1
                continue
            got.append((clear, at))
            if now - at < fresh:
                break
        return errors

    def send(self, packet: bytes) -> bool:
        """Send one RTP packet; whether it went out."""
        try:
            self._send(self._tx.protect(packet))
        except (OSError, SrtpError):
            return False
        return True

    def send_rtcp(self, packet: bytes) -> bool:
        """Send one RTCP compound packet; whether it went out."""
        try:
            self._send(self._tx.protect_rtcp(packet))
        except (OSError, SrtpError):
            return False
        return True


class NativePath(SrtpPath):
    """The same, compiled. The socket is asked for its number each time: once closed it has none."""

    __slots__ = ("_decrypting", "_encrypting", "_number", "_to")

    def __init__(self, sock: socket.socket, remote: Any, tx: SrtpCipher, rx: SrtpCipher) -> None:
        super().__init__(sock, remote, tx, rx)
        self._number = sock.fileno
        self._encrypting, self._decrypting = tx.address, rx.address
        self._to = None if remote is None else sockaddr(sock.family, remote)

    def receive(self, now: float, to_monotonic: float, fresh: float, got: list[Arrival], others: list[Datagram]) -> int:
        return native.module.rtp_receive(
            self._number(), self._decrypting, now, to_monotonic, fresh, MAX_PER_BEAT, got, others
        )

    def send(self, packet: bytes) -> bool:
        return native.module.rtp_send(self._number(), self._encrypting, packet, self._to)


class RelayedPath(SrtpPath):
    """The path through a relay: aioice's object sends, and what comes is read by the event loop."""

    __slots__ = ()

    def __init__(self, transport: Any, remote: Any, tx: SrtpCipher, rx: SrtpCipher) -> None:
        self._tx, self._rx = tx, rx
        self._send = functools.partial(_send_to, transport.sendto, remote)

    def receive(self, now: float, to_monotonic: float, fresh: float, got: list[Arrival], others: list[Datagram]) -> int:
        return 0


def path_over(transport: Any, remote: Any, tx: SrtpCipher, rx: SrtpCipher) -> SrtpPath:
    """The path over a transport that ICE has chosen, to `remote`."""
    if not isinstance(transport, Wire):
        return RelayedPath(transport, remote, tx, rx)
    kind = NativePath if native.AVAILABLE and compiled() else SrtpPath
    return kind(transport.sock, None if transport.connected else remote, tx, rx)


@functools.cache
def compiled() -> bool:
    """Whether the compiled twin is there, and takes the libsrtp that pylibsrtp has."""
    return hasattr(native.module, "rtp_send") and LIBRARY is not None and native.module.use_srtp(*LIBRARY)


def is_rtp(first: int, second: int) -> bool:
    """Whether a datagram with these first two bytes is RTP: neither STUN nor DTLS (RFC 7983) nor RTCP (RFC 5761 4)."""
    return 127 < first < 192 and not 192 <= second <= 223


def sockaddr(family: int, address: Any) -> bytes:
    """An address as Linux has it: struct sockaddr_in or sockaddr_in6."""
    if family == socket.AF_INET6:
        host, port, flow, scope = (*address, 0, 0)[:4]
        begin = struct.pack("=H", family) + struct.pack("!HI", port, flow)
        return begin + socket.inet_pton(family, host) + struct.pack("=I", scope)
    host, port = address[:2]
    return struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def _send_to(sendto: Any, address: Any, data: memoryview) -> None:
    sendto(data, address)
