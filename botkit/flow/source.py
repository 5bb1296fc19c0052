"""YAML text to nodes that remember where they stand and how they were written.

The stage before any meaning: text in, nodes out. YAML's own loader would turn `on` into true, lose
the plus of `+15551234567`, read `00441` as 289 and let a second equal key win; so we read its
events and keep the text. Aliases are expanded here, with a limit, since a few lines of them may
stand for a billion nodes.

The only error that leaves this module is `SourceError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from botkit.errors import FlowError
from botkit.flow.traps import comment_trap, swallowing_comment, trap_of

NODE_LIMIT = 20_000  # nodes of one file, aliases expanded: a hundred times the largest flow we know
DEPTH_LIMIT = 40  # levels of nesting: people lose track before ten

CANONICAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in a file. Lines and columns count from 1; `text` is the source line, where it is known."""

    file: str
    line: int
    column: int
    text: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong in a file: what, where, the line it stands in, and what to do about it."""

    message: str
    mark: Mark
    text: str = ""
    hint: str | None = None
    severity: str = "error"  # error | warning


class SourceError(FlowError):
    """The text is not the YAML that flows are written in; `issue` says where and why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(f"{issue.mark}: {issue.message}", hint=issue.hint)
        self.issue = issue


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it was written. `trap` is a hint at what YAML may have done to it."""

    text: str
    quoted: bool
    mark: Mark
    trap: str | None = None

    @property
    def value(self) -> str | int | float | bool | None:
        """The value by the rule for plain scalars; quoted scalars are text."""
        return self.text if self.quoted else plain(self.text)

    @property
    def is_null(self) -> bool:
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and nodes in the order they were written; no key twice."""

    pairs: tuple[tuple[Scalar, Node], ...]
    mark: Mark

    def get(self, name: str) -> Node | None:
        """The node under the key `name`, or None."""
        return next((node for key, node in self.pairs if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The key `name` itself, for its mark."""
        return next((key for key, _ in self.pairs if key.text == name), None)


Node = Scalar | Sequence | Mapping

_SURROGATE = re.compile("[\ud800-\udfff]")
_NULLS = ("", "null", "~")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def plain(text: str) -> str | int | float | bool | None:
    """The value of an unquoted text: canonical numbers, true, false, null; all else is text as written.

    CSV cells and `--var` follow this rule too.
    """
    if text in _WORDS:
        return _WORDS[text]
    # 300 digits: more is no number that anybody counts with, and Python's int() refuses at 4300
    if len(text) > 300 or not CANONICAL.fullmatch(text):
        return text
    number = float(text) if "." in text else int(text)
    return number if str(number) == text else text


def data(node: Node) -> Any:
    """The node as plain Python data, by the rule for plain scalars."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [data(item) for item in node.items]
        case Mapping():
            return {key.text: data(value) for key, value in node.pairs}


def read(text: str, file: str) -> Node:
    """Read one document. `file` is the name that marks carry.

    Raises `SourceError` at the first thing that is not plain YAML: bad syntax, a key given twice, a
    tag, `<<`, an alias to nothing or to itself, more than one document, or nothing at all.
    """
    node, repeated = read_on(text, file)
    if repeated:
        raise SourceError(repeated[0])
    return node


def read_on(text: str, file: str) -> tuple[Node, tuple[Issue, ...]]:
    """As `read`, but a key given twice does not end the reading: the first one counts, and the others are
    told beside the node, so that they can be shown with whatever else is wrong."""
    reader = _Reader(text, file)
    node = reader.read()
    return node, tuple(reader.repeated)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self.lines = split_lines(text)
        self.repeated: list[Issue] = []
        self.anchors: dict[str, Node | None] = {}  # None: still open, so an alias to it is a cycle
        self.weights: dict[str, int] = {}
        self.heights: dict[str, int] = {}  # levels below each anchor, aliases expanded
        self.deepest = 0
        self.count = 0

    def read(self) -> Node:
        loader: yaml.SafeLoader | None = None
        try:
            loader = yaml.SafeLoader(self.text)
            return self._document(_events(loader))
        except yaml.reader.ReaderError as error:
            before = self.text[: error.position].splitlines() or [""]
            mark = Mark(self.file, len(before), len(before[-1]) + 1)
            raise self._error(f"the character {error.character!r} is not allowed in YAML", mark) from None
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except (ValueError, OverflowError, RecursionError, IndexError) as error:
            # PyYAML lets some escape, for example chr() of an escape beyond Unicode
            at = self._mark(loader.get_mark()) if loader else Mark(self.file, 1, 1)
            raise self._error(f"this YAML cannot be read ({error})", at) from None

    def _document(self, events: Iterator[yaml.Event]) -> Node:
        next(events)  # stream start
        event = next(events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._error("the file is empty", Mark(self.file, 1, 1), "a flow begins with `flow: NAME`")
        node = self._node(next(events), events, 0)
        next(events)  # document end
        event = next(events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(
                "a second document begins here", self._mark(event.start_mark), "one file holds one flow: remove `---`"
            )
        return node

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        mark = self._mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), mark, depth)
        self._grow(1, mark)
        self._sink(depth, mark)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            raise self._tag(event, mark)
        before, deepest, self.deepest = self.count, self.deepest, depth
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self._node(item, events, depth + 1))
            node = Sequence(tuple(items), mark)
        else:
            node = self._mapping(events, mark, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
            self.weights[event.anchor] = self.count - before + 1
            self.heights[event.anchor] = self.deepest - depth
        self.deepest = max(self.deepest, deepest)
        return node

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        quoted = event.style is not None
        trap = None
        if not quoted:
            end = self._mark(event.end_mark)
            rest = self.lines[end.line - 1][end.column - 1 :] if end.line <= len(self.lines) else ""
            trap, fatal = comment_trap(event.value, rest)
            if trap and fatal:
                at = Mark(self.file, end.line, end.column + len(rest) - len(rest.lstrip()))
                raise self._error("a comment starts here, so this is not part of the text", at, trap)
            if event.anchor and not event.value:
                trap = f"`&` starts an anchor: for the text, write '&{event.anchor}'"
        return Scalar(self._whole(event.value, mark), quoted, mark, trap)

    def _whole(self, text: str, mark: Mark) -> str:
        """The text with its surrogates joined: JSON escapes a character beyond U+FFFF as a pair of them."""
        if _SURROGATE.search(text) is None:
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(
                "this text holds half a character", mark, 'escape a character whole, as in "\\U0001F680"'
            ) from None

    def _mapping(self, events: Iterator[yaml.Event], mark: Mark, depth: int) -> Mapping:
        pairs: list[tuple[Scalar, Node]] = []
        seen: dict[str, Mark] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            if not isinstance(key, Scalar) or key.is_null:
                raise self._error("a key must be a name", key.mark, "quote the text if it holds `{`, `[` or `?`")
            if key.text == "<<" and not key.quoted:
                raise self._error(
                    "merge keys (`<<`) are not part of the flow language",
                    key.mark,
                    "write the steps as a block and `run` it",
                )
            value = self._node(next(events), events, depth + 1)
            if key.text in seen:
                first = f"first on line {seen[key.text].line}"
                self.repeated.append(
                    Issue(f"the key `{key.text}` is given twice", key.mark, self._line(key.mark), first)
                )
                continue
            seen[key.text] = key.mark
            pairs.append((key, value))
        return Mapping(tuple(pairs), mark)

    def _alias(self, name: str, mark: Mark, depth: int) -> Node:
        if name not in self.anchors:
            raise self._error(
                f"there is no anchor `&{name}` above", mark, f"`*` starts an alias: for the text, write '*{name}'"
            )
        node = self.anchors[name]
        if node is None:
            raise self._error(
                f"the alias `*{name}` stands inside what it names", mark, "use a block and `goto`, or `repeat`"
            )
        self._grow(self.weights[name], mark)
        self._sink(depth + self.heights[name], mark)
        return node

    def _sink(self, depth: int, mark: Mark) -> None:
        self.deepest = max(self.deepest, depth)
        if depth > DEPTH_LIMIT:
            raise self._error(f"nested more than {DEPTH_LIMIT} levels deep", mark)

    def _grow(self, by: int, mark: Mark) -> None:
        self.count += by
        if self.count > NODE_LIMIT:
            raise self._error(
                f"more than {NODE_LIMIT} values, aliases expanded", mark, "write repeated steps as a block"
            )

    def _tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark) -> SourceError:
        line = self.lines[mark.line - 1] if mark.line <= len(self.lines) else ""
        start = line.find("!", mark.column - 1)
        written = line[start:].split()[0] if start >= 0 else str(event.tag)
        return self._error(
            f"tags (`{written}`) are not part of the flow language",
            mark,
            f"`!` starts a tag: for the text, write '{written}'",
        )

    def _syntax(self, error: yaml.MarkedYAMLError) -> SourceError:
        at = error.problem_mark or error.context_mark
        mark = self._mark(at) if at else Mark(self.file, 1, 1)
        begun = self.lines[error.context_mark.line] if error.context_mark and self.lines else ""
        if "flow node" in (error.context or ""):  # found at the next token, often lines behind the mistake
            for number in range(mark.line - 1, max(mark.line - 4, 0), -1):
                swallowed = swallowing_comment(self.lines[number - 1])
                if swallowed is not None:
                    return self._error(swallowed.message, Mark(self.file, number, swallowed.column + 1), swallowed.hint)
        trap = trap_of(error.context or "", error.problem or "", begun, self._line(mark), mark.column - 1)
        if trap.at_start and error.context_mark:
            mark = self._mark(error.context_mark)
        if trap.column is not None:
            mark = Mark(mark.file, mark.line, trap.column + 1)
        return self._error(trap.message, mark, trap.hint)

    def _mark(self, mark: Any) -> Mark:
        text = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Mark(self.file, mark.line + 1, mark.column + 1, text)

    def _line(self, mark: Mark) -> str:
        return self.lines[mark.line - 1] if 0 < mark.line <= len(self.lines) else ""

    def _error(self, message: str, mark: Mark, hint: str | None = None) -> SourceError:
        return SourceError(Issue(message, mark, self._line(mark), hint))


def _events(loader: yaml.SafeLoader) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()  # type: ignore[no-untyped-call]


def split_lines(text: str) -> list[str]:
    """The lines of a text as YAML counts them (not `str.splitlines`, which also breaks at form feeds)."""
    return re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
