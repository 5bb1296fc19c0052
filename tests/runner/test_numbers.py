"""`allow` at the door of transfers: before any call where the number stands in the flow, in the call else."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.flow.explain import FlowErrors
from botkit.results import Verdict
from botkit.runner.options import Notice
from botkit.settings import Settings
from tests.calls.kit import call_of, play, problem_of, step_of

LINE = """
flow: Line
answer: "5100"
vars: {to: "5200"}
on:
  answered:
    - transfer: TO
      label: handed
"""
CALLER = """
flow: Caller
dial: "5100"
on: {answered: [{expect_tone: {hz: 440, within: 20s}}]}
"""
THIRD = """
flow: Third
answer: "5200"
on: {answered: [{play: {tone: 440, for: 2s}}, {wait_for: {event: ended}}]}
"""


def flows(to: str) -> dict[str, str]:
    return {"line": LINE.replace("TO", to), "caller": CALLER, "third": THIRD}


@pytest.mark.parametrize("to", ['"5200"', '"${to}"'])
def test_a_number_that_is_allowed(tmp_path: Path, to: str) -> None:
    """It is rung, and the caller hears who answers."""
    result = play(tmp_path, flows(to), settings=Settings(allow=("5?00",)))
    assert result.verdict is Verdict.PASSED
    assert step_of(call_of(result, "line"), "handed").fields["outcome"] == "answered"


@pytest.mark.parametrize(
    ("to", "allow", "says"),
    [
        ('"911"', None, "emergency number"),
        ('"5200"', ("5100",), "matches none of `allow`"),
        ("nobody", ("5?00",), "none"),
    ],
)
def test_a_number_in_the_flow(tmp_path: Path, to: str, allow: tuple[str, ...] | None, says: str) -> None:
    """One that may not be dialled is told at its step, before any call."""
    told: list[Notice] = []
    with pytest.raises(FlowErrors, match=says) as caught:
        play(tmp_path, flows(to), settings=Settings(allow=allow), progress=told.append)
    (issue,) = caught.value.issues
    assert (Path(issue.mark.file).name, issue.mark.line) == ("line.yaml", 7)
    assert not told


def test_transfers_anywhere_in_the_flow(tmp_path: Path) -> None:
    """Those inside other steps and in blocks are found too, all at once."""
    line = """
flow: Line
answer: "5100"
on:
  answered:
    - repeat: {times: 2, do: [{transfer: "6001"}]}
    - run: block
blocks:
  block:
    - choose: [{when: true, do: [{transfer: {to: "6002"}}]}]
"""
    with pytest.raises(FlowErrors) as caught:
        play(tmp_path, {"line": line, "caller": CALLER}, settings=Settings(allow=("5100",)))
    assert [issue.mark.line for issue in caught.value.issues] == [6, 10]


@pytest.mark.parametrize(("allow", "to"), [(("5100",), "5200"), (None, "112")])
def test_a_number_in_an_expression(tmp_path: Path, allow: tuple[str, ...] | None, to: str) -> None:
    """One that is known in the call only is judged there: a fault, and nobody is rung."""
    result = play(tmp_path, flows('"${to}"'), settings=Settings(allow=allow), vars={"to": to})
    assert result.status == 2
    problem = problem_of(result, "line")
    assert problem.kind == "fault"
    assert to in problem.message
    assert "allow" in f"{problem.message} {problem.hint}"
    assert not next(flow for flow in result.flows if flow.bot == "third").calls
