"""`make test`: format, lint, types, then every test but the long proofs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent

CHECKS = (
    [str(BIN / "ruff"), "format", "--check", "."],
    [str(BIN / "ruff"), "check", "."],
    [str(BIN / "mypy")],
)
REAL_TIME = (
    "tests/test_readme.py",
    "tests/calls/test_agents.py",
    "tests/calls/test_command_line.py",
    "tests/calls/test_flows.py",
    "tests/calls/test_sound.py",
    "tests/calls/test_time.py",
    "tests/client/test_live_devices.py",
)
"""Whole calls in real time judge latencies: they run one after the other, with the machine to themselves."""

WORKERS = (os.cpu_count() or 1) + 1
"""Of those that run beside each other: half of their time they wait for calls."""

PYTEST = [sys.executable, "-m", "pytest", "-m", "not slow"]
TESTS = (
    [*PYTEST, "-n", str(WORKERS), "--dist", "worksteal", *(f"--ignore={path}" for path in REAL_TIME)],
    [*PYTEST, "-n", "0", *REAL_TIME],
)


def main() -> int:
    for command in CHECKS:
        print("$", " ".join([Path(command[0]).name, *command[1:]]), flush=True)
        if subprocess.run(command, check=False).returncode:
            return 1
    status = 0
    for command in TESTS:
        print("$ pytest", " ".join(command[3:]), flush=True)
        status = subprocess.run([*command, *sys.argv[1:]], check=False).returncode or status
    return status


if __name__ == "__main__":
    sys.exit(main())
