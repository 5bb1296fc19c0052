"""Named pipes, with a real other end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.ear import HeardFrame
from botkit.media.live import LiveFigures, PcmReader, PcmWriter
from botkit.media.pipe import OpenPipe, PipeDevice, ReadEnd, WriteEnd


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "pcm")
    os.mkfifo(made)
    return made


@pytest.fixture
def opened(path: str) -> Iterator[Callable[..., OpenPipe]]:
    """Opens the pipe `path` one way; closed after the test."""
    devices: list[OpenPipe] = []

    def open_it(*, says: bool) -> OpenPipe:
        devices.append(PipeDevice(path, 8000).open(says=says, hears=not says, environment={}))
        return devices[-1]

    yield open_it
    for device in devices:
        device.close()


def frame_of(value: int) -> bytes:
    return np.full(160, value, "<i2").tobytes()


def heard(number: int) -> HeardFrame:
    return HeardFrame(number * 0.02, np.full(160, number, np.int16))


def test_said_through_a_pipe(path: str, opened: Callable[..., OpenPipe]) -> None:
    """Opening waits for nobody; before a writer comes there is nothing, then its frames, then the end."""
    device = opened(says=True)
    reader = device.reader(8000)
    assert reader.next_frame() is None
    assert not reader.ended
    writer = os.open(path, os.O_WRONLY)
    assert reader.next_frame() is None
    os.write(writer, frame_of(1) + frame_of(2))
    os.close(writer)
    frames = [reader.next_frame() for _ in range(4)]
    assert [None if frame is None else int(frame[0]) for frame in frames] == [1, 2, None, None]
    assert reader.ended
    assert device.figures.over == "its writer closed it"


def test_a_writer_that_is_ahead_is_slowed(path: str, opened: Callable[..., OpenPipe]) -> None:
    """What it may be ahead is bounded: 0.2 s in the reader and what the pipe holds; all of it is said in the end."""
    reader = opened(says=True).reader(8000)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        sent = 0
        frames = []
        for _ in range(100):
            try:
                while True:
                    os.write(writer, frame_of(sent))
                    sent += 1
            except BlockingIOError:
                pass
            frame = reader.next_frame()
            assert frame is not None
            frames.append(int(frame[0]))
            page = os.sysconf("SC_PAGESIZE")
            assert sent - len(frames) <= 10 + page / 320 + 1
        assert frames == list(range(100))
    finally:
        os.close(writer)


def test_heard_through_a_pipe(path: str, opened: Callable[..., OpenPipe]) -> None:
    """What is heard before a reader opened it is dropped; afterwards it arrives, and the reader's going is no error."""
    device = opened(says=False)
    writer = device.writer()
    writer.push(heard(0))
    assert device.figures.dropped == 1
    assert device.figures.over == "nobody opened it to read"
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer.push(heard(1))
    writer.push(heard(2))
    assert os.read(reader, 9999) == frame_of(1) + frame_of(2)
    assert device.figures.over is None
    os.close(reader)
    writer.push(heard(3))
    writer.push(heard(4))
    assert (device.figures.heard, device.figures.dropped) == (2, 1)
    assert device.figures.over == "its reader closed it"


def test_a_reader_that_is_behind_does_not_hold_the_beat(path: str, opened: Callable[..., OpenPipe]) -> None:
    """About a second is kept for it, whole frames in order; what comes after that is dropped and counted."""
    device = opened(says=False)
    writer = device.writer()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for number in range(300):
        writer.push(heard(number))
    kept = os.read(reader, 1 << 20)
    os.close(reader)
    assert len(kept) % 320 == 0
    assert 35 <= len(kept) // 320 <= 250
    assert np.frombuffer(kept, "<i2")[::160].tolist() == list(range(len(kept) // 320))
    assert device.figures.heard + device.figures.dropped == 300
    assert device.figures.heard == len(kept) // 320


def test_a_blocking_descriptor_is_never_waited_for() -> None:
    """Standard input and output are not ours to change: they block, and are asked first."""
    read, write = os.pipe()
    try:
        figures = LiveFigures("pipe:-")
        reader = PcmReader(8000, 8000, figures, ReadEnd(read).read)
        writer = PcmWriter(8000, figures, WriteEnd(write, 8000).write)
        assert os.get_blocking(read)
        assert os.get_blocking(write)
        done = threading.Event()

        def beats() -> None:
            for number in range(1000):
                writer.push(heard(number))
            for _ in range(1000):
                reader.next_frame()
            done.set()

        thread = threading.Thread(target=beats, daemon=True)
        thread.start()
        assert done.wait(10)
        assert figures.dropped
        assert figures.said == figures.heard
        assert os.get_blocking(read)
    finally:
        os.close(read)
        os.close(write)


def test_one_call_at_a_time(path: str, opened: Callable[..., OpenPipe]) -> None:
    """A second call on the same pipe is refused, with a way out; once it is free it may be had again."""
    first = opened(says=True)
    with pytest.raises(ConfigError, match="already in use by another call") as refused:
        opened(says=True)
    assert "exec:" in (refused.value.hint or "")
    first.close()
    first.close()
    opened(says=True)


@pytest.mark.parametrize("says", [True, False])
def test_no_pipe(tmp_path: Path, says: bool) -> None:
    """A pipe that is not there, and a file that is none, are told with what to do."""
    with pytest.raises(ConfigError, match="No such file") as refused:
        PipeDevice(str(tmp_path / "none"), 8000).check(says=says)
    assert "mkfifo" in (refused.value.hint or "")
    plain = tmp_path / "plain.wav"
    plain.write_bytes(b"")
    with pytest.raises(ConfigError, match="is no named pipe") as refused:
        PipeDevice(str(plain), 8000).check(says=says)
    assert f"file:{plain}" in (refused.value.hint or "")


def test_a_terminal_is_no_pcm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is somebody's terminal is refused."""
    monkeypatch.setattr(os, "isatty", lambda number: True)
    with pytest.raises(ConfigError, match="is a terminal"):
        PipeDevice("-", 8000).check(says=True)
