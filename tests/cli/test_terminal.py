"""How an error ends a command."""

from __future__ import annotations

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
