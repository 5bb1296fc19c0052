"""Users, their secrets and their numbers."""

from __future__ import annotations

import pytest

from botkit.exchange.directory import Directory, plain_address
from botkit.signalling.auth import Anonymous, Password, Token


def name_of(directory: Directory, dialled: str) -> str | None:
    user = directory.reach(dialled)
    return user.name if user else None


@pytest.fixture
def directory() -> Directory:
    directory = Directory()
    directory.add_user("alice", password="secret", numbers=("+18005550100",))
    directory.add_user("bob", password="hidden", numbers=("+1800*", "10??"))
    return directory


# --- who it is ------------------------------------------------------------------------------------


def test_password(directory: Directory) -> None:
    """A name and its password are a user."""
    user = directory.authenticate(Password("alice", "secret"))
    assert user is not None
    assert user.name == "alice"


@pytest.mark.parametrize(
    "credentials",
    [
        Password("alice", "hidden"),
        Password("alice", ""),
        Password("nobody", "secret"),
        Password("", ""),
        Password("alice", "\ud800"),
        Password("\ud800", "secret"),
        Token("secret"),
        Token(""),
        Anonymous("assistant"),
    ],
    ids=repr,
)
def test_wrong_credentials(directory: Directory, credentials: Password) -> None:
    """Whatever is wrong about them, the answer is the same: nobody."""
    assert directory.authenticate(credentials) is None


def test_token(directory: Directory) -> None:
    """A token logs in as the user it was made for, and each is another."""
    alice = next(iter(directory))
    one, other = directory.add_token(alice), directory.add_token(alice)
    assert one != other
    assert directory.authenticate(Token(one)) is alice
    assert directory.authenticate(Token(other)) is alice


def test_telephony_credential(directory: Directory) -> None:
    """A generated SIP user name and password are the user; the user's own password does not open it."""
    alice = next(iter(directory))
    name, password = directory.add_telephony_credential(alice)
    assert directory.authenticate(Password(name, password)) is alice
    assert directory.authenticate(Password(name, "secret")) is None


def test_password_made_up() -> None:
    """A user without a password gets one that cannot be guessed, and its repr hides it."""
    directory = Directory()
    one, other = directory.add_user("one"), directory.add_user("other")
    assert one.password != other.password
    assert len(one.password) >= 12
    assert one.password not in repr(one)
    assert directory.authenticate(Password("one", "")) is None


def test_same_user_again(directory: Directory) -> None:
    """Adding a user a second time adds numbers and keeps the password."""
    alice = directory.add_user("alice", numbers=("+18005550101", "+18005550100"))
    assert alice.numbers == ("+18005550100", "+18005550101")
    assert directory.authenticate(Password("alice", "secret")) is alice
    directory.add_user("alice", password="new")
    assert directory.authenticate(Password("alice", "secret")) is None


# --- whom a number reaches ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialled", "reached"),
    [
        ("+18005550100", "alice"),  # exact, though bob's pattern fits too
        ("+18005550199", "bob"),
        ("1004", "bob"),
        ("10045", None),
        ("+1900", None),
        ("", None),
        ("alice", "alice"),
        ("sip:alice@example.com", "alice"),
        ("sips:bob@127.0.0.1:5061", "bob"),
        ("SIP:alice@example.com", "alice"),
        ("sip:alice;transport=udp", "alice"),
        ("sip:+18005550100@example.com;user=phone", "alice"),
        ("tel:+18005550100", "alice"),
        (" +1 (800) 555-0100 ", "alice"),
        ("+1.800.555.0100", "alice"),
        ("alice-2", None),
    ],
)
def test_reach(directory: Directory, dialled: str, reached: str | None) -> None:
    """An exact number, then a user's name, then a pattern; signs and SIP wrapping do not matter."""
    assert name_of(directory, dialled) == reached


def test_number_with_signs() -> None:
    """A number that is written with signs is reached by the plain one."""
    directory = Directory()
    directory.add_user("clinic", numbers=("+1 (800) 555-0100",))
    assert name_of(directory, "+18005550100") == "clinic"


def test_any_is_the_last_resort(directory: Directory) -> None:
    """`any` takes what nobody else does, and nothing else."""
    directory.add_user("operator", numbers=("any",))
    assert name_of(directory, "+4930123") == "operator"
    assert name_of(directory, "1004") == "bob"
    assert name_of(directory, "alice") == "alice"


def test_most_exact_pattern() -> None:
    """Of several patterns the one that says most wins, in whichever order they came."""
    for order in (("*", "+1800*", "+18005*"), ("+18005*", "+1800*", "*")):
        directory = Directory()
        for pattern in order:
            directory.add_user(f"user {pattern}", numbers=(pattern,))
        assert name_of(directory, "+18005550100") == "user +18005*"
        assert name_of(directory, "+18001") == "user +1800*"
        assert name_of(directory, "x") == "user *"


def test_plain_address_keeps_names() -> None:
    """Only numbers lose their signs; a user name may hold dots and dashes."""
    assert plain_address("mary.ann-2") == "mary.ann-2"
