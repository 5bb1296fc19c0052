"""`botkit recover DIR`: recordings after a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botkit.cli import terminal

if TYPE_CHECKING:
    from botkit.runner.recover import RecoveredCall, Recovery


def recover(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of the run that was cut off.")],
    keep: Annotated[bool, typer.Option("--keep", help="Keep the spool; else it goes once the WAVs are safe.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was done as JSON, and nothing else, to standard output.")
    ] = False,
) -> None:
    """Cut the recordings of a run that was killed, and leave its events valid up to the last whole line.

    \b
    Examples:
      botkit recover out/20260101-120000
      botkit recover out/today --keep

    \b
    A run keeps its sound in DIR/spool.botkit until the calls are over. Each call gets its
    calls/<call>/{rx,tx,both}.wav; then the spool goes, but for one that is damaged. Doing it twice does no harm.
    Exit status: 0 when it is done or there is nothing to do, 2 when it cannot be done, as when the run still goes on.
    """
    from botkit.cli import outputs
    from botkit.runner import recover as work

    say = terminal.tell if as_json else terminal.say
    with outputs.borrowed(folder):
        recovery = work.recover(folder, keep=keep, told=lambda call: say(f"  {_call(call)}"))
    for line in _words(recovery, keep):
        say(line)
    faults = [fault for spool in recovery.spools for fault in spool.faults]
    for fault in faults:
        terminal.tell(f"botkit: {fault}")
    if as_json:
        terminal.say(json.dumps(_plain(recovery), ensure_ascii=False, indent=2))
    raise typer.Exit(terminal.FAULT if faults else terminal.PASSED)


def _call(call: RecoveredCall) -> str:
    how = f"{call.folder}/{{rx,tx,both}}.wav"
    if call.fault is not None:
        how = "not written"
    elif not call.written:
        how += " (there already)"
    return f"{call.name:<20} {call.seconds:7.2f} s  {how}"


def _words(recovery: Recovery, keep: bool) -> list[str]:
    """What was recovered, what is lost, what to do."""
    from botkit.runner.recover import folders_below

    folder = recovery.folder
    if recovery.nothing:
        below = folders_below(folder)
        lines = [f"nothing to recover in {folder}: no run was cut off there"]
        return lines + [f"  but one was in {path}: botkit recover {path}" for path in below]
    calls = [call for spool in recovery.spools for call in spool.calls]
    written = [call for call in calls if call.written]
    there = len([call for call in calls if not call.written and call.fault is None])
    lines = []
    if recovery.spools:
        total = sum(call.seconds for call in written)
        lines.append(
            f"recovered: {_many(len(written), 'call')}, {total:.2f} s" + (f"; {there} there already" if there else "")
        )
        lines.append("lost: what the run had not written yet when it ended, about the last second of each call")
    for spool in recovery.spools:
        if spool.torn:
            lines.append(
                f"lost: the torn end of {spool.path.name}, {spool.torn} bytes, but for the packets whole in it"
            )
        if spool.skipped:
            lines.append(
                f"lost: {spool.skipped} damaged bytes in {spool.path.name}; what comes after them was found again"
            )
    for mended in recovery.mended:
        if mended.torn:
            lines.append(f"lost: half a line at the end of {mended.path}, {mended.torn} bytes")
        if mended.damaged:
            lines.append(
                f"lost: {_many(mended.damaged, 'damaged line')} of {mended.path}; kept in {mended.path.name}.damaged"
            )
    for name in recovery.silent:
        lines.append(f"without sound: {name}, whose first second had not been written")
    for spool in recovery.spools:
        if spool.kept is not None:
            why = "its calls could not all be written" if spool.faults else "--keep" if keep else "it is damaged"
            lines.append(f"kept: {spool.kept} ({why})")
    if any(spool.faults for spool in recovery.spools):
        lines.append(f"next: make room, or let botkit write there, then again: botkit recover {folder}")
    elif calls:
        lines.append(f"next: listen to {calls[0].folder}/both.wav; events.jsonl beside it says what happened.")
        lines.append("      A run that was cut off has no verdict: for one, run the flows again, into another folder.")
    return lines


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(recovery: Recovery) -> dict[str, Any]:
    return {
        "folder": str(recovery.folder),
        "nothing": recovery.nothing,
        "spools": [
            {
                "path": str(spool.path),
                "kept": None if spool.kept is None else str(spool.kept),
                "skipped_bytes": spool.skipped,
                "torn_bytes": spool.torn,
                "calls": [
                    {
                        "call": call.name,
                        "folder": str(call.folder),
                        "seconds": round(call.seconds, 3),
                        "written": call.written,
                        "fault": None if call.fault is None else str(call.fault.args[0]),
                    }
                    for call in spool.calls
                ],
            }
            for spool in recovery.spools
        ],
        "events": [
            {"path": str(one.path), "torn_bytes": one.torn, "damaged_lines": one.damaged} for one in recovery.mended
        ],
        "without_sound": list(recovery.silent),
    }
