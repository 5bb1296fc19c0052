"""Sinks: whatever takes what a call hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from botkit.media.ear import HeardFrame
from botkit.media.sink import DiscardSink, TeeSink, WavSink
from botkit.media.wav import read_wav


def frame(at: float, value: int = 1000) -> HeardFrame:
    return HeardFrame(at, np.full(160, value, np.int16))


def test_a_wav_sink_writes_what_it_took(tmp_path: Path) -> None:
    """All frames, in order, at 8 kHz."""
    sink = WavSink(tmp_path / "a.wav")
    for index in range(5):
        sink.push(frame(1.0 + index * 0.02, index))
    sink.close()
    pcm, rate = read_wav(tmp_path / "a.wav")
    assert rate == 8000
    assert pcm[::160].tolist() == [0, 1, 2, 3, 4]


def test_what_was_not_heard_is_silence(tmp_path: Path) -> None:
    """A hole of 100 ms is 100 ms of silence."""
    sink = WavSink(tmp_path / "a.wav")
    sink.push(frame(1.0))
    sink.push(frame(1.12))
    assert sink.pcm.size == 160 + 800 + 160
    assert not sink.pcm[160:960].any()


def test_jitter_is_no_hole(tmp_path: Path) -> None:
    """A frame a little late follows the one before it at once."""
    sink = WavSink(tmp_path / "a.wav")
    sink.push(frame(1.0))
    sink.push(frame(1.035))
    assert sink.pcm.size == 320


def test_a_tee_gives_to_all(tmp_path: Path) -> None:
    """Several sinks take the same, and all are closed."""
    one, other = WavSink(tmp_path / "1.wav"), WavSink(tmp_path / "2.wav")
    tee = TeeSink(one, DiscardSink(), other)
    tee.push(frame(0.0, 7))
    tee.close()
    assert (tmp_path / "1.wav").read_bytes() == (tmp_path / "2.wav").read_bytes()
