"""The hold music of the package; how it is heard is in `test_bridge.py`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.exchange.exchange import run_exchange
from botkit.media import cadence
from botkit.media.bank import Bank
from botkit.media.dtmf import DtmfHearing
from botkit.media.pcm import level
from botkit.media.wav import read_wav
from botkit.settings import HOLD_MUSIC
from tests.exchange.kit import Office, play

ROOT = Path(__file__).parents[2]
MUSIC, RATE = read_wav(HOLD_MUSIC)


def test_it_is_a_loop() -> None:
    """8 kHz mono, 10 to 20 s, whole frames, as loud as the prompts, and no seam from its end to its beginning."""
    assert (RATE, MUSIC.ndim) == (8000, 1)
    assert 10 <= MUSIC.size / RATE <= 20
    assert MUSIC.size % 160 == 0
    assert level(MUSIC) == pytest.approx(-20, abs=0.1)
    steps = np.abs(np.diff(np.concatenate((MUSIC, MUSIC[:1])).astype(int)))
    assert steps[-1] <= np.percentile(steps, 99)
    assert np.abs(MUSIC.astype(int)).max() < 32000


def test_no_detector_takes_it_for_something_else() -> None:
    """There is no digit in it, no call progress tone and no beep, also where it begins again."""
    batch = np.concatenate((MUSIC, MUSIC)).reshape(-1, 160)
    bank = Bank()
    hearing = DtmfHearing(bank)
    hearing.add(0)
    trackers = [cadence.tracker_for(bank, name) for name in ("dial", "busy", "ringback", "sit", "beep")]
    heard = [bank.hear(batch[row : row + 1]) for row in range(len(batch))]
    assert not [fact for row, one in enumerate(heard) for fact in hearing.hear([0], [0.02 * row], one)]
    assert not [fact for row, one in enumerate(heard) for each in trackers for fact in each.push(0.02 * row, one, 0)]


def test_the_script_makes_it(tmp_path: Path) -> None:
    """`audio/make_hold_music.py` makes the file again, but for the last bit."""
    made = tmp_path / "made.wav"
    subprocess.run([sys.executable, ROOT / "audio" / "make_hold_music.py", made], check=True)
    again, _ = read_wav(made)
    assert np.abs(again.astype(int) - MUSIC).max() <= 1


def test_it_ships() -> None:
    """Every file of the package that is no Python is package data, so that an installed botkit has it."""
    package = ROOT / "botkit"
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {path for pattern in tool["package-data"]["botkit"] for path in package.glob(pattern)}
    [extension] = tool["ext-modules"]
    shipped |= {ROOT / path for path in (*extension["sources"], *extension["depends"])}
    built = (".py", ".pyc", ".so", ".pyd")
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in built}
    assert HOLD_MUSIC in shipped
    assert others == shipped


def test_a_file_that_is_no_audio(tmp_path: Path) -> None:
    """An exchange that cannot play its hold audio does not begin, and says which file it is."""
    path = tmp_path / "noise.wav"
    path.write_text("hello")

    async def scene(office: Office) -> None:
        with pytest.raises(ConfigError, match=r"noise\.wav cannot be read as audio"):
            async with run_exchange(port=None, plane=office.plane, hold_audio=path):
                pass

    play(scene)
