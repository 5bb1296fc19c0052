"""A step in a few words."""

from __future__ import annotations

import pytest

from tests.flow.kit import answered


@pytest.mark.parametrize(
    ("step", "summary"),
    [
        ("wait: 1500ms", "wait 1.5"),
        ("play: [a/b.wav, c.wav]", "play b.wav, c.wav"),
        ("play: {silence: 1s, gain: 2}", "play 1"),
        ("set: {a: 1, b: two}", "set a: 1, b: two"),
        ('log: "two\\nlines"', "log two lines"),
        ("gather: {digits: 1, first: 0s}", "gather 1"),
        ("check: 1 == 1", "check 1 == 1"),
        ("parallel: [[{wait: 1s}]]", "parallel"),
        ("repeat: {times: 2, do: [{wait: 1s}]}", "repeat 2"),
        ("hangup", "hangup"),
    ],
)
def test_step_and_what_it_is_about(step: str, summary: str) -> None:
    """A summary is the step's name and its main field, or the first that was given."""
    assert answered(f"- {step}").outcome.steps[-1].summary == summary


def test_long_values_are_cut() -> None:
    """A long text is cut."""
    assert len(answered(f"- log: {'x' * 500}").outcome.steps[0].summary) < 80
