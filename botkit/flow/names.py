"""Undefined names in expressions, found before any call is made.

A call has one namespace: `vars`, then what `set` and `save_as` write. Which handler runs first is
not known here, so a name counts as defined when anything in the flow may write it; `with:` of a
block counts in that block alone, as at run time. Where one handler that runs once is all that writes
a name, it is not defined in what stands before that. The fields of a step's result are known from the
step, so `heard.latncy` is found as well, and those of `event` from the event that began the handler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from botkit.events import CallEvent
from botkit.flow.chance import Chance
from botkit.flow.document import Flow, StepSpec, every_step
from botkit.flow.expression import Expression, Reference, Template, suggest
from botkit.flow.facts import own_fields
from botkit.flow.kinds_many import ValuesKind
from botkit.flow.notes import Notes
from botkit.flow.rules import block_of, reached
from botkit.flow.sandbox import METHODS
from botkit.flow.schema import kinds_of

CALL = ("state", "cause", "code", "sip_code", "duration", "id", "from", "to", "direction", "codec", "headers", "rtp")
"""What `call` has, as `CallPort.facts` gives it."""

RTP = ("sent", "received", "lost", "jitter", "rtt")

EVENTS = {cls.name: frozenset(("name", "at", *own_fields(cls))) for cls in CallEvent.__subclasses__() if cls.name}
"""What `event` has, by the name of the event."""

SIGNAL = frozenset(("name", "data"))
"""What `event` has in the `when` of a wait for a signal."""

ONCE = ("incoming", "answered", "ended")
"""Events that a call sees once, so that their handlers run once."""

TURNING = ("repeat", "parallel", "race")
"""Steps in which what stands later may run earlier."""

COMMON = ("ok", "started", "ended")
"""What every step's result has."""

Fields = frozenset[str] | None
"""The fields of a variable; None where they are not known."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The names that one place sees, and whether these stand for something there."""

    names: Mapping[str, Fields]
    call: bool = True
    event: frozenset[str] = frozenset()
    """The fields of `event`."""
    repeat: bool = False
    late: Mapping[str, int] = field(default_factory=dict)
    """Those that nothing has written yet, with the line that will."""
    given: frozenset[str] = frozenset()
    """Those that `with:` gives to the block: they stand for something before any step of it."""


def check_names(flow: Flow, notes: Notes) -> None:
    """Note every name that no expression here can mean."""
    _check_stops(flow, notes)
    names = {**_written_in(flow, notes), **dict.fromkeys(notes.lost_names)}
    writers = Counter(name for spec in flow.every_step() for name in _writes(spec))
    writers.update([*flow.vars, *notes.lost_names])
    checker = _Checker(notes, writers, _unwritten(flow, writers))
    before: dict[str, Fields] = {}
    for name, value in flow.vars.items():
        checker.values(ValuesKind().templates(value), _Seen(dict(before), call=False))
        before[name] = None
    checker.head(flow, _Seen(before, call=False))
    for handler in flow.on.values():
        seen = _Seen(names, event=_event_of([handler.event]))
        checker.values([handler.when] if handler.when else [], seen)
        checker.steps(handler.steps, seen)
    given = _given(flow)
    for key, steps in flow.blocks.items():
        own = frozenset(given.get(key, ()))
        begun_by = [event for event, handler in flow.on.items() if _comes_to(key, handler.steps, flow)]
        if notes.has_lost_steps:  # one of them may have come to it as well
            begun_by = []
        checker.steps(steps, _Seen({**names, **dict.fromkeys(own)}, event=_event_of(begun_by), given=own))


def _event_of(names: Iterable[str]) -> frozenset[str]:
    """The fields of `event` where one of these began the handler; of all events where that is not known."""
    begun = list(names)
    known = [EVENTS[name] for name in begun if name in EVENTS]
    return frozenset().union(*(known if known and len(known) == len(begun) else EVENTS.values()))


def _comes_to(key: str, steps: tuple[StepSpec, ...], flow: Flow) -> bool:
    """Whether these steps run or go to the block, be it by other blocks."""
    named = {inner for spec in every_step(steps) if (inner := block_of(spec))}
    return key in named or any(block_of(spec) == key for inner in named for spec in reached(inner, flow.blocks))


def _unwritten(flow: Flow, writers: Counter[str]) -> dict[str, dict[str, int]]:
    """By the path of a step, the names that nothing has written when it begins, with the line that will.

    Of handlers that run once, and of names that nothing but their own steps writes.
    """
    found: dict[str, dict[str, int]] = {}
    for event in ONCE:
        handler = flow.on.get(event)
        if handler is None:
            continue
        reads: list[tuple[StepSpec, tuple[str, ...]]] = []
        writes: dict[str, list[tuple[int, tuple[str, ...], int]]] = {}
        _in_order(handler.steps, (), reads, writes)
        own = {name: places for name, places in writes.items() if len(places) == writers[name]}
        for position, (spec, around) in enumerate(reads):
            inside = {*around, spec.path} if spec.name in TURNING else set(around)
            itself = set(_writes(spec))
            late = {
                name: places[0][2]
                for name, places in own.items()
                if name not in itself
                and all(written > position and not inside & set(within) for written, within, _ in places)
            }
            if late:
                found[spec.path] = late
    return found


def _in_order(
    steps: Iterable[StepSpec],
    around: tuple[str, ...],
    reads: list[tuple[StepSpec, tuple[str, ...]]],
    writes: dict[str, list[tuple[int, tuple[str, ...], int]]],
) -> None:
    """List the steps in the order in which they run, and what they write with the number of steps begun by then."""
    for spec in steps:
        reads.append((spec, around))
        inside = (*around, spec.path) if spec.name in TURNING else around
        nested = list(spec.nested())
        for path, inner in nested:
            if path != f"{spec.path}/on_fail":
                _in_order(inner, inside, reads, writes)
        for name in _writes(spec):
            writes.setdefault(name, []).append((len(reads), inside, spec.place.line))
        for path, inner in nested:
            if path == f"{spec.path}/on_fail":
                _in_order(inner, around, reads, writes)


def _check_stops(flow: Flow, notes: Notes) -> None:
    """`stop_play` names plays that are begun in the background."""
    steps = list(flow.every_step())
    plays = {spec.save_as for spec in steps if spec.name == "play" and getattr(spec.step, "background", False)}
    known = sorted(name for name in plays if name)
    for spec in steps:
        name = getattr(spec.step, "play_name", None) if spec.name == "stop_play" else None
        if name is not None and name not in known:
            hint = suggest(name, known) or "beside the `play`, write: save_as: " + name
            notes.error_at(spec.place, f"no background play is saved as `{name}`", hint)


def _written_in(flow: Flow, notes: Notes) -> dict[str, Fields]:
    """All variables of a flow, with the fields of those that only hold results."""
    names: dict[str, Fields] = {}
    for spec in flow.every_step():
        if spec.save_as:
            known = names.get(spec.save_as, frozenset())
            fields = _result_fields(spec, flow, notes)
            names[spec.save_as] = None if known is None or fields is None else known | fields
    for spec in flow.every_step():
        if spec.name == "set":
            names.update(dict.fromkeys(_mappings_in(spec)))
    names.update(dict.fromkeys(flow.vars))
    return names


def _writes(spec: StepSpec) -> Iterator[str]:
    """The variables that a step itself writes."""
    if spec.save_as:
        yield spec.save_as
    if spec.name == "set":
        yield from _mappings_in(spec)


def _result_fields(spec: StepSpec, flow: Flow, notes: Notes) -> Fields:
    step = spec.step
    if spec.name == "run":
        block = flow.blocks.get(block_of(spec) or "")
        return None if block is None or notes.has_lost_steps else _returned(block)
    event = getattr(step, "event", None) if spec.name == "wait_for" else None
    if isinstance(event, str):
        return EVENTS[event] | {*COMMON, "latency"}
    if step.result_is_open or spec.name in ("request", "python"):
        return None
    return frozenset((*COMMON, *step.result, *(("latency",) if step.is_expectation else ())))


def _returned(steps: tuple[StepSpec, ...]) -> Fields:
    """The fields that a block gives to its `run`: all that its `return`s name, unless one gives some other value."""
    names = set(COMMON)
    for spec in every_step(steps):
        if spec.name == "return":
            value = getattr(spec.step, "value", None)
            if value is not None and not isinstance(value, dict):
                return None
            names.update(value or ())
    return frozenset(names)


def _given(flow: Flow) -> dict[str, set[str]]:
    """For each block, the names that `with:` gives it anywhere."""
    given: dict[str, set[str]] = {}
    for spec in flow.every_step():
        key = block_of(spec)
        if key:
            given.setdefault(key, set()).update(_mappings_in(spec))
    return given


def _mappings_in(spec: StepSpec) -> Iterator[str]:
    """The names that a step's mapping of names to values writes."""
    for name, kind in kinds_of(type(spec.step)).items():
        if isinstance(kind, ValuesKind):
            yield from getattr(spec.step, name) or ()


class _Checker:
    def __init__(self, notes: Notes, writers: Counter[str], unwritten: Mapping[str, Mapping[str, int]]) -> None:
        self.notes = notes
        self.writers = writers
        self.unwritten = unwritten

    def head(self, flow: Flow, seen: _Seen) -> None:
        for name, kind in kinds_of(type(flow)).items():
            if name != "vars":
                self.values(kind.templates(getattr(flow, name)), seen)

    def steps(self, steps: Iterable[StepSpec], seen: _Seen) -> None:
        for spec in steps:
            here = replace(seen, repeat=True) if spec.name == "repeat" else seen
            own = {name for name in _writes(spec) if self.writers[name] == 1 and name not in seen.given}
            late = self.unwritten.get(spec.path, {})
            before = replace(
                here, late=late, names={name: known for name, known in here.names.items() if name not in own}
            )
            for name, kind in kinds_of(type(spec.step)).items():
                picks = spec.name == "wait_for" and name == "when"
                self.values(
                    kind.templates(getattr(spec.step, name)),
                    replace(before, event=_picked(spec)) if picks else before,
                )
            parts = [part for part in (spec.if_, spec.within) if isinstance(part, Template | Expression)]
            self.values(parts, replace(seen, late=late))
            for path, inner in spec.nested():
                self.steps(inner, here if path == f"{spec.path}/do" else seen)

    def values(self, values: Iterable[Template | Expression], seen: _Seen) -> None:
        for value in values:
            for reference in value.references:
                trouble = None if reference.optional else _trouble(reference, seen)
                if trouble:
                    message, hint = trouble
                    self.notes.error(message, value.mark, hint)


def _picked(spec: StepSpec) -> frozenset[str]:
    """What `event` has in the `when` of a `wait_for`; which event it is may be filled in."""
    event = getattr(spec.step, "event", None)
    if event is None:
        return SIGNAL
    return _event_of([event] if isinstance(event, str) else [])


def _trouble(reference: Reference, seen: _Seen) -> tuple[str, str | None] | None:
    """What is wrong with a reference: the message and the hint."""
    root, *rest = reference.path
    match root:
        case "call" | "event" if not seen.call:
            return f"there is no `{root}` yet: this is read before the call is made", None
        case "call":
            return _field("call", rest, CALL) or _field("call.rtp", rest[1:] if rest[:1] == ["rtp"] else [], RTP)
        case "random":
            return _field("random", rest, [name for name in vars(Chance) if not name.startswith("_")])
        case "repeat":
            return (
                _field("repeat", rest, ["index"])
                if seen.repeat
                else ("`repeat` stands for something only inside `repeat`", None)
            )
        case "vars":
            return _field("vars", rest, seen.names)
        case "event":
            return _field("event", rest, sorted(seen.event))
        case "env" | "bot" | "matrix":
            return None
    if root in seen.late:
        return f"`{root}` is not defined yet", f"it is given its value later, on line {seen.late[root]}"
    if root not in seen.names:
        known = [*seen.names, "call", "event", "random", "env"]
        return f"`{root}` is not defined", suggest(root, known) or f"declare it: vars: {{{root}: …}}"
    fields = seen.names[root]
    if fields is None or not rest or rest[0] in METHODS[dict]:
        return None
    return _field(root, rest, sorted(fields))


def _field(owner: str, rest: list[str], known: Iterable[str]) -> tuple[str, str | None] | None:
    names = list(known)
    if not rest or rest[0] in names or rest[0] in METHODS[dict]:
        return None
    return f"there is no `{rest[0]}` in `{owner}`", suggest(rest[0], names) or (
        f"it has {', '.join(names)}" if names else None
    )
