"""Who exists: users, their secrets, and the numbers that reach them.

A user stands for what the platform calls a credential connection with its SIP user name; tokens
and telephony credentials are further ways to log in as one. Numbers may be patterns (`+1800*`), and
`any` reaches a user from every number that nobody else has.
"""

from __future__ import annotations

import fnmatch
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from botkit.signalling.auth import Credentials, Password, Token


@dataclass(slots=True)
class User:
    """Somebody who can log in. `caller_number` is shown where the user's client names none."""

    name: str
    password: str = field(repr=False)
    numbers: tuple[str, ...] = ()
    caller_number: str = ""


class Directory:
    """Users by name, by secret and by number."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[str, User] = {}
        self._credentials: dict[str, tuple[str, User]] = {}

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def add_user(
        self, name: str, *, password: str | None = None, numbers: tuple[str, ...] = (), caller_number: str = ""
    ) -> User:
        """Make a user, or give the one of this name further numbers. Without a password, one is made up."""
        numbers = tuple(plain_address(number) for number in numbers)
        user = self._users.get(name)
        if user is None:
            user = self._users[name] = User(name, password or secrets.token_urlsafe(12), numbers, caller_number)
        else:
            user.numbers = tuple(dict.fromkeys((*user.numbers, *numbers)))
            if password is not None:
                user.password = password
        return user

    def add_token(self, user: User) -> str:
        """A new token that logs in as `user`."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = user
        return token

    def add_telephony_credential(self, user: User) -> tuple[str, str]:
        """A new generated SIP user name and password that log in as `user`."""
        name, password = f"gencred{secrets.token_hex(8)}", secrets.token_urlsafe(12)
        self._credentials[name] = (password, user)
        return name, password

    def authenticate(self, credentials: Credentials) -> User | None:
        """The user these credentials belong to; None for any other, whichever part of them was wrong."""
        if isinstance(credentials, Token):
            return self._tokens.get(credentials.token)
        if not isinstance(credentials, Password):
            return None  # nobody is anonymous here
        user = self._users.get(credentials.login)
        expected = user.password if user is not None else ""
        if user is None and credentials.login in self._credentials:
            expected, user = self._credentials[credentials.login]
        # "surrogatepass": JSON may hold half characters, and a wrong password is no error of ours.
        given = credentials.password.encode(errors="surrogatepass")
        same = hmac.compare_digest(expected.encode(errors="surrogatepass"), given)
        return user if same and user is not None else None

    def reach(self, destination: str) -> User | None:
        """Whom a dialled address reaches: an exact number, a user name, a pattern, then `any`."""
        dialled = plain_address(destination)
        for user in self._users.values():
            if dialled in user.numbers:
                return user
        if dialled in self._users:
            return self._users[dialled]
        patterns = [
            (number, user)
            for user in self._users.values()
            for number in user.numbers
            if any(sign in number for sign in "*?[") and fnmatch.fnmatchcase(dialled, number)
        ]
        if patterns:  # the most exact pattern wins
            return max(patterns, key=lambda entry: len(entry[0].replace("*", "")))[1]
        return next((user for user in self._users.values() if "any" in user.numbers), None)


def plain_address(destination: str) -> str:
    """The user part of a SIP or tel URI, or a number without the signs that people write in it."""
    address = re.sub(r"^(sips?|tel):", "", destination.strip(), flags=re.IGNORECASE)
    address = address.split("@")[0].split(";")[0]
    if re.fullmatch(r"\+?[\d\s().-]+", address):
        return re.sub(r"[\s().-]", "", address)
    return address
