"""`set`: give variables their values."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Values
from botkit.flow.scope import Scope


@step("set", short="values")
class Set(Step):
    """Give variables their values. All handlers of the call see them.

    All values are worked out before the first is set. Inside a block, a name that came with `with`
    is set for this run of the block only.

    Example:
        - set: {tries: "${tries + 1}", greeting: hello}
    """

    takes_whole: ClassVar[bool] = True
    needs_call: ClassVar[bool] = False

    values: Values
    """Names and what they shall be."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        for name, value in self.values.items():
            scope.set(name, value)
