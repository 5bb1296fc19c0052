"""A file to a checked document: what `botkit check` says and what `run` runs come from here.

`load_flow` reads a flow with all libraries it uses, `load_library` a library alone. All errors of
the files are reported at once; where the YAML itself does not parse, the first only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botkit.events import CALL_EVENTS
from botkit.flow import source
from botkit.flow.build import Builder
from botkit.flow.document import Flow, FlowHead, Handler, Library, LibraryHead, StepSpec
from botkit.flow.explain import FlowErrors, issues_of
from botkit.flow.expression import suggest
from botkit.flow.names import check_names
from botkit.flow.notes import Notes
from botkit.flow.registry import Step, load_steps
from botkit.flow.rules import BlockUse, check_rules
from botkit.flow.source import Issue, Mark, Node, Scalar, SourceError

FIRST_KEYS = ("flow", "blocks_of", "scenario", "load")
"""A file is ours by its first key."""


def load_flow(path: str | Path) -> Flow:
    """The flow in a file. Raises `FlowErrors` with all that is wrong, in its libraries too."""
    return read_flow(path)[0]


def read_flow(path: str | Path, text: str | None = None) -> tuple[Flow, tuple[Issue, ...]]:
    """The flow in a file, and the warnings about it. `text` stands for the file's content where it is given.

    Raises `FlowErrors`.
    """
    compiler = Compiler()
    flow = compiler.flow(str(path), text)
    return flow, tuple(compiler.notes.issues)


def load_library(path: str | Path) -> Library:
    """The library of blocks in a file. Raises `FlowErrors`."""
    return read_library(path)[0]


def read_library(path: str | Path, text: str | None = None) -> tuple[Library, tuple[Issue, ...]]:
    """A library and the warnings about it. Names are not checked: they are those of the flow that runs a block."""
    compiler = Compiler()
    library = compiler.library(str(path), text)
    return library, tuple(compiler.notes.issues)


def read_mapping(path: str | Path, text: str | None = None, repeated: list[Issue] | None = None) -> source.Mapping:
    """The file's top-level mapping. Raises `SourceError`, also for a file that cannot be read.

    Keys that are given twice go to `repeated`, or are raised where there is no such list.
    """
    file = str(path)
    if text is None:
        text = read_text(file)
    if repeated is None:
        node = source.read(text, file)
    else:
        node, twice = source.read_on(text, file)
        repeated += twice
    if not isinstance(node, source.Mapping):
        line = source.split_lines(text)[node.mark.line - 1]
        raise SourceError(Issue("a mapping is expected here", node.mark, line, "a flow begins with `flow: NAME`"))
    return node


def read_text(file: str) -> str:
    """The text of a file. Raises `SourceError`."""
    try:
        return Path(file).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(Issue("this file is not UTF-8 text", Mark(file, 1, 1))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(Issue(f"this file cannot be read: {reason}", Mark(file, 1, 1))) from None


def first_key(node: source.Mapping) -> Scalar | None:
    """The key that says whose file it is: the first that is not `x-…`."""
    return next((key for key, _ in node.pairs if not key.text.startswith("x-")), None)


def _head_in_outline(node: source.Mapping) -> dict[str, Any]:
    """What the other checks need of a head that could not be read."""
    declared = node.get("vars")
    names = [key.text for key, _ in declared.pairs] if isinstance(declared, source.Mapping) else []
    dial = "?" if node.key("dial") else None
    return {**dict(FlowHead.model_construct(name="", dial=dial)), "vars": dict.fromkeys(names)}


class Compiler:
    """One compilation: a flow or a library, and the libraries that they use."""

    def __init__(self, steps: Mapping[str, type[Step]] | None = None) -> None:
        self.notes = Notes()
        self.steps = load_steps() if steps is None else steps
        self.blocks: dict[str, tuple[StepSpec, ...]] = {}
        self.block_marks: dict[str, Mark] = {}
        self.uses: list[BlockUse] = []
        self._read: set[str] = set()
        self._failed: set[str] = set()

    def flow(self, file: str, text: str | None = None) -> Flow:
        """The flow in a file. Raises `FlowErrors`."""
        node = self._open(file, text, "flow")
        builder = Builder(self.notes, self.steps, lambda name, mark: self._block_key(file, "", name, mark))
        head = self._head(builder, node, FlowHead, ("on", "blocks"))
        on = self._handlers(builder, node.get("on"))
        self._blocks(builder, node.get("blocks"), "")
        self._check_uses()
        place = self.notes.place(node.pairs[0][0].mark)
        fields = dict(head) if head is not None else _head_in_outline(node)
        about = node.key("expect_call") or node.key("dial")
        call_place = self.notes.place(about.mark) if about is not None else None
        flow = Flow.model_construct(**fields, file=file, place=place, call_place=call_place, on=on, blocks=self.blocks)
        if head is not None:
            self._check_head(flow, node)
        check_rules(flow, self.notes, self.uses)
        check_names(flow, self.notes)
        self._finish()
        return flow

    def library(self, file: str, text: str | None = None) -> Library:
        """The library in a file. Raises `FlowErrors`."""
        node = self._open(file, text, "blocks_of")
        builder = Builder(self.notes, self.steps, lambda name, mark: self._block_key(file, "", name, mark))
        head = self._head(builder, node, LibraryHead, ("blocks",))
        self._blocks(builder, node.get("blocks"), "")
        self._check_uses()
        place = self.notes.place(node.pairs[0][0].mark)
        fields = dict(head) if head is not None else {"name": ""}
        library = Library.model_construct(**fields, file=file, place=place, blocks=self.blocks)
        check_rules(library, self.notes, self.uses)
        self._finish()
        return library

    def _finish(self) -> None:
        if self.notes.has_errors:
            raise FlowErrors(self.notes.issues)

    def _open(self, file: str, text: str | None, wanted: str) -> source.Mapping:
        """The file's mapping, whose first key must be `wanted`. Raises `FlowErrors`."""
        try:
            if text is None:
                text = read_text(file)
            self.notes.lines[file] = source.split_lines(text)
            node = read_mapping(file, text, self.notes.issues)
        except SourceError as error:
            raise FlowErrors((*self.notes.issues, *issues_of(error))) from None
        key = first_key(node)
        if key is not None and key.text == wanted:
            return node
        late = node.key(wanted)
        if late is not None:
            self.notes.error(f"`{wanted}` must be the first key of its file", late.mark)
        else:
            what = "a flow" if wanted == "flow" else "a library of blocks"
            hint = suggest(key.text, (wanted,)) if key else None
            self.notes.error(f"this is not {what}: its first key is not `{wanted}`", node.mark, hint)
        raise FlowErrors(self.notes.issues)

    # --- parts of a file ------------------------------------------------------------------------

    def _head(self, builder: Builder, node: source.Mapping, model: Any, others: Sequence[str]) -> Any:
        names = {field.alias or name: None for name, field in model.model_fields.items()}
        fields = {}
        for key, value in node.pairs:
            if key.text in names:
                fields[key.text] = (key, value)
            elif key.text not in others and not key.text.startswith("x-"):
                hint = suggest(key.text, (*names, *others)) or "keys of your own begin with `x-`"
                self.notes.error(f"there is no top-level key `{key.text}`", key.mark, hint)
        return builder.model(model, fields, node.pairs[0][0], "", "")

    def _handlers(self, builder: Builder, node: Node | None) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {}
        if node is None:
            return handlers
        if not isinstance(node, source.Mapping):
            self.notes.error("`on` is a mapping of events to steps", node.mark)
            return handlers
        for event, value in node.pairs:
            if event.text not in CALL_EVENTS:
                hint = suggest(event.text, CALL_EVENTS) or f"events are {', '.join(CALL_EVENTS)}"
                self.notes.error(f"there is no event `{event.text}`", event.mark, hint)
            handlers[event.text] = builder.handler(event, value)
        return handlers

    def _blocks(self, builder: Builder, node: Node | None, prefix: str) -> None:
        if node is None:
            return
        if not isinstance(node, source.Mapping):
            self.notes.error("`blocks` is a mapping of names to steps", node.mark)
            return
        for name, value in node.pairs:
            if not name.text.replace("-", "_").isidentifier():
                hint = "use letters, digits, `_` and `-`"
                self.notes.error(f"`{name.text}` is no name for a block", name.mark, hint)
            key = prefix + name.text
            self.block_marks[key] = name.mark
            self.blocks[key] = ()  # known, whatever is wrong inside
            self.blocks[key] = self._block(builder, value, f"blocks.{key}")

    def _block(self, builder: Builder, node: Node, path: str) -> tuple[StepSpec, ...]:
        """A list of steps, or `{do, return}`: what a block gives may stand beside its steps."""
        if not isinstance(node, source.Mapping) or not (node.get("do") or node.get("return")):
            return builder.steps(node, path)
        if not builder.only(node, ("do", "return"), "a block"):
            self.notes.has_lost_steps = True
            return ()
        do, give = node.get("do"), node.key("return")
        steps = builder.steps(do, path) if do is not None else ()
        if give is not None:
            pair = next(pair for pair in node.pairs if pair[0] is give)
            last = builder.step(source.Mapping((pair,), give.mark), f"{path}/return")
            steps = (*steps, *([last] if last else ()))
            self.notes.has_lost_steps |= last is None
        return steps

    # --- blocks by name -------------------------------------------------------------------------

    def _block_key(self, file: str, prefix: str, written: str, mark: Mark) -> str:
        """The key of a block from how it is written in `file`; a library that it names is read."""
        library, sharp, name = written.partition("#")
        if not sharp:
            key = prefix + written
        else:
            path = os.path.normpath(os.path.join(os.path.dirname(file), library))
            key = f"{Path(path).as_posix()}#{name}"
            if path not in self._read:
                self._read.add(path)
                self._library(path, mark)
            if path in self._failed:
                return key
        self.uses.append(BlockUse(key, written, mark))
        return key

    def _library(self, file: str, mark: Mark) -> None:
        """Read a library that a flow uses; its errors are noted with the others'."""
        prefix = f"{Path(file).as_posix()}#"
        before = list(self.notes.issues)
        try:
            node = self._open(file, None, "blocks_of")
        except FlowErrors as error:
            self._failed.add(file)
            broken = [issue for issue in error.issues if issue not in before]
            self.notes.issues = before
            if len(broken) == 1 and broken[0].message.startswith("this "):  # the file as a whole is none we can use
                self.notes.error(broken[0].message.replace("this file", "this").replace("this", f"`{file}`", 1), mark)
            else:
                self.notes.issues.extend(broken)
            return
        builder = Builder(self.notes, self.steps, lambda name, at: self._block_key(file, prefix, name, at))
        self._head(builder, node, LibraryHead, ("blocks",))
        self._blocks(builder, node.get("blocks"), prefix)

    def _check_uses(self) -> None:
        """Every block that is named exists."""
        for use in self.uses:
            if use.key in self.blocks:
                continue
            file = use.key.rpartition("#")[0]
            names = [key.rpartition("#")[2] for key in self.blocks if key.rpartition("#")[0] == file]
            hint = suggest(use.key.rpartition("#")[2], names)
            if hint is None and use.written.endswith((".yaml", ".yml")):
                hint = f"name one of its blocks: {use.written}#BLOCK"
            elif hint is None:
                hint = f"known are {', '.join(names)}" if names else "there are no blocks"
            self.notes.error(f"there is no block `{use.written}`", use.mark, hint)

    # --- the head -------------------------------------------------------------------------------

    def _check_head(self, flow: Flow, node: source.Mapping) -> None:
        start = node.pairs[0][0].mark
        dial, answer = node.key("dial"), node.key("answer")
        if dial is not None and answer is not None:
            later = max(dial.mark, answer.mark, key=lambda mark: mark.line)
            self.notes.error("a flow either dials or answers, and this one says both", later)
        elif dial is None and answer is None and not self.notes.has_errors:  # it may be what a typo was meant for
            self.notes.error(
                "a flow needs one of `dial` and `answer`", start, 'write dial: "+18005550100" or answer: any'
            )
        for name in ("time_limit", "ring_timeout"):
            seconds, key = getattr(flow, name), node.key(name)
            if key is not None and isinstance(seconds, int | float) and seconds <= 0:
                self.notes.error(
                    f"`{name}` must be longer than no time at all", key.mark, "leave it out for the default"
                )
        for name in flow.secrets:
            if name not in flow.vars:
                key = node.key("secrets")
                hint = suggest(name, flow.vars) or f"declare it: vars: {{{name}: …}}"
                self.notes.error(f"the secret `{name}` is no variable of this flow", key.mark if key else start, hint)
        wrong = ("at_most", "calls") if dial is not None else ("expect_call", "caller_id", "ring_timeout")
        for name in wrong:
            key = node.key(name)
            if key is not None and (dial is None) != (answer is None):
                side = "answers" if dial is not None else "dials"
                me = Path(start.file).name
                again = f"to dial several times, name the file as often: botkit run ivr.yaml {me} {me}"
                advice = again if name == "calls" else None
                self.notes.warn(f"`{name}` has no effect here: it is for a flow that {side}", key.mark, advice)
        if dial is not None and answer is None and "incoming" in flow.on:
            self.notes.warn_at(flow.on["incoming"].place, "`incoming` never happens in a flow that dials")
