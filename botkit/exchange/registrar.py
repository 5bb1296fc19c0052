"""Who is logged in, and over which lines: for each SIP user name an ordered list of registrations.

All logins of a name stay logged in; a call goes to the last one that was accepted ([OV]: the last client that
registered with that identity). The key is the SIP user name that the client resolved to: neither its token, nor
the object behind it. What happens when the last one goes away is not documented: here the one before it is
reached again (`fallback="previous"`), or nobody until the next login (`fallback="none"`).

A login that takes over a session which is still held (a reconnect) replaces that registration, whose line is
punted, and becomes the newest. So does another login on the same line; a line has one registration.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from botkit.exchange.connections import Identity, Means

log = logging.getLogger("botkit.exchange")

Fallback = Literal["previous", "none"]


class Registered(Protocol):
    """A line that can be told to go."""

    def punt(self) -> None:
        """Tell the client that its session is over, and close."""
        ...


L = TypeVar("L", bound=Registered)


@dataclass(frozen=True, slots=True)
class Registration(Generic[L]):
    """One login. `sequence` counts all logins of the server; `at` is in seconds since 1970."""

    name: str
    line: L
    sequence: int
    means: Means
    session_id: str
    at: float
    user_agent: str = ""


class Registrar(Generic[L]):
    """SIP user names and their registrations."""

    def __init__(self, *, fallback: Fallback = "previous") -> None:
        self.fallback = fallback
        self._count = itertools.count(1)
        self._lines: dict[str, list[Registration[L]]] = {}
        self._by_line: dict[L, Registration[L]] = {}
        self._lost: dict[str, int] = {}  # with no fallback: the newest registration that went away

    def register(
        self, identity: Identity, line: L, *, session_id: str = "", at: float = 0.0, user_agent: str = ""
    ) -> Registration[L]:
        """Take `line` as the one that reaches `identity` from now on. An older registration of the same session
        over another line is replaced, and that line punted."""
        self._remove(line)
        name = identity.name
        for older in [one for one in self._lines.get(name, ()) if session_id and one.session_id == session_id]:
            self._remove(older.line)
            older.line.punt()
        known = self._lines.setdefault(name, [])
        if any(one.means != identity.means for one in known):
            # One way to log in per deployment is what the platform's documents advise.
            log.warning(
                "login.mixed_means name=%s by=%s beside=%s",
                name,
                identity.means,
                next(one.means for one in known if one.means != identity.means),
            )
        made = Registration(name, line, next(self._count), identity.means, session_id, at, user_agent)
        known.append(made)
        self._by_line[line] = made
        if len(known) > 1:
            # Which of them was last is a race that no caller can see: say who won it.
            log.info("registrar.reached name=%s login=%d of=%d", name, made.sequence, len(known))
        return made

    def unregister(self, line: L) -> None:
        """Forget `line`, which is gone."""
        gone = self._remove(line)
        if gone is None:
            return
        left = self._lines.get(gone.name, [])
        newest = not left or left[-1].sequence < gone.sequence
        if newest and self.fallback == "none":
            self._lost[gone.name] = gone.sequence
        elif newest and left:
            log.info("registrar.fallback name=%s login=%d of=%d", gone.name, left[-1].sequence, len(left))

    def registrations(self, name: str) -> tuple[Registration[L], ...]:
        """Those that calls to `name` may reach, the newest first."""
        lost = self._lost.get(name, 0)
        return tuple(one for one in reversed(self._lines.get(name, ())) if one.sequence > lost)

    def lines_of(self, name: str) -> tuple[L, ...]:
        """The lines that calls to `name` may reach, the newest first: simultaneous ringing rings all of them."""
        return tuple(one.line for one in self.registrations(name))

    def line_of(self, name: str) -> L | None:
        """The line that reaches `name` now. A call keeps the one that it got."""
        return next(iter(self.lines_of(name)), None)

    def _remove(self, line: L) -> Registration[L] | None:
        gone = self._by_line.pop(line, None)
        if gone is not None:
            self._lines[gone.name].remove(gone)
            if not self._lines[gone.name]:
                del self._lines[gone.name]
        return gone

    def __iter__(self) -> Iterator[Registration[L]]:
        """All of them, in the order of the logins."""
        return iter(tuple(self._by_line.values()))

    def __len__(self) -> int:
        return len(self._by_line)
