"""The rules of a gather, with no clock and no audio: digits and times in, verdicts out.

Theory of operation. A gather without a prompt is one entry: it has `timeout` seconds in all, `initial` until its
first digit and `between` from each digit to the next. A gather with a prompt is up to `tries` entries. While the
prompt is said no time runs; `timeout` runs from its end. An entry is judged when the last digit that it may have
is there, when the terminator comes, or when a time is up. Nothing entered is `timeout`: the prompt is said again.
Too few digits, or one that is not valid, are `invalid`: the invalid prompt is said. After the last try the verdict
of that try is that of the gather (the platform's `gather`, `gather_using_audio`, `gather_using_speak`).

All times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

VALID, INVALID, TIMEOUT = "valid", "invalid", "timeout"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is wanted. Durations are seconds; `initial` None: the first digit has as long as all.

    `terminator` empty: none ends it. `tries` is 1 without a prompt.
    """

    minimum: int = 1
    maximum: int = 128
    timeout: float = 60.0
    between: float = 5.0
    initial: float | None = None
    terminator: str = "#"
    valid: str = "0123456789#*"
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """The gather is over. `status` is valid, invalid or timeout; `digits` is what was entered, last, without the
    terminator."""

    digits: str
    status: str


@dataclass(frozen=True, slots=True)
class Again:
    """Say the prompt again, or the one for `invalid` entries, then call `listen`."""

    invalid: bool


Verdict = Ended | Again


@dataclass(slots=True)
class Gathering:
    """One gather. Call `begin_prompt` or `listen`, feed `digit`, and `expire` once `due` has come.

    After a verdict it is silent until `begin_prompt` or `listen` begins the next try.
    """

    rules: Rules
    tries: int = 0
    """Entries begun."""
    digits: str = ""
    _deadline: float | None = field(default=None)  # of the entry as a whole; None while the prompt is said
    _next_by: float | None = field(default=None)  # of the next digit
    _open: bool = field(default=False)

    def begin_prompt(self) -> None:
        """The prompt begins, and the entry: digits may come, no time runs."""
        self._begin()
        self._deadline = self._next_by = None

    def listen(self, now: float) -> None:
        """The prompt has ended, or there is none: time runs."""
        if not self._open:
            self._begin()
        if self._deadline is None:
            self._deadline = now + self.rules.timeout
            if not self.digits:
                self._next_by = None if self.rules.initial is None else now + self.rules.initial
            else:
                self._next_by = now + self.rules.between

    def _begin(self) -> None:
        self.tries += 1
        self.digits = ""
        self._open = True
        self._deadline = self._next_by = None

    @property
    def due(self) -> float | None:
        """When `expire` is to be called; None: not before something else happens."""
        if not self._open or self._deadline is None:
            return None
        return self._deadline if self._next_by is None else min(self._deadline, self._next_by)

    def digit(self, digit: str, now: float) -> Verdict | None:
        """Take one digit in. None: go on."""
        if not self._open:
            return None
        if digit == self.rules.terminator:
            # Pressed alone it is an entry too short, not silence: somebody is there.
            return self._judge(silent=False)
        self.digits += digit
        if len(self.digits) >= self.rules.maximum:
            return self._judge(silent=False)
        self._next_by = now + self.rules.between
        return None

    def expire(self, now: float) -> Verdict | None:
        """What the passing of time means; None: `due` has not come."""
        due = self.due
        if due is None or now < due - 1e-9:
            return None
        return self._judge(silent=not self.digits)

    def _judge(self, *, silent: bool) -> Verdict:
        self._open = False
        rules = self.rules
        fits = len(self.digits) >= rules.minimum and all(digit in rules.valid for digit in self.digits)
        if fits:
            return Ended(self.digits, VALID)
        if self.tries < rules.tries:
            return Again(invalid=not silent)
        return Ended(self.digits, TIMEOUT if silent else INVALID)
