"""The digit queue of a call, and what an entry of digits says so far (flow-language.md section 4).

Digits come in one at a time, by `info`, as RTP events or as tones; `DigitQueue` keeps each of them
once, in order, until somebody consumes it. The matching is arithmetic: no waiting and no clock.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from botkit.errors import UsageError
from botkit.vocabulary import Entry

SAME_DIGIT = 0.1
"""A digit that arrives in two ways within this time (seconds) is one."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One key. `at` is its onset, on the call's clock; `duration` is None where the way does not tell."""

    digit: str
    at: float
    via: str = "info"
    duration: float | None = None

    @property
    def ended(self) -> float:
        return self.at + (self.duration or 0.0)


class DigitQueue:
    """Digits not yet consumed. One consumer at a time: a second one is a `UsageError`."""

    def __init__(self) -> None:
        self._waiting: deque[Digit] = deque()
        self._recent: list[Digit] = []
        self._consumer: str | None = None

    def add(self, digit: Digit) -> bool:
        """Put a digit in; False when it is the one that came another way a moment ago."""
        self._recent = [each for each in self._recent if abs(digit.at - each.at) <= SAME_DIGIT]
        for each in self._recent:
            if each.digit == digit.digit and each.via != digit.via:
                return False
        self._recent.append(digit)
        self._waiting.append(digit)
        return True

    def acquire(self, consumer: str) -> None:
        """Become the one consumer. Raises `UsageError` when there is one already."""
        if self._consumer is not None:
            raise UsageError(
                f"{consumer} wants the digits that {self._consumer} is waiting for",
                hint="let one step at a time consume digits; `on: dtmf` and `stop_on: dtmf` only look at them",
            )
        self._consumer = consumer

    def release(self) -> None:
        """Stop being the consumer."""
        self._consumer = None

    def take(self) -> Digit | None:
        """The next digit, or None when there is none yet."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, digits: list[Digit]) -> None:
        """Give digits back, in front: their consumer was cancelled."""
        self._waiting.extendleft(reversed(digits))

    def flush(self) -> None:
        """Forget what is in the queue."""
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)


def written(entry: Entry) -> str:
    """An entry in the words of a report."""
    by = f" by {entry.via}" if entry.via else ""
    if entry.digits is not None:
        return f"digits {entry.digits}{by}"
    if entry.pattern is not None:
        return f"digits that match {entry.pattern}{by}"
    return f"digits that contain {entry.contains}{by}"


def heard(digits: list[Digit]) -> str:
    """Digits in the words of a report."""
    if not digits:
        return "no digits"
    ways = sorted({each.via for each in digits})
    return f"{''.join(each.digit for each in digits)} ({', '.join(ways)})"


def entered(entry: Entry, digits: list[Digit]) -> bool | None:
    """Whether `digits` are the entry: yes, not yet (None), or never any more (False).

    Only literal digits can be ruled out early; a pattern or a part may still be completed.
    """
    if entry.via is not None and any(each.via != entry.via for each in digits):
        return False
    text = "".join(each.digit for each in digits)
    if entry.digits is not None:
        if text == entry.digits:
            return True
        return None if entry.digits.startswith(text) else False
    if not text:
        return None
    if entry.pattern is not None:
        return True if re.fullmatch(entry.pattern, text) else None
    return True if entry.contains is not None and entry.contains in text else None
