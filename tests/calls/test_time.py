"""One call in virtual and in real time: the same verdict and the same steps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from botkit.results import Verdict
from tests.calls.kit import ROOT, call_of, play

LINE = """
flow: Line
answer: "5100"
vars: {right: "42"}
on:
  answered:
    - play: {tone: 440, for: 600ms}
    - gather: {digits: 2, first: 20s}
      save_as: entry
    - choose:
        - when: entry.digits == right
          do: [{play: {tone: 900, for: 400ms}}]
        - else:
            - play: {tone: [350, 440], for: 400ms}
    - wait_for: {event: ended, within: 20s}
  ended:
    - check: call.cause == "NORMAL_CLEARING"
"""
CALLER = """
flow: Caller
dial: "5100"
vars: {pin: "42"}
on:
  answered:
    - expect_tone: {hz: 440, for: 200ms, within: 10s}
      label: hello
    - expect_silence: {for: 200ms, within: 10s}
    - send_dtmf: {digits: "${pin}", via: info}
    - expect_tone: {hz: 900, within: 4s}
      label: accepted
    - wait: 200ms
    - hangup
"""
WAYS: dict[str, dict[str, Any]] = {
    "virtual": {"virtual": True},
    "in memory": {"virtual": False, "over_network": False},
    "network": {"virtual": False, "over_network": True},
}


@pytest.mark.parametrize("pin", ["42", "41"])
def test_same_in_virtual_and_real_time(pin: str, tmp_path: Path) -> None:
    """A call that passes and one that fails come out the same, step by step, in each of the three ways."""
    found = {}
    for way, options in WAYS.items():
        (tmp_path / way).mkdir()
        result = play(tmp_path / way, {"line": LINE, "caller": CALLER}, vars={"pin": pin}, **options)
        steps = {bot: [(s.path, s.step, s.ok) for s in call_of(result, bot).steps] for bot in ("line", "caller")}
        verdicts = [flow.verdict for flow in result.flows]
        paths = [p.path for flow in result.flows for call in flow.calls for p in call.problems]
        found[way] = (result.status, verdicts, paths, steps)
    assert found["virtual"] == found["in memory"] == found["network"]
    assert found["virtual"][0] == (0 if pin == "42" else 1)


def test_virtual_time_is_faster(tmp_path: Path) -> None:
    """Two minutes on the line take no two minutes, keepalive, recording and all."""
    flows = {
        "line": 'flow: Line\nanswer: "5100"\non: {answered: [{wait_for: {event: ended, within: 4m}}]}\n',
        "caller": 'flow: Caller\ndial: "5100"\non: {answered: [{wait: 2m}, hangup]}\n',
    }
    began = time.process_time()
    result = play(tmp_path, flows)
    assert result.verdict is Verdict.PASSED
    assert call_of(result, "caller").duration == pytest.approx(120, abs=1)
    assert result.took == pytest.approx(120, abs=5)
    assert time.process_time() - began < result.took / 4  # of what others do meanwhile nothing is counted


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
@pytest.mark.parametrize("name", ["hello", "goodbye", "welcome"])
def test_reply_to_a_known_prompt(name: str, codec: str, tmp_path: Path) -> None:
    """Who knows a prompt may reply to its last word: the other side hears the reply as after its play."""
    head = f"codecs: [{codec}]\non:\n  answered:\n"
    audio = ROOT / "audio" / f"{name}.wav"
    line = f'flow: Line\nanswer: "5100"\n{head}    - play: {audio}\n    - expect_tone: {{hz: 700, within: 2s}}\n'
    caller = f'flow: Caller\ndial: "5100"\n{head}    - expect_prompt: {audio}\n    - play: {{tone: 700, for: 500ms}}\n'
    assert play(tmp_path, {"line": line, "caller": caller}).verdict is Verdict.PASSED
