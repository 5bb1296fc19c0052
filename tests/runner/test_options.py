"""What a run is told."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from botkit.errors import ConfigError
from botkit.runner.options import NOTICE_KINDS, Notice, RunOptions
from tests.calls.kit import TONE_CALLER, TONE_LINE, play


def test_options_travel() -> None:
    """Options are plain data: workers get a copy."""
    options = RunOptions(out=Path("out"), vars={"pin": "1"}, read_roots=(Path("flows"),))
    assert pickle.loads(pickle.dumps(options)) == options


def test_confinement(tmp_path: Path) -> None:
    """Files may be read below the roots and written below the output folder, nowhere else."""
    rule = RunOptions(out=tmp_path / "out", read_roots=(tmp_path / "flows",)).confinement
    assert rule.readable(tmp_path / "flows" / "a.wav") == tmp_path / "flows" / "a.wav"
    assert rule.writable(Path("a.wav")) == tmp_path / "out" / "a.wav"
    with pytest.raises(ConfigError, match="may not be read"):
        rule.readable(tmp_path / "other.wav")
    with pytest.raises(ConfigError, match="may not be written"):
        rule.writable(Path("../a.wav"))


def test_notices(tmp_path: Path) -> None:
    """A run tells what happens in the documented words, in order of time."""
    told: list[Notice] = []
    play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER}, progress=told.append)
    assert {notice.kind for notice in told} <= set(NOTICE_KINDS)
    assert [notice.t for notice in told] == sorted(notice.t for notice in told)
    assert [notice.kind for notice in told if notice.bot == "caller"] == [
        "ready",
        "calling",
        "ringing",
        "answered",
        "step",
        "step",
        "ended",
        "done",
    ]
    assert told[0].kind == "exchange"
    done = next(notice for notice in told if notice.kind == "done" and notice.bot == "caller")
    assert done.result is not None
    assert done.result.id == done.call == "caller-1"
