"""The microphone and the loudspeaker of a call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.client.devices import EARLY, Devices
from botkit.exchange.exchange import run_exchange
from botkit.media.ear import Ear, HeardFrame
from botkit.media.live import LiveFigures, PcmReader, PcmWriter
from botkit.media.sink import Sink, WavSink
from botkit.media.source import ToneSource
from botkit.media.spectrum import tones_in
from botkit.media.wav import read_wav


def talk(
    scene: Callable[[Call, Call], Awaitable[None]],
    *,
    audio_in: ToneSource | None = None,
    audio_out: Callable[[Call], Sink] | None = None,
) -> None:
    """Run `scene(caller's call, callee's call)` on an answered call in virtual time; the devices are the caller's."""

    async def main() -> None:
        async with (
            run_exchange(port=None) as exchange,
            Client(exchange.account("bob", "100"), connect_line=exchange.connect) as bob,
            Client(
                exchange.account("alice"), connect_line=exchange.connect, audio_in=audio_in, audio_out=audio_out
            ) as alice,
        ):
            calls: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", calls.put_nowait)
            async with await alice.dial("100") as call, await calls.get() as answered:
                await answered.answer()
                await call.answered(within=5)
                await scene(call, answered)

    clock.run(main(), virtual=True)


def test_a_source_is_heard_between_plays() -> None:
    """The client's source goes out over and over while nothing is played."""

    async def scene(call: Call, answered: Call) -> None:
        await answered.clock.sleep(2.5)
        heard = await answered.expect_tone(600, within=1, length=0.5)
        assert heard.latency is not None
        assert answered.ear.sounds.open is not None  # the tone of a second is still on, in its third turn

    talk(scene, audio_in=ToneSource((600.0,), 1.0))


def test_a_source_may_be_changed_in_mid_call() -> None:
    """The new source takes over at once, and None means silence."""

    async def scene(call: Call, answered: Call) -> None:
        await answered.expect_tone(600, within=2)
        call.audio_in = ToneSource((900.0,), 1.0)
        await answered.expect_tone(900, within=2)
        call.audio_in = None
        await answered.expect_silence(1.0, within=3)

    talk(scene, audio_in=ToneSource((600.0,), 1.0))


def test_a_play_takes_the_place_of_the_source() -> None:
    """What is played is heard alone; the source goes on after it."""

    async def scene(call: Call, answered: Call) -> None:
        await answered.expect_tone(600, within=2)
        await call.play("audio/hello.wav")
        await answered.clock.sleep(1.0)
        assert len(answered.ear.speech) >= 1
        await answered.expect_tone(600, within=2)

    talk(scene, audio_in=ToneSource((600.0,), 1.0))


def test_a_sink_hears_all_of_a_call(tmp_path: Path) -> None:
    """The sink of a client's calls takes what is heard, and is closed with the call."""
    path = tmp_path / "heard.wav"

    async def scene(call: Call, answered: Call) -> None:
        await answered.clock.sleep(0.5)
        answered.audio_in = ToneSource((700.0,), 1.0)
        await call.clock.sleep(1.0)

    talk(scene, audio_out=lambda call: WavSink(path))
    pcm, rate = read_wav(path)
    assert rate == 8000
    assert pcm.size / rate == pytest.approx(1.5, abs=0.3)
    assert tones_in(pcm[-6000:-2000]) == pytest.approx((700.0,), abs=3)


def test_a_sink_that_is_replaced_is_closed(tmp_path: Path) -> None:
    """Each sink has the part that it heard."""
    first, second = tmp_path / "1.wav", tmp_path / "2.wav"

    async def scene(call: Call, answered: Call) -> None:
        await call.clock.sleep(1.0)
        call.audio_out = WavSink(second)
        await call.clock.sleep(2.0)
        assert first.exists()

    talk(scene, audio_out=lambda call: WavSink(first))
    assert read_wav(first)[0].size / 8000 == pytest.approx(1.0, abs=0.2)
    assert read_wav(second)[0].size / 8000 == pytest.approx(2.0, abs=0.2)
    assert not np.any(read_wav(second)[0])


class Slow:
    """A live device that is opened when it may be; what it is given is kept."""

    both = True

    def __init__(self, catches_up: bool) -> None:
        self.catches_up = catches_up
        self.opening, self.may_open = threading.Event(), threading.Event()
        self.figures = LiveFigures("slow")
        self.got = b""

    def check(self, *, says: bool) -> None: ...

    def open(self, *, says: bool, hears: bool, environment: Mapping[str, str]) -> Slow:
        self.opening.set()
        self.may_open.wait()
        return self

    def reader(self, rate: int) -> PcmReader:
        return PcmReader(8000, rate, self.figures, lambda count: b"")

    def writer(self) -> PcmWriter:
        return PcmWriter(8000, self.figures, self._take)

    def _take(self, frame: bytes) -> bool:
        self.got += frame[:2]
        return True

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("catches_up", "heard", "got"),
    [
        (True, 3, range(1, 6)),
        (False, 3, range(4, 6)),
        (True, EARLY + 3, range(4, EARLY + 6)),
    ],
    ids=["a program", "a loudspeaker", "more than a second"],
)
def test_what_is_heard_while_a_device_is_opened(catches_up: bool, heard: int, got: range) -> None:
    """A program that takes its time to start hears it then, the last second of it; to a loudspeaker it is lost."""

    async def main() -> None:
        ear, device = Ear(), Slow(catches_up)
        async with asyncio.TaskGroup() as tasks:
            devices = Devices(ear, lambda work, name: tasks.create_task(work, name=name), lambda fault: None)

            def hear(numbers: range) -> None:
                for number in numbers:
                    for tap in ear.taps:
                        tap(HeardFrame(0.02 * number, np.full(160, number, np.int16)))

            devices.audio_in = device
            await asyncio.to_thread(device.opening.wait)
            hear(range(1, heard + 1))
            device.may_open.set()
        hear(range(heard + 1, heard + 3))
        await devices.close()
        assert np.frombuffer(device.got, "<i2").tolist() == list(got)
        assert not len(ear.taps)

    asyncio.run(main())
