"""What a step sees beside its call: names, the steps it holds, the log, signals, the output folder.

`Shared` is what all handlers of one call have in common, above all its one namespace of variables.
A `Scope` is the view of one place in the flow: the shared things, the event that started the
handler, and what is local here (`with:` of a block, `repeat`). Scopes are cheap and never change;
`with_locals`, `in_turn`, `in_block` and `at` make new ones.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from botkit import log as logs
from botkit.errors import Fault
from botkit.flow.background import Background, Work
from botkit.flow.chance import Chance
from botkit.flow.expression import RESERVED, Expression, truth
from botkit.flow.kinds_many import ValuesKind
from botkit.flow.kinds_media import ANOTHER_NAME, is_own_file
from botkit.flow.operators import Environment
from botkit.flow.port import CallPort
from botkit.flow.schema import kinds_of
from botkit.flow.signals import Signals
from botkit.flow.trace import Logged, Mask, Record, Trace, no_trace
from botkit.results import Problem, StepResult

if TYPE_CHECKING:
    from botkit.flow.document import StepSpec
    from botkit.flow.registry import Step

DEEPEST = 50
"""Blocks that run blocks: more than so many inside each other is taken for a circle."""

_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run gives to one call's flow, beside the call. All of it has a default.

    `vars` are values for variables that the flow declares; they win over the flow's own. `env` is
    the only environment that expressions see. `out` is the folder of this call, for `record`.
    `seed` decides all that is random. `bot` and `matrix` are what expressions find under these names.
    """

    vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    bot: Mapping[str, Any] = field(default_factory=dict)
    matrix: Mapping[str, Any] = field(default_factory=dict)
    seed: int | str = 0
    out: Path | None = None
    signals: Signals = field(default_factory=Signals)
    trace: Trace = no_trace
    secrets: tuple[str, ...] = ()
    """Values to mask beside those of the flow's `secrets` (passwords of accounts, say)."""


class Shared:
    """What all handlers of one call share. The runtime makes one per call."""

    def __init__(
        self, call: CallPort, inputs: Inputs, *, secrets: Sequence[str] = (), blocks: Mapping[str, Any] | None = None
    ) -> None:
        self.call = call
        self.inputs = inputs
        self.rng = random.Random(inputs.seed)
        self.chance = Chance(self.rng)
        self.mask = Mask(inputs.secrets)
        self.blocks = blocks or {}
        self.values: dict[str, Any] = {}
        self.steps: list[StepResult] = []
        self.problems: list[Problem] = []
        self.background: Background | None = None
        """Plays and recordings beside the handlers; the runtime makes it."""
        self.over = asyncio.Event()
        """Set when the call is over."""
        self._secrets = frozenset(secrets)

    def assign(self, name: str, value: Any) -> None:
        """Give a variable its value, and hide the value if the variable is a secret."""
        if name in RESERVED:
            raise Fault(f"`{name}` is reserved and cannot be set")
        if name in self._secrets:
            self.mask.add(value)
        self.values[name] = value

    def hide_given(self, step: Step) -> None:
        """Hide what a step is about to give to secrets, in `set` or `with:`: its summary is told before it runs."""
        for name, kind in kinds_of(type(step)).items() if self._secrets else ():
            if isinstance(kind, ValuesKind) and kind.writes_names:
                for variable, value in (getattr(step, name) or {}).items():
                    if variable in self._secrets:
                        self.mask.add(value)

    def tell(self, record: Record) -> None:
        """Send a record to the trace, masked."""
        self.inputs.trace(self.mask.record(record))

    def note(self, problem: Problem) -> None:
        """Keep a problem for the verdict, masked; one that is known already is not kept twice."""
        masked = self.mask.record(problem)
        if masked not in self.problems:
            self.problems.append(masked)


RunSteps = Callable[["Scope", Sequence["StepSpec"]], Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The view of one place in a flow."""

    shared: Shared
    runner: RunSteps
    """Runs a list of steps; `botkit.flow.execute` has it."""
    event: Mapping[str, Any] | None = None
    """The fact that started the handler, as `event` in expressions."""
    is_ending: bool = False
    """This is the `ended` handler: the call is over, and that is as it should be."""
    locals: Mapping[str, Any] = field(default_factory=dict)
    """What `with:` gave to the block that we are in. The places in one run of a block share it, for `set`."""
    turn: int | None = None
    """The turn of the innermost `repeat`, as `repeat.index` in expressions."""
    path: str = ""
    spec: StepSpec | None = None
    """The step that we are at."""
    label: str | None = None
    within: float | None = None
    """The step's own `within`, for the steps that obey it by themselves."""
    blocks: tuple[str, ...] = ()
    """The blocks that we are inside of, innermost last."""
    seen_dead: set[str] = field(default_factory=set)
    """Where this handler has been since the call was over."""

    # --- views ----------------------------------------------------------------------------------

    def at(self, spec: StepSpec, within: float | None = None) -> Scope:
        """The same view from one of the steps; what has no label of its own has that of what holds it."""
        return replace(self, spec=spec, path=spec.path, label=spec.label or self.label, within=within)

    def with_locals(self, **names: Any) -> Scope:
        """A view with further names of its own."""
        return replace(self, locals={**self.locals, **names})

    def in_turn(self, turn: int) -> Scope:
        """The view of the steps of a `repeat`, in one of its turns."""
        return replace(self, turn=turn)

    def in_block(self, block: str, names: Mapping[str, Any]) -> Scope:
        """The view of a block's steps: only `names` are local there. Raises `Fault` when nested too deep."""
        if len(self.blocks) >= DEEPEST:
            raise Fault(f"blocks run each other in a circle: {' → '.join((*self.blocks[-3:], block))}")
        return replace(self, locals=dict(names), turn=None, blocks=(*self.blocks, block))

    # --- names and values -----------------------------------------------------------------------

    @property
    def names(self) -> Names:
        """What expressions see here."""
        return Names(self)

    def evaluate(self, expression: Expression) -> Any:
        """The value of an expression. Raises `ExpressionFault`."""
        return expression.evaluate(self.names)

    def holds(self, condition: Expression, **names: Any) -> bool:
        """Whether a condition holds; `names` are further names. Raises `Fault` when it is neither true nor false."""
        scope = self.with_locals(**names) if names else self
        try:
            return truth(condition.evaluate(scope.names))
        except ValueError as error:
            raise Fault(f"`{condition}`: {error}") from None

    def set(self, name: str, value: Any) -> None:
        """Give a variable its value: a local one if the name is local here, else the call's."""
        if name in self.locals and isinstance(self.locals, dict):
            self.locals[name] = value
        else:
            self.shared.assign(name, value)

    @property
    def rng(self) -> random.Random:
        """The call's source of chance."""
        return self.shared.rng

    # --- deeds ----------------------------------------------------------------------------------

    async def run_steps(self, steps: Sequence[StepSpec]) -> None:
        """Run the steps one after the other. Raises what the first that fails raises (`flow.control`)."""
        await self.runner(self, steps)

    async def in_background(self, work: Work) -> None:
        """Begin what goes on beside the handlers until the call is over. Raises `Fault` when too much does."""
        if self.shared.background is None:
            raise Fault("nothing can go on in the background here")
        await self.shared.background.start(self, work)

    async def stop_plays(self, name: str | None) -> None:
        """Stop what plays in the background, all of it or what is saved under `name`."""
        if self.shared.background is not None:
            await self.shared.background.stop_plays(name)

    async def sleep(self, seconds: float) -> None:
        """Let time pass; the end of the call cuts it short, except in `ended`. A cancelled caller loses nothing."""
        clock = self.shared.call.clock
        if self.is_ending:
            await clock.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with clock.timeout(seconds):
                await self.shared.over.wait()

    @property
    def is_dead(self) -> bool:
        """The call is over under a handler that was made for a live one."""
        return self.shared.call.state.is_over and not self.is_ending

    def goes_round_dead(self, place: str) -> bool:
        """Whether this handler comes to `place` a second time since the call was over.

        Steps on a dead call end at once, so a menu that is offered until somebody chooses would be
        offered for ever.
        """
        if not self.is_dead:
            return False
        if place in self.seen_dead:
            return True
        self.seen_dead.add(place)
        return False

    def log(self, text: str) -> None:
        """Say something in the log and in the trace, masked."""
        shared = self.shared
        shared.tell(Logged(shared.call.id, shared.call.since_answered(), text, self.path or None))
        _log.info("flow.said", call=shared.call.id, path=self.path, text=shared.mask.text(text))

    @property
    def signals(self) -> Signals:
        """The signals of the run."""
        return self.shared.inputs.signals

    def output(self, path: str) -> Path:
        """Where a file that a flow names is written: below the call's folder, whose folders it makes.

        Raises `Fault` for a path that leads out of there, and for the files that botkit itself writes there.
        """
        out = self.shared.inputs.out
        if out is None:
            raise Fault(f"{path} cannot be written: this run has no output folder")
        pure = PurePosixPath(path.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or not pure.parts or ":" in pure.parts[0]:
            raise Fault(
                f"{path} leads out of the output folder",
                hint="give a relative path without `..`; it is written below the call's folder",
            )
        if is_own_file(pure.parts):
            raise Fault(f"{path} is a file that botkit itself writes for every call", hint=ANOTHER_NAME)
        whole = out.joinpath(*pure.parts)
        # A link that was left in the folder must not lead out of it either.
        if not whole.resolve().is_relative_to(out.resolve()):
            raise Fault(f"{path} leads out of the output folder")
        whole.parent.mkdir(parents=True, exist_ok=True)
        return whole


class Names(Mapping[str, Any]):
    """The names of a scope. The facts about the call are only gathered when an expression asks for them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        scope, shared = self._scope, self._scope.shared
        if name in scope.locals:
            return scope.locals[name]
        match name:
            case "call":
                return shared.call.facts()
            case "event" if scope.event is not None:
                return dict(scope.event)
            case "env":
                return Environment(shared.inputs.env)
            case "random":
                return shared.chance
            case "bot":
                return dict(shared.inputs.bot)
            case "matrix":
                return dict(shared.inputs.matrix)
            case "repeat" if scope.turn is not None:
                return {"index": scope.turn}
            case "vars":
                return dict(shared.values)
        return shared.values[name]

    def __contains__(self, name: object) -> bool:
        scope = self._scope
        if name in scope.locals or name in scope.shared.values:
            return True
        absent = {"event": scope.event is None, "repeat": scope.turn is None}
        return name in RESERVED and not absent.get(str(name), False)

    def __iter__(self) -> Iterator[str]:
        known = dict.fromkeys((*RESERVED, *self._scope.shared.values, *self._scope.locals))
        return (name for name in known if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
