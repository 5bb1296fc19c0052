"""JSON-RPC frames: parse, print, and hide."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import RemoteProtocolError
from botkit.signalling.messages import (
    MAX_FRAME,
    BadFrame,
    ErrorReply,
    Notification,
    Reply,
    Report,
    Request,
    parse,
    redacted,
    render,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLAIN = st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.booleans(), max_size=4)
IDS = st.text() | st.integers(-(2**63), 2**63)
MESSAGES = st.one_of(
    st.builds(Request, IDS, st.text(), PLAIN),
    st.builds(Notification, st.text(), PLAIN),
    st.builds(Reply, IDS, PLAIN),
    st.builds(ErrorReply, IDS, st.integers(-40000, 0), st.text()),
    st.builds(Report, IDS, st.text()),
)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        pytest.param({"id": 1, "method": "m", "params": {"a": 1}}, Request(1, "m", {"a": 1}), id="request"),
        pytest.param({"id": "x", "method": "m"}, Request("x", "m"), id="no params"),
        pytest.param({"id": "x", "method": "m", "params": None}, Request("x", "m"), id="null params"),
        pytest.param(
            {"id": 1, "method": "m", "voice_sdk_id": "V"}, Request(1, "m", {}, {"voice_sdk_id": "V"}), id="top"
        ),
        pytest.param({"method": "m", "params": {}}, Notification("m"), id="notification"),
        pytest.param({"id": 1, "result": {"a": 1}}, Reply(1, {"a": 1}), id="reply"),
        pytest.param({"id": 1, "result": None}, Reply(1), id="null result"),
        pytest.param({"id": 1, "method": "m", "result": {}}, Reply(1, {}, {"method": "m"}), id="reply with method"),
        pytest.param(
            {"id": 1, "error": {"code": -32002, "message": "no", "callID": "k"}},
            ErrorReply(1, -32002, "no", {"callID": "k"}),
            id="error",
        ),
        pytest.param({"id": None, "error": {"code": -32600}}, ErrorReply(None, -32600, ""), id="error to nobody"),
        pytest.param({"id": 1, "error": {"code": "x", "message": 5}}, ErrorReply(1, 0, ""), id="odd error"),
        pytest.param({"id": "d", "type": "debug_report_start"}, Report("d", "debug_report_start"), id="report"),
    ],
)
def test_each_shape_is_told_by_its_members(frame, message):
    """Result and error go before method; a frame with an id and a type alone is a report."""
    assert parse(json.dumps({"jsonrpc": "2.0"} | frame)) == message


@pytest.mark.parametrize(
    ("text", "request_id"),
    [
        ("", None),
        ("#SPU 12", None),
        ("[]", None),
        ("3", None),
        ('{"id": 1, "method": "m"}', 1),
        ('{"jsonrpc": "2.0", "id": "x", "method": 5}', "x"),
        ('{"jsonrpc": "2.0", "id": "x", "method": "m", "params": []}', "x"),
        ('{"jsonrpc": "2.0", "id": true, "method": "m"}', None),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "m"}', None),
        ('{"jsonrpc": "2.0", "id": "x", "result": "text"}', "x"),
        ('{"jsonrpc": "2.0", "result": {}}', None),
        ('{"jsonrpc": "2.0", "id": "x", "error": "text"}', "x"),
        ('{"jsonrpc": "2.0", "id": "x"}', "x"),
        ('{"jsonrpc": "2.0"}', None),
        ('{"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"a": NaN}}', None),
        ("[" * 100_000, None),
        ("1" * 10_000, None),
        ('"' + "x" * MAX_FRAME + '"', None),
    ],
    ids=range(18),
)
def test_everything_else_is_the_other_ends_mistake(text, request_id):
    """The error knows the request, where there was one, and the code to reply."""
    with pytest.raises(BadFrame) as caught:
        parse(text)
    assert caught.value.request_id == request_id
    assert caught.value.code == -32600


@given(st.text() | JSON.map(json.dumps))
def test_no_text_raises_anything_but_a_remote_protocol_error(text):
    """Whatever comes over the wire."""
    with contextlib.suppress(RemoteProtocolError):
        parse(text)


@given(MESSAGES)
def test_what_is_printed_is_read_again(message):
    """Unusual characters, large integers and lone surrogates included."""
    text = render(message)
    assert parse(text) == message
    text.encode("ascii")


def test_secrets_are_blotted_out():
    """Passwords, tokens and TURN credentials, also with quotes inside; in the repr of a frame too."""
    params = {"login": "alice", "passwd": 'se"cret', "login_token": "a.b.c", "iceServers": [{"credential": "turn"}]}
    frame = Request("1", "login", params)
    for text in (redacted(render(frame)), repr(frame)):
        assert "alice" in text
        for secret in ("cret", "a.b.c", "turn"):
            assert secret not in text


def test_half_characters_are_replaced() -> None:
    """An escape that is half a character becomes U+FFFD; a pair of them stays the character that it is."""
    params = '{"a\\ud800": ["\\udfff", "\\ud83d\\ude00"]}'
    message = parse(f'{{"jsonrpc": "2.0", "id": "a", "method": "m", "params": {params}}}')
    assert isinstance(message, Request)
    assert message.params == {"a\ufffd": ["\ufffd", "\U0001f600"]}
