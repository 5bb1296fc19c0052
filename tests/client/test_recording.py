"""The `record` of a flow."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit import clock
from botkit.client import recording
from botkit.client.recording import QUIET_ENDS, QUIET_FROM_THE_START, record_heard
from botkit.clock import VirtualLoop
from botkit.errors import ConfigError
from botkit.media.ear import Ear, HeardDigit, HeardFrame
from botkit.media.pcm import FLOOR, Pcm, level
from botkit.media.wav import WavFile, read_wav
from botkit.vocabulary import Recorded

LOUD = np.full(160, 8000, np.int16)
QUIET = np.zeros(160, np.int16)


class Stage:
    """An ear that hears 20 ms of something each beat, and a place for the file."""

    def __init__(self, to: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.clock = loop.clock
        self.to = to
        self.ear = Ear()
        self.over = asyncio.Event()
        self.loud_until = 1e9
        self.lost: set[int] = set()

    def frame(self, at: float) -> Pcm:
        """What is heard then."""
        return LOUD if at < self.loud_until else QUIET

    async def hear(self) -> None:
        beat = 0
        while True:
            at = self.clock.now()
            pcm = self.frame(at)
            if pcm.any() != (self.ear.sounds.open is not None):
                self.ear.sounds.begin(at) if pcm.any() else self.ear.sounds.finish(at)
            if beat not in self.lost:
                for tap in self.ear.taps:
                    tap(HeardFrame(at, pcm))
            del pcm
            beat += 1
            await self.clock.sleep(0.02)

    async def record(self, **options: Any) -> Recorded:
        usual: dict[str, Any] = {"limit": None, "stop_on": frozenset(), "until": None, "over": self.over}
        return await record_heard(self.ear, self.clock, self.to, **{**usual, **options})

    def later(self, seconds: float, deed: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, deed)


def play(to: Path, scene: Callable[[Stage], Coroutine[Any, Any, None]], kind: type[Stage] = Stage) -> None:
    async def main() -> None:
        stage = kind(to)
        hearing = asyncio.ensure_future(stage.hear())
        try:
            await scene(stage)
        finally:
            hearing.cancel()
            await asyncio.wait((hearing,))
        assert not stage.ear.taps
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("begin", [0.1, 1.1, 3.3, 77.7, 12345.6])
def test_so_long(tmp_path: Path, begin: float) -> None:
    """With a limit it records so long, whenever it begins; the file holds what was heard, at 8 kHz."""
    to = tmp_path / "new" / "a.wav"

    async def scene(stage: Stage) -> None:
        stage.clock.elapsed = begin
        recorded = await stage.record(limit=0.7)
        assert recorded == Recorded(str(to), pytest.approx(0.7, abs=0.021), pytest.approx(-9.2, abs=1.0))
        assert recorded.level == round(recorded.level, 2)
        assert stage.clock.now() == pytest.approx(begin + 0.7)
        pcm, rate = read_wav(to)
        assert rate == 8000
        assert pcm.size == recorded.duration * 8000
        assert set(pcm[200:-200]) == {8000}

    play(to, scene)


def test_until_it_is_told(tmp_path: Path) -> None:
    """It ends when `until` is set; set before, it records nothing, and the file is there all the same."""

    async def scene(stage: Stage) -> None:
        until = asyncio.Event()
        stage.later(1.5, until.set)
        assert (await stage.record(until=until)).duration == pytest.approx(1.5, abs=0.03)
        recorded = await stage.record(until=until)
        assert (recorded.duration, recorded.level) == (0.0, FLOOR)
        assert stage.to.exists()

    play(tmp_path / "a.wav", scene)


def test_until_the_call_is_over(tmp_path: Path) -> None:
    """The end of the call ends it."""

    async def scene(stage: Stage) -> None:
        stage.later(1.0, lambda: (stage.over.set(), stage.ear.changed()))
        assert (await stage.record(limit=9.0)).duration == pytest.approx(1.0, abs=0.03)
        assert (await stage.record(limit=9.0)).duration == 0.0

    play(tmp_path / "a.wav", scene)


def test_until_a_digit(tmp_path: Path) -> None:
    """With `dtmf` the next digit ends it, not one from before; without, digits do not."""

    async def scene(stage: Stage) -> None:
        stage.ear.hear_digit(HeardDigit("1", "rtp", 0.0))
        for at in (1.0, 3.0):
            stage.later(at, lambda: stage.ear.hear_digit(HeardDigit("2", "rtp", stage.clock.now())))
        assert (await stage.record(stop_on=frozenset({"dtmf"}))).duration == pytest.approx(1.0, abs=0.03)
        assert (await stage.record(limit=3.0)).duration == pytest.approx(3.0, abs=0.03)
        assert len(stage.ear.digits) == 3

    play(tmp_path / "a.wav", scene)


def test_until_it_is_quiet(tmp_path: Path) -> None:
    """With `silence` it ends when it has been quiet for a while after sound."""

    async def scene(stage: Stage) -> None:
        stage.loud_until = 1.0
        recorded = await stage.record(stop_on=frozenset({"silence"}))
        assert recorded.duration == pytest.approx(1.0 + QUIET_ENDS, abs=0.15)

    play(tmp_path / "a.wav", scene)


def test_quiet_from_the_start(tmp_path: Path) -> None:
    """When nobody says anything at all, `silence` ends it later; sound from before does not count."""

    async def scene(stage: Stage) -> None:
        stage.loud_until = 1.0
        await stage.clock.sleep(2.0)
        recorded = await stage.record(stop_on=frozenset({"silence"}))
        assert recorded.duration == pytest.approx(QUIET_FROM_THE_START, abs=0.15)

    play(tmp_path / "a.wav", scene)


def test_what_was_lost_is_silence(tmp_path: Path) -> None:
    """Frames that were not heard are silence in their place, and what follows keeps its time."""

    async def scene(stage: Stage) -> None:
        stage.lost = set(range(10, 20))
        await stage.record(limit=1.0)
        pcm, _ = read_wav(stage.to)
        assert not pcm[10 * 160 + 200 : 20 * 160 - 200].any()
        assert pcm[5 * 160] == pcm[25 * 160] == 8000

    play(tmp_path / "a.wav", scene)


def test_two_at_once(tmp_path: Path) -> None:
    """Two recordings at once do not disturb each other."""

    async def scene(stage: Stage) -> None:
        first = asyncio.ensure_future(stage.record(limit=1.0))
        await stage.clock.sleep(0.5)
        second = record_heard(
            stage.ear, stage.clock, tmp_path / "b.wav", limit=1.0, stop_on=frozenset(), until=None, over=stage.over
        )
        durations = [(await second).duration, (await first).duration]
        assert durations == [pytest.approx(1.0, abs=0.021)] * 2

    play(tmp_path / "a.wav", scene)


def test_cancelled_recording_is_written(tmp_path: Path) -> None:
    """When it is cancelled, what was recorded so far is written before the cancellation goes on."""

    async def scene(stage: Stage) -> None:
        task = asyncio.ensure_future(stage.record(until=asyncio.Event()))
        await stage.clock.sleep(1.0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        pcm, _ = read_wav(stage.to)
        assert pcm.size == pytest.approx(8000, abs=200)

    play(tmp_path / "a.wav", scene)


def test_the_file_is_made_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may take its time, and so it is written in threads: the beat goes on."""
    threads = []

    class Watched(WavFile):
        def put(self, at: int, pcm: Pcm) -> None:
            threads.append(threading.current_thread())
            super().put(at, pcm)

        def energy(self, samples: int) -> float:
            threads.append(threading.current_thread())
            return super().energy(samples)

    async def scene(stage: Stage) -> None:
        await stage.record(limit=25.0)

    monkeypatch.setattr(recording, "WavFile", Watched)
    play(tmp_path / "a.wav", scene)
    assert len(threads) >= 25 * 50
    assert threading.main_thread() not in threads


def test_memory_stays_flat(tmp_path: Path) -> None:
    """However long it lasts, little of it is in memory; the rest is on the disk already, and nothing is missing."""
    heard: list[weakref.ref[Pcm]] = []

    class Counting(Stage):
        def frame(self, at: float) -> Pcm:
            pcm = np.full(160, 1 + len(heard) % 999, np.int16)
            heard.append(weakref.ref(pcm))
            return pcm

    async def scene(stage: Stage) -> None:
        until = asyncio.Event()
        task = asyncio.ensure_future(stage.record(until=until))
        for _ in range(20):
            await stage.clock.sleep(5.0)
            assert sum(pcm() is not None for pcm in heard) < 2 * recording.WRITTEN_AT
        assert not stage.to.exists()
        until.set()
        recorded = await task
        pcm, _ = read_wav(stage.to)
        assert pcm.size == recorded.duration * 8000 == pytest.approx(100 * 8000, abs=320)
        assert recorded.level == pytest.approx(level(pcm), abs=0.01)
        assert not ((np.diff(pcm[::160].astype(int)) - 1) % 999).any()

    play(tmp_path / "a.wav", scene, Counting)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that cannot go on is a fault then, not at its end, and leaves nothing half."""

    class Full(WavFile):
        def put(self, at: int, pcm: Pcm) -> None:
            with self._or_removed():
                if at > 8000:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().put(at, pcm)

    async def scene(stage: Stage) -> None:
        began = stage.clock.now()
        with pytest.raises(ConfigError, match="No space left"):
            await stage.record(until=asyncio.Event())
        assert stage.clock.now() - began < 12.0

    monkeypatch.setattr(recording, "WavFile", Full)
    play(tmp_path / "a.wav", scene)
    assert not list(tmp_path.iterdir())


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A place where no file can be made is the operator's error."""
    (tmp_path / "file").write_text("not a folder")

    async def scene(stage: Stage) -> None:
        with pytest.raises(ConfigError, match="cannot write"):
            await stage.record(limit=0.1)

    play(tmp_path / "file" / "a.wav", scene)
