"""`botkit check PATH…`: every error and warning of flows at once, with position; no call is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botkit.cli import terminal
from botkit.errors import ConfigError

if TYPE_CHECKING:
    from botkit.flow.check import Report


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Flow files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON list.")] = False,
    read: Annotated[
        list[Path] | None, typer.Option("--read", metavar="DIR", help="A further folder that flows may read.")
    ] = None,
) -> None:
    """Read flows and tell every error and warning at once; place no call.

    The audio files that flows name are read, too: what `botkit run` would refuse of them is an error, one that is not
    there a warning.

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
    _check_audio(report, paths, read or [])
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
        sound = len(report.documents)
        found = f"{_many(len(report.errors), 'error')}, {_many(len(report.warnings), 'warning')}"
        terminal.say(
            f"{_many(sound, 'file')} without error; {found}" if issues else f"{_many(sound, 'file')}, no errors"
        )
    if not report.documents and not issues and not report.unread:
        named = ", ".join(map(str, paths))
        raise ConfigError(f"there is no flow in {named}", hint="flows are .yaml files whose first key is `flow`")
    for path in report.unread:
        terminal.tell(f"{path}: not checked: this version does not know its kind")
    raise typer.Exit(report.status)


def _check_audio(report: Report, paths: list[Path], read: list[Path]) -> None:
    """Note what a run of these paths would refuse of the audio that flows name; media is imported only for that."""
    from botkit.flow.document import Flow, Library
    from botkit.flow.rules import NO_FILE
    from botkit.runner.named_audio import named_audio
    from botkit.settings import Confinement, read_roots

    documents = {path: one for path, one in report.documents.items() if isinstance(one, Flow | Library)}
    if not any(True for one in documents.values() for _ in named_audio(one)):
        return
    from botkit.runner.prompts import audio_issues

    readable = Confinement(read_roots(paths, named=read, cwd=Path.cwd()), out=Path()).readable
    for path, document in documents.items():
        issues = audio_issues([document], readable)
        if not issues:
            continue
        errors = [issue for issue in issues if issue.severity == "error"]
        if errors:
            del report.documents[path]
        report.errors += [issue for issue in errors if issue not in report.errors]
        told = {issue.mark for issue in issues}  # the warnings about what is missing say less
        report.warnings = [one for one in report.warnings if not (one.mark in told and one.message.startswith(NO_FILE))]
        report.warnings += [issue for issue in issues if issue not in (*errors, *report.warnings)]


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
