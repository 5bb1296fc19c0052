from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media import pcm
from botkit.media.codec import PCMA, PCMU
from botkit.media.source import FileSource, ProgressSource, SilenceSource, Source, ToneSource
from botkit.media.tone import tone
from botkit.media.wav import write_wav


@pytest.mark.parametrize(
    "source",
    [ToneSource((440,), 0.5), ToneSource((440, 480), 0.5), ProgressSource("busy", 0.5), SilenceSource(0.5)],
    ids=lambda source: type(source).__name__,
)
def test_payloads_are_the_samples_encoded(source: Source) -> None:
    """Half a second is 25 payloads, of any source, for any codec."""
    for codec in (PCMU, PCMA):
        assert len(source.payloads(codec)) == 25
        assert b"".join(source.payloads(codec)) == codec.encode(source.pcm(8000))
        assert source.payloads(codec)[3] is source.payloads(codec)[3]
    assert source.pcm(16000).size == 8000


def test_files_follow_each_other(tmp_path: Path) -> None:
    """A list of files is one after the other, at the gain asked for."""
    one = write_wav(tmp_path / "one.wav", tone(500, 0.3, level=-20))
    two = write_wav(tmp_path / "two.wav", tone(700, 0.2, level=-20, rate=16000), 16000)
    source = FileSource((one, two), gain=3)
    assert len(source.payloads(PCMU)) == 25
    assert source.pcm(8000).size == 4000
    assert pcm.level(source.pcm(8000)) == pytest.approx(-17, abs=0.3)
    assert FileSource((one,)).payloads(PCMU) is FileSource((one,)).payloads(PCMU)


def test_a_missing_file(tmp_path: Path) -> None:
    """A source is read when it is asked for, and says then what is missing."""
    source = FileSource((tmp_path / "nothing.wav",))
    with pytest.raises(ConfigError, match="nothing"):
        source.payloads(PCMU)


def test_no_files_and_no_length() -> None:
    """Nothing to play is no payloads."""
    assert FileSource(()).payloads(PCMU) == ()
    assert FileSource(()).pcm(8000).size == 0
    assert SilenceSource(0).payloads(PCMU) == ()
    assert ToneSource((440,), 0).payloads(PCMU) == ()


def test_sources_are_values() -> None:
    """Equal sources share their payloads."""
    assert ToneSource((440,), 0.5) == ToneSource((440,), 0.5)
    assert ToneSource((440,), 0.5).payloads(PCMU) is ToneSource((440,), 0.5).payloads(PCMU)


def test_progress_turns() -> None:
    """Without a length it is one turn of the rhythm."""
    turn = ProgressSource("ringback").pcm(8000)
    assert turn.size == 6 * 8000
    assert not np.any(turn[2 * 8000 :])
