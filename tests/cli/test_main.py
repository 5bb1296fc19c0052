"""The command line as a whole: help, version, speed of starting."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Botkit = Callable[..., Result]
ROOT = Path(__file__).parents[2]


def test_help_has_examples(botkit: Botkit) -> None:
    """Every command's help shows how it is typed."""
    assert "run" in botkit("--help").stdout
    for command in ("run", "check", "steps", "devices", "exchange"):
        assert f"botkit {command}" in botkit(command, "--help").stdout.split("Examples:")[1]


def test_version(botkit: Botkit) -> None:
    """--version prints one line."""
    assert botkit("--version").stdout.startswith("botkit ")


@pytest.mark.parametrize("typed", [["runn"], ["run"], ["run", "--nope"], ["--log", "loud", "steps"]])
def test_usage_errors(botkit: Botkit, typed: list[str]) -> None:
    """A wrong command line ends with 2, in words."""
    result = botkit(*typed)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


HEAVY = ("aiortc", "av", "numpy", "fastapi", "uvicorn", "httpx", "websockets", "cryptography")


def modules_after(code: str) -> set[str]:
    """The heavy modules that a fresh process has after running `code`."""
    program = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_starts_at_once() -> None:
    """The command line imports nothing of media, web or numbers before a command needs it."""
    assert modules_after("import botkit.cli.main") == set()


def test_module(tmp_path: Path) -> None:
    """`python -m botkit` is `botkit`, with no traceback whatever is typed."""
    done = subprocess.run(
        [sys.executable, "-m", "botkit", "run", "no.yaml", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "there is no flow no.yaml" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_reader_that_goes_away() -> None:
    """When the reader of our output has gone, the work still ends with its own status, in silence."""
    shell = f"{sys.executable} -m botkit check nowhere.yaml | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
