"""What people dial: a number or a name, as it stands or as a SIP or tel URI, with what may hang on it.

Behind a number may stand digits to be sent after the answer (`+18005550100,,123#`), behind a URI the wish for
encrypted media (`;secure=srtp`); both are forms of the SDK's `to` ([SDK] types/call_dial_params.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"\+?[0-9\s().-]+")
_POST_DIAL = re.compile(r"([^,]*),([0-9A-Da-d*#wW,]*)(;[^,]*)?")


@dataclass(frozen=True, slots=True)
class Address:
    """A dialled address, taken apart.

    `user` is a number without the signs that people write in it, or a name as it was written; `host` is in small
    letters, without its port, and empty where none was given. `post_dial` holds digits and pauses (a comma each);
    `secure` is `srtp`, `dtls` or empty.
    """

    user: str
    host: str = ""
    post_dial: str = ""
    secure: str = ""

    @property
    def is_number(self) -> bool:
        """Digits with or without a plus."""
        return re.fullmatch(r"\+?[0-9]+", self.user) is not None


def parse_address(text: str) -> Address:
    """Take a dialled address apart. Any text is one; an empty user reaches nobody."""
    given = text.strip()
    address = re.sub(r"^(sips?|tel):", "", given, flags=re.IGNORECASE)
    is_uri = address != given or "@" in address
    post_dial = ""
    # A comma is part of a name ("Doe, Jane"), but not of a number or of a URI.
    found = _POST_DIAL.fullmatch(address)
    if found and (is_uri or _is_number(found[1].split(";")[0])):
        address, post_dial = found[1] + (found[3] or ""), found[2]
    address, *parameters = address.split(";")
    user, _, host = address.partition("@")
    user = user.partition(":")[0] if host else user  # a password in a SIP URI is nobody's business
    if _is_number(user):
        user = re.sub(r"[\s().-]", "", user)
    pairs = (parameter.strip().lower().partition("=") for parameter in parameters)
    secure = next((value for name, _, value in pairs if name == "secure"), "")
    return Address(user, _host(host), post_dial, secure if secure in ("srtp", "dtls") else "")


def _is_number(text: str) -> bool:
    """Whether these are the signs of a number, with a digit among them."""
    return _NUMBER.fullmatch(text) is not None and any(sign.isdigit() for sign in text)


def _host(text: str) -> str:
    host = text.strip().lower()
    if host.startswith("["):  # an IPv6 address
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def plain_address(destination: str) -> str:
    """The user part of an address: a number without the signs that people write in it, or a name."""
    return parse_address(destination).user
