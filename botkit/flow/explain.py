"""Errors as people read them: the place, the source line with a caret, what is wrong, what to do.

flows/pin.yaml:6:20: error: `send_dtmf` has no field `digit`
  6 |     - send_dtmf: {digit: 1}
    |                   ^
  hint: did you mean `digits`?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from botkit.errors import FlowError
from botkit.flow.source import Issue, Mark, SourceError
from botkit.results import Place

WIDTH = 110  # columns of a source line that are shown


class FlowErrors(FlowError):
    """All that is wrong in a flow and the files it uses; printed, it is the whole explanation."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__(explain_all(self.errors))

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == "error")

    @property
    def warnings(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == "warning")


def explain(issue: Issue) -> str:
    """One error or warning, over several lines, without a line break at the end."""
    lines = [f"{issue.mark}: {issue.severity}: {_clean(issue.message)}"]
    if issue.text.strip():
        shown, before = _window(issue.text, issue.mark.column - 1)
        number = str(issue.mark.line)
        lines += [f"  {number} | {shown}", f"  {' ' * len(number)} | {before}^"]
    if issue.hint:
        lines.append(f"  hint: {_clean(issue.hint)}")
    return "\n".join(lines)


def explain_all(issues: Iterable[Issue]) -> str:
    """Several, in the order of their places, with an empty line between them."""
    return "\n\n".join(explain(issue) for issue in sorted_issues(issues))


def sorted_issues(issues: Iterable[Issue]) -> list[Issue]:
    """In the order of file, line and column, each once."""
    return sorted(dict.fromkeys(issues), key=lambda issue: (issue.mark.file, issue.mark.line, issue.mark.column))


def issues_of(error: FlowError) -> tuple[Issue, ...]:
    """The issues that an error carries."""
    match error:
        case FlowErrors():
            return error.issues
        case SourceError():
            return (error.issue,)
    return (Issue(str(error.args[0]), Mark("", 1, 1), hint=error.hint),)


def at_place(place: Place, message: str, hint: str | None = None, severity: str = "error") -> Issue:
    """An issue about a step, whose place is known."""
    return Issue(message, Mark(place.file, place.line, place.column), place.text, hint, severity)


def _window(text: str, column: int) -> tuple[str, str]:
    """The part of a line around a column, and what stands under it before the caret."""
    column = max(0, min(column, len(text)))
    start = 0
    if len(text) > WIDTH:
        start = max(0, min(column - WIDTH // 2, len(text) - WIDTH))
    shown, before = text[start : start + WIDTH], text[start:column]
    if start:
        shown, before = "…" + shown, "…" + before
    if start + WIDTH < len(text):
        shown += "…"
    return _clean(shown), "".join("\t" if char == "\t" else " " * _columns(char) for char in before)


def _clean(text: str) -> str:
    """Without what would move the cursor of a terminal, or colour it."""
    return "".join(char if char == "\t" or char.isprintable() else "�" for char in text)


def _columns(char: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
