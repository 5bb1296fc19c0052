"""What the compiled twins take for granted is what their twins in Python say: a threshold is tuned in both."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "botkit" / "media" / "native"

TWINS = {
    "native.h": ("bands", "history"),
    "laid.h": ("alignment", "pcm", "reference"),
    "prompts.c": ("prompt_hearing", "pcm", "reference"),
    "catalogue.c": ("catalogue", "reference"),
    "bands.h": ("bands",),
    "speech.h": ("steady",),
    "speech.c": ("pcm",),
    "steady.c": ("steady", "pcm"),
    "spectrum.c": ("spectrum",),
    "srtp_path.c": ("srtp", "wire"),
    "module.c": ("native",),
}
"""Where the constants of each file are in Python, the first module first."""

CONSTANT = re.compile(r"\b([A-Z][A-Z0-9_]+)(?: = |\s+)(-?[0-9][0-9.e-]*(?: \+ [0-9]+)*)f?\b")


@pytest.mark.parametrize("file", TWINS)
def test_constants(file: str) -> None:
    """Each number that has a name in both has one value."""
    modules = [importlib.import_module(f"botkit.media.{name}") for name in TWINS[file]]
    compared = 0
    for name, value in CONSTANT.findall((NATIVE / file).read_text()):
        home = next((module for module in modules if hasattr(module, name)), None)
        if home is not None:
            assert sum(map(float, value.split(" + "))) == pytest.approx(float(getattr(home, name)), rel=1e-6), name
            compared += 1
    assert compared


def test_scraps() -> None:
    """The likeness that scraps of a prompt need, which stands as numbers in `judge`."""
    from botkit.media.alignment import SCRAPS

    found = re.findall(r"size < (\d+) && blocks->likeness < ([0-9.]+)", (NATIVE / "judged.c").read_text())
    assert tuple((int(size), float(least)) for size, least in found) == SCRAPS


def test_no_file_is_forgotten() -> None:
    """A file that names numbers of Python's is among those that are compared."""
    names = {path.name for path in NATIVE.iterdir() if CONSTANT.search(path.read_text())}
    assert names - set(TWINS) <= {"arrays.h", "digits.c", "frames.c", "bands.c", "resample.c"}  # lanes, columns
