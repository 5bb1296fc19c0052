"""What `save_as` keeps: a step's result as expressions see it.

A result is a mapping of `ok`, `started`, `ended` and the step's own fields. Where the step's result
is a value (what `return:` gave, a signal's data), the variable is that value; it still answers to
`.ok` and the other fields where the value is a text, a number or a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Value(dict[str, Any]):
    """Fields of a result that is a value: it stands under `value`."""

    def __init__(self, value: Any, **fields: Any) -> None:
        super().__init__(value=value, **fields)


class _Text(str):
    """A text with the fields of the result that it came from."""


class _Whole(int):
    """A whole number with the fields of the result that it came from."""


class _Number(float):
    """A number with the fields of the result that it came from."""


class _List(list[Any]):
    """A list with the fields of the result that it came from."""


_WITH_FIELDS: dict[type, type] = {str: _Text, int: _Whole, float: _Number, list: _List}


def give(data: Any, /, **fields: Any) -> dict[str, Any]:
    """The result fields for data that may be a mapping (its keys become fields) or a value of its own."""
    if isinstance(data, Mapping):
        return {**fields, **{str(key): item for key, item in data.items()}}
    if data is None:
        return dict(fields)
    return Value(data, **fields)


def saved(fields: Mapping[str, Any], common: Mapping[str, Any]) -> Any:
    """What the variable holds. `common` are `ok`, `started` and `ended`, which no own field may hide."""
    whole = {**fields, **common}
    if not isinstance(fields, Value):
        return whole
    value = fields["value"]
    kind = _WITH_FIELDS.get(type(value))
    if kind is None:
        return value
    with_fields = kind(value)
    for name, item in whole.items():
        if name.isidentifier() and not hasattr(with_fields, name):
            setattr(with_fields, name, item)
    return with_fields
