"""A run that only answers: what it tells while it waits, how it is called, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from botkit import clock
from botkit.client.client import Client
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.results import RunResult, Verdict
from botkit.runner.options import Notice, RunOptions
from botkit.runner.run import run_flows
from botkit.settings import Account, Settings
from tests.calls.kit import TONE_CALLER, TONE_LINE, flow_of, play, written


@pytest.mark.parametrize(
    ("calls", "limit", "told"),
    [
        ("", 30.0, "for calls to 5100 in memory, where nobody else can call, for 30 s at most"),
        (
            "calls: 2..\n",
            30.0,
            "for calls to 5100 in memory, where nobody else can call, until 2 came and ended or for 30 s at most",
        ),
        (
            "calls: ..3\n",
            30.0,
            "for calls to 5100 in memory, where nobody else can call, until 1 came and ended or for 30 s at most",
        ),
    ],
)
def test_says_what_it_waits_for(tmp_path: Path, calls: str, limit: float, told: str) -> None:
    """Before it waits, a run of answering flows alone says for which calls, where, and until when."""
    notices: list[Notice] = []
    play(tmp_path, {"line": f"{TONE_LINE}{calls}"}, time_limit=limit, progress=notices.append)
    assert [(notice.bot, notice.text) for notice in notices if notice.kind == "waits"] == [("line", told)]


def test_says_nothing_where_somebody_dials(tmp_path: Path) -> None:
    """A run that has a caller of its own waits for nobody."""
    notices: list[Notice] = []
    play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER}, progress=notices.append)
    assert not {"waits", "login"} & {notice.kind for notice in notices}


def test_guest(tmp_path: Path) -> None:
    """With the login that it tells, somebody else can call the line that waits."""
    (tmp_path / "out").mkdir()
    (line,) = written(tmp_path, {"line": f"{TONE_LINE}calls: 1\n"})

    async def whole() -> RunResult:
        told: dict[str, str] = {}
        waits = asyncio.Event()

        def progress(notice: Notice) -> None:
            told[notice.kind] = notice.text
            if notice.kind == "login":
                waits.set()

        async with asyncio.TaskGroup() as group:
            run = group.create_task(run_flows([line], RunOptions(out=tmp_path / "out"), progress))
            await waits.wait()
            assert told["waits"] == f"for calls to 5100 at {told['exchange']}, until 1 came and ended"
            name, password = told["login"].split(", password ")
            account = Account("guest", server=told["exchange"], login=name, password=password)
            async with Client(account) as guest, await guest.dial("5100") as call:
                await call.answered(within=10)
                await call.expect_tone(440, within=5)
        return run.result()

    result = clock.run(whole())
    assert result.verdict is Verdict.PASSED
    assert len(flow_of(result, "line").calls) == 1


def test_passwords_of_the_settings(tmp_path: Path) -> None:
    """Who stands in the settings without a password is told the one that was made up; there is no guest then."""
    (tmp_path / "out").mkdir()
    (line,) = written(tmp_path, {"line": TONE_LINE})
    notices: list[Notice] = []
    settings = Settings(exchange={"users": {"bob": None, "amy": {"password": "sesame"}}})
    options = RunOptions(out=tmp_path / "out", settings=settings, time_limit=0.1)
    clock.run(run_flows([line], options, notices.append))
    (login,) = [notice.text for notice in notices if notice.kind == "login"]
    assert login.startswith("bob, password ")


def test_line_lost_for_good(tmp_path: Path) -> None:
    """A run that waits for calls ends with a fault when its line is gone for good: no call would ever come."""

    def cut(exchange: Exchange) -> None:
        exchange.directory.add_user("line", password="another")  # the login that follows is refused

    result, kinds = _cut_while_it_waits(tmp_path, cut)
    assert result.status == 2
    (problem,) = flow_of(result, "line").problems
    assert problem.message.startswith("no call can come any more: the login of account 'there' was refused")
    assert kinds[-1] == "lost"


def test_another_login_takes_its_place(tmp_path: Path) -> None:
    """A newer login of the same user ends a run that waits, as a fault that says so."""
    result, _ = _cut_while_it_waits(tmp_path, lambda exchange: [line.punt() for line in exchange.lines])
    assert result.status == 2
    (problem,) = flow_of(result, "line").problems
    assert "a newer login of the same user" in problem.message
    assert problem.hint is not None


def test_line_that_is_needed_no_more(tmp_path: Path) -> None:
    """A bot whose calls came and ended needs no line: to lose it is no fault, and the others wait on."""
    (tmp_path / "out").mkdir()
    numbers = {"one": "5100", "two": "5200"}
    flows = {
        name: f"{TONE_LINE.replace('5100', number)}calls: 1\naccount: {name}\n" for name, number in numbers.items()
    }

    async def whole() -> RunResult:
        waits, done = asyncio.Event(), asyncio.Event()
        happens = {"waits": waits, "done": done}

        def progress(notice: Notice) -> None:
            if notice.kind in happens:
                happens[notice.kind].set()

        async def call(guest: Client, number: str) -> None:
            async with await guest.dial(number) as call:
                await call.answered(within=10)
            await done.wait()

        async with run_exchange() as exchange, Client(exchange.account("guest")) as guest:
            accounts = {}
            for name, number in numbers.items():
                made = exchange.account(name, number)
                accounts[name] = Account(name, server=exchange.url, login=made.login, password=made.password)
            settings = Settings(accounts=accounts, flows_may_use=tuple(accounts))
            options = RunOptions(out=tmp_path / "out", settings=settings, time_limit=60.0, over_network=True)
            async with asyncio.TaskGroup() as group:
                run = group.create_task(run_flows(written(tmp_path, flows), options, progress))
                await waits.wait()
                await call(guest, "5100")
                (line,) = [line for line in exchange.lines if line.user is not None and line.user.name == "one"]
                line.punt()
                await line.close()
                await call(guest, "5200")
            return run.result()

    result = clock.run(whole())
    assert result.verdict is Verdict.PASSED
    assert not flow_of(result, "one").problems


def test_line_that_comes_back(tmp_path: Path) -> None:
    """A line that is lost and found is told, and the run waits on."""
    result, kinds = _cut_while_it_waits(tmp_path, lambda _: None, limit=4.0)
    assert kinds[-3:] == ["waits", "lost", "ready"]
    assert not flow_of(result, "line").problems


def _cut_while_it_waits(
    tmp_path: Path, before: Callable[[Exchange], object], *, limit: float = 60.0
) -> tuple[RunResult, list[str]]:
    """Cut the line of a run that waits, after something else; gives the kinds of notices, too."""
    (tmp_path / "out").mkdir()
    (line,) = written(tmp_path, {"line": TONE_LINE})
    kinds: list[str] = []

    async def whole() -> RunResult:
        waits = asyncio.Event()

        def progress(notice: Notice) -> None:
            kinds.append(notice.kind)
            if notice.kind == "waits":
                waits.set()

        async with run_exchange() as exchange:
            there = exchange.account("line", "5100")
            account = Account("there", server=exchange.url, login=there.login, password=there.password)
            settings = Settings(accounts={"there": account})
            options = RunOptions(out=tmp_path / "out", settings=settings, account="there", time_limit=limit)
            async with asyncio.TaskGroup() as group:
                run = group.create_task(run_flows([line], options, progress))
                await waits.wait()
                before(exchange)
                for one in list(exchange.lines):
                    await one.close()
            return run.result()

    return clock.run(whole()), kinds
