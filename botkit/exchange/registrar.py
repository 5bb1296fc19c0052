"""Who is logged in, and over which line. The last accepted login wins; the one before is punted."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from botkit.exchange.directory import User


class Registered(Protocol):
    """A line that can be told to go."""

    def punt(self) -> None:
        """Tell the client that a newer session took its place, and close."""
        ...


L = TypeVar("L", bound=Registered)


class Registrar(Generic[L]):
    """User name to the line of the last login."""

    def __init__(self) -> None:
        self._lines: dict[str, L] = {}

    def register(self, user: User, line: L) -> None:
        """Take `line` as the user's and nobody else's; an older one of the same user is punted."""
        before = self._lines.get(user.name)
        self.unregister(line)
        self._lines[user.name] = line
        if before is not None and before is not line:
            before.punt()

    def unregister(self, line: L) -> None:
        """Forget `line`, wherever it is registered."""
        for name in [name for name, registered in self._lines.items() if registered is line]:
            del self._lines[name]

    def line_of(self, user: User) -> L | None:
        """The line that reaches `user` now."""
        return self._lines.get(user.name)

    def __len__(self) -> int:
        return len(self._lines)
