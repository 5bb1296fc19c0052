"""`botkit doctor ACCOUNT`: an account tried step by step."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botkit.cli import terminal

if TYPE_CHECKING:
    from botkit.runner.doctor.findings import Diagnosis, Finding

MARKS = {"ok": "✔", "warning": "!", "fault": "✘", "not tried": "–"}


def doctor(
    account: Annotated[str, typer.Argument(metavar="[ACCOUNT]", help="An account of botkit.yaml, or `env`.")] = "local",
    dial: Annotated[
        str | None,
        typer.Option("--dial", metavar="NUMBER", help="Place one call, to this number; best one that echoes."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="Settings instead of botkit.yaml.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON, and nothing else, to standard output.")
    ] = False,
) -> None:
    """Try an account step by step: name, TLS, WebSocket, login, ready, ICE, DTLS, one call, audio, digits.

    \b
    Examples:
      botkit doctor
      botkit doctor staging
      botkit doctor staging --dial +18005550100 --json

    \b
    Each step has a verdict, the time it took, and a hint where something is wrong; after the first fault none is
    tried. Without --dial a call is placed on the embedded exchange only, whose test line answers it; a number must be
    one that `allow` allows. Exit status: 0 all well (a warning is no fault), 2 a fault. Before the steps a line about
    this machine: whether hearing is compiled.
    """
    from botkit import clock
    from botkit.cli import accounts
    from botkit.log import hide
    from botkit.runner.doctor import machine
    from botkit.runner.doctor.examination import examine

    settings = accounts.load(os.environ, config=config)
    for known in settings.accounts.values():
        hide(*known.secrets)
    chosen = settings.account(account)
    say = terminal.tell if as_json else terminal.say
    live = not as_json and sys.stdout.isatty()
    if not as_json:
        say(f"account {chosen.name}: {chosen.server or 'the embedded exchange'}")
    noted = machine.hearing()
    _show(noted, say, live=False)
    diagnosis = clock.run(
        _stoppable(
            examine(
                settings,
                chosen,
                dial=dial,
                trying=_trying if live else lambda step: None,
                found=lambda finding: _show(finding, say, live),
            )
        )
    )
    say(verdict(diagnosis))
    if as_json:
        told = {**plain(diagnosis), "machine": [_plain(noted)]}
        terminal.say(json.dumps(told, ensure_ascii=False, indent=2))
    raise typer.Exit(terminal.PASSED if diagnosis.fault is None else terminal.FAULT)


async def _stoppable(work: Coroutine[Any, Any, Diagnosis]) -> Diagnosis:
    """Do `work`; a signal ends it, its call with a bye, and the command with that signal's status."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="doctor")
    stopped: list[int] = []

    def stop(status: int) -> None:
        stopped.append(status)
        task.cancel()

    take_back = terminal.stop_signals(loop, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not stopped:
            raise
        raise typer.Exit(stopped[0]) from None
    finally:
        take_back()


def _trying(step: str) -> None:
    """The step that is being tried, on a terminal: its finding takes the line's place."""
    terminal.draw(f"… {step:<10}")


def _show(finding: Finding, say: Callable[[str], None], live: bool) -> None:
    if live:
        terminal.draw("\r\x1b[K")
    for line in lines(finding):
        say(line)


def lines(finding: Finding) -> list[str]:
    """A finding for people, its hint below it."""
    from botkit.log import masked

    took = "" if finding.took is None else _time(finding.took)
    shown = [f"{MARKS[finding.state.value]} {finding.step:<10}{took:>8}  {masked(finding.text)}"]
    if finding.hint:
        shown.append(f"{'hint: ':>22}{masked(finding.hint)}")
    return shown


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def verdict(diagnosis: Diagnosis) -> str:
    """The last line: what it comes to."""
    fault = diagnosis.fault
    if fault is not None:
        return f"{diagnosis.account}: a fault at {fault.step}"
    untried = [finding.step for finding in diagnosis.findings if finding.state.value == "not tried"]
    well = f"{diagnosis.account}: all well" + (
        f" as far as it was tried (not: {', '.join(untried)})" if untried else ""
    )
    warned = [finding.step for finding in diagnosis.warnings]
    return well + (f", with a warning at {', '.join(warned)}" if warned else "")


def plain(diagnosis: Diagnosis) -> dict[str, object]:
    """For machines."""
    return {
        "account": diagnosis.account,
        "server": diagnosis.server,
        "well": diagnosis.fault is None,
        "steps": [_plain(finding) for finding in diagnosis.findings],
    }


def _plain(finding: Finding) -> dict[str, object]:
    from botkit.log import masked

    return {
        "step": finding.step,
        "verdict": finding.state.value,
        "text": masked(finding.text),
        "hint": None if finding.hint is None else masked(finding.hint),
        "took": None if finding.took is None else round(finding.took, 4),
        "facts": finding.facts,
    }
