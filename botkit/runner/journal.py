"""`events.jsonl`: what happened in one call, in order, one JSON object a line.

`t` is seconds since the run began, `at` seconds since the call was answered. Lines are written as
things happen, so that after a crash the file ends where the run did.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from botkit.flow.trace import EventSeen, Logged, Record, StepDone, StepStarted


class Journal:
    """One call's file, opened at the first line. What comes after `close` is added at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._mode = "w"

    def write(self, t: float, kind: str, /, **fields: Any) -> None:
        """One line. Values that are None are left out."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Half a character, which JSON allows and the other party may send, is written as its escape.
            self._file = self.path.open(self._mode, encoding="utf-8", errors="backslashreplace", buffering=1)
            self._mode = "a"
        line = {"t": round(t, 4), "type": kind, **{name: value for name, value in fields.items() if value is not None}}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def record(self, t: float, record: Record) -> None:
        """A record of the flow's trace."""
        at = round(record.at, 4)
        match record:
            case EventSeen():
                self.write(t, "event", at=at, event=record.event, **_plain(record.fields))
            case StepStarted():
                line = record.place.line if record.place else None
                self.write(
                    t,
                    "step_started",
                    at=at,
                    path=record.path,
                    step=record.step,
                    label=record.label,
                    line=line,
                    summary=record.summary,
                )
            case StepDone():
                result = record.result
                problem = result.problem
                self.write(
                    t,
                    "step_done",
                    at=at,
                    path=result.path,
                    step=result.step,
                    label=result.label,
                    ok=result.ok,
                    started=round(result.started, 4),
                    ended=round(result.ended, 4),
                    latency=None if result.latency is None else round(result.latency, 4),
                    cancelled=result.cancelled or None,
                    fields=_plain(result.fields) or None,
                    expected=problem.expected if problem else None,
                    heard=problem.heard if problem else None,
                )
            case Logged():
                self.write(t, "log", at=at, path=record.path, text=record.text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _plain(fields: Any) -> dict[str, Any]:
    """Fields that do not hide the line's own; an event's name and time are there already."""
    return {name: value for name, value in dict(fields).items() if name not in ("t", "type", "at", "event", "name")}
