"""How results are put into words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botkit.reports import words
from botkit.results import PacerHealth, Place, Problem
from tests.reports import samples


def test_problem_line() -> None:
    """ONE line: file and line, step, path, what was expected, what was heard and when."""
    assert words.problem_line(samples.UNMET) == (
        "flows/clinic_caller.yaml:23: expect_tone 'pin' (on.answered/4): expected a tone of 1000 Hz within 5 s; "
        "heard speech from 6.91 s to 8.80 s, and no tone, 11.84 s into the call"
    )


def test_problem_line_without_anything() -> None:
    """A problem that is only a message is its message, on one line."""
    assert words.problem_line(Problem("no\n  network")) == "no network"


@pytest.mark.parametrize(
    ("text", "column", "drawn"),
    [("  - a: b", 5, "    ^"), ("\t- a", 2, "\t^"), ("a", 1, "^"), ("a", 9, " ^")],
)
def test_caret(text: str, column: int, drawn: str) -> None:
    """The caret stands under the column, tabs keep their width."""
    assert words.caret(Place("f", 1, column, text)) == (text, drawn)


def test_one_line() -> None:
    """A text becomes one line, and nothing in it reaches the terminal as an order."""
    assert words.one_line("a\r\n b\tü 日本 \x1b[31mred\x07") == "a b ü 日本 �[31mred�"


def test_times() -> None:
    """Seconds and milliseconds, and a dash where there are none."""
    assert (words.seconds(1.2), words.seconds(None)) == ("1.20 s", "–")
    assert (words.milliseconds(0.34), words.milliseconds(12.34), words.milliseconds(None)) == ("340 ms", "12.3 s", "–")
    assert words.moment(samples.STARTED) == "2026-01-31T12:00:00Z"


def test_problems_are_told_once() -> None:
    """A problem that a flow repeats from its call is told once."""
    assert [bot for bot, _, _ in words.problems_of(samples.FAILED)] == ["caller"]


def test_pacer_warnings() -> None:
    """A late generator and coarse arrival times are told."""
    assert words.pacer_warnings(samples.PASSED) == []
    poor = replace(samples.PASSED, pacer=PacerHealth(1000, 20, 5, 0.018, kernel_times=False))
    late, coarse = words.pacer_warnings(poor)
    assert "late for 2.5 % of the beats (99th percentile 18 ms), among them 0.5 % lost" in late
    assert "fewer calls at once" in late
    assert "20 ms" in coarse
    (stalled,) = words.pacer_warnings(replace(samples.PASSED, pacer=PacerHealth(200, 100, 800, 0.5)))
    assert "late for 90.0 % of the beats (99th percentile 500 ms), among them 80.0 % lost" in stalled
