"""Runs a flow, written in the test, on a `FakeCall` in virtual time."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botkit import clock
from botkit.flow.compile import read_flow
from botkit.flow.document import Flow
from botkit.flow.runtime import FlowRun, Inputs, Outcome
from botkit.flow.trace import Logged, Record
from botkit.results import StepResult
from botkit.testing import FakeCall

Script = Callable[[FakeCall], Any]


@dataclass
class Ran:
    """What came of a flow."""

    outcome: Outcome
    call: FakeCall
    records: list[Record]

    @property
    def verdict(self) -> str:
        return self.outcome.verdict.value

    @property
    def said(self) -> list[str]:
        """What `log` said, in order."""
        return [record.text for record in self.records if isinstance(record, Logged)]

    @property
    def problems(self) -> list[str]:
        return [problem.message for problem in self.outcome.problems]

    @property
    def vars(self) -> dict[str, Any]:
        return self.outcome.vars or {}

    def step(self, name: str) -> StepResult:
        """The first result of a step of that name."""
        return next(each for each in self.outcome.steps if each.step == name)

    def done(self) -> list[str]:
        """The steps in the order in which they ended."""
        return [each.step for each in self.outcome.steps]


def flow_of(text: str, *, head: str = 'dial: "+18005550100"') -> Flow:
    """A flow from its `on:` and whatever else it needs; `head` says how the call comes about."""
    return read_flow("test.yaml", f"flow: Test\n{head}\n{textwrap.dedent(text)}")[0]


def run_flow(
    text: str,
    script: Script = lambda call: None,
    *,
    inputs: Inputs | None = None,
    head: str = 'dial: "+18005550100"',
    answer_after: float | None = 0.0,
    with_run: Callable[[FlowRun, FakeCall], Any] = lambda run, call: None,
) -> Ran:
    """Run a flow to its end. The far side answers at once, and does what `script` says.

    `with_run` is called when the run begins, for what a runner would do to it.
    """
    return clock.run(_run(text, script, inputs or Inputs(), head, answer_after, with_run), virtual=True)


async def _run(
    text: str, script: Script, inputs: Inputs, head: str, answer_after: float | None, with_run: Callable[..., Any]
) -> Ran:
    flow = flow_of(text, head=head)
    call = FakeCall(direction="dial" if flow.dials else "answer")
    if flow.dials and answer_after is not None:
        call.will_answer(answer_after)
    script(call)
    records: list[Record] = []
    run = FlowRun(flow, call, replace(inputs, trace=records.append))
    with_run(run, call)
    return Ran(await run.run(), call, records)


def answered(steps: str, script: Script = lambda call: None, **more: Any) -> Ran:
    """Run these steps in an `answered` handler."""
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "    ")
    return run_flow(f"on:\n  answered:\n{body}\n", script, **more)
