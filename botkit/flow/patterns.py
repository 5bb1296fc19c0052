"""Regular expressions that flows may use: those that compile and cannot take forever.

Python's `re` backtracks: `(\\d+)+#` against thirty digits without a `#` tries a thousand million ways,
and every call of the process would wait. What makes it so is a repeat inside a repeat, or one
repeat beside another over the same characters a second time; the first is refused here, the
second costs no more than the square of the text, and entries are short.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

LENGTH_LIMIT = 500  # characters; entries of digits and phrases need far fewer


def pattern_trouble(text: str) -> str | None:
    """What is wrong with a pattern, as the end of a sentence that begins with it; None when it may be used."""
    if len(text) > LENGTH_LIMIT:
        return f"is longer than {LENGTH_LIMIT} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "possible nested set": what it matches is well defined
            re.compile(text)
            tree = _parser().parse(text)
    except re.error as error:
        return f"is no regular expression: {error.msg}"
    except (OverflowError, RecursionError, ValueError) as error:
        return f"is no regular expression: {error}"
    if _nested(tree, inside=False):
        return "may take forever: it has a repeat inside a repeat"
    return None


def _parser() -> Any:
    """The parser of `re`; it has no public name and has moved once (3.11)."""
    return re._parser  # type: ignore[attr-defined]


def _nested(tree: Any, *, inside: bool) -> bool:
    """Whether an open repeat holds another repeat of changing length."""
    for operation, argument in tree:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, body = argument
            varies = high != low and high > 1
            if inside and varies:
                return True
            if _nested(body, inside=inside or (varies and high > 10)):
                return True
        elif inside and name in ("GROUPREF", "GROUPREF_EXISTS"):
            return True  # what a group repeats has no length that could be judged
        elif any(_nested(part, inside=inside) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    """The sub-patterns in an operation's argument, however it holds them."""
    if type(argument).__name__ == "SubPattern":
        return [argument]
    if isinstance(argument, list | tuple):
        return [part for item in argument for part in _parts(item)]
    return []
