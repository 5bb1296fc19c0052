"""`run`: the steps of a block, and `return`, which ends it with a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from botkit.flow.control import HandlerOver, Return
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import BlockRef, Value, Values
from botkit.flow.scope import Scope
from botkit.flow.values import give


@step("run", short="block")
class Run(Step):
    """Run the steps of a block, of this file or (`file.yaml#block`) of another.

    What `with` gives is known inside, for this run of the block only. A `return` ends the block;
    what it gives is the result of the step: the fields of a mapping, or a value.

    Example:
        - run: enter_pin
        - run: {block: enter_pin, with: {pin: "4321"}}
          save_as: accepted
    """

    needs_call: ClassVar[bool] = False
    result_is_open: ClassVar[bool] = True

    block: BlockRef
    """Which block."""
    with_: Values = Field(default_factory=dict, alias="with")
    """Names for this run of it."""

    async def run(self, call: CallPort, scope: Scope) -> Mapping[str, Any]:
        inside = scope.in_block(self.block, self.with_)
        if self.block in scope.blocks and scope.goes_round_dead(f"run {self.block}"):
            raise HandlerOver
        try:
            await inside.run_steps(scope.shared.blocks[self.block])
        except Return as returned:
            return give(returned.value)
        return {}


@step("return", short="value")
class ReturnStep(Step):
    """End the block, with a value for the `run` that runs it.

    Example:
        - return: true
        - return: {digits: "4321", tries: 2}
    """

    takes_whole: ClassVar[bool] = True
    needs_call: ClassVar[bool] = False

    value: Value = None
    """What the `run` gives: the fields of a mapping, or a value."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        raise Return(self.value)
