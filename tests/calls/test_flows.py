"""The example flows: every one is run, in virtual time, and some over the network as well."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from botkit.media.wav import read_wav
from botkit.results import Verdict
from tests.calls.kit import FLOWS, call_of, run

PAIRS = {
    "clinic_caller": "clinic_ivr",
    "busy_caller": "busy_line",
    "dtmf_echo_caller": "dtmf_echo",
    "load_vars": "dtmf_echo",
    "tone_caller": "tone_answerer",
    "voicemail_caller": "voicemail",
    "early_hangup": "hold_line",
    "patient_caller": "front_desk",
    "reception_caller": "reception",
}
"""Who calls whom."""

WITH_AGENTS = {"agent_caller", "agent_line"}
"""Flows that need a program beside them: test_agents.py runs them."""

OTHERS = {"reception_caller": ("doctor",)}
"""Who else has a part in it."""


def pair(caller: str) -> list[Path]:
    return [FLOWS / f"{name}.yaml" for name in (PAIRS[caller], *OTHERS.get(caller, ()), caller)]


def test_every_flow_is_run() -> None:
    """No example is left out here: a new file needs its pair. (flows/patterns/ is run by test_patterns.py.)"""
    assert {path.stem for path in FLOWS.glob("*.y*ml")} == {
        *PAIRS,
        *PAIRS.values(),
        *WITH_AGENTS,
        *itertools.chain(*OTHERS.values()),
    }


@pytest.mark.parametrize("caller", PAIRS)
def test_in_virtual_time(caller: str, tmp_path: Path) -> None:
    """All bots pass, no packet is lost, and the recordings are as long as the call."""
    result = run(pair(caller), tmp_path / "out")
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]
    for bot in (caller, PAIRS[caller], *OTHERS.get(caller, ())):
        call = call_of(result, bot)
        assert call.rtp.lost == 0
        if call.duration is not None:
            pcm, rate = read_wav(tmp_path / "out" / (call.recordings.both or "none"))
            assert len(pcm) / rate == pytest.approx(call.duration, abs=1.0)


CODECS = ("PCMU", "PCMA", "G722", "opus")
MIXED = [("PCMU", "opus"), ("opus", "PCMA"), ("G722", "PCMU"), ("PCMA", "G722")]


@pytest.mark.parametrize(
    ("ours", "theirs"), [*((codec, codec) for codec in CODECS[1:]), *MIXED], ids=lambda codec: codec
)
@pytest.mark.parametrize("caller", PAIRS)
def test_on_every_codec(caller: str, ours: str, theirs: str, tmp_path: Path) -> None:
    """The same verdicts on every codec, and with another one on the other side."""
    codecs = {caller: (ours,), PAIRS[caller]: (theirs,)}
    result = run(pair(caller), tmp_path / "out", codecs=codecs)
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]
    if call_of(result, caller).duration is not None:
        for bot, codec in ((caller, ours), (PAIRS[caller], theirs)):
            call = call_of(result, bot)
            pcm, rate = read_wav(tmp_path / "out" / (call.recordings.both or "none"))
            assert rate == {"G722": 16000, "opus": 48000}.get(codec, 8000)
            assert len(pcm) / rate == pytest.approx(call.duration, abs=1.0)


@pytest.mark.parametrize("caller", ["clinic_caller", "tone_caller"])
def test_over_the_network(caller: str, tmp_path: Path) -> None:
    """Over WebSockets, ICE, DTLS and SRTP, in real time, both bots pass as well."""
    result = run(pair(caller), tmp_path / "out", virtual=False)
    assert result.verdict is Verdict.PASSED, [call.problems for flow in result.flows for call in flow.calls]
    assert call_of(result, caller).rtp.received > 100


@pytest.mark.parametrize("wrong", ["pin=9999", "wrong_pin=4321"])
def test_the_clinic_is_really_tested(wrong: str, tmp_path: Path) -> None:
    """A caller that enters something else fails: the pair does not pass whatever happens."""
    name, _, value = wrong.partition("=")
    result = run(pair("clinic_caller"), tmp_path / "out", vars={name: value})
    assert call_of(result, "clinic_caller").verdict is Verdict.FAILED
    assert result.status == 1
