"""The examples in flows/patterns/: backends with the official SDK, and bots that hear each other through them."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botkit.flow.check import check_paths
from tests.calls.kit import ROOT

PATTERNS = ROOT / "flows" / "patterns"
NAMES = sorted(path.parent.name for path in PATTERNS.glob("*/backend.py"))
README = (PATTERNS / "README.md").read_text(encoding="utf-8")
CALLBACKS = ("/leg", "/room")

Story = dict[str, list[str]]


def environment() -> dict[str, str]:
    """Ours without what would point a program somewhere else."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TELNYX_", "BOTKIT_", "PORT"))}


def story(log: str) -> Story:
    """What each told, in order: a leg, a conference, the documents of a call, one kind of callback. What is asked for
    over and over counts once."""
    told: Story = {}
    for leg, what in re.findall(r"^([A-Z-]) ((?:call\.|conference\.|/)\S*(?: \S+)*)", log, re.M):
        kind = what.split()[0]
        who = "conference" if kind.startswith("conference.") else kind if kind in CALLBACKS else leg
        lines = told.setdefault(who, [])
        if lines[-1:] != [line := f"{leg} {what}"]:
            lines.append(line)
    return told


def promised(name: str) -> Story:
    """What the first lines of a backend say."""
    text = ast.get_docstring(ast.parse((PATTERNS / name / "backend.py").read_text(encoding="utf-8")))
    assert text is not None
    return story(re.sub(r" {2,}.*", "", text))


def example(name: str, out: Path, root: Path = ROOT) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run an example as the README says; what came of it, and the result of the bots."""
    command = [sys.executable, "flows/patterns/run.py", name, "--out", str(out)]
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, complained = process.communicate(timeout=120)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # with the exchange, the backend and the bots that it has begun
            raise
    done = subprocess.CompletedProcess(command, process.returncode, said, complained)
    assert "Traceback" not in said + complained, complained
    return done, json.loads((out / "result.json").read_text())


def met(result: dict[str, Any]) -> set[str]:
    """Labels of the steps that went well."""
    calls = [call for flow in result["flows"] for call in flow["calls"]]
    return {step["label"] for call in calls for step in call["steps"] if step["ok"] and step["label"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_example(name: str, tmp_path: Path) -> None:
    """Caller and operator hear each other, what comes before is heard too, and the backend's log is as documented;
    the exchange, the backend and the bots end well."""
    done, result = example(name, tmp_path / "o")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" not in done.stdout
    assert "WARNING" not in done.stderr
    expected = {"hears the operator", "hears the caller"}
    if "inbound" in name:
        expected |= {"is greeted", "hears the menu"}
    if name.endswith(("queue", "conference")):
        expected |= {"waits"}
    assert met(result) == expected
    assert story(done.stdout) == promised(name), done.stdout


# --- an operator who does not want to ------------------------------------------------------------------

BUSY = """
flow: Busy operator
account: operator
answer: any
calls: 1
expect_call: any
on:
  incoming:
    - reject: busy
"""
LEFT_ALONE = """
flow: Caller
account: {account}
dial: "{number}"
expect_call: any
on:
  answered:
    - wait_for: {{event: ended, within: 20s}}
  ended:
    - check: call.cause == "{cause}"
"""
KEYED = "    - expect_sound: 300ms\n    - expect_silence: 300ms\n    - wait: 700ms\n    - send_dtmf: 1\n    - wait_for"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder of one's own with the examples in it."""
    shutil.copytree(PATTERNS, tmp_path / "flows" / "patterns", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "audio", tmp_path / "audio")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("park_bridge", "NORMAL_CLEARING"),
        ("park_transfer", "USER_BUSY"),
        pytest.param("park_conference", "NORMAL_CLEARING", marks=pytest.mark.slow),
        pytest.param("inbound_bridge", "NORMAL_CLEARING", marks=pytest.mark.slow),
        pytest.param("texml_park_dial", "NORMAL_CLEARING", marks=pytest.mark.slow),
    ],
)
def test_the_operator_is_busy(name: str, cause: str, copied: Path) -> None:
    """The caller is told so by the end of the call."""
    folder = copied / "flows" / "patterns" / name
    inbound = "inbound" in name
    account, number = ("carrier", "+13125550100") if inbound else ("caller", "+15550001")
    text = LEFT_ALONE.format(account=account, number=number, cause=cause)
    (folder / "caller.yaml").write_text(text.replace("    - wait_for", KEYED, 1) if inbound else text)
    (folder / "operator.yaml").write_text(BUSY)
    done, _ = example(name, copied / "o", copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" not in done.stdout


# --- by hand --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def kept_ports() -> Iterator[dict[str, str]]:
    """A free port each in place of the usual ones. Nobody else is given them meanwhile; who asks for one gets it."""
    with socket.socket() as exchange, socket.socket() as backend:
        for kept in (exchange, backend):
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind(("127.0.0.1", 0))
        yield {"8080": str(exchange.getsockname()[1]), "9000": str(backend.getsockname()[1])}


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.S)
    return [line[2:] for block in blocks for line in block.splitlines()]


@contextlib.contextmanager
def running(command: list[str], root: Path, says: str) -> Iterator[None]:
    """A program that says something once it is ready, and ends well when it is told to stop."""
    process = subprocess.Popen(command, cwd=root, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if says in line:
                break
        yield
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
    finally:
        process.kill()
        process.communicate()


def test_by_hand(copied: Path) -> None:
    """The three commands of the README do it; only the ports are other ones here."""
    with kept_ports() as ports:
        _by_hand(copied, ports)


def _by_hand(copied: Path, ports: dict[str, str]) -> None:
    for path in (copied / "flows" / "patterns" / "hook.py", *copied.glob("flows/patterns/*/botkit.yaml")):
        path.write_text(re.sub(r"8080|9000", lambda match: ports[match[0]], path.read_text()))
    whole, *three = [
        [sys.executable if word == "python" else word for word in shlex.split(command.replace("8080", ports["8080"]))]
        for command in commands()
    ]
    assert whole[1:] == ["flows/patterns/run.py", "park_bridge"]
    botkit = [sys.executable, "-m", "botkit"]
    exchange, backend, bots = [botkit + words[1:] if words[0] == "botkit" else words for words in three]
    with running(exchange, copied, "ready"), running(backend, copied, "listening"):
        done = subprocess.run(
            bots, cwd=copied, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr


# --- what is written about them ---------------------------------------------------------------------------


def test_every_example_is_listed() -> None:
    """The table of the README and the folders are the same."""
    table = README.split("One command")[0]
    assert sorted(re.findall(r"`((?:texml_)?(?:park|inbound)_[a-z]+)`", table)) == NAMES


def test_the_sequence_that_is_shown() -> None:
    """The messages in the README are those of its example."""
    (shown,) = re.findall(r"\n\n```\n(.*?)```", README, re.S)
    text = ast.get_docstring(ast.parse((PATTERNS / "park_bridge" / "backend.py").read_text(encoding="utf-8")))
    assert text is not None
    assert text.endswith(shown.rstrip())


def test_the_flows_are_without_a_warning() -> None:
    """`botkit check` has nothing to say about them."""
    report = check_paths([PATTERNS])
    assert not report.errors
    assert not report.warnings
