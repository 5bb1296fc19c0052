"""Raw PCM by the beat: what is behind, what is ahead, what has ended."""

from __future__ import annotations

import numpy as np
import pytest

from botkit.media.ear import HeardFrame
from botkit.media.live import AHEAD, LATE_MAX, RATES, LiveFigures, PcmReader, PcmWriter, Rates
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone


class Pipe:
    """What has been written and not yet read; `closed` once it ends."""

    def __init__(self) -> None:
        self.octets = b""
        self.closed = False

    def read(self, count: int) -> bytes | None:
        taken, self.octets = self.octets[:count], self.octets[count:]
        return None if self.closed and not taken else taken


def reading(rate: int = 8000, to_rate: int = 8000) -> tuple[Pipe, PcmReader, LiveFigures]:
    pipe, figures = Pipe(), LiveFigures("pipe:test")
    return pipe, PcmReader(rate, to_rate, figures, pipe.read), figures


def frame_of(value: int) -> bytes:
    return np.full(160, value, "<i2").tobytes()


# --- what the call says -----------------------------------------------------------------------------------


def test_a_frame_is_320_bytes_little_endian() -> None:
    """The bytes 01 02 are the sample 0x0201; 20 ms are said once all their bytes are there."""
    pipe, reader, figures = reading()
    pipe.octets = b"\x01\x02" * 159
    assert reader.next_frame() is None
    pipe.octets = b"\x01"
    assert reader.next_frame() is None
    pipe.octets = b"\x02"
    frame = reader.next_frame()
    assert frame is not None
    assert frame.dtype == np.int16
    assert frame.tolist() == [0x0201] * 160
    assert figures.said == 1


def test_one_that_is_behind_is_late() -> None:
    """Beats without a frame in the midst of what is said are counted; what comes late is still said."""
    pipe, reader, figures = reading()
    heard = []
    for beat in range(10):
        if beat not in (4, 5):
            pipe.octets += frame_of(beat)
        frame = reader.next_frame()
        heard.append(None if frame is None else int(frame[0]))
    assert heard == [0, 1, 2, 3, None, None, 6, 7, 8, 9]
    assert (figures.said, figures.late) == (8, 2)


def test_a_pause_is_not_late() -> None:
    """Whoever says nothing for longer, or has not begun yet, is not late."""
    pipe, reader, figures = reading()
    for beat in range(40):
        if beat in (5, 5 + LATE_MAX + 2):
            pipe.octets += frame_of(1)
        reader.next_frame()
    assert (figures.said, figures.late) == (2, 0)


def test_one_that_is_ahead_is_kept_up_to_a_bound() -> None:
    """No more than 0.2 s are taken before their time; the rest stays in the pipe, and nothing is lost."""
    pipe, reader, figures = reading()
    pipe.octets = b"".join(map(frame_of, range(100)))
    assert reader.next_frame() is not None
    assert len(pipe.octets) == 100 * 320 - AHEAD * 16000
    rest = [reader.next_frame() for _ in range(99)]
    assert [int(frame[0]) for frame in rest if frame is not None] == list(range(1, 100))
    assert figures.late == 0


def test_the_end_of_the_other_side() -> None:
    """What came before it is said, the last of it filled up with silence; then there is nothing, and no error."""
    pipe, reader, figures = reading()
    pipe.octets, pipe.closed = frame_of(1) + b"\x05\x00" * 10 + b"\x09", True
    frames = [reader.next_frame() for _ in range(5)]
    assert frames[1] is not None
    assert frames[1].tolist() == [5] * 10 + [9] + [0] * 149
    assert frames[2:] == [None] * 3
    assert reader.ended
    assert figures.over == "its writer closed it"


@pytest.mark.parametrize("to_rate", [8000, 16000, 48000])
@pytest.mark.parametrize("rate", RATES)
def test_any_rate_on_any_codec(rate: int, to_rate: int) -> None:
    """A tone at each rate of raw PCM is that tone, as long and as loud, at the rate of each codec."""
    pipe, reader, _ = reading(rate, to_rate)
    pipe.octets = tone((1000,), 1.0, level=-10, rate=rate).astype("<i2").tobytes()
    frames = [frame for frame in (reader.next_frame() for _ in range(60)) if frame is not None]
    assert {frame.size for frame in frames} == {to_rate // 50}
    assert len(frames) == 50
    middle = Rates(to_rate, 8000)
    heard = np.concatenate([middle.push(frame) for frame in frames[10:40]])
    assert tones_in(heard) == pytest.approx((1000.0,), abs=2)
    assert np.abs(heard[400:]).max() == pytest.approx(32767 * 10 ** (-10 / 20), rel=0.05)


# --- what it hears ----------------------------------------------------------------------------------------


class Taking:
    """A reader at the other end that has room for `room` frames; None: it has gone."""

    def __init__(self, room: int | None) -> None:
        self.room = room
        self.taken: list[bytes] = []

    def write(self, frame: bytes) -> bool | None:
        if self.room is None:
            return None
        if len(self.taken) >= self.room:
            return False
        self.taken.append(frame)
        return True


def heard(at: float, value: int) -> HeardFrame:
    return HeardFrame(at, np.full(160, value, np.int16))


def test_each_frame_is_320_bytes_there_too() -> None:
    """What is heard goes out as it came, little-endian, a frame at a time."""
    taking, figures = Taking(9), LiveFigures("pipe:test")
    writer = PcmWriter(8000, figures, taking.write)
    writer.push(heard(1.0, 0x0201))
    assert taking.taken == [b"\x01\x02" * 160]
    assert figures.heard == 1


def test_no_room_is_a_counted_drop() -> None:
    """Frames that nobody takes in time are dropped whole and counted."""
    taking, figures = Taking(2), LiveFigures("pipe:test")
    writer = PcmWriter(8000, figures, taking.write)
    for number in range(5):
        writer.push(heard(number * 0.02, number))
    assert (len(taking.taken), figures.heard, figures.dropped) == (2, 2, 3)
    assert "0.1 s dropped" in str(figures)


def test_what_was_not_heard_is_silence() -> None:
    """Bytes count time: a gap is filled, half a second of it at most; jitter is no gap."""
    taking, figures = Taking(999), LiveFigures("pipe:test")
    writer = PcmWriter(8000, figures, taking.write)
    for at in (0.0, 0.025, 0.105, 9.0):
        writer.push(heard(at, 7))
    values = [int(np.frombuffer(frame, "<i2")[0]) for frame in taking.taken]
    assert values == [7, 7, 0, 0, 0, 7, *[0] * 25, 7]


def test_a_reader_that_has_gone() -> None:
    """It is asked no more, nothing is counted as dropped, and the figures say so."""
    taking, figures = Taking(None), LiveFigures("pipe:test")
    writer = PcmWriter(8000, figures, taking.write)
    for number in range(3):
        writer.push(heard(number * 0.02, number))
    assert (figures.heard, figures.dropped, figures.over) == (0, 0, "its reader closed it")


@pytest.mark.parametrize("rate", RATES)
def test_heard_at_any_rate(rate: int) -> None:
    """A reader that wants another rate gets it, 20 ms by 20 ms."""
    taking = Taking(99)
    writer = PcmWriter(rate, LiveFigures("pipe:test"), taking.write)
    for number, frame in enumerate(tone((1000,), 0.5).reshape(-1, 160)):
        writer.push(HeardFrame(number * 0.02, frame))
    assert {len(frame) for frame in taking.taken} == {rate // 50 * 2}
    back = Rates(rate, 8000).push(np.frombuffer(b"".join(taking.taken), "<i2").astype(np.int16))
    assert tones_in(back[800:3200]) == pytest.approx((1000.0,), abs=2)
