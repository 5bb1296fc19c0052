"""events.jsonl: one object a line, written as things happen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botkit.flow.trace import EventSeen, Logged, StepDone, StepStarted
from botkit.results import Place, Problem, StepResult
from botkit.runner.journal import Journal

PLACE = Place("a.yaml", 7, 3, "  - wait: 1s")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_nothing_happened(tmp_path: Path) -> None:
    """Without a line there is no file and no folder."""
    Journal(tmp_path / "calls" / "a-1" / "events.jsonl").close()
    assert not list(tmp_path.iterdir())


def test_line(tmp_path: Path) -> None:
    """Time and type come first; what is None is left out; folders are made."""
    path = tmp_path / "calls" / "a-1" / "events.jsonl"
    journal = Journal(path)
    journal.write(1.23456, "call", remote="+1555", headers={"X": "1"}, cause=None)
    journal.close()
    assert path.read_text() == '{"t": 1.2346, "type": "call", "remote": "+1555", "headers": {"X": "1"}}\n'


def test_written_at_once(tmp_path: Path) -> None:
    """A line can be read before the file is closed, so a crash loses none."""
    journal = Journal(tmp_path / "e.jsonl")
    journal.write(0, "call")
    assert lines(tmp_path / "e.jsonl") == [{"t": 0, "type": "call"}]
    journal.close()


def test_former_file_goes(tmp_path: Path) -> None:
    """A file of an earlier run is replaced; a line after the end is added, and takes nothing away."""
    (tmp_path / "e.jsonl").write_text("old\n")
    journal = Journal(tmp_path / "e.jsonl")
    journal.write(0, "call")
    journal.close()
    journal.close()
    journal.write(1, "log")
    journal.close()
    assert [line["type"] for line in lines(tmp_path / "e.jsonl")] == ["call", "log"]


def test_any_text(tmp_path: Path) -> None:
    """Whatever the other party sends can be written: other scripts, line breaks, half characters."""
    journal = Journal(tmp_path / "e.jsonl")
    journal.write(0, "call", remote="Zoë ☎\n\u2028", name="\ud800")
    journal.close()
    (line,) = lines(tmp_path / "e.jsonl")
    assert line["remote"] == "Zoë ☎\n\u2028"
    assert line["name"] == "\ud800"


def test_values_of_any_kind(tmp_path: Path) -> None:
    """What JSON does not know is written as text."""
    journal = Journal(tmp_path / "e.jsonl")
    journal.write(0, "call", path=Path("a/b"), kind="k", self="s")
    journal.close()
    assert lines(tmp_path / "e.jsonl") == [{"t": 0, "type": "call", "path": "a/b", "kind": "k", "self": "s"}]


def test_records(tmp_path: Path) -> None:
    """Each record of the trace is one line; a failed step says what was expected and what was heard."""
    problem = Problem("expected a; heard b", expected="a", heard="b")
    result = StepResult(
        "on.answered/0", "expect_tone", False, 0.1, 2.0, place=PLACE, label="hello", problem=problem, latency=0.25
    )
    journal = Journal(tmp_path / "e.jsonl")
    journal.record(1.0, EventSeen("c", 0.5, "dtmf", {"digit": "1", "name": "dtmf", "at": 0.4, "t": 3}))
    journal.record(1.1, StepStarted("c", 0.6, "on.answered/0", "expect_tone", "hello", PLACE, "expect_tone 440"))
    journal.record(1.2, StepDone("c", 2.0, result))
    journal.record(1.3, Logged("c", 2.1, "bye", "on.answered/1"))
    journal.close()
    seen, started, done, logged = lines(tmp_path / "e.jsonl")
    assert seen == {
        "t": 1.0,
        "type": "event",
        "at": 0.5,
        "event": "dtmf",
        "digit": "1",
    }
    assert started == {
        "t": 1.1,
        "type": "step_started",
        "at": 0.6,
        "path": "on.answered/0",
        "step": "expect_tone",
        "label": "hello",
        "line": 7,
        "summary": "expect_tone 440",
    }
    assert done == {
        "t": 1.2,
        "type": "step_done",
        "at": 2.0,
        "path": "on.answered/0",
        "step": "expect_tone",
        "label": "hello",
        "ok": False,
        "started": 0.1,
        "ended": 2.0,
        "latency": 0.25,
        "expected": "a",
        "heard": "b",
    }
    assert logged == {"t": 1.3, "type": "log", "at": 2.1, "path": "on.answered/1", "text": "bye"}


def test_step_cut_short(tmp_path: Path) -> None:
    """A step that was cancelled says so, one that was not does not."""
    journal = Journal(tmp_path / "e.jsonl")
    for cancelled in (True, False):
        journal.record(1.0, StepDone("c", 1, StepResult("p", "wait", not cancelled, 0, 1, cancelled=cancelled)))
    journal.close()
    assert [line.get("cancelled") for line in lines(tmp_path / "e.jsonl")] == [True, None]
