"""SRTP with no copy that need not be: libsrtp, called on one buffer that all legs of a thread share.

pylibsrtp's own `Session.protect` makes a buffer and a length per packet (2.2 µs here); the same
library call on a standing buffer takes 1.4 µs. This module alone knows pylibsrtp's private names.
Each thread has its buffer, since system calls and libsrtp let other threads run: a beat in another
thread has another one. Nobody may keep a view of it.
"""

from __future__ import annotations

import threading
from typing import Any

from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib

CAPACITY = 2048
TRAILER_MAX = 16 + 4 + 128  # tag, SRTCP index, MKI: libsrtp's SRTP_MAX_SRTCP_TRAILER_LEN


class _Scratch(threading.local):
    """The shared buffer of the running thread."""

    def __init__(self) -> None:
        self.memory = ffi.new(f"unsigned char[{CAPACITY}]")
        self.length = ffi.new("int *")
        self.buffer = ffi.buffer(self.memory)
        self.view = memoryview(self.buffer).cast("B")


_scratch = _Scratch()


def _address(function: str) -> int:
    """Where a function of pylibsrtp's libsrtp is, if it is as libsrtp 2 has it: (context, packet, length)."""
    pointer = ffi.addressof(lib, function)
    if not str(ffi.typeof(pointer)).endswith("(struct srtp_ctx_t_ *, void *, int *)'>"):
        raise TypeError(function)
    return int(ffi.cast("uintptr_t", pointer))


def _library() -> tuple[int, int] | None:
    try:
        return _address("srtp_protect"), _address("srtp_unprotect")
    except (AttributeError, TypeError, ffi.error):
        return None


LIBRARY = _library()
"""Where srtp_protect and srtp_unprotect are, for who calls them without pylibsrtp; None for an unknown libsrtp."""


class SrtpError(Exception):
    """libsrtp refused a packet: forged, replayed, too old, or not SRTP at all."""


class SrtpCipher:
    """One direction of one leg, for the thread that makes it. Its keys come from DTLS, in the pylibsrtp session."""

    __slots__ = ("_buffer", "_context", "_length", "_memory", "_session", "scratch")

    def __init__(self, session: Session) -> None:
        self._session = session  # owns the context: it must live as long as we do
        self._context: Any = session._srtp[0]
        own = _scratch  # looked up once, and not for each packet
        self._memory, self._length, self._buffer = own.memory, own.length, own.buffer
        self.scratch: memoryview = own.view
        """The shared buffer: receive into it, then `unprotect_scratch`."""

    @property
    def address(self) -> int:
        """Where libsrtp's context is; good as long as this lives."""
        return int(ffi.cast("uintptr_t", self._context))

    def protect(self, packet: bytes, _call: Any = lib.srtp_protect) -> memoryview:
        """Encrypt into the shared buffer; the view is good until the next call of any cipher."""
        size = len(packet)
        if size > CAPACITY - TRAILER_MAX:
            raise SrtpError("packet is too long")
        self._buffer[0:size] = packet
        self._length[0] = size
        if _call(self._context, self._memory, self._length):
            raise SrtpError("libsrtp could not protect the packet")
        return self.scratch[: self._length[0]]

    def protect_rtcp(self, packet: bytes) -> memoryview:
        """As `protect`, for RTCP."""
        return self.protect(packet, lib.srtp_protect_rtcp)

    def unprotect_scratch(self, size: int, _call: Any = lib.srtp_unprotect) -> bytes | None:
        """Decrypt the `size` bytes in `scratch`; None when libsrtp refuses them."""
        self._length[0] = size
        if _call(self._context, self._memory, self._length):
            return None
        clear: bytes = self._buffer[0 : self._length[0]]
        return clear

    def unprotect_rtcp_scratch(self, size: int) -> bytes | None:
        """As `unprotect_scratch`, for RTCP."""
        return self.unprotect_scratch(size, lib.srtp_unprotect_rtcp)

    def unprotect(self, packet: bytes, *, rtcp: bool = False) -> bytes | None:
        """Decrypt a packet that is not in the shared buffer."""
        size = len(packet)
        if size > CAPACITY:
            return None
        self._buffer[0:size] = packet
        return self.unprotect_rtcp_scratch(size) if rtcp else self.unprotect_scratch(size)
