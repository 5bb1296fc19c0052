"""Values in expressions: how they are written, measured, compared and added.

A text meets a number by its written form; ordering and arithmetic read a numeric text as a number.
Everything that could grow is measured against `SIZE_LIMIT` before it is made.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.utils import missing

SIZE_LIMIT = 65_536  # characters or elements: 64 kB
DIGIT_LIMIT = 4_000  # digits of a number; Python itself refuses to print more than 4300
_BIT_LIMIT = int(DIGIT_LIMIT * math.log2(10))
_NUMERIC = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

Number = int | float


class Trouble(ValueError):
    """An expression cannot be evaluated; the text says why. `Expression` turns it into its fault."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Missing(StrictUndefined):
    """A name without a value: any use but `is defined` and `default` is a fault."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return missing_message(self)


class Environment(dict[str, str]):
    """The variables of the environment. No message shows them all: passwords are among them."""


def missing_message(value: Undefined) -> str:
    """What is not there, in our words; for `a if b` without `else`, which is Jinja's own `Undefined`, too."""
    if value._undefined_hint:
        no_else = "inline if" in value._undefined_hint
        return "there is no value: the `if` does not hold and has no `else`" if no_else else value._undefined_hint
    if value._undefined_obj is missing:
        return f"`{value._undefined_name}` is not defined"
    if isinstance(value._undefined_obj, Environment):
        return f"there is no `{value._undefined_name}` in the environment"
    return f"there is no `{value._undefined_name}` in {shown(value._undefined_obj)}"


def shown(value: Any) -> str:
    """A value in an error message, cut short."""
    if isinstance(value, Environment):
        return "the environment"
    text = f"'{value}'" if isinstance(value, str) else written(value)
    return text if len(text) <= 60 else text[:57] + "…"


def written(value: Any) -> str:
    """The written form of a value: what it looks like inside a text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() | float():
            return str(value)
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def number(value: Any) -> Number:
    """The value as a number; a numeric text counts. Raises `Trouble` on anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= DIGIT_LIMIT and _NUMERIC.fullmatch(value):
        return float(value) if "." in value else int(value)
    raise Trouble(f"{defined(value) and shown(value)} is not a number")


def measure(value: Any) -> int:
    """How large a value is, in characters and elements; stops counting soon after `SIZE_LIMIT`.

    What is shared is counted each time it is seen: ten names for one list print as ten lists.
    """
    total, stack = 0, [value]
    while stack and total <= SIZE_LIMIT:
        item = stack.pop()
        total += 1
        match item:
            case str() | bytes():
                total += len(item)
            case int():
                total += item.bit_length() // 8
            case list() | tuple() | set() | frozenset():
                total += len(item)
                stack.extend(item if total <= SIZE_LIMIT else ())
            case dict():
                total += len(item)
                stack.extend((*item.keys(), *item.values()) if total <= SIZE_LIMIT else ())
    return total


def limited(value: Any) -> Any:
    """The value, unless it is too large. Raises `Trouble`."""
    if isinstance(value, str):
        size = len(value)
    elif isinstance(value, bool) or value is None:
        return value
    elif isinstance(value, int):
        if value.bit_length() > _BIT_LIMIT:
            raise Trouble(f"the number has more than {DIGIT_LIMIT} digits")
        return value
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Trouble("the number is too large")
        return value
    elif isinstance(value, complex):
        raise Trouble("the result is not a real number")
    else:
        size = measure(value)
    if size > SIZE_LIMIT:
        raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
    return value


def defined(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise Trouble(missing_message(value))
    return value


# --- operators ----------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool:
    """Equality; a text meets a number or a boolean by its written form."""
    if isinstance(left, str) and isinstance(right, int | float):
        return left == written(right)
    if isinstance(right, str) and isinstance(left, int | float):
        return written(left) == right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return bool(left == right)


def contains(container: Any, item: Any) -> bool:
    """`item in container`: a part of a text, an element of a list, a key of a mapping."""
    if isinstance(container, str):
        if isinstance(item, list | tuple | dict) or item is None:
            raise Trouble(f"{shown(item)} cannot be part of a text")
        return written(item) in container
    if isinstance(container, list | tuple | set | frozenset | Mapping):
        return any(equal(item, element) for element in container)
    raise Trouble(f"nothing can be `in` {shown(container)}")


def _order(compare: Callable[[Number, Number], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(number(left), number(right))


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": equal,
    "ne": lambda left, right: not equal(left, right),
    "lt": _order(operator.lt),
    "lteq": _order(operator.le),
    "gt": _order(operator.gt),
    "gteq": _order(operator.ge),
    "in": lambda left, right: contains(right, left),
    "notin": lambda left, right: not contains(right, left),
}


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    return number(left) + number(right)


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(right, list) and not isinstance(left, list):
        left, right = right, left
    if isinstance(left, list):
        times = number(right)
        if measure(left) * times > SIZE_LIMIT:
            raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
        return left * int(times)
    return number(left) * number(right)


def _divide(left: Any, right: Any) -> Any:
    above, below = number(left), number(right)
    if isinstance(above, int) and isinstance(below, int) and below and above % below == 0:
        return above // below  # so that "${count / 2}" gives digits, not "2.0"
    return above / below


def _power(left: Any, right: Any) -> Any:
    base, exponent = number(left), number(right)
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _BIT_LIMIT:
        raise Trouble(f"the number has more than {DIGIT_LIMIT} digits")
    return base**exponent


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": lambda left, right: number(left) - number(right),
    "*": _multiply,
    "/": _divide,
    "//": lambda left, right: number(left) // number(right),
    "%": lambda left, right: number(left) % number(right),
    "**": _power,
}
