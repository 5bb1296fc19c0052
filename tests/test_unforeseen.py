"""Mistakes of ours in the words of reports, and their traces."""

from __future__ import annotations

from pathlib import Path

from botkit.errors import ConfigError, InternalFault
from botkit.unforeseen import fault_of, keep_trace, problem_of


def test_group() -> None:
    """Of a group what nobody foresaw counts more than what was meant to be read; the whole is its cause."""
    group = ExceptionGroup("g", [ConfigError("no account"), ExceptionGroup("h", [ValueError("two\nlines")])])
    fault = fault_of(group)
    assert isinstance(fault, InternalFault)
    assert fault.args[0] == "unexpected ValueError: two lines"
    assert fault.__cause__ is group


def test_fault_is_itself(tmp_path: Path) -> None:
    """A fault that was meant to be read is told as it is, and leaves no trace."""
    error = ConfigError("no account", hint="make one")
    assert fault_of(error) is error
    problem = problem_of(error, tmp_path)
    assert (problem.message, problem.kind, problem.hint) == ("no account", "fault", "make one")
    assert not list(tmp_path.iterdir())


def test_traces_come_one_after_the_other(tmp_path: Path) -> None:
    """Two mistakes of a run leave two traces in one file; the same one leaves one."""
    first, second = ValueError("first"), ValueError("second")
    for error in (first, second, first):
        keep_trace(error, tmp_path)
    text = (tmp_path / "trace.txt").read_text()
    assert text.count("ValueError: first") == 1
    assert text.count("ValueError: second") == 1
