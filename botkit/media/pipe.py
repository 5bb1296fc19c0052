"""Pipes of raw PCM: named ones (`mkfifo`), and standard input and output.

The beat itself reads and writes them, 20 ms at a time, and never waits: a read or a write is tried
only where `poll` says that it will go at once. Nobody but us sees a change of the descriptor: standard
input may be somebody's terminal session, which would suffer from O_NONBLOCK.

How far behind. What the call says: a program that writes in real time is heard after at most one beat;
one that writes ahead fills `AHEAD` (0.2 s) and one page of the pipe (4096 bytes: 0.26 s at 8 kHz), and
is then slowed by the pipe itself. What the call hears: handed on in the beat in which it arrived. For a
reader that is behind the pipe keeps about a second (0.7 to 1.3 s by rate, since it counts in pages), and
what comes after that is dropped. Where a system cannot set the size of pipes (macOS), they are as large
as it makes them: 16 to 64 kB.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from botkit.errors import ConfigError
from botkit.media.live import SAMPLE_BYTES, LiveFigures, PcmReader, PcmWriter

try:
    import fcntl
except ImportError:  # a platform without pipes to speak of
    fcntl = None  # type: ignore[assignment]

PAGE = 4096
"""Bytes of the smallest pipe; Linux rounds up to its own pages."""

KEPT = 1.0
"""Seconds of what is heard for which a pipe shall have room."""

STANDARD = "-"


def set_size(descriptor: int, octets: int) -> None:
    """Ask for a pipe of that size, rounded up by the system; where it cannot be had, do without."""
    order = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
    if order is not None:
        with contextlib.suppress(OSError):  # it holds more already, or is no pipe
            fcntl.fcntl(descriptor, order, octets)


def said_size() -> int:
    """Bytes of a pipe that somebody speaks into: as few as can be, since what lies in it is late."""
    return PAGE


def heard_size(rate: int) -> int:
    """Bytes of a pipe that somebody listens to: a second, for one who is behind."""
    return round(rate * SAMPLE_BYTES * KEPT)


class ReadEnd:
    """The end of a pipe that we read, for `PcmReader`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        set_size(descriptor, said_size())

    def read(self, count: int) -> bytes | None:
        """At most `count` bytes that are there; None: the other end is closed. Never waits, never raises."""
        try:
            ready = self._poll.poll(0)
            if not ready:
                return b""
            _, what = ready[0]
            if what & select.POLLIN:
                return os.read(self.descriptor, count) or None
            return None  # POLLHUP with nothing left. A named pipe that nobody has opened yet does not say so.
        except BlockingIOError:  # another reader was quicker
            return b""
        except OSError:
            return None


class WriteEnd:
    """The end of a pipe that we write, for `PcmWriter`."""

    def __init__(self, descriptor: int, rate: int) -> None:
        self.descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        set_size(descriptor, heard_size(rate))

    def write(self, frame: bytes) -> bool | None:
        """Whether all of it was taken; None: the other end is closed. Never waits, never raises.

        A frame has at most 1920 bytes, less than PIPE_BUF: it goes whole or not at all (POSIX write(2)).
        """
        try:
            ready = self._poll.poll(0)
            if not ready:
                return False
            _, what = ready[0]
            if what & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                return None
            os.write(self.descriptor, frame)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


class _Awaited:
    """The end that we write of a named pipe which nobody may have opened yet: tried again with each frame."""

    def __init__(self, path: str, rate: int, figures: LiveFigures) -> None:
        self.end: WriteEnd | None = None
        self._path = path
        self._rate = rate
        self._figures = figures
        figures.over = NOBODY

    def write(self, frame: bytes) -> bool | None:
        if self.end is None:
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                return False if error.errno == errno.ENXIO else None  # no reader yet, or no pipe any more
            self.end = WriteEnd(descriptor, self._rate)
            self._figures.over = None
        return self.end.write(frame)


NOBODY = "nobody opened it to read"

_used: set[tuple[str, bool]] = set()
"""Pipes in use in this process, each way: two calls on one would share its bytes out among them."""
_using = threading.Lock()


@dataclass(frozen=True, slots=True)
class PipeDevice:
    """A named pipe, or `-`: standard input for what is said, standard output for what is heard."""

    path: str
    rate: int

    def __str__(self) -> str:
        return f"pipe:{self.path}"

    @property
    def both(self) -> bool:
        return False

    @property
    def catches_up(self) -> bool:
        return True

    def check(self, *, says: bool) -> None:
        """Raises `ConfigError` where there is no such pipe."""
        if self.path != STANDARD:
            try:
                mode = os.stat(self.path).st_mode
            except OSError as error:
                raise ConfigError(
                    f"{self} cannot be opened: {error.strerror}", hint=f"make the pipe first: mkfifo {self.path}"
                ) from None
            if not stat.S_ISFIFO(mode):
                raise ConfigError(
                    f"{self}: {self.path} is no named pipe",
                    hint=f"file:{self.path} for an audio file, or make a pipe: mkfifo PATH",
                )
            if not os.access(self.path, os.R_OK if says else os.W_OK):
                raise ConfigError(f"{self} may not be {'read' if says else 'written'}", hint="see its permissions")
            return
        name, number = ("standard input", 0) if says else ("standard output", 1)
        with contextlib.suppress(OSError):
            if os.isatty(number):
                raise ConfigError(
                    f"{self}: {name} is a terminal, which has no raw PCM",
                    hint="my_program | botkit run …" if says else "botkit run … | my_program",
                )
            os.fstat(number)
            return
        raise ConfigError(f"{self}: {name} is closed")

    def open(self, *, says: bool, hears: bool, environment: Mapping[str, str]) -> OpenPipe:
        """Raises `ConfigError` where it cannot be opened, or another call uses it."""
        self.check(says=says)
        key = (self.path if self.path == STANDARD else os.path.realpath(self.path), says)
        with _using:
            if key in _used:
                raise ConfigError(
                    f"{self} is already in use by another call",
                    hint="a pipe serves one call at a time: name one bot (--audio-in BOT=pipe:…), say `at_most: 1` in "
                    "its flow, or use exec:COMMAND, which starts one program for each call",
                )
            _used.add(key)
        try:
            return OpenPipe(self, key)
        except BaseException:
            _used.discard(key)
            raise


class OpenPipe:
    """One way of a pipe, in use by one call."""

    def __init__(self, device: PipeDevice, key: tuple[str, bool]) -> None:
        self.figures = LiveFigures(str(device))
        self._key = key
        self._device = device
        self._own: int | None = None  # the descriptor that we opened, and close
        self._awaited: _Awaited | None = None
        path, self._says = device.path, key[1]
        if self._says and path != STANDARD:
            try:
                self._own = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                raise ConfigError(f"{device} cannot be opened: {error.strerror}") from None
        elif path != STANDARD:
            self._awaited = _Awaited(path, device.rate, self.figures)

    def reader(self, rate: int) -> PcmReader:
        end = ReadEnd(0 if self._own is None else self._own)
        return PcmReader(self._device.rate, rate, self.figures, end.read)

    def writer(self) -> PcmWriter:
        rate = self._device.rate
        if self._awaited is not None:
            return PcmWriter(rate, self.figures, self._awaited.write)
        return PcmWriter(rate, self.figures, WriteEnd(1, rate).write)

    def close(self) -> None:
        """Close what we opened; standard input and output stay as they are."""
        if self._awaited is not None and self._awaited.end is not None:
            self._own, self._awaited.end = self._awaited.end.descriptor, None
        if self._own is not None:
            os.close(self._own)
            self._own = None
        _used.discard(self._key)
