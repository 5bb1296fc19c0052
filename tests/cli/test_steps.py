"""`botkit steps`: the manual."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.cli.guide import COMMON_KEYS, LISTENING, SKELETON, STEP_FORMS
from botkit.events import CALL_EVENTS
from botkit.flow.build import COMMON
from botkit.flow.chance import Chance
from botkit.flow.compile import read_flow
from botkit.flow.document import FlowHead, LibraryHead
from botkit.flow.filters import FILTERS, TESTS
from botkit.flow.names import CALL, RTP
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
    assert "(default false)" in text
    assert "(default 100ms)" in botkit("steps", "send_dtmf").stdout
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


@pytest.mark.parametrize("name", sorted(load_steps()))
def test_every_field_is_explained(name: str) -> None:
    """Each field of a step says what it is for, beside what it takes."""
    fields = load_steps()[name].model_fields.items()
    assert [field for field, info in fields if not info.description and field != "say"] == []


def test_the_heads_are_explained() -> None:
    """So does each top-level key of a file."""
    for head in (FlowHead, LibraryHead):
        assert [field for field, info in head.model_fields.items() if not info.description] == []


def test_the_guide_leaves_nothing_out(botkit: Botkit) -> None:
    """The overview names every top-level key, event, common key, fact about the call, draw, filter and test."""
    words = set(re.findall(r"\w+(?:\.\w+)*", botkit("steps").stdout.split("A FLOW")[1]))
    keys = {info.alias or name for name, info in FlowHead.model_fields.items()}
    draws = {f"random.{name}" for name in vars(Chance) if not name.startswith("_")}
    for wanted in (keys, set(CALL_EVENTS), set(COMMON), {*CALL, *RTP}, draws, set(FILTERS), set(TESTS)):
        assert wanted <= words, wanted - words
    assert set(COMMON_KEYS) == set(COMMON)


@pytest.mark.parametrize("steps", [STEP_FORMS, LISTENING], ids=["forms", "listening"])
def test_the_guides_steps_compile(steps: str) -> None:
    """The steps that the guide shows can be written so."""
    _compiles('flow: A flow\ndial: "1"\non:\n  answered:\n' + textwrap.indent(steps, "    "))


def test_the_guides_flow_compiles() -> None:
    """The flow that the guide shows is one."""
    _compiles(SKELETON)


def _compiles(text: str) -> None:
    flow, issues = read_flow("guide.yaml", text)
    assert flow.on
    assert not issues


def test_lines_are_short(botkit: Botkit) -> None:
    """No line of the guide is wider than a terminal of 120 columns, and none ends in space."""
    lines = botkit("steps").stdout.split("A FLOW")[1].splitlines()
    assert [line for line in lines if len(line) > 120 or line != line.rstrip()] == []
