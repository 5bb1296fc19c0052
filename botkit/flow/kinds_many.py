"""Kinds of values that choose from words, or hold several values: lists, mappings, nested steps."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from functools import partial
from typing import Any, ClassVar, get_args

from botkit.flow.expression import Expression, Template, has_expression, name_trouble, suggest
from botkit.flow.kinds import FieldError, Kind, TextKind, all_of, as_template
from botkit.flow.sandbox import shown, written
from botkit.flow.source import Mapping, Mark, Scalar, Sequence, data


class ChoiceKind(Kind):
    def __init__(self, options: tuple[str, ...] = ()) -> None:
        self.options = options

    def of(self, annotation: Any) -> ChoiceKind:
        return type(self)(_words_in(annotation))

    def of_value(self, value: Any, mark: Mark | None) -> Any:
        text = written(value)
        if text not in self.options:
            raise FieldError(
                f"{shown(value)} is not one of {', '.join(self.options)}", hint=suggest(text, self.options)
            )
        return text

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.options)}, {"type": "string", "pattern": r"\$\{"}]}


def _words_in(annotation: Any) -> tuple[str, ...]:
    """The words of a `Literal`, at whatever depth it stands."""
    words: list[str] = []
    for part in get_args(annotation):
        words.extend((part,) if isinstance(part, str) else _words_in(part))
    return tuple(words)


class ChoicesKind(ChoiceKind):
    def of_value(self, value: Any, mark: Mark | None) -> frozenset[str]:
        items = value if isinstance(value, list | tuple | set | frozenset) else [value]
        return frozenset(super(ChoicesKind, self).of_value(item, mark) for item in items)

    def read(self, node: Any) -> Any:
        if isinstance(node, Sequence):
            words: set[str] = set()
            for item in node.items:
                word = super().read(item)
                if isinstance(word, Template):
                    raise FieldError("one `${…}` may stand for the whole list, not for a part of it", mark=item.mark)
                words |= word
            return frozenset(words)
        return super().read(node)


class ValueKind(Kind):
    wants = "a value"

    def read(self, node: Any) -> Any:
        return _open_data(node)

    def is_open(self, value: Any) -> bool:
        return bool(self.templates(value))

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        return _settled(value, names)

    def templates(self, value: Any) -> list[Template | Expression]:
        match value:
            case Template():
                return [value]
            case list():
                return [template for item in value for template in self.templates(item)]
            case dict():
                return [template for item in value.values() for template in self.templates(item)]
        return []

    def json_schema(self) -> dict[str, Any]:
        return {}


def _open_data(node: Any) -> Any:
    """The node as plain data, with templates where `${…}` stands."""
    match node:
        case Scalar():
            return as_template(node) if has_expression(node.text) else node.value
        case Sequence():
            return all_of(partial(_open_data, item) for item in node.items)
        case Mapping():
            values = all_of(partial(_open_data, value) for _, value in node.pairs)
            return dict(zip((key.text for key, _ in node.pairs), values, strict=True))
    return node


def _settled(value: Any, names: MappingABC[str, Any]) -> Any:
    match value:
        case Template():
            return value.evaluate(names)
        case list():
            return [_settled(item, names) for item in value]
        case dict():
            return {key: _settled(item, names) for key, item in value.items()}
    return value


class ValuesKind(ValueKind):
    wants = "a mapping of names to values"
    writes_names: ClassVar[bool] = True
    """Its keys are names of variables."""

    def read(self, node: Any) -> Any:
        if isinstance(node, Mapping):
            return dict(all_of(partial(self._pair, key, value) for key, value in node.pairs))
        if isinstance(node, dict):
            return super().read(node)
        if isinstance(node, Scalar | Sequence):
            raise FieldError(f"{shown(data(node))} is not {self.wants}", mark=node.mark)
        raise self.refused(node)

    def _pair(self, key: Scalar, node: Any) -> tuple[str, Any]:
        trouble = name_trouble(key.text)
        if trouble:
            raise FieldError(f"`{key.text}` {trouble}", mark=key.mark)
        return key.text, _open_data(node)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object"}


class _HeaderKind(TextKind):
    """The text of one header: what breaks the line would begin another."""

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = super().of_value(value, mark)
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
            raise FieldError("a header is one line, and this text holds a line break or the like")
        return text


class HeadersKind(ValuesKind):
    """Headers: their names are the tokens of SIP (RFC 3261, section 25.1)."""

    wants = "a mapping of header names to texts"
    writes_names = False

    def _pair(self, key: Scalar, node: Any) -> tuple[str, Any]:
        if not re.fullmatch(r"[A-Za-z0-9.!%*_+`'~-]+", key.text):
            raise FieldError(
                f"`{key.text}` is no name of a header", mark=key.mark, hint="use letters, digits and `-`, as in X-Test"
            )
        return key.text, _HeaderKind().read(node)

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        return {key: _HeaderKind().settle(item, names, rng) for key, item in value.items()}


class ListKind(Kind):
    """A list of values of one kind; one alone is a list of one. An unordered `Choices` it is not."""

    def __init__(self, item: Kind, wants: str, *, may_be_empty: bool = True) -> None:
        self.item = item
        self.words = wants
        self.may_be_empty = may_be_empty

    def of_value(self, value: Any, mark: Mark | None) -> tuple[Any, ...]:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(self.item.of_value(item, mark) for item in items)

    def read(self, node: Any) -> Any:
        if isinstance(node, Sequence):
            if not node.items and not self.may_be_empty:
                raise FieldError(f"the list is empty; expected {self.words}", mark=node.mark)
            return tuple(all_of(partial(self.item.read, item) for item in node.items))
        if isinstance(node, Scalar) and not node.is_null:
            return (self.item.read(node),)
        if isinstance(node, Scalar | Mapping):
            raise FieldError(f"{shown(data(node))} is not {self.words}", mark=node.mark)
        return self.of_value(node, None)

    def is_open(self, value: Any) -> bool:
        return isinstance(value, tuple) and any(map(self.item.is_open, value))

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        return tuple(self.item.settle(item, names, rng) for item in value)

    def templates(self, value: Any) -> list[Template | Expression]:
        return [template for item in value for template in self.item.templates(item)]

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [self.item.json_schema(), {"type": "array", "items": self.item.json_schema()}]}


class StepsKind(Kind):
    """Nested steps; the compiler hands them in compiled. `shape` is steps, lists or branches."""

    wants = "a list of steps"

    def __init__(self, shape: str) -> None:
        self.shape = shape

    def read(self, node: Any) -> Any:
        if isinstance(node, Scalar | Sequence | Mapping):
            raise FieldError("nested steps must be compiled first", mark=node.mark)
        return node

    def lists(self, value: Any, path: str) -> Iterable[tuple[str, tuple[Any, ...]]]:
        match self.shape:
            case "steps":
                yield from [(path, value)] if value else ()
            case "lists":
                yield from ((f"{path}/{name}", steps) for name, steps in value.items())
            case _:
                for index, branch in enumerate(value):
                    yield f"{path}/{index}/{'else' if branch.is_else else 'do'}", branch.steps

    def templates(self, value: Any) -> list[Template | Expression]:
        if self.shape != "branches":
            return []
        parts = [part for branch in value for part in (branch.when, branch.weight)]
        return [part for part in parts if isinstance(part, Template | Expression)]

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["array", "object"]} if self.shape == "lists" else {"type": "array"}
