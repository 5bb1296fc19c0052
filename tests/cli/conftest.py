"""The command line, called in this process, with a stand-in for the runner."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from botkit.cli import terminal
from botkit.cli.main import app
from botkit.results import RunResult
from botkit.runner.options import Notice, RunOptions
from tests.reports import samples

Work = Callable[[Sequence[Path], RunOptions, Callable[[Notice], None]], RunResult]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a folder of its own, no account in the environment, and leaves no handler behind."""
    monkeypatch.chdir(tmp_path)
    for name in ("SERVER", "LOGIN", "PASSWORD", "TOKEN", "ACCOUNT", "LOG"):
        monkeypatch.delenv(f"BOTKIT_{name}", raising=False)
    root = logging.getLogger("botkit")
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    terminal.debug = False


@pytest.fixture
def botkit() -> Callable[..., Result]:
    """`botkit("run", …)`: what it printed and its exit status."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    """Put a function in place of the runner."""

    def install(work: Work) -> None:
        async def run_flows(
            paths: Sequence[Path],
            options: RunOptions,
            progress: Callable[[Notice], None],
            begin: Callable[[RunOptions], RunOptions],
        ) -> RunResult:
            return work(paths, begin(options), progress)

        module = ModuleType("botkit.runner.run")
        module.run_flows = run_flows  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "botkit.runner.run", module)

    return install


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A flow that stands in a folder."""
    path = tmp_path / "flows" / "caller.yaml"
    path.parent.mkdir()
    path.write_text("flow: Caller\ndial: '+18005550100'\non: {answered: [hangup]}\n")
    return path


@pytest.fixture
def passing(runner: Callable[[Work], None]) -> list[RunOptions]:
    """A runner whose runs pass; the options that it was given."""
    given: list[RunOptions] = []

    def work(_paths: Sequence[Path], options: RunOptions, progress: Callable[[Notice], None]) -> RunResult:
        given.append(options)
        progress(Notice(0.1, "calling", "caller", "c1", "+18005550100"))
        progress(Notice(0.2, "step", "caller", "c1", "expect_tone 440"))
        progress(Notice(0.3, "done", "caller", "c1", result=samples.caller()))
        return samples.PASSED

    runner(work)
    return given
