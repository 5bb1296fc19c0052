"""XML from strangers: what is not safe is refused before it costs anything."""

from __future__ import annotations

import pytest

from botkit.exchange.texml.elements import MAX_BYTES, read_elements
from botkit.exchange.texml.errors import NotADocument


def test_elements_know_their_lines() -> None:
    """The line of an element is that of its start tag."""
    root = read_elements(b"<?xml version='1.0'?>\n<Response>\n  <Say>a</Say>\n\n  <Pause/></Response>")
    assert [(child.name, child.line) for child in root.children] == [("Say", 3), ("Pause", 5)]


def test_text_is_one_line() -> None:
    """Line breaks and indents in a text are layout, those of inner elements included."""
    root = read_elements("<Response>\n  ein <b>schöner</b>\n  Tag &amp; so\n</Response>".encode())
    assert root.text == "ein schöner Tag & so"


BOMB = b"""<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><Response><Say>&c;</Say></Response>"""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(BOMB, "document type", id="entity bomb"),
        pytest.param(b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><Response/>', "document type", id="external DTD"),
        pytest.param(b"<!DOCTYPE html><html/>", "document type", id="a web page"),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1/x">]><Response>&x;</Response>',
            "document type",
            id="external entity",
        ),
        pytest.param(b"<Response>&x;</Response>", "undefined entity", id="undefined entity"),
        pytest.param(b"<Response><Say></Response>", "mismatched tag", id="mismatched tag"),
        pytest.param(b"<Response>" + b"<a>" * 20, "too deep", id="too deep"),
        pytest.param(b"<Response>" + b"<a/>" * 1001, "more than 1000 elements", id="too many"),
        pytest.param(b"<Response>" + b" " * MAX_BYTES + b"</Response>", "more than 64 kB", id="too large"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \n", "empty", id="blank"),
        pytest.param(b"not xml", "not well-formed", id="a text"),
        pytest.param(b"<Response>\xff\xfe</Response>", "not well-formed", id="not UTF-8"),
        pytest.param(b'<?xml version="1.0" encoding="nosuch"?><Response/>', "encoding", id="unknown encoding"),
        pytest.param(b'<?xml version="1.0" encoding="utf-7"?><Response/>', "encoding", id="encoding of many bytes"),
    ],
)
def test_refused(body: bytes, why: str) -> None:
    """The refusal says what was wrong with the bytes."""
    with pytest.raises(NotADocument, match=why):
        read_elements(body)


def test_the_line_of_a_mistake() -> None:
    """A mistake in the XML is told with its line."""
    with pytest.raises(NotADocument, match="line 3: not well-formed XML: mismatched tag") as caught:
        read_elements(b"<Response>\n<Say>\n</Response>")
    assert caught.value.line == 3
