"""What an expression may do: the operators, filters, tests and attributes of `${…}`.

Theory of operation. Jinja2 parses an expression and writes Python for it; its sandbox routes
calls, attributes and (where asked) arithmetic through the environment. Two things it does not
route are comparisons and `~`, so `_CodeGenerator` does. With that, every operation passes through
here, and two promises can be kept:

- values mean what a caller's digits mean: `"1" == 1` holds, `"0123" == 123` does not, and what is
  no number is never silently ordered or added;
- no expression takes long. All calls of a process share one thread, so `9**9**9` in one flow would
  stop the audio of five hundred others. Operands and results are measured against `SIZE_LIMIT`
  before the work is done, nothing loops, and only methods whose cost is linear are callable.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
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


def missing_message(value: Undefined) -> str:
    """What is not there, in our words; for `a if b` without `else`, which is Jinja's own `Undefined`, too."""
    if value._undefined_hint:
        no_else = "inline if" in value._undefined_hint
        return "there is no value: the `if` does not hold and has no `else`" if no_else else value._undefined_hint
    if value._undefined_obj is missing:
        return f"`{value._undefined_name}` is not defined"
    return f"there is no `{value._undefined_name}` in {shown(value._undefined_obj)}"


def shown(value: Any) -> str:
    """A value in an error message, cut short."""
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
    raise Trouble(f"{_defined(value) and shown(value)} is not a number")


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


def _defined(value: Any) -> Any:
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


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
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


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": lambda left, right: number(left) - number(right),
    "*": _multiply,
    "/": _divide,
    "//": lambda left, right: number(left) // number(right),
    "%": lambda left, right: number(left) % number(right),
    "**": _power,
}


# --- filters and tests --------------------------------------------------------------------------


def _round(value: Any, digits: Any = 0) -> Any:
    places = number(digits)
    if not 0 <= places <= 15:  # round(5, -10**9) computes 10**10**9
        raise Trouble("`round` takes 0 to 15 places")
    return round(number(value), int(places)) if places else round(number(value))


def _replace(value: Any, old: Any, new: Any) -> str:
    text, before, after = written(value), written(old), written(new)
    if not before:
        raise Trouble("`replace` needs a text to replace")
    if len(text) + text.count(before) * len(after) > SIZE_LIMIT:
        raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
    return text.replace(before, after)


def _join(value: Any, between: Any = "") -> str:
    parts, glue = [written(part) for part in _items(value)], written(between)
    if sum(map(len, parts)) + len(glue) * len(parts) > SIZE_LIMIT:
        raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
    return glue.join(parts)


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | list | tuple | set | frozenset | dict):
        return list(value)
    raise Trouble(f"{shown(value)} is no list")


def _sorted(value: Any) -> list[Any]:
    items = _items(value)
    try:
        return sorted(items, key=number)
    except Trouble:
        return sorted(items, key=written)


def _end(index: int) -> Callable[[Any], Any]:
    def pick(value: Any) -> Any:
        items = _items(value)
        if not items:
            raise Trouble("the list is empty")
        return items[index]

    return pick


def _default(value: Any, instead: Any = "") -> Any:
    return instead if isinstance(value, Undefined) else value


def _sized(call: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose arguments are defined and small, and whose result is small."""

    def filtered(*args: Any) -> Any:
        for arg in args:
            limited(_defined(arg))
        return limited(call(*args))

    return filtered


_PLAIN_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(number(value)),
    "first": _end(0),
    "float": lambda value: float(number(value)),
    "int": lambda value: int(number(value)),
    "join": _join,
    "last": _end(-1),
    "length": lambda value: len(value) if isinstance(value, str) else len(_items(value)),
    "list": _items,
    "lower": lambda value: written(value).lower(),
    "max": lambda value: max(_items(value), key=number),
    "min": lambda value: min(_items(value), key=number),
    "replace": _replace,
    "reverse": lambda value: value[::-1] if isinstance(value, str) else _items(value)[::-1],
    "round": _round,
    "sort": _sorted,
    "string": written,
    "sum": lambda value: sum(number(item) for item in _items(value)),
    "trim": lambda value: written(value).strip(),
    "upper": lambda value: written(value).upper(),
}
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _sized(call) for name, call in _PLAIN_FILTERS.items()},
    "default": _default,
}

TESTS: dict[str, Callable[..., bool]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: _defined(value) is None,
    "text": lambda value: isinstance(_defined(value), str),
    "string": lambda value: isinstance(_defined(value), str),
    "number": lambda value: isinstance(_defined(value), int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(_defined(value), bool),
    "even": lambda value: number(value) % 2 == 0,
    "odd": lambda value: number(value) % 2 == 1,
    "in": lambda value, container: contains(limited(_defined(container)), _defined(value)),
}

_TEXT_METHODS = """
    count endswith find isalnum isalpha isdigit lower removeprefix removesuffix split startswith strip title upper
"""
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    dict: frozenset(("get", "keys", "values", "items")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}
"""Methods of plain values that expressions may call: their cost is linear and their results are small."""


# --- the environment ----------------------------------------------------------------------------


class _CodeGenerator(CodeGenerator):
    """Sends comparisons and `~` through the environment, as the sandbox does with arithmetic."""

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", {operand.op!r}, ")
            self.visit(operand.expr, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.join_texts(")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")")


class Sandbox(SandboxedEnvironment):
    """The one environment of all expressions. It has no globals; names come with each evaluation."""

    code_generator_class = _CodeGenerator
    intercepted_binops = frozenset(_BINARY)
    intercepted_unops = frozenset(("+", "-"))

    def __init__(self) -> None:
        # not optimised: constant folding would compare and add by Python's rules, at compile time
        super().__init__(undefined=Missing, optimized=False, autoescape=False, cache_size=0)
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return limited(_BINARY[operator](_defined(left), _defined(right)))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        value = number(_defined(arg))
        return -value if operator == "-" else value

    def compare(self, left: Any, *rest: Any) -> bool:
        """A chain of comparisons: `1 < x < 3` comes as (1, "lt", x, "lt", 3)."""
        limited(_defined(left))
        for word, right in zip(rest[::2], rest[1::2], strict=True):
            limited(_defined(right))
            if not _COMPARE[word](left, right):
                return False
            left = right
        return True

    def join_texts(self, *parts: Any) -> str:
        texts = [written(limited(_defined(part))) for part in parts]
        if sum(map(len, texts)) > SIZE_LIMIT:
            raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
        return "".join(texts)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Items before attributes: `reply.items` is what the reply holds under `items`."""
        _defined(obj)
        try:
            return obj[_defined(argument)]
        except (TypeError, LookupError, AttributeError):
            pass
        if not isinstance(argument, str):
            return self.undefined(obj=obj, name=written(argument))
        value = getattr(obj, argument, self)
        if value is self:
            return self.undefined(obj=obj, name=argument)
        if not self.is_safe_attribute(obj, argument, value) or (callable(value) and not self.is_safe_callable(value)):
            return self.undefined(hint=f"`{argument}` may not be used in expressions")
        return value

    def is_safe_callable(self, obj: Any) -> bool:
        """Listed methods of plain values, and functions that the scope itself offers (`random.digits`).

        The scope's functions must bound their own work.
        """
        if isinstance(obj, BuiltinMethodType):
            return obj.__name__ in METHODS.get(type(obj.__self__), ())
        return isinstance(obj, FunctionType | MethodType) and super().is_safe_callable(obj)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()):
            limited(_defined(arg))
        if not __self.is_safe_callable(_defined(__obj)):
            raise Trouble("this may not be called in expressions")
        value = __context.call(__obj, *args, **kwargs)
        if type(value).__name__ in ("dict_keys", "dict_values", "dict_items"):
            value = list(value)
        return limited(value)


SANDBOX = Sandbox()
