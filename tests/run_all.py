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
TESTS = [sys.executable, "-m", "pytest", "-m", "not slow", "-n", str(os.cpu_count() or 1), "--dist", "worksteal"]


def main() -> int:
    for command in CHECKS:
        print("$", " ".join([Path(command[0]).name, *command[1:]]), flush=True)
        if subprocess.run(command, check=False).returncode:
            return 1
    print("$ pytest", " ".join(TESTS[3:]), flush=True)
    return subprocess.run([*TESTS, *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
