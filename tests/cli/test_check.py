"""`botkit check`: findings, exit status, and what it does not import."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.testing import tone
from tests.cli.test_main import modules_after

AUDIO = Path(__file__).parents[2] / "audio"
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


CALLER = """flow: Caller
dial: "1"
on:
  answered:
    - expect_prompt: short.wav
    - play: welcom.wav
    - play: ../../elsewhere/hello.wav
    - play: "${call.id}.wav"
"""


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A flow in a project: one prompt is too short, one is misspelt, one lies beside the project."""
    project = tmp_path / "project"
    for folder in (project / "flows", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    shutil.copy(AUDIO / "welcome.wav", project / "flows")
    shutil.copy(AUDIO / "hello.wav", tmp_path / "elsewhere")
    with wave.open(str(project / "flows" / "short.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(440, 0.24).tobytes())
    path = project / "flows" / "caller.yaml"
    path.write_text(CALLER)
    monkeypatch.chdir(project)
    return path


def test_audio_that_a_run_would_refuse(botkit: Botkit, sounds: Path) -> None:
    """What `run` refuses of the audio that a flow names is told by `check`, in the same words, all at once: as an
    error, and as a warning where the file may still come."""
    checked, ran = botkit("check", "--json", sounds), botkit("run", sounds)
    found = json.loads(checked.stdout)
    assert (checked.exit_code, ran.exit_code) == (2, 2)
    assert [(one["line"], one["severity"]) for one in found] == [(5, "error"), (6, "warning"), (7, "error")]
    assert "0.24 s of sound: too little" in found[0]["message"]
    assert "holds welcome.wav" in found[1]["hint"]
    assert "--read" in found[2]["hint"]
    for one in found:
        assert one["message"] in ran.output
        assert one["hint"] in ran.output


def test_folders_that_may_be_read(botkit: Botkit, sounds: Path, tmp_path: Path) -> None:
    """What may be read with --read is no error."""
    sounds.write_text("flow: A\ndial: '1'\non: {answered: [{play: ../../elsewhere/hello.wav}]}\n")
    assert botkit("check", sounds).exit_code == 2
    assert botkit("check", sounds, "--read", tmp_path / "elsewhere").exit_code == 0


def test_audio_of_a_library(botkit: Botkit, sounds: Path) -> None:
    """What is wrong in a library that a flow uses is told once, though both are checked."""
    (sounds.parent / "lib.yaml").write_text("blocks_of: Lib\nblocks: {greet: [{play: no.wav}]}\n")
    sounds.write_text("flow: A\ndial: '1'\non: {answered: [{run: 'lib.yaml#greet'}]}\n")
    result = botkit("check", ".")
    assert result.stdout.count("there is no audio file") == 1
    assert result.stdout.splitlines()[-1] == "2 files without error; 0 errors, 1 warning"
    assert result.exit_code == 0


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
