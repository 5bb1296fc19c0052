"""Ctrl-C and SIGTERM, with a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from types import ModuleType
from botkit.results import RunResult, Verdict
from tests.reports import samples
from botkit.runner.options import Notice

async def run_flows(paths, options, progress, begin):
    begin(options)
    progress(Notice(0.0, "ready", "caller"))
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        if {hang}: await asyncio.sleep(30)
        print("bye sent", file=sys.stderr, flush=True)
        {ending}

module = ModuleType("botkit.runner.run")
module.run_flows = run_flows
sys.modules["botkit.runner.run"] = module
from botkit.cli.main import main
sys.argv = ["botkit", "run", sys.argv[1], "--out", "o"]
main()
"""


def stop(
    tmp_path: Path, ending: str, number: signal.Signals, *, hang: bool = False, under: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Start a run that never ends (`under` another command), send it the signal, and give status and standard error."""
    (tmp_path / "a.yaml").write_text("flow: a")
    program = PROGRAM.format(ending=ending, hang=hang)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [*under, sys.executable, "-c", program, "a.yaml"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "ready" in process.stdout.readline()
        if under:
            process.send_signal(signal.SIGHUP)
        process.send_signal(number)
        if hang:
            assert "once more" in process.stderr.readline()
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_first_signal_ends_the_calls(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """The run is cancelled, says its byes, and the reports are written."""
    returned, errors = stop(tmp_path, "raise", number)
    assert returned == status
    assert "bye sent" in errors
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "o" / "result.json").read_text())["verdict"] == "aborted"


def test_a_failure_before_it_counts(tmp_path: Path) -> None:
    """Where something had failed before Ctrl-C, the status is that of the failure."""
    returned, _ = stop(tmp_path, "return samples.FAILED", signal.SIGINT)
    assert returned == 1


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    """Whatever hangs, the second Ctrl-C ends the process."""
    returned, errors = stop(tmp_path, "raise", signal.SIGINT, hang=True)
    assert returned == 130
    assert "bye sent" not in errors


def test_nohup(tmp_path: Path) -> None:
    """Under `nohup` a run outlives its terminal; it is SIGTERM that ends it, with that status."""
    returned, errors = stop(tmp_path, "raise", signal.SIGTERM, under=("nohup",))
    assert returned == 143
    assert errors.count("once more to stop at once") == 1
