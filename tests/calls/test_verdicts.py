"""How calls come out, and the one line that says why: each by two small flows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botkit.reports.words import problem_line
from botkit.results import RunResult, Verdict
from tests.calls.kit import TONE_LINE, call_of, flow_of, journal, play, problem_of, step_of

IVR = """
flow: IVR
answer: "5100"
vars: {right: "4321"}
on:
  answered:
    - play: {tone: 440, for: 300ms}
    - gather: {digits: 4, first: 3s}
      save_as: entry
    - choose:
        - when: entry.digits == right
          do: [{play: {tone: 900, for: 500ms}}]
        - else:
            - play: {tone: 620, for: 500ms}
    - wait_for: {event: ended, within: 10s}
"""
CALLER = """
flow: Caller
dial: "5100"
vars: {pin: "4321"}
on:
  answered:
    - expect_tone: {hz: 440, within: 2s}
      label: hello
    - send_dtmf: "${pin}"
    - expect_tone: {hz: 900, within: 2s}
      label: pin accepted
    - hangup
"""


def line_of(result: RunResult, bot: str) -> str:
    """The one line that says what went wrong with a bot's call."""
    line = problem_line(problem_of(result, bot))
    assert "\n" not in line
    return line


def test_right_pin(tmp_path: Path) -> None:
    """All expectations met: both pass, exit status 0."""
    result = play(tmp_path, {"ivr": IVR, "caller": CALLER})
    assert (result.verdict, result.status) == (Verdict.PASSED, 0)
    assert step_of(call_of(result, "caller"), "pin accepted").latency is not None


def test_wrong_pin(tmp_path: Path) -> None:
    """One line names file and line, step and label, what was expected, what was heard instead, and when."""
    result = play(tmp_path, {"ivr": IVR, "caller": CALLER}, vars={"pin": "9999"})
    assert (result.verdict, result.status) == (Verdict.FAILED, 1)
    call = call_of(result, "caller")
    problem = problem_of(result, "caller")
    assert problem.place is not None
    assert problem.place.line == 1 + CALLER[: CALLER.index("- expect_tone: {hz: 900")].count("\n")
    assert problem.path == "on.answered/2"
    line = line_of(result, "caller")
    assert line.startswith(f"{tmp_path}/caller.yaml:{problem.place.line}: expect_tone 'pin accepted' (on.answered/2): ")
    assert "expected a 900 Hz tone" in line
    assert "within 2 s" in line
    assert re.search(r"heard .*620", line)
    said = re.search(r"([\d.]+) s into the call$", line)
    assert said is not None
    assert 2 < float(said[1]) < 5
    assert [step.ok for step in call.steps] == [True, True, False]
    assert [line["ok"] for line in journal(tmp_path, "caller-1") if line["type"] == "step_done"] == [True, True, False]


def test_answering_bot_is_aborted(tmp_path: Path) -> None:
    """Who is cut off by the failure of the other end is aborted, names that failure, and has none of its own."""
    result = play(tmp_path, {"ivr": IVR, "caller": CALLER}, vars={"pin": "9999"})
    ivr = call_of(result, "ivr")
    assert ivr.verdict is Verdict.ABORTED
    assert not ivr.problems
    assert ivr.aborted_by is not None
    assert "caller" in ivr.aborted_by
    assert "pin accepted" in ivr.aborted_by
    assert flow_of(result, "ivr").verdict is Verdict.ABORTED


def test_caller_is_aborted(tmp_path: Path) -> None:
    """The other way round it is the same: the answering bot fails, the caller is aborted."""
    ivr = 'flow: IVR\nanswer: "5100"\non: {answered: [{wait: 500ms}, {fail: out of order}]}\n'
    result = play(tmp_path, {"ivr": ivr, "caller": CALLER.replace("within: 2s", "within: 8s")})
    assert call_of(result, "ivr").verdict is Verdict.FAILED
    assert "out of order" in line_of(result, "ivr")
    caller = call_of(result, "caller")
    assert caller.verdict is Verdict.ABORTED
    assert "out of order" in (caller.aborted_by or "")
    assert result.status == 1


def test_others_are_not_aborted(tmp_path: Path) -> None:
    """A failure ends its own call only: other calls of the run, of the same bot too, go on."""
    good = CALLER.replace("- hangup", "- wait: 5s\n    - hangup")
    result = play(tmp_path, {"ivr": IVR, "good": good, "bad": CALLER.replace('pin: "4321"', 'pin: "9"')})
    assert call_of(result, "good").verdict is Verdict.PASSED
    assert call_of(result, "bad").verdict is Verdict.FAILED
    assert sorted(call.verdict.value for call in flow_of(result, "ivr").calls) == ["aborted", "passed"]


def test_never_answered(tmp_path: Path) -> None:
    """A phone that rings and rings: after `ring_timeout` it is a failure that says so; the callee hears the cancel."""
    ivr = 'flow: IVR\nanswer: "5100"\non: {incoming: [{log: ringing}]}\n'
    result = play(tmp_path, {"ivr": ivr, "caller": CALLER.replace("vars:", "ring_timeout: 3s\nvars:")})
    caller = call_of(result, "caller")
    assert caller.verdict is Verdict.FAILED
    line = line_of(result, "caller")
    assert "expected answered" in line
    assert "no answer" in line
    assert caller.duration is None
    assert call_of(result, "ivr").cause == "ORIGINATOR_CANCEL"
    assert call_of(result, "ivr").verdict is Verdict.PASSED
    assert 3 <= result.took < 4


@pytest.mark.parametrize(
    ("reject", "outcome", "cause"),
    [
        ("busy", "busy", "USER_BUSY, SIP 486"),
        ("declined", "rejected", "CALL_REJECTED, SIP 403"),
        ("no_answer", "no answer", "NO_ANSWER, SIP 480"),
        ("unallocated", "unallocated", "UNALLOCATED_NUMBER, SIP 404"),
    ],
)
def test_rejected(tmp_path: Path, reject: str, outcome: str, cause: str) -> None:
    """A call that is refused fails with the outcome, the cause and the SIP status; who refused has passed."""
    ivr = f'flow: IVR\nanswer: "5100"\non: {{incoming: [{{reject: {reject}}}]}}\n'
    result = play(tmp_path, {"ivr": ivr, "caller": CALLER})
    line = line_of(result, "caller")
    assert f"expected answered; heard {outcome} ({cause})" in line
    assert line.startswith(f"{tmp_path}/caller.yaml:")
    assert call_of(result, "ivr").verdict is Verdict.PASSED
    assert result.status == 1


@pytest.mark.parametrize(
    ("expected", "reject", "verdict"),
    [
        ("busy", "busy", Verdict.PASSED),
        ("rejected", "declined", Verdict.PASSED),
        ("no_answer", "no_answer", Verdict.PASSED),
        ("any", "busy", Verdict.PASSED),
        ("busy", "declined", Verdict.FAILED),
    ],
)
def test_expected_call(tmp_path: Path, expected: str, reject: str, verdict: Verdict) -> None:
    """`expect_call` is satisfied by its outcome and by no other."""
    ivr = f'flow: IVR\nanswer: "5100"\non: {{incoming: [{{reject: {reject}}}]}}\n'
    result = play(tmp_path, {"ivr": ivr, "caller": f'flow: Caller\ndial: "5100"\nexpect_call: {expected}\non: {{}}\n'})
    assert result.verdict is verdict


def test_answered_though_it_should_be_busy(tmp_path: Path) -> None:
    """A call that is answered against `expect_call` fails at once."""
    caller = 'flow: Caller\ndial: "5100"\nexpect_call: busy\non: {answered: [{wait: 30s}]}\n'
    result = play(tmp_path, {"ivr": TONE_LINE, "caller": caller})
    line = line_of(result, "caller")
    assert "expected busy; heard answered" in line
    assert line.startswith(f"{tmp_path}/caller.yaml:3:"), "where it says what it expects"
    assert result.took < 2


def test_unallocated_number(tmp_path: Path) -> None:
    """A number that nobody has: UNALLOCATED_NUMBER, 404."""
    result = play(tmp_path, {"caller": CALLER})
    call = call_of(result, "caller")
    assert (call.cause, call.code, call.sip_code) == ("UNALLOCATED_NUMBER", 1, 404)
    assert "heard unallocated (UNALLOCATED_NUMBER, SIP 404)" in line_of(result, "caller")


def test_hangs_up_early(tmp_path: Path) -> None:
    """A call that ends under an expectation fails it, and the line says how it ended."""
    ivr = 'flow: IVR\nanswer: "5100"\non: {answered: [{play: {tone: 440, for: 300ms}}, {wait: 1s}, hangup]}\n'
    result = play(tmp_path, {"ivr": ivr, "caller": CALLER.replace("900, within: 2s", "900, within: 20s")})
    line = line_of(result, "caller")
    assert "pin accepted" in line
    assert "the call ended: NORMAL_CLEARING (16)" in line
    assert call_of(result, "ivr").verdict is Verdict.PASSED
    assert result.took < 5


def test_time_limit(tmp_path: Path) -> None:
    """A call that reaches its `time_limit` fails, names the step under way, and is hung up."""
    caller = 'flow: Caller\ndial: "5100"\ntime_limit: 3s\non: {answered: [{wait: 60s, label: thinking}]}\n'
    line = TONE_LINE.replace("within: 20s", "within: 50s")
    result = play(tmp_path, {"line": line, "caller": caller})
    call = call_of(result, "caller")
    assert call.verdict is Verdict.FAILED
    assert "3 s" in problem_of(result, "caller").message
    assert call.cause == "NORMAL_CLEARING"
    assert call_of(result, "line").verdict is Verdict.ABORTED
    assert result.took < 4


def test_note(tmp_path: Path) -> None:
    """`on_fail: note` lets the flow go on to its end; the verdict fails, and nobody is aborted."""
    caller = CALLER.replace("label: hello", "label: hello\n      on_fail: note").replace("hz: 440", "hz: 1300")
    result = play(tmp_path, {"ivr": IVR, "caller": caller})
    call = call_of(result, "caller")
    assert call.verdict is Verdict.FAILED
    assert [step.ok for step in call.steps] == [False, True, True, True]
    assert "hello" in line_of(result, "caller")
    assert call_of(result, "ivr").verdict is Verdict.PASSED


def test_ignore_and_alternative(tmp_path: Path) -> None:
    """`on_fail: ignore` and a list of steps leave the verdict untouched."""
    caller = """
flow: Caller
dial: "5100"
on:
  answered:
    - expect_tone: {hz: 1300, within: 500ms}
      on_fail: ignore
      save_as: first
    - check: not first.ok
    - expect_tone: {hz: 1300, within: 500ms}
      on_fail:
        - log: plan B
    - hangup
"""
    result = play(tmp_path, {"line": TONE_LINE, "caller": caller})
    assert result.verdict is Verdict.PASSED
    assert "plan B" in [entry.get("text") for entry in journal(tmp_path, "caller-1")]


def test_failure_in_ended(tmp_path: Path) -> None:
    """A check of `ended` that fails makes the call fail, and aborts nobody: the call was over."""
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [hangup], ended: [{check: call.duration > 60}]}\n'
    result = play(tmp_path, {"line": TONE_LINE, "caller": caller})
    assert "check (on.ended/0)" in line_of(result, "caller")
    assert call_of(result, "line").verdict is Verdict.PASSED


def test_fault_is_no_failure(tmp_path: Path) -> None:
    """A flow that trips over its own expression is a fault: exit status 2."""
    caller = 'flow: Caller\ndial: "5100"\nvars: {word: abc}\non: {answered: [{check: "word > 5"}]}\n'
    result = play(tmp_path, {"line": TONE_LINE, "caller": caller})
    assert (result.verdict, result.status) == (Verdict.FAULT, 2)
    assert problem_of(result, "caller").kind == "fault"


def test_latency_that_is_too_long(tmp_path: Path) -> None:
    """`max_latency` fails with both numbers, measured on what arrived."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{wait: 1s}, {play: {tone: 440, for: 500ms}}, {wait: 5s}]}\n'
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [{expect_tone: {hz: 440, within: 3s, max_latency: 500ms}}]}\n'
    result = play(tmp_path, {"line": line, "caller": caller})
    problem = problem_of(result, "caller")
    assert "0.5 s" in (problem.expected or "")
    said = re.search(r"latency of ([\d.]+) s", problem.heard or "")
    assert said is not None
    assert float(said[1]) == pytest.approx(1.0, abs=0.06)


def test_recording_outside_the_folder(tmp_path: Path) -> None:
    """`record.to` cannot leave the folder of its call: a fault, and no file is written."""
    caller = 'flow: Caller\ndial: "5100"\nvars: {to: ../x.wav}\non: {answered: [{record: {to: "${to}", for: 300ms}}]}\n'
    for name in ("../x.wav", "../../../x.wav", str(tmp_path / "x.wav")):
        result = play(tmp_path, {"line": TONE_LINE, "caller": caller}, vars={"to": name})
        assert result.status == 2, name
        assert not list(tmp_path.rglob("x.wav"))


def test_audio_outside_the_roots(tmp_path: Path) -> None:
    """A file outside what may be read is not played: a fault that names the way to allow it."""
    caller = 'flow: Caller\ndial: "5100"\nvars: {file: x}\non: {answered: [{play: "${file}"}]}\n'
    for path in ("/etc/passwd", "/etc/passwd.wav", "../../../../../../etc/hostname"):
        result = play(tmp_path, {"line": TONE_LINE, "caller": caller}, vars={"file": path}, read_roots=(tmp_path,))
        assert result.status == 2, path
        assert "may not be read" in problem_of(result, "caller").message
        assert "--read" in (problem_of(result, "caller").hint or "")


def test_flow_without_steps(tmp_path: Path) -> None:
    """A caller that looks after nothing once it is answered hangs up at once."""
    result = play(tmp_path, {"line": TONE_LINE, "caller": 'flow: Caller\ndial: "5100"\non: {}\n'})
    assert result.verdict is Verdict.PASSED
    assert call_of(result, "caller").cause == "NORMAL_CLEARING"
    assert result.took < 2


def test_a_number_that_nobody_has_is_explained(tmp_path: Path) -> None:
    """The call that did not come about is the first failure, before what `ended` checks, with a hint."""
    caller = 'flow: Caller\ndial: "5199"\non: {answered: [hangup], ended: [{check: call.cause == "NORMAL_CLEARING"}]}\n'
    result = play(tmp_path, {"line": TONE_LINE, "caller": caller})
    problem = call_of(result, "caller").problems[0]
    assert problem.path == "expect_call"
    assert problem.place is not None
    assert problem.place.line == 2, "where it dials"
    assert "no flow of this run answers '5199'" in (problem.hint or "")


def test_secrets_of_one_bot_are_masked_for_all(tmp_path: Path) -> None:
    """What one bot keeps secret is in no file of the run, though the other bot hears it as digits."""
    line = """
flow: Line
answer: "5100"
on:
  answered:
    - gather: {digits: 4}
      save_as: entry
    - log: "they typed ${entry.digits}"
    - wait_for: {event: ended, within: 5s}
"""
    caller = """
flow: Caller
dial: "5100"
vars: {pin: "8642"}
secrets: [pin]
on: {answered: [{send_dtmf: "${pin}"}, {wait: 1s}]}
"""
    result = play(tmp_path, {"line": line, "caller": caller})
    assert result.status == 0
    told = "".join(path.read_text() for path in tmp_path.rglob("events.jsonl"))
    assert "they typed" in told
    assert "8642" not in told


def test_a_secret_number_is_masked(tmp_path: Path) -> None:
    """A number that is a secret shows nowhere as the call's other end."""
    caller = """
flow: Caller
vars: {to: "5100"}
secrets: [to]
dial: "${to}"
on: {answered: [hangup]}
"""
    result = play(tmp_path, {"line": TONE_LINE, "caller": caller})
    assert result.status == 0
    assert call_of(result, "caller").remote == "***"
    assert "5100" not in next(tmp_path.rglob("caller-1/events.jsonl")).read_text()


def test_callee_that_hangs_up_at_once(tmp_path: Path) -> None:
    """Who answers and hangs up in the same breath has answered: the caller's `answered` handler runs, and is judged."""
    line = 'flow: Line\nanswer: "5100"\non:\n  answered:\n    - hangup: busy\n'
    caller = 'flow: Caller\ndial: "5100"\non:\n  answered:\n'
    waits = "    - wait_for: ended\n  ended:\n    - check: call.cause == 'USER_BUSY'\n"
    (tmp_path / "listens").mkdir()
    result = play(tmp_path, {"line": line, "caller": caller + waits})
    assert (result.verdict, call_of(result, "caller").duration) == (Verdict.PASSED, 0.0)
    result = play(tmp_path / "listens", {"line": line, "caller": caller + "    - expect_tone: 440\n"})
    assert problem_of(result, "caller").step == "expect_tone"
    assert "the call ended: USER_BUSY" in (problem_of(result, "caller").heard or "")
