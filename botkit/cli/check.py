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
    from botkit.flow.check import check_paths
    from botkit.flow.explain import explain_all, sorted_issues

    for path in paths:
        if not path.exists():
            raise ConfigError(f"there is no file or folder {path}")
    issues = sorted_issues(check_paths(paths))
    errors = sum(issue.severity == "error" for issue in issues)
    warnings = len(issues) - errors
    if as_json:
        found = [
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
        terminal.say(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        if issues:
            terminal.say(explain_all(issues) + "\n")
        terminal.say(f"{_many(errors, 'error')}, {_many(warnings, 'warning')}" if issues else "no errors, no warnings")
    raise typer.Exit(terminal.FAULT if errors else terminal.PASSED)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
