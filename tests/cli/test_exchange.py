"""`botkit exchange`: its users, what it prints, how it stops."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from botkit.exchange.plan import DEMO_KEY
from botkit.exchange.webhooks.signing import SigningKey

ROOT = Path(__file__).parents[2]

SETTINGS = """
exchange:
  connections:
    john1234: {password: secret12, id: 1234567890123456789}
  applications:
    voice: {ivr: {webhook_event_url: "http://127.0.0.1:9/h", numbers: +15550001}}
  api_keys: "${env.API_KEY}"
  signing_key: demo
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ready_and_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """With --json one line says where it is, and a signal ends it with 0."""
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
        assert ready["rest"] == f"http{ready['ws'].removeprefix('ws')}/v2"
        assert len(base64.b64decode(ready["public_key"])) == 32
        assert ready["api_key"].startswith("KEY")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_filled_from_the_settings(tmp_path: Path) -> None:
    """What botkit.yaml says is there: a key, a connection by its id, an application, and the demo's public key."""
    (tmp_path / "botkit.yaml").write_text(SETTINGS)
    command = [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--config", tmp_path / "botkit.yaml"]
    environment = {**os.environ, "API_KEY": "KEYmine"}
    with subprocess.Popen([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            assert ready["api_key"] == "KEYmine"
            assert ready["public_key"] == SigningKey(DEMO_KEY).public_key
            assert set(ready) == {"ws", "rest", "api_key", "public_key", "ids"}
            assert ready["ids"]["john1234"] == "1234567890123456789"
            key = {"Authorization": "Bearer KEYmine"}
            path = f"/call_control_applications/{ready['ids']['ivr']}"
            found = httpx.get(ready["rest"] + path, headers=key, trust_env=False, timeout=60.0).json()["data"]
            assert found["application_name"] == "ivr"
        finally:
            process.terminate()


def test_the_account_of_texml(tmp_path: Path) -> None:
    """Where there is a TeXML application, the account that TeXML REST has in its paths is told, and may be chosen."""
    text = """exchange:
  applications: {texml: {bot: {voice_url: "http://127.0.0.1:9/voice", numbers: +15550002}}}
  account_sid: acct-1
"""
    (tmp_path / "botkit.yaml").write_text(text)
    command = [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--config", tmp_path / "botkit.yaml"]
    with subprocess.Popen([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            assert ready["account_sid"] == "acct-1"
            key = {"Authorization": f"Bearer {ready['api_key']}"}
            path = f"{ready['rest']}/texml/Accounts/acct-1/Calls"
            assert httpx.get(path, headers=key, trust_env=False, timeout=60.0).json()["calls"] == []
        finally:
            process.terminate()


def test_plain_output(tmp_path: Path) -> None:
    """Without --json the same stands line by line."""
    (tmp_path / "botkit.yaml").write_text("exchange: {users: {alice: }}")
    command = [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--config", tmp_path / "botkit.yaml"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:  # ends with the process, too
            if line.startswith("ready;"):
                break
            lines.append(line)
        process.terminate()
    assert [line.split()[0] for line in lines] == ["ws", "rest", "api_key", "public_key", "user"]


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


def test_numbers_that_may_be_dialled(tmp_path: Path) -> None:
    """`allow` of botkit.yaml holds at the REST side: any other number is 403, 10010."""
    (tmp_path / "botkit.yaml").write_text(SETTINGS + "allow: ['+1800555*']\n")
    command = [sys.executable, "-m", "botkit", "exchange", "--port", "0", "--config", tmp_path / "botkit.yaml"]
    environment = {**os.environ, "API_KEY": "KEYmine"}
    with subprocess.Popen([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            key = {"Authorization": "Bearer KEYmine"}
            body = {"connection_id": ready["ids"]["ivr"], "from": "+15550001"}
            answers = [
                httpx.post(
                    ready["rest"] + "/calls", json={**body, "to": to}, headers=key, trust_env=False, timeout=60.0
                )
                for to in ("+18005550100", "+19005550100")
            ]
            assert [one.status_code for one in answers] == [200, 403]
            assert answers[1].json()["errors"][0]["code"] == "10010"
        finally:
            process.terminate()
