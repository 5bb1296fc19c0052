"""Flows whose callers meet in queues and conferences of the exchange."""

from __future__ import annotations

from pathlib import Path

from botkit.results import Verdict
from tests.calls.kit import call_of, flow_of, play, problem_of, step_of

HOST = """
flow: Host
answer: "5200"
at_most: 3
on:
  answered:
    - conference: team
      label: met
"""


def member(own: int, other: int) -> str:
    return f"""
flow: Member {own}
dial: "5200"
on:
  answered:
    - play: {{tone: {own}, for: 6s, background: true}}
    - expect_tone: {{hz: {other}, for: 500ms, within: 5s}}
    - wait: 2s
    - hangup
"""


def test_callers_meet(tmp_path: Path) -> None:
    """One bot answers them all and puts each into the conference: they hear each other there."""
    result = play(tmp_path, {"host": HOST, "one": member(440, 600), "other": member(600, 440)})
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]
    stays = [step_of(call, "met") for call in flow_of(result, "host").calls]
    assert len(stays) == 2
    assert all(stay.fields["reason"] == "hangup" for stay in stays)


def test_one_waits_in_a_queue(tmp_path: Path) -> None:
    """It hears what is played to it meanwhile; when that has been enough the call goes on."""
    ivr = """
flow: Ivr
answer: "5200"
on:
  answered:
    - enqueue:
        name: support
        do:
          - play: {tone: 440, for: 2s}
      save_as: queued
    - check: queued.reason == "leave" and queued.waited > 1.9
    - play: {tone: 600, for: 1s}
    - hangup
"""
    caller = """
flow: Caller
dial: "5200"
on:
  answered:
    - expect_tone: {hz: 440, within: 2s}
    - expect_tone: {hz: 600, within: 4s}
"""
    result = play(tmp_path, {"ivr": ivr, "caller": caller})
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]


def test_a_step_that_fails_inside_ends_the_stay(tmp_path: Path) -> None:
    """Its failure is the flow's."""
    ivr = """
flow: Ivr
answer: "5200"
on:
  answered:
    - conference:
        name: support
        do:
          - wait: 1s
          - fail: nobody came
"""
    caller = """
flow: Caller
dial: "5200"
on:
  answered:
    - wait_for: {event: ended, within: 20s}
"""
    result = play(tmp_path, {"ivr": ivr, "caller": caller})
    assert "nobody came" in problem_of(result, "ivr").message
    assert call_of(result, "caller").duration is not None
