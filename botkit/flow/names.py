"""Undefined names in expressions, found before any call is made.

A call has one namespace: `vars`, then what `set` and `save_as` write. Which handler runs first is
not known here, so a name counts as defined when anything in the flow may write it; `with:` of a
block counts in that block alone, as at run time. The fields of a step's result are known from the
step, so `heard.latncy` is found as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from botkit.events import CallEvent
from botkit.flow.chance import Chance
from botkit.flow.document import Flow, StepSpec
from botkit.flow.expression import Expression, Reference, Template, suggest
from botkit.flow.kinds_many import ValuesKind
from botkit.flow.notes import Notes
from botkit.flow.rules import block_of
from botkit.flow.sandbox import METHODS
from botkit.flow.schema import kinds_of

CALL = ("state", "cause", "code", "sip_code", "duration", "id", "from", "to", "direction", "codec", "headers", "rtp")
"""What `call` has, as `CallPort.facts` gives it."""

RTP = ("sent", "received", "lost", "jitter", "rtt")

EVENT = frozenset(
    ("name", "at", "data", *(item.name for cls in CallEvent.__subclasses__() if cls.name for item in fields(cls)))
) - {"call_id", "sdp"}
"""What `event` may have: the fields of all events that flows see, and a signal's data."""

COMMON = ("ok", "started", "ended")
"""What every step's result has."""

Fields = frozenset[str] | None
"""The fields of a variable; None where they are not known."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The names that one place sees, and whether these stand for something there."""

    names: Mapping[str, Fields]
    call: bool = True
    repeat: bool = False
    given: frozenset[str] = frozenset()
    """Those that `with:` gives to the block: they stand for something before any step of it."""


def check_names(flow: Flow, notes: Notes) -> None:
    """Note every name that no expression here can mean."""
    _check_stops(flow, notes)
    names = {**_written_in(flow), **dict.fromkeys(notes.lost_names)}
    writers = Counter(name for spec in flow.every_step() for name in _writes(spec))
    writers.update([*flow.vars, *notes.lost_names])
    checker = _Checker(notes, writers)
    before: dict[str, Fields] = {}
    for name, value in flow.vars.items():
        checker.values(ValuesKind().templates(value), _Seen(dict(before), call=False))
        before[name] = None
    checker.head(flow, _Seen(before, call=False))
    seen = _Seen(names)
    for handler in flow.on.values():
        checker.values([handler.when] if handler.when else [], seen)
        checker.steps(handler.steps, seen)
    given = _given(flow)
    for key, steps in flow.blocks.items():
        own = frozenset(given.get(key, ()))
        checker.steps(steps, replace(seen, names={**names, **dict.fromkeys(own)}, given=own))


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


def _written_in(flow: Flow) -> dict[str, Fields]:
    """All variables of a flow, with the fields of those that only hold results."""
    names: dict[str, Fields] = {}
    for spec in flow.every_step():
        if spec.save_as:
            known = names.get(spec.save_as, frozenset())
            fields = _result_fields(spec)
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


def _result_fields(spec: StepSpec) -> Fields:
    step = spec.step
    if step.result_is_open or spec.name in ("run", "wait_for", "request", "python"):
        return None
    return frozenset((*COMMON, *step.result, *(("latency",) if step.is_expectation else ())))


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
    def __init__(self, notes: Notes, writers: Counter[str]) -> None:
        self.notes = notes
        self.writers = writers

    def head(self, flow: Flow, seen: _Seen) -> None:
        for name, kind in kinds_of(type(flow)).items():
            if name != "vars":
                self.values(kind.templates(getattr(flow, name)), seen)

    def steps(self, steps: Iterable[StepSpec], seen: _Seen) -> None:
        for spec in steps:
            here = replace(seen, repeat=True) if spec.name == "repeat" else seen
            own = {name for name in _writes(spec) if self.writers[name] == 1 and name not in seen.given}
            before = replace(here, names={name: known for name, known in here.names.items() if name not in own})
            for name, kind in kinds_of(type(spec.step)).items():
                self.values(kind.templates(getattr(spec.step, name)), before)
            self.values([part for part in (spec.if_, spec.within) if isinstance(part, Template | Expression)], seen)
            for path, inner in spec.nested():
                self.steps(inner, here if path == f"{spec.path}/do" else seen)

    def values(self, values: Iterable[Template | Expression], seen: _Seen) -> None:
        for value in values:
            for reference in value.references:
                trouble = None if reference.optional else _trouble(reference, seen)
                if trouble:
                    message, hint = trouble
                    self.notes.error(message, value.mark, hint)


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
            return _field("event", rest, sorted(EVENT))
        case "env" | "bot" | "matrix":
            return None
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
