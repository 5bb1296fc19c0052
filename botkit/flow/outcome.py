"""How a call came out for its flow: the verdict, and whether the call that was expected came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botkit.causes import NO_ANSWER
from botkit.flow.document import Flow
from botkit.results import Problem, StepResult, Verdict

UNALLOCATED = ("UNALLOCATED_NUMBER", "NO_ROUTE_DESTINATION", "INVALID_NUMBER_FORMAT")
_BY_CAUSE = {
    "USER_BUSY": "busy",
    "CALL_REJECTED": "rejected",
    **dict.fromkeys(NO_ANSWER, "no_answer"),
    **dict.fromkeys(UNALLOCATED, "unallocated"),
}
_BY_SIP_CODE = {
    486: "busy",
    600: "busy",
    403: "rejected",
    603: "rejected",
    408: "no_answer",
    480: "no_answer",
    404: "unallocated",
    484: "unallocated",
    604: "unallocated",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `FlowRun.run` gives: plain data, every text masked. Times are seconds since the answer."""

    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    steps: tuple[StepResult, ...] = ()
    call_outcome: str = "failed"
    """answered, busy, no_answer, rejected, unallocated, or failed: none of these."""
    setup: float | None = None
    """Seconds from the begin of the run to the answer."""
    duration: float | None = None
    cause: str | None = None
    code: int | None = None
    sip_code: int | None = None
    aborted_by: str | None = None
    vars: dict[str, Any] | None = None
    """The variables as they were at the end."""


def call_outcome(*, answered: bool, rang_out: bool, cause: str | None, sip_code: int | None) -> str:
    """What became of a call, in the words of `expect_call`. The cause says more than the SIP code."""
    if answered:
        return "answered"
    if rang_out:
        return "no_answer"
    return _BY_CAUSE.get(cause or "") or _BY_SIP_CODE.get(sip_code or 0) or "failed"


def unexpected_call(flow: Flow, outcome: str, cause: str | None, sip_code: int | None) -> Problem | None:
    """The problem that the call did not come about as `expect_call` says, or None.

    Who only answers is not judged by default: it is the caller who may give up.
    """
    expected = flow.expected_call if flow.dials or flow.expect_call else "any"
    if expected in ("any", outcome):
        return None
    heard = outcome.replace("_", " ") if outcome != "failed" else "a call that could not be made"
    if cause is not None and outcome != "answered":
        heard += f" ({cause}" + (f", SIP {sip_code})" if sip_code else ")")
    wanted = expected.replace("_", " ")
    return Problem(
        message=f"expected the call to be {wanted}; it was {heard}",
        path="expect_call",
        step="expect_call",
        place=flow.call_place or flow.place,
        expected=wanted,
        heard=heard,
        at=0.0,
    )


def verdict_of(problems: tuple[Problem, ...] | list[Problem], *, aborted: bool) -> Verdict:
    """The worst of it."""
    kinds = {problem.kind for problem in problems}
    if "fault" in kinds:
        return Verdict.FAULT
    if kinds:
        return Verdict.FAILED
    return Verdict.ABORTED if aborted else Verdict.PASSED
