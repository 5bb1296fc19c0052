"""The compiled twins under the compiler's sanitizers: no access out of bounds, no overflow, whatever they are given."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NATIVE = ROOT / "botkit" / "media" / "native"
CHECKS = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]

RUN = """
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.ExtensionFileLoader("botkit.media._native", sys.argv[1])
spec = importlib.util.spec_from_file_location("botkit.media._native", sys.argv[1], loader=loader)
sys.modules["botkit.media._native"] = module = importlib.util.module_from_spec(spec)
loader.exec_module(module)
import botkit.media
botkit.media._native = module
import pytest
sys.exit(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "--timeout", "3600", *sys.argv[2:]]))
"""


def compiled(folder: Path) -> Path:
    """The module, built with all warnings as errors, and with the sanitizers."""
    library = folder / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = ["-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion"]
    flags += ["-Werror", "-Wno-unused-parameter", "-shared", "-fPIC", *CHECKS]
    include = f"-I{sysconfig.get_path('include')}"
    sources = map(str, sorted(NATIVE.glob("*.c")))
    subprocess.run(["gcc", *flags, include, *sources, "-lm", "-o", str(library)], check=True)
    return library


def runtime(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.mark.slow
@pytest.mark.needs("native")
def test_under_the_sanitizers(tmp_path: Path) -> None:
    """All that is tested of the compiled twins passes with every access and every sum checked."""
    env = {
        **os.environ,
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONMALLOC": "malloc",
    }
    tests = [str(path) for path in sorted(Path(__file__).parent.glob("test_native_*.py")) if path != Path(__file__)]
    tests += [
        str(Path(__file__).parent / name)
        for name in ("test_match.py", "test_hearing.py", "test_vad.py", "test_srtp_path.py")
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(compiled(tmp_path)), *tests],
        env=env, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
