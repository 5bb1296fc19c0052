"""`botkit run` as people use it: a process, its exit status, what it prints and what it leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from botkit import clock, events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.exchange import run_exchange
from tests.calls.kit import ROOT, TONE_CALLER, TONE_LINE, written
from tests.calls.test_verdicts import CALLER, IVR

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("BOTKIT_")},
    "PYTHONPATH": str(ROOT),
    "OPENBLAS_NUM_THREADS": "1",
}


def botkit(folder: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`. Nobody ever sees a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "botkit", *map(str, arguments)],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def settings(folder: Path, port: int | str, more: str = 'allow: ["5100"]\n') -> None:
    """A botkit.yaml with two accounts on one server."""
    accounts = "".join(
        f'  {name}: {{server: "ws://127.0.0.1:{port}", login: {name}, password: "${{env.{name.upper()}}}"}}\n'
        for name in ("alice", "bob")
    )
    (folder / "botkit.yaml").write_text(f"accounts:\n{accounts}flows_may_use: [alice, bob]\n{more}")


@contextmanager
def exchange(folder: Path) -> Iterator[int]:
    """`botkit exchange` as a process of its own, with the users alice and bob; gives its port."""
    (folder / "exchange.yaml").write_text(
        'exchange: {users: {alice: {password: "${env.ALICE}"}, bob: {password: "${env.BOB}", numbers: ["5100"]}}}\n'
    )
    with subprocess.Popen(
        [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--json", "--config", folder / "exchange.yaml"],
        cwd=folder,
        env={**ENVIRONMENT, "ALICE": "wonder", "BOB": "builder"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["ws"].rsplit(":", 1)[1])
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


# --- 0 and 1 ------------------------------------------------------------------------------------------------


def test_passed(tmp_path: Path) -> None:
    """0; with --json nothing but the result on standard output; every report and recording is there and can be read."""
    written(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    done = botkit(tmp_path, "run", "line.yaml", "caller.yaml", "--out", "o", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"] == "passed"
    out = tmp_path / "o"
    assert json.loads((out / "result.json").read_text()) == result
    suite = ElementTree.parse(out / "junit.xml").getroot()
    assert [case.find("failure") is None and case.find("error") is None for case in suite.iter("testcase")] == [
        True
    ] * 2
    assert "<html" in (out / "report.html").read_text()
    told = [json.loads(line)["type"] for line in (out / "calls.jsonl").read_text().splitlines()]
    assert told.count("call") == 2
    for call in ("line-1", "caller-1"):
        folder = out / "calls" / call
        for name, channels in (("rx", 1), ("tx", 1), ("both", 2)):
            with wave.open(str(folder / f"{name}.wav")) as file:
                assert (file.getnchannels(), file.getframerate()) == (channels, 8000)
                assert file.getnframes() > 800
        entries = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        assert [entry["t"] for entry in entries] == sorted(entry["t"] for entry in entries)
        assert (entries[0]["type"], entries[-1]["type"]) == ("call", "verdict")
    assert not list(out.glob("spool*"))


def test_failed(tmp_path: Path) -> None:
    """1; the failure is one line on standard output and in the JUnit file, with file and line of the step."""
    patient = {"ivr": IVR.replace("first: 3s", "first: 20s"), "caller": CALLER.replace("within: 2s", "within: 5s")}
    written(tmp_path, patient)
    done = botkit(tmp_path, "run", "ivr.yaml", "caller.yaml", "--out", "o", "--var", "pin=9999")
    assert done.returncode == 1
    place = f"caller.yaml:{1 + CALLER[: CALLER.index('- expect_tone: {hz: 900')].count(chr(10))}"
    (line, *_) = [line for line in done.stdout.splitlines() if "expected a 900 Hz tone" in line]
    assert place in line
    assert "pin accepted" in line
    assert "620" in line
    assert "aborted" in done.stdout
    suite = ElementTree.parse(tmp_path / "o" / "junit.xml").getroot()
    (failure,) = suite.iter("failure")
    assert "pin accepted" in (failure.get("message") or "") + (failure.text or "")
    assert not list(suite.iter("error"))


# --- 2: before any call ---------------------------------------------------------------------------------------


def test_bad_file(tmp_path: Path) -> None:
    """2; every error with file, line and column; the reports say so, too."""
    written(tmp_path, {"bad": "flow: Bad\ndial: '5100'\non:\n  answered:\n    - wiat: 1s\n    - wait: soon\n"})
    done = botkit(tmp_path, "run", "bad.yaml", "--out", "o")
    assert done.returncode == 2
    assert "bad.yaml:5" in done.stdout + done.stderr
    assert "bad.yaml:6" in done.stdout + done.stderr
    assert json.loads((tmp_path / "o" / "result.json").read_text())["verdict"] == "fault"


@pytest.mark.parametrize(
    ("arguments", "number", "said"),
    [
        (("--var", "nope=1"), "5100", "--var nope"),
        (("--account", "alice"), "+15550001", "none of `allow`"),
        ((), "911", "emergency"),
        (("--account", "nobody"), "5100", "no account 'nobody'"),
    ],
    ids=["variable", "allow", "emergency", "account"],
)
def test_refused(tmp_path: Path, arguments: tuple[str, ...], number: str, said: str) -> None:
    """2, and a hint: an unknown variable, a number that may not be dialled, an account that is not there."""
    settings(tmp_path, 9)
    written(tmp_path, {"caller": TONE_CALLER.replace("5100", number)})
    done = botkit(tmp_path, "run", "caller.yaml", "--out", "o", *arguments, ALICE="x", BOB="x")
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert "hint:" in done.stdout + done.stderr
    assert not (tmp_path / "o" / "calls").exists()


def test_no_server(tmp_path: Path) -> None:
    """2 where nobody listens: the address, and what to look after."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, nor will meanwhile
        port = taken.getsockname()[1]
        settings(tmp_path, port)
        written(tmp_path, {"caller": TONE_CALLER})
        done = botkit(tmp_path, "run", "caller.yaml", "--account", "alice", "--out", "o", ALICE="x", BOB="x")
    assert done.returncode == 2
    assert f"127.0.0.1:{port} refused the connection" in done.stdout + done.stderr
    assert "is the server running" in done.stdout + done.stderr


# --- a server ---------------------------------------------------------------------------------------------------


def test_over_a_server(tmp_path: Path) -> None:
    """Two accounts on one exchange call each other; a wrong password is 2 and never shown."""
    flows = {"line": f"{TONE_LINE}account: bob\n", "caller": f"{TONE_CALLER}account: alice\n"}
    written(tmp_path, flows)
    with exchange(tmp_path) as port:
        settings(tmp_path, port)
        good = botkit(tmp_path, "run", "caller.yaml", "line.yaml", "--out", "o", ALICE="wonder", BOB="builder")
        assert good.returncode == 0, good.stdout + good.stderr
        bad = botkit(tmp_path, "run", "caller.yaml", "line.yaml", "--out", "p", ALICE="looking-glass", BOB="builder")
    assert bad.returncode == 2
    assert "login of account 'alice' was refused" in bad.stdout + bad.stderr
    assert "-32001" in bad.stdout + bad.stderr
    for path in [*(tmp_path / "o").rglob("*.*"), *(tmp_path / "p").rglob("*.*")]:
        if path.suffix in (".json", ".jsonl", ".xml", ".html"):
            assert not {"wonder", "looking-glass"} & set(path.read_text().replace('"', " ").split())
    assert "looking-glass" not in bad.stdout + bad.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_call_with_a_bye(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C: the other side hears NORMAL_CLEARING, and what was said until then is on tape."""
    written(tmp_path, {"caller": 'flow: Caller\ndial: "5100"\non: {answered: [{play: {tone: 440, for: 60s}}]}\n'})

    async def whole() -> tuple[int | None, str, events.Ended]:
        async with run_exchange() as exchange:
            alice = exchange.account("alice")
            settings(tmp_path, str(exchange.port))
            async with Client(exchange.account("bob", "5100")) as bob:
                came: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
                bob.on("incoming", came.set_result)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "botkit", "run", "caller.yaml", "--account", "alice", "--out", "o"),
                    cwd=tmp_path,
                    env={**ENVIRONMENT, "ALICE": alice.password or "", "BOB": "x"},
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                async with asyncio.timeout(60), await came as call:
                    await call.answer()
                    await call.expect_tone(440)
                    process.send_signal(number)
                    ended = await call.ended()
                    out, errors = await process.communicate()
                return process.returncode, (out + errors).decode(), ended

    status, said, ended = clock.run(whole())
    assert (ended.cause, ended.code) == ("NORMAL_CLEARING", 16)
    assert status == 128 + number
    assert "Traceback" not in said
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert result["verdict"] == "aborted"
    with wave.open(str(tmp_path / "o" / "calls" / "caller-1" / "tx.wav")) as file:
        assert file.getnframes() > 400
    assert not list((tmp_path / "o").glob("spool*"))


# --- files ---------------------------------------------------------------------------------------------------------


def test_files_outside(tmp_path: Path) -> None:
    """2 for audio outside the project and for a recording outside the output folder; `--read` allows the first."""
    audio = tmp_path / "elsewhere" / "hello.wav"
    audio.parent.mkdir()
    audio.write_bytes((ROOT / "audio" / "hello.wav").read_bytes())
    project = tmp_path / "project"
    project.mkdir()
    written(
        project,
        {
            "line": TONE_LINE,
            "play": 'flow: Play\ndial: "5100"\non: {answered: [{play: ../elsewhere/hello.wav}]}\n',
            "record": 'flow: Record\ndial: "5100"\non: {answered: [{record: {to: ../x.wav, for: 300ms}}]}\n',
        },
    )
    refused = botkit(project, "run", "line.yaml", "play.yaml", "--out", "o")
    assert refused.returncode == 2
    assert f"--read {audio.parent}" in refused.stdout + refused.stderr
    allowed = botkit(project, "run", "line.yaml", "play.yaml", "--out", "o", "--read", "../elsewhere")
    assert allowed.returncode == 0, allowed.stdout
    recorded = botkit(project, "run", "line.yaml", "record.yaml", "--out", "o")
    assert recorded.returncode == 2
    assert not list(tmp_path.rglob("x.wav"))
