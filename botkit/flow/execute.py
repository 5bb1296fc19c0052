"""Running steps: one after the other, each with its common keys.

`run_steps` is what handlers, and steps that hold steps, call. For each step it looks at `if`, fills
in the templates, runs it, makes its result, keeps that under `save_as`, and on failure does what
`on_fail` says. What it raises is in `botkit.flow.control`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botkit import log as logs
from botkit.errors import BotkitError, CallEnded, ExpectationFailed
from botkit.flow import problems
from botkit.flow.control import Control, FlowFaulted, FlowOver, StepFailed
from botkit.flow.registry import Step
from botkit.flow.scope import Scope
from botkit.flow.summary import summary_of
from botkit.flow.trace import StepDone, StepStarted
from botkit.flow.values import Value, saved
from botkit.results import Problem, StepResult

if TYPE_CHECKING:
    from botkit.flow.document import StepSpec

_log = logs.logger(__name__)


async def run_steps(scope: Scope, steps: Sequence[StepSpec]) -> None:
    """Run the steps in order. A cancelled caller loses the step under way, whose result says so.

    Raises `StepFailed`, `FlowFaulted` or another `Control`; the steps after the one that raised do not run.
    """
    for spec in steps:
        await run_step(scope, spec)


async def run_step(scope: Scope, spec: StepSpec) -> None:
    """Run one step, with all its common keys."""
    here = scope.at(spec)
    try:
        if spec.if_ is not None and not here.holds(spec.if_):
            return
        step, within = spec.filled(here.names, here.rng)
    except Exception as error:
        raise FlowFaulted(_fault(here, spec, error)) from error
    here.shared.hide_given(step)
    failures = await _Attempt(here.at(spec, within), spec, step).run()
    if failures:
        await _on_fail(here, spec, failures)


async def _on_fail(scope: Scope, spec: StepSpec, failures: tuple[Problem, ...]) -> None:
    """Do what the step says about its failure."""
    match spec.on_fail:
        case "ignore":
            return
        case "note":
            for problem in failures:
                scope.shared.note(problem)
            return
        case None | "fail":
            raise StepFailed(*failures)
    if scope.is_dead:  # there is nobody left to say sorry to
        raise StepFailed(*failures)
    try:
        await scope.run_steps(spec.on_fail)
    except StepFailed as again:
        raise StepFailed(*failures, *again.problems) from None
    except FlowOver as over:
        if over.failed:  # `stop` has dealt with them
            over.problems = (*failures, *over.problems)
        raise


class _Attempt:
    """One run of one step, from its start to its result."""

    def __init__(self, scope: Scope, spec: StepSpec, step: Step) -> None:
        self._scope = scope
        self._spec = spec
        self._step = step
        self._call = scope.shared.call
        self._started = problems.now(scope)
        self._summary = summary_of(step)

    async def run(self) -> tuple[Problem, ...]:
        """Do it. What comes back is for `on_fail`; what `on_fail` cannot deal with is raised."""
        spec, shared = self._spec, self._scope.shared
        shared.tell(
            StepStarted(self._call.id, self._started, spec.path, spec.name, spec.label, spec.place, self._summary)
        )
        try:
            fields = await self._within()
        except ExpectationFailed as unmet:
            problem = problems.unmet(self._scope, spec, unmet)
            self._done(False, unmet.detail, problem)
            return (problem,)
        except StepFailed as failed:
            self._done(False, {}, failed.problems[-1])
            return failed.problems
        except FlowOver as over:
            self._flow_over(over)
            raise
        except FlowFaulted as faulted:
            self._done(False, {}, faulted.problem)
            raise
        except Control:
            self._done(True, {})
            raise
        except asyncio.CancelledError:
            self._done(False, {}, cancelled=True)
            raise
        except CallEnded as ended:
            if not self._step.is_expectation:
                # An action that was cut short by the end of the call has not failed.
                self._done(True, {}, cancelled=True)
                return ()
            problem = problems.unmet(self._scope, spec, ExpectationFailed(self._summary, str(ended)))
            self._done(False, {}, problem)
            return (problem,)
        except Exception as error:
            problem = _fault(self._scope, spec, error)
            self._done(False, {}, problem)
            raise FlowFaulted(problem) from error
        self._done(True, {} if fields is None else fields)
        return ()

    async def _within(self) -> Mapping[str, Any] | None:
        """Run it in its `within`, unless it looks after that itself."""
        within = self._scope.within
        if within is None or self._step.obeys_within:
            return await self._step.run(self._call, self._scope)
        try:
            async with self._call.clock.timeout(within):
                return await self._step.run(self._call, self._scope)
        except TimeoutError:
            now = problems.now(self._scope)
            raise ExpectationFailed(
                f"{self._spec.name} to be done within {within:g} s", "no end of it", at=now
            ) from None

    def _flow_over(self, over: FlowOver) -> None:
        """`fail` and `stop` are done; those that hold them are cut short."""
        if not over.failed:
            self._done(True, {})
            return
        spec = self._spec
        if spec.name != "fail":
            self._done(False, {}, cancelled=True)
            return
        problem = problems.said(self._scope, spec, over.says)
        over.problems = (problem,)
        self._done(False, {}, problem)

    def _done(
        self, ok: bool, fields: Mapping[str, Any], problem: Problem | None = None, *, cancelled: bool = False
    ) -> None:
        """Make the result, keep it, and tell the trace."""
        spec, shared = self._spec, self._scope.shared
        ended = problems.now(self._scope)
        known = dict.fromkeys(self._step.result)
        if self._step.is_expectation:
            known["latency"] = None
        # A step that failed has its fields too, empty, so that `on_fail: ignore` can be looked at after.
        full = fields if isinstance(fields, Value) else {**known, **fields}
        if spec.save_as is not None and not cancelled:
            self._scope.set(spec.save_as, saved(full, {"ok": ok, "started": self._started, "ended": ended}))
        result = shared.mask.record(
            StepResult(
                path=spec.path,
                step=spec.name,
                ok=ok,
                started=self._started,
                ended=ended,
                place=spec.place,
                label=spec.label,
                summary=self._summary,
                latency=full.get("latency"),
                is_expectation=self._step.is_expectation,
                fields=logs.plain(full),
                problem=problem,
                cancelled=cancelled,
            )
        )
        shared.steps.append(result)
        shared.tell(StepDone(self._call.id, ended, result))


def _fault(scope: Scope, spec: StepSpec, error: Exception) -> Problem:
    """A fault of this step; what is no error of botkit's own is logged, too."""
    if not isinstance(error, BotkitError):
        text = scope.shared.mask.text(repr(error))
        _log.error("step.broke", call=scope.shared.call.id, path=spec.path, error=text)
    return problems.broken(error, problems.now(scope), spec.place, scope, spec.name)
