"""One object per call and line, for machines that read many runs: `jq`, a log store, a data frame.

Each line has the shape of a call in result.json (see `result_json`) without its steps, and a
`"type": "call"` before it; a last line, `"type": "run"`, has the verdict and the counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from botkit.reports import words
from botkit.reports.result_json import call_data
from botkit.results import CallResult, RunResult


def lines(result: RunResult) -> Iterator[str]:
    """All lines of a run, without newlines."""
    for _, call in words.calls_of(result):
        yield call_line(call)
    yield run_line(result)


def call_line(call: CallResult) -> str:
    """The line of one call."""
    data = call_data(call)
    del data["steps"]
    return json.dumps({"type": "call", **data}, ensure_ascii=False)


def run_line(result: RunResult) -> str:
    """The last line: how the run came out."""
    entry = {
        "type": "run",
        "verdict": result.verdict.value,
        "status": result.status,
        "started_at": result.started_at,
        "took": round(result.took, 3),
        "counts": asdict(words.counts(result)),
        "problems": [words.problem_line(problem) for _, _, problem in words.problems_of(result)],
    }
    return json.dumps(entry, ensure_ascii=False)
