"""What all `expect_*` steps share: the window in which they must be met, and the result that they give."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from botkit.errors import Fault
from botkit.flow.port import Heard, Window
from botkit.flow.registry import Step
from botkit.flow.schema import Choice, Duration, Flag
from botkit.flow.scope import Scope

WITHIN = 10.0
"""Seconds in which an expectation must be met, unless its `within` says otherwise."""


class Expectation(Step):
    """A step that something must be heard by; see flow-language.md section 4 for the fields."""

    is_expectation: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    obeys_within: ClassVar[bool] = True

    starts_within: Duration | None = None
    """It must have begun by then, counted as `within` is; it may be met in full later."""
    max_latency: Duration | None = None
    """It must have begun so soon after the mark; if not, it fails with both numbers named."""
    absent: Flag = False
    """Turned round: it must not happen during `within`."""
    ended: Choice[Literal["ok"]] | None = None
    """With `ok` the end of the call fulfils an `absent`, and silence."""

    def window(self, scope: Scope) -> Window:
        """When it must be met. Raises `Fault` for what, filled in, cannot be met at all: its `absent` would hold."""
        within = WITHIN if scope.within is None else scope.within
        for name, value in (("for", getattr(self, "length", None)), ("starts_within", self.starts_within)):
            if value is not None and value > within:
                raise Fault(
                    f"`{name}: {value:g}s` does not fit in `within: {within:g}s`",
                    hint="`within` is when all of it must have happened",
                )
        return Window(
            within=within,
            starts_within=self.starts_within,
            max_latency=self.max_latency,
            absent=self.absent,
            ended_ok=self.ended == "ok",
        )


def result_of(heard: Heard) -> dict[str, Any]:
    """The result fields of an expectation that was met; its latency to the microsecond, like `started` and `ended`."""
    return {**heard.fields, "latency": None if heard.latency is None else round(heard.latency, 6)}
