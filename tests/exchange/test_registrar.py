"""Who is logged in, over which lines, and which of them is reached."""

from __future__ import annotations

import itertools
import logging

import pytest

from botkit.exchange.connections import CredentialConnection, Identity, Means
from botkit.exchange.registrar import Registrar

CONNECTION = CredentialConnection(user_name="alice", password="secret")


def alice(means: Means = "password") -> Identity:
    return Identity("alice", CONNECTION, means)


BOB = Identity("bob", CONNECTION)


class Wire:
    """A line that remembers being told to go."""

    def __init__(self) -> None:
        self.punted = 0

    def punt(self) -> None:
        self.punted += 1


def test_reached_over_its_line() -> None:
    """A registered user has a line, another has none."""
    registrar, wire = Registrar[Wire](), Wire()
    registrar.register(alice(), wire)
    assert registrar.line_of("alice") is wire
    assert registrar.line_of("bob") is None
    assert len(registrar) == 1


def test_last_login_is_reached() -> None:
    """In whatever order three log in, the last is reached; all stay logged in, and nobody is punted."""
    for order in itertools.permutations([Wire(), Wire(), Wire()]):
        registrar = Registrar[Wire]()
        for wire in order:
            registrar.register(alice(), wire)
        assert registrar.line_of("alice") is order[-1]
        assert registrar.lines_of("alice") == tuple(reversed(order))
        assert sum(wire.punted for wire in order) == 0


def test_one_counter() -> None:
    """Logins of all users are counted by one counter, again of the same line too."""
    registrar, wire = Registrar[Wire](), Wire()
    numbers = [
        registrar.register(who, line).sequence for who, line in [(alice(), wire), (BOB, Wire()), (alice(), wire)]
    ]
    assert numbers == [1, 2, 3]


def test_login_again_on_the_same_line() -> None:
    """A fresh token on the same socket punts nobody, and makes this line the last one."""
    registrar, wire, other = Registrar[Wire](), Wire(), Wire()
    registrar.register(alice(), wire)
    registrar.register(alice(), other)
    registrar.register(alice(), wire)
    assert (wire.punted, other.punted, len(registrar)) == (0, 0, 2)
    assert registrar.line_of("alice") is wire


def test_other_user_on_the_same_line() -> None:
    """A line is one user's: whoever it was before is reached by it no more."""
    registrar, wire = Registrar[Wire](), Wire()
    registrar.register(alice(), wire)
    registrar.register(BOB, wire)
    assert registrar.line_of("alice") is None
    assert registrar.line_of("bob") is wire
    assert wire.punted == 0


def test_session_taken_over() -> None:
    """A login of the same session replaces the older one, whose line is punted, and becomes the newest."""
    registrar, old, between, new = Registrar[Wire](), Wire(), Wire(), Wire()
    registrar.register(alice(), old, session_id="one")
    registrar.register(alice(), between, session_id="two")
    registrar.register(alice(), new, session_id="one")
    assert registrar.lines_of("alice") == (new, between)
    assert (old.punted, between.punted, new.punted) == (1, 0, 0)


def test_newest_goes_away() -> None:
    """The one before it is reached again; one that was not the newest takes nobody with it."""
    registrar, first, second, third = Registrar[Wire](), Wire(), Wire(), Wire()
    for wire in (first, second, third):
        registrar.register(alice(), wire)
    registrar.unregister(second)
    assert registrar.line_of("alice") is third
    registrar.unregister(third)
    assert registrar.line_of("alice") is first
    registrar.unregister(first)
    assert registrar.line_of("alice") is None
    assert len(registrar) == 0


def test_no_fallback() -> None:
    """Without a fallback nobody is reached once the newest has gone, until somebody logs in anew."""
    registrar, first, second, third = Registrar[Wire](fallback="none"), Wire(), Wire(), Wire()
    registrar.register(alice(), first)
    registrar.register(alice(), second)
    registrar.unregister(second)
    assert registrar.line_of("alice") is None
    assert len(registrar) == 1
    registrar.register(alice(), third)
    assert registrar.lines_of("alice") == (third,)
    registrar.register(alice(), first)
    assert registrar.lines_of("alice") == (first, third)


def test_no_fallback_for_an_older_one() -> None:
    """Without a fallback, an older one that goes changes nothing."""
    registrar, first, second = Registrar[Wire](fallback="none"), Wire(), Wire()
    registrar.register(alice(), first)
    registrar.register(alice(), second)
    registrar.unregister(first)
    assert registrar.line_of("alice") is second


def test_unknown_line() -> None:
    """A line that never registered may go."""
    registrar = Registrar[Wire]()
    registrar.unregister(Wire())
    assert len(registrar) == 0


def test_indeterminate_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Where several are logged in under one name, the log says which of them is reached, also after a fallback."""
    registrar, first, second = Registrar[Wire](), Wire(), Wire()
    with caplog.at_level(logging.INFO, "botkit.exchange"):
        registrar.register(alice(), first)
        assert not caplog.messages
        registrar.register(alice(), second)
        registrar.unregister(second)
    assert caplog.messages == [
        "registrar.reached name=alice login=2 of=2",
        "registrar.fallback name=alice login=1 of=1",
    ]


def test_mixed_means(caplog: pytest.LogCaptureFixture) -> None:
    """A login by other means than those who are logged in under the name is warned of, by the same means is not."""
    registrar = Registrar[Wire]()
    registrar.register(alice("token"), Wire())
    registrar.register(alice("token"), Wire())
    assert not caplog.messages
    registrar.register(alice("credential"), Wire())
    assert caplog.messages == ["login.mixed_means name=alice by=credential beside=token"]
