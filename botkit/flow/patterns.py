"""Regular expressions that flows may use: those that compile and cannot take forever.

Python's `re` backtracks: `(\\d+)+#` against thirty digits without a `#` tries a thousand million
ways, and every call of the process would wait. What it may have to try is bounded by the choices
in a pattern: each repeat of changing length, each option, each `|` whose branches may begin alike,
and all of them again for each turn of a repeat around them. `_choices` adds them up, as bits; what
may need more than `BITS` is refused. The bound is rough, and on the safe side.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

LENGTH_LIMIT = 500  # characters; entries of digits and phrases need far fewer
TURNS = 64  # turns that an open repeat is taken to have: entries are shorter
BITS = 13  # 2**13 ways: less than a millisecond, and each digit tries anew; allows two open repeats


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
    if _choices(tree) > BITS:
        return "may take forever: it has too many repeats inside or beside each other"
    return None


def _parser() -> Any:
    """The parser of `re`; it has no public name and has moved once (3.11)."""
    return re._parser  # type: ignore[attr-defined]


def _choices(tree: Any) -> float:
    """The binary logarithm of the number of ways that a match may have to try."""
    bits = 0.0
    for operation, argument in tree:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, body = argument
            lengths, turns = min(int(high) - int(low) + 1, TURNS), min(int(high), TURNS)
            bits += math.log2(lengths) + turns * _choices(body)
        elif name == "BRANCH":
            branches = argument[1]
            bits += max(map(_choices, branches)) + (0 if _begin_differently(branches) else math.log2(len(branches)))
        else:
            bits += sum(map(_choices, _parts(argument)))
    return bits


def _begin_differently(branches: Any) -> bool:
    """Whether each branch begins with a character of its own, so that no text can go two ways."""
    first = [str(branch[0]) if len(branch) and str(branch[0][0]) == "LITERAL" else None for branch in branches]
    return None not in first and len(set(first)) == len(first)


def _parts(argument: Any) -> list[Any]:
    """The sub-patterns in an operation's argument, however it holds them."""
    if type(argument).__name__ == "SubPattern":
        return [argument]
    if isinstance(argument, list | tuple):
        return [part for item in argument for part in _parts(item)]
    return []
