"""The runtime: handlers, how a flow ends, and what that means for its verdict."""

from __future__ import annotations

import asyncio

import pytest

from botkit import clock
from botkit.errors import ConfigError
from botkit.events import Held
from botkit.flow import runtime
from botkit.flow.runtime import FlowRun, Inputs
from botkit.flow.trace import EventSeen
from botkit.results import Verdict
from botkit.testing import FakeCall
from tests.flow.kit import answered, flow_of, run_flow

ANSWERS = "answer: any"


# --- how a flow ends ------------------------------------------------------------------------------


def test_passes_and_hangs_up_when_answered_is_done() -> None:
    """When the `answered` handler is done and nothing else runs, the bot hangs up, and the flow has passed."""
    ran = answered("- wait: 2s")
    assert ran.verdict == "passed"
    assert [(sent.kind, sent.started) for sent in ran.call.sent] == [("hangup", 2.0)]
    assert ran.outcome.duration == 2.0


def test_waits_for_other_handlers_before_it_hangs_up() -> None:
    """A handler that still runs keeps the call up after `answered` is done."""
    text = """
    on:
      answered: [{wait: 1s}]
      dtmf: [{wait: 5s}]
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("1", at=0.5))
    assert ran.outcome.duration == 5.5


def test_failed_step_cancels_hangs_up_and_runs_ended() -> None:
    """A step that fails cancels the other handlers, hangs up, and then `ended` runs."""
    text = """
    on:
      answered: [{expect_tone: {hz: 440, within: 3s}}, {log: never}]
      dtmf: [{wait: 60s}, {log: never}]
      ended: [{log: "over: ${call.cause}"}]
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("1", at=1))
    assert ran.verdict == "failed"
    assert ran.said == ["over: NORMAL_CLEARING"]
    assert ran.outcome.duration == 3.0
    assert [each.cancelled for each in ran.outcome.steps if each.step == "wait"] == [True]


def test_problem_says_where_what_and_when() -> None:
    """A failure names its step, path, source line, what was expected, what was heard, and when."""
    ran = answered("- expect_tone: {hz: 440, within: 3s}\n  label: greeting")
    (problem,) = ran.outcome.problems
    assert (problem.kind, problem.step, problem.path, problem.label) == (
        "failure", "expect_tone", "on.answered/0", "greeting",
    )  # fmt: skip
    assert problem.place is not None
    assert problem.place.file == "test.yaml"
    assert problem.place.text.strip() == "- expect_tone: {hz: 440, within: 3s}"
    assert "440 Hz" in (problem.expected or "")
    assert problem.heard == "silence"
    assert problem.at == 3.0


def test_problem_has_the_label_of_what_holds_its_step() -> None:
    """A step without a label that fails inside a labelled one is known by that label."""
    text = """
    on:
      answered: [{run: ask, label: pin}]
    blocks:
      ask: [{expect_tone: {hz: 440, within: 1s}}]
    """
    assert run_flow(text).outcome.problems[0].label == "pin"


def test_fail_ends_the_flow_as_failed() -> None:
    """`fail` ends the flow as failed, in its own words, and no `on_fail` around it covers it."""
    ran = answered("- parallel: [[{fail: no way}], [{wait: 9s}]]\n  on_fail: ignore\n- log: never")
    assert (ran.verdict, ran.problems, ran.said) == ("failed", ["no way"], [])
    assert ran.outcome.duration == 0.0


def test_stop_ends_the_flow_as_passed() -> None:
    """`stop` ends the flow as passed: other handlers are cancelled, and `ended` runs."""
    text = """
    on:
      answered: [{expect_tone: 440}]
      dtmf: [stop]
      ended: [{log: over}]
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("1", at=1))
    assert (ran.verdict, ran.said, ran.outcome.duration) == ("passed", ["over"], 1.0)


def test_stop_cannot_undo_a_noted_failure() -> None:
    """A failure noted before `stop` still fails the flow."""
    ran = answered("- check: 1 == 2\n  on_fail: note\n- stop")
    assert ran.verdict == "failed"


def test_fault_is_no_failure() -> None:
    """An expression that cannot be evaluated is a fault, at the place where it stands, and `on_fail` covers it not."""
    ran = answered("- set: {n: x}\n- log: '${n + 1}'\n  on_fail: ignore\n- log: never")
    (problem,) = ran.outcome.problems
    assert (ran.verdict, problem.kind, ran.said) == ("fault", "fault", [])
    assert problem.place is not None
    assert problem.place.text.strip() == "- log: '${n + 1}'"


def test_condition_that_is_neither_true_nor_false_is_a_fault() -> None:
    """`check: 5` is neither true nor false: a fault."""
    assert answered("- set: {n: 5}\n- check: n").verdict == "fault"


def test_time_limit_fails_the_flow() -> None:
    """Reaching the time limit fails the flow, hangs up, runs `ended`, and names the step that was cut off."""
    text = """
    time_limit: 4s
    on:
      answered: [{repeat: {while: true, do: [{wait: 3s}]}}]
      ended: [{log: over}]
    """
    ran = run_flow(text)
    (problem,) = ran.outcome.problems
    assert (ran.verdict, ran.said, ran.outcome.duration) == ("failed", ["over"], 4.0)
    assert "time limit of 4 s" in problem.message
    assert problem.path == "on.answered/0/do/0"


@pytest.mark.parametrize(
    ("steps", "advice"),
    [("{repeat: {while: true, do: [{wait: 3s}]}}", "limit the loop with `at_most`"), ("{wait: 9s}", "end sooner")],
)
def test_time_limit_says_what_to_do(steps: str, advice: str) -> None:
    """Whoever meets the time limit is told its key, and how a loop is limited where one was going on."""
    (problem,) = run_flow(f"time_limit: 4s\non: {{answered: [{steps}]}}").outcome.problems
    assert problem.hint is not None
    assert "`time_limit`" in problem.hint
    assert advice in problem.hint


def test_time_limit_counts_from_the_begin_of_the_call() -> None:
    """The time limit is that of the whole call, ringing included; by default it is five minutes."""
    ran = run_flow("on: {answered: [{wait: 1000s}]}", answer_after=100.0)
    assert ran.outcome.duration == 200.0


def test_time_limit_while_it_rings() -> None:
    """A call that nobody answers is told to ring still, when its time is over."""
    (problem,) = run_flow("time_limit: 4s\non: {answered: [hangup]}", answer_after=None).outcome.problems
    assert problem.heard == "it was still ringing"


def test_ended_handler_has_a_limit_of_its_own() -> None:
    """An `ended` handler that goes on for ever fails the flow after a while."""
    ran = run_flow("on: {answered: [{wait: 1s}], ended: [{wait: 1000s}]}")
    assert ran.verdict == "failed"


def test_failure_in_ended_fails_the_flow() -> None:
    """A check that is not met in `ended` fails the flow."""
    ran = run_flow("on: {answered: [{wait: 1s}], ended: [{check: call.duration > 5}]}")
    assert ran.verdict == "failed"
    assert "call.duration is 1.0" in ran.problems[0]


def test_ended_runs_with_the_facts_of_the_call() -> None:
    """`ended` sees cause, SIP code, duration, state and RTP figures."""
    text = """
    on:
      answered: [{wait: 60s}]
      ended:
        - log: "${call.cause} ${call.sip_code} ${call.duration} ${call.state} ${call.rtp.lost} ${event.cause}"
    """
    ran = run_flow(text, lambda call: call.will_end(at=2, cause="busy"))
    assert ran.said == ["USER_BUSY 486 2.0 done 0 USER_BUSY"]


def test_ended_waits_in_earnest() -> None:
    """A `wait` in `ended` is not cut short by the end of the call, which lies behind it."""
    text = "on: {answered: [{wait: 1s}], ended: [{wait: 2s}]}"
    assert run_flow(text).step("wait").ended == 1.0
    assert run_flow(text).outcome.steps[-1].ended == 3.0


# --- answering ------------------------------------------------------------------------------------


def test_answers_at_once_without_an_incoming_handler() -> None:
    """Without an `incoming` handler the bot answers at once."""
    ran = run_flow("on: {answered: [{wait: 1s}]}", head=ANSWERS)
    assert [sent.kind for sent in ran.call.sent] == ["answer", "hangup"]


def test_incoming_handler_decides() -> None:
    """With an `incoming` handler nothing is answered but by it, and it sees who calls."""
    text = """
    on:
      incoming: [{log: "${event.caller_number}"}, {wait: 3s}, answer]
      answered: [{log: up}]
    """
    ran = run_flow(text, head=ANSWERS)
    assert ran.said == ["+15550001111", "up"]
    assert ran.outcome.setup == 3.0


def test_incoming_without_answer_leaves_it_ringing() -> None:
    """An `incoming` handler that does not answer leaves the caller ringing, until the caller gives up."""
    ran = run_flow("on: {incoming: [{log: ring}]}", lambda call: call.will_refuse("cancelled", 20), head=ANSWERS)
    assert (ran.verdict, ran.outcome.duration, ran.outcome.cause) == ("passed", None, "ORIGINATOR_CANCEL")


def test_reject_gives_its_cause() -> None:
    """`reject` refuses the call with its cause."""
    ran = run_flow("on: {incoming: [{reject: declined}]}", head=ANSWERS)
    assert (ran.verdict, ran.outcome.cause) == ("passed", "CALL_REJECTED")


# --- expect_call ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "cause", "verdict"),
    [
        ("busy", "busy", "passed"),
        ("rejected", "declined", "passed"),
        ("no_answer", "no_answer", "passed"),
        ("unallocated", "unallocated", "passed"),
        ("any", "unavailable", "passed"),
        ("busy", "declined", "failed"),
        ("answered", "busy", "failed"),
        ("no_answer", "unavailable", "failed"),
    ],
)
def test_call_outcome_is_judged_by_its_cause(expected: str, cause: str, verdict: str) -> None:
    """`expect_call` is held against the cause with which the call was refused."""
    text = f"expect_call: {expected}\non: {{}}"
    assert run_flow(text, lambda call: call.will_refuse(cause, 1), answer_after=None).verdict == verdict


def test_answered_is_expected_where_it_is_handled() -> None:
    """A flow with an `answered` handler fails when the call is refused; one without does not."""
    refuse = {"script": lambda call: call.will_refuse("busy", 1), "answer_after": None}
    ran = run_flow("on: {answered: [{wait: 1s}]}", **refuse)  # type: ignore[arg-type]
    assert ran.verdict == "failed"
    assert "USER_BUSY" in ran.problems[0]
    assert run_flow("on: {ended: [{log: over}]}", **refuse).verdict == "passed"  # type: ignore[arg-type]


def test_answer_that_was_not_expected_fails_at_once() -> None:
    """A call that is answered where `busy` was expected fails, and is hung up."""
    ran = run_flow("expect_call: busy\non: {answered: [{wait: 60s}]}")
    assert (ran.verdict, ran.outcome.duration) == ("failed", 0.0)


def test_ring_timeout_is_no_answer() -> None:
    """After `ring_timeout` the bot gives up, and the call was not answered."""
    ran = run_flow("ring_timeout: 5s\nexpect_call: no_answer\non: {}", answer_after=None)
    assert (ran.verdict, ran.outcome.call_outcome, ran.outcome.cause) == ("passed", "no_answer", "ORIGINATOR_CANCEL")


def test_ring_timeout_does_not_cut_an_answered_call() -> None:
    """Once the call is answered, `ring_timeout` has done its work."""
    ran = run_flow("ring_timeout: 5s\non: {answered: [{wait: 60s}]}", answer_after=4.0)
    assert (ran.verdict, ran.outcome.duration) == ("passed", 60.0)


# --- handlers and their modes ---------------------------------------------------------------------

DIGITS = "123"


def _with_mode(mode: str) -> list[str]:
    text = f"""
    on:
      answered: [{{wait: 10s}}]
      dtmf:
        mode: {mode}
        do: [{{log: "begin ${{event.digit}}"}}, {{wait: 2500ms}}, {{log: "end ${{event.digit}}"}}]
    """
    return run_flow(
        text, lambda call: [call.will_hear_digit(digit, at=1 + number) for number, digit in enumerate(DIGITS)]
    ).said


def test_queue_runs_one_after_the_other() -> None:
    """By default events of one kind wait for each other."""
    assert _with_mode("queue") == [f"{what} {digit}" for digit in DIGITS for what in ("begin", "end")]


def test_restart_cancels_the_run_under_way() -> None:
    """`restart`: a new event cancels the run of the one before."""
    assert _with_mode("restart") == ["begin 1", "begin 2", "begin 3", "end 3"]


def test_ignore_drops_events_while_it_runs() -> None:
    """`ignore`: events that come while the handler runs are dropped."""
    assert _with_mode("ignore") == ["begin 1", "end 1"]


def test_parallel_runs_them_side_by_side() -> None:
    """`parallel`: each event has its own run."""
    assert _with_mode("parallel")[:2] == ["begin 1", "begin 2"]
    assert len(_with_mode("parallel")) == 6


def test_when_decides_whether_an_event_is_handled() -> None:
    """A handler whose `when` does not hold for an event leaves it alone."""
    text = """
    on:
      answered: [{wait: 5s}]
      dtmf: {when: event.digit == "2", do: [{log: "${event.digit} at ${event.at}"}]}
    """
    ran = run_flow(text, lambda call: [call.will_hear_digit(digit, at=int(digit)) for digit in DIGITS])
    assert ran.said == ["2 at 2.0"]


def test_variables_are_shared_by_all_handlers() -> None:
    """What one handler sets, another sees."""
    text = """
    vars: {digits: ""}
    on:
      answered: [{wait: 3s}, {log: "got ${digits}"}]
      dtmf: [{set: {digits: "${digits ~ event.digit}"}}]
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("42", at=1))
    assert ran.said == ["got 42"]


def test_other_events_start_handlers() -> None:
    """Any event of the call that has a name starts its handler."""
    ran = run_flow(
        "on: {answered: [{wait: 3s}], held: [{log: held}]}",
        lambda call: call.will_happen(Held(call.id), at=1),
    )
    assert ran.said == ["held"]


def test_events_before_the_run_are_not_lost() -> None:
    """A call that is up, or over, when the run begins is taken up where it is."""

    async def main() -> tuple[str, ...]:
        call = FakeCall()
        call.will_answer()
        run = FlowRun(flow_of("on: {answered: [{log: up}, {wait: 1s}]}"), call)
        await asyncio.sleep(0.5)
        late = FakeCall.up()
        return tuple(
            outcome.verdict.value
            for outcome in (
                await run.run(),
                await FlowRun(flow_of("on: {answered: [{wait: 1s}]}"), late).run(),
                await FlowRun(flow_of("on: {answered: [{expect_tone: 440}]}"), late).run(),
            )
        )

    assert clock.run(main(), virtual=True) == ("passed", "passed", "failed")


def test_goto_replaces_the_rest_of_the_handler() -> None:
    """`goto` goes on with a block, out of whatever holds it, and does not come back."""
    text = """
    on:
      answered: [{repeat: {times: 3, do: [{goto: menu}]}}, {log: never}]
    blocks:
      menu: [{log: menu}]
    """
    assert run_flow(text).said == ["menu"]


def test_goto_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that go to each other for ever are stopped as a fault, unless the time limit comes first."""
    monkeypatch.setattr(runtime, "TURNS", 100)
    text = """
    on: {answered: [{goto: menu}]}
    blocks: {menu: [{gather: {digits: 1, first: 0s}}, {goto: menu}]}
    """
    ran = run_flow(text)
    assert ran.verdict == "fault"
    assert "went round 100 times" in ran.problems[0]


# --- on_fail --------------------------------------------------------------------------------------


def test_on_fail_note_goes_on_and_fails_in_the_end() -> None:
    """`note`: the flow goes on, and its verdict fails at the end."""
    ran = answered("- check: 1 == 2\n  on_fail: note\n- log: on")
    assert (ran.verdict, ran.said) == ("failed", ["on"])


def test_on_fail_ignore_leaves_the_verdict_alone() -> None:
    """`ignore`: the result is not ok, the verdict untouched, and the fields are there, empty."""
    ran = answered("- expect_tone: {hz: 440, within: 1s}\n  on_fail: ignore\n  save_as: it\n- log: '${it.ok} ${it.hz}'")
    assert (ran.verdict, ran.said) == ("passed", ["false null"])


def test_on_fail_list_runs_and_the_flow_goes_on() -> None:
    """A list of steps runs on failure, and then the flow goes on as if nothing were."""
    ran = answered("- check: 1 == 2\n  on_fail: [{log: sorry}]\n- log: on")
    assert (ran.verdict, ran.said) == ("passed", ["sorry", "on"])


def test_on_fail_list_that_fails_keeps_both_problems() -> None:
    """When the steps of `on_fail` fail in turn, the report shows what they were handling, too."""
    ran = answered("- check: 1 == 2\n  on_fail: [{fail: given up}]")
    assert ran.verdict == "failed"
    assert ran.problems == ["expected `1 == 2`; heard it is false", "given up"]


def test_on_fail_list_may_stop_the_flow() -> None:
    """`stop` in an `on_fail` list ends the flow as passed."""
    ran = answered("- check: 1 == 2\n  on_fail: [stop]\n- log: never")
    assert (ran.verdict, ran.said) == ("passed", [])


def test_on_fail_covers_what_a_step_holds() -> None:
    """On a step that holds steps, `on_fail` covers them; the rest of the inner steps is left out."""
    ran = answered("- repeat: {times: 2, do: [{check: 1 == 2}, {log: never}]}\n  on_fail: ignore\n- log: on")
    assert (ran.verdict, ran.said) == ("passed", ["on"])
    assert [each.ok for each in ran.outcome.steps] == [False, False, True]


def test_if_leaves_a_step_out() -> None:
    """A step whose `if` does not hold is left out, and has no result."""
    ran = answered("- log: no\n  if: 1 == 2\n- log: yes\n  if: ${1 == 1}")
    assert ran.said == ["yes"]
    assert len(ran.outcome.steps) == 1


def test_within_cuts_off_any_step() -> None:
    """`within` on a step that is no expectation fails it when it takes longer."""
    ran = answered("- repeat: {times: 3, do: [{wait: 2s}]}\n  within: 5s")
    assert (ran.verdict, ran.outcome.duration) == ("failed", 5.0)
    assert "repeat to be done within 5 s" in ran.problems[0]


def test_every_result_has_ok_started_ended() -> None:
    """Every step's result has `ok`, `started` and `ended`, in seconds since the answer."""
    ran = answered("- wait: 1s\n- wait: 2s\n  save_as: it\n- log: '${it.ok} ${it.started} ${it.ended}'")
    assert ran.said == ["true 1.0 3.0"]


# --- the end of the call under a step -------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        "expect_tone: {hz: 440, within: 9s}",
        "expect_tone: {hz: 440, within: 9s, absent: true}",
        "expect_dtmf: 123",
        "expect_silence: 9s",
        "wait_for: {event: held}",
        "wait_for: {signal: x}",
    ],
)
def test_expectations_are_not_met_when_the_call_ends(step: str) -> None:
    """The call ending under an expectation or `wait_for` fails it, at that moment."""
    ran = answered(f"- {step}", lambda call: call.will_end(at=2))
    assert ran.verdict == "failed"
    assert ran.outcome.problems[0].at == 2.0


@pytest.mark.parametrize(
    "step",
    [
        "expect_tone: {hz: 440, within: 9s, absent: true, ended: ok}",
        "expect_silence: {for: 9s, within: 10s, ended: ok}",
        "wait_for: {event: ended}",
        "gather: {digits: 4}",
        "play: {tone: 440, for: 9s}",
        "play: {tone: 440, loop: true}",
        "wait: 9s",
        "send_dtmf: '123456789123456789'",
    ],
)
def test_actions_are_cut_short_by_the_end_of_the_call(step: str) -> None:
    """`play`, `wait`, `gather`, digits, and what says `ended: ok`, end with the call and have not failed."""
    ran = answered(f"- {step}", lambda call: call.will_end(at=2))
    assert (ran.verdict, ran.problems) == ("passed", [])
    assert ran.outcome.steps[0].ended == 2.0


def test_gather_says_that_the_call_ended() -> None:
    """`gather` gives what came, with `reason: ended`."""
    ran = answered(
        "- gather: {digits: 4}\n  save_as: it\n- log: '${it.digits} ${it.reason}'",
        lambda call: [call.will_hear_digit("12", at=1), call.will_end(at=2)],
    )
    assert ran.said == ["12 ended"]


def test_expectation_on_a_dead_call_fails() -> None:
    """An expectation that begins when the call is over fails: the other side hung up too early."""
    ran = answered("- wait: 9s\n- expect_tone: 440", lambda call: call.will_end(at=2))
    assert ran.verdict == "failed"
    assert "the call ended" in ran.problems[0]


def test_on_fail_does_not_run_on_a_dead_call() -> None:
    """When the call has ended there is nobody to say sorry to: the failure stands."""
    ran = answered("- expect_tone: 440\n  on_fail: [{log: sorry}]", lambda call: call.will_end(at=2))
    assert (ran.verdict, ran.said) == ("failed", [])


def test_menu_does_not_go_round_on_a_dead_call() -> None:
    """A menu that is offered until somebody chooses ends with the call, and is no fault."""
    text = """
    on: {answered: [{goto: menu}]}
    blocks:
      menu:
        - gather: {digits: 1, play: {tone: 440, for: 1s}}
          save_as: choice
        - choose: [{when: choice.digits == "1", do: [hangup]}, {else: [{goto: menu}]}]
    """
    ran = run_flow(text, lambda call: call.will_end(at=20))
    assert (ran.verdict, ran.outcome.duration) == ("passed", 20.0)


def test_loop_does_not_go_round_on_a_dead_call() -> None:
    """A loop that asks until it gets an answer ends with the call; what follows still runs."""
    steps = """
    - repeat:
        until: choice.digits == "1"
        do: [{gather: {digits: 1}, save_as: choice}]
        at_most: 100
        else: [{fail: nobody chose}]
    - log: after
    """
    ran = answered(steps, lambda call: call.will_end(at=12))
    assert (ran.verdict, ran.said) == ("passed", ["after"])


@pytest.mark.parametrize("loop", ["repeat: {while: true, do: [{wait: 1s}]}", "goto: rest"])
def test_loop_that_only_waits_ends_with_the_call(loop: str) -> None:
    """Who waits again and again for the other side to hang up has no failure when it does."""
    text = f"on: {{answered: [{{{loop}}}]}}\nblocks: {{rest: [{{wait: 1s}}, {{goto: rest}}]}}\n"
    ran = run_flow(text, lambda call: call.will_end(at=5))
    assert (ran.verdict, ran.problems, ran.outcome.duration) == ("passed", [], 5.0)


def test_fault_shows_the_line_of_its_expression() -> None:
    """A fault in a field that stands lines below its step shows that line, not the step's."""
    ran = answered("- check:\n    says: no\n    that: call.id > 1")
    place = ran.outcome.problems[0].place
    assert place is not None
    assert (place.text.strip(), place.text[place.column - 1 :]) == ("that: call.id > 1", "call.id > 1")


# --- abort and cancellation -----------------------------------------------------------------------


def test_abort_is_no_failure_of_its_own() -> None:
    """A bot that is cut off is aborted, names why, hangs up and runs `ended`, whose checks do not count."""
    text = "on: {answered: [{expect_tone: 440}], ended: [{log: over}, {check: call.duration > 100}]}"

    def abort_at_2(run: FlowRun, call: FakeCall) -> None:
        asyncio.get_running_loop().call_later(2, run.abort, "caller failed at pin")

    ran = run_flow(text, with_run=abort_at_2)
    assert (ran.verdict, ran.problems, ran.said) == ("aborted", [], ["over"])
    assert (ran.outcome.aborted_by, ran.outcome.duration) == ("caller failed at pin", 2.0)


def test_abort_does_not_undo_a_failure() -> None:
    """A bot that noted a failure of its own before it was cut off has failed."""

    def abort_at_2(run: FlowRun, call: FakeCall) -> None:
        asyncio.get_running_loop().call_later(2, run.abort, "another")

    ran = answered("- check: 1 == 2\n  on_fail: note\n- wait: 9s", with_run=abort_at_2)
    assert ran.verdict == "failed"


def test_abort_before_the_run_hangs_up() -> None:
    """A flow that was aborted before it began does nothing but hang up."""
    ran = run_flow("on: {answered: [{log: up}]}", with_run=lambda run, call: run.abort("another"))
    assert (ran.verdict, ran.said) == ("aborted", [])


def test_abort_after_the_end_changes_nothing() -> None:
    """A flow that is over cannot be aborted."""

    async def main() -> Verdict:
        run = FlowRun(flow_of("on: {answered: [{wait: 1s}]}"), FakeCall.up())
        await run.run()
        run.abort("too late")
        return run.outcome.verdict

    assert clock.run(main(), virtual=True) is Verdict.PASSED


def test_cancelling_the_run_hangs_up() -> None:
    """A cancelled run hangs up, leaves no task behind, and its outcome tells how far it came."""

    async def main() -> tuple[FakeCall, FlowRun, int]:
        call = FakeCall.up()
        run = FlowRun(flow_of("on: {answered: [{wait: 1s}, {expect_tone: 440}]}"), call)
        task = asyncio.create_task(run.run())
        await asyncio.sleep(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return call, run, len(asyncio.all_tasks())

    call, run, tasks = clock.run(main(), virtual=True)
    assert call.state.is_over
    assert tasks == 1
    assert [each.step for each in run.outcome.steps] == ["wait", "expect_tone"]


# --- variables, inputs, trace ---------------------------------------------------------------------


def test_variables_may_use_those_before_them() -> None:
    """A variable may use those above it; a value given from outside wins."""
    text = "vars: {n: 1, m: '${n + 1}'}\non: {answered: [{log: '${n} ${m} ${vars.m}'}]}"
    assert run_flow(text).said == ["1 2 2"]
    assert run_flow(text, inputs=Inputs(vars={"n": 5})).said == ["5 6 6"]


def test_undeclared_variable_is_refused() -> None:
    """A value for a variable that the flow does not declare is an error, before anything runs."""
    with pytest.raises(ConfigError, match="no variable nn"):
        run_flow("vars: {n: 1}\non: {}", inputs=Inputs(vars={"nn": 5}))


def test_same_seed_same_call() -> None:
    """All that is random comes from the seed."""
    text = """
    vars: {pin: "${random.digits(8)}"}
    on: {answered: [{wait: 1s..9s}, {log: "${pin} ${random.digits(8)} ${random.int(1, 1000000)}"}]}
    """
    one, same, other = (run_flow(text, inputs=Inputs(seed=seed)) for seed in (1, 1, 2))
    assert (one.said, one.outcome.duration) == (same.said, same.outcome.duration)
    assert one.said != other.said
    assert len(one.said[0].split()[0]) == 8


def test_inputs_are_names() -> None:
    """`env`, `bot` and `matrix` hold what the run gives."""
    ran = answered(
        "- log: '${env.HOST} ${bot.index} ${matrix.loss}'",
        inputs=Inputs(env={"HOST": "h"}, bot={"index": 3}, matrix={"loss": 0.02}),
    )
    assert ran.said == ["h 3 0.02"]


def test_secrets_are_masked_wherever_they_leave() -> None:
    """A secret's value is masked in summaries, logs, results, problems and single digits; the call gets it."""
    text = """
    vars: {pin: "4321"}
    secrets: [pin]
    on:
      answered:
        - send_dtmf: "${pin}#"
        - log: "my pin is ${pin}"
        - gather: {digits: 4}
          save_as: entry
        - check: entry.digits == pin ~ "1"
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("4321", at=3))
    assert ran.call.sent[0].what == "4321#"
    assert ran.said == ["my pin is ***"]
    assert ran.step("gather").fields["digits"] == "***"
    # The flow's own lines are shown as they are written, and this one does not hold the secret.
    assert "4321" not in repr([ran.records, ran.outcome])
    digits = [
        record.fields["digit"] for record in ran.records if isinstance(record, EventSeen) and record.event == "dtmf"
    ]
    assert digits == ["*"] * 4


def test_secret_that_is_set_is_masked_too() -> None:
    """A new value for a secret is a secret."""
    ran = answered("- set: {pin: 98765}\n- log: 'now ${pin}'", head='dial: "+1"\nvars: {pin: 1}\nsecrets: [pin]')
    assert ran.said == ["now ***"]
    assert "98765" not in repr([ran.records, ran.outcome])  # not even where `set` says what it will do


def test_secret_that_a_block_is_given_is_masked_too() -> None:
    """What `with:` gives under a secret's name is a secret."""
    text = """
    vars: {pin: 1111}
    secrets: [pin]
    on: {answered: [{run: {block: enter, with: {pin: 98765}}}]}
    blocks: {enter: [{send_dtmf: "${pin}"}]}
    """
    ran = run_flow(text)
    assert ran.call.sent[0].what == "98765"
    assert "98765" not in repr([ran.records, ran.outcome])


def test_digits_hide_before_the_secret_that_they_make() -> None:
    """A secret without a value may be what is typed next: not one digit is shown."""
    text = """
    vars: {pin: ~}
    secrets: [pin]
    on: {answered: [{gather: {digits: 4}, save_as: pin}, {log: "${pin.digits}"}]}
    """
    ran = run_flow(text, lambda call: call.will_hear_digit("4321", at=3))
    seen = [each.fields["digit"] for each in ran.records if isinstance(each, EventSeen) and each.event == "dtmf"]
    assert (seen, ran.said) == (["*"] * 4, ["***"])


def test_answered_that_is_not_for_this_call_is_done() -> None:
    """When the `answered` handler's `when` does not hold there is nothing to wait for: the bot hangs up."""
    ran = run_flow("on: {answered: {when: 1 == 2, do: [{wait: 9s}]}, dtmf: [{log: digit}]}")
    assert (ran.verdict, ran.outcome.duration) == ("passed", 0.0)


def test_nobody_looks_after_the_call() -> None:
    """A dialling flow without anything to do in the call hangs up, once its other handlers are done."""
    ran = run_flow("on: {ringing: [{wait: 3s}]}", lambda call: call.will_ring(1), answer_after=2.0)
    assert (ran.verdict, ran.outcome.duration) == ("passed", 2.0)


def test_event_handlers_alone_keep_the_call() -> None:
    """A flow that only reacts keeps the call until the other side ends it."""
    ran = run_flow("on: {dtmf: [{log: digit}]}", lambda call: call.will_end(at=30), head=ANSWERS)
    assert (ran.verdict, ran.outcome.duration) == ("passed", 30.0)


def test_failure_is_told_before_the_hang_up() -> None:
    """Whoever runs the flow hears of its failure before the other end can notice."""
    told: list[bool] = []

    def watch(run: FlowRun, call: FakeCall) -> None:
        run.on_failed = lambda: told.append(call.state.is_over)

    answered("- expect_tone: {hz: 440, within: 1s}", with_run=watch)
    answered("- wait: 1s", with_run=watch)
    assert told == [False]
