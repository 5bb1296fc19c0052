"""The short list of filters and tests that expressions may use; each is ours, so that each is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Undefined

from botkit.flow.operators import SIZE_LIMIT, Trouble, contains, defined, limited, number, shown, written


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
            limited(defined(arg))
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
    "none": lambda value: defined(value) is None,
    "text": lambda value: isinstance(defined(value), str),
    "string": lambda value: isinstance(defined(value), str),
    "number": lambda value: isinstance(defined(value), int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(defined(value), bool),
    "even": lambda value: number(value) % 2 == 0,
    "odd": lambda value: number(value) % 2 == 1,
    "in": lambda value, container: contains(limited(defined(container)), defined(value)),
}
