"""Problems as reports show them: made from what was raised, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botkit.errors import BotkitError, ExpectationFailed, Fault
from botkit.flow.expression import ExpressionFault
from botkit.flow.scope import Scope
from botkit.results import Place, Problem, StepResult

if TYPE_CHECKING:
    from botkit.flow.document import Flow, StepSpec


def now(scope: Scope) -> float:
    """Seconds since the answer; digits beyond microseconds are noise of the arithmetic."""
    return round(scope.shared.call.since_answered(), 6)


def unmet(scope: Scope, spec: StepSpec, error: ExpectationFailed) -> Problem:
    """An expectation that was not met."""
    return Problem(
        message=str(error),
        kind="failure",
        path=spec.path,
        step=spec.name,
        label=scope.label,
        place=spec.place,
        expected=error.expected,
        heard=error.heard,
        at=now(scope) if error.at is None else round(error.at, 6),
    )


def said(scope: Scope, spec: StepSpec, says: str) -> Problem:
    """What `fail` says."""
    return Problem(says, path=spec.path, step=spec.name, label=scope.label, place=spec.place, at=now(scope))


def broken(
    error: Exception, at: float, place: Place | None, scope: Scope | None = None, step: str | None = None
) -> Problem:
    """A fault. What is no error of botkit's own is a mistake in botkit, and shows its type."""
    if isinstance(error, ExpressionFault):
        message = error.message
        place = Place(error.mark.file, error.mark.line, error.mark.column, error.mark.text)
    elif isinstance(error, BotkitError):
        message = str(error.args[0]) if error.args else str(error)
    else:
        message = f"{step or 'the flow'} broke: {type(error).__name__}: {error}"
    return Problem(
        message=message,
        kind="fault",
        path=scope.path if scope else None,
        step=step,
        label=scope.label if scope else None,
        place=place,
        at=at,
        hint=error.hint if isinstance(error, Fault) else None,
    )


def over_time(flow: Flow, steps: Sequence[StepResult], limit: float, at: float, *, rings: bool = False) -> Problem:
    """The time limit was reached. `steps` end with those that it cut off, inner before outer.

    `rings`: nobody has answered yet.
    """
    last = next((each for each in reversed(steps) if each.cancelled), None)
    cut = next((each for each in steps if each.cancelled and last and each.ended == last.ended), None)
    loops = any(each.step == "repeat" and each.cancelled and last and each.ended == last.ended for each in steps)
    sooner = "limit the loop with `at_most`" if loops else "let the call end sooner"
    return Problem(
        f"the call took longer than its time limit of {limit:g} s",
        path=cut.path if cut else None,
        step=cut.step if cut else None,
        label=cut.label if cut else None,
        place=cut.place if cut else flow.place,
        expected=f"an end within {limit:g} s",
        heard=f"it was still at {cut.summary}" if cut else "it was still ringing" if rings else "it went on",
        at=at,
        hint=f"raise the `time_limit` of the flow (5m where it says none), or {sooner}",
    )
