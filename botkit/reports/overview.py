"""What stands above the cards of many calls: one row a call, and how soon each step's other side reacted.

Pure arithmetic on results; `template.html` only writes the rows down.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from botkit.reports import words
from botkit.results import CallResult, RunResult

FEW = 5
"""So many calls are seen at a glance without tables."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call. `anchor` is its card's; `failure` is its first problem, in one line."""

    anchor: str
    name: str
    verdict: str
    far: str
    duration: float | None
    failure: str
    recording: str | None
    events: str | None


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """The latencies of one step over all calls of a flow, in seconds. `p95`: 95 of 100 were as short or shorter."""

    flow: str
    step: str
    n: int
    median: float
    p95: float
    longest: float


def call_rows(calls: Sequence[tuple[str, CallResult]]) -> tuple[CallRow, ...]:
    """A row for each call, given with the anchor of its card; none where there are few."""
    return tuple(_row(anchor, call) for anchor, call in calls) if len(calls) > FEW else ()


def _row(anchor: str, call: CallResult) -> CallRow:
    if call.problems:
        failure = words.problem_line(call.problems[0])
    else:
        failure = f"cut off because of {call.aborted_by}" if call.aborted_by else ""
    return CallRow(
        anchor=anchor,
        name=call.id,
        verdict=call.verdict.value,
        far=f"{'to' if call.direction == 'dial' else 'from'} {call.remote or 'an unknown number'}",
        duration=call.duration,
        failure=failure,
        recording=call.recordings.both,
        events=call.events,
    )


def latency_rows(result: RunResult) -> tuple[LatencyRow, ...]:
    """A row for each step that had a latency, in the order of its first one; none where calls are few.

    Calls of one flow are counted together, whichever of its bots made them. Steps of one label are counted
    together, too; one without goes by its place, and is shown as what it expects.
    """
    calls = [call for _, call in words.calls_of(result)]
    if len(calls) <= FEW:
        return ()
    found: dict[tuple[str, str], list[float]] = {}
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for call in calls:
        for step in sorted(words.expectations(call), key=lambda step: step.started):
            if step.latency is not None:
                key = (call.file, f"label {step.label}" if step.label else step.path)
                names.setdefault(key, (call.flow, step.label or step.summary or step.step))
                found.setdefault(key, []).append(step.latency)
    return tuple(
        LatencyRow(
            *names[key],
            n=len(latencies),
            median=statistics.median(latencies),
            p95=nearest_rank(latencies, 0.95),
            longest=max(latencies),
        )
        for key, latencies in found.items()
    )


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed: one that was measured, not a mean."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]
