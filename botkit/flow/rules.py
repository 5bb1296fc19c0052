"""What steps may stand where: the rules of the language that no single step can check.

Each rule looks at the compiled tree, so that all of them are reported together with what the
models found. Names in expressions have their own module, `names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botkit.flow.document import Flow, Library, StepSpec, every_step
from botkit.flow.kinds import BlockKind, Span
from botkit.flow.kinds_media import AudioKind
from botkit.flow.notes import Notes
from botkit.flow.registry import Step
from botkit.flow.schema import kinds_of
from botkit.flow.source import Mark

BESIDE = ("parallel", "race", "enqueue", "conference")
"""Steps whose inner steps run in tasks of their own."""

APART = (*BESIDE, "record")
"""Steps whose inner steps run beside others, so that nothing inside can replace what is outside."""

TURNS = 10_000
"""Turns after which the runtime stops a loop that neither waits nor listens."""

NO_FILE = "there is no file"
"""How the warning begins that an audio file is missing."""

WITHIN = 10.0
"""The default `within` of an expectation, in seconds."""


@dataclass(frozen=True, slots=True)
class BlockUse:
    """A place where a block is named: its key, and the name as written."""

    key: str
    written: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class _Where:
    """What surrounds a step."""

    is_ended: bool = False
    dials: bool = False
    in_block: bool = False
    in_loop: bool = False
    apart: str | None = None
    """The step of `APART` that holds it."""
    loop_apart: str | None = None
    """The step of `APART` between it and its loop."""


def check_rules(document: Flow | Library, notes: Notes, uses: Sequence[BlockUse]) -> None:
    """Note what stands where it may not."""
    rules = _Rules(document.blocks, notes)
    if isinstance(document, Flow):
        for handler in document.on.values():
            where = _Where(is_ended=handler.event == "ended", dials=bool(document.dial))
            rules.walk(handler.steps, where)
    for steps in document.blocks.values():
        rules.walk(steps, _Where(in_block=True))
    rules.recursion()
    rules.idle_jumps()
    if isinstance(document, Flow) and not notes.has_errors:
        rules.unused({use.key for use in uses}, document)


def field(spec: StepSpec, alias: str) -> Any:
    """A field of a step by its name in YAML; None where it has no such field."""
    for name, info in type(spec.step).model_fields.items():
        if (info.alias or name) == alias:
            return getattr(spec.step, name)
    return None


def block_of(spec: StepSpec) -> str | None:
    """The key of the block that a step names."""
    for name, kind in kinds_of(type(spec.step)).items():
        if isinstance(kind, BlockKind):
            key = getattr(spec.step, name)
            return key if isinstance(key, str) else None
    return None


def reached(key: str, blocks: Mapping[str, tuple[StepSpec, ...]], seen: set[str] | None = None) -> Iterator[StepSpec]:
    """All steps of a block and of the blocks that it names, each block once."""
    seen = set() if seen is None else seen
    if key in seen:
        return
    seen.add(key)
    for spec in every_step(blocks.get(key, ())):
        yield spec
        inner = block_of(spec)
        if inner:
            yield from reached(inner, blocks, seen)


def lets_time_pass(steps: Sequence[StepSpec], blocks: Mapping[str, tuple[StepSpec, ...]]) -> bool:
    """Whether any of these steps waits or listens, be it in a block."""
    for spec in every_step(tuple(steps)):
        if spec.step.lets_time_pass:
            return True
        key = block_of(spec)
        if key and any(inner.step.lets_time_pass for inner in reached(key, blocks)):
            return True
    return False


class _Rules:
    def __init__(self, blocks: dict[str, tuple[StepSpec, ...]], notes: Notes) -> None:
        self.blocks = blocks
        self.notes = notes

    def walk(self, steps: Sequence[StepSpec], where: _Where) -> None:
        """Check these steps and all that they hold."""
        for spec in steps:
            self._place_of_jumps(spec, where)
            self._jumps_in_blocks(spec, where)
            self._call_needed(spec, where)
            self._busy_loop(spec)
            self._fits(spec)
            self._audio(spec)
            for path, inner in spec.nested():
                self.walk(inner, _inside(spec, path, where))

    def _place_of_jumps(self, spec: StepSpec, where: _Where) -> None:
        error = self.notes.error_at
        match spec.name:
            case "goto" if where.apart:
                error(spec.place, f"`goto` cannot leave `{where.apart}`", "`run` the block, or jump after the step")
            case "break" | "next" if not where.in_loop:
                error(spec.place, f"`{spec.name}` belongs inside `repeat`")
            case "break" | "next" if where.loop_apart:
                error(spec.place, f"`{spec.name}` cannot leave `{where.loop_apart}`")
            case "return" if not where.in_block:
                error(spec.place, "`return` belongs in a block", "`stop` ends the flow as passed, `fail` as failed")
            case "return" if where.apart in BESIDE:
                error(spec.place, f"`return` cannot leave `{where.apart}`")

    def _jumps_in_blocks(self, spec: StepSpec, where: _Where) -> None:
        """A `goto` in a block that is run replaces what runs the block, so it can leave no more than one beside it."""
        key = block_of(spec)
        if not where.apart or not key or spec.name == "goto":
            return
        for inner in self._reached(key):
            if inner.name == "goto":
                self.notes.error_at(
                    spec.place,
                    f"the block `{key}` comes to a `goto`, which cannot leave `{where.apart}`",
                    f"it is on line {inner.place.line} of {inner.place.file}; `run` the block there instead",
                )
                return

    def _call_needed(self, spec: StepSpec, where: _Where) -> None:
        if where.dials and spec.name in ("answer", "reject"):
            hint = "a flow that answers says `answer:` where this one says `dial:`"
            self.notes.error_at(spec.place, f"`{spec.name}` is for calls that come in, and this flow dials", hint)
        if not where.is_ended:
            return
        if spec.step.needs_call:
            self.notes.error_at(spec.place, f"`{spec.name}` needs a live call, and in `ended` the call is over")
        key = block_of(spec)
        for inner in self._reached(key) if key else ():
            if inner.step.needs_call:
                self.notes.error_at(
                    spec.place,
                    f"the block `{key}` needs a live call, and in `ended` the call is over",
                    f"its step `{inner.name}` is on line {inner.place.line} of {inner.place.file}",
                )
                return

    def _reached(self, key: str) -> Iterator[StepSpec]:
        return reached(key, self.blocks)

    # --- loops ----------------------------------------------------------------------------------

    def _busy_loop(self, spec: StepSpec) -> None:
        if spec.name != "repeat":
            return
        limits = [limit for name in ("times", "at_most") if (limit := field(spec, name)) is not None]
        if not all(isinstance(limit, int) and limit > TURNS for limit in limits):
            return
        if not lets_time_pass(field(spec, "do") or (), self.blocks):
            less = f"go round {TURNS} times at most" if limits else "say how often at most: at_most: 100"
            self.notes.error_at(
                spec.place,
                "this loop neither waits nor listens, so it would stop every other call",
                f"add a `wait`, or {less}",
            )

    def recursion(self) -> None:
        """No block runs itself, not even through others."""
        self._cycles(
            lambda spec: block_of(spec) if spec.name != "goto" else None,
            lambda chain: (f"the block `{chain[0]}` runs itself ({' → '.join(chain)})", "use `repeat`, or `goto`"),
        )

    def idle_jumps(self) -> None:
        """No circle of `goto` in which nothing waits."""
        idle = {key for key in self.blocks if not any(spec.step.lets_time_pass for spec in self._reached(key))}
        self._cycles(
            lambda spec: block_of(spec) if spec.name == "goto" else None,
            lambda chain: (f"these blocks neither wait nor listen ({' → '.join(chain)})", "add a `wait`"),
            within=idle,
        )

    def _cycles(
        self,
        edge: Callable[[StepSpec], str | None],
        says: Callable[[list[str]], tuple[str, str]],
        within: set[str] | None = None,
    ) -> None:
        done: set[str] = set()

        def visit(key: str, chain: list[str]) -> None:
            for spec in every_step(self.blocks[key]):
                target = edge(spec)
                if target not in self.blocks or target in done or (within is not None and target not in within):
                    continue
                if target in chain:
                    message, hint = says([*chain[chain.index(target) :], target])
                    self.notes.error_at(spec.place, message, hint)
                else:
                    visit(target, [*chain, target])
            done.add(key)

        for key in self.blocks if within is None else [key for key in self.blocks if key in within]:
            if key not in done:
                visit(key, [key])

    # --- values ---------------------------------------------------------------------------------

    def _fits(self, spec: StepSpec) -> None:
        """`for` and `starts_within` must fit in `within`."""
        if not spec.step.is_expectation:
            return
        within = WITHIN if spec.within is None else spec.within
        for name in ("for", "starts_within"):
            value = field(spec, name)
            most = value.high if isinstance(value, Span) else value
            least = within.low if isinstance(within, Span) else within
            if isinstance(most, int | float) and isinstance(least, int | float) and most > least:
                note = " (its default)" if spec.within is None else ""
                self.notes.error_at(
                    spec.place,
                    f"`{name}: {_seconds(value)}` does not fit in `within: {_seconds(within)}`{note}",
                    "`within` is when all of it must have happened",
                )

    def _audio(self, spec: StepSpec) -> None:
        for path in _audio_of(spec.step):
            if not path.is_file():
                self.notes.warn_at(spec.place, f"{NO_FILE} {path.as_posix()}")

    def unused(self, used: set[str], flow: Flow) -> None:
        """Blocks of the flow itself that nothing runs."""
        for key, steps in flow.blocks.items():
            if key not in used and "#" not in key and steps:
                self.notes.warn_at(steps[0].place, f"nothing runs the block `{key}`")


def _audio_of(step: Step) -> Iterator[Path]:
    """The audio files that a step names, and what is played inside it (`gather`)."""
    for name, kind in kinds_of(type(step)).items():
        value = getattr(step, name)
        if isinstance(value, Step):
            yield from _audio_of(value)
        elif isinstance(kind, AudioKind):
            yield from (path for path in (value if isinstance(value, tuple) else (value,)) if isinstance(path, Path))


def _seconds(value: float | Span) -> str:
    return f"{value.low:g}s..{value.high:g}s" if isinstance(value, Span) else f"{value:g}s"


def _inside(spec: StepSpec, path: str, where: _Where) -> _Where:
    if path == f"{spec.path}/on_fail":
        return where
    if spec.name == "repeat" and path == f"{spec.path}/do":
        return replace(where, in_loop=True, loop_apart=None)
    if spec.name in APART:
        crossed = spec.name if spec.name in BESIDE else None
        return replace(where, apart=spec.name, loop_apart=where.loop_apart or crossed)
    return where
