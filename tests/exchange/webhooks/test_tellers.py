"""Whoever tells of something does it in the table's words: read from the syntax trees of the exchange."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import botkit.exchange
from botkit.exchange.webhooks.shapes import EVENTS

ROOT = Path(botkit.exchange.__path__[0])


def told() -> Iterator[tuple[str, str, dict[str, ast.expr]]]:
    """Each `tell("call.…", field=…)`: where, the event type, its fields."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            first = node.args[0]
            if node.func.attr.strip("_") == "tell" and isinstance(first, ast.Constant) and "." in str(first.value):
                fields = {word.arg: word.value for word in node.keywords if word.arg is not None}
                yield f"{path.relative_to(ROOT)}:{node.lineno}", str(first.value), fields


TOLD = list(told())


@pytest.mark.parametrize(("where", "event_type", "fields"), TOLD, ids=[f"{one[0]} {one[1]}" for one in TOLD])
def test_what_is_told_is_in_the_table(where: str, event_type: str, fields: dict[str, ast.expr]) -> None:
    """The event has a row, its fields are in it, and a word that stands there literally is legal."""
    assert event_type in EVENTS
    rows = EVENTS[event_type].fields
    assert fields.keys() <= rows.keys()
    for name, value in fields.items():
        if rows[name].words and isinstance(value, ast.Constant) and value.value is not None:
            assert value.value in rows[name].words


def test_the_tellers_are_found() -> None:
    """The search sees those that are known to be there."""
    assert {"call.initiated", "call.hangup", "call.playback.ended"} <= {event_type for _, event_type, _ in TOLD}
