"""The checked tree: what a flow says, every value converted, every name known to exist.

`compile` makes these from nodes; the runtime, the runner and `graph` read them and change nothing.
All of it is plain, frozen and picklable. A value that holds `${…}` is still a `Template`, whatever
its static type says, until `schema.resolve` fills it in; flows are resolved like steps:
`resolve(flow, names, rng).dial`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from botkit.flow.expression import Expression
from botkit.flow.kinds import DurationKind, NumberKind
from botkit.flow.registry import Step
from botkit.flow.schema import (
    Choice,
    Codecs,
    Count,
    Duration,
    Filled,
    Flag,
    Headers,
    Names,
    Range,
    Text,
    Texts,
    Values,
    kinds_of,
    resolve,
    resolve_value,
)
from botkit.results import Place

Reaction = Literal["fail", "note", "ignore"]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step as it stands in a flow: the step itself and the keys that all steps have."""

    step: Step
    name: str
    """Its name in YAML."""
    path: str
    """Its address: `on.answered/2/do/0`."""
    place: Place
    label: str | None = None
    within: Any = None
    """Seconds, or what `filled` makes seconds of."""
    save_as: str | None = None
    on_fail: Reaction | tuple[StepSpec, ...] = "fail"
    if_: Expression | None = None

    def filled(self, names: Mapping[str, Any], rng: random.Random) -> tuple[Step, float | None]:
        """The step and its `within`, with templates evaluated and spans drawn. Raises `ExpressionFault`."""
        return (
            resolve(self.step, names, rng),
            resolve_value(DurationKind(), self.within, names, rng, f"{self.name}.within"),
        )

    def nested(self) -> Iterator[tuple[str, tuple[StepSpec, ...]]]:
        """The lists of steps that it holds, each with its path; `on_fail`'s comes last."""
        for field, kind in kinds_of(type(self.step)).items():
            yield from kind.lists(getattr(self.step, field), self._at(field))
        if isinstance(self.on_fail, tuple):
            yield f"{self.path}/on_fail", self.on_fail

    def _at(self, field: str) -> str:
        alias = type(self.step).model_fields[field].alias or field
        # `parallel: {a: […]}` is `…/a/0`: a main field that is all there is has no name in the path
        return self.path if self.step.takes_whole and alias == self.step.short else f"{self.path}/{alias}"


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of `choose`: taken when `when` holds, or by chance of `weight`, or (neither) else."""

    steps: tuple[StepSpec, ...]
    place: Place
    when: Expression | None = None
    weight: Any = None
    """A number, or what `weighs` makes a number of."""

    @property
    def is_else(self) -> bool:
        return self.when is None and self.weight is None

    def weighs(self, names: Mapping[str, Any], rng: random.Random) -> float:
        """The weight, its template evaluated. Raises `ExpressionFault`."""
        return float(resolve_value(NumberKind(), self.weight, names, rng, "choose.weight"))


@dataclass(frozen=True, slots=True)
class Handler:
    """What a flow does on one event."""

    event: str
    steps: tuple[StepSpec, ...]
    place: Place
    when: Expression | None = None
    mode: Literal["queue", "restart", "ignore", "parallel"] = "queue"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, use_attribute_docstrings=True)


class FlowHead(_Document):
    """The top-level keys of a flow, beside `on` and `blocks`."""

    name: Filled = Field(alias="flow")
    """What it is called in reports."""
    about: Text | None = None
    """Prose, for readers."""
    tags: Texts = ()
    """Words by which runs pick flows."""
    account: Text | None = None
    """The account it uses, of those that flows may name; else the one of the command line."""
    vars: Values = {}
    """The variables and their first values."""
    secrets: Names = ()
    """Variables whose values are masked wherever they would show."""
    dial: Filled | None = None
    """The number, name or SIP address to call."""
    answer: Filled | None = None
    """The number, user name or pattern (`+1800*`, `any`) that it answers."""
    expect_call: Choice[Literal["answered", "busy", "no_answer", "rejected", "unallocated", "any"]] | None = None
    """What must become of the call; without it, answered where there is an `answered` handler."""
    caller_id: Text | None = None
    """The number that the other side is shown."""
    headers: Headers = {}
    """Extra headers of the call, by name."""
    codecs: Codecs = ("PCMU", "PCMA", "G722", "opus")
    """The order of the offer."""
    ring_timeout: Duration | None = None
    """Give up ringing after so long."""
    time_limit: Duration = 300.0
    """The whole call may take so long; longer is a failure."""
    at_most: Count | None = None
    """Calls that it answers at once."""
    calls: Range | None = None
    """Calls that must come."""
    manual: Flag = False
    """`botkit test` does not run it by itself."""


class Flow(FlowHead):
    """One bot, one call."""

    file: str
    place: Place
    call_place: Place | None = None
    """Where it says what shall become of its call: at `expect_call`, else at `dial`."""
    on: dict[str, Handler] = {}
    """Handlers by event."""
    blocks: dict[str, tuple[StepSpec, ...]] = {}
    """Blocks by the key that `run` and `goto` hold once compiled: `pin`, or `lib/menus.yaml#pin` for a library's."""

    @property
    def expected_call(self) -> str:
        """`expect_call` with its default: answered where there is an `answered` handler, else any."""
        return self.expect_call or ("answered" if "answered" in self.on else "any")

    @property
    def dials(self) -> bool:
        """It places a call (and else answers)."""
        return self.dial is not None

    def every_step(self) -> Iterator[StepSpec]:
        """All steps, with those inside steps, in the order they were written."""
        for handler in self.on.values():
            yield from every_step(handler.steps)
        for steps in self.blocks.values():
            yield from every_step(steps)


class LibraryHead(_Document):
    """The top-level keys of a library, beside `blocks`."""

    name: Filled = Field(alias="blocks_of")
    """What it is called."""
    about: Text | None = None
    """Prose, for readers."""


class Library(LibraryHead):
    """A file of blocks that other files run."""

    file: str
    place: Place
    blocks: dict[str, tuple[StepSpec, ...]] = {}

    def every_step(self) -> Iterator[StepSpec]:
        """All steps, with those inside steps, in the order they were written."""
        for steps in self.blocks.values():
            yield from every_step(steps)


def every_step(steps: tuple[StepSpec, ...]) -> Iterator[StepSpec]:
    """These steps and all that they hold."""
    for spec in steps:
        yield spec
        for _, inner in spec.nested():
            yield from every_step(inner)
