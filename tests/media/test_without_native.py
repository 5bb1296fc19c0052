"""Where the compiled twins are not there, or not wanted, everything works all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

HEARING = [
    "test_bands",
    "test_batch",
    "test_ear",
    "test_hearing",
    "test_history",
    "test_match",
    "test_peer",
    "test_prompt_hearing",
    "test_vad",
]
"""Tests of what has a twin; what takes long is left to the tests that hold the two against each other."""


@pytest.mark.needs("native")
def test_all_of_hearing_in_python() -> None:
    """What is tested of hearing, and of a leg's path, passes in Python alone; elsewhere it is tested compiled."""
    tests = [str(HERE / f"{name}.py") for name in HEARING]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow", *tests],
        env={**os.environ, "BOTKIT_NATIVE": "off"}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


HIDDEN = {
    "off": "",
    "absent": "import sys; sys.modules['botkit.media._native'] = None; ",
    "old": "import sys, types; old = sys.modules['botkit.media._native'] = types.ModuleType('_native'); "
    "old.REVISION = 0; import botkit.media; botkit.media._native = old; ",
}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("off", False), ("0", False), ("no", False), ("False", False), ("on", True), ("1", True), ("", True)],
)
def test_what_switches_it_off(said: str, wanted: bool) -> None:
    """What usually means off means it here, too."""
    code = f"from botkit.media import native; assert native.AVAILABLE is (native.BUILT and {wanted})"
    env = {**os.environ, "BOTKIT_NATIVE": said}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", HIDDEN)
def test_what_is_chosen(how: str) -> None:
    """With `BOTKIT_NATIVE=off`, where nothing was built, and where it was built from older sources: nothing compiled is
    used, and all imports."""
    hidden = HIDDEN[how]
    code = (
        f"{hidden}from botkit.media import alignment, hearing, native, native_alignment, peer, speech_hearing, vad; "
        "from botkit.media import bands, bank, batch, catalogue, digit_sieve, history, pcm, prompt_hearing; "
        "assert not native.AVAILABLE; "
        "assert native_alignment.lay is alignment.Alignment; "
        "assert speech_hearing.voice_activity is vad.VoiceActivity; "
        "assert catalogue.catalogue_of is catalogue.Catalogue; "
        "parts = bands._hear, batch._in_order, digit_sieve.wanted, hearing._fed, history._append, bank._amplitudes; "
        "assert all(part.__name__.endswith('_in_python') for part in (*parts, prompt_hearing._take_in, pcm._filtered))"
    )
    env = {**os.environ, "BOTKIT_NATIVE": "off" if how == "off" else "on"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
