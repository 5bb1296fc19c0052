"""`check`: something must be so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botkit.errors import ExpectationFailed
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.sandbox import shown
from botkit.flow.schema import Condition, Expression, Text
from botkit.flow.scope import Scope


@step("check", short="that")
class Check(Step):
    """Something must be so; if it is not, the step fails with the values that were compared.

    Example:
        - check: call.duration < 30
        - check: {that: call.rtp.lost == 0, says: packets were lost}
    """

    needs_call: ClassVar[bool] = False

    that: Condition
    """What must be so."""
    says: Text | None = None
    """What the failure says."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        if scope.holds(self.that):
            return
        expected = f"`{self.that}`" if self.says is None else f"`{self.that}` ({self.says})"
        raise ExpectationFailed(expected, values_in(self.that, scope.names), at=call.since_answered())


def values_in(expression: Expression, names: Mapping[str, Any]) -> str:
    """The values of the names in an expression, for the report: `call.cause is 'USER_BUSY'`."""
    said = {}
    for reference in expression.references:
        text = ".".join(reference.path)
        try:
            value: Any = names[reference.path[0]]
            for part in reference.path[1:]:
                value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        except (LookupError, AttributeError, TypeError):
            continue
        if not callable(value):
            said[text] = f"{text} is {shown(value)}"
    return ", ".join(said.values()) or "it is false"
