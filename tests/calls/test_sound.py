"""Sound cards through PortAudio and ALSA, which plays into a pipe and records from one: a card for tests.

ALSA reads its settings from the file that ALSA_CONFIG_PATH names, so all of it happens in a process of its own.
The pipes are read and written in real time here, which keeps the card's pace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from botkit.media.pcm import resample
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone
from tests.calls.kit import ROOT
from tests.calls.test_agents import LINE, LISTENER
from tests.calls.test_command_line import ENVIRONMENT

pytestmark = pytest.mark.needs("sound")

RATE = 48000

ALSA = """
pcm.lab_speaker {{
  type file
  slave.pcm {{ type null }}
  file "{folder}/played"
  format raw
}}
pcm.lab_microphone {{
  type file
  slave.pcm {{ type null }}
  file "/dev/null"
  infile "{folder}/recorded"
  format raw
}}
pcm.!default {{ type null }}
"""
"""PortAudio wants a default beside them."""

NO_CARD = "pcm.gone { type hw card 99 }\n"


def botkit(folder: Path, *arguments: str, alsa: str) -> subprocess.CompletedProcess[str]:
    (folder / "asound.conf").write_text(alsa)
    return subprocess.run(
        [sys.executable, "-m", "botkit", *arguments],
        cwd=folder,
        env={**ENVIRONMENT, "ALSA_CONFIG_PATH": str(folder / "asound.conf")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def room(folder: Path) -> Iterator[list[bytes]]:
    """What the card plays, as it is played; what it records is a tone of 700 Hz."""
    for name in ("played", "recorded"):
        os.mkfifo(folder / name)
    played: list[bytes] = []
    over, pace = threading.Event(), threading.Event()
    # opened both ways, so that neither side waits for the other to open, nor ends by the other's closing
    speaker, microphone = (os.open(folder / name, os.O_RDWR | os.O_NONBLOCK) for name in ("played", "recorded"))

    def sound() -> None:
        second = tone((700,), 1.0, rate=RATE).astype("<i2").tobytes()
        at = 0
        while not over.is_set():
            pace.wait(0.02)
            with suppress(BlockingIOError):
                played.append(os.read(speaker, RATE // 50 * 2))
            with suppress(BlockingIOError):
                at = (at + os.write(microphone, second[at : at + RATE // 50 * 2])) % len(second)

    thread = threading.Thread(target=sound)
    thread.start()
    try:
        yield played
    finally:
        over.set()
        thread.join()
        os.close(speaker)
        os.close(microphone)


def test_devices_lists_the_cards(tmp_path: Path) -> None:
    """`botkit devices` names each card as it is chosen."""
    alsa = ALSA.format(folder=tmp_path)
    with room(tmp_path):
        shown = botkit(tmp_path, "devices", alsa=alsa)
        told = json.loads(botkit(tmp_path, "devices", "--json", alsa=alsa).stdout)
    assert shown.returncode == 0, shown.stderr
    assert "  card:lab_speaker  (ALSA" in shown.stdout
    assert "card:lab_speaker" in {entry["name"] for entry in told["sinks"]}
    assert told["sound"]["available"]


def test_no_card(tmp_path: Path) -> None:
    """With everything installed and no card the word is another: there is none."""
    shown = botkit(tmp_path, "devices", alsa=NO_CARD)
    assert "Sound cards: none; this machine has no sound card" in shown.stdout
    (tmp_path / "line.yaml").write_text(LINE)
    run = botkit(tmp_path, "run", "line.yaml", "--out", "o", "--audio-in", "card", alsa=NO_CARD)
    assert run.returncode == 2
    assert "this machine has no sound card with a microphone" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_a_name_that_fits_no_card(tmp_path: Path) -> None:
    """The cards that there are are named."""
    (tmp_path / "line.yaml").write_text(LINE)
    with room(tmp_path):
        run = botkit(
            tmp_path, "run", "line.yaml", "--out", "o", "--audio-out", "card:nope", alsa=ALSA.format(folder=tmp_path)
        )
    assert run.returncode == 2
    assert "no card has such a name and a loudspeaker" in run.stdout
    assert "card:lab_speaker" in run.stdout


def test_a_microphone_and_a_loudspeaker(tmp_path: Path) -> None:
    """What the microphone records is heard in the call, and what the call hears is played."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "caller.yaml").write_text(LISTENER)
    with room(tmp_path) as played:
        run = botkit(
            tmp_path,
            *("run", "line.yaml", "caller.yaml", "--out", "o"),
            *("--audio-in", "line=card:lab_microphone", "--audio-out", "line=card:lab_speaker"),
            alsa=ALSA.format(folder=tmp_path),
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "line audio card:lab_microphone: " in run.stdout
    samples = np.frombuffer(b"".join(played), "<i2").astype(np.int16)
    begin = int(np.flatnonzero(np.abs(samples) > 1000)[RATE // 20])
    heard = resample(samples[begin : begin + RATE // 5], RATE, 8000)
    assert tones_in(heard) == pytest.approx((900.0,), abs=10)


def test_the_extra_is_in_the_project() -> None:
    """`pip install 'botkit[sound]'` is a thing."""
    assert '\nsound = ["sounddevice' in (ROOT / "pyproject.toml").read_text()
