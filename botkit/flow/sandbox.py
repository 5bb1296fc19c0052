"""What an expression may do: the operators, filters, tests and attributes of `${…}`.

Theory of operation. Jinja2 parses an expression and writes Python for it; its sandbox routes
calls, attributes and (where asked) arithmetic through the environment. Two things it does not
route are comparisons and `~`, so `_CodeGenerator` does. With that, every operation passes through
here, and two promises can be kept:

- values mean what a caller's digits mean: `"1" == 1` holds, `"0123" == 123` does not, and what is
  no number is never silently ordered or added;
- no expression takes long. All calls of a process share one thread, so `9**9**9` in one flow would
  stop the audio of five hundred others. Operands and results are measured against `SIZE_LIMIT`
  before the work is done, nothing loops, and only methods whose cost is linear are callable.
"""

from __future__ import annotations

from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from botkit.flow.filters import FILTERS, TESTS
from botkit.flow.operators import (
    BINARY,
    COMPARE,
    SIZE_LIMIT,
    Missing,
    Trouble,
    defined,
    limited,
    missing_message,
    number,
    shown,
    written,
)

__all__ = [
    "METHODS",
    "SANDBOX",
    "SIZE_LIMIT",
    "Sandbox",
    "Trouble",
    "limited",
    "missing_message",
    "number",
    "shown",
    "written",
]

_TEXT_METHODS = """
    count endswith find isalnum isalpha isdigit lower removeprefix removesuffix split startswith strip title upper
"""
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    dict: frozenset(("get", "keys", "values", "items")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}
"""Methods of plain values that expressions may call: their cost is linear and their results are small."""


class _CodeGenerator(CodeGenerator):
    """Sends comparisons and `~` through the environment, as the sandbox does with arithmetic."""

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", {operand.op!r}, ")
            self.visit(operand.expr, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.join_texts(")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")")


class Sandbox(SandboxedEnvironment):
    """The one environment of all expressions. It has no globals; names come with each evaluation."""

    code_generator_class = _CodeGenerator
    intercepted_binops = frozenset(BINARY)
    intercepted_unops = frozenset(("+", "-"))

    def __init__(self) -> None:
        # not optimised: constant folding would compare and add by Python's rules, at compile time
        super().__init__(undefined=Missing, optimized=False, autoescape=False, cache_size=0)
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return limited(BINARY[operator](defined(left), defined(right)))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        value = number(defined(arg))
        return -value if operator == "-" else value

    def compare(self, left: Any, *rest: Any) -> bool:
        """A chain of comparisons: `1 < x < 3` comes as (1, "lt", x, "lt", 3)."""
        limited(defined(left))
        for word, right in zip(rest[::2], rest[1::2], strict=True):
            limited(defined(right))
            if not COMPARE[word](left, right):
                return False
            left = right
        return True

    def join_texts(self, *parts: Any) -> str:
        texts = [written(limited(defined(part))) for part in parts]
        if sum(map(len, texts)) > SIZE_LIMIT:
            raise Trouble(f"the value is larger than {SIZE_LIMIT // 1024} kB")
        return "".join(texts)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Items before attributes: `reply.items` is what the reply holds under `items`."""
        defined(obj)
        try:
            return obj[defined(argument)]
        except (TypeError, LookupError, AttributeError):
            pass
        if not isinstance(argument, str):
            return self.undefined(obj=obj, name=written(argument))
        value = getattr(obj, argument, self)
        if value is self:
            return self.undefined(obj=obj, name=argument)
        if not self.is_safe_attribute(obj, argument, value) or (callable(value) and not self.is_safe_callable(value)):
            return self.undefined(hint=f"`{argument}` may not be used in expressions")
        return value

    def is_safe_callable(self, obj: Any) -> bool:
        """Listed methods of plain values, and functions that the scope itself offers (`random.digits`).

        The scope's functions must bound their own work.
        """
        if isinstance(obj, BuiltinMethodType):
            # what a `return` gave is a text or list of a class of its own, beside its fields (`flow.values`)
            return any(obj.__name__ in METHODS.get(kind, ()) for kind in type(obj.__self__).__mro__)
        return isinstance(obj, FunctionType | MethodType) and super().is_safe_callable(obj)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()):
            limited(defined(arg))
        if not __self.is_safe_callable(defined(__obj)):
            raise Trouble("this may not be called in expressions")
        value = __context.call(__obj, *args, **kwargs)
        if type(value).__name__ in ("dict_keys", "dict_values", "dict_items"):
            value = list(value)
        return limited(value)


SANDBOX = Sandbox()
