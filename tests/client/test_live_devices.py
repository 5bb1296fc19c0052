"""Live devices from Python: chosen by name or as objects, changed in mid-call, given back with the call."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import ConfigError
from botkit.exchange.exchange import run_exchange
from botkit.media.plane import MediaPlane
from botkit.media.sink import WavSink
from botkit.media.tone import tone
from botkit.media.transport import MemoryNetwork
from botkit.vocabulary import Tone

ECHO = shlex.join(
    [
        sys.executable,
        "-c",
        "import sys\nwhile data := sys.stdin.buffer.read(320):\n"
        " sys.stdout.buffer.write(data)\n sys.stdout.buffer.flush()",
    ]
)


def talk(scene: Callable[[Call, Call], Awaitable[None]], **chosen: Any) -> None:
    """Run `scene(caller's call, callee's call)` on an answered call, in memory and in real time; the devices are
    the callee's."""

    async def main() -> None:
        time = clock.MonotonicClock()
        async with (
            MediaPlane(time, network=MemoryNetwork(time)).running() as plane,
            run_exchange(port=None, plane=plane) as exchange,
            Client(exchange.account("bob", "100"), connect_line=exchange.connect, plane=plane, **chosen) as bob,
            Client(exchange.account("alice"), connect_line=exchange.connect, plane=plane) as alice,
        ):
            calls: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", calls.put_nowait)
            async with await alice.dial("100") as call, await calls.get() as answered:
                await answered.answer()
                await call.answered(within=20)
                await scene(call, answered)

    clock.run(main())


def children() -> set[int]:
    """Our processes that live."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(stat.parent.name))
    return found


async def until(true: Callable[[], object]) -> None:
    """Ask again and again, for 20 s at most."""
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


def test_a_program_for_a_client() -> None:
    """Named for the client, one is started for each call, hears and speaks, and is gone when the call is."""
    before = children()
    seen: list[Call] = []

    async def scene(call: Call, answered: Call) -> None:
        seen.append(answered)
        await until(lambda: children() - before)
        call.audio_in = "tone:600"
        await call.expect_tone(600, within=10, length=0.3)
        assert len(children() - before) == 1

    talk(scene, audio_in=f"exec:{ECHO}")
    assert children() == before
    (figures,) = seen[0].device_figures
    assert figures.said
    assert figures.heard


def test_a_program_named_both_ways_is_one() -> None:
    """The same name as source and as sink is one process."""
    before = children()

    async def scene(call: Call, answered: Call) -> None:
        answered.audio_in = f"exec:{ECHO}"
        answered.audio_out = f"exec:{ECHO}"
        call.audio_in = "tone:600"
        await call.expect_tone(600, within=10, length=0.3)
        assert len(children() - before) == 1

    talk(scene)
    assert children() == before


def test_changed_in_mid_call(tmp_path: Path) -> None:
    """A source takes the place of a program, which ends at once; a sink for the other way leaves it to speak."""
    before = children()

    async def scene(call: Call, answered: Call) -> None:
        answered.audio_in = f"exec:{ECHO}"
        await until(lambda: children() - before)
        answered.audio_in = "tone:900"
        await call.expect_tone(900, within=10, length=0.3)
        await until(lambda: children() == before)
        answered.audio_in = f"exec:{ECHO}"
        answered.audio_out = WavSink(tmp_path / "heard.wav")
        await call.expect_silence(0.3, within=10)
        answered.audio_in = None
        await until(lambda: children() == before)
        assert isinstance(answered.audio_out, WavSink)

    talk(scene)
    assert (tmp_path / "heard.wav").exists()


def test_a_play_goes_over_what_is_live(tmp_path: Path) -> None:
    """What a pipe says under a play is lost, and it goes on in step afterwards: no delay builds up."""
    os.mkfifo(tmp_path / "said")

    async def scene(call: Call, answered: Call) -> None:
        answered.audio_in = f"pipe:{tmp_path}/said"
        writing.start()
        await call.expect_tone(600, within=10, length=0.2)
        await answered.play(Tone((1700.0,), 1.5))
        await call.expect_tone(1100, within=10, length=0.3)
        await call.expect_silence(0.3, within=10)
        (figures,) = answered.device_figures
        assert figures.said == 250
        assert figures.over == "its writer closed it"

    def write() -> None:
        # a second of one tone, then four of another: written at once, taken as time passes
        with (tmp_path / "said").open("wb") as pipe:
            pipe.write(
                b"".join(tone((hz,), length).astype("<i2").tobytes() for hz, length in ((600, 1.0), (1100, 4.0)))
            )

    writing = threading.Thread(target=write)
    talk(scene)
    writing.join(10)


def test_a_pipe_that_is_not_there_ends_the_call() -> None:
    """A call whose other end cannot be opened has no purpose: it ends, and its fault says why."""

    async def scene(call: Call, answered: Call) -> None:
        answered.audio_in = "pipe:/no/such/pipe"
        ended = await answered.ended()
        assert ended.cause == "DESTINATION_OUT_OF_ORDER"
        assert isinstance(answered.fault, ConfigError)

    talk(scene)


def test_a_name_that_names_nothing() -> None:
    """It is refused where it is given, and the call stays as it was."""

    async def scene(call: Call, answered: Call) -> None:
        answered.audio_in = "tone:700"
        with pytest.raises(ConfigError, match="names no source"):
            answered.audio_in = "tuna:700"
        with pytest.raises(ConfigError, match="is a source"):
            answered.audio_out = "silence"
        await call.expect_tone(700, within=10, length=0.2)

    talk(scene)


def test_dialling_with_a_device_that_is_not_there() -> None:
    """The one who dials is told of the device, not of an ended call."""

    async def main() -> None:
        async with (
            run_exchange(port=None) as exchange,
            Client(exchange.account("bob", "100"), connect_line=exchange.connect),  # who lets it ring
            Client(exchange.account("alice"), connect_line=exchange.connect, audio_in="pipe:/no/such/pipe") as alice,
        ):
            with pytest.raises(ConfigError, match="cannot be opened"):
                async with await alice.dial("100") as call:
                    await call.answered(within=5)

    clock.run(main(), virtual=True)
