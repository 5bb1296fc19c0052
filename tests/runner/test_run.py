"""Flows together: who is started, when a run is over, and how it came out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.exchange import run_exchange
from botkit.results import RunResult, Verdict
from botkit.runner.bot import Bot
from botkit.runner.options import Notice, RunOptions
from botkit.runner.run import run_flows
from botkit.settings import Account, Caps, Settings
from tests.calls.kit import TONE_CALLER, TONE_LINE, call_of, flow_of, play, problem_of, run, written

ENDLESS_LINE = """
flow: Endless line
answer: "5100"
on: {answered: [{play: {tone: 440, for: 1s, loop: true}}]}
"""
ENDLESS_CALLER = """
flow: Endless caller
dial: "5100"
on: {answered: [{wait: 200s}]}
"""


# --- who takes part ---------------------------------------------------------------------------------------


def test_answering_bots_first(tmp_path: Path) -> None:
    """Whatever the order on the command line, who answers is ready before anybody dials."""
    told: list[str] = []
    play(tmp_path, {"caller": TONE_CALLER, "line": TONE_LINE}, progress=lambda n: told.append(f"{n.kind} {n.bot}"))
    assert told.index("ready line") < told.index("calling caller")


def test_a_failure_is_told_once(tmp_path: Path) -> None:
    """A step that fails within others is told of by itself; those that hold it say nothing more."""
    told: list[str] = []
    hears = "parallel: {a: [{repeat: {times: 2, do: [{expect_tone: {hz: 600, within: 300ms}}]}}]}"
    caller = f"flow: Caller\ndial: '5100'\non: {{answered: [{{{hears}}}]}}\n"

    def progress(notice: Notice) -> None:
        if notice.kind == "failed":
            told.append(notice.text)

    play(tmp_path, {"line": TONE_LINE, "caller": caller}, progress=progress)
    (failure,) = told
    assert "(on.answered/0/a/0/do/0)" in failure


def test_room_for_so_many(tmp_path: Path) -> None:
    """`at_most` calls at once, also when all come in the same moment: the others hear busy."""
    busy = "flow: Busy\ndial: '5100'\nexpect_call: any\non: {answered: [{wait: 1s}]}\n"
    line = TONE_LINE.replace("on:", "at_most: 2\non:")
    result = play(tmp_path, {"line": line, **{f"caller{n}": busy for n in range(5)}})
    causes = sorted(call_of(result, f"caller{n}").cause or "" for n in range(5))
    assert causes == ["NORMAL_CLEARING"] * 2 + ["USER_BUSY"] * 3
    assert len(flow_of(result, "line").calls) == 2
    assert result.verdict is Verdict.PASSED


def test_a_caller_for_whom_there_is_no_room(tmp_path: Path) -> None:
    """Who hears busy since a flow of the run was full is told which one, and its `at_most`."""
    waits = "flow: Caller\ndial: '5100'\non: {answered: [{wait: 1s}]}\n"
    result = play(tmp_path, {"line": TONE_LINE.replace("on:", "at_most: 1\non:"), "one": waits, "two": waits})
    (refused,) = [call for name in ("one", "two") if (call := call_of(result, name)).cause == "USER_BUSY"]
    (problem,) = refused.problems
    assert "line.yaml was full: it says `at_most: 1`" in (problem.hint or "")


def test_who_is_refused_with_busy_was_not_full(tmp_path: Path) -> None:
    """A flow that rejects with busy by itself is not called full."""
    line = "flow: Line\nanswer: '5100'\nat_most: 1\non: {incoming: [{reject: busy}]}\n"
    result = play(tmp_path, {"line": line, "caller": "flow: C\ndial: '5100'\non: {answered: [hangup]}\n"})
    assert problem_of(result, "caller").hint is None


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        ("2", Verdict.PASSED),
        ("1..", Verdict.PASSED),
        ("1..2", Verdict.PASSED),
        ("3", Verdict.FAILED),
        ("1", Verdict.FAILED),
    ],
)
def test_calls_that_must_come(tmp_path: Path, wanted: str, verdict: Verdict) -> None:
    """`calls` says how many must come; too few and too many are failures of the answering bot."""
    line = TONE_LINE.replace("on:", f"calls: {wanted}\non:")
    result = play(tmp_path, {"line": line, "one": TONE_CALLER, "two": TONE_CALLER})
    assert flow_of(result, "line").verdict is result.verdict is verdict
    if verdict is Verdict.FAILED:
        (problem,) = flow_of(result, "line").problems
        assert problem.message == f"expected {wanted} calls, 2 came"
        assert problem.place is not None
        assert result.status == 1


def test_no_caller_ever(tmp_path: Path) -> None:
    """Answering bots alone wait for as many calls as must come, or for the time limit, which is a fault."""
    result = play(tmp_path, {"line": TONE_LINE}, time_limit=30.0)
    assert result.verdict is Verdict.FAULT
    assert result.took == pytest.approx(30, abs=1)
    (problem,) = result.problems
    assert "longer than its 30 s" in problem.message
    assert "--time-limit" in (problem.hint or "")


def test_unallocated_without_an_answering_bot(tmp_path: Path) -> None:
    """A number that nobody answers is unallocated on the embedded exchange."""
    result = play(tmp_path, {"caller": TONE_CALLER})
    assert call_of(result, "caller").cause == "UNALLOCATED_NUMBER"
    assert result.status == 1


# --- cut short ------------------------------------------------------------------------------------------------


def test_cancelled(tmp_path: Path) -> None:
    """A run that is cancelled ends its calls with a bye and tells what it knows; what was said is recorded."""
    result = play(tmp_path, {"line": ENDLESS_LINE, "caller": ENDLESS_CALLER}, cancel_after=5.0)
    assert result.verdict is Verdict.ABORTED
    for bot in ("line", "caller"):
        call = call_of(result, bot)
        assert call.cause == "NORMAL_CLEARING"
        assert call.duration == pytest.approx(4.9, abs=0.3)
        assert not call.problems
        assert (tmp_path / "out" / (call.recordings.both or "none")).is_file()
    assert call_of(result, "caller").verdict is Verdict.ABORTED
    assert not list((tmp_path / "out").glob("spool*"))


def test_cancelled_after_a_failure(tmp_path: Path) -> None:
    """What had failed before counts more than that the rest was cut off."""
    failing = "flow: Failing\ndial: '5200'\non: {answered: [hangup]}\n"
    flows = {"line": ENDLESS_LINE, "caller": ENDLESS_CALLER, "failing": failing}
    result = play(tmp_path, flows, cancel_after=5.0)
    assert result.verdict is Verdict.FAILED
    assert call_of(result, "caller").verdict is Verdict.ABORTED


def test_cancelled_while_it_is_set_up(tmp_path: Path) -> None:
    """Before any call there is nothing to tell: the cancellation goes on, and leaves no file of ours."""
    with pytest.raises(asyncio.CancelledError):
        play(tmp_path, {"line": ENDLESS_LINE}, cancel_after=0.0)
    assert not list((tmp_path / "out").glob("spool*"))


def test_time_limit(tmp_path: Path) -> None:
    """A run that takes too long is a fault; its calls end with a bye, and are in the result."""
    result = play(tmp_path, {"line": ENDLESS_LINE, "caller": ENDLESS_CALLER}, time_limit=3.0)
    assert (result.verdict, result.status) == (Verdict.FAULT, 2)
    assert call_of(result, "caller").cause == "NORMAL_CLEARING"
    assert call_of(result, "caller").verdict is Verdict.ABORTED


def test_minutes_used_up(tmp_path: Path) -> None:
    """`caps.minutes` ends every call with a bye, as a fault that names the cap."""
    settings = Settings(caps=Caps(minutes=0.5))
    result = play(tmp_path, {"line": ENDLESS_LINE, "caller": ENDLESS_CALLER}, settings=settings)
    assert result.verdict is Verdict.FAULT
    (problem,) = result.problems
    assert "0.5 minutes" in problem.message
    assert call_of(result, "caller").aborted_by == problem.message
    assert result.took < 40


def test_minutes_used_up_while_others_wait(tmp_path: Path) -> None:
    """Who waits for a place when the minutes are used up is not called any more."""
    settings = Settings(caps=Caps(minutes=0.1, concurrent=1))
    flows = {"line": ENDLESS_LINE, "one": ENDLESS_CALLER, "two": ENDLESS_CALLER}
    result = play(tmp_path, flows, settings=settings)
    assert result.took < 12
    assert len(flow_of(result, "line").calls) == 1
    assert not flow_of(result, "two").calls
    assert "0.1 minutes" in flow_of(result, "two").problems[0].message


def test_minutes_end_a_run_that_waits_for_calls(tmp_path: Path) -> None:
    """A run that only answers ends when its minutes are used up."""
    (tmp_path / "out").mkdir()
    (line,) = written(tmp_path, {"line": ENDLESS_LINE})

    async def whole() -> None:
        async with run_exchange() as exchange:
            there = exchange.account("line", "5100")
            account = Account("there", server=exchange.url, login=there.login, password=there.password)
            settings = Settings(accounts={"there": account}, caps=Caps(minutes=0.01))
            options = RunOptions(out=tmp_path / "out", settings=settings, account="there")
            async with Client(exchange.account("caller")) as client:
                calls: list[Call] = []

                async def dial() -> None:
                    calls.append(await client.dial("5100"))

                def progress(notice: Notice) -> None:
                    if notice.kind == "ready":
                        asyncio.get_running_loop().call_soon(client.start, dial(), "dial")

                async with asyncio.timeout(20):
                    result = await run_flows([line], options, progress)
                assert (await calls[0].ended()).cause == "NORMAL_CLEARING"
                await calls[0].close()
        assert result.status == 2
        assert call_of(result, "line").verdict is Verdict.ABORTED

    clock.run(whole())


def test_concurrent_cap(tmp_path: Path) -> None:
    """`caps.concurrent` makes callers wait for each other, and all are served."""
    told: list[Notice] = []
    flows = {"line": TONE_LINE, **{f"caller{n}": TONE_CALLER for n in range(3)}}
    result = play(tmp_path, flows, settings=Settings(caps=Caps(concurrent=1)), progress=told.append)
    assert result.verdict is Verdict.PASSED
    kinds = [notice.kind for notice in told if notice.bot.startswith("caller") and notice.kind in ("calling", "done")]
    assert kinds == ["calling", "done"] * 3


def test_error_of_ours_while_a_call_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw in an answering bot ends the run at once, as a fault."""

    async def broken(self: Bot, call: object) -> None:
        raise ZeroDivisionError("by mistake")

    monkeypatch.setattr(Bot, "take", broken)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.took < 5
    (problem,) = result.problems
    assert problem.message == "unexpected ZeroDivisionError: by mistake"
    assert call_of(result, "caller").verdict is Verdict.ABORTED


# --- the server goes away -----------------------------------------------------------------------------------------


def test_connection_lost(tmp_path: Path) -> None:
    """A connection that is lost under a call for good is a fault, not a failure of the flow."""
    result = _cut_in_a_call(tmp_path, ENDLESS_CALLER, refused=True)
    assert result.status == 2
    lost = call_of(result, "caller")
    assert lost.verdict is Verdict.FAULT
    assert any(problem.kind == "fault" and "refused" in problem.message for problem in lost.problems)


def test_connection_lost_and_found(tmp_path: Path) -> None:
    """A connection that comes back is three events of the flow, and its call goes on."""
    result = _cut_in_a_call(tmp_path, COMEBACK_CALLER, refused=False)
    assert result.status == 0
    call = call_of(result, "caller")
    assert call.verdict is Verdict.PASSED
    assert call.cause == "NORMAL_CLEARING"


COMEBACK_CALLER = """
flow: Comeback caller
dial: "5100"
vars: {seen: ""}
on:
  answered:
    - wait_for: {event: reconnected, within: 20s}
    - hangup
  dropped:
    - set: {seen: "${seen}dropped "}
  reconnecting:
    - set: {seen: "${seen}reconnecting"}
  ended:
    - check: seen == "dropped reconnecting"
"""


def _cut_in_a_call(tmp_path: Path, flow: str, *, refused: bool) -> RunResult:
    """Run a flow whose connection is cut once its call is up; `refused`: it is not let in again."""
    (tmp_path / "out").mkdir()
    (caller,) = written(tmp_path, {"caller": flow})

    async def whole() -> RunResult:
        async with run_exchange() as exchange:
            there, far = exchange.account("caller"), exchange.account("far", "5100")
            server = Account("there", server=exchange.url, login=there.login, password=there.password)
            async with Client(far) as client:
                taken = []

                def take(call: Call) -> None:
                    taken.append(call)
                    client.start(call.answer(), "answer")

                client.on("incoming", take)
                options = RunOptions(
                    out=tmp_path / "out",
                    settings=Settings(accounts={"there": server}, allow=("5100",)),
                    account="there",
                )

                def progress(notice: Notice) -> None:
                    if notice.kind == "answered":
                        if refused:
                            exchange.directory.add_user("caller", password="another")
                        for line in list(exchange.lines):
                            if line.user is not None and line.user.name == "caller":
                                client.start(line.close(), "cut")

                result = await run_flows([caller], options, progress)
                for call in taken:
                    await call.close()
                return result

    return clock.run(whole())


def test_calls_stand_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """The calls of an answering bot are reported by number, though a later one ended first."""
    long = TONE_CALLER.replace("hangup", "wait: 3s")
    result = play(tmp_path, {"line": TONE_LINE, "a": long, "b": TONE_CALLER})
    calls = flow_of(result, "line").calls
    assert [call.id for call in calls] == ["line-1", "line-2"]
    assert (calls[0].duration or 0) > (calls[1].duration or 0)


def test_file_whose_name_is_no_text(tmp_path: Path) -> None:
    """What is no character of a line in a file's name is replaced in the bot's name; the run goes as any other."""
    line = tmp_path / os.fsdecode(b"caf\xe9\nbar.yaml")
    try:
        line.write_text(TONE_LINE)
    except OSError:
        pytest.skip("this disk takes names of UTF-8 only")
    (caller,) = written(tmp_path, {"caller": TONE_CALLER})
    result = run([line, caller], tmp_path / "out")
    assert result.verdict is Verdict.PASSED
    assert [flow.bot for flow in result.flows] == ["caf\ufffd_bar", "caller"]
