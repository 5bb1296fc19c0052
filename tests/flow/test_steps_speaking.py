"""Steps that speak and record: play, send_dtmf, record, and those that end the call."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from botkit.flow.explain import FlowErrors
from botkit.flow.runtime import Inputs
from botkit.vocabulary import Audio, Silence, Tone
from tests.flow.kit import answered, run_flow


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ("hello.wav", Audio((Path("hello.wav"),))),
        ("[a.wav, b.wav]", Audio((Path("a.wav"), Path("b.wav")))),
        ("{audio: a.wav, gain: -6}", Audio((Path("a.wav"),), -6)),
        ("{tone: 440, for: 2s}", Tone((440,), 2.0)),
        ("{tone: [350, 440], for: 2s, gain: 3}", Tone((350, 440), 2.0, 3)),
        ("{silence: 500ms}", Silence(0.5)),
    ],
)
def test_play_plays_what_it_says(fields: str, what: object) -> None:
    """`play` takes a file, a list of files, a tone of one or two frequencies, or silence."""
    assert answered(f"- play: {fields}").call.sent[0].what == what


def test_play_waits_for_its_end() -> None:
    """`play` goes on when the last of it is on the wire, and says how much was played."""
    ran = answered("- play: {tone: 440, for: 2s}\n  save_as: it\n- log: '${it.played} ${it.stopped_by}'")
    assert ran.said == ["2.0 null"]


@pytest.mark.parametrize(("stop_on", "reason", "ended"), [("dtmf", "dtmf", 1.0), ("[dtmf, speech]", "speech", 0.5)])
def test_play_stops_on(stop_on: str, reason: str, ended: float) -> None:
    """`stop_on` ends the play at a digit or when somebody speaks; the digit stays for who gathers next."""
    ran = answered(
        f"- play: {{tone: 440, for: 5s, stop_on: {stop_on}}}\n  save_as: it\n- gather: {{digits: 1}}\n  save_as: got\n"
        "- log: '${it.stopped_by} ${got.digits}'",
        lambda call: [call.will_hear_digit("4", at=1), call.will_hear_speech(at=0.5)],
    )
    assert ran.step("play").ended == ended
    assert ran.said == [f"{reason} 4"]


def test_play_loops_until_stopped() -> None:
    """With `loop` it plays until something stops it."""
    ran = answered("- play: {audio: a.wav, loop: true, stop_on: dtmf}", lambda call: call.will_hear_digit("4", at=7))
    assert ran.step("play").fields["played"] == 7.0


def test_plays_queue() -> None:
    """There is one voice: a second play waits for the first."""
    ran = answered("- parallel: [[{play: {tone: 440, for: 2s}}], [{wait: 1s}, {play: {tone: 550, for: 2s}}]]")
    assert [(sent.started, sent.ended) for sent in ran.call.sent[:2]] == [(0.0, 2.0), (2.0, 4.0)]


def test_play_over_replace_ends_the_other() -> None:
    """`over: replace` ends what plays."""
    ran = answered(
        "- parallel: [[{play: {tone: 440, for: 2s}}], [{wait: 1s}, {play: {tone: 550, for: 2s, over: replace}}]]"
    )
    assert [(sent.started, sent.ended) for sent in ran.call.sent[:2]] == [(0.0, 1.0), (1.0, 3.0)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("{}", "nothing"),
        ("{audio: a.wav, silence: 1s}", "one of `audio`, `tone` and `silence`"),
        ("{tone: 440}", "needs `for`"),
        ("{audio: a.wav, for: 2s}", "`for` goes with `tone`"),
        ("{say: hello}", "`say` is not part of this version"),
        ("{audio: a.wav, background: true}", "`background` is not part of this version"),
        ("{audio: a.wav, over: mix}", "`over: mix` is not part of this version"),
        ("{audio: a.wav, over: loud}", "queue, replace"),
    ],
)
def test_play_refuses(fields: str, message: str) -> None:
    """What makes no sense, or is not in this version, is refused when compiling."""
    with pytest.raises(FlowErrors, match=message):
        answered(f"- play: {fields}")


def test_send_dtmf_sends() -> None:
    """`send_dtmf` takes a number as it is written, and knows pauses."""
    ran = answered("- send_dtmf: 0123\n- send_dtmf: {digits: '1w2', gap: 200ms, length: 50ms}")
    assert [sent.what for sent in ran.call.sent[:2]] == ["0123", "1w2"]
    assert ran.call.sent[1].ended - ran.call.sent[1].started == pytest.approx(0.05 + 0.5 + 0.2 + 0.05)


def test_record_writes_a_file_below_the_folder(tmp_path: Path) -> None:
    """`record` writes below the call's folder and gives path, duration and level."""
    ran = answered("- record: {to: in/message.wav, for: 2s}\n  save_as: it\n- log: '${it.duration} ${it.level < -50}'",
                   inputs=Inputs(out=tmp_path))  # fmt: skip
    assert ran.said == ["2.0 true"]
    with wave.open(str(tmp_path / "in" / "message.wav")) as file:
        assert file.getnframes() == 16000


@pytest.mark.parametrize(("fields", "seconds"), [("stop_on: dtmf", 3.0), ("stop_on: silence", 4.5), ("max: 1s", 1.0)])
def test_record_ends(tmp_path: Path, fields: str, seconds: float) -> None:
    """A recording ends at a digit, in silence, or at its limit."""
    ran = answered(
        f"- record: {{to: a.wav, {fields}}}",
        lambda call: [call.will_hear_digit("1", at=3), call.will_hear_speech(at=0.5, length=2)],
        inputs=Inputs(out=tmp_path),
    )
    assert ran.step("record").fields["duration"] == seconds


def test_record_do_records_its_steps(tmp_path: Path) -> None:
    """With `do` it records while the steps run, and ends with them."""
    ran = answered("- record: {to: a.wav, do: [{wait: 1s}, {wait: 2s}]}", inputs=Inputs(out=tmp_path))
    assert ran.step("record").fields["duration"] == 3.0


def test_record_do_keeps_what_a_failure_left(tmp_path: Path) -> None:
    """When a step inside fails, so does the flow, and what was recorded is there."""
    ran = answered(
        "- record: {to: a.wav, do: [{expect_tone: {hz: 440, within: 2s}}, {wait: 2s}]}", inputs=Inputs(out=tmp_path)
    )
    assert (ran.verdict, ran.problems[0].split(";")[1]) == ("failed", " heard silence")
    assert (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("path", ["../a.wav", "/tmp/a.wav", "${name}"])
def test_record_stays_in_its_folder(tmp_path: Path, path: str) -> None:
    """A path out of the call's folder is refused, when compiling or when it is known."""
    head = 'dial: "+1"\nvars: {name: ../a.wav}'
    if "$" not in path:
        with pytest.raises(FlowErrors, match="output folder"):
            answered(f"- record: {{to: '{path}', for: 1s}}", inputs=Inputs(out=tmp_path))
    else:
        ran = answered(f"- record: {{to: '{path}', for: 1s}}", inputs=Inputs(out=tmp_path), head=head)
        assert ran.verdict == "fault"


def test_record_needs_a_folder() -> None:
    """Without an output folder `record` is a fault."""
    assert answered("- record: {to: a.wav, for: 1s}").verdict == "fault"


@pytest.mark.parametrize(
    ("word", "cause"), [("busy", "USER_BUSY"), ("NO_ANSWER", "NO_ANSWER"), ("user_busy", "USER_BUSY")]
)
def test_hangup_takes_a_cause(word: str, cause: str) -> None:
    """`hangup` takes a short word or a Q.850 name."""
    assert answered(f"- hangup: {word}").outcome.cause == cause


def test_unknown_cause_is_refused() -> None:
    """A cause that does not exist is refused when compiling, with the nearest one."""
    with pytest.raises(FlowErrors, match="did you mean `busy`"):
        answered("- hangup: bussy")


def test_answer_twice_is_no_error() -> None:
    """`answer` on a call that is up already does nothing."""
    ran = run_flow("on: {incoming: [answer, answer]}", head="answer: any", script=lambda call: call.will_end(at=1))
    assert (ran.verdict, [sent.kind for sent in ran.call.sent]) == ("passed", ["answer"])


def test_hold_and_resume() -> None:
    """`hold` and `resume` change the call's state, which handlers are told once each."""
    text = """
    on:
      answered: [hold, {log: "${call.state}"}, hold, {wait: 2s}, resume, {log: "${call.state}"}, resume, {wait: 1s}]
      held: [{log: on hold}]
      resumed: [{log: back}]
    """
    ran = run_flow(text)
    assert ran.said == ["held", "on hold", "active", "back"]
    assert [(sent.kind, sent.started) for sent in ran.call.sent[:2]] == [("hold", 0.0), ("resume", 2.0)]


def test_hold_before_the_answer_is_a_fault() -> None:
    """A call that only rings cannot be put on hold, and the message says so."""
    ran = run_flow("on: {ringing: [hold], answered: [{wait: 1s}]}", lambda call: call.will_ring(), answer_after=2.0)
    assert ran.verdict == "fault"
    assert "only a call that is up" in ran.problems[0]


def test_mute_and_unmute() -> None:
    """`mute` and `unmute` do what they say at once; a play between them takes its time."""
    ran = answered("- mute\n- play: {tone: 440, for: 2s}\n- unmute")
    assert [(sent.kind, sent.ended) for sent in ran.call.sent[:3]] == [("mute", 0.0), ("play", 2.0), ("unmute", 2.0)]
