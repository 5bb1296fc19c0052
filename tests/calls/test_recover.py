"""Real runs, killed in the middle of a call, and what `botkit recover` makes of what they left."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from botkit.media.spool import SpoolReader
from botkit.media.wav import read_wav
from tests.calls.kit import written
from tests.calls.test_command_line import ENVIRONMENT, botkit

LINE = 'flow: Line\nanswer: "5100"\non: {answered: [{play: {tone: 440, for: 60s}}]}\n'
CALLER = 'flow: Caller\ndial: "5100"\non: {answered: [{play: {tone: 900, for: 60s}}]}\n'
RATES = {"PCMU": 8000, "PCMA": 8000, "G722": 16000, "opus": 48000}


def seconds_kept(spool: Path) -> float:
    """How much the shortest of two calls has in a spool that is being written."""
    if not spool.exists() or spool.stat().st_size < 1000:
        return 0.0
    with SpoolReader(spool) as reader:
        times = [[one.at for one in reader.records(call)] for call in reader.calls]
    return min((max(at) - min(at) for at in times if at), default=0.0) if len(times) == 2 else 0.0


@pytest.mark.parametrize("codec", RATES)
def test_killed_in_the_middle(tmp_path: Path, codec: str) -> None:
    """While it runs it is refused, naming its process; killed, both sides of both calls are heard again."""
    written(tmp_path, {"line": LINE, "caller": CALLER})
    out = tmp_path / "o"
    with subprocess.Popen(
        [sys.executable, "-m", "botkit", "run", "line.yaml", "caller.yaml", "--codec", codec, "--out", "o"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            for _ in range(600):
                if process.poll() is not None or seconds_kept(out / "spool.botkit") > 1.5:
                    break
                time.sleep(0.05)
            early = botkit(tmp_path, "recover", "o")
        finally:
            process.kill()
            _, errors = process.communicate()
    assert process.returncode == -9, errors
    assert early.returncode == 2
    assert f"process {process.pid}" in early.stderr
    for name in ("caller-1", "line-1"):  # what a buffer that was cut in two would leave
        with (out / "calls" / name / "events.jsonl").open("a") as file:
            file.write('{"t": 1.2, "type": "ev')
    done = botkit(tmp_path, "recover", "o", "--json")
    assert done.returncode == 0, done.stderr
    told = {call["call"]: call["seconds"] for call in json.loads(done.stdout)["spools"][0]["calls"]}
    assert sorted(told) == ["caller-1", "line-1"]
    for name, heard, said in (("caller-1", 440, 900), ("line-1", 900, 440)):
        folder = out / "calls" / name
        for side, hz in (("rx", heard), ("tx", said)):
            pcm, rate = read_wav(folder / f"{side}.wav")
            assert rate == RATES[codec]
            assert pcm.size / rate == pytest.approx(told[name], abs=0.01)
            assert pcm.size / rate > 1.0
            spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
            assert spectrum.argmax() * rate / pcm.size == pytest.approx(hz, abs=5)
        lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        assert lines[0]["type"] == "call"
        assert "answered" in [line.get("event") for line in lines]
    assert not list(out.glob("spool*"))
    again = botkit(tmp_path, "recover", "o")
    assert (again.returncode, "nothing to recover" in again.stdout) == (0, True)
