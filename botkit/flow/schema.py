"""Field types: what the values of a step's fields may be, and how a text becomes one.

A field type is an `Annotated` type whose `Kind` reads it. While a flow is compiled, pydantic hands
each `Kind` the node as it was written. What holds `${…}` stays in the model as a `Template` (and a
duration `1s..3s` as a `Span`) until `resolve` fills it in, once per run of the step:

    @step("send_dtmf", short="digits")
    class SendDtmf(Step):
        digits: Digits
        gap: Duration = 0.1
        via: Choice[Literal["info", "rtp", "tone"]] = "info"

The static type of a field is what `run` sees, after `resolve`. A field that YAML names by a Python
keyword has an alias: `length: Duration = Field(alias="for")`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import BaseModel

from botkit.flow.expression import Expression, ExpressionFault, Template
from botkit.flow.kinds import (
    BlockKind,
    ConditionKind,
    DigitsKind,
    DurationKind,
    FieldError,
    FilledKind,
    FlagKind,
    IntegerKind,
    KeyKind,
    KeysKind,
    Kind,
    NameKind,
    NumberKind,
    PatternKind,
    RangeKind,
    ShareKind,
    Span,
    TextKind,
)
from botkit.flow.kinds_many import ChoiceKind, ChoicesKind, HeadersKind, ListKind, StepsKind, ValueKind, ValuesKind
from botkit.flow.kinds_media import AudioKind, HzKind, OutputKind
from botkit.flow.source import Mark

if TYPE_CHECKING:
    from botkit.flow.document import Branch, StepSpec

__all__ = [
    "AudioFile",
    "AudioFiles",
    "BlockRef",
    "Branches",
    "Choice",
    "Choices",
    "Codecs",
    "Condition",
    "Count",
    "Digits",
    "Duration",
    "Expression",
    "FieldError",
    "Filled",
    "Flag",
    "Headers",
    "Hz",
    "Integer",
    "Key",
    "Keys",
    "Kind",
    "Name",
    "Names",
    "Number",
    "OutputPath",
    "Pattern",
    "Range",
    "Share",
    "Span",
    "StepLists",
    "Steps",
    "Template",
    "Text",
    "Texts",
    "ToneHz",
    "Value",
    "Values",
    "kinds_of",
    "resolve",
    "resolve_value",
]

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

Text = Annotated[str, TextKind()]
"""A text; a number or boolean as it was written."""
Filled = Annotated[str, FilledKind()]
"""A text that is not blank."""
Digits = Annotated[str, DigitsKind()]
"""0-9, A-D, *, #, and `w` for a pause; at least one."""
Keys = Annotated[str, KeysKind()]
"""The same without a pause: digits that are heard."""
Key = Annotated[str, KeyKind()]
"""One of them."""
Number = Annotated[float, NumberKind()]
"""A number, whole or not."""
Integer = Annotated[int, IntegerKind()]
"""A whole number."""
Count = Annotated[int, IntegerKind(least=1)]
"""A whole number from 1."""
Duration = Annotated[float, DurationKind()]
"""Seconds; written `5s`, `800ms`, `2m`, a bare number, or a span `1s..3s` drawn by `resolve`."""
Share = Annotated[float, ShareKind()]
"""A part of the whole, from 0 to 1; written `2%` or 0.02."""
Flag = Annotated[bool, FlagKind()]
"""true or false."""
Pattern = Annotated[str, PatternKind()]
"""A regular expression, to be matched whole. It is known to compile and not to take forever."""
Condition = Annotated[Expression, ConditionKind()]
"""An expression, bare or `${…}`; `truth(condition.evaluate(names))` is for the step to call."""
Value = Annotated[Any, ValueKind()]
"""Anything: plain data, with templates filled in."""
Values = Annotated[dict[str, Any], ValuesKind()]
"""A mapping of names to anything, as `set` and `with:` take it."""
Headers = Annotated[dict[str, str], HeadersKind()]
"""A mapping of names to texts."""
Texts = Annotated[tuple[str, ...], ListKind(TextKind(), "a list of texts")]
"""One text or a list of them."""
Names = Annotated[tuple[str, ...], ListKind(NameKind(), "a list of names")]
"""One variable's name or a list of them."""
Codecs = Annotated[
    tuple[str, ...],
    ListKind(ChoiceKind(("PCMU", "PCMA", "G722", "opus")), "a list of PCMU, PCMA, G722, opus", may_be_empty=False),
]
"""Codecs, in the order of the offer."""
Range = Annotated[tuple[int, int | None], RangeKind()]
"""How many: `3`, `1..` or `2..5`."""
AudioFile = Annotated[Path, AudioKind()]
"""A path, against the folder of the file that holds the text."""
AudioFiles = Annotated[tuple[Path, ...], AudioKind(many=True)]
"""One path or a list of them."""
OutputPath = Annotated[Path, OutputKind()]
"""A relative path that stays below the folder it will be resolved in."""
Name = Annotated[str, NameKind()]
"""A variable's name; no template."""
BlockRef = Annotated[str, BlockKind()]
"""A block: its key in `Flow.blocks`, once compiled; no template."""
Hz = Annotated[tuple[float, ...] | str, HzKind()]
"""One frequency, two at once, or one of dial, busy, ringback, sit, beep."""
ToneHz = Annotated[tuple[float, ...], HzKind(named=False)]
"""One frequency, or two at once."""
Choice = Annotated[T, ChoiceKind()]
"""One of a few words: `Choice[Literal["info", "rtp"]]`."""
Choices = Annotated[frozenset[T], ChoicesKind()]
"""Some of a few words, alone or as a list: `Choices[Literal["dtmf", "speech"]]`."""

if TYPE_CHECKING:
    Steps: TypeAlias = tuple[StepSpec, ...]
    StepLists: TypeAlias = dict[str | int, tuple[StepSpec, ...]]
    Branches: TypeAlias = tuple[Branch, ...]
else:
    Steps = Annotated[tuple[Any, ...], StepsKind("steps")]
    """A list of steps, compiled."""
    StepLists = Annotated[dict[str | int, tuple[Any, ...]], StepsKind("lists")]
    """Several lists of steps, by name or, where they were written as a list, by index from 0."""
    Branches = Annotated[tuple[Any, ...], StepsKind("branches")]
    """`choose`'s list of `{when, do}`, `{weight, do}` and a last `{else}`."""


@cache
def kinds_of(model: type[BaseModel]) -> Mapping[str, Kind]:
    """The kind of each field of a model that has one, by the field's Python name."""
    found = {}
    for name, field in model.model_fields.items():
        annotation: Any = field.annotation
        for part in field.metadata:
            annotation = Annotated[annotation, part]
        kind = _kind_in(annotation)
        if kind is not None:
            found[name] = kind
    return found


def _kind_in(annotation: Any) -> Kind | None:
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, Kind):
                return extra.of(inner)
    for part in get_args(annotation):
        kind = _kind_in(part)
        if kind is not None:
            return kind
    return None


def resolve(step: Model, names: Mapping[str, Any], rng: random.Random) -> Model:
    """The step with every template evaluated and every span drawn.

    `names` is what expressions see. Raises `ExpressionFault`, which names the step, the field and
    the position, when a value cannot be made or is not what the field takes.
    """
    filled = {}
    for name, kind in kinds_of(type(step)).items():
        value = getattr(step, name)
        if kind.is_open(value):
            field = type(step).model_fields[name]
            filled[name] = resolve_value(kind, value, names, rng, f"{_prefix(step)}{field.alias or name}")
    return step.model_copy(update=filled) if filled else step


def resolve_value(kind: Kind, value: Any, names: Mapping[str, Any], rng: random.Random, what: str) -> Any:
    """One value of that kind, as `resolve` does it; `what` names it in the fault."""
    try:
        return kind.settle(value, names, rng)
    except ExpressionFault as fault:
        raise ExpressionFault(f"`{what}`: {fault.message}", fault.mark, hint=fault.hint) from fault
    except FieldError as error:
        mark = error.mark or Mark("<python>", 1, 1)  # a step made in Python stands in no file
        raise ExpressionFault(f"`{what}`: {error}", mark, hint=error.hint) from None


def _prefix(step: BaseModel) -> str:
    """`send_dtmf.` for a step of that name; nothing for the keys of a flow, whose `name` is one of them."""
    if "name" in type(step).model_fields:
        return ""
    return f"{getattr(type(step), 'name', '') or type(step).__name__}."
