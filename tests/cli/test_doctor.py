"""`botkit doctor`: lines, JSON and statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.cli.doctor import lines, verdict
from botkit.media.native import AVAILABLE
from botkit.runner.doctor.findings import STEPS, Diagnosis, Finding, State

CLOSED = """
accounts:
  shut: {server: "ws://127.0.0.1:9", login: alice, password: "${env.SHUT_PASSWORD}"}
"""


def test_the_embedded_exchange(botkit: Callable[..., Result]) -> None:
    """0 without any account; with --json standard output is one object, and the lines go beside it."""
    done = botkit("doctor", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["account"], told["well"]) == ("local", True)
    assert [step["step"] for step in told["steps"]] == list(STEPS)
    assert all(step["verdict"] == "ok" or "too busy" in step["text"] for step in told["steps"])
    assert all(step["took"] >= 0 for step in told["steps"])
    assert [(noted["step"], noted["facts"]) for noted in told["machine"]] == [("hearing", {"compiled": AVAILABLE})]
    assert "✔ dtmf" in done.stderr


def test_a_fault(botkit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2, a hint below the step, the later ones not tried; the password is nowhere."""
    monkeypatch.setenv("SHUT_PASSWORD", "open-sesame")
    (tmp_path / "botkit.yaml").write_text(CLOSED)
    done = botkit("doctor", "shut")
    assert done.exit_code == 2
    assert "✘ websocket" in done.output
    assert "hint: is the server running" in done.output
    assert "– login" in done.output
    assert "shut: a fault at websocket" in done.output
    assert "open-sesame" not in done.output
    told = json.loads(botkit("doctor", "shut", "--json").stdout)
    assert told["well"] is False
    assert [step["verdict"] for step in told["steps"]][:4] == ["ok", "ok", "fault", "not tried"]


def test_accounts_that_are_not_there(botkit: Callable[..., Result], tmp_path: Path) -> None:
    """2, with the known ones, or with the variable that is missing."""
    (tmp_path / "botkit.yaml").write_text(CLOSED)
    unknown = botkit("doctor", "shutt")
    assert unknown.exit_code == 2
    assert "there is no account 'shutt'" in unknown.output
    unset = botkit("doctor", "shut")
    assert unset.exit_code == 2
    assert "SHUT_PASSWORD is not set" in unset.output


def test_an_account_without_a_network_may_not_dial(botkit: Callable[..., Result]) -> None:
    """2 for a number that the rules refuse."""
    done = botkit("doctor", "--dial", "112")
    assert done.exit_code == 2
    assert "✘ call" in done.output
    assert "112 is an emergency number" in done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """A signal in the middle of the call ends it, with the signal's status and without a trace."""
    with subprocess.Popen(
        [sys.executable, "-m", "botkit", "--log", "debug", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "✔ call" in line:
                process.send_signal(number)
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert "telnyx_rtc.bye" in errors


def test_without_the_compiled_part_of_hearing(tmp_path: Path) -> None:
    """It is noted before the steps, with what to do about it, and is no part of the verdict."""
    (tmp_path / "botkit.yaml").write_text(CLOSED)
    done = subprocess.run(
        [sys.executable, "-m", "botkit", "doctor", "shut"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SHUT_PASSWORD": "looking-glass",
            "BOTKIT_NATIVE": "off",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.splitlines()
    assert told[0].startswith("account shut")
    assert told[1].startswith("! hearing")
    assert told[2].split()[0] == "hint:"
    assert told[3].startswith("✔ name")
    assert told[-1] == "shut: a fault at websocket"
    assert done.returncode == 2


def test_lines() -> None:
    """Mark, step, time in its unit, words; the hint below."""
    assert lines(Finding("name", State.OK, "lab is 192.0.2.1", took=0.0123)) == [
        "✔ name         12 ms  lab is 192.0.2.1"
    ]
    assert lines(Finding("ice", State.FAULT, "no path", "firewall?", 12.04)) == [
        "✘ ice         12.0 s  no path",
        "                hint: firewall?",
    ]
    assert lines(Finding("dtls", State.NOT_TRIED, "not tried"))[0].startswith("– dtls")


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({}, "lab: all well"),
        ({"tls": State.WARNING}, "lab: all well, with a warning at tls"),
        ({"dtmf": State.NOT_TRIED}, "lab: all well as far as it was tried (not: dtmf)"),
        ({"ice": State.FAULT, "dtmf": State.NOT_TRIED}, "lab: a fault at ice"),
    ],
    ids=["well", "warning", "not all", "fault"],
)
def test_verdict(states: dict[str, State], words: str) -> None:
    """What it comes to, in one line."""
    findings = tuple(Finding(step, states.get(step, State.OK), "") for step in STEPS)
    assert verdict(Diagnosis("lab", "ws://lab", findings)) == words
