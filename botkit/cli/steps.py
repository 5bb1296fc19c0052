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
    from botkit.flow.kinds import Kind
    from botkit.flow.registry import Step

COMMON = "label within save_as on_fail if"


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
        out.write_text(text + "\n", encoding="utf-8")


def overview(table: dict[str, type[Step]]) -> Iterator[str]:
    """Every step in one line."""
    width = max(map(len, table), default=0)
    for name, cls in table.items():
        yield f"{name:<{width}}  {_split_doc(cls)[0].splitlines()[0]}"
    yield ""
    yield f"Every step takes, beside its name: {COMMON}. `botkit steps STEP` says more about one."


def manual(cls: type[Step]) -> Iterator[str]:
    """One step: what it does, its fields, its results, an example."""
    prose, example = _split_doc(cls)
    yield cls.name
    yield from (f"  {line}".rstrip() for line in prose.splitlines())
    fields = list(_fields(cls))
    if fields:
        yield ""
        short = f"  (`{cls.short}` is what the short form gives)" if cls.short else ""
        yield "Fields:" + ("  (it stands behind the step's name as it is)" if cls.takes_whole else short)
        width = max(len(name) for name, _, _ in fields)
        for name, wants, default in fields:
            yield f"  {name:<{width}}  {wants}{default}"
    yield ""
    yield f"Common keys, beside the step's name: {COMMON}"
    yield ""
    yield "Results:"
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


def _fields(cls: type[Step]) -> Iterator[tuple[str, str, str]]:
    """Each field's name in YAML, what it takes, and its default in words; the main field first."""
    from botkit.flow.schema import kinds_of

    kinds = kinds_of(cls)
    fields = sorted(cls.model_fields.items(), key=lambda pair: (pair[1].alias or pair[0]) != cls.short)
    for name, field in fields:
        wants = _wants(kinds[name]) if name in kinds else "a value"
        if wants is None:
            continue
        if field.is_required():
            default = " (required)"
        elif field.default in (None, (), frozenset()) or field.default is False or field.default_factory is not None:
            default = ""
        else:
            default = f" (default {_shown(field.default)})"
        yield field.alias or name, wants, default


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
    if value is True:
        return "true"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _split_doc(cls: type[Step]) -> tuple[str, str]:
    """The docstring's prose and its example."""
    prose, _, example = inspect.cleandoc(cls.__doc__ or "").partition("Example:")
    return prose.strip() or cls.name, inspect.cleandoc(example).strip()
