"""What a run that was killed had kept, in a folder made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.codec import codec_by_name
from botkit.media.spool import RECEIVED, SENT, Spool, index_path
from botkit.media.wav import read_wav
from botkit.runner.recover import RecoveredCall, folders_below, recover
from botkit.testing.sound import tone


def keep(spool: Spool, label: str, codec_name: str = "PCMU", seconds: float = 2.0, begin: float = 100.0) -> None:
    """A call in the spool that hears 440 Hz and says 900 Hz, flushed each second."""
    codec = codec_by_name(codec_name)
    call = spool.new_call(label, caller_is_us=True, formats={str(codec.payload_type): codec.name})
    sides = [codec.encode_all(tone(hz, seconds, rate=codec.rate)) for hz in (440, 900)]
    for index in range(round(seconds * 50)):
        for direction, payloads in zip((RECEIVED, SENT), sides, strict=True):
            stamp = index * codec.clock_rate // 50
            spool.append(call, direction, codec.payload_type, index, stamp, begin + 0.02 * index, payloads[index])
        if index % 50 == 49:
            spool.flush()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with a spool of two calls, of which one has events."""
    folder = tmp_path / "out"
    spool = Spool(folder / "spool.botkit")
    keep(spool, "7f3-a")
    keep(spool, "8e4-b", "G722", seconds=3.0)
    spool.close()
    events = folder / "calls" / "caller-1" / "events.jsonl"
    events.parent.mkdir(parents=True)
    events.write_text(json.dumps({"t": 0, "type": "call", "call": "7f3-a"}) + '\n{"t": 1, "ty')
    return folder


def hertz(path: Path) -> float:
    pcm, rate = read_wav(path)
    return float(np.abs(np.fft.rfft(pcm * np.hanning(pcm.size))).argmax() * rate / pcm.size)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_call_is_cut(out: Path) -> None:
    """WAVs lie beside the call's events, or under its id where there are none; the spool goes; each call is told."""
    told: list[RecoveredCall] = []
    recovery = recover(out, told=told.append)
    assert [(call.name, round(call.seconds, 1)) for call in told] == [("caller-1", 2.0), ("8e4-b", 3.0)]
    for call in told:
        assert hertz(call.folder / "rx.wav") == pytest.approx(440, abs=3)
        assert hertz(call.folder / "tx.wav") == pytest.approx(900, abs=3)
        both, _ = read_wav(call.folder / "both.wav")
        assert both.shape[1] == 2
    assert [(one.path.parent.name, one.torn) for one in recovery.mended] == [("caller-1", 12)]
    assert sorted(tree(out)) == [
        *(f"calls/8e4-b/{side}.wav" for side in ("both", "rx", "tx")),
        "calls/caller-1/both.wav",
        "calls/caller-1/events.jsonl",
        "calls/caller-1/rx.wav",
        "calls/caller-1/tx.wav",
    ]


def test_twice_is_once(out: Path) -> None:
    """With the spool kept, a second time writes nothing; without, there is nothing more to do."""
    recover(out, keep=True)
    assert (out / "spool.botkit").exists()
    before = tree(out)
    again = recover(out, keep=True)
    assert [call.written for call in again.spools[0].calls] == [False, False]
    assert tree(out) == before
    recover(out)
    assert not list(out.glob("spool*"))
    assert recover(out).nothing


def test_a_longer_wav_stays(out: Path) -> None:
    """What the run itself had cut whole is not replaced by less; what is shorter than the spool is."""
    recover(out, keep=True)
    folder = out / "calls" / "caller-1"
    whole = (folder / "rx.wav").read_bytes()
    data = (out / "spool.botkit").read_bytes()
    (out / "spool.botkit").write_bytes(data[:9000])
    recover(out, keep=True)
    assert (folder / "rx.wav").read_bytes() == whole
    (out / "spool.botkit").write_bytes(data)
    (folder / "tx.wav").unlink()
    (folder / "rx.wav").write_bytes(whole[:50])
    (folder / ".tx.wav.q7x").write_bytes(b"half")
    recover(out)
    assert (folder / "rx.wav").read_bytes() == whole
    assert not (folder / ".tx.wav.q7x").exists()


def test_damage_is_counted_and_kept(out: Path) -> None:
    """What comes after the damage is found again, and the damaged spool is nobody's loss: it has another name."""
    data = bytearray((out / "spool.botkit").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (out / "spool.botkit").write_bytes(data)
    recovery = recover(out)
    (spool,) = recovery.spools
    assert 0 < spool.skipped < len(data) / 2
    assert spool.kept == out / "spool.botkit.damaged"
    assert spool.kept.read_bytes() == data
    assert {call.name for call in spool.calls} == {"caller-1", "8e4-b"}
    assert recover(out).nothing


def test_spools_that_were_set_aside(out: Path) -> None:
    """Spools of earlier crashes in the same folder are recovered, too, and their calls stay apart."""
    (out / "spool.botkit").rename(out / "spool.botkit.1")
    index_path(out / "spool.botkit").unlink()
    spool = Spool(out / "spool.botkit")
    keep(spool, "9d5-c")
    spool.close()
    recovery = recover(out)
    assert [[call.name for call in one.calls] for one in recovery.spools] == [["9d5-c"], ["caller-1", "8e4-b"]]
    assert not list(out.glob("spool*"))


def test_a_wav_that_cannot_be_written(out: Path) -> None:
    """It is a fault of that call; the others are cut, and the spool stays."""
    (out / "calls" / "8e4-b").write_text("a file where a folder should be")
    recovery = recover(out)
    (spool,) = recovery.spools
    assert [call.written for call in spool.calls] == [True, False]
    assert "8e4-b" in str(spool.faults[0])
    assert (out / "spool.botkit").exists()


def test_a_call_whose_note_is_lost(out: Path) -> None:
    """It is cut under its number, with our own payload types."""
    path = out / "spool.botkit"
    path.unlink()
    spool = Spool(path)
    keep(spool, "x", "opus")
    spool.close()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"NOTE", b"NOPE"))
    (call,) = recover(out).spools[0].calls
    assert call.name == "call-1"
    assert hertz(call.folder / "rx.wav") == pytest.approx(440, abs=3)


def test_a_label_is_no_path(out: Path) -> None:
    """A call id that the other party chose leads nowhere else."""
    path = out / "spool.botkit"
    path.unlink()
    spool = Spool(path)
    keep(spool, "../../../evil")
    spool.close()
    (call,) = recover(out).spools[0].calls
    assert call.folder.parent == out / "calls"
    assert (call.folder / "rx.wav").exists()


def test_a_spool_without_sound(out: Path) -> None:
    """A run that was killed in its first second: nothing to cut, the events say who had called."""
    (out / "spool.botkit").unlink()
    Spool(out / "spool.botkit").close()
    recovery = recover(out)
    assert recovery.spools[0].calls == []
    assert recovery.silent == ["caller-1"]
    assert not list(out.glob("spool*"))


def test_faults(tmp_path: Path, out: Path) -> None:
    """A missing folder, a file, a spool that is none and one that is being written are told apart; nothing changes."""
    with pytest.raises(ConfigError, match="there is no folder"):
        recover(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is no folder"):
        recover(out / "spool.botkit")
    other = tmp_path / "other"
    other.mkdir()
    (other / "spool.botkit").write_text("dear diary")
    with pytest.raises(ConfigError, match="no recording spool"):
        recover(other)
    assert (other / "spool.botkit").read_text() == "dear diary"
    spool = Spool(out / "spool.botkit")
    before = tree(out)
    with pytest.raises(ConfigError, match="is being written by"):
        recover(out)
    assert tree(out) == before
    spool.close()


def test_folders_below(out: Path) -> None:
    """Whoever names the folder above is told which ones below have something."""
    assert folders_below(out.parent) == [out]
    assert recover(out.parent).nothing
