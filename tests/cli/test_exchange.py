"""`botkit exchange`: its users, what it prints, how it stops."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botkit.cli.exchange import describe, fill
from botkit.errors import ConfigError
from botkit.exchange.directory import Directory

ROOT = Path(__file__).parents[2]


def exchange(**facts: str) -> Any:
    """As much of an exchange as these functions look at."""
    return SimpleNamespace(url="ws://127.0.0.1:8080", directory=Directory(), **facts)


def test_users() -> None:
    """Users of the settings can be reached by their numbers; a password that was not given is made up and told."""
    running = exchange()
    given = {"users": {"alice": {"password": "pw", "numbers": "+18005550100"}, "bob": None}}
    made_up = fill(running, given)
    assert list(made_up) == ["bob"]
    assert running.directory.reach("+18005550100").name == "alice"
    assert {user.name for user in running.directory} == {"alice", "bob"}


def test_users_must_be_a_mapping() -> None:
    """A list of users is told how to be written."""
    with pytest.raises(ConfigError, match="must be a mapping"):
        fill(exchange(), {"users": ["alice"]})


def test_facts() -> None:
    """What it does not offer is left out."""
    assert describe(exchange()) == {"ws": "ws://127.0.0.1:8080"}
    assert describe(exchange(rest="http://x/v2", api_key="k"))["api_key"] == "k"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_and_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """With --json one line says where it is, and SIGTERM ends it with 0."""
    (tmp_path / "botkit.yaml").write_text("exchange: {users: {alice: {numbers: ['+18005550100']}}}")
    with subprocess.Popen(
        [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--json", "--config", tmp_path / "botkit.yaml"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ws"].startswith("ws://127.0.0.1:")
        assert set(ready["users"]) == {"alice"}
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_port_taken() -> None:
    """A port that somebody has is a fault in words."""
    with subprocess.Popen(
        [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["ws"].rsplit(":", 1)[1]
        second = subprocess.run(
            [sys.executable, "-m", "botkit", "exchange", "--port", port], cwd=ROOT, capture_output=True, text=True
        )
        first.terminate()
    assert second.returncode == 2
    assert "cannot listen" in second.stderr
    assert "Traceback" not in second.stderr
