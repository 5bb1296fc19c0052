"""Every rule of the flow language has a file that keeps it and a file that breaks it.

Beside each bad file stands its exact message (`.err`). After a change of words, write them anew with
`python -m tests.flow.test_rules` and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botkit.flow.check import check_paths
from botkit.flow.registry import load_steps

DATA = Path(__file__).parent.parent / "data" / "flows"
GOOD = sorted(path.stem for path in (DATA / "good").glob("*.yaml"))
BAD = sorted(path.stem for path in (DATA / "bad").glob("*.yaml"))


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good flow has neither errors nor warnings."""
    monkeypatch.chdir(DATA)
    report = check_paths([f"good/{name}.yaml"])
    assert str(report) == ""
    assert len(report.documents) == 1


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad flow gives exactly the message that stands beside it."""
    monkeypatch.chdir(DATA)
    report = check_paths([f"bad/{name}.yaml"])
    assert f"{report}\n" == (DATA / "bad" / f"{name}.err").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(load_steps()))
def test_each_step_has_its_flows(name: str) -> None:
    """Every step has a flow that uses it well and one that uses it badly."""
    assert f"step_{name}" in GOOD
    assert f"step_{name}" in BAD


def test_each_message_has_its_flow() -> None:
    """No message has outlived its flow."""
    assert sorted(path.stem for path in (DATA / "bad").glob("*.err")) == BAD


def _write() -> None:
    os.chdir(DATA)
    for name in BAD:
        Path(f"bad/{name}.err").write_text(f"{check_paths([f'bad/{name}.yaml'])}\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
