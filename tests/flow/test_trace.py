"""The trace: records that can travel, with the secrets taken out."""

from __future__ import annotations

import pickle

import pytest

from botkit.flow.trace import EventSeen, Logged, Mask, StepDone, StepStarted
from botkit.results import Place, Problem, StepResult
from tests.flow.kit import answered


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("my pin 4321!", "my pin ***!"),
        (4321, "***"),
        (43210, 43210),
        ({"4321": ["x4321", 1.5, None, True]}, {"***": ["x***", 1.5, None, True]}),
        (("a", "4321"), ["a", "***"]),
    ],
)
def test_masks_values_of_any_shape(value: object, masked: object) -> None:
    """A secret is masked in texts, as a number, and in what holds them."""
    assert Mask(["4321"]).value(value) == masked


def test_longest_secret_first() -> None:
    """A secret that holds another is masked whole."""
    assert Mask(["43", "4321"]).text("4321 43") == "*** ***"


def test_nothing_hides_nothing() -> None:
    """Nothing, booleans and the empty text are no secrets."""
    assert Mask([None, True, ""]).text("None True ") == "None True "


def test_masks_records_but_not_where_they_come_from() -> None:
    """Texts, fields and problems of a record are masked; its path, step and call are as they were."""
    problem = Problem("expected 12; heard 12", path="on.answered/12", place=Place("a.yaml", 12, 1, "send: 12"))
    result = StepResult(
        "on.answered/12", "check", False, 12, 13, summary="check 12", problem=problem, fields={"a": "12"}
    )
    record = Mask(["12"]).record(StepDone("call-12", 12, result))
    assert (record.call, record.result.path, record.at) == ("call-12", "on.answered/12", 12)
    assert (record.result.summary, record.result.fields) == ("check ***", {"a": "***"})
    assert record.result.problem is not None
    assert record.result.problem.message == "expected ***; heard ***"
    assert record.result.problem.place is not None
    assert record.result.problem.place.text == "send: ***"


def test_single_digits_hide_behind_a_secret_of_digits() -> None:
    """Where a secret can be typed, no single digit is shown; else they are."""
    assert Mask(["4321"]).digit("4") == "*"
    assert Mask(["swordfish"]).digit("4") == "4"


def test_records_can_be_pickled() -> None:
    """All records travel between processes."""
    ran = answered(
        "- set: {a: x}\n- log: hello\n- gather: {digits: 1}\n  save_as: it\n- check: it.digits == '2'",
        lambda call: call.will_hear_digit("1", at=1),
    )
    assert pickle.loads(pickle.dumps(ran.records)) == ran.records
    assert pickle.loads(pickle.dumps(ran.outcome)) == ran.outcome


def test_steps_are_told_as_they_start_and_end() -> None:
    """Each step has a record at its start and one at its end, inner before outer, beside events and logs."""
    ran = answered("- repeat: {times: 1, do: [{log: hello}]}\n  label: loop")
    told = [
        (type(record).__name__, getattr(record, "step", None) or getattr(record, "event", None))
        for record in ran.records
        if isinstance(record, StepStarted | EventSeen | Logged)
    ]
    assert told == [
        ("EventSeen", "answered"),
        ("StepStarted", "repeat"),
        ("StepStarted", "log"),
        ("Logged", None),
        ("EventSeen", "ended"),
    ]
    started = next(record for record in ran.records if isinstance(record, StepStarted))
    assert (started.path, started.label, started.summary) == ("on.answered/0", "loop", "repeat 1")
    assert [each.step for each in ran.outcome.steps] == ["log", "repeat"]
