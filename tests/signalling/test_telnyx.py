"""The telnyx dialect: names, logins, causes, addresses; and the shapes that dialects share."""

from __future__ import annotations

import pytest

from botkit.errors import ConfigError
from botkit.signalling import TELNYX, Anonymous, Password, TelephonyCredential, Token, choose, shapes
from botkit.signalling.dialect import Verb, named_cause
from botkit.signalling.messages import BadFrame, Request
from botkit.signalling.orders import Login
from botkit.states import CallState


def test_each_verb_is_written_as_its_first_method():
    """anonymous_login is a login too, and never written for one with a password."""
    assert TELNYX.method(Verb.LOGIN) == "login"
    assert TELNYX.method(Verb.BYE) == "telnyx_rtc.bye"
    assert {TELNYX.verb(TELNYX.method(verb)) for verb in Verb} == set(Verb)


def test_a_method_of_another_dialect_is_unknown():
    """verto.bye means nothing here."""
    assert TELNYX.verb("verto.bye") is None


@pytest.mark.parametrize("state", CallState, ids=lambda s: s.value)
def test_the_cause_of_a_bye_that_names_none(state):
    """17 before the answer, 16 after it, in every SDK."""
    expected = 16 if state in (CallState.ACTIVE, CallState.HELD, CallState.RECONNECTING, CallState.DROPPED) else 17
    assert {TELNYX.hangup_cause(state, outbound).code for outbound in (True, False)} == {expected}


@pytest.mark.parametrize(
    ("credentials", "members"),
    [
        (Password("alice", "pw"), {"login": "alice", "passwd": "pw"}),
        (TelephonyCredential("gencred1", "pw"), {"login": "gencred1", "passwd": "pw"}),
        (Token("a.b.c"), {"login_token": "a.b.c"}),
        (Anonymous("t"), {"target_type": "ai_assistant", "target_id": "t"}),
    ],
    ids=["password", "telephony credential", "token", "anonymous"],
)
def test_login_params(credentials, members):
    """Members that do not apply are left out, not null."""
    params = TELNYX.login_params(Login(credentials), None, False)
    assert members.items() <= params.items()
    assert None not in params.values()
    assert not {"login", "passwd", "login_token", "target_id"} - set(members) & set(params)
    assert TELNYX.login_method(Login(credentials)) == ("anonymous_login" if "target_id" in members else "login")


@pytest.mark.parametrize("secret", ["hunter2", "a.b.c"])
def test_credentials_hide_themselves(secret):
    """In their own repr, and in that of what carries them."""
    for credentials in (Password("u", secret), TelephonyCredential("u", secret), Token(secret)):
        assert secret not in repr(credentials)
        assert secret not in repr(Login(credentials))


def test_a_login_of_the_mobile_sdks_is_read():
    """User-Agent as text, the keys of the other form as null ([FLU])."""
    params = {"login": None, "passwd": None, "login_token": "t", "User-Agent": "Flutter-4.4.0", "sessid": "x"}
    event = TELNYX.login_requested(Request("1", "login", params))
    assert (event.credentials, event.user_agent, event.session_id) == (Token("t"), "Flutter-4.4.0", "x")


@pytest.mark.parametrize("params", [{}, {"passwd": "x"}, {"login": ["a"]}, {"sessid": "x"}])
def test_a_login_without_credentials_is_refused(params):
    """-32001, as mod_verto: "Missing params"."""
    with pytest.raises(BadFrame) as caught:
        TELNYX.login_requested(Request("1", "login", params))
    assert caught.value.code == -32001


@pytest.mark.parametrize(
    ("url", "token", "expected"),
    [
        ("wss://rtc.telnyx.com", None, "wss://rtc.telnyx.com"),
        ("wss://rtc.telnyx.com", "V S", "wss://rtc.telnyx.com/?voice_sdk_id=V+S"),
        ("ws://h:1/x?a=b&voice_sdk_id=old", "new", "ws://h:1/x?a=b&voice_sdk_id=new"),
    ],
)
def test_the_token_goes_into_the_address(url, token, expected):
    """Once, beside what was there."""
    assert TELNYX.line_url(url, token) == expected


def test_dialects_are_chosen_by_name():
    """A name that is none is the operator's mistake."""
    assert choose("telnyx") is TELNYX
    with pytest.raises(ConfigError, match="telnyx"):
        choose("sip")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ("NORMAL_CLEARING", 16)),
        ({"cause": "USER_BUSY"}, ("USER_BUSY", 17)),
        ({"causeCode": 19}, ("NO_ANSWER", 19)),
        ({"cause": "USER_BUSY", "causeCode": 16}, ("USER_BUSY", 16)),
        ({"causeCode": "21"}, ("CALL_REJECTED", 21)),
        ({"causeCode": 802}, ("ALLOTTED_TIMEOUT", 802)),
        ({"causeCode": 999}, ("CAUSE_999", 999)),
        ({"cause": "ODD"}, ("ODD", 0)),
        ({"cause": None, "causeCode": True}, ("NORMAL_CLEARING", 16)),
    ],
)
def test_causes_are_read(params, expected):
    """Text wins over number; what is missing follows from the other."""
    assert shapes.cause(params) == expected


def test_causes_are_named():
    """By name, by a short word, or as they are."""
    assert named_cause("busy", None).code == 17
    assert named_cause("USER_BUSY", 99).code == 99
    assert named_cause("ODD", None).code == 0


@pytest.mark.parametrize(
    "params",
    [
        {"dialogParams": {"callID": "k"}},
        {"dialogParams": {"callId": "k"}},
        {"callID": "k"},
        {"dialogParams": None, "callID": "k"},
    ],
)
def test_both_spellings_and_places_of_the_call_id(params):
    """callId is [AND] and [FLU] in their bye; [IOS] ringing_ack has it at the top."""
    assert shapes.call_id(params) == "k"


@pytest.mark.parametrize("prefix", ["candidate:", "a=candidate:", ""])
def test_candidates_are_read_without_prefix(prefix):
    """The text that follows is what an ICE library wants."""
    line = "1 1 udp 2122260223 192.0.2.10 50000 typ host"
    found = shapes.candidate({"callID": "k", "candidate": prefix + line, "sdpMid": "0", "sdpMLineIndex": 0})
    assert (found.candidate, found.sdp_mid, found.sdp_mline_index) == (line, "0", 0)


def test_an_empty_candidate_ends_the_list():
    """As does endOfCandidates, which has none."""
    assert shapes.candidate({"callID": "k", "candidate": ""}).candidate is None


def test_headers_are_read_from_a_list_of_any_quality():
    """What is no header is skipped."""
    found = shapes.headers({"custom_headers": [{"name": "X-A", "value": 1}, {"value": "x"}, "x", None]})
    assert found == (("X-A", "1"),)
    assert shapes.headers({"custom_headers": "x"}) == ()
