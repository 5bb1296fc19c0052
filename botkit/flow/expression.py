"""`${…}`: Jinja2's expressions, compiled one by one in a sandbox.

`Expression` is one expression, `Template` a text with expressions in it. Both are read when the
flow is compiled, so that bad syntax, unknown filters and (through `references`) undefined names are
found before a call is made. What they may do is in `botkit.flow.sandbox`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import Template as Compiled
from jinja2.parser import Parser
from rapidfuzz import fuzz, process

from botkit.errors import Fault
from botkit.flow.sandbox import SANDBOX, SIZE_LIMIT, Trouble, limited, missing_message, shown, written
from botkit.flow.source import Mark

LENGTH_LIMIT = 2_000  # characters of one expression
NODE_LIMIT = 300  # parts of one expression


class ExpressionFault(Fault):
    """An expression cannot be read or evaluated; `mark` says which, `message` why."""

    def __init__(self, message: str, mark: Mark, *, hint: str | None = None) -> None:
        super().__init__(f"{mark}: {message}", hint=hint)
        self.message = message
        self.mark = mark


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that an expression uses, with the fields taken from it: `call.rtp.lost` is ("call", "rtp", "lost").

    `optional`: it stands under `is defined` or `default`, so it may be missing.
    """

    path: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class _Parsed:
    compiled: Compiled
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, bare or as `${…}`; `text` is kept bare.

    Making one raises `ExpressionFault` when it cannot be read.
    """

    text: str
    mark: Mark

    def __post_init__(self) -> None:
        text = self.text.strip()
        if text.startswith("${"):
            end = _end_of(text, 2)
            if end == len(text) - 1:
                text = text[2:end].strip()
            else:
                raise ExpressionFault(
                    "an expression is written bare, or as one `${…}`", self.mark, hint="remove `${` and `}`"
                )
        object.__setattr__(self, "text", text)
        try:
            _parse(text)
        except Trouble as trouble:
            where = f" in `{_cut(text)}`" if text else ""
            raise ExpressionFault(f"{trouble}{where}", self.mark, hint=trouble.hint) from None

    @property
    def references(self) -> tuple[Reference, ...]:
        return _parse(self.text).references

    @property
    def names(self) -> frozenset[str]:
        """The names that it uses."""
        return frozenset(reference.path[0] for reference in self.references)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Its value. Raises `ExpressionFault` on undefined names and on anything that cannot be done."""
        parsed = _parse(self.text)
        used = {name: names[name] for name in self.names if name in names}
        try:
            context = parsed.compiled.new_context(used)
            for _ in parsed.compiled.root_render_func(context):
                pass
            value = context.vars["result"]
            if isinstance(value, Undefined):
                raise Trouble(missing_message(value))
            return limited(value)
        except Trouble as trouble:
            raise ExpressionFault(f"{trouble} in `{_cut(self.text)}`", self.mark, hint=trouble.hint) from None
        except Exception as error:  # whatever operators and the scope's helpers raise is this expression's fault
            raise ExpressionFault(f"{_reason(error)} in `{_cut(self.text)}`", self.mark) from error

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `${…}` in it. One that is exactly one `${…}` gives its value with its type.

    Making one raises `ExpressionFault` when a part cannot be read.
    """

    text: str
    mark: Mark
    trap: str | None = None
    parts: tuple[str | Expression, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(_split(self.text, self.mark, self.trap)))

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(ref for part in self.parts if isinstance(part, Expression) for ref in part.references)

    @property
    def names(self) -> frozenset[str]:
        """The names that it uses."""
        return frozenset(reference.path[0] for reference in self.references)

    @property
    def is_constant(self) -> bool:
        """It has no expression in it, only `$${`."""
        return all(isinstance(part, str) for part in self.parts)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Its text, or the value of its one expression. Raises `ExpressionFault`."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].evaluate(names)
        texts = [part if isinstance(part, str) else written(part.evaluate(names)) for part in self.parts]
        if sum(map(len, texts)) > SIZE_LIMIT:
            raise ExpressionFault(f"the text is larger than {SIZE_LIMIT // 1024} kB", self.mark)
        return "".join(texts)

    def __str__(self) -> str:
        return self.text


def has_expression(text: str) -> bool:
    """Whether a text is a template rather than plain text."""
    return "${" in text


def truth(value: Any) -> bool:
    """The value as a condition: true, false and the texts of these. Raises `ValueError` on anything else."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError(f"a condition must be true or false, and this is {shown(value)}")


# --- reading ------------------------------------------------------------------------------------


def _split(text: str, mark: Mark, trap: str | None) -> Iterator[str | Expression]:
    plain, at = "", 0
    while at < len(text):
        if text.startswith("$${", at):
            plain, at = plain + "${", at + 3
        elif text.startswith("${", at):
            end = _end_of(text, at + 2)
            if end is None:
                raise ExpressionFault(f"`${{` is never closed in `{_cut(text)}`", mark, hint=trap or "add `}`")
            if plain:
                yield plain
            yield Expression(text[at + 2 : end], mark)
            plain, at = "", end + 1
        else:
            plain, at = plain + text[at], at + 1
    if plain:
        yield plain


def _end_of(text: str, at: int) -> int | None:
    """The index of the `}` that closes the expression beginning at `at`: not one in quotes or in a mapping."""
    depth, quote = 0, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if not depth:
                return at
            depth -= 1
        at += 1
    return None


@lru_cache(maxsize=4096)
def _parse(text: str) -> _Parsed:
    if not text.strip():
        raise Trouble("an expression is missing")
    if len(text) > LENGTH_LIMIT:
        raise Trouble(f"the expression is longer than {LENGTH_LIMIT} characters")
    try:
        parser = Parser(SANDBOX, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            rest = parser.stream.current
            hint = "compare with `==`" if rest.type == "assign" else None
            raise Trouble(f"unexpected `{rest.value}`", hint)
        tree.set_environment(SANDBOX)
        _check(tree)
        references = tuple(_references(tree))
        compiled = SANDBOX.from_string(nodes.Template([nodes.Assign(nodes.Name("result", "store"), tree)], lineno=1))
    except Trouble:
        raise
    except TemplateSyntaxError as error:
        raise Trouble(_reason(error)) from None
    except (TemplateError, SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, TypeError) as error:
        raise Trouble(f"this cannot be read ({type(error).__name__})") from None
    return _Parsed(compiled, references)


def _check(tree: nodes.Expr) -> None:
    for count, node in enumerate(_walk(tree)):
        if count > NODE_LIMIT:
            raise Trouble("the expression is too long", "`set` a variable to a part of it")
        match node:
            case nodes.Filter(name=name) if name not in SANDBOX.filters:
                raise Trouble(f"there is no filter `{name}`", suggest(name, SANDBOX.filters))
            case nodes.Test(name=name) if name not in SANDBOX.tests:
                raise Trouble(f"there is no test `is {name}`", suggest(name, SANDBOX.tests))
            case nodes.Call(dyn_args=dyn, dyn_kwargs=dyn_kw) if dyn or dyn_kw:
                raise Trouble("`*` cannot stand before an argument")
            case nodes.Name(name="self"):  # Jinja's own: the template itself
                raise Trouble("`self` is no name that expressions know")
            case nodes.Const(value=float() as value) if not math.isfinite(value):
                raise Trouble("the number is too large")


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.iter_child_nodes())


def _references(tree: nodes.Expr) -> Iterator[Reference]:
    """The names used, and the fields taken from each, as far as they are written out."""
    found = []
    stack: list[tuple[nodes.Node, bool]] = [(tree, False)]
    while stack:
        node, optional = stack.pop()
        path = _path(node)
        if path:
            found.append(Reference(path, optional))
        elif isinstance(node, nodes.Test | nodes.Filter):
            lenient = node.name in ("defined", "undefined", "default")
            children = list(node.iter_child_nodes())
            stack.extend((child, lenient and child is node.node) for child in children)
        else:
            stack.extend((child, False) for child in node.iter_child_nodes())
    # `x is defined and x > 1`: what is asked for in one part may be missing in all
    asked = {reference.path for reference in found if reference.optional}
    for reference in found:
        heads = (reference.path[:length] for length in range(1, len(reference.path) + 1))
        yield Reference(reference.path, reference.optional or any(head in asked for head in heads))


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    match node:
        case nodes.Name(name=name):
            return (name,)
        case nodes.Getattr(node=inner, attr=attr):
            path = _path(inner)
            return (*path, attr) if path else None
        case nodes.Getitem(node=inner, arg=nodes.Const(value=str(key))):
            path = _path(inner)
            return (*path, key) if path else None
    return None


RESERVED = ("call", "event", "env", "random", "bot", "matrix", "repeat", "vars")
"""Names that stand for something else, so no variable may have them."""

_WORDS = ("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None", "self")


def name_trouble(text: str) -> str | None:
    """Why a variable cannot be called so, as the end of a sentence that begins with the name; None when it can."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        return "is no name: letters, digits and _, and no digit first"
    if text in RESERVED:
        return "is reserved"
    return "means something else in expressions" if text in _WORDS else None


def suggest(name: str, known: Any) -> str | None:
    """A hint at the known name that looks most like this one, if any does."""
    other_case = next((each for each in known if each.casefold() == name.casefold()), None)
    if other_case is not None:
        return f"did you mean `{other_case}`?"
    best = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=60)
    return f"did you mean `{best[0]}`?" if best else None


def _reason(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, OverflowError):
        return "the number is too large"
    if isinstance(error, RecursionError):
        return "the value is nested too deep"
    text = str(getattr(error, "message", None) or error or type(error).__name__).strip().rstrip(".")
    # Jinja's words for our ends of expressions
    return "something is missing at the end" if "end of template" in text else text.replace("'", "`")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "…"
