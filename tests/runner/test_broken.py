"""What nobody foresaw, and what is left of a run then: all that was judged, with the fault added."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from botkit import events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.flow import runtime
from botkit.media.call_hearing import CallHearing
from botkit.media.hearing import Hearing
from botkit.media.receiver import Receiver
from botkit.results import Verdict
from botkit.runner.bot import Bot
from botkit.runner.options import Notice
from tests.calls.kit import ROOT, TONE_CALLER, TONE_LINE, call_of, flow_of, play, written

OTHER_LINE = TONE_LINE.replace("5100", "5200")
OTHER_CALLER = TONE_CALLER.replace("5100", "5200")
MISTAKE = "unexpected ValueError: by mistake"


def broken(*_: Any) -> None:
    raise ValueError("by mistake")


def test_at_the_end_of_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake while the end of a call is handled is a fault of this call, at once; its trace is kept."""
    monkeypatch.setattr(CallHearing, "finish", broken)
    result = play(tmp_path, {"busy": TONE_LINE, "caller": TONE_CALLER})
    assert result.status == 2
    assert result.took < 5
    assert not result.problems
    call = call_of(result, "caller")
    assert call.verdict is Verdict.FAULT
    assert call.cause == "NORMAL_CLEARING"
    (problem,) = call.problems
    assert (problem.message, problem.kind) == (MISTAKE, "fault")
    assert f"not of your flow; the trace is in {tmp_path}/out/trace.txt" in (problem.hint or "")
    assert "in broken" in (tmp_path / "out" / "trace.txt").read_text()


def test_only_its_own_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in one call leaves the other calls of the bot, and the other bots, as they are."""
    finish, mistakes = CallHearing.finish, [1]

    def once(self: CallHearing) -> None:
        if mistakes:
            mistakes.pop()
            broken()
        finish(self)

    monkeypatch.setattr(CallHearing, "finish", once)
    result = play(tmp_path, {"line": TONE_LINE, **{f"caller{n}": TONE_CALLER for n in range(3)}})
    verdicts = [call.verdict for flow in result.flows for call in flow.calls]
    assert sorted(verdict.value for verdict in verdicts) == ["fault"] + ["passed"] * 5
    assert result.status == 2


def test_closing_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that cannot be closed has a verdict all the same."""
    monkeypatch.setattr(Call, "close", _close_badly)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert [problem.message for problem in call_of(result, "caller").problems] == [MISTAKE]


CLOSE = Call.close


async def _close_badly(self: Call) -> None:
    await CLOSE(self)
    broken()


def _break_late(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bot called `bad` breaks when it takes a call, once `caller` has been judged; gives the `progress` for it."""
    judged = asyncio.Event()
    take = Bot.take

    async def bad(self: Bot, call: Call) -> None:
        if self.name != "bad":
            await take(self, call)
            return
        await judged.wait()
        broken()

    def progress(notice: Notice) -> None:
        if (notice.kind, notice.bot) == ("done", "caller"):
            judged.set()

    monkeypatch.setattr(Bot, "take", bad)
    return progress


def test_judged_calls_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake outside any call ends the run at once; calls that were judged stay, the others are aborted."""
    flows = {"line": TONE_LINE, "caller": TONE_CALLER, "bad": OTHER_LINE, "late": OTHER_CALLER}
    result = play(tmp_path, flows, progress=_break_late(monkeypatch))
    assert result.status == 2
    assert result.took < 10
    assert [problem.message for problem in result.problems] == [MISTAKE]
    assert flow_of(result, "caller").verdict is Verdict.PASSED
    assert call_of(result, "line").verdict is Verdict.PASSED
    assert call_of(result, "late").verdict is Verdict.ABORTED
    assert (tmp_path / "out" / "trace.txt").is_file()


def test_call_that_nobody_looks_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake while a call is handed to its bot ends the run, which would wait for an answer otherwise."""
    monkeypatch.setattr(Bot, "admit", broken)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert [problem.message for problem in result.problems] == [MISTAKE]
    assert result.took < 15
    assert call_of(result, "caller").verdict is Verdict.ABORTED


def test_line_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that cannot go on ends a run that would wait for calls for ever."""
    entered = Client.__aenter__

    async def enter(self: Client) -> Client:
        await entered(self)
        monkeypatch.setattr(self._protocol, "step", broken)  # at its next message, or when it wakes next
        return self

    monkeypatch.setattr(Client, "__aenter__", enter)
    result = play(tmp_path, {"line": TONE_LINE}, time_limit=3000.0)
    assert [problem.message for problem in result.problems] == [MISTAKE]
    assert result.took < 300


def test_leaving_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks when all is over takes no verdict away."""
    leave = Client.__aexit__

    async def badly(self: Client, *exc: object) -> None:
        await leave(self, *exc)
        broken()

    monkeypatch.setattr(Client, "__aexit__", badly)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.status == 2
    assert result.problems[0].message == MISTAKE
    assert call_of(result, "caller").verdict is call_of(result, "line").verdict is Verdict.PASSED


def test_cancelled_while_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that hangs after its calls and is cancelled tells what it knows."""
    leave = Client.__aexit__

    async def slowly(self: Client, *exc: object) -> None:
        await leave(self, *exc)
        await asyncio.sleep(1000.0)

    monkeypatch.setattr(Client, "__aexit__", slowly)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER}, cancel_after=20.0)
    assert result.verdict is Verdict.ABORTED
    assert call_of(result, "caller").verdict is call_of(result, "line").verdict is Verdict.PASSED


PROGRAM = """
import asyncio, sys
from botkit.client.client import Client
from botkit.cli.main import main

hangs = []

async def leave(self, *exc):
    if not hangs:
        hangs.append(self)
        print("it hangs", flush=True)
        await asyncio.sleep(1000)

Client.__aexit__ = leave
sys.argv = ["botkit", "run", "line.yaml", "caller.yaml", "--out", "o", "--in-memory"]
main()
"""


def test_ctrl_c_while_it_hangs(tmp_path: Path) -> None:
    """Ctrl-C on a run that hangs leaves every report, with all calls that were judged."""
    written(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "it hangs" not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "2 calls" in said
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert [call["verdict"] for flow in result["flows"] for call in flow["calls"]] == ["passed", "passed"]
    assert (tmp_path / "o" / "junit.xml").read_text().count("<testcase") >= 2
    assert "Tone caller" in (tmp_path / "o" / "report.html").read_text()


def test_flow_that_cannot_take_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake while a flow is told of an event is a fault of its call, which ends at once."""
    fields = runtime.event_fields

    def bad(event: events.CallEvent, call: Any) -> Any:
        if event.name == "answered":
            broken()
        return fields(event, call)

    monkeypatch.setattr(runtime, "event_fields", bad)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.took < 5
    assert call_of(result, "line").verdict is Verdict.FAULT
    assert call_of(result, "line").problems[0].message == "the flow broke: ValueError: by mistake"


def _break_receiver(monkeypatch: pytest.MonkeyPatch, *, of_call: bool) -> None:
    """One leg breaks on the beat: of a call, or of the exchange, whose legs have no ears."""
    packet, mistakes = Receiver._packet, [1]

    def once(self: Receiver, data: bytes, at: float) -> None:
        if mistakes and (self.on_payload is not None) is of_call:
            mistakes.pop()
            broken()
        packet(self, data, at)

    monkeypatch.setattr(Receiver, "_packet", once)


def test_on_the_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake on the beat of a call is this call's fault, at once; the other calls go on, and it is counted."""
    _break_receiver(monkeypatch, of_call=True)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER, "other": OTHER_LINE, "late": OTHER_CALLER})
    calls = [call for flow in result.flows for call in flow.calls]
    assert result.status == 2
    assert result.took < 10
    assert not result.problems
    (broke,) = (call for call in calls if call.verdict is Verdict.FAULT)
    assert [problem.message for problem in broke.problems if problem.kind == "fault"] == [MISTAKE]
    assert [call.verdict for call in calls].count(Verdict.PASSED) >= 2
    assert "in broken" in (tmp_path / "out" / "trace.txt").read_text()
    assert result.pacer.errors == 1


def test_on_the_beat_of_the_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake on the beat of one of the exchange's legs ends this call, and is a fault of the run; others go on."""
    _break_receiver(monkeypatch, of_call=False)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER, "other": OTHER_LINE, "late": OTHER_CALLER})
    calls = [call for flow in result.flows for call in flow.calls]
    assert result.status == 2
    assert [problem.message for problem in result.problems] == [MISTAKE]
    assert "trace.txt" in (result.problems[0].hint or "")
    assert [call.verdict for call in calls].count(Verdict.PASSED) >= 2


def test_in_the_analysis_of_all_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in what is done for all calls at once ends the run: none of them would hear anything any more."""
    monkeypatch.setattr(Hearing, "_hear", broken)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.status == 2
    assert result.took < 10
    assert [problem.message for problem in result.problems] == [MISTAKE]
    assert call_of(result, "caller").verdict is not Verdict.PASSED
