"""result.json: all that a run found, for machines.

The shape is a promise, `"format": "botkit-result/1"`; fields may be added, none goes or changes its
meaning without a new number. Times are seconds; those of steps count from the answer of their call.

    format verdict status started_at took out seed version
    counts        {calls, passed, failed, faults, aborted, met, unmet}
    problems      [problem]                 of the run itself
    pacer         {beats, late, lost, lateness_p99, kernel_times, errors}
    warnings      [text]                    what to know before trusting the figures
    flows         [{bot, flow, file, verdict, tags, problems, calls}]
      calls       [{id, bot, flow, file, direction, remote, verdict, started_at, setup, duration,
                    cause, code, sip_code, aborted_by, codec, rtp, recordings, events, problems,
                    expectations, steps}]
        expectations  [{path, step, label, summary, ok, latency, started, ended, expected, heard, place}]
        steps         [{path, step, label, summary, ok, cancelled, expectation, started, ended, latency,
                        fields, place, problem}]
    problem       {message, kind: failure|fault, path, step, label, place, expected, heard, at, hint}
    place         {file, line, column}
    verdict       passed | failed | fault | aborted
"""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from botkit.log import plain
from botkit.reports import words
from botkit.results import CallResult, FlowResult, Place, Problem, RunResult, StepResult

FORMAT = "botkit-result/1"


def to_json(result: RunResult, *, indent: int | None = 2) -> str:
    """The whole document as text, without a newline at the end."""
    return json.dumps(document(result), ensure_ascii=False, indent=indent)


def document(result: RunResult) -> dict[str, Any]:
    """The whole document as plain data."""
    return {
        "format": FORMAT,
        "verdict": result.verdict.value,
        "status": result.status,
        "started_at": result.started_at,
        "took": round(result.took, 3),
        "out": result.out,
        "seed": result.seed,
        "version": version("botkit"),
        "counts": asdict(words.counts(result)),
        "problems": [_problem(problem) for problem in result.problems],
        "pacer": plain(asdict(result.pacer)),
        "warnings": words.pacer_warnings(result),
        "flows": [_flow(flow) for flow in result.flows],
    }


def call_data(call: CallResult) -> dict[str, Any]:
    """One call as plain data; `json_lines` uses it, too."""
    return {
        "id": call.id,
        "bot": call.bot,
        "flow": call.flow,
        "file": call.file,
        "direction": call.direction,
        "remote": call.remote,
        "verdict": call.verdict.value,
        "started_at": call.started_at,
        "setup": _round(call.setup),
        "duration": _round(call.duration),
        "cause": call.cause,
        "code": call.code,
        "sip_code": call.sip_code,
        "aborted_by": call.aborted_by,
        "codec": call.codec,
        "rtp": plain(asdict(call.rtp)),
        "recordings": asdict(call.recordings),
        "events": call.events,
        "problems": [_problem(problem) for problem in call.problems],
        "expectations": [_expectation(step) for step in words.expectations(call)],
        "steps": [_step(step) for step in call.steps],
    }


def _flow(flow: FlowResult) -> dict[str, Any]:
    return {
        "bot": flow.bot,
        "flow": flow.flow,
        "file": flow.file,
        "verdict": flow.verdict.value,
        "tags": list(flow.tags),
        "problems": [_problem(problem) for problem in flow.problems],
        "calls": [call_data(call) for call in flow.calls],
    }


def _expectation(step: StepResult) -> dict[str, Any]:
    problem = step.problem
    return {
        "path": step.path,
        "step": step.step,
        "label": step.label,
        "summary": step.summary,
        "ok": step.ok,
        "latency": _round(step.latency),
        "started": _round(step.started),
        "ended": _round(step.ended),
        "expected": problem.expected if problem else None,
        "heard": problem.heard if problem else None,
        "place": _place(step.place),
    }


def _step(step: StepResult) -> dict[str, Any]:
    return {
        "path": step.path,
        "step": step.step,
        "label": step.label,
        "summary": step.summary,
        "ok": step.ok,
        "cancelled": step.cancelled,
        "expectation": step.is_expectation,
        "started": _round(step.started),
        "ended": _round(step.ended),
        "latency": _round(step.latency),
        "fields": plain(step.fields),
        "place": _place(step.place),
        "problem": _problem(step.problem) if step.problem else None,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {**asdict(problem), "place": _place(problem.place), "at": _round(problem.at)}


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line, "column": place.column} if place else None


def _round(value: float | None) -> float | None:
    """To a tenth of a millisecond: the kernel's times mean no more than that."""
    return None if value is None else round(value, 4)
