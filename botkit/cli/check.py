"""`botkit check PATH…`: every error and warning of flows at once, with position; no call is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from botkit.cli import terminal
from botkit.errors import ConfigError


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Flow files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON list.")] = False,
) -> None:
    """Read flows and tell every error and warning at once; place no call.

    \b
    Examples:
      botkit check flows/
      botkit check caller.yaml --json

    \b
    Exit status: 0 when there is no error (warnings do not count), 2 otherwise.
    """
    from botkit.cli.identities import mixed_means
    from botkit.flow.check import check_paths
    from botkit.flow.explain import explain_all, sorted_issues

    report = check_paths(paths)
    report.warnings += mixed_means(paths, Path.cwd())
    issues = sorted_issues([*report.errors, *report.warnings])
    if as_json:
        listed = [
            {
                "file": issue.mark.file,
                "line": issue.mark.line,
                "column": issue.mark.column,
                "severity": issue.severity,
                "message": issue.message,
                "hint": issue.hint,
            }
            for issue in issues
        ]
        terminal.say(json.dumps(listed, ensure_ascii=False, indent=2))
    elif report.documents or issues:
        if issues:
            terminal.say(explain_all(issues) + "\n")
        read = len(report.documents)
        found = f"{_many(len(report.errors), 'error')}, {_many(len(report.warnings), 'warning')}"
        terminal.say(f"{_many(read, 'file')} without error; {found}" if issues else f"{_many(read, 'file')}, no errors")
    if not report.documents and not issues and not report.unread:
        named = ", ".join(map(str, paths))
        raise ConfigError(f"there is no flow in {named}", hint="flows are .yaml files whose first key is `flow`")
    for path in report.unread:
        terminal.tell(f"{path}: not checked: this version does not know its kind")
    raise typer.Exit(report.status)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
