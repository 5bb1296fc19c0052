"""Shared fixtures only: what every test must leave behind (nothing), and what some of them need."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's matter
settings.load_profile("untimed")

LEFT_OUT = "left out: "

# --- nothing stays behind ---------------------------------------------------------------------------


def sockets() -> set[str]:
    """The open sockets of this process, by inode; none where the platform does not tell."""
    links: set[str] = set()
    with contextlib.suppress(OSError):  # no such folder outside Linux
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):  # the folder's own descriptor is closed by now
                links.add(os.readlink(f"/proc/self/fd/{number}"))
    return {link for link in links if link.startswith("socket:")}


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    """A test ends with no thread and no socket that it did not begin with (tasks end with their loop)."""
    threads, open_before = set(threading.enumerate()), sockets()
    yield
    if stayed := sockets() - open_before:
        gc.collect()
        stayed = sockets() - open_before
    assert not stayed, f"sockets stayed open: {sorted(stayed)}"
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=2.0)
        assert not thread.is_alive(), f"the thread {thread.name} is still running"


# --- tools that a machine may lack ------------------------------------------------------------------


@cache
def has_floor() -> bool:
    """A C compiler and libsrtp's headers."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("#include <srtp2/srtp.h>\nint main(void) { return srtp_init(); }\n")
        built = subprocess.run(
            [compiler, str(source), "-lsrtp2", "-o", f"{folder}/probe"], capture_output=True, check=False
        )
    return built.returncode == 0


@cache
def has_sound() -> bool:
    """The extra `sound`, and PortAudio on ALSA below it."""
    code = "import sounddevice; print(*[api['name'] for api in sounddevice.query_hostapis()])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "ALSA" in done.stdout


def has_voices() -> bool:
    """The speech synthesisers of tests/load/speech.py."""
    return all(shutil.which(tool) for tool in ("flite", "espeak-ng"))


def has_browser() -> bool:
    """The browser of tests/browser, and the SDK that it loads."""
    from tests.browser.chromium import find
    from tests.browser.kit import SDK

    return find() is not None and SDK.exists()


def has_native() -> bool:
    """The compiled twin of the arithmetic of hearing."""
    from importlib.util import find_spec

    return find_spec("botkit.media._native") is not None


TOOLS = {
    "browser": (has_browser, "Chromium and the official JS SDK", "apt-get install chromium npm; make browser"),
    "voices": (has_voices, "flite and espeak-ng", "apt-get install flite espeak-ng"),
    "sound": (
        has_sound,
        "the extra `sound`, and PortAudio on ALSA",
        "apt-get install libportaudio2 (and pip install -e '.[sound]')",
    ),
    "native": (
        has_native,
        "a C compiler and Python's headers",
        "apt-get install gcc libc6-dev python3-dev; make setup",
    ),
    "floor": (has_floor, "a C compiler and libsrtp", "apt-get install gcc libc6-dev libsrtp2-dev"),
}
"""Tools by the name that `@pytest.mark.needs(NAME)` uses: whether it is there, what it is, how to install it."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        present, what, install = TOOLS[mark.args[0]]
        if present():
            continue
        if os.environ.get("BOTKIT_REQUIRE") == "all":
            pytest.fail(f"BOTKIT_REQUIRE=all, and {what} is missing; install: {install}", pytrace=False)
        pytest.skip(f"{LEFT_OUT}needs {what}; install: {install}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what was left out, and what would install it."""
    left_out: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if LEFT_OUT in reason:
            said = reason.split(LEFT_OUT, 1)[1]
            left_out[said] = left_out.get(said, 0) + 1
    terminalreporter.section("left out")
    for said, count in left_out.items():
        terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'} {said}")
    if not left_out:
        terminalreporter.line("nothing that this machine could not run")
    terminalreporter.line("long proofs: run them with `make accept`")
