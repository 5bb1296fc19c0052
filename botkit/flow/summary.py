"""A step in a few words, for logs, the live display and reports: `expect_tone 440`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botkit.flow.registry import Step
from botkit.flow.sandbox import written

LONGEST = 60
"""Characters of one value in a summary."""


def summary_of(step: Step) -> str:
    """The step's name and what it is about. `step` has its templates filled in."""
    for value in _main_first(step):
        text = _words(value)
        if text:
            return f"{step.name} {text}"
    return step.name


def _main_first(step: Step) -> list[Any]:
    """The main field, then whatever else was given."""
    fields = {(info.alias or name): name for name, info in type(step).model_fields.items()}
    main = fields.get(step.short or "")
    given = [name for name in fields.values() if name in step.model_fields_set and name != main]
    return [getattr(step, name) for name in ([main] if main else []) + given]


def _words(value: Any) -> str:
    match value:
        case None | "" | True | False:
            return ""
        case Path():
            text = value.name
        case str() | int() | float():
            text = written(round(value, 3) if isinstance(value, float) else value)
            text = text.removesuffix(".0") if isinstance(value, float) else text
        case Mapping():
            plain = {key: _words(item) for key, item in value.items()}
            text = ", ".join(f"{key}: {word}" for key, word in plain.items() if word)
        case tuple() | list() | set() | frozenset():
            words = [_words(item) for item in value]
            if not all(words):  # nested steps have no short words
                return ""
            text = ", ".join(words)
        case _:
            text = str(value) if type(value).__name__ == "Expression" else ""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
