"""What is found wrong while files are read: notes are taken, nothing is raised until all is known."""

from __future__ import annotations

from botkit.flow.explain import at_place
from botkit.flow.source import Issue, Mark
from botkit.results import Place


class Notes:
    """What was found wrong so far, and the lines of the files that are read."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.lines: dict[str, list[str]] = {}
        self.lost_names: set[str] = set()
        """Names that steps would have written, had they been readable: to miss them is no second error."""
        self.has_lost_steps = False
        """Some steps could not be read: what they would have run or returned is not known."""

    def error(self, message: str, mark: Mark, hint: str | None = None) -> None:
        self.issues.append(Issue(message, mark, self.line(mark), hint))

    def warn(self, message: str, mark: Mark, hint: str | None = None) -> None:
        self.issues.append(Issue(message, mark, self.line(mark), hint, "warning"))

    def error_at(self, place: Place, message: str, hint: str | None = None) -> None:
        self.issues.append(at_place(place, message, hint))

    def warn_at(self, place: Place, message: str, hint: str | None = None) -> None:
        self.issues.append(at_place(place, message, hint, "warning"))

    def line(self, mark: Mark) -> str:
        lines = self.lines.get(mark.file, [])
        return lines[mark.line - 1] if 0 < mark.line <= len(lines) else ""

    def place(self, mark: Mark) -> Place:
        return Place(mark.file, mark.line, mark.column, self.line(mark))

    @property
    def has_errors(self) -> bool:
        return any(issue.severity == "error" for issue in self.issues)
