"""Steps that listen: expect_tone, expect_silence, expect_dtmf, gather, wait_for."""

from __future__ import annotations

import pytest

from botkit.events import Held
from botkit.flow.explain import FlowErrors
from botkit.flow.runtime import Inputs
from botkit.flow.signals import Signals
from tests.flow.kit import answered, run_flow


def test_tone_is_met_once_it_has_lasted() -> None:
    """`expect_tone` goes on when the tone has lasted for `for`, and gives its frequency and latency."""
    ran = answered(
        "- expect_tone: {hz: 440, for: 300ms}\n  save_as: it\n- log: '${it.hz} ${it.latency} ${it.ok}'",
        lambda call: call.will_hear_tone(440, at=2, length=5),
    )
    assert ran.said == ["440 2.0 true"]
    assert ran.outcome.steps[0].ended == 2.3
    assert ran.outcome.steps[0].latency == 2.0
    assert ran.outcome.steps[0].is_expectation


def test_latency_is_written_to_the_microsecond() -> None:
    """A latency is written as `started` and `ended` are, not with all the places of a float."""
    ran = answered(
        "- expect_tone: 440\n  save_as: it\n- log: '${it.latency}'",
        lambda call: call.will_hear_tone(440, at=2 / 3, length=1),
    )
    assert ran.said == ["0.666667"]


def test_tone_return_end_waits_for_its_end() -> None:
    """`return: end` goes on when the tone has ended; `beep` does so by itself."""
    script = [("expect_tone: {hz: 440, return: end}", (440,)), ("expect_tone: beep", ("beep",))]
    for step, hz in script:
        ran = answered(f"- {step}", lambda call, hz=hz: call.will_hear_tone(*hz, at=1, length=2))  # type: ignore[misc]
        assert (ran.verdict, ran.outcome.steps[0].ended) == ("passed", 3.0)


def test_two_tones_mean_both_at_once() -> None:
    """Two frequencies are one tone of both; one of them alone is not it."""
    step = "- expect_tone: {hz: [350, 440], within: 3s}"
    assert answered(step, lambda call: call.will_hear_tone(350, 440, at=1)).verdict == "passed"
    assert answered(step, lambda call: call.will_hear_tone(440, at=1)).verdict == "failed"


def test_max_latency_names_both_numbers() -> None:
    """A tone that comes later than `max_latency` fails, and both numbers are named."""
    ran = answered(
        "- expect_tone: {hz: 440, max_latency: 1.5s}", lambda call: call.will_hear_tone(440, at=2.25, length=1)
    )
    assert ran.verdict == "failed"
    assert "1.5 s" in ran.problems[0]
    assert "2.25 s" in ran.problems[0]


def test_starts_within_is_for_the_begin() -> None:
    """`starts_within` bounds the onset; the tone may be met in full later."""
    step = "- expect_tone: {hz: 440, for: 3s, starts_within: 2s, within: 9s}"
    assert answered(step, lambda call: call.will_hear_tone(440, at=1.5, length=5)).verdict == "passed"
    late = answered(step, lambda call: call.will_hear_tone(440, at=2.5, length=5))
    assert (late.verdict, late.outcome.problems[0].at) == ("failed", 2.0)


def test_absent_turns_it_round() -> None:
    """With `absent` the tone must not come during `within`; its time is spent in full."""
    step = "- expect_tone: {hz: 440, within: 3s, absent: true}"
    quiet = answered(step)
    assert (quiet.verdict, quiet.outcome.steps[0].ended) == ("passed", 3.0)
    assert answered(step, lambda call: call.will_hear_tone(440, at=1)).verdict == "failed"


def test_within_of_an_expectation_may_stand_beside_or_inside() -> None:
    """`within` beside the step and inside it mean the same."""
    for step in ("- expect_tone: {hz: 440, within: 2s}", "- expect_tone: 440\n  within: 2s"):
        assert answered(step).outcome.duration == 2.0


def test_expectations_have_ten_seconds_by_default() -> None:
    """Without `within` an expectation must be met in ten seconds."""
    assert answered("- expect_tone: 440").outcome.duration == 10.0


def test_an_onset_before_the_step_counts() -> None:
    """What began after the mark counts, though the step began later; the latency is from the mark."""
    ran = answered("- wait: 3s\n- expect_tone: 440", lambda call: call.will_hear_tone(440, at=1, length=0.5))
    assert ran.verdict == "passed"
    assert ran.step("expect_tone").latency == 1.0
    assert ran.step("expect_tone").ended == 3.0


def test_own_play_moves_the_mark() -> None:
    """What began before our own play ended is not an answer to it."""
    steps = "- play: {tone: 300, for: 3s}\n- expect_tone: {hz: 440, within: 4s}"
    assert answered(steps, lambda call: call.will_hear_tone(440, at=2, length=0.5)).verdict == "failed"
    ran = answered(steps, lambda call: call.will_hear_tone(440, at=3.5, length=1))
    assert ran.step("expect_tone").latency == 0.5


@pytest.mark.parametrize("step", ["expect_sound", "expect_speech"])
def test_sound_and_speech(step: str) -> None:
    """They are met once the sound has lasted for `for`, 100 ms by default, and give its latency."""
    script = lambda call: call.will_hear_speech(at=2, length=3)  # noqa: E731
    ran = answered(f"- {step}", script)
    assert (ran.verdict, ran.step(step).latency, ran.step(step).ended) == ("passed", 2.0, 2.1)
    assert answered(f"- {step}: 1s", script).step(step).ended == 3.0
    assert answered(f"- {step}: {{starts_within: 1s}}", script).outcome.duration == 1.0
    assert answered(f"- {step}: {{max_latency: 1s}}", script).verdict == "failed"
    assert answered(f"- {step}: {{absent: true, within: 1.5s}}", script).verdict == "passed"


def test_speech_is_not_any_sound() -> None:
    """A tone is a sound and no speech."""
    script = lambda call: call.will_hear_tone(440, at=2, length=3)  # noqa: E731
    assert answered("- expect_sound: {within: 4s}", script).verdict == "passed"
    assert answered("- expect_speech: {within: 4s}", script).verdict == "failed"


@pytest.mark.parametrize("step", ["expect_sound", "expect_speech"])
def test_sound_now_is_the_level(step: str) -> None:
    """With `now` what began before our own play ended counts, from its own begin; without, it does not."""
    script = lambda call: call.will_hear_speech(at=1, length=4)  # noqa: E731
    play = "- play: {tone: 300, for: 3s}\n"
    assert answered(f"{play}- {step}: {{for: 1s, now: true}}", script).step(step).ended == 3.0
    assert answered(f"{play}- {step}: {{for: 3s, now: true}}", script).step(step).ended == 4.0
    assert answered(f"{play}- {step}: {{for: 1s, within: 2s}}", script).verdict == "failed"


def test_silence_counts_from_the_mark() -> None:
    """Silence that reigns at the mark counts from the mark on."""
    ran = answered("- wait: 2s\n- expect_silence: 3s")
    assert ran.step("expect_silence").ended == 3.0
    assert ran.step("expect_silence").latency == 0.0


def test_silence_begins_anew_after_a_sound() -> None:
    """A sound breaks the silence, which counts from the sound's end."""
    ran = answered("- expect_silence: 2s", lambda call: call.will_hear_speech(at=1, length=1.5))
    assert (ran.step("expect_silence").ended, ran.step("expect_silence").latency) == (4.5, 2.5)


def test_silence_now_counts_from_its_own_begin() -> None:
    """With `now` silence counts from its own begin, though our own play ended later."""
    steps = "- play: {tone: 300, for: 3s}\n- expect_silence: {for: 2s, now: true}"
    assert answered(steps).step("expect_silence").ended == 3.0


def test_dtmf_is_a_whole_entry() -> None:
    """`expect_dtmf` wants these digits and no others: the first wrong one fails it."""
    script = lambda call: [call.will_hear_digit("1", at=1), call.will_hear_digit("3", at=2)]  # noqa: E731
    ran = answered("- expect_dtmf: 12", script)
    assert (ran.verdict, ran.outcome.problems[0].heard, ran.outcome.duration) == ("failed", "13 (info)", 2.0)
    assert answered("- expect_dtmf: 13", script).step("expect_dtmf").latency == 1.0


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        ("{pattern: '[0-9]{3}#'}", "passed"),
        ("{pattern: '[0-9]{2}#', within: 4s}", "failed"),
        ("{contains: 23}", "passed"),
        ("{digits: '123#', via: info}", "passed"),
        ("{digits: '123#', via: rtp}", "failed"),
        ("{digits: '9', absent: true, within: 4s}", "passed"),
    ],
)
def test_dtmf_entries(entry: str, verdict: str) -> None:
    """An entry may be a pattern, a part of it, or come by one way only."""
    ran = answered(f"- expect_dtmf: {entry}", lambda call: call.will_hear_digit("123#", at=1))
    assert ran.verdict == verdict


def test_dtmf_wants_one_kind_of_entry() -> None:
    """`digits` and `pattern` together are refused when compiling."""
    with pytest.raises(FlowErrors, match="one of `digits`, `pattern` and `contains`"):
        answered("- expect_dtmf: {digits: 1, pattern: '1'}")


def test_type_ahead_counts_unless_flushed() -> None:
    """Digits entered before the step count, unless `flush` throws them away."""
    script = lambda call: call.will_hear_digit("12", at=1)  # noqa: E731
    assert answered("- wait: 2s\n- expect_dtmf: 12", script).verdict == "passed"
    assert answered("- wait: 2s\n- expect_dtmf: {digits: 12, flush: true, within: 2s}", script).verdict == "failed"


@pytest.mark.parametrize(
    ("fields", "said", "ended"),
    [
        ("{digits: 2}", "12 complete", 2.0),
        ("{digits: 9, end: '3'}", "12 end", 3.0),
        ("{digits: 9}", "123 timeout", 5.0),
        ("{digits: 9, between: 500ms}", "1 timeout", 1.5),
        ("{digits: 9, first: 500ms}", " timeout", 0.5),
        ("{digits: 9, within: 2.5s}", "12 timeout", 2.5),
    ],
)
def test_gather_gives_digits_and_why_it_ended(fields: str, said: str, ended: float) -> None:
    """`gather` ends by count, by the end key or by its time-outs, and never fails."""
    ran = answered(
        f"- gather: {fields}\n  save_as: it\n- log: '${{it.digits}} ${{it.reason}}'",
        lambda call: [call.will_hear_digit(digit, at=int(digit)) for digit in "123"],
    )
    assert ran.said == [said]
    assert ran.step("gather").ended == ended


def test_gather_plays_until_the_first_digit() -> None:
    """What `gather` plays stops at the first digit, and `first` counts from the end of it."""
    steps = "- gather: {digits: 1, first: 2s, play: {tone: 440, for: 4s, gain: -6}}"
    ran = answered(steps, lambda call: call.will_hear_digit("7", at=1))
    assert [(sent.kind, sent.ended) for sent in ran.call.sent[:1]] == [("play", 1.0)]
    assert answered(steps).step("gather").ended == 6.0


def test_gather_stops_its_play_on_speech() -> None:
    """`stop_on` of what `gather` plays counts: speech ends the prompt, and `first` counts from there."""
    steps = "- gather: {digits: 1, first: 2s, play: {tone: 440, for: 9s, stop_on: speech}}"
    ran = answered(steps, lambda call: call.will_hear_speech(at=1))
    assert [(sent.kind, sent.ended) for sent in ran.call.sent[:1]] == [("play", 1.0)]
    assert ran.step("gather").ended == 3.0


def test_gather_takes_play_in_its_short_form() -> None:
    """`play` in `gather` takes a path alone, with expressions in it."""
    ran = answered("- gather: {digits: 1, first: 1s, play: '${name}.wav'}", head='dial: "+1"\nvars: {name: welcome}')
    assert [path.name for path in ran.call.sent[0].what.files] == ["welcome.wav"]


def test_gather_refuses_what_play_refuses() -> None:
    """A wrong field of `play` inside `gather` is found when compiling."""
    with pytest.raises(FlowErrors, match="ton"):
        answered("- gather: {digits: 1, play: {ton: 440}}")


def test_two_consumers_of_digits_are_a_fault() -> None:
    """Two steps that consume digits at the same time are a fault."""
    ran = answered("- parallel: [[{gather: {digits: 1}}], [{expect_dtmf: 1}]]")
    assert ran.verdict == "fault"
    assert "expect_dtmf wants the digits that gather is waiting for" in ran.problems[0]


def test_handlers_only_observe_digits() -> None:
    """`on: dtmf` sees the digits that `gather` consumes."""
    text = """
    on:
      answered: [{gather: {digits: 2}, save_as: it}, {log: "${it.digits}"}]
      dtmf: [{log: "${event.digit}"}]
    """
    ran = run_flow(text, lambda call: [call.will_hear_digit(digit, at=int(digit)) for digit in "12"])
    assert sorted(ran.said) == ["1", "12", "2"]


def test_digit_that_comes_two_ways_is_one() -> None:
    """A digit as event and as tone within 100 ms is one digit; the same key twice is two."""
    ran = answered(
        "- gather: {digits: 9, between: 1s}\n  save_as: it\n- log: '${it.digits}'",
        lambda call: [
            call.will_hear_digit("5", at=1.0, via="rtp"),
            call.will_hear_digit("5", at=1.05, via="tone"),
            call.will_hear_digit("5", at=1.5, via="rtp"),
        ],
    )
    assert ran.said == ["55"]


def test_wait_for_an_event() -> None:
    """`wait_for` gives the event's fields; `when` picks among several."""
    ran = answered(
        "- wait_for: {event: dtmf, when: event.digit == '2'}\n  save_as: it\n- log: '${it.digit} ${it.at}'",
        lambda call: [call.will_hear_digit(digit, at=int(digit)) for digit in "12"],
    )
    assert ran.said == ["2 2.0"]


def test_wait_for_finds_what_came_since_the_mark_once() -> None:
    """An event since the mark is found, and by one `wait_for` only."""
    ran = answered(
        "- wait: 2s\n- wait_for: held\n- wait_for: {event: held, within: 1s}",
        lambda call: call.will_happen(Held(call.id), at=1),
    )
    assert [each.ok for each in ran.outcome.steps] == [True, True, False]


def test_wait_for_with_a_bad_condition_is_a_fault() -> None:
    """A condition that cannot be evaluated faults the flow, not the call."""
    ran = answered(
        "- wait_for: {event: dtmf, when: event.digit / n == 1}",
        lambda call: call.will_hear_digit("1", at=1),
        head='dial: "+1"\nvars: {n: 0}',
    )
    assert ran.verdict == "fault"
    assert "division by zero" in ran.problems[0]


def test_signals_are_latched_and_shared() -> None:
    """A signal given before is found at once, with its data; a mapping's keys are fields of the result."""
    signals = Signals()
    signals.give("door", {"number": 2})
    steps = (
        "- wait_for: {signal: door, when: event.data.number == 2}\n  save_as: it\n- log: '${it.number} ${it.latency}'"
    )
    assert answered(steps, inputs=Inputs(signals=signals)).said == ["2 0.0"]


def test_signal_reaches_another_handler() -> None:
    """`signal` wakes whoever waits; a signal's plain data is the value itself."""
    text = """
    on:
      answered: [{wait_for: {signal: code}, save_as: code}, {log: "${code} ${code.ok}"}]
      dtmf: [{signal: {name: code, data: "${event.digit}"}}]
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("7", at=1))
    assert ran.said == ["7 true"]


def test_wait_for_signal_fails_in_time() -> None:
    """A signal that does not come fails the step when its time is up."""
    ran = answered("- wait_for: {signal: door, within: 3s}")
    assert (ran.verdict, ran.outcome.duration) == ("failed", 3.0)
    assert ran.outcome.problems[0].expected == "signal door within 3 s"


def test_wait_for_signal_after_the_call() -> None:
    """In `ended` a signal can still be waited for."""
    signals = Signals()
    ran = run_flow(
        "on: {answered: [{wait: 1s}], ended: [{wait_for: {signal: x, within: 2s}, on_fail: ignore}, {log: over}]}",
        inputs=Inputs(signals=signals),
    )
    assert ran.said == ["over"]
    assert ran.outcome.steps[-2].ended == 3.0


def test_a_prompt_and_which() -> None:
    """`expect_prompt` waits for the end of one of its files, and tells which, how well and since when."""
    ran = answered(
        "- expect_prompt: {audio: [a.wav, b.wav]}\n  save_as: it\n"
        "- log: '${it.prompt} ${it.score} ${it.whole} ${it.latency}'",
        lambda call: call.will_hear_prompt("b.wav", at=1, length=2),
    )
    assert ran.said == ["b.wav 0.95 true 1.0"]
    assert ran.outcome.steps[0].ended == 3.0


def test_a_prompt_must_be_heard_well() -> None:
    """What scores below `score` is not it; the usual is 0.7."""
    for score, said, verdict in ((0.69, "", "failed"), (0.71, "", "passed"), (0.71, ", score: 0.8", "failed")):
        ran = answered(
            f"- expect_prompt: {{audio: a.wav, within: 4s{said}}}",
            lambda call, score=score: call.will_hear_prompt("a.wav", at=1, score=score),  # type: ignore[misc]
        )
        assert ran.verdict == verdict


def test_a_prompt_at_its_start() -> None:
    """`return: start` and `absent` do not wait for its end; `anywhere` waits for as long as `for` says."""
    for fields, ended in (("return: start", 1.0), ("anywhere: true, for: 1500ms", 2.5)):
        ran = answered(
            f"- expect_prompt: {{audio: a.wav, {fields}}}", lambda call: call.will_hear_prompt("a.wav", at=1, length=5)
        )
        assert (ran.verdict, ran.outcome.steps[0].ended) == ("passed", ended)
    ran = answered(
        "- expect_prompt: {audio: a.wav, absent: true, within: 3s}",
        lambda call: call.will_hear_prompt("a.wav", at=1, length=5),
    )
    assert ran.verdict == "failed"
    assert ran.outcome.problems[0].at == 1.0


@pytest.mark.parametrize("fields", ["for: '${3}', within: 1s", "starts_within: '${3}', within: 1s", "for: '${11}'"])
def test_what_does_not_fit_when_filled_in(fields: str) -> None:
    """What cannot be met in its time is a fault: its absence would prove nothing."""
    ran = answered(f"- expect_tone: {{hz: 440, absent: true, {fields}}}")
    assert ran.verdict == "fault"
    assert "does not fit in `within:" in ran.problems[0]
