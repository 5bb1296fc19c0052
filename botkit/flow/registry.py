"""Step names to step classes, and the class that every step is made from.

One step, one file: a frozen pydantic model whose fields are the schema, whose docstring is the
manual and whose examples the tests compile. `@step` registers it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from botkit.flow.port import CallPort
    from botkit.flow.scope import Scope

STEPS: dict[str, type[Step]] = {}
"""All registered steps, by their name in YAML."""


class Step(BaseModel):
    """What all steps share. Fields may hold a `Template` until `botkit.flow.schema.resolve` fills them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True, use_attribute_docstrings=True
    )

    name: ClassVar[str] = ""
    """Its name in YAML."""
    short: ClassVar[str | None] = None
    """The main field, by its name in YAML, which the short form gives alone."""
    takes_whole: ClassVar[bool] = False
    """Whatever stands behind the step's key is its main field, mappings too (`set`, `choose`, `parallel`, `race`)."""
    needs_call: ClassVar[bool] = True
    """It needs a live call, so `ended` refuses it when compiling."""
    is_expectation: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    """It lets time pass, so a loop that holds it is no busy loop."""
    obeys_within: ClassVar[bool] = False
    """It looks after `within` itself (`Scope.within`); any other step is cut off by the runtime, and fails."""
    result: ClassVar[Mapping[str, str]] = {}
    """Its own result fields, name to meaning; `ok started ended` come with every step."""
    result_is_open: ClassVar[bool] = False
    """It may have more result fields than `result` lists (`run`, `wait_for`), so none is called unknown."""

    @property
    def lets_time_pass(self) -> bool:
        """This step, with its fields as they are, waits or listens."""
        return self.waits or self.is_expectation

    async def run(self, call: CallPort, scope: Scope) -> Mapping[str, Any] | None:
        """Do it; the mapping gives the result fields. Raises `ExpectationFailed` when unmet.

        Cancellation is the stop signal: what the step started ends with it.
        """
        raise NotImplementedError  # pragma: no cover - each step has its own


S = TypeVar("S", bound=type[Step])


def step(name: str, *, short: str | None = None) -> Callable[[S], S]:
    """Register a step class under its YAML name; `short` names its main field as YAML does."""

    def register(cls: S) -> S:
        cls.name = name
        cls.short = short
        STEPS[name] = cls
        return cls

    return register


def load_steps() -> Mapping[str, type[Step]]:
    """All steps, after importing every module of `botkit.flow.steps`; cheap when done before."""
    package = import_module("botkit.flow.steps")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return STEPS
