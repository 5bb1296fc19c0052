"""`botkit check`: every error and warning of the given files, at once; no call is made.

Files that are named must be ours; folders are searched for `*.yaml` and `*.yml`, and files there
whose first key is not ours are passed over. A file is ours by its first key (`flow`, `blocks_of`,
`scenario`, `load`); who knows what a first key means enters it in `READERS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from botkit.errors import FlowError
from botkit.flow.compile import FIRST_KEYS, first_key, read_flow, read_library, read_mapping, read_text
from botkit.flow.document import Flow, Library
from botkit.flow.explain import explain_all, issues_of, sorted_issues
from botkit.flow.expression import suggest
from botkit.flow.source import Issue, Mark, SourceError

Reader = Callable[[Path], tuple[object, tuple[Issue, ...]]]
"""Reads one file: the document, and the warnings about it. Raises `FlowError`s."""

READERS: dict[str, Reader] = {"flow": read_flow, "blocks_of": read_library}
"""Readers by first key. The runner adds those for scenarios and load plans."""


@dataclass
class Report:
    """What `check_paths` found. `documents` are the files that have no error, by path."""

    errors: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    documents: dict[Path, object] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    """Files that are ours, but of a kind that nobody has entered in `READERS`."""

    @property
    def flows(self) -> list[Flow]:
        return [document for document in self.documents.values() if isinstance(document, Flow)]

    @property
    def libraries(self) -> list[Library]:
        return [document for document in self.documents.values() if isinstance(document, Library)]

    @property
    def status(self) -> int:
        """The exit status: 2 on errors, 0 on warnings."""
        return 2 if self.errors else 0

    def __str__(self) -> str:
        return explain_all([*self.errors, *self.warnings])


def check_paths(paths: Iterable[str | Path]) -> Report:
    """Check files and folders. Raises nothing: what is wrong is in the report, each thing once."""
    report = Report()
    for path, is_named in find_files(paths):
        try:
            reader = _reader_for(path, is_named, report)
            if reader is None:
                continue
            document, warnings = reader(path)
        except FlowError as error:
            _add(report, issues_of(error))
            continue
        report.documents[path] = document
        _add(report, warnings)
    report.errors = sorted_issues(report.errors)
    report.warnings = sorted_issues(report.warnings)
    return report


def find_files(paths: Iterable[str | Path]) -> Iterator[tuple[Path, bool]]:
    """The files to look at, each once, and whether it was named itself; folders in the order of names.

    Hidden folders are passed over. A path that does not exist comes out as if it were a file.
    """
    seen: set[Path] = set()
    for given in paths:
        root = Path(given)
        files = _yaml_files(root) if root.is_dir() else iter([root])
        for path in files:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, path == root


def kind_of(path: str | Path) -> str | None:
    """The first key of a file if it is ours, else None; a file that cannot be parsed is known by its text."""
    try:
        node = read_mapping(path)
    except SourceError:
        try:
            text = read_text(str(path))
        except SourceError:
            return None
        found = re.search(r"^(?!x-)([A-Za-z_]+):", text, re.MULTILINE)
        return found[1] if found and found[1] in FIRST_KEYS else None
    key = first_key(node)
    return key.text if key is not None and key.text in FIRST_KEYS else None


def _reader_for(path: Path, is_named: bool, report: Report) -> Reader | None:
    """Who reads this file; None for files to pass over. Raises `SourceError` for a named file that is not ours."""
    kind = kind_of(path)
    if kind is None:
        if is_named:
            raise _not_ours(path)
        return None
    reader = READERS.get(kind)
    if reader is None:
        report.unread.append(path)
    return reader


def _not_ours(path: Path) -> SourceError:
    node = read_mapping(path)  # which raises by itself when there is no mapping at all
    key = first_key(node)
    mark = key.mark if key is not None else Mark(str(path), 1, 1)
    line = read_text(str(path)).splitlines()[mark.line - 1]
    late = [name for name in FIRST_KEYS if node.key(name) is not None]
    if late:
        return SourceError(Issue(f"`{late[0]}` must be the first key of its file", mark, line))
    hint = (suggest(key.text, FIRST_KEYS) if key else None) or f"the first key must be one of {', '.join(FIRST_KEYS)}"
    return SourceError(Issue("this file is not one of botkit's", mark, line, hint))


def _yaml_files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(root) / name


def _add(report: Report, issues: Iterable[Issue]) -> None:
    for issue in issues:
        known = report.errors if issue.severity == "error" else report.warnings
        if issue not in known:
            known.append(issue)
