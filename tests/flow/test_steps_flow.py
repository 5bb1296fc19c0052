"""Steps that steer: set, log, check, choose, repeat, race, parallel, run, goto."""

from __future__ import annotations

import pytest

from botkit.flow.explain import FlowErrors
from botkit.flow.runtime import Inputs
from botkit.flow.steps import repeat
from tests.flow.kit import answered, run_flow


def test_set_works_out_all_values_first() -> None:
    """All values of a `set` are worked out before the first is set; types are kept."""
    ran = answered("- set: {a: '${b}', b: '${a + 1}'}\n- log: '${a} ${b}'", head='dial: "+1"\nvars: {a: 1, b: 5}')
    assert ran.said == ["5 2"]


def test_log_is_text() -> None:
    """`log` takes a text, with expressions in it."""
    assert answered("- log: it is ${1 + 1}").said == ["it is 2"]


def test_check_shows_the_values() -> None:
    """A check that is not met shows the values of the names in it, and its own words."""
    ran = answered("- check: {that: call.state == 'done', says: still up}")
    (problem,) = ran.outcome.problems
    assert problem.expected == "`call.state == 'done'` (still up)"
    assert problem.heard == "call.state is 'active'"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_choose_takes_the_first_that_holds(number: int) -> None:
    """`choose` takes the first branch whose `when` holds, or `else`."""
    steps = """
    - choose:
        - {when: n == 1, do: [{log: "1"}]}
        - {when: n <= 2, do: [{log: "2"}]}
        - {else: [{log: "3"}]}
    """
    assert answered(steps, head=f'dial: "+1"\nvars: {{n: {number}}}').said == [str(number)]


def test_choose_without_a_match_does_nothing() -> None:
    """Without `else`, a `choose` that finds nothing goes on."""
    assert answered("- choose: [{when: 1 == 2, do: [{log: no}]}]\n- log: on").said == ["on"]


def test_weights_are_drawn_with_the_seed() -> None:
    """Branches with weights are drawn, in proportion, and the same with the same seed."""
    steps = """
    - repeat:
        times: 200
        do: [{choose: [{weight: 3, do: [{log: a}]}, {weight: 1, do: [{log: b}]}, {weight: 0, do: [{log: c}]}]}]
    """
    one, same = (answered(steps, inputs=Inputs(seed=7)).said for _ in range(2))
    assert one == same
    assert 130 <= one.count("a") <= 170
    assert one.count("c") == 0


def test_repeat_times_counts_from_one() -> None:
    """`repeat.index` counts from 1, and `times` may be worked out."""
    assert answered("- repeat: {times: '${1 + 2}', do: [{log: '${repeat.index}'}]}").said == ["1", "2", "3"]


def test_repeat_while_tests_before() -> None:
    """`while` is tested before each turn."""
    steps = "- repeat: {while: n < 2, at_most: 9, do: [{set: {n: '${n + 1}'}}], else: [{log: never}]}\n- log: '${n}'"
    assert answered(steps, head='dial: "+1"\nvars: {n: 0}').said == ["2"]
    assert answered(steps, head='dial: "+1"\nvars: {n: 5}').said == ["5"]


def test_repeat_until_tests_after() -> None:
    """`until` is tested after each turn, so there is always one."""
    steps = "- repeat: {until: n > 0, at_most: 9, do: [{set: {n: '${n + 1}'}}], else: [{log: never}]}\n- log: '${n}'"
    assert answered(steps, head='dial: "+1"\nvars: {n: 5}').said == ["6"]


@pytest.mark.parametrize("rule", ["times: 2", "while: true, at_most: 2", "until: false, at_most: 2", "times: 0"])
def test_repeat_else_runs_when_turns_ran_out(rule: str) -> None:
    """`else` runs when `times` or `at_most` ran out."""
    ran = answered(f"- repeat: {{{rule}, do: [{{wait: 1s}}], else: [{{log: ran out}}]}}")
    assert ran.said == ["ran out"]


def test_break_and_next() -> None:
    """`break` leaves the loop and its `else`; `next` leaves out the rest of the turn."""
    steps = """
    - repeat:
        times: 5
        do:
          - next:
            if: repeat.index == 2
          - break:
            if: repeat.index == 4
          - log: "${repeat.index}"
        else: [{log: never}]
    """
    assert answered(steps).said == ["1", "3"]


def test_inner_loops_have_their_own_index() -> None:
    """`repeat.index` is the innermost loop's."""
    steps = (
        "- repeat: {times: 2, do: [{repeat: {times: 2, do: [{log: 'in ${repeat.index}'}]}}, {log: '${repeat.index}'}]}"
    )
    assert answered(steps).said == ["in 1", "in 2", "1", "in 1", "in 2", "2"]


def test_loop_that_lost_its_way_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop is stopped as a fault when it goes round too often."""
    monkeypatch.setattr(repeat, "TURNS", 50)
    ran = answered("- repeat: {while: true, do: [{gather: {digits: 1, first: 0s}}]}")
    assert ran.verdict == "fault"
    assert "went round 50 times" in ran.problems[0]


@pytest.mark.parametrize("rule", ["times: 60", "times: '${60}'", "while: true, at_most: 60"])
def test_loop_that_says_how_often_goes_on(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """A loop that waits goes round as often as `times` or `at_most` says, however often that is."""
    monkeypatch.setattr(repeat, "TURNS", 50)
    loop = f"{{repeat: {{{rule}, do: [{{run: pause}}], else: [{{log: done}}]}}}}"
    ran = run_flow(f"on: {{answered: [{loop}]}}\nblocks: {{pause: [{{wait: 1ms}}]}}\n")
    assert (ran.verdict, ran.said) == ("passed", ["done"])


def test_loop_that_does_not_wait_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that neither waits nor listens is stopped, however often it wants to go round."""
    monkeypatch.setattr(repeat, "TURNS", 50)
    ran = answered("- repeat: {times: '${60}', do: [{set: {a: 1}}]}")
    assert ran.verdict == "fault"
    assert "went round 50 times, and neither waits nor listens" in ran.problems[0]


def test_repeat_wants_one_rule() -> None:
    """A `repeat` with two rules, or none, is refused when compiling."""
    with pytest.raises(FlowErrors, match="one of `times`, `while` and `until`"):
        answered("- repeat: {times: 2, while: true, do: [{wait: 1s}]}")


def test_parallel_ends_when_all_have() -> None:
    """`parallel` goes on when all of its lists have ended."""
    ran = answered("- parallel: [[{wait: 1s}], [{wait: 3s}]]\n- log: on")
    assert (ran.said, ran.outcome.duration) == (["on"], 3.0)


def test_parallel_first_failure_cancels_the_others() -> None:
    """The first failure in a `parallel` cancels the other lists."""
    ran = answered("- parallel: {a: [{wait: 9s}, {log: never}], b: [{expect_tone: {hz: 440, within: 2s}}]}")
    assert (ran.verdict, ran.said, ran.outcome.duration) == ("failed", [], 2.0)
    assert ran.outcome.problems[0].path == "on.answered/0/b/0"


def test_race_is_won_by_the_first_that_ends_well() -> None:
    """A list that fails is out; the first that ends well wins, and the rest are cancelled."""
    steps = """
    - race:
        bad: [{expect_tone: {hz: 440, within: 1s}}]
        slow: [{wait: 9s}, {log: never}]
        good: [{wait: 2s}]
      save_as: it
    - log: "${it.winner}"
    """
    ran = answered(steps)
    assert (ran.verdict, ran.said, ran.outcome.duration) == ("passed", ["good"], 2.0)


def test_race_written_as_a_list_has_indexes() -> None:
    """`winner` is the index from 0 where the lists have no names."""
    ran = answered("- race: [[{wait: 9s}], [{wait: 2s}]]\n  save_as: it\n- log: '${it.winner}'")
    assert ran.said == ["1"]


def test_race_fails_when_all_have() -> None:
    """When all lists have failed, so has the race, with the problems of all."""
    ran = answered("- race: [[{check: 1 == 2}], [{expect_tone: {hz: 440, within: 2s}}]]")
    assert (ran.verdict, len(ran.problems), ran.outcome.duration) == ("failed", 2, 2.0)
    assert answered("- race: [[{check: 1 == 2}]]\n  on_fail: ignore").verdict == "passed"


def test_fault_in_a_branch_faults_the_flow() -> None:
    """A fault inside `race` or `parallel` ends the flow, whatever the other lists do."""
    ran = answered("- race: [[{wait: 5s}], [{check: '1 / n'}]]", head='dial: "+1"\nvars: {n: 0}')
    assert ran.verdict == "fault"


WITH_BLOCK = """
vars: {name: outer, tries: 0}
on:
  answered:
    - run: {block: ask, with: {name: inner}}
      save_as: it
    - log: "${name} ${tries} ${it.got}"
blocks:
  ask:
    - set: {tries: "${tries + 1}", name: "${name}!"}
    - log: "${name}"
    - return: {got: "${name}"}
    - log: never
"""


def test_with_is_local_to_its_run() -> None:
    """`with:` is known inside the block alone; other names that it sets are the call's."""
    assert run_flow(WITH_BLOCK).said == ["inner!", "outer 1 inner!"]


def test_return_ends_the_block_only() -> None:
    """A `return` deep inside a block ends the block, and the handler goes on after `run`."""
    text = """
    on: {answered: [{run: ask, save_as: it}, {log: "${it} ${it.ok}"}]}
    blocks: {ask: [{repeat: {times: 3, do: [{return: 42}]}}, {log: never}]}
    """
    assert run_flow(text).said == ["42 true"]


def test_return_keeps_the_type() -> None:
    """A returned number is a number, and a returned boolean a boolean."""
    text = """
    on: {answered: [{run: n, save_as: n}, {run: b, save_as: b}, {check: n + 1 == 43}, {check: b}]}
    blocks: {n: [{return: 42}], b: [{return: true}]}
    """
    assert run_flow(text).verdict == "passed"


def test_block_that_returns_nothing_has_a_result() -> None:
    """A block without `return` gives `ok`, `started` and `ended`."""
    text = "on: {answered: [{run: ask, save_as: it}, {log: '${it.ok} ${it.ended}'}]}\nblocks: {ask: [{wait: 1s}]}"
    assert run_flow(text).said == ["true 1.0"]


COUNTED = """
on:
  answered:
    - run: {{block: b, with: {{n: 0}}}}
    - log: "outside ${{n}}"
blocks:
  b:
    - repeat: {repeat}
    - log: "n is ${{n}}"
"""


@pytest.mark.parametrize(
    "repeat",
    [
        "{times: 3, do: [{set: {n: '${n + 1}'}}]}",
        "{until: n >= 3, at_most: 5, do: [{set: {n: '${n + 1}'}}]}",
        "{while: n < 3, at_most: 5, do: [{set: {n: '${n + 1}'}}]}",
        "{times: 3, do: [{repeat: {times: 1, do: [{set: {n: '${n + 1}'}}]}}]}",
        "{times: 2, do: [{run: three, save_as: n}]}",
    ],
)
def test_a_name_given_by_with_lasts_through_repeat(repeat: str) -> None:
    """What `repeat` does to a name that came with `with` is there in the next turn and after it, in this block."""
    text = COUNTED.format(repeat=repeat) + "  three: [{return: 3}]\n"
    ran = run_flow(text, head='dial: "+1"\nvars: {n: 100}')
    assert ran.said == ["n is 3", "outside 100"]


def test_a_block_does_not_see_the_turn_of_its_caller() -> None:
    """`repeat.index` is that of the innermost `repeat`, and ends with it."""
    steps = """
    - repeat:
        times: 2
        do:
          - repeat: {times: 1, do: [{log: "in ${repeat.index}"}]}
          - log: out ${repeat.index}
    """
    assert answered(steps).said == ["in 1", "out 1", "in 1", "out 2"]


def test_a_text_or_list_that_a_block_returned_has_its_methods() -> None:
    """What `return` gave is used as any other value, and still answers to `.ok`."""
    text = """
    on:
      answered:
        - {run: word, save_as: x}
        - log: ${x.upper()} ${x.split("b")} ${x.ok}
        - {run: list, save_as: y}
        - log: ${y.count(1)} ${y.index(2)} ${y.ok}
    blocks:
      word: [{return: abc}]
      list: [{return: [1, 2]}]
    """
    assert run_flow(text).said == ['ABC ["a", "c"] true', "1 1 true"]


def test_a_name_given_by_with_may_be_set_from_itself() -> None:
    """A name that `with` gives stands for something in the first `set` of the block."""
    text = """
    on:
      answered: [{run: {block: b, with: {n: 0}}}]
    blocks:
      b: [{set: {n: "${n + 1}"}}, {log: "${n}"}]
    """
    assert run_flow(text).said == ["1"]
