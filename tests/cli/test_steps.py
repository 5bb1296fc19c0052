"""`botkit steps`: the manual."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.flow.registry import load_steps

Botkit = Callable[..., Result]


def test_list(botkit: Botkit) -> None:
    """Every step is listed in one line."""
    lines = botkit("steps").stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(load_steps())]] == sorted(load_steps())


@pytest.mark.parametrize("name", sorted(load_steps()))
def test_manual(botkit: Botkit, name: str) -> None:
    """Each step has prose, results and an example, and no field of it is left unexplained."""
    text = botkit("steps", name).stdout
    assert text.startswith(f"{name}\n  ")
    assert f"- {name}" in text.split("Example:")[1] or f"{name}:" in text.split("Example:")[1]
    assert "seconds since the answer" in text


def test_fields(botkit: Botkit) -> None:
    """The main field comes first; names are those of YAML; defaults are told; later fields are not shown."""
    text = botkit("steps", "play").stdout
    fields = text.split("Fields:")[1].split("Common keys")[0].splitlines()
    assert fields[1].split()[0] == "audio"
    assert any(line.split()[:1] == ["for"] for line in fields)
    assert "one of queue, replace, mix (default queue)" in text
    assert "say" not in [line.split()[0] for line in fields if line]


def test_unknown(botkit: Botkit) -> None:
    """A misspelt step gets the nearest name."""
    result = botkit("steps", "plya")
    assert result.exit_code == 2
    assert "did you mean 'play'?" in result.output


def test_out(botkit: Botkit, tmp_path: Path) -> None:
    """With --out the manual goes to a file."""
    assert botkit("steps", "--out", tmp_path / "steps.txt").stdout == ""
    assert "send_dtmf" in (tmp_path / "steps.txt").read_text()
