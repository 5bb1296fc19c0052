"""`botkit check`: findings, exit status, and what it does not import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from tests.cli.test_main import modules_after

Botkit = Callable[..., Result]


def test_good(botkit: Botkit, flow: Path) -> None:
    """A flow without error ends with 0."""
    result = botkit("check", flow)
    assert (result.exit_code, result.stdout) == (0, "1 file, no errors\n")


def test_bad(botkit: Botkit, flow: Path) -> None:
    """Every error is told with its place, a caret and a hint; the status is 2."""
    flow.write_text("flow: Caller\ndial: '1'\non:\n  answered:\n    - plya: a.wav\n    - hangupp\n")
    result = botkit("check", "flows")
    assert result.exit_code == 2
    assert "flows/caller.yaml:5:7: error:" in result.stdout
    assert "hint: did you mean `play`?" in result.stdout
    assert "flows/caller.yaml:6:7: error:" in result.stdout
    assert result.stdout.splitlines()[-1] == "0 files without error; 2 errors, 0 warnings"


def test_json(botkit: Botkit, flow: Path) -> None:
    """With --json the findings are one list."""
    flow.write_text("flow: Caller\ndial: '1'\non:\n  answered:\n    - plya: a.wav\n")
    (found,) = json.loads(botkit("check", "--json", flow).stdout)
    assert (found["line"], found["column"], found["severity"]) == (5, 7, "error")


def test_nothing_there(botkit: Botkit) -> None:
    """A path that is not there is an error."""
    result = botkit("check", "nowhere.yaml")
    assert result.exit_code == 2
    assert "nowhere.yaml" in result.output
    assert "Traceback" not in result.output


def test_a_folder_without_flows(botkit: Botkit, tmp_path: Path) -> None:
    """A folder that holds no flow is a fault, and nothing says that there were no errors."""
    (tmp_path / "empty").mkdir()
    result = botkit("check", "empty")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no flow in empty" in result.output


def test_starts_at_once(flow: Path) -> None:
    """Checking needs nothing of media, web or numbers."""
    code = (
        "from typer.testing import CliRunner\nfrom botkit.cli.main import app\n"
        f"CliRunner().invoke(app, ['check', {str(flow)!r}])"
    )
    assert modules_after(code) == set()


def test_bundled_flows(botkit: Botkit) -> None:
    """The flows that come with botkit have neither errors nor warnings."""
    result = botkit("check", Path(__file__).parents[2] / "flows")
    assert (result.exit_code, result.stdout.split(", ")[1]) == (0, "no errors\n"), result.stdout
