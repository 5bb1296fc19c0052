"""The output folder: made ready before a run, filled with reports after it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import IO

from botkit.clock import MonotonicClock
from botkit.errors import ConfigError
from botkit.results import RunResult

try:
    import fcntl
except ImportError:  # a platform without it does without the lock
    fcntl = None  # type: ignore[assignment]

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
    folder = out or _by_time()
    try:
        folder.mkdir(parents=True, exist_ok=True)
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


def _hold(folder: Path) -> None:
    """Make the marker and lock it. Doing so twice in one process is no error."""
    key = folder.resolve()
    if key in _held:
        return
    handle = (folder / MARKER).open("ab")
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise ConfigError(
            f"another run uses the folder {folder}", hint="wait for its end, or choose another folder with --out"
        ) from None
    except OSError:
        pass  # a file system without locks
    _held[key] = handle


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

    (folder / "result.json").write_text(result_json.to_json(result) + "\n", encoding="utf-8")
    (folder / "calls.jsonl").write_text("".join(f"{line}\n" for line in json_lines.lines(result)), encoding="utf-8")
    (folder / "junit.xml").write_text(junit_xml.to_xml(result), encoding="utf-8")
    (folder / "report.html").write_text(html_page.to_html(result), encoding="utf-8")


def _by_time() -> Path:
    name = datetime.fromtimestamp(MonotonicClock().wall()).strftime("%Y%m%d-%H%M%S")
    taken = (Path("out") / (name if n == 1 else f"{name}-{n}") for n in range(1, 1000))
    return next(path for path in taken if not path.exists())
