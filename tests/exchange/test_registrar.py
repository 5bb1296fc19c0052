"""Who is logged in where."""

from __future__ import annotations

from botkit.exchange.directory import User
from botkit.exchange.registrar import Registrar

ALICE, BOB = User("alice", "x"), User("bob", "x")


class Wire:
    """A line that remembers being told to go."""

    def __init__(self) -> None:
        self.punted = 0

    def punt(self) -> None:
        self.punted += 1


def test_reached_over_its_line() -> None:
    """A registered user has a line, another has none."""
    registrar, wire = Registrar[Wire](), Wire()
    registrar.register(ALICE, wire)
    assert registrar.line_of(ALICE) is wire
    assert registrar.line_of(BOB) is None
    assert len(registrar) == 1


def test_last_login_wins() -> None:
    """A newer line takes the user over, and the older one is punted once."""
    registrar, old, new = Registrar[Wire](), Wire(), Wire()
    registrar.register(ALICE, old)
    registrar.register(ALICE, new)
    assert registrar.line_of(ALICE) is new
    assert (old.punted, new.punted) == (1, 0)


def test_login_again_on_the_same_line() -> None:
    """A fresh token on the same socket punts nobody."""
    registrar, wire = Registrar[Wire](), Wire()
    registrar.register(ALICE, wire)
    registrar.register(ALICE, wire)
    assert wire.punted == 0


def test_other_user_on_the_same_line() -> None:
    """A line is one user's: whoever it was before is reached by it no more."""
    registrar, wire = Registrar[Wire](), Wire()
    registrar.register(ALICE, wire)
    registrar.register(BOB, wire)
    assert registrar.line_of(ALICE) is None
    assert registrar.line_of(BOB) is wire
    assert wire.punted == 0


def test_unregister() -> None:
    """A line that is gone reaches nobody; one that was replaced takes nobody with it."""
    registrar, old, new = Registrar[Wire](), Wire(), Wire()
    registrar.register(ALICE, old)
    registrar.register(ALICE, new)
    registrar.unregister(old)
    assert registrar.line_of(ALICE) is new
    registrar.unregister(new)
    assert registrar.line_of(ALICE) is None
    assert len(registrar) == 0
