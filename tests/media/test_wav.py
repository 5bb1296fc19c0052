from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media import wav

PCM = np.arange(-800, 800, dtype=np.int16)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_one_channel(tmp_path: Path, rate: int) -> None:
    """Samples and rate come back."""
    pcm, read_rate = wav.read_wav(wav.write_wav(tmp_path / "a.wav", PCM, rate))
    assert read_rate == rate
    assert np.array_equal(pcm, PCM)
    assert pcm.dtype == np.int16


def test_two_channels(tmp_path: Path) -> None:
    """Columns are channels."""
    both = np.stack((PCM, -PCM), axis=1)
    assert np.array_equal(wav.read_wav(wav.write_wav(tmp_path / "a.wav", both))[0], both)


def test_no_samples(tmp_path: Path) -> None:
    """An empty recording is a sound file of no length."""
    assert wav.read_wav(wav.write_wav(tmp_path / "a.wav", PCM[:0]))[0].size == 0


def test_piece_by_piece(tmp_path: Path) -> None:
    """Pieces stand where they were put, the later over the earlier, silence between; the file appears when closed."""
    file = wav.WavFile(tmp_path / "a.wav", 16000)
    file.put(100, PCM[:50])
    file.put(150, PCM[50:70])
    file.put(110, PCM[:1])
    assert not file.path.exists()
    expected = np.concatenate((np.zeros(100, np.int16), PCM[:70], np.zeros(30, np.int16)))
    expected[110] = PCM[0]
    assert file.energy(200) == pytest.approx(float(np.dot(expected.astype(float), expected)))
    file.close(200)
    pcm, rate = wav.read_wav(file.path)
    assert rate == 16000
    assert np.array_equal(pcm, expected)


def test_cut_at_its_end(tmp_path: Path) -> None:
    """What was put behind the end is not in the file."""
    file = wav.WavFile(tmp_path / "a.wav")
    file.put(0, PCM)
    assert file.energy(100) < file.energy(PCM.size)
    file.close(100)
    assert np.array_equal(wav.read_wav(file.path)[0], PCM[:100])


def test_folders_are_made_and_nothing_is_left_over(tmp_path: Path) -> None:
    """The folder appears, with the one file in it, readable by others."""
    path = wav.write_wav(tmp_path / "calls" / "one" / "rx.wav", PCM)
    assert [one.name for one in path.parent.iterdir()] == ["rx.wav"]
    assert path.stat().st_mode & 0o044


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """A folder in the way, or a file where a folder should be, is told and leaves nothing behind."""
    (tmp_path / "a.wav").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "a.wav", tmp_path / "file" / "b.wav"):
        with pytest.raises(ConfigError, match="cannot write"):
            wav.write_wav(path, PCM)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.wav", "file"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Missing and broken files are told."""
    (tmp_path / "a.wav").write_bytes(b"RIFFnonsense")
    for name in ("a.wav", "b.wav"):
        with pytest.raises(ConfigError, match=name):
            wav.read_wav(tmp_path / name)
