"""Other programs in calls: `--audio-in` and `--audio-out` of `botkit run`, with real pipes and processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.device import sink_named, source_named
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone
from botkit.media.wav import read_wav
from botkit.results import RunResult, Verdict
from tests.calls.kit import FLOWS, call_of, journal, play, run
from tests.calls.test_command_line import ENVIRONMENT, botkit

PARROT = shlex.join([sys.executable, str(FLOWS / "agents" / "parrot.py")])

LINE = 'flow: Line\nanswer: "5100"\ncalls: 1..\non: {answered: [{wait_for: {event: ended, within: 60s}}]}\n'

LISTENER = """
flow: Listener
dial: "5100"
on:
  answered:
    - expect_tone: {hz: 700, for: 300ms, within: 10s}
    - play: {tone: 900, for: 1s}
    - wait: 200ms
    - hangup
"""
"""Hears 700 Hz, says 900 Hz."""


def pcm(*hz: float, length: float = 1.0, rate: int = 8000) -> bytes:
    return tone(hz, length, rate=rate).astype("<i2").tobytes()


def tone_agent(rate: int) -> str:
    """An agent that says 700 Hz for a second and then reads on; it knows numpy and nothing of botkit."""
    code = (
        "import sys, numpy as np\n"
        f"t = np.arange({rate}) / {rate}\n"
        "sys.stdout.buffer.write((9000 * np.sin(2 * np.pi * 700 * t)).astype('<i2').tobytes())\n"
        "sys.stdout.buffer.flush()\n"
        "while sys.stdin.buffer.read(320): pass\n"
    )
    return shlex.join([sys.executable, "-c", code])


def talk(folder: Path, flows: dict[str, str] | None = None, **chosen: Any) -> RunResult:
    """The two flows in real time, in memory; devices by bot, as texts."""
    devices: dict[str, Any] = {"audio_in": {}, "audio_out": {}}
    for option, read in (("audio_in", source_named), ("audio_out", sink_named)):
        devices[option] = {bot: read(name) for bot, name in chosen.pop(option, {}).items()}
    return play(
        folder, flows or {"line": LINE, "caller": LISTENER}, virtual=False, over_network=False, **devices, **chosen
    )


def audio(folder: Path, call: str) -> list[dict[str, Any]]:
    """What the journal says of the devices of a call."""
    return [line for line in journal(folder, call) if line["type"] == "audio"]


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_the_example_agent(codec: str, tmp_path: Path) -> None:
    """flows/agents/parrot.py says back two tones over the network; both bots pass, and the process is gone."""
    paths = [FLOWS / "agent_line.yaml", FLOWS / "agent_caller.yaml"]
    source = source_named(f"exec:{PARROT}")
    result = run(paths, tmp_path / "out", virtual=False, audio_in={"agent_line": source}, codecs={"": (codec,)})
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]
    (told,) = audio(tmp_path, "agent_line-1")
    assert told["said"] > 30
    assert told["heard"] > 60
    assert "over" not in told or told["over"] is None
    assert not running(PARROT)


def running(command: str) -> list[str]:
    """Our processes of that command line."""
    wanted = "\0".join(shlex.split(command)).encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in entry.read_bytes() and entry.with_name("stat").read_text().split()[3] == str(os.getpid()):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("rate", [16000, 24000])
def test_an_agent_at_its_own_rate(rate: int, tmp_path: Path) -> None:
    """`?rate=` is the rate both ways: what is written so is that tone in the call."""
    result = talk(tmp_path, audio_in={"line": f"exec:{tone_agent(rate)}?rate={rate}"})
    assert result.verdict is Verdict.PASSED, call_of(result, "caller").problems


def test_one_program_each_way(tmp_path: Path) -> None:
    """Where another device is named for the other way, a program has one way only."""
    heard = tmp_path / "heard.raw"
    listener = shlex.join(
        [sys.executable, "-c", f"import sys; open({str(heard)!r}, 'wb').write(sys.stdin.buffer.read())"]
    )
    result = talk(tmp_path, audio_in={"line": f"exec:{tone_agent(8000)}"}, audio_out={"line": f"exec:{listener}"})
    assert result.verdict is Verdict.PASSED, call_of(result, "caller").problems
    samples = np.frombuffer(heard.read_bytes(), "<i2").astype(np.int16)
    loud = np.flatnonzero(np.abs(samples) > 1000)
    assert tones_in(samples[loud[800] : loud[800] + 4000]) == pytest.approx((900.0,), abs=3)
    assert [(line["said"] > 0, line["heard"] > 0) for line in audio(tmp_path, "line-1")] == [
        (True, False),
        (False, True),
    ]


def test_an_agent_that_dies_ends_its_source_and_not_the_call(tmp_path: Path) -> None:
    """The call goes on and passes; the journal and the progress say how the program ended."""
    told: list[str] = []
    code = "import sys; sys.stdout.buffer.write(b'\\x10\\x20' * 1600); sys.stdout.flush(); sys.exit(3)"
    flows = {"line": LINE, "caller": 'flow: C\ndial: "5100"\non: {answered: [{wait: 1500ms}, hangup]}\n'}
    result = talk(
        tmp_path,
        flows,
        audio_in={"line": f"exec:{shlex.join([sys.executable, '-c', code])}"},
        progress=lambda notice: told.append(notice.text) if notice.kind == "audio" else None,
    )
    assert result.verdict is Verdict.PASSED
    (line,) = audio(tmp_path, "line-1")
    assert line["over"] == "the program ended (exit status 3) before the call did"
    assert line["said"] == 10
    assert any("exit status 3" in text for text in told)


def test_named_pipes(tmp_path: Path) -> None:
    """Another program writes into one pipe and reads from another, 16000 bytes a second."""
    for name in ("said", "heard"):
        os.mkfifo(tmp_path / name)
    heard: list[bytes] = []

    def speak() -> None:
        with (tmp_path / "said").open("wb") as pipe:
            pipe.write(pcm(700))

    def hear() -> None:
        with (tmp_path / "heard").open("rb") as pipe:
            heard.append(pipe.read())

    threads = [threading.Thread(target=work) for work in (speak, hear)]
    for thread in threads:
        thread.start()
    result = talk(tmp_path, audio_in={"line": f"pipe:{tmp_path}/said"}, audio_out={"line": f"pipe:{tmp_path}/heard"})
    for thread in threads:
        thread.join(10)
    assert result.verdict is Verdict.PASSED, call_of(result, "caller").problems
    samples = np.frombuffer(heard[0], "<i2").astype(np.int16)
    loud = np.flatnonzero(np.abs(samples) > 1000)
    assert tones_in(samples[loud[800] : loud[800] + 4000]) == pytest.approx((900.0,), abs=3)


def test_a_file_for_each_call(tmp_path: Path) -> None:
    """`file:` as sink: each call of a bot has its own, and none is overwritten."""
    flows = {"line": LINE.replace("1..", "2"), "caller": LISTENER, "other": LISTENER}
    result = play(
        tmp_path,
        flows,
        audio_in={"line": source_named("tone:700")},
        audio_out={"line": sink_named(f"file:{tmp_path}/heard.wav")},
    )
    assert result.verdict is Verdict.PASSED
    for name in ("heard.wav", "heard-2.wav"):
        samples, rate = read_wav(tmp_path / name)
        loud = np.flatnonzero(np.abs(samples) > 1000)
        assert rate == 8000
        assert tones_in(samples[loud[800] : loud[800] + 4000]) == pytest.approx((900.0,), abs=3)


def test_a_pipe_that_another_call_uses(tmp_path: Path) -> None:
    """The second call at once is a fault that says what to do; the first is left alone."""
    os.mkfifo(tmp_path / "said")
    flows = {
        "line": LINE,
        "caller": 'flow: C\ndial: "5100"\non: {answered: [{wait: 2s}, hangup]}\n',
        "other": 'flow: C\ndial: "5100"\nexpect_call: any\non: {answered: [{wait: 1s}, hangup]}\n',
    }
    result = talk(tmp_path, flows, audio_in={"line": f"pipe:{tmp_path}/said"})
    line = next(flow for flow in result.flows if flow.bot == "line")
    assert sorted(call.verdict.value for call in line.calls) == ["fault", "passed"]
    (problem,) = [problem for call in line.calls for problem in call.problems if problem.kind == "fault"]
    assert "already in use by another call" in problem.message
    assert "exec:" in (problem.hint or "")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"audio_in": {"nobody": "silence"}}, "--audio-in nobody=…: no bot"),
        ({"audio_out": {"": "exec:no_such_program"}}, "there is no program"),
        ({"audio_in": {"": "pipe:-"}}, "would share it"),
        ({"audio_in": {"line": "file:none.wav"}}, "there is no audio file"),
        ({"audio_in": {"line": "pipe:/no/such/pipe"}}, "mkfifo"),
    ],
)
def test_told_before_any_call(chosen: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A device that cannot be used ends the run before a call is made."""
    with pytest.raises(ConfigError) as refused:
        talk(tmp_path, **chosen)
    assert words in str(refused.value)
    assert not (tmp_path / "out" / "calls").exists()


# --- as people type it ------------------------------------------------------------------------------------


def test_standard_input_and_output(tmp_path: Path) -> None:
    """`my_program | botkit run … | my_program`: PCM alone on standard output, what botkit tells beside it."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "caller.yaml").write_text(LISTENER)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "botkit", "run", "line.yaml", "caller.yaml", "--out", "o"),
            *("--audio-in", "line=pipe:-?rate=16000", "--audio-out", "line=pipe:-"),
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        input=pcm(700, rate=16000),
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "passed: 2 calls" in said
    samples = np.frombuffer(done.stdout, "<i2").astype(np.int16)
    loud = np.flatnonzero(np.abs(samples) > 1000)
    assert tones_in(samples[loud[800] : loud[800] + 4000]) == pytest.approx((900.0,), abs=3)


def test_a_program_on_the_command_line(tmp_path: Path) -> None:
    """`--audio-in BOT=exec:COMMAND`; what went through it is told at the end, and in the result nothing changes."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "caller.yaml").write_text(LISTENER)
    done = botkit(
        tmp_path, "run", "line.yaml", "caller.yaml", "--out", "o", "--audio-in", f"line=exec:{tone_agent(8000)}"
    )
    assert done.returncode == 0, done.stdout
    assert "line audio exec:" in done.stdout
    assert "s said" in done.stdout
    assert json.loads((tmp_path / "o" / "result.json").read_text())["verdict"] == "passed"


def test_ctrl_c_ends_the_program_in_order(tmp_path: Path) -> None:
    """Ctrl-C is not the program's: the call ends with a bye, then its input ends, and it goes by itself."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "caller.yaml").write_text('flow: C\ndial: "5100"\non: {answered: [{wait: 60s}]}\n')
    noted = tmp_path / "noted"
    code = (
        f"import sys, os; note = open({str(noted)!r}, 'w', buffering=1); note.write(str(os.getpid()) + ' began')\n"
        "try:\n while sys.stdin.buffer.read(320): pass\n note.write(' and its input ended')\n"
        "except KeyboardInterrupt: note.write(' and was interrupted')\n"
    )
    program = shlex.join([sys.executable, "-u", "-c", code])
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "botkit", "run", "line.yaml", "caller.yaml", "--out", "o"),
            *("--audio-in", f"line=exec:{program}"),
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "caller answered" in line:
                break
        pause = threading.Event()
        for _ in range(1000):
            if noted.exists() and noted.read_text().endswith("began"):
                break
            pause.wait(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "line audio exec:" in rest
    pid, said = noted.read_text().split(" ", 1)
    assert said == "began and its input ended"
    assert not Path(f"/proc/{pid}").exists()
