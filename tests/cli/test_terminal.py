"""How an error ends a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from botkit.cli import terminal
from botkit.errors import ConfigError, ExpectationFailed


def ended(error: BaseException) -> int:
    """The status of a command that raises `error`."""

    @terminal.guarded
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    return int(caught.value.exit_code)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("no"), 2),
        (ExpectationFailed("a", "b"), 1),
        (ExceptionGroup("g", [ExpectationFailed("a", "b"), ConfigError("no")]), 2),
        (FileNotFoundError(2, "No such file", "x"), 2),
        (ValueError("?"), 2),
        (KeyboardInterrupt(), 130),
        (typer.Exit(7), 7),
    ],
)
def test_statuses(error: BaseException, status: int) -> None:
    """Each kind of error has its exit status."""
    assert ended(error) == status


def test_intended_errors_are_their_message(capsys: pytest.CaptureFixture[str]) -> None:
    """What was raised to be read is printed with its hint, on standard error."""
    ended(ConfigError("no account", hint="make one"))
    assert capsys.readouterr() == ("", "botkit: no account\n  hint: make one\n")


def test_unexpected_errors_name_their_trace(tmp_path: Path) -> None:
    """Any other error is one line, and its trace is in the folder."""
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        first, second = terminal.describe(error, tmp_path)
    assert first == f"botkit: unexpected ValueError: two lines (the trace is in {tmp_path}/trace.txt)"
    assert "not of your flow" in second
    assert "test_unexpected_errors_name_their_trace" in (tmp_path / "trace.txt").read_text()


def test_trace_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an output folder the trace goes to the folder for passing files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert str(tmp_path) in terminal.keep_trace(ValueError("x"))
    (trace,) = tmp_path.glob("botkit-trace-*.txt")
    assert "ValueError" in trace.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A command whose output could not be written says so and ends with 2, though all else went well."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "botkit", "steps", "play"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    assert done.returncode == 2
    assert done.stderr.startswith("botkit: not all could be written to standard output: No space left on device\n")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """--out FILE that cannot be written is a fault that names it."""
    with pytest.raises(ConfigError, match="cannot be written"):
        terminal.write(tmp_path / "no" / "such.txt", "x")
