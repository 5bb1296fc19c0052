"""`signal`: tell all bots of the run that something is so."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Text, Value
from botkit.flow.scope import Scope


@step("signal", short="name")
class Signal(Step):
    """Tell all bots of the run that something is so. It stays so: `wait_for` finds it later, too.

    Example:
        - signal: doors_open
        - signal: {name: doors_open, data: {door: 2}}
    """

    needs_call: ClassVar[bool] = False

    signal: Text = Field(alias="name")
    """Its name, one for all bots of the run."""
    data: Value = None
    """Whatever the others shall know."""

    async def run(self, call: CallPort, scope: Scope) -> None:
        scope.signals.give(self.signal, self.data)
