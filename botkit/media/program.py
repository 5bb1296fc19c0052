"""A program on the other side of a call: what it reads from standard input is what the call hears, what it
writes to standard output is what the call says. Both are raw PCM (`live.py`); standard error is ours.

One process for each call, started with the call (before the answer, so that it may warm up) and in a
group of its own: Ctrl-C is for botkit, which ends the call and the program in order. When the call is
over its input ends; a program that has not ended `LEAVE` seconds later is told to (SIGTERM), and after
`TERMINATE` more it is made to (SIGKILL), with whatever it started in its group.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from botkit.errors import ConfigError
from botkit.media.live import LiveFigures, PcmReader, PcmWriter
from botkit.media.pipe import ReadEnd, WriteEnd

LEAVE = 1.0
TERMINATE = 2.0
LOOK = 0.02
"""Seconds between two looks whether it has ended."""


@dataclass(frozen=True, slots=True)
class ProgramDevice:
    """A command line, split as a shell would; no shell reads it."""

    command: str
    rate: int

    def __str__(self) -> str:
        return f"exec:{self.command}"

    @property
    def both(self) -> bool:
        return True

    @property
    def catches_up(self) -> bool:
        return True

    @property
    def words(self) -> list[str]:
        """Raises `ConfigError` for quotes that do not close, and for nothing at all."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ConfigError(f"{self}: {error}", hint="the command is split as a shell would split it") from None
        if not words:
            raise ConfigError(f"{self}: a command is expected", hint="for example exec:'python agent.py'")
        return words

    def check(self, *, says: bool) -> None:
        """Raises `ConfigError` where there is no such program."""
        program = self.words[0]
        if shutil.which(program) is None:
            raise ConfigError(
                f"{self}: there is no program {program!r}",
                hint="give its path, or its interpreter: exec:'python agent.py'; for a shell: exec:'sh -c \"…\"'",
            )

    def open(self, *, says: bool, hears: bool, environment: Mapping[str, str]) -> OpenProgram:
        """Start it. Raises `ConfigError` where it cannot be."""
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        try:
            process = subprocess.Popen(
                self.words,
                stdin=pipe if hears else nothing,
                stdout=pipe if says else nothing,
                bufsize=0,
                env={**os.environ, "BOTKIT_RATE": str(self.rate), **environment},
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"{self} cannot be started: {error.strerror}", hint="is it executable?") from None
        return OpenProgram(self, process)


class OpenProgram:
    """A process of ours, on one call."""

    def __init__(self, device: ProgramDevice, process: subprocess.Popen[bytes]) -> None:
        self.figures = LiveFigures(str(device))
        self.pid = process.pid
        self._process = process
        self._rate = device.rate
        self._pause = threading.Event()  # never set

    def reader(self, rate: int) -> PcmReader:
        assert self._process.stdout is not None
        return PcmReader(self._rate, rate, self.figures, ReadEnd(self._process.stdout.fileno()).read)

    def writer(self) -> PcmWriter:
        assert self._process.stdin is not None
        return PcmWriter(self._rate, self.figures, WriteEnd(self._process.stdin.fileno(), self._rate).write)

    def close(self) -> None:
        """End its input, wait a little, then end it: see the module. Returns when it is gone."""
        process = self._process
        if process.returncode is not None:
            return
        early = self._gone()  # before the call was over
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if not self._gone_within(LEAVE):
            self._signal(signal.SIGTERM)
            self._gone_within(TERMINATE)
        self._signal(signal.SIGKILL)  # itself, or what it started and left behind
        status = process.wait()
        if early:
            self.figures.over = f"the program ended ({_in_words(status)}) before the call did"

    def _gone(self) -> bool:
        """Whether it has ended. It stays a zombie meanwhile, so that nobody else can get its number."""
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return self._process.poll() is not None

    def _gone_within(self, seconds: float) -> bool:
        for _ in range(round(seconds / LOOK)):
            if self._gone():
                return True
            self._pause.wait(LOOK)
        return self._gone()

    def _signal(self, number: signal.Signals) -> None:
        """To its whole group, which bears its own number."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _in_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
