"""The trace of a call: what its flow did, as picklable records, with the secrets taken out.

The runtime makes a record when a step starts, when it is done, when a flow logs something and when
an event reaches the flow, and hands each to the `Trace` it was given: a plain callable. The runner
writes them to `events.jsonl`, shows them live or sends them to another process; flow code does not
know which. Every text in a record has gone through `Mask`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import PurePath
from typing import Any, TypeAlias, TypeVar

from botkit.results import Place, StepResult

T = TypeVar("T")

_KEPT = frozenset(("call", "path", "step", "event", "kind", "file"))
"""Fields that say where a record comes from. A secret like `1` must not make all addresses one."""

HIDDEN = "***"
"""What stands where a secret stood."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins. `at` is seconds since the answer, here and in the other records."""

    call: str
    at: float
    path: str
    step: str
    label: str | None = None
    place: Place | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step has ended, well or not; `result` is the one that the report shows."""

    call: str
    at: float
    result: StepResult


@dataclass(frozen=True, slots=True)
class Logged:
    """A `log` step, or the runtime itself, has something to say. `path` is the step's, if there is one."""

    call: str
    at: float
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event of the call came to the flow; `fields` are those of `event` in expressions."""

    call: str
    at: float
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Record: TypeAlias = StepStarted | StepDone | Logged | EventSeen

Trace: TypeAlias = Callable[[Record], None]
"""Takes each record as it is made. It is called on the event loop, so it must not block."""


def no_trace(_record: Record) -> None:
    """A trace that keeps nothing."""


class Mask:
    """Replaces secret values in whatever leaves the flow.

    A secret is masked by its written form wherever it occurs in a text, so also inside other words;
    numbers that equal a secret become text. A secret made of digits also hides single digits that
    arrive (`digit`), since one after the other they would spell it.
    """

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        self._secrets: list[str] = []
        self.awaits = False
        """A secret has no value yet: the digits that arrive may be it."""
        for secret in secrets:
            self.add(secret)

    def add(self, secret: object) -> None:
        """Hide `secret` from now on. Nothing, true, false and the empty text hide nothing."""
        if secret is None or isinstance(secret, bool):
            return
        if isinstance(secret, Mapping):
            # Of a step's result kept under a secret name, the texts are what could tell it.
            for value in secret.values():
                if not isinstance(value, int | float):
                    self.add(value)
        elif isinstance(secret, list | tuple | set | frozenset):
            for value in secret:
                self.add(value)
        elif (text := str(secret)) and text not in self._secrets:
            self._secrets.append(text)
            # The longest first, so that one secret inside another leaves no half of it behind.
            self._secrets.sort(key=len, reverse=True)

    @property
    def hides_digits(self) -> bool:
        """A secret could be entered on a keypad, or is yet to come."""
        return self.awaits or any(set(secret) <= set("0123456789*#ABCDabcd") for secret in self._secrets)

    def text(self, text: str) -> str:
        """`text` with each secret replaced."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def digit(self, digit: str) -> str:
        """One digit that came alone: hidden when a secret might be spelt with it, now or later."""
        return "*" * len(digit) if self.hides_digits else digit

    def value(self, value: Any) -> Any:
        """`value` with the secrets in its texts, numbers, keys and items replaced, and as plain data."""
        if not self._secrets or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float):
            return HIDDEN if str(value) in self._secrets else value
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, PurePath):
            return self.text(str(value))
        return value

    def record(self, record: T) -> T:
        """A dataclass (a record, a result, a problem) with each text in it masked; times stay as they are."""
        if not self._secrets or not is_dataclass(record) or isinstance(record, type):
            return record
        changed: dict[str, Any] = {}
        for each in fields(record):
            old = getattr(record, each.name)
            if each.name in _KEPT:
                continue
            if isinstance(old, str):
                new: Any = self.text(old)
            elif is_dataclass(old) and not isinstance(old, type):
                new = self.record(old)
            elif isinstance(old, Mapping):
                new = self.value(old)
            else:
                continue
            if new is not old:
                changed[each.name] = new
        return replace(record, **changed) if changed else record
