"""What the doctor found: one finding a step, in their order, plain and picklable."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

STEPS = ("name", "tls", "websocket", "login", "ready", "ice", "dtls", "call", "audio", "dtmf")
"""The steps in their order. After the first fault none is tried."""


class State(Enum):
    """How a step came out. A warning keeps neither the later steps from being tried nor the account from being well."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step. `took` in seconds, None for one not tried; `facts` are its figures for machines."""

    step: str
    state: State
    text: str
    hint: str | None = None
    took: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about one account."""

    account: str
    server: str
    findings: tuple[Finding, ...]

    @property
    def fault(self) -> Finding | None:
        """The step that failed."""
        return next((one for one in self.findings if one.state is State.FAULT), None)

    @property
    def warnings(self) -> list[Finding]:
        return [one for one in self.findings if one.state is State.WARNING]


@dataclass(slots=True)
class Note:
    """A finding while it is made. Without a word of warning a step that ends is well."""

    text: str = ""
    hint: str | None = None
    state: State = State.OK
    took: float | None = None
    """Seconds, where they are not those from the step's begin to its end."""
    facts: dict[str, Any] = field(default_factory=dict)

    def warn(self, text: str, hint: str | None = None) -> None:
        """Say this, too, and that it is worth a look. The first hint stays."""
        self.text = f"{self.text}; {text}" if self.text else text
        self.hint = self.hint or hint
        self.state = State.WARNING
