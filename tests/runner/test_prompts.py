"""The audio that flows name is read before any call."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.flow.compile import load_flow
from botkit.flow.explain import FlowErrors
from botkit.runner.named_audio import named_audio
from botkit.runner.options import Notice
from tests.calls.kit import FLOWS, TONE_LINE, run, written


def test_files_in_plays_gathers_and_blocks_are_found() -> None:
    """Every file that the clinic names as it stands; those in expressions are not known yet."""
    names = {named.file.name for named in named_audio(load_flow(FLOWS / "clinic_ivr.yaml"))}
    assert {"welcome.wav", "menu.wav", "beep.wav", "goodbye.wav", "leave_message.wav"} <= names
    assert not any("prompt" in name for name in names)


def test_all_that_is_wrong_is_told_before_a_call(tmp_path: Path) -> None:
    """A missing file, one that is no audio and one outside what may be read: each at its step, all at once."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "text.wav").write_text("no audio")
    caller = """
flow: Caller
dial: "5100"
on:
  answered:
    - play: missing.wav
    - gather: {digits: 1, play: text.wav}
    - play: /etc/hostname
"""
    paths = written(tmp_path / "flows", {"line": TONE_LINE, "caller": caller})
    told: list[Notice] = []
    with pytest.raises(FlowErrors) as raised:
        run(paths, tmp_path / "flows" / "out", progress=told.append, read_roots=(tmp_path / "flows",))
    assert [issue.mark.line for issue in raised.value.issues] == [6, 7, 8]
    assert "there is no audio file" in raised.value.issues[0].message or "missing.wav" in raised.value.issues[0].message
    assert "may not be read" in raised.value.issues[2].message
    assert not told
