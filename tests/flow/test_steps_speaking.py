"""Steps that speak and record: play, send_dtmf, record, and those that end the call."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from botkit.errors import ConfigError
from botkit.flow.explain import FlowErrors
from botkit.flow.runtime import Inputs
from botkit.testing import FakeCall
from botkit.vocabulary import Audio, Played, Silence, Tone
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
        ("{audio: a.wav, over: loud}", "queue, replace, mix"),
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


# --- in the background ----------------------------------------------------------------------------


def test_background_play_goes_on_beside_the_steps() -> None:
    """With `background` the next step begins at once; when it has ended, its variable tells how."""
    ran = answered(
        "- play: {tone: 440, for: 2s, background: true}\n  save_as: it\n- log: '${it.ok} ${it.played} ${it.ended}'\n"
        "- wait: 3s\n- log: '${it.ok} ${it.played} ${it.stopped_by} ${it.started} ${it.ended}'"
    )
    assert ran.said == ["true null 0.0", "true 2.0 null 0.0 2.0"]
    assert (ran.verdict, ran.outcome.duration) == ("passed", 3.0)


def test_background_play_comes_before_what_is_played_next() -> None:
    """A background play has its place in the queue before the next step begins; `over` of the next is about it."""
    for over, ended, how in (("queue", 3.0, "null"), ("replace", 1.0, "replaced"), ("mix", 1.0, "null")):
        ran = answered(
            "- play: {tone: 440, for: 2s, background: true}\n  save_as: it\n"
            f"- play: {{tone: 550, for: 1s, over: {over}}}\n  save_as: next\n- wait: 2s\n"
            "- log: '${next.ended} ${it.stopped_by}'"
        )
        assert ran.said == [f"{ended} {how}"]


def test_background_play_keeps_no_call_alive() -> None:
    """When the handlers are done the bot hangs up, whether what plays beside them would end or not."""
    for loop in ("false", "true"):
        ran = answered(f"- play: {{tone: 440, for: 5s, loop: {loop}, background: true}}\n- wait: 1s")
        assert (ran.verdict, ran.outcome.duration) == ("passed", 1.0)


def test_background_play_outlives_its_handler() -> None:
    """It belongs to the call: another handler can stop it when the one that began it is done."""
    text = """
    on:
      answered: [{wait: 5s}]
      speech_started: [{play: {tone: 440, for: 1s, loop: true, background: true}, save_as: music}]
      dtmf: [{stop_play: music}, {log: "${music.stopped_by} ${music.played}"}]
    """
    ran = run_flow(text, lambda call: [call.will_hear_speech(at=1), call.will_hear_digit("1", at=3)])
    assert ran.said == ["stopped 2.0"]


def test_stop_play_stops_what_it_names() -> None:
    """`stop_play` ends the play of that name, and bare all in the background; those in the foreground go on."""
    steps = """
    - play: {tone: 440, for: 9s, over: mix, background: true}
      save_as: one
    - play: {tone: 550, for: 9s, over: mix, background: true}
      save_as: two
    - wait: 1s
    - stop_play: one
    - log: "${one.stopped_by} ${two.stopped_by}"
    - stop_play: one
    - parallel:
        - [{play: {tone: 660, for: 2s}}]
        - [{wait: 1s}, stop_play, {log: "${two.played}"}]
    """
    ran = answered(steps)
    assert ran.said == ["stopped null", "2.0"]
    assert ran.step("play").ok
    assert ran.outcome.duration == 3.0


def test_stop_play_needs_a_name_that_plays() -> None:
    """A name that no background play has is found when compiling, with the nearest one."""
    with pytest.raises(FlowErrors, match="no background play is saved as `musik`") as caught:
        answered("- play: {audio: a.wav, background: true}\n  save_as: music\n- stop_play: musik")
    assert "did you mean `music`" in str(caught.value)


def test_background_play_that_breaks_is_a_fault_of_its_step() -> None:
    """What breaks in the background faults the flow, at the step that began it."""
    ran = answered("- play: {audio: a.wav, background: true}\n  label: music\n- wait: 9s", with_run=_without_files)
    problem = ran.outcome.problems[0]
    assert (ran.verdict, problem.step, problem.label, problem.message) == ("fault", "play", "music", "no such file")
    assert problem.place is not None
    assert problem.place.line == 5


def _without_files(run: object, call: FakeCall) -> None:
    async def play(*arguments: object, **more: object) -> Played:
        raise ConfigError("no such file")

    call.play = play  # type: ignore[method-assign, assignment]


def test_background_is_limited() -> None:
    """A loop that begins plays without end is a fault, and not for ever."""
    ran = answered("- repeat: {times: 200, do: [{play: {tone: 440, for: 9s, background: true}}]}")
    assert ran.verdict == "fault"
    assert "more than 100 plays" in ran.problems[0]


def test_background_play_does_not_brake_a_loop() -> None:
    """A loop that only begins plays in the background neither waits nor listens."""
    with pytest.raises(FlowErrors, match="neither waits nor listens"):
        answered("- repeat: {while: call.duration < 5, do: [{play: {tone: 440, for: 1s, background: true}}]}")


def test_background_record_ends_with_the_call(tmp_path: Path) -> None:
    """A recording in the background ends with the call, and `ended` knows how long it was."""
    text = """
    on:
      answered: [{record: {to: all.wav, background: true}, save_as: all}, {log: "${all.duration}"}, {wait: 2s}]
      ended: [{log: "${all.duration} ${all.level < -50}"}]
    """
    ran = run_flow(text, inputs=Inputs(out=tmp_path))
    assert ran.said == ["null", "2.0 true"]
    assert (tmp_path / "all.wav").exists()


def test_background_ends_when_the_flow_fails(tmp_path: Path) -> None:
    """A failure ends what goes on in the background with the handlers; what was recorded is kept."""
    ran = answered(
        "- record: {to: all.wav, background: true}\n- play: {tone: 440, for: 1s, loop: true, background: true}\n"
        "- wait: 2s\n- fail: enough",
        inputs=Inputs(out=tmp_path),
    )
    assert (ran.verdict, ran.outcome.duration) == ("failed", 2.0)
    assert (tmp_path / "all.wav").exists()


@pytest.mark.parametrize(
    ("head", "then", "verdict"),
    [
        ("time_limit: 2s", "{wait: 9s}", "failed"),
        ("", "{wait: 2s}, {fail: enough}", "failed"),
        ("", "{wait: 2s}, {stop: enough}", "passed"),
    ],
)
def test_background_record_that_is_cut_short(head: str, then: str, verdict: str, tmp_path: Path) -> None:
    """However the flow is cut short, `ended` knows how long what was recorded in the background is."""
    text = f"""
    {head}
    on:
      answered: [{{record: {{to: all.wav, background: true}}, save_as: all}}, {then}]
      ended: [{{log: "${{all.duration}} ${{all.ended}} ${{all.level < -50}}"}}]
    """
    ran = run_flow(text, inputs=Inputs(out=tmp_path))
    assert ran.verdict == verdict
    assert ran.said[-1] == "2.0 2.0 true"


def test_hang_up_that_nobody_confirms_ends_the_background() -> None:
    """A looped play in the background does not keep a flow whose hang-up is not confirmed."""

    def deaf(run: object, call: FakeCall) -> None:
        async def hangup(cause: str | None = None) -> None:
            await call.clock.sleep(1e6)

        call.hangup = hangup  # type: ignore[method-assign]

    ran = answered("- play: {tone: 440, for: 1s, loop: true, background: true}\n- wait: 1s", with_run=deaf)
    assert ran.verdict == "passed"


def test_mix_waits_for_nobody() -> None:
    """`over: mix` begins at once beside what plays, and other plays do not wait for it."""
    ran = answered(
        "- play: {tone: 440, for: 9s, over: mix, background: true}\n- play: {tone: 550, for: 1s}\n"
        "- play: {tone: 660, for: 1s, over: mix}"
    )
    assert [(sent.started, sent.ended) for sent in ran.call.sent[:2]] == [(0.0, 1.0), (1.0, 2.0)]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("record: {to: a.wav, background: true, do: [{wait: 1s}]}", "one of `do` and `background`"),
        ("gather: {digits: 1, play: {audio: a.wav, background: true}}", "takes no `background`"),
    ],
)
def test_background_refused(step: str, message: str) -> None:
    """Where `background` makes no sense it is refused when compiling."""
    with pytest.raises(FlowErrors, match=message):
        answered(f"- {step}")


# --- transfer --------------------------------------------------------------------------------------


def test_transfer_says_what_came_of_it() -> None:
    """A transfer that fails fails nothing: the flow goes on and may try another, until one is answered."""
    ran = answered(
        "- transfer: 0300\n  save_as: first\n- transfer: {to: agent, ring_timeout: 5s}\n  save_as: second\n"
        "- transfer: '+18005550112'\n  save_as: third\n- log: '${first.outcome} ${second.outcome} ${third.outcome}'",
        lambda call: [call.will_be_transferred("busy"), call.will_be_transferred("answered", after=9.0)],
    )
    assert ran.said == ["busy no_answer answered"]
    assert [sent.what for sent in ran.call.sent if sent.kind == "transfer"] == ["0300", "agent", "+18005550112"]
    assert ran.step("transfer").ok
    assert ran.verdict == "passed"


def test_the_call_is_over_after_a_transfer() -> None:
    """What is expected of a call that was handed on is not met; `ended` runs with a normal cause."""
    ran = run_flow(
        "on:\n  answered:\n    - transfer: 300\n    - expect_tone: 440\n  ended:\n    - log: ${call.cause}\n",
    )
    assert ran.verdict == "failed"
    assert ran.said == ["NORMAL_CLEARING"]


def test_transfer_cut_short() -> None:
    """A call that ends under a transfer cuts it short, and that is no failure."""
    ran = answered(
        "- transfer: 300\n  save_as: it\n- log: ${it.outcome}",
        lambda call: [call.will_be_transferred(after=9.0), call.will_end(at=2.0)],
    )
    assert (ran.said, ran.step("transfer").ended, ran.verdict) == (["failed"], 2.0, "passed")


def test_transfer_on_a_dead_call() -> None:
    """On a call that is over nothing is handed on."""
    ran = answered("- hangup\n- transfer: 300\n  save_as: it\n- log: ${it.outcome}")
    assert (ran.said, ran.verdict) == (["failed"], "passed")


def test_transfer_within() -> None:
    """`within` cuts a transfer off, and is a failure."""
    ran = answered("- transfer: 300\n  within: 2s", lambda call: call.will_be_transferred(after=9.0))
    assert ran.verdict == "failed"


def test_transfer_before_the_answer_is_a_fault() -> None:
    """A call that only rings cannot be handed on, and the message says so."""
    ran = run_flow(
        "on: {ringing: [{transfer: 300}], answered: [{wait: 1s}]}", lambda call: call.will_ring(), answer_after=2.0
    )
    assert ran.verdict == "fault"
    assert "only a call that is up can be transferred" in ran.problems[0]
