"""Everything botkit raises, by whose fault it is.

    BotkitError
    ├── Fault                     exit status 2: the run could not say anything about the call
    │   ├── FlowError             the flow author's: a position, what was expected, a hint
    │   ├── ConfigError           the operator's: accounts, command line, files
    │   ├── UsageError            the Python caller's: a call made in the wrong state or order
    │   ├── LocalProtocolError    botkit's: we were about to send what the protocol forbids
    │   ├── InternalFault         botkit's: a mistake in it, met at run time
    │   ├── RemoteProtocolError   the other end's: it sent what the protocol forbids
    │   ├── LoginRefused          the server's answer to our credentials
    │   ├── NetworkFault          the network's: refused, unreachable, closed
    │   └── TimeoutFault          nobody's yet: a phase (connect, login, ready, media) took too long
    ├── ExpectationFailed         exit status 1: the call went otherwise than written
    └── CallEnded                 the call is over under whoever still waits on it

`Unmet is not broken`: reports show an `ExpectationFailed` as a failure and a `Fault` as an error.
"""

from __future__ import annotations

from typing import Any


class BotkitError(Exception):
    """Root of all errors that botkit raises by intent."""


class Fault(BotkitError):
    """Something is broken, and it is not the expectation. `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  hint: {self.hint}" if self.hint else message


class FlowError(Fault):
    """A flow cannot be read or compiled. `botkit.flow.explain` prints it with its source line."""


class ConfigError(Fault):
    """An account, a file or an argument is missing or wrong."""


class UsageError(Fault):
    """The Python surface was used out of order (for example, audio played on a call not yet active)."""


class LocalProtocolError(Fault):
    """We tried to do what the state of the session or call does not allow."""


class InternalFault(Fault):
    """What nobody foresaw; the exception itself is its `__cause__`. `botkit.unforeseen` makes it."""


class RemoteProtocolError(Fault):
    """The other end sent something that the protocol does not allow. Nothing in our state has changed."""


class LoginRefused(Fault):
    """The server said no to the credentials. `code` is its JSON-RPC error code (-32001 as a rule)."""

    def __init__(self, message: str, code: int, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class NetworkFault(Fault):
    """A connection could not be made or was lost."""


class TimeoutFault(Fault):
    """A phase took too long; `phase` names it: connect, login, ready, media, bye."""

    def __init__(self, message: str, phase: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.phase = phase


class ExpectationFailed(BotkitError):
    """What was expected of the call did not happen.

    `expected` and `heard` are short texts for people; `at` is seconds since the call was answered;
    `detail` holds the fields that a step result would have (picklable plain data).
    """

    def __init__(
        self, expected: str, heard: str, *, at: float | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"expected {expected}; heard {heard}")
        self.expected = expected
        self.heard = heard
        self.at = at
        self.detail = detail or {}


class CallEnded(BotkitError):
    """The call ended. `cause` is the hang-up cause (Q.850 name), `code` its number."""

    def __init__(self, cause: str, code: int, sip_code: int | None = None, sip_reason: str | None = None) -> None:
        super().__init__(f"the call ended: {cause} ({code})")
        self.cause = cause
        self.code = code
        self.sip_code = sip_code
        self.sip_reason = sip_reason
