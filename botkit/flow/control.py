"""How steps end other than by being done: the exceptions that travel between steps and runtime.

They are no errors of anybody's and never leave `FlowRun.run`. A step that holds steps lets all of
them through, except those that are meant for it.
"""

from __future__ import annotations

from typing import Any

from botkit.results import Problem


class Control(Exception):
    """Root of all of them."""


class StepFailed(Control):
    """An expectation was not met, and no `on_fail` has covered it yet.

    The last of `problems` is the newest: those before it are what `on_fail` lists were handling
    when they failed in turn.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[-1].message)
        self.problems = problems


class FlowFaulted(Control):
    """Something is broken; no `on_fail` covers that."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class FlowOver(Control):
    """`fail` or `stop`: the flow ends here, and no `on_fail` covers that either.

    `problems` are those of a `fail`, after whatever an `on_fail` list was handling when it came to it.
    """

    def __init__(self, says: str, *, failed: bool) -> None:
        super().__init__(says)
        self.says = says
        self.failed = failed
        self.problems: tuple[Problem, ...] = ()


class Goto(Control):
    """The rest of the handler is replaced by the steps of a block."""

    def __init__(self, block: str) -> None:
        super().__init__(block)
        self.block = block


class HandlerOver(Control):
    """The rest of the handler would only go round in circles: the call is over."""


class Break(Control):
    """`break`: the innermost `repeat` is done."""


class Next(Control):
    """`next`: the innermost `repeat` goes on with its next turn."""


class Return(Control):
    """`return`: the innermost `run` is done, with this value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value
