"""`random` in expressions."""

from __future__ import annotations

import random

import pytest

from botkit.errors import Fault
from botkit.flow.chance import Chance
from botkit.flow.expression import Expression
from botkit.flow.source import Mark


def test_chance_draws_what_it_says() -> None:
    """Digits, letters, numbers and choices keep to their bounds."""
    chance = Chance(random.Random(1))
    assert chance.digits(5).isdigit()
    assert len(chance.digits("12")) == 12
    assert chance.letters(3).isalpha()
    assert all(1 <= chance.int(1, 6) <= 6 for _ in range(100))
    assert 2 <= chance.float(2, 3) <= 3
    assert chance.choice([7]) == 7
    assert len(chance.uuid()) == 36
    assert not any(chance.chance(0) for _ in range(10))


@pytest.mark.parametrize(
    "text", ["digits(-1)", "digits(65)", "letters(65)", "int(6, 1)", "int(1.5, 2)", "choice([])", "int('a', 2)"]
)
def test_chance_refuses_nonsense(text: str) -> None:
    """Bounds that make no sense are faults, in expressions too."""

    with pytest.raises(Fault, match=r"random\."):
        Expression(f"random.{text}", Mark("test", 1, 1)).evaluate({"random": Chance(random.Random(1))})
