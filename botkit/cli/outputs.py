"""The output folder: made ready before a run, filled with reports after it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from botkit.clock import MonotonicClock
from botkit.errors import ConfigError
from botkit.results import RunResult

MARKER = ".botkit-out"
REPORTS = ("result.json", "junit.xml", "report.html", "calls.jsonl", "trace.txt")


def prepare(out: Path | None) -> Path:
    """The output folder, made if need be; without a name, `out/<time>`.

    What an earlier run left in it goes, but only where the marker says that botkit made the folder:
    `--out .` shall not cost anybody a folder that happens to be called `calls`.
    """
    folder = out or _by_time()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if marker.exists():
            shutil.rmtree(folder / "calls", ignore_errors=True)
            for name in REPORTS:
                (folder / name).unlink(missing_ok=True)
        elif any(folder.iterdir()):
            taken = [name for name in ("calls", *REPORTS) if (folder / name).exists()]
            if taken:
                raise ConfigError(
                    f"{folder} holds {', '.join(taken)}, and not from botkit", hint="choose another folder with --out"
                )
        marker.touch()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}", hint="choose a folder with --out") from error
    return folder


def write_reports(result: RunResult, folder: Path) -> None:
    """Every report, beside the recordings."""
    from botkit.reports import html_page, json_lines, junit_xml, result_json

    (folder / "result.json").write_text(result_json.to_json(result) + "\n", encoding="utf-8")
    (folder / "calls.jsonl").write_text("".join(f"{line}\n" for line in json_lines.lines(result)), encoding="utf-8")
    (folder / "junit.xml").write_text(junit_xml.to_xml(result), encoding="utf-8")
    (folder / "report.html").write_text(html_page.to_html(result), encoding="utf-8")


def _by_time() -> Path:
    name = datetime.fromtimestamp(MonotonicClock().wall()).strftime("%Y%m%d-%H%M%S")
    taken = (Path("out") / (name if n == 1 else f"{name}-{n}") for n in range(1, 1000))
    return next(path for path in taken if not path.exists())
