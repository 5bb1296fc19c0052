"""How results are put into words, the same in every report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from botkit.results import CallResult, FlowResult, Place, Problem, RunResult, StepResult, Verdict

ICONS = {Verdict.PASSED: "✔", Verdict.FAILED: "✘", Verdict.FAULT: "!", Verdict.ABORTED: "–"}


def seconds(value: float | None, digits: int = 2) -> str:
    """`1.20 s`; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f} s"


def milliseconds(value: float | None) -> str:
    """`340 ms`, and from ten seconds on `12.3 s`; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.1f} s" if abs(value) >= 10 else f"{value * 1000:.0f} ms"


def moment(wall: float) -> str:
    """Wallclock seconds as `2026-01-31T12:30:00Z`: the same text on every machine."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_line(text: str) -> str:
    """A text on one line of a terminal. What would colour it or move its cursor is shown as �: names and
    headers come from the other party, too."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))


def where(place: Place | None) -> str:
    """`flows/a.yaml:12`, the form that editors and terminals turn into a link."""
    return f"{place.file}:{place.line}" if place else ""


def caret(place: Place | None) -> tuple[str, str] | None:
    """The source line and, below it, a line with a caret under the column. Tabs keep their width."""
    if place is None or not place.text:
        return None
    line = place.text.rstrip("\r\n")
    before = line[: max(place.column - 1, 0)]
    indent = "".join("\t" if c == "\t" else " " for c in before)
    return line, indent + "^"


def problem_line(problem: Problem) -> str:
    """One line: which step, which line of which file, what was expected, what was heard and when."""
    step = problem.step or ""
    if problem.label:
        step = f"{step} '{problem.label}'".strip()
    if problem.path:
        step = f"{step} ({problem.path})".strip()
    if problem.expected and problem.heard:
        what = f"expected {problem.expected}; heard {problem.heard}"
    else:
        what = problem.message
    if problem.at is not None:
        what += f", {problem.at:.2f} s into the call"
    return one_line(": ".join(part for part in (where(problem.place), step, what) if part))


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run amounts to. `met` and `unmet` are expectations; those cut short are in neither."""

    calls: int
    passed: int
    failed: int
    faults: int
    aborted: int
    met: int
    unmet: int


def calls_of(result: RunResult) -> Iterator[tuple[FlowResult, CallResult]]:
    """Every call, with the flow that it belongs to."""
    for flow in result.flows:
        for call in flow.calls:
            yield flow, call


def expectations(call: CallResult) -> Iterator[StepResult]:
    """The expectations of a call that came to an end."""
    return (step for step in call.steps if step.is_expectation and not step.cancelled)


def counts(result: RunResult) -> Counts:
    """Count calls by verdict, and expectations."""
    calls = [call for _, call in calls_of(result)]
    judged = [step.ok for call in calls for step in expectations(call)]
    by_verdict = {verdict: sum(call.verdict is verdict for call in calls) for verdict in Verdict}
    return Counts(
        calls=len(calls),
        passed=by_verdict[Verdict.PASSED],
        failed=by_verdict[Verdict.FAILED],
        faults=by_verdict[Verdict.FAULT],
        aborted=by_verdict[Verdict.ABORTED],
        met=sum(judged),
        unmet=len(judged) - sum(judged),
    )


def problems_of(result: RunResult) -> Iterator[tuple[str, CallResult | None, Problem]]:
    """Every problem of a run, outermost first, with the bot and the call it belongs to. None is told twice."""
    told: set[int] = set()
    everything: list[tuple[str, CallResult | None, tuple[Problem, ...]]] = [("", None, result.problems)]
    for flow in result.flows:
        everything.append((flow.bot, None, flow.problems))
        everything += [(flow.bot, call, call.problems) for call in flow.calls]
    seen: set[tuple[str, str | None, Problem]] = set()
    for bot, call, problems in everything:
        for problem in problems:
            key = (bot, call.id if call else None, problem)
            if id(problem) in told or key in seen:
                continue
            told.add(id(problem))
            seen.add(key)
            yield bot, call, problem


def pacer_warnings(result: RunResult) -> list[str]:
    """What a reader must know before trusting the figures: a generator that was late, coarse arrival times."""
    pacer, warnings = result.pacer, []
    due = pacer.beats + pacer.lost
    if pacer.lost + pacer.late > due * 0.005:
        share, lost = 100 * (pacer.lost + pacer.late) / due, 100 * pacer.lost / due
        among = f", among them {lost:.1f} % lost (over 20 ms late)" if pacer.lost else ""
        warnings.append(
            f"late for {share:.1f} % of the beats (99th percentile {milliseconds(pacer.lateness_p99)}){among}:"
            " what was sent may have been uneven; make fewer calls at once, or share them among processes or machines"
        )
    if not pacer.kernel_times:
        warnings.append("the kernel gave no arrival times: latencies are as coarse as the 20 ms beat")
    return warnings
