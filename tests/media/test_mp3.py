"""MP3 files that others can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.mp3 import can_write_mp3, write_mp3
from botkit.media.prompt import decode_file
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone

pytestmark = pytest.mark.skipif(not can_write_mp3(), reason="FFmpeg has no LAME here")


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_sounds_as_it_did(tmp_path: Path, rate: int, channels: int) -> None:
    """Rate, length and tones of what was written are read back."""
    pcm = tone([440.0], 3.0, rate=rate)
    path = write_mp3(tmp_path / "a.mp3", np.stack([pcm] * channels, axis=1) if channels > 1 else pcm, rate)
    heard, own = decode_file(path)
    assert own == rate
    assert heard.size / rate == pytest.approx(3.0, abs=0.2)
    assert [round(hz) for hz in tones_in(decode_file(path, 8000)[0][4000:12000])] == [440]
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp3"]
    assert path.stat().st_size < 40_000


def test_channels_stay_apart(tmp_path: Path) -> None:
    """What is on one channel only is half as loud where channels are averaged."""
    pcm = tone([440.0], 1.0)
    both = decode_file(write_mp3(tmp_path / "a.mp3", np.stack((pcm, pcm), axis=1), 8000))[0]
    one = decode_file(write_mp3(tmp_path / "b.mp3", np.stack((pcm, np.zeros_like(pcm)), axis=1), 8000))[0]
    assert np.abs(one).max() == pytest.approx(np.abs(both).max() / 2, rel=0.15)


def test_nothing_at_all(tmp_path: Path) -> None:
    """A recording with no samples is a file all the same."""
    assert write_mp3(tmp_path / "a.mp3", np.zeros(0, np.int16), 8000).exists()


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is not there is an error that names the file."""
    with pytest.raises(ConfigError, match=r"a\.mp3"):
        write_mp3(tmp_path / "none" / "a.mp3", tone([440.0], 0.1), 8000)
