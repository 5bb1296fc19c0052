"""Nodes to models: one step, one handler, one head at a time, with every error noted and none raised.

A step's name picks its model and that model alone validates, so one typo gives one error. What a
step holds is built first and handed to its model; where an error stands is found by the field's
name among the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from botkit.flow import source
from botkit.flow.document import Branch, Handler, StepSpec
from botkit.flow.expression import Expression, ExpressionFault, suggest
from botkit.flow.kinds import BlockKind, ConditionKind, DurationKind, FieldError, Kind, NameKind, NumberKind
from botkit.flow.kinds_many import ChoiceKind, StepsKind, ValueKind
from botkit.flow.notes import Notes
from botkit.flow.registry import Step
from botkit.flow.schema import kinds_of
from botkit.flow.source import Mark, Node, Scalar, Sequence

COMMON = ("label", "within", "save_as", "on_fail", "if")
"""The keys that every step has, beside its own."""

_KNOWN = """
    answer reject hangup hold resume mute unmute transfer enqueue conference play stop_play record send_dtmf
    expect_dtmf gather expect_prompt expect_words expect_tone expect_sound expect_speech expect_silence wait wait_for
    signal set log check fail stop choose repeat break next parallel race run return goto request python
"""
KNOWN_STEPS = frozenset(_KNOWN.split())
"""Every step of the language; those that are not registered are not in this version."""

MODES = ("queue", "restart", "ignore", "parallel")

Model = TypeVar("Model", bound=BaseModel)


class Builder:
    """Builds the parts of one file. `find_block` gives the key of a block from its written name."""

    def __init__(self, notes: Notes, steps: Mapping[str, type[Step]], find_block: Callable[[str, Mark], str]) -> None:
        self.notes = notes
        self.table = steps
        self.find_block = find_block

    # --- lists of steps and what holds them -----------------------------------------------------

    def steps(self, node: Node, path: str) -> tuple[StepSpec, ...]:
        """A list of steps; those that cannot be read are noted and left out."""
        if not isinstance(node, Sequence):
            hint = "begin each step with `- `" if isinstance(node, source.Mapping) or not node.is_null else None
            self.notes.error("a list of steps is expected here", node.mark, hint)
            self._lose(node)
            return ()
        built = []
        for index, item in enumerate(node.items):
            spec = self.step(item, f"{path}/{index}")
            if spec is None:
                self._lose(item)
            else:
                built.append(spec)
        return tuple(built)

    def _lose(self, node: Node) -> None:
        """Steps that cannot be read: what follows from their absence is no second error."""
        self.notes.has_lost_steps = True
        self.notes.lost_names.update(_names_written(node))

    def handler(self, event: Scalar, node: Node) -> Handler:
        """What stands under an event in `on:`."""
        path = f"on.{event.text}"
        place = self.notes.place(event.mark)
        if not isinstance(node, source.Mapping):
            return Handler(event.text, self.steps(node, path), place)
        if node.get("do") is None and not any(key.text in ("when", "mode") for key, _ in node.pairs):
            return Handler(event.text, self.steps(node, path), place)
        self.only(node, ("when", "mode", "do"), "a handler")
        when, mode, do = node.get("when"), node.get("mode"), node.get("do")
        if do is None:
            self.notes.error("this handler needs `do` with its steps", event.mark)
        return Handler(
            event.text,
            self.steps(do, path) if do is not None else (),
            place,
            self.value(ConditionKind(), when, "when") if when is not None else None,
            (self.value(ChoiceKind(MODES), mode, "mode") if mode is not None else None) or "queue",
        )

    def _nested(self, kind: StepsKind, node: Node, path: str) -> Any:
        if kind.shape == "steps":
            return self.steps(node, path)
        if kind.shape == "branches":
            return self._branches(node, path)
        lists: dict[str | int, tuple[StepSpec, ...]] = {}
        match node:
            case Sequence() if node.items:
                for index, item in enumerate(node.items):
                    lists[index] = self.steps(item, f"{path}/{index}")
            case source.Mapping() if node.pairs:
                for key, item in node.pairs:
                    if key.text in COMMON and isinstance(item, Scalar):
                        hint = "its indentation must be that of the step's name"
                        self.notes.error(f"`{key.text}` goes beside the step, not inside", key.mark, hint)
                        continue
                    lists[key.text] = self.steps(item, f"{path}/{key.text}")
            case _:
                self.notes.error("a mapping of names to lists of steps, or a list of lists, is expected", node.mark)
        return lists

    def _branches(self, node: Node, path: str) -> tuple[Branch, ...]:
        if not isinstance(node, Sequence) or not node.items:
            hint = "write `- when: …` with `do:`, and `- else:` last"
            self.notes.error("a list of branches is expected here", node.mark, hint)
            return ()
        branches = []
        for index, item in enumerate(node.items):
            branch = self._branch(item, f"{path}/{index}", is_last=index == len(node.items) - 1)
            if branch is None:
                self._lose(item)
            else:
                branches.append(branch)
        return tuple(branches)

    def _branch(self, node: Node, path: str, *, is_last: bool) -> Branch | None:
        if not isinstance(node, source.Mapping):
            self.notes.error("a branch is `{when, do}`, `{weight, do}` or `{else}`", node.mark)
            return None
        if not self.only(node, ("when", "weight", "do", "else"), "a branch"):
            return None
        when, weight, do, other = (node.get(name) for name in ("when", "weight", "do", "else"))
        place = self.notes.place(node.mark)
        if other is not None:
            if len(node.pairs) > 1:
                self.notes.error("`else` stands alone in its branch", node.mark)
            elif not is_last:
                self.notes.error("`else` must be the last branch", node.mark)
            return Branch(self.steps(other, f"{path}/else"), place)
        if (when is None) == (weight is None):
            self.notes.error("a branch needs one of `when` and `weight`, or is `{else}`", node.mark)
            return None
        if do is None:
            self.notes.error("this branch needs `do` with its steps", node.mark)
            return None
        steps = self.steps(do, f"{path}/do")
        if when is not None:
            return Branch(steps, place, when=self.value(ConditionKind(), when, "when"))
        weighed = self.value(NumberKind(), cast(Node, weight), "weight")
        if isinstance(weighed, int | float) and weighed < 0:
            self.notes.error("a weight cannot be below 0", cast(Node, weight).mark)
        return Branch(steps, place, weight=1 if weighed is None else weighed)

    # --- one step -------------------------------------------------------------------------------

    def step(self, node: Node, path: str) -> StepSpec | None:
        """One item of a list of steps; None, and a note, when it cannot be read."""
        match node:
            case Scalar():
                return self._named(node, Scalar("", False, node.mark), {}, path)
            case Sequence():
                self.notes.error("a step is expected here, and this is a list", node.mark, "remove one `- `")
                return None
        beside = {key.text: (key, value) for key, value in node.pairs if key.text in COMMON}
        others = [(key, value) for key, value in node.pairs if key.text not in COMMON]
        picked = self._pick(others, node)
        return self._named(*picked, beside, path) if picked else None

    def _pick(self, others: list[tuple[Scalar, Node]], node: source.Mapping) -> tuple[Scalar, Node] | None:
        """Which of the keys is the step; a note and None when that cannot be said."""
        if not others:
            self.notes.error("a step is missing here", node.mark, "write its name beside these keys")
            return None
        known = [pair for pair in others if pair[0].text in KNOWN_STEPS or pair[0].text in self.table]
        if len(others) == 1:
            return others[0]
        if len(known) > 1:
            self.notes.error(
                f"`{known[0][0].text}` and `{known[1][0].text}` are two steps in one",
                known[1][0].mark,
                "begin each step with `- `",
            )
            return None
        if not known:
            self._unknown_step(others[0][0])
            return None
        name = known[0][0]
        fields = _fields(self.table[name.text]) if name.text in self.table else {}
        for key, _ in others:
            if key.text in fields:
                main = self.table[name.text].short
                both = f"{main}: …, {key.text}: …" if main and main != key.text else f"{key.text}: …"
                self.notes.error(f"`{key.text}` goes inside `{name.text}`", key.mark, f"write {name.text}: {{{both}}}")
            elif key is not name:
                hint = suggest(key.text, (*COMMON, *fields)) or f"beside a step stand only {', '.join(COMMON)}"
                self.notes.error(f"there is no key `{key.text}` for steps", key.mark, hint)
        return None

    def _unknown_step(self, name: Scalar) -> None:
        text = name.text
        if text in KNOWN_STEPS:
            self.notes.error(f"the step `{text}` is not in this version", name.mark)
        elif text in COMMON:
            self.notes.error("a step is missing here", name.mark, f"`{text}` stands beside a step")
        elif name.is_null:
            self.notes.error("a step is missing here", name.mark, name.trap)
        else:
            hint = _glued(text, self.table) or suggest(text, self.table) or "`botkit steps` lists them all"
            self.notes.error(f"there is no step `{text[:60]}`", name.mark, hint)

    def _named(self, name: Scalar, value: Node, beside: dict[str, tuple[Scalar, Node]], path: str) -> StepSpec | None:
        cls = self.table.get(name.text)
        if cls is None:
            self._unknown_step(name)
            return None
        fields = self._own_fields(cls, name, value, beside)
        on_fail = self._on_fail(beside, path)
        step = self.model(cls, fields, name, f"{cls.name}.", path) if fields is not None else None
        label = self._common(beside, "label", _LabelKind())
        within = self._common(beside, "within", DurationKind())
        save_as = self._common(beside, "save_as", NameKind())
        if_ = cast("Expression | None", self._common(beside, "if", ConditionKind()))
        if step is None:
            return None
        return StepSpec(step, cls.name, path, self.notes.place(name.mark), label, within, save_as, on_fail, if_)

    def _own_fields(
        self, cls: type[Step], name: Scalar, value: Node, beside: dict[str, tuple[Scalar, Node]]
    ) -> dict[str, tuple[Scalar, Node]] | None:
        """The step's own fields, its common keys moved to `beside`."""
        if isinstance(value, source.Mapping) and not cls.takes_whole:
            return self._mapping_fields(cls, value, beside)
        main = cls.short
        if main is None:
            if isinstance(value, Scalar) and value.is_null:
                return {}
            has = ", ".join(_fields(cls))
            hint = f"write a mapping with {has}" if has else f"write `{cls.name}` alone"
            self.notes.error(f"`{cls.name}` takes no value", value.mark, hint)
            return None
        # `hangup: # bye` needs nothing; in `send_dtmf: #`, what is missing is what YAML ate.
        is_empty = isinstance(value, Scalar) and value.is_null and not cls.takes_whole
        if is_empty and (not cast(Scalar, value).trap or _needs_nothing(cls)):
            return {}
        return {main: (name, value)}

    def _mapping_fields(
        self, cls: type[Step], value: source.Mapping, beside: dict[str, tuple[Scalar, Node]]
    ) -> dict[str, tuple[Scalar, Node]] | None:
        known, fields, fine = _fields(cls), {}, True
        for key, node in value.pairs:
            if key.text in known:
                fields[key.text] = (key, node)
            elif key.text in COMMON:
                if key.text in beside:
                    self.notes.error(f"`{key.text}` is given beside `{cls.name}` and inside it", key.mark)
                    fine = False
                beside.setdefault(key.text, (key, node))
            else:
                hint = suggest(key.text, (*known, *COMMON)) or f"it has {', '.join(known) or 'none'}"
                self.notes.error(f"`{cls.name}` has no field `{key.text}`", key.mark, hint)
                fine = False
        if not fine:  # the rest is still read, so that all errors come at once; a missing field is not one of them
            self.model(cls, fields, None, f"{cls.name}.", "")
        return fields if fine else None

    def _common(self, beside: dict[str, tuple[Scalar, Node]], name: str, kind: Kind) -> Any:
        return self.value(kind, beside[name][1], name) if name in beside else None

    def _on_fail(self, beside: dict[str, tuple[Scalar, Node]], path: str) -> Any:
        if "on_fail" not in beside:
            return "fail"
        node = beside["on_fail"][1]
        if isinstance(node, Sequence):
            return self.steps(node, f"{path}/on_fail")
        return self.value(_OnFailKind(("fail", "note", "ignore")), node, "on_fail") or "fail"

    # --- models and values ----------------------------------------------------------------------

    def model(
        self, cls: type[Model], fields: dict[str, tuple[Scalar, Node]], name: Scalar | None, prefix: str, path: str
    ) -> Model | None:
        """A model from the nodes of its fields. With no `name`, missing fields are not noted."""
        values: dict[str, Any] = {}
        complete = True
        for alias, (_, node) in fields.items():
            python_name, kind = _fields(cls)[alias]
            field = cls.model_fields[python_name]
            if isinstance(kind, StepsKind):
                takes_whole = getattr(cls, "takes_whole", False) and alias == getattr(cls, "short", None)
                values[alias] = self._nested(kind, node, path if takes_whole else f"{path}/{alias}")
            elif _is_written_null(node) and not isinstance(kind, ValueKind) and not field.is_required():
                continue
            else:
                values[alias] = node if kind is not None else source.data(node)
        try:
            model = cls.model_validate(values)
        except ValidationError as error:
            complete = False
            for detail in error.errors(include_url=False, include_input=False):
                self._note(detail, fields, name, prefix)
        if not complete:
            return None
        return self._with_blocks(model, fields)

    def _with_blocks(self, model: Model, fields: dict[str, tuple[Scalar, Node]]) -> Model:
        """The model with its blocks' written names replaced by their keys."""
        keys = {}
        for alias, (python_name, kind) in _fields(type(model)).items():
            if isinstance(kind, BlockKind) and alias in fields:
                keys[python_name] = self.find_block(getattr(model, python_name), fields[alias][1].mark)
        return model.model_copy(update=keys) if keys else model

    def _note(
        self, detail: ErrorDetails, fields: dict[str, tuple[Scalar, Node]], name: Scalar | None, prefix: str
    ) -> None:
        alias = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "missing":
            if name is not None:
                owner = prefix.rstrip(".") or "this file"
                self.notes.error(f"`{owner}` needs `{alias}`", name.mark, None)
            return
        error = detail.get("ctx", {}).get("error")
        mark = fields[alias][1].mark if alias in fields else name.mark if name else None
        if isinstance(error, FieldError):
            mark = error.mark or mark
        if mark is None:
            return
        hint = error.hint if isinstance(error, FieldError) else None
        text = str(error) if error is not None else detail["msg"]
        what = f"{prefix}{alias}" if alias else prefix.rstrip(".")
        self.notes.error(f"`{what}`: {text}", mark, hint)
        self._note_others(error, what, mark)

    def _note_others(self, error: Any, what: str, mark: Mark) -> None:
        for other in error.others if isinstance(error, FieldError) else ():
            self.notes.error(f"`{what}`: {other}", other.mark or mark, other.hint)

    def value(self, kind: Kind, node: Node, what: str) -> Any:
        """One value of that kind; None, and a note, when it is not."""
        try:
            return kind.read(node)
        except (FieldError, ExpressionFault) as error:
            text = error.message if isinstance(error, ExpressionFault) else str(error)
            self.notes.error(f"`{what}`: {text}", error.mark or node.mark, error.hint)
            self._note_others(error, what, node.mark)
            return None

    def only(self, node: source.Mapping, keys: tuple[str, ...], owner: str) -> bool:
        """Whether a mapping has only these keys; the others are noted."""
        others = [key for key, _ in node.pairs if key.text not in keys]
        for key in others:
            hint = suggest(key.text, keys) or f"known are {', '.join(keys)}"
            self.notes.error(f"{owner} has no key `{key.text}`", key.mark, hint)
        return not others


class _LabelKind(Kind):
    """A label names a step in reports and in `fails_at`, so it cannot change from call to call."""

    wants = "a text"
    is_static = True

    def of_value(self, value: Any, mark: Mark | None) -> str:
        return str(value)


class _OnFailKind(ChoiceKind):
    is_static = True
    wants = "fail, note, ignore or a list of steps"


def _glued(text: str, known: Iterable[str]) -> str | None:
    """A hint where a step's name and its value have grown together: `wait:5s`, `wait 5s`."""
    name = re.split(r"[:\s]", text)[0]
    return f"put `: ` after `{name}`, a colon and a space" if name != text and name in known else None


def _needs_nothing(cls: type[Step]) -> bool:
    try:
        cls.model_validate({})
    except ValidationError:
        return False
    return True


def _fields(cls: type[BaseModel]) -> dict[str, tuple[str, Kind | None]]:
    """The fields of a model by their name in YAML: the Python name, and the kind where it has one."""
    kinds = kinds_of(cls)
    return {field.alias or name: (name, kinds.get(name)) for name, field in cls.model_fields.items()}


def _names_written(node: Node) -> Iterator[str]:
    """The names that the steps in a node may write, as far as its keys tell."""
    match node:
        case Sequence():
            for item in node.items:
                yield from _names_written(item)
        case source.Mapping():
            for key, value in node.pairs:
                if key.text in ("set", "with") and isinstance(value, source.Mapping):
                    yield from (name.text for name, _ in value.pairs)
                elif key.text == "save_as" and isinstance(value, Scalar):
                    yield value.text
                yield from _names_written(value)


def _is_written_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null and bool(node.text)
