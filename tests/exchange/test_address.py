"""Dialled addresses, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.exchange.address import Address, parse_address
from botkit.exchange.directory import Directory
from botkit.exchange.route import NotRouted


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("+13128889999", Address("+13128889999")),
        (" +1 (312) 888-9999 ", Address("+13128889999")),
        ("tel:+1-312-888-9999", Address("+13128889999")),
        ("100", Address("100")),
        ("alice", Address("alice")),
        ("sip:alice@sip.telnyx.com", Address("alice", "sip.telnyx.com")),
        ("alice@sip.telnyx.com", Address("alice", "sip.telnyx.com")),  # the scheme may be left out
        ("SIPS:Alice@SIP.Telnyx.Com.:5061", Address("Alice", "sip.telnyx.com")),
        ("sip:alice:secret@[::1]:5060;transport=ws", Address("alice", "::1")),
        ("sip:+13128889999@sip.telnyx.com;user=phone", Address("+13128889999", "sip.telnyx.com")),
        ("+13128889999;secure=srtp", Address("+13128889999", secure="srtp")),
        ("sip:alice@sip.telnyx.com;secure=dtls", Address("alice", "sip.telnyx.com", secure="dtls")),
        ("sip:alice@sip.telnyx.com;secure=maybe", Address("alice", "sip.telnyx.com")),
        ("+13128889999,,123#", Address("+13128889999", post_dial=",123#")),
        ("+1 312 888 9999,1W2", Address("+13128889999", post_dial="1W2")),
        ("+13128889999,,123#;secure=srtp", Address("+13128889999", post_dial=",123#", secure="srtp")),
        ("+13128889999;secure=srtp,,123#", Address("+13128889999", post_dial=",123#", secure="srtp")),
        ("sip:alice@sip.telnyx.com,42", Address("alice", "sip.telnyx.com", "42")),
        ("Doe, Jane", Address("Doe, Jane")),  # a name may hold a comma
        ("+13128889999,hello", Address("+13128889999,hello")),
        ("mary.ann-2", Address("mary.ann-2")),  # only numbers lose their signs
        ("", Address("")),
        ("sip:@sip.telnyx.com", Address("", "sip.telnyx.com")),
        ("@", Address("")),
        ("+", Address("+")),
    ],
)
def test_parts(text: str, address: Address) -> None:
    """Scheme, signs, port, parameters and digits to be sent later are no part of whom one calls."""
    assert parse_address(text) == address


@given(st.text(alphabet=st.sampled_from("+1 ().-,;:@[]*#sipte=W\u0663\ud800\n"), max_size=30))
def test_any_text(text: str) -> None:
    """Any text is an address; what is taken apart once stays so, and nothing reaches somebody by accident."""
    address = parse_address(text)
    again = parse_address(address.user) if address.is_number else address
    assert again.user == address.user
    route = Directory().route(text)
    assert isinstance(route, NotRouted)


def test_long_texts() -> None:
    """A text as long as a frame is taken apart in a time that grows with its length, not with its square."""
    for text in ("1" * 200_000 + "x", "+" + "1," * 100_000 + "x", "sip:" + "a;" * 100_000, "1 " * 100_000 + ",;"):
        parse_address(text)


@pytest.mark.parametrize(("user", "number"), [("+1312", True), ("100", True), ("1x", False), ("+", False), ("", False)])
def test_numbers(user: str, number: bool) -> None:
    """A number is digits, with or without a plus."""
    assert Address(user).is_number is number
