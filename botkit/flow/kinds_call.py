"""Kinds of values about calls: hang-up causes, whom to call, and what this version does not know yet."""

from __future__ import annotations

from typing import Annotated, Any

from botkit.causes import CAUSES, SPOKEN
from botkit.flow.expression import suggest
from botkit.flow.kinds import FieldError, Kind, TextKind
from botkit.flow.sandbox import shown
from botkit.flow.source import Mark


class CauseKind(TextKind):
    """A hang-up cause: one of our short words, or a Q.850 name in any case."""

    wants = "a hang-up cause"

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = super().of_value(value, mark)
        if SPOKEN.get(text, text.upper()) not in CAUSES:
            hint = suggest(text, (*SPOKEN, *CAUSES)) or f"write one of {', '.join(SPOKEN)}, or a Q.850 name"
            raise FieldError(f"{shown(text)} is no hang-up cause", hint=hint)
        return text


class AddressKind(TextKind):
    """Whom to call: a number, a user's name, a SIP address."""

    wants = "a number or a user's name"

    def of_value(self, value: Any, mark: Mark | None) -> str:
        text = super().of_value(value, mark).strip()
        if not text:
            raise self.refused(value)
        return text


class LaterKind(Kind):
    """A field that the language has and this version of botkit has not."""

    def __init__(self, field: str, instead: str) -> None:
        self.field = field
        self.instead = instead

    def read(self, node: Any) -> Any:
        raise FieldError(
            f"`{self.field}` is not part of this version", mark=getattr(node, "mark", None), hint=self.instead
        )

    def json_schema(self) -> dict[str, Any]:
        return {"not": {}}


Address = Annotated[str, AddressKind()]
"""Whom to call."""
CauseName = Annotated[str, CauseKind()]
"""A hang-up cause: `busy`, `declined` …, or a Q.850 name."""
