"""A program on the other side, as a real process."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media import program
from botkit.media.ear import HeardFrame
from botkit.media.program import OpenProgram, ProgramDevice

ECHO = (
    "import sys\nwhile data := sys.stdin.buffer.read(320):\n sys.stdout.buffer.write(data)\n sys.stdout.buffer.flush()"
)

Starts = Callable[..., OpenProgram]


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


@pytest.fixture
def start() -> Iterator[Starts]:
    """Starts a program; ended after the test."""
    programs: list[OpenProgram] = []

    def begin(command: str, *, says: bool = True, hears: bool = True, **environment: str) -> OpenProgram:
        opened = ProgramDevice(command, 8000).open(says=says, hears=hears, environment=environment)
        programs.append(opened)
        return opened

    yield begin
    for opened in programs:
        opened.close()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(true: Callable[[], object]) -> None:
    """Ask again and again, for 20 s at most."""
    pause = threading.Event()
    for _ in range(2000):
        if true():
            return
        pause.wait(0.01)
    pytest.fail("it never came true")


def heard(number: int) -> HeardFrame:
    return HeardFrame(number * 0.02, np.full(160, number, np.int16))


def said(opened: OpenProgram, frames: int) -> list[int]:
    """The first sample of the next frames."""
    reader, values = opened.reader(8000), []

    def ask() -> bool:
        frame = reader.next_frame()
        if frame is not None:
            values.append(int(frame[0]))
        return len(values) == frames

    until(ask)
    return values


def test_it_hears_and_speaks(start: Starts) -> None:
    """What it reads is what was heard; what it writes is what is said; its input ends, and it goes."""
    opened = start(python(ECHO))
    writer = opened.writer()
    for number in range(1, 21):
        writer.push(heard(number))
    assert said(opened, 20) == list(range(1, 21))
    opened.close()
    assert not is_there(opened.pid)
    assert opened.figures.over is None
    assert (opened.figures.heard, opened.figures.said, opened.figures.dropped) == (20, 20, 0)


def test_it_is_told_the_rate_and_the_call(start: Starts) -> None:
    """BOTKIT_RATE is the rate of its PCM; what the call adds comes through."""
    total = "int(os.environ['BOTKIT_RATE']) + int(os.environ['BOTKIT_CALL'])"
    code = f"import os, sys; sys.stdout.buffer.write(({total}).to_bytes(2, 'little') * 160)"
    assert said(start(python(code), BOTKIT_CALL="7"), 1) == [8007]


IGNORES = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("x" * 320)
sys.stdout.flush()
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("code", "calm"),
    [
        ("import time; time.sleep(600)", True),
        (IGNORES, False),
    ],
    ids=["SIGTERM", "SIGKILL"],
)
def test_one_that_stays_is_ended(start: Starts, monkeypatch: pytest.MonkeyPatch, code: str, calm: bool) -> None:
    """One that does not go when its input ends is told to, and one that ignores that is made to."""
    monkeypatch.setattr(program, "LEAVE", 0.1)
    monkeypatch.setattr(program, "TERMINATE", 5.0 if calm else 0.1)
    opened = start(python(code))
    if not calm:
        said(opened, 1)  # it ignores SIGTERM by now
    opened.close()
    assert not is_there(opened.pid)
    assert opened.figures.over in (None, "its writer closed it")


def test_what_it_started_goes_with_it(start: Starts, tmp_path: Path) -> None:
    """A shell's children are in its group, and end with it."""
    noted = tmp_path / "pid"
    opened = start(f"sh -c 'sleep 600 & echo $! > {noted}; cat'")
    until(lambda: noted.exists() and noted.read_text().strip())
    child = int(noted.read_text())
    assert is_there(child)
    opened.close()
    until(lambda: not is_there(child) or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(("code", "said_of_it"), [("raise SystemExit(3)", "exit status 3"), ("", "exit status 0")])
def test_one_that_goes_early_is_told_of(start: Starts, code: str, said_of_it: str) -> None:
    """It ends what it says, not the call; the figures have its exit status."""
    opened = start(python(code))
    reader = opened.reader(8000)
    until(lambda: reader.next_frame() is None and reader.ended)
    writer = opened.writer()
    until(lambda: writer.push(heard(1)) or opened._gone())
    opened.close()
    assert opened.figures.over == f"the program ended ({said_of_it}) before the call did"


def test_one_way_only(start: Starts) -> None:
    """A program that only speaks has no input: it reads its end at once."""
    code = "import sys; sys.stdout.buffer.write(b'\\x05\\x00' * 160 + sys.stdin.buffer.read())"
    opened = start(python(code), hears=False)
    assert said(opened, 1) == [5]


@pytest.mark.parametrize(
    ("command", "words"),
    [("no_such_program_here --x", "there is no program"), ("echo 'x", "No closing quotation"), ("  ", "a command is")],
)
def test_no_program(command: str, words: str) -> None:
    """A program that is not there, and a command line that is none, are told before any call."""
    with pytest.raises(ConfigError, match=words):
        ProgramDevice(command, 8000).check(says=True)
