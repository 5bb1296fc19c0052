"""The two commands on a machine that lacks something: they say what to install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="left out: needs make; install: apt-get install make"
)


def make_with(python: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """`make setup` in an empty project, with a Python that is this script."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\n" + python)
    script.chmod(0o755)
    return subprocess.run(
        ["make", "setup", f"PYTHON={script}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_a_python_without_venv_names_the_package(tmp_path: Path) -> None:
    """Where venv is missing, the package to install is named, and nothing is left behind."""
    done = make_with('case "$*" in *"import venv"*) exit 1;; esac\nexec python3 "$@"\n', tmp_path)
    assert done.returncode
    assert "apt-get install python3." in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    """A Python before 3.11 is named, with the way to choose another."""
    done = make_with('case "$*" in --version) echo Python 3.9.2;; *) exit 1;; esac\n', tmp_path)
    assert done.returncode
    assert "Python 3.9.2" in done.stdout
    assert "make PYTHON=" in done.stdout


@pytest.mark.parametrize(
    ("compiler", "compiled", "again"),
    [(True, False, True), (True, True, False), (False, False, False)],
    ids=["a compiler came", "compiled", "no compiler"],
)
def test_set_up_once_more_for_what_is_compiled(compiler: bool, compiled: bool, again: bool, tmp_path: Path) -> None:
    """A set-up without a compiler is made good by `make setup` once there is one, and by nothing else."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    tools, venv = tmp_path / "tools", tmp_path / ".venv" / "bin"
    tools.mkdir()
    venv.mkdir(parents=True)
    shell = shutil.which("sh")
    assert shell is not None
    (tools / "sh").symlink_to(shell)
    if compiler:
        (tools / "cc").symlink_to(shell)
    python = venv / "python"
    python.write_text(
        f'#!{shell}\ncase "$*" in *native*) exit {int(not compiled)};; esac\necho "$@" >> {tmp_path}/ran\n'
    )
    python.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    done = subprocess.run(
        [shutil.which("make") or "make", "setup"],
        cwd=tmp_path,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert (tmp_path / "ran").exists() == again
    assert not again or "pip install" in (tmp_path / "ran").read_text()


def test_browser_without_npm(tmp_path: Path) -> None:
    """Where npm is missing, `make browser` names the package and downloads nothing."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shell)
    done = subprocess.run(
        [shutil.which("make") or "make", "browser"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "apt-get install npm" in done.stdout
    assert not (tmp_path / "tests").exists()
