"""The output folder: made ready before a run, filled with reports after it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from botkit.clock import MonotonicClock
from botkit.errors import ConfigError
from botkit.results import RunResult

MARKER = ".botkit-out"
REPORTS = ("result.json", "junit.xml", "report.html", "calls.jsonl", "trace.txt")

_held: dict[Path, IO[bytes]] = {}
"""The markers of the folders that this process writes to; each is locked until it is closed, or the process ends."""


def prepare(out: Path | None) -> Path:
    """The output folder, made if need be; without a name, `out/<time>`.

    What an earlier run left in it goes, but only where the marker says that botkit made the folder:
    `--out .` shall not cost anybody a folder that happens to be called `calls`. From here to the end of
    `write_reports` the folder is this run's alone: raises `ConfigError` when another run has it.
    """
    folder = out or Path("out")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {folder} is no folder", hint="name a folder for the reports; it is made if need be")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if out is None:
            folder = _by_time(folder)
        marker = folder / MARKER
        if marker.exists():
            _hold(folder)
            shutil.rmtree(folder / "calls", ignore_errors=True)
            for name in REPORTS:
                (folder / name).unlink(missing_ok=True)
        elif any(folder.iterdir()):
            taken = [name for name in ("calls", *REPORTS) if (folder / name).exists()]
            if taken:
                raise ConfigError(
                    f"{folder} holds {', '.join(taken)}, and not from botkit", hint="choose another folder with --out"
                )
        _hold(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}", hint="choose a folder with --out") from error
    return folder


def _hold(folder: Path, hint: str = "wait for its end, or choose another folder with --out") -> None:
    """Make the marker and lock it. Doing so twice in one process is no error."""
    key = folder.resolve()
    if key in _held:
        return
    from botkit.media.lock import holder, in_words, lock

    handle = (folder / MARKER).open("a+b")
    if not lock(handle):
        handle.seek(0)
        written = handle.read(20)
        who = in_words(int(written) if written.strip().isdigit() else holder(handle))
        handle.close()
        raise ConfigError(f"another run uses the folder {folder} ({who})", hint=hint)
    handle.truncate(0)
    handle.write(b"%d\n" % os.getpid())  # for whoever wants the folder meanwhile
    handle.flush()
    _held[key] = handle


@contextlib.contextmanager
def borrowed(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder for the time of some work in it, if it is one of botkit's at all.

    Raises `ConfigError` when a run has it.
    """
    if not (folder / MARKER).is_file():
        yield
        return
    # Who may not write there is told so by the work itself.
    with contextlib.suppress(PermissionError):
        _hold(folder, hint="wait for its end, or end it with Ctrl-C (kill -INT); this is for runs that were killed")
    try:
        yield
    finally:
        release(folder)


def release(folder: Path) -> None:
    """Another run may use the folder from now on."""
    if (handle := _held.pop(folder.resolve(), None)) is not None:
        handle.close()


def write_reports(result: RunResult, folder: Path) -> None:
    """Every report, beside the recordings; then the folder is released."""
    try:
        _write(result, folder)
    finally:
        release(folder)


def _write(result: RunResult, folder: Path) -> None:
    from botkit.reports import html_page, json_lines, junit_xml, result_json

    texts = {
        "result.json": result_json.to_json(result) + "\n",
        "calls.jsonl": "".join(f"{line}\n" for line in json_lines.lines(result)),
        "junit.xml": junit_xml.to_xml(result),
        "report.html": html_page.to_html(result),
    }
    for name, text in texts.items():
        # Half a character, which JSON allows and the other party may send, and which Python has for a byte of a
        # file's name that is no text, is written as its escape.
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")


def _by_time(below: Path) -> Path:
    """A new folder named after this second; of two runs that begin in it, each makes one of its own."""
    name = datetime.fromtimestamp(MonotonicClock().wall()).strftime("%Y%m%d-%H%M%S")
    for n in itertools.count(1):
        folder = below / (name if n == 1 else f"{name}-{n}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError  # there is always a further number
