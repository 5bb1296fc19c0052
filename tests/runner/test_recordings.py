"""What is kept of a call, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.wav import read_wav
from botkit.results import Verdict
from botkit.runner import recordings
from botkit.runner.recordings import SPOOL
from tests.calls.kit import TONE_CALLER, TONE_LINE, call_of, play


def hertz(pcm: Any, rate: int) -> float:
    """The loudest frequency."""
    return float(np.abs(np.fft.rfft(pcm * np.hanning(pcm.size))).argmax() * rate / pcm.size)


def test_both_sides(tmp_path: Path) -> None:
    """rx is what was heard, tx what was said, both has the caller left; all lie on one timeline."""
    line = 'flow: Line\nanswer: "5100"\non: {answered: [{play: {tone: 440, for: 1s}}, {wait: 1s}, hangup]}\n'
    caller = 'flow: Caller\ndial: "5100"\non: {answered: [{play: {tone: 900, for: 1s}}, {wait_for: {event: ended}}]}\n'
    result = play(tmp_path, {"line": line, "caller": caller})
    for bot, left, right in (("caller", 900, 440), ("line", 900, 440)):
        files = call_of(result, bot).recordings
        rx, rate = read_wav(tmp_path / "out" / (files.rx or ""))
        tx, _ = read_wav(tmp_path / "out" / (files.tx or ""))
        both, _ = read_wav(tmp_path / "out" / (files.both or ""))
        assert rate == 8000
        assert rx.shape == tx.shape == both.shape[:1]
        assert both.shape[1] == 2
        assert rx.size / rate == pytest.approx(2.1, abs=0.4)
        assert hertz(both[:, 0], rate) == pytest.approx(left, abs=3)
        assert hertz(both[:, 1], rate) == pytest.approx(right, abs=3)
        assert hertz(rx, rate) == pytest.approx(440 if bot == "caller" else 900, abs=3)


def test_spool_goes_when_all_is_cut(tmp_path: Path) -> None:
    """A run that ended well leaves WAVs and no spool."""
    play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert not list((tmp_path / "out").glob("spool*"))


def test_spool_stays_when_it_could_not_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that cannot be cut is a fault of the call that says why, and the spool still has it."""

    def full(*args: Any, **more: Any) -> None:
        raise ConfigError("cannot write rx.wav: no space left on device")

    monkeypatch.setattr(recordings, "cut_call", full)
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.verdict is Verdict.FAULT
    (problem,) = call_of(result, "caller").problems
    assert problem.kind == "fault"
    assert "no space left" in problem.message
    assert (tmp_path / "out" / SPOOL).stat().st_size > 3_000


def test_call_that_was_never_answered(tmp_path: Path) -> None:
    """Without media there is no recording, and that is no error."""
    caller = 'flow: Caller\ndial: "5100"\nexpect_call: unallocated\non: {ended: [{log: over}]}\n'
    result = play(tmp_path, {"caller": caller})
    assert result.verdict is Verdict.PASSED
    assert call_of(result, "caller").recordings.both is None
    assert not list((tmp_path / "out").rglob("*.wav"))
    assert not list((tmp_path / "out").glob("spool*"))


def test_early_media_is_recorded(tmp_path: Path) -> None:
    """A call that rings out has its ringback tone on tape."""
    line = 'flow: Line\nanswer: "5100"\non: {incoming: [{wait: 2s}, {reject: busy}]}\n'
    caller = 'flow: Caller\ndial: "5100"\nexpect_call: busy\non: {ended: [{log: over}]}\n'
    result = play(tmp_path, {"line": line, "caller": caller})
    rx, rate = read_wav(tmp_path / "out" / (call_of(result, "caller").recordings.rx or ""))
    assert rx.size / rate == pytest.approx(2, abs=0.3)
    assert np.abs(rx).max() > 500


def test_spool_of_a_crash_is_kept(tmp_path: Path) -> None:
    """A spool that an earlier run left in the folder is set aside, not written over."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / SPOOL).write_bytes(b"botkit spool 1\nhalf a call")
    play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    (kept,) = (tmp_path / "out").glob("spool*")
    assert kept.read_bytes() == b"botkit spool 1\nhalf a call"
