"""`random` in expressions: seeded, so that the same seed makes the same call."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

from botkit.errors import Fault

LONGEST = 64
"""No drawn text is longer than this: one expression may draw hundreds, and must not stall the calls beside it."""


class Chance:
    """What `random.` offers in a flow. Each method raises `Fault` for bounds that make no sense."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def digits(self, n: Any = 1) -> str:
        """A text of `n` digits, such as "0471"."""
        return self._text(string.digits, n, "digits")

    def letters(self, n: Any = 1) -> str:
        """A text of `n` small letters."""
        return self._text(string.ascii_lowercase, n, "letters")

    def int(self, low: Any, high: Any) -> Any:  # the name is the flow language's
        """A whole number from `low` to `high`, both included."""
        low, high = _number(low, "int"), _number(high, "int")
        if low != round(low) or high != round(high) or low > high:
            raise Fault(f"random.int({low:g}, {high:g}) needs two whole numbers, the smaller first")
        return self._rng.randint(round(low), round(high))

    def float(self, low: Any = 0.0, high: Any = 1.0) -> Any:  # the name is the flow language's
        """A number between `low` and `high`."""
        return self._rng.uniform(_number(low, "float"), _number(high, "float"))

    def choice(self, items: Sequence[Any]) -> Any:
        """One of the items of a list, or one character of a text."""
        if not isinstance(items, Sequence) or not items:
            raise Fault("random.choice() needs a list that is not empty")
        return self._rng.choice(items)

    def chance(self, share: Any) -> bool:
        """True in `share` of all cases; `random.chance(0.3)` is true three times in ten."""
        return bool(self._rng.random() < _number(share, "chance"))

    def uuid(self) -> str:
        """A random UUID, as text."""
        value = f"{self._rng.getrandbits(128):032x}"
        return f"{value[:8]}-{value[8:12]}-4{value[13:16]}-a{value[17:20]}-{value[20:]}"

    def _text(self, letters: str, n: Any, name: str) -> str:
        count = _number(n, name)
        if count != round(count) or not 0 <= count <= LONGEST:
            raise Fault(f"random.{name}({n}) needs a whole number from 0 to {LONGEST}")
        return "".join(self._rng.choices(letters, k=round(count)))


def _number(value: Any, name: str) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Fault(f"random.{name}() takes numbers; {value!r} is none") from None
    return number
