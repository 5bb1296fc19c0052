"""One bot: its calls, their results and what is written of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.results import Verdict
from botkit.runner.bot import worst
from tests.calls.kit import TONE_CALLER, TONE_LINE, call_of, flow_of, journal, play


def test_worst() -> None:
    """A fault counts more than a failure, a failure more than being cut off; nothing at all has passed."""
    assert worst([]) is Verdict.PASSED
    assert worst([Verdict.PASSED, Verdict.ABORTED]) is Verdict.ABORTED
    assert worst([Verdict.ABORTED, Verdict.FAILED, Verdict.PASSED]) is Verdict.FAILED
    assert worst([Verdict.FAILED, Verdict.FAULT]) is Verdict.FAULT


def test_result_of_a_call(tmp_path: Path) -> None:
    """A result says who called whom, how long it took, how it ended, and where its files are."""
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER.replace("on:", "caller_id: '+1555'\non:")})
    caller, line = call_of(result, "caller"), call_of(result, "line")
    assert (caller.id, caller.direction, caller.remote) == ("caller-1", "dial", "5100")
    assert (line.id, line.direction, line.remote) == ("line-1", "answer", "+1555")
    for call in (caller, line):
        assert call.verdict is Verdict.PASSED
        assert (call.cause, call.code) == ("NORMAL_CLEARING", 16)
        assert call.duration is not None
        assert call.duration > 0.1
        assert call.setup is not None
        assert call.rtp.sent >= 5
        assert call.rtp.received >= 5
        assert (tmp_path / "out" / (call.events or "none")).is_file()
    assert [step.step for step in caller.steps] == ["expect_tone", "hangup"]
    assert caller.steps[0].latency is not None


def test_journal_of_a_call(tmp_path: Path) -> None:
    """events.jsonl: the call, its events and steps in order of time, the verdict last."""
    play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    for name in ("caller-1", "line-1"):
        lines = journal(tmp_path, name)
        assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
        assert lines[0]["type"] == "call"
        assert lines[-1] == {
            "t": lines[-1]["t"],
            "type": "verdict",
            "verdict": "passed",
            "cause": "NORMAL_CLEARING",
            "code": 16,
        }
    kinds = [(line["type"], line.get("event") or line.get("step")) for line in journal(tmp_path, "caller-1")]
    assert kinds.index(("event", "ringing")) < kinds.index(("event", "answered"))
    assert kinds.index(("step_done", "expect_tone")) < kinds.index(("event", "ended"))


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    """A secret of a flow is in none of the run's files, nor in what is shown, but for the audio."""
    line = (
        'flow: Line\nanswer: "5100"\nvars: {pin: "86420"}\nsecrets: [pin]\non: {answered: [{expect_dtmf: "${pin}"}]}\n'
    )
    caller = """
flow: "Caller with ${pin}"
dial: "5100"
tags: ["${pin}"]
vars: {pin: "86420"}
secrets: [pin]
on:
  answered:
    - log: "the pin is ${pin}"
    - send_dtmf: "${pin}"
    - expect_dtmf: {digits: "${pin}", within: 1s}
"""
    told: list[str] = []
    result = play(tmp_path, {"line": line, "caller": caller}, progress=lambda notice: told.append(repr(notice)))
    assert result.verdict is Verdict.FAILED
    assert "86420" not in "".join(told)
    assert "86420" not in repr(result)
    for path in (tmp_path / "out").rglob("*.jsonl"):
        text = path.read_text()
        assert "86420" not in text
        assert '"digit": "8"' not in text


def test_files_stay_below_the_call(tmp_path: Path) -> None:
    """A recording lands in the folder of its call."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{record: {to: a/b.wav, for: 500ms}}, hangup]}\n'
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [{play: {tone: 440, for: 3s}}]}\n'
    result = play(tmp_path, {"line": line, "caller": caller})
    assert result.verdict is Verdict.PASSED
    assert (tmp_path / "out" / "calls" / "line-1" / "a" / "b.wav").is_file()


def test_bot_knows_its_call(tmp_path: Path) -> None:
    """`bot.name` and `bot.call` say which bot and which of its calls this is."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{log: "${bot.name} ${bot.call}"}, hangup]}\n'
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [{wait_for: {event: ended}}]}\n'
    play(tmp_path, {"line": line, "one": caller, "two": caller})
    texts = [e["text"] for name in ("line-1", "line-2") for e in journal(tmp_path, name) if e["type"] == "log"]
    assert texts == ["line 1", "line 2"]


def test_signals_are_shared(tmp_path: Path) -> None:
    """A signal of one bot is seen by the other, also when it waits for it only later."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{signal: {name: up, data: 7}}, {wait_for: {event: ended}}]}\n'
    caller = """
flow: Caller
dial: "5100"
on: {answered: [{wait: 1s}, {wait_for: {signal: up, within: 1s}, save_as: up}, {check: up == 7}]}
"""
    result = play(tmp_path, {"line": line, "caller": caller})
    assert result.verdict is Verdict.PASSED, call_of(result, "caller").problems


@pytest.mark.parametrize("seed", [1, 2])
def test_seed_repeats_a_run(tmp_path: Path, seed: int) -> None:
    """The same seed draws the same, call by call; two calls of one bot draw differently."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{log: "${random.digits(12)}"}, hangup]}\n'
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [{wait_for: {event: ended}}]}\n'

    def drawn(folder: str, of: int) -> list[str]:
        (tmp_path / folder).mkdir()
        play(tmp_path / folder, {"line": line, "one": caller, "two": caller}, seed=of)
        return [
            entry["text"]
            for name in ("line-1", "line-2")
            for entry in journal(tmp_path / folder, name)
            if entry["type"] == "log"
        ]

    first = drawn("a", seed)
    assert drawn("b", seed) == first
    assert drawn("c", seed + 10) != first
    assert first[0] != first[1]


def test_a_bots_own_problem(tmp_path: Path) -> None:
    """What is wrong with a bot beside its calls is told with its flow, and makes its verdict."""
    result = play(tmp_path, {"line": TONE_LINE.replace("on:", "calls: 3\non:"), "caller": TONE_CALLER})
    line = flow_of(result, "line")
    assert [call.verdict for call in line.calls] == [Verdict.PASSED]
    assert line.verdict is Verdict.FAILED
    assert flow_of(result, "caller").verdict is Verdict.PASSED
