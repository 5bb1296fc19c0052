"""Errors as people read them."""

from __future__ import annotations

from botkit.flow.explain import FlowErrors, explain, explain_all
from botkit.flow.source import Issue, Mark


def test_the_whole() -> None:
    """Place, severity and message; the line with a caret; the hint."""
    issue = Issue("no field `digit`", Mark("a/f.yaml", 6, 3), "  digit: 1", "did you mean `digits`?")
    assert explain(issue) == (
        "a/f.yaml:6:3: error: no field `digit`\n  6 |   digit: 1\n    |   ^\n  hint: did you mean `digits`?"
    )


def test_without_a_line() -> None:
    """Where there is no line to show, the place is enough."""
    assert explain(Issue("the file is empty", Mark("f", 1, 1))) == "f:1:1: error: the file is empty"


def test_tabs_and_wide_characters() -> None:
    """The caret stands under its character, whatever comes before it."""
    assert explain(Issue("x", Mark("f", 1, 3), "\t日本")).splitlines()[2] == "    | \t  ^"


def test_long_lines() -> None:
    """Of a long line, the part around the caret is shown."""
    lines = explain(Issue("x", Mark("f", 1, 501), "a" * 500 + "X" + "b" * 500)).splitlines()
    assert len(lines[1]) < 130
    assert lines[1][lines[2].index("^")] == "X"


def test_past_the_end() -> None:
    """A column past the end of the line puts the caret at its end."""
    assert explain(Issue("x", Mark("f", 1, 99), "abc")).splitlines()[2] == "    |    ^"


def test_control_characters() -> None:
    """What a terminal would obey is not printed."""
    assert "\x1b" not in explain(Issue("x", Mark("f", 1, 1), "a\x1b[31mb"))


def test_order() -> None:
    """Issues are in the order of their places, and each is there once."""
    later, first = Issue("b", Mark("f", 9, 1)), Issue("a", Mark("f", 2, 1))
    assert explain_all([later, first, later]) == "f:2:1: error: a\n\nf:9:1: error: b"


def test_errors_and_warnings() -> None:
    """`FlowErrors` prints its errors and keeps its warnings."""
    error = FlowErrors([Issue("a", Mark("f", 1, 1)), Issue("b", Mark("f", 2, 1), severity="warning")])
    assert str(error) == "f:1:1: error: a"
    assert [issue.message for issue in error.warnings] == ["b"]
