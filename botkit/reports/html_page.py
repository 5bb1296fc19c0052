"""report.html: one page that needs nothing but the recordings beside it.

`template.html` has the look; here the result is put into the words and numbers that it shows.
Every text goes through Jinja's escaping: prompts, digits and names come from the other party.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import jinja2

from botkit.reports import overview, timeline, words
from botkit.results import CallResult, Place, Problem, RunResult, StepResult

_HEADLINES = {
    "passed": "Every call went as written",
    "failed": "An expectation was not met",
    "fault": "Something is broken, and it is not the expectation",
    "aborted": "The run was cut off",
}


@dataclass(frozen=True, slots=True)
class ProblemView:
    """A problem as the page shows it."""

    line: str
    kind: str
    bot: str
    anchor: str | None  # of the call it belongs to
    place: str
    source: tuple[str, str] | None  # the line of YAML and, below it, the caret
    gutter: tuple[str, str]  # before those two lines: the line's number, and as much space
    expected: str | None
    heard: str | None
    message: str
    step: str
    at: float | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """A row of a call's table."""

    step: StepResult
    index: int  # among the call's steps, as the bars of the drawing have it
    kind: str
    depth: int
    name: str
    told: tuple[tuple[str, str | None], ...]  # the result fields as texts, each with the file that it links to
    place: str


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as the page shows it."""

    call: CallResult
    anchor: str
    drawing: timeline.Timeline | None
    steps: tuple[StepView, ...]
    problems: tuple[ProblemView, ...]
    recordings: tuple[tuple[str, str], ...]  # what it is, relative path


def to_html(result: RunResult, *, title: str | None = None) -> str:
    """The whole page as text."""
    flows = []
    out = os.path.realpath(result.out) if result.out is not None else None
    for flow_index, flow in enumerate(result.flows):
        calls = [call_view(call, f"call-{flow_index}-{i}", out) for i, call in enumerate(flow.calls)]
        flows.append((flow, calls, [problem_view(problem, flow.bot, None) for problem in flow.problems]))
    anchors = {id(view.call): view.anchor for _, calls, _ in flows for view in calls}
    problems = [problem_view(problem, bot, anchors.get(id(call))) for bot, call, problem in words.problems_of(result)]
    counts = words.counts(result)
    headline = _HEADLINES[result.verdict.value]
    if result.verdict.value == "failed" and counts.unmet > 1:
        headline = f"{counts.unmet} expectations were not met"
    return _template().render(
        title=title or " · ".join(dict.fromkeys(flow.flow for flow in result.flows)) or "botkit",
        result=result,
        verdict=result.verdict.value,
        headline=headline,
        counts=counts,
        problems=problems,
        warnings=words.pacer_warnings(result),
        flows=flows,
        rows=overview.call_rows([(view.anchor, view.call) for _, calls, _ in flows for view in calls]),
        latencies=overview.latency_rows(result),
    )


def call_view(call: CallResult, anchor: str, out: str | None = None) -> CallView:
    """One call, put into words. `out` is the real path of the folder that the page lies in."""
    sides = (("both sides", call.recordings.both), ("heard", call.recordings.rx), ("sent", call.recordings.tx))
    return CallView(
        call=call,
        anchor=anchor,
        drawing=timeline.draw(call.steps, call.duration),
        steps=tuple(step_view(step, index, out) for index, step in timeline.in_order(call.steps)),
        problems=tuple(problem_view(problem, call.bot, anchor) for problem in call.problems),
        recordings=tuple((name, PurePath(path).as_posix()) for name, path in sides if path),
    )


def step_view(step: StepResult, index: int, out: str | None = None) -> StepView:
    """One step, put into words."""
    told = () if step.problem else tuple(_fields(step, out))
    return StepView(
        step=step,
        index=index,
        kind=timeline.kind(step),
        depth=max(step.path.count("/") - 1, 0),
        name=step.summary or step.step,
        told=told,
        place=words.where(step.place),
    )


def problem_view(problem: Problem, bot: str, anchor: str | None) -> ProblemView:
    """One problem, put into words."""
    step = f"{problem.step or ''} {problem.label or ''}".strip()
    number = f"{problem.place.line} │ " if problem.place else "  "
    return ProblemView(
        line=words.problem_line(problem),
        kind=problem.kind,
        bot=bot,
        anchor=anchor,
        place=_position(problem.place),
        source=words.caret(problem.place),
        gutter=(number, " " * (len(number) - 2) + "│ "),
        expected=problem.expected,
        heard=problem.heard,
        message=problem.message,
        step=step,
        at=problem.at,
        hint=problem.hint,
    )


def _fields(step: StepResult, out: str | None) -> Iterator[tuple[str, str | None]]:
    for key, value in step.fields.items():
        if key in ("ok", "started", "ended", "latency") or value is None:
            continue
        if step.step == "record" and key == "path" and isinstance(value, str):
            path = _beside(value, out)
            yield path, None if PurePath(path).is_absolute() else path
        else:
            yield f"{key} {round(value, 3):g}" if isinstance(value, float) else f"{key} {value}", None


def _beside(path: str, out: str | None) -> str:
    """A file's path from where the page lies, for whoever gets the whole folder, on another machine too."""
    pure = PurePath(path)
    return (pure.relative_to(out) if out is not None and pure.is_relative_to(out) else pure).as_posix()


def _address(path: str) -> str:
    """A path as a link has it, byte by byte: names need not be characters."""
    return quote(path.encode("utf-8", "surrogateescape" if _is_name(path) else "replace"))


def _is_name(path: str) -> bool:
    """Its half characters, if any, are bytes of a file's name (PEP 383), and not what the other party sent."""
    return not any("\ud800" <= c <= "\udc7f" or "\udd00" <= c <= "\udfff" for c in path)


def _position(place: Place | None) -> str:
    return f"{place.file}:{place.line}:{place.column}" if place else ""


def _template() -> jinja2.Template:
    # autoescape for everything: the default would look at the file's name
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"seconds": words.seconds, "ms": words.milliseconds, "moment": words.moment}
    environment.filters.update(filters, address=_address)
    return environment.get_template("template.html")
