"""The kinds of values behind the field types of `schema.py`: reading, filling in, refusing.

Each `Kind` answers three questions: what a written node means (`read`), what a plain value means
(`of_value`: the same rule for what an expression gave), and how to fill in what stayed open
(`settle`). All raise `FieldError` and nothing else; expressions raise their own fault.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from botkit.flow.expression import Expression, ExpressionFault, Template, has_expression, name_trouble
from botkit.flow.patterns import pattern_trouble
from botkit.flow.sandbox import Trouble, number, shown, written
from botkit.flow.source import Mapping, Mark, Scalar, Sequence, data

T = TypeVar("T")


class FieldError(ValueError):
    """A value is not what its field takes. `mark` is the value's, where it differs from the field's."""

    def __init__(self, message: str, *, mark: Mark | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.mark = mark
        self.hint = hint
        self.others: tuple[FieldError, ...] = ()
        """What else is wrong in the same list or mapping: all errors of a file are told at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """A duration to be drawn between two, in seconds."""

    low: float
    high: float


class Kind:
    """One kind of value. Subclasses say what a plain value means; the rest is the same for all."""

    wants: ClassVar[str] = "a value"
    """What is expected, for messages."""
    is_static: ClassVar[bool] = False
    """It takes no `${…}`, since the checker must know it."""

    def of(self, annotation: Any) -> Kind:
        """The kind for a field of this annotation; most do not look at it."""
        return self

    def of_value(self, value: Any, mark: Mark | None) -> Any:
        """What a plain value means; `mark` is where it was written."""
        raise NotImplementedError  # pragma: no cover - each kind has its own

    def read(self, node: Any) -> Any:
        """What a node means. A value that is no node is taken as plain data, for steps made in Python."""
        match node:
            case Scalar():
                return self._scalar(node)
            case Sequence() | Mapping():
                raise self.refused(data(node), mark=node.mark)
            case Template() | Expression() | Span():
                return node
        return self.of_value(node, None)

    def _scalar(self, node: Scalar) -> Any:
        if node.is_null:
            raise FieldError(f"a value is missing; expected {self.wants}", mark=node.mark, hint=node.trap)
        template = as_template(node)
        if isinstance(template, Template):
            if self.is_static:
                raise FieldError(f"this takes no `${{…}}`; expected {self.wants}", mark=node.mark)
            return template
        try:
            return self.of_value(template, node.mark)
        except FieldError as error:
            raise marked(error, node.mark) from None

    def is_open(self, value: Any) -> bool:
        """Whether `settle` has something to do."""
        return isinstance(value, Template)

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        """The value, with what was open filled in. Raises `FieldError` with a mark, or `ExpressionFault`."""
        if not isinstance(value, Template):
            return value
        given = value.evaluate(names)
        try:
            return self.of_value(given, value.mark)
        except FieldError as error:
            raise FieldError(f"{error} (from `{value}`)", mark=value.mark, hint=error.hint) from None

    def refused(self, value: Any, *, mark: Mark | None = None, hint: str | None = None) -> FieldError:
        return FieldError(f"{shown(value)} is not {self.wants}", mark=mark, hint=hint)

    def templates(self, value: Any) -> list[Template | Expression]:
        """All templates and expressions in a value, for the checker."""
        return [value] if isinstance(value, Template | Expression) else []

    def lists(self, value: Any, path: str) -> Iterable[tuple[str, tuple[Any, ...]]]:
        """The lists of steps in a value, each with its path."""
        return ()

    def json_schema(self) -> dict[str, Any]:
        """What editors may accept here."""
        return {"type": ["string", "number", "boolean"]}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        kind = self.of(source)

        def validate(node: Any) -> Any:
            try:
                return kind.read(node)
            except ExpressionFault as fault:  # pydantic collects ValueErrors and lets all else through
                raise FieldError(fault.message, mark=fault.mark, hint=fault.hint) from None

        return core_schema.no_info_plain_validator_function(
            validate, metadata={"pydantic_js_functions": [lambda schema, handler: kind.json_schema()]}
        )


def as_template(node: Scalar) -> Template | str:
    """The text of a scalar, or the template that it is; `$${` alone makes plain text."""
    if not has_expression(node.text):
        return node.text
    template = Template(node.text, node.mark, trap=node.trap)
    return "".join(map(str, template.parts)) if template.is_constant else template


def all_of(reads: Iterable[Callable[[], T]]) -> list[T]:
    """What each of them gives. Raises the first `FieldError`, with those of the rest beside it."""
    given: list[T] = []
    errors: list[FieldError] = []
    for read in reads:
        try:
            given.append(read())
        except FieldError as error:
            errors += (error, *error.others)
        except ExpressionFault as fault:
            errors.append(FieldError(fault.message, mark=fault.mark, hint=fault.hint))
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]
    return given


def marked(error: FieldError, mark: Mark) -> FieldError:
    if error.mark is None:
        error.mark = mark
    return error


class TextKind(Kind):
    wants = "a text"

    def of_value(self, value: Any, mark: Mark | None) -> str:
        return written(value)


class FilledKind(TextKind):
    """A text that says something: a flow without a name, or a number without a digit, is a mistake."""

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = super().of_value(value, mark)
        if value is None or not text.strip():
            raise FieldError(f"a value is missing; expected {self.wants}")
        return text

    def json_schema(self) -> dict[str, Any]:
        return {**super().json_schema(), "pattern": r"\S"}


class DigitsKind(Kind):
    """Digits that are sent."""

    wants = "digits (0-9, A-D, *, #, or w for a pause)"
    pattern = r"[0-9A-Da-d*#w]+"

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = written(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not re.fullmatch(self.pattern, text):
            raise self.refused(value)
        return re.sub("[a-d]", lambda letter: letter[0].upper(), text)


class KeysKind(DigitsKind):
    """Digits that are heard: nobody hears a pause."""

    wants = "digits (0-9, A-D, * or #)"
    pattern = r"[0-9A-Da-d*#]+"


class KeyKind(DigitsKind):
    wants = "one key (0-9, A-D, * or #)"
    pattern = r"[0-9A-Da-d*#]"


class NumberKind(Kind):
    wants = "a number"

    def of_value(self, value: Any, mark: Mark | None) -> int | float:
        try:
            return number(value)
        except Trouble:
            raise self.refused(value) from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}


class IntegerKind(NumberKind):
    wants = "a whole number"

    def __init__(self, least: int | None = None) -> None:
        self.least = least

    def of_value(self, value: Any, mark: Mark | None) -> int:
        given = super().of_value(value, mark)
        if given != int(given):
            raise self.refused(value)
        if self.least is not None and given < self.least:
            raise FieldError(f"{shown(value)} is too small: at least {self.least} is expected")
        return int(given)


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


class DurationKind(Kind):
    wants = "a duration such as 5s, 800ms, 2m or 1s..3s"

    def of_value(self, value: Any, mark: Mark | None) -> float | Span:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refused(value)
        low, dots, high = written(value).partition("..")
        if not dots:
            return self._seconds(low, value)
        span = Span(self._seconds(low, value), self._seconds(high, value))
        if span.low > span.high:
            raise FieldError(f"{shown(value)} runs backwards", hint=f"write {high}..{low}")
        return span

    def _seconds(self, text: str, value: Any) -> float:
        match = _DURATION.fullmatch(text)
        if match is None or len(text) > 20:
            loose = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(milli|ms|min|m|s)[a-z]*\s*", text)
            unit = {"milli": "ms", "min": "m"}.get(loose[2], loose[2]) if loose else ""
            raise self.refused(value, hint=f"write {loose[1]}{unit}" if loose else None)
        # division, not a factor of 0.001: 800ms is 0.8 and not 0.8000000000000000…4
        return float(match[1]) / 1000 if match[2] == "ms" else float(match[1]) * _UNITS[match[2]]

    def is_open(self, value: Any) -> bool:
        return isinstance(value, Template | Span)

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        value = super().settle(value, names, rng)
        return rng.uniform(value.low, value.high) if isinstance(value, Span) else value


class ShareKind(Kind):
    wants = "a share such as 2% or 0.02"

    def of_value(self, value: Any, mark: Mark | None) -> float:
        percent = isinstance(value, str) and value.endswith("%")
        try:
            given = number(value[:-1]) / 100 if percent else number(value)
        except Trouble:
            raise self.refused(value) from None
        if not 0 <= given <= 1:
            raise self.refused(value, hint=None if percent else f"write {written(value)}%")
        return float(given)


class FlagKind(Kind):
    wants = "true or false"

    def of_value(self, value: Any, mark: Mark | None) -> bool:
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
            meant = words.get(written(value).lower())
            raise self.refused(value, hint=f"write {meant}" if meant else None)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "string"]}


class PatternKind(Kind):
    wants = "a regular expression"

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = written(value)
        trouble = pattern_trouble(text)
        if trouble:
            raise FieldError(f"the pattern {shown(text)} {trouble}")
        return text


class ConditionKind(Kind):
    wants = "an expression"

    def read(self, node: Any) -> Any:
        if isinstance(node, Scalar):
            if node.is_null:
                raise FieldError("an expression is missing", mark=node.mark, hint=node.trap)
            return Expression(node.text, node.mark)
        return super().read(node)

    def of_value(self, value: Any, mark: Mark | None) -> Expression:
        return Expression(written(value), mark or Mark("<python>", 1, 1))


class NameKind(Kind):
    wants = "a name (letters, digits and _)"
    is_static = True

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = written(value)
        trouble = name_trouble(text)
        if trouble:
            raise FieldError(f"`{text}` {trouble}")
        return text


class RangeKind(Kind):
    wants = "a number, or a range such as 1.. or 2..5"

    def of_value(self, value: Any, mark: Mark | None) -> tuple[int, int | None]:
        match = re.fullmatch(r"([0-9]{1,9})?(\.\.)?([0-9]{1,9})?", written(value))
        if match is None or not any(match.groups()):
            raise self.refused(value)
        low, dots, high = match.groups()
        most = int(high) if high else None if dots else int(low)
        least = int(low) if low else 0
        if most is not None and least > most:
            raise FieldError(f"{shown(value)} runs backwards")
        return least, most


class BlockKind(Kind):
    wants = "the name of a block, or file.yaml#block"
    is_static = True

    def of_value(self, value: Any, mark: Mark | None) -> str:
        return written(value)
