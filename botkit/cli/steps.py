"""`botkit steps [STEP]`: the manual of steps, printed from the steps themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botkit.cli import terminal
from botkit.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from botkit.flow.kinds import Kind
    from botkit.flow.registry import Step


def steps(
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="One step; without it, the list.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there instead.")] = None,
) -> None:
    """Print the manual of steps.

    \b
    Examples:
      botkit steps
      botkit steps send_dtmf
    """
    from botkit.flow.registry import load_steps

    table = dict(sorted(load_steps().items()))
    if step is None:
        lines = list(overview(table))
    elif step in table:
        lines = list(manual(table[step]))
    else:
        from botkit.settings import did_you_mean

        raise ConfigError(f"there is no step {step!r}", hint=did_you_mean(step, table) or "`botkit steps` lists them")
    text = "\n".join(lines)
    if out is None:
        terminal.say(text)
    else:
        terminal.write(out, text + "\n")


def overview(table: dict[str, type[Step]]) -> Iterator[str]:
    """Every step in one line, then how flows are written."""
    from botkit.cli.guide import guide

    width = max(map(len, table), default=0)
    for name, cls in table.items():
        yield f"{name:<{width}}  {_split_doc(cls)[0].splitlines()[0]}"
    yield ""
    yield "`botkit steps STEP` says more about one. How they are put together:"
    yield from guide()


def manual(cls: type[Step]) -> Iterator[str]:
    """One step: what it does, its fields, its results, an example."""
    from botkit.flow.build import COMMON

    prose, example = _split_doc(cls)
    yield cls.name
    yield from (f"  {line}".rstrip() for line in prose.splitlines())
    fields = list(field_rows(cls, cls.short))
    yield ""
    if fields:
        if cls.takes_whole:
            yield "Fields:  (it stands behind the step's name as it is)"
        else:
            yield f"Fields:  (`- {cls.name}: …` alone gives `{cls.short}`)" if cls.short else "Fields:"
        yield from fields
    else:
        yield f"It has no fields: write `- {cls.name}`."
    yield ""
    yield f"Common keys, beside the step's name: {', '.join(COMMON)} (`botkit steps` explains them)."
    if cls.is_expectation:
        yield "`within` is 10s unless given."
    if cls.needs_call:
        yield "It needs a live call, so it cannot stand in `ended`."
    yield ""
    yield "Results, under the name that `save_as` gives:"
    results = {**cls.result, "ok": "it went well", "started": "seconds since the answer", "ended": "the same"}
    if cls.is_expectation:
        results.setdefault("latency", "onset minus mark, in seconds")
    width = max(map(len, results))
    for name, meaning in results.items():
        yield f"  {name:<{width}}  {meaning}"
    if example:
        yield ""
        yield "Example:"
        yield from (f"  {line}".rstrip() for line in example.splitlines())


def field_rows(model: type[BaseModel], first: str | None = None) -> Iterator[str]:
    """The fields of a model by their names in YAML: what each takes, its default, and what it is for.

    The field called `first` comes first; those that this version has not are left out.
    """
    from botkit.flow.schema import kinds_of

    kinds = kinds_of(model)
    fields = sorted(model.model_fields.items(), key=lambda pair: (pair[1].alias or pair[0]) != first)
    rows = []
    for name, field in fields:
        wants = _wants(kinds[name]) if name in kinds else "a value"
        if wants is not None:
            default = _default(field, kinds.get(name))
            rows.append((field.alias or name, f"{wants}{default}", field.description or ""))
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, wants, meaning in rows:
        yield f"  {name:<{width}}  {wants}"
        if meaning:
            yield f"  {'':<{width}}    {meaning}"


def _default(field: FieldInfo, kind: Kind | None) -> str:
    from botkit.flow.kinds import DurationKind

    if field.is_required():
        return " (required)"
    value = field.default
    if field.default_factory is not None or value is None or value in ((), frozenset(), {}, ""):
        return ""
    if isinstance(kind, DurationKind):
        return f" (default {_seconds(value)})"
    return f" (default {_shown(value)})"


def _seconds(value: float) -> str:
    """As it would be written in a flow."""
    if value >= 60 and value % 60 == 0:
        return f"{value / 60:g}m"
    return f"{value * 1000:g}ms" if value < 1 else f"{value:g}s"


def _wants(kind: Kind) -> str | None:
    """What a field takes, in words; None for a field that this version has not."""
    from botkit.flow.kinds_call import LaterKind
    from botkit.flow.kinds_many import ChoiceKind, ChoicesKind, ListKind, StepsKind
    from botkit.flow.kinds_media import AudioKind, HzKind

    match kind:
        case LaterKind():
            return None
        case ChoicesKind(options=options):
            return f"{' or '.join(options)}, or a list of them"
        case ChoiceKind(options=options):
            return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
        case HzKind(words=words) | ListKind(words=words):
            return words
        case AudioKind(many=True):
            return f"{kind.wants}, or a list of them"
        case StepsKind(shape="lists"):
            return "a mapping or a list of lists of steps"
        case StepsKind(shape="branches"):
            return "a list of {when, do}, {weight, do} and a last {else}"
    return kind.wants


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _split_doc(cls: type[Step]) -> tuple[str, str]:
    """The docstring's prose and its example."""
    prose, _, example = inspect.cleandoc(cls.__doc__ or "").partition("Example:")
    return prose.strip() or cls.name, inspect.cleandoc(example).strip()
