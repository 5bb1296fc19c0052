"""The client role, one frame at a time, and its call table cell by cell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import LocalProtocolError
from botkit.events import (
    Answered,
    CallAccepted,
    CallRefused,
    CandidateReceived,
    ClientReady,
    EarlyMedia,
    Ended,
    Incoming,
)
from botkit.signalling import TELNYX, ClientProtocol
from botkit.signalling.facts import HangupAccepted, ProtocolViolated
from botkit.signalling.orders import Answer, Hangup, Invite, LineUp, Login, Modify, SendBye, SendInfo
from botkit.states import CALL_TRANSITIONS, LOGIN_TRANSITIONS, CallFact, CallState, LoginFact, LoginState

from .pair import ALICE, ANSWER, OFFER, End, Pair, new_uuids


class Client(End):
    """A client machine and short ways to speak to it."""

    def __init__(self) -> None:
        super().__init__(ClientProtocol(TELNYX, new_uuid=new_uuids()))
        self.now = 100.0
        self.count = 0
        self.order(LineUp())

    def order(self, order: Any) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.took(self.protocol.step(order, self.now))]

    def hears(self, **frame: Any) -> list[dict[str, Any]]:
        return self.order(json.dumps({"jsonrpc": "2.0"} | frame))

    def asked(self, method: str, **params: Any) -> list[dict[str, Any]]:
        self.count += 1
        return self.hears(id=self.count, method=f"telnyx_rtc.{method}", params=params)

    def result(self, **result: Any) -> list[dict[str, Any]]:
        """The reply to its last request."""
        request = next(frame for frame in reversed(self.sent) if "method" in frame)
        return self.hears(id=request["id"], result=result)

    def ready(self) -> Client:
        self.order(Login(ALICE))
        self.result(message="logged in", sessid="s-1")
        self.asked("clientReady", reattached_sessions=[])
        self.result(params={"state": "REGED"}, sessid="s-1")
        assert self.saw(ClientReady)
        return self

    def calling(self) -> Client:
        self.order(Invite("k-1", "1002", OFFER))
        return self


@pytest.fixture
def client() -> Client:
    return Client().ready()


# --- the tables, cell by cell -------------------------------------------------------------------

FRAMES: dict[CallFact, tuple[str, dict[str, Any]]] = {
    CallFact.RANG: ("ringing", {}),
    CallFact.EARLY_MEDIA: ("media", {"sdp": ANSWER}),
    CallFact.ANSWERED: ("answer", {"sdp": ANSWER}),
    CallFact.BYE_RECEIVED: ("bye", {"cause": "NORMAL_CLEARING", "causeCode": 16}),
    CallFact.REATTACHED: ("attach", {"sdp": OFFER}),
}
STATES = [state for state in CallState if state is not CallState.NEW]


@pytest.mark.parametrize("fact", FRAMES, ids=lambda f: f.value)
@pytest.mark.parametrize("state", STATES, ids=lambda s: s.value)
def test_a_frame_moves_the_call_as_the_table_says(client, state, fact):
    """Where there is no row, the call stays where it was and the frame is reported."""
    client.calling()
    call = client.protocol._calls["k-1"]
    call.state = state
    if state.is_over:
        client.protocol._over["k-1"] = client.protocol._calls.pop("k-1")
    method, params = FRAMES[fact]
    client.asked(method, callID="k-1", **params)
    after = CALL_TRANSITIONS[state].get(fact)
    if fact is CallFact.REATTACHED:
        assert client.protocol.call_state("k-1") is state  # an offer moves nothing until it is answered
    else:
        assert client.protocol.call_state("k-1") is (after or state)
    assert bool(client.saw(ProtocolViolated)) is (after is None)


@pytest.mark.parametrize("fact", [CallFact.BYE_SENT, CallFact.HOLD, CallFact.ANSWER_SENT], ids=lambda f: f.value)
@pytest.mark.parametrize("state", STATES, ids=lambda s: s.value)
def test_an_order_is_taken_where_the_table_has_a_row(client, state, fact):
    """Where there is none it raises, and nothing is sent."""
    client.asked("invite", callID="k-1", sdp=OFFER)
    client.protocol._calls["k-1"].state = state
    order = {
        CallFact.BYE_SENT: Hangup("k-1"),
        CallFact.HOLD: Modify("k-1", "hold"),
        CallFact.ANSWER_SENT: Answer("k-1", ANSWER),
    }[fact]
    if state.is_over:
        client.protocol._over["k-1"] = client.protocol._calls.pop("k-1")
        assert client.order(order) == []
    elif fact in CALL_TRANSITIONS[state]:
        assert len(client.order(order)) == 1
    else:
        with pytest.raises(LocalProtocolError):
            client.order(order)
        assert client.protocol.call_state("k-1") is state


@pytest.mark.parametrize("state", LoginState, ids=lambda s: s.value)
def test_a_login_is_sent_where_the_table_has_a_row(state):
    """In any state but without a line, or after a punt."""
    client = Client()
    client.protocol.login_state = state
    if LoginFact.LOGIN_SENT in LOGIN_TRANSITIONS[state]:
        assert client.order(Login(ALICE))[0]["method"] == "login"
    else:
        with pytest.raises(LocalProtocolError):
            client.order(Login(ALICE))
        assert client.protocol.login_state is state


# --- what comes in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ringing", "media", "answer", "display", "candidate", "bye"])
def test_requests_about_our_calls_are_acknowledged_with_their_method(client, method):
    """As [JS] does, also when the call is over; not for a call that is none of ours."""
    client.calling()
    (ack,) = [f for f in client.asked(method, callID="k-1", sdp=ANSWER) if "result" in f]
    assert ack == {"jsonrpc": "2.0", "id": client.count, "result": {"method": f"telnyx_rtc.{method}"}}
    client.order(Hangup("k-1"))
    assert client.asked(method, callID="k-1", sdp=ANSWER)[-1]["result"] == {"method": f"telnyx_rtc.{method}"}
    assert client.asked(method, callID="k-9", sdp=ANSWER) == []


@pytest.mark.parametrize("method", ["clientReady", "info", "event", "gatewayState", "endOfCandidates"])
def test_these_are_not_acknowledged(client, method):
    """By no SDK."""
    assert not [frame for frame in client.asked(method, callID="k-1") if "result" in frame]


def test_an_unknown_method_is_acknowledged_and_ignored(client):
    """A server that waits for a reply gets one."""
    assert client.asked("novelty", x=1)[0]["result"] == {"method": "telnyx_rtc.novelty"}
    assert not client.saw(ProtocolViolated)


def test_a_ping_is_answered_by_a_ping(client):
    """With the token, and an id of its own ([JS])."""
    client.hears(id=1, method="telnyx_rtc.ping", params={"serno": 1}, voice_sdk_id="VSDK1x")
    assert client.sent[-1]["method"] == "telnyx_rtc.ping"
    assert client.sent[-1]["voice_sdk_id"] == "VSDK1x"
    assert client.protocol.voice_sdk_id == "VSDK1x"  # type: ignore[attr-defined]


def test_replies_count_in_any_order(client):
    """Each settles the request that it names."""
    client.order(Invite("k-1", "1", OFFER))
    client.order(Invite("k-2", "2", OFFER))
    first, second = (frame["id"] for frame in client.said("telnyx_rtc.invite"))
    for request_id in (second, first, first):
        client.hears(id=request_id, result={"message": "CALL CREATED"})
    assert [event.call_id for event in client.saw(CallAccepted)] == ["k-2", "k-1"]


def test_the_sdp_may_come_with_the_result_of_the_invite(client):
    """Seen with early_sdp_answer; later copies are not taken."""
    client.calling()
    client.result(callID="k-1", sdp=ANSWER)
    client.asked("media", callID="k-1", sdp="v=0\r\nother")
    client.asked("answer", callID="k-1", sdp="v=0\r\nother")
    assert client.saw(EarlyMedia) == [EarlyMedia("k-1", ANSWER)]
    assert client.saw(Answered) == [Answered("k-1", None)]


def test_an_answer_before_the_result_of_the_invite(client):
    """Out of order, and tolerated: the state never falls back."""
    client.calling()
    client.asked("answer", callID="k-1", sdp=ANSWER)
    invite = client.said("telnyx_rtc.invite")[0]
    client.hears(id=invite["id"], result={"message": "CALL CREATED"})
    assert client.protocol.call_state("k-1") is CallState.ACTIVE


def test_an_answer_without_any_sdp_ends_the_call(client):
    """Nothing could ever be heard."""
    client.calling()
    client.asked("answer", callID="k-1")
    assert client.last(Ended).cause == "MANDATORY_IE_MISSING"
    assert client.said("telnyx_rtc.bye")
    assert client.saw(ProtocolViolated)


def test_media_without_sdp_is_ignored(client):
    """And reported."""
    client.calling()
    client.asked("media", callID="k-1")
    assert client.protocol.call_state("k-1") is CallState.CONNECTING
    assert client.saw(ProtocolViolated)


def test_candidates_are_handed_on_before_the_invite_is_done(client):
    """Without their prefix; endOfCandidates is a candidate of None."""
    client.calling()
    client.asked("candidate", callID="k-1", candidate="candidate:1 1 udp 1 192.0.2.1 5 typ host", sdpMid="0")
    client.asked("endOfCandidates", callID="k-1")
    assert client.saw(CandidateReceived) == [
        CandidateReceived("k-1", "1 1 udp 1 192.0.2.1 5 typ host", "0"),
        CandidateReceived("k-1"),
    ]


def test_progress_of_a_call_that_we_take_is_reported(client):
    """Ringing is for the one who placed the call."""
    client.asked("invite", callID="k-2", sdp=OFFER)
    client.asked("answer", callID="k-2", sdp=ANSWER)
    assert client.protocol.call_state("k-2") is CallState.RINGING
    assert client.saw(ProtocolViolated)


def test_an_invite_needs_a_login():
    """A server that calls us before is not believed."""
    client = Client()
    client.asked("invite", callID="k-2", sdp=OFFER)
    assert not client.saw(Incoming)
    assert client.saw(ProtocolViolated)


def test_an_invite_without_sdp_is_no_call(client):
    """Nor one for a call that there is."""
    client.asked("invite", callID="k-2")
    assert client.protocol.call_state("k-2") is None
    client.calling()
    client.asked("invite", callID="k-1", sdp=OFFER)
    assert not client.saw(Incoming)
    assert len(client.saw(ProtocolViolated)) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("NORMAL_TEMPORARY_FAILURE", 41)),
        ({"cause": "USER_BUSY", "causeCode": 17}, ("USER_BUSY", 17)),
    ],
)
def test_an_invite_refused_by_an_error_is_over(client, data, expected):
    """With mod_verto's cause, where it gives one; no bye is sent."""
    client.calling()
    request_id = client.sent[-1]["id"]
    client.hears(id=request_id, error={"code": -32002, "message": "CALL ERROR"} | data)
    assert client.last(CallRefused) == CallRefused("k-1", "invite", -32002, "CALL ERROR")
    ended = client.last(Ended)
    assert (ended.cause, ended.code, ended.by_us) == (*expected, False)
    assert not client.said("telnyx_rtc.bye")


def test_a_refused_bye_ends_the_call_as_well(client):
    """CALL DOES NOT EXIST: then it is over there, too."""
    client.calling()
    client.order(Hangup("k-1"))
    client.hears(id=client.sent[-1]["id"], error={"code": -32002, "message": "CALL DOES NOT EXIST"})
    assert client.saw(HangupAccepted)


def test_refused_digits_are_told(client):
    """The call goes on."""
    client.calling()
    client.order(SendInfo("k-1", "1"))
    client.hears(id=client.sent[-1]["id"], error={"code": -32002, "message": "no"})
    assert client.last(CallRefused).method == "info"
    assert client.protocol.call_state("k-1") is CallState.CONNECTING


def test_ready_without_client_ready():
    """Five seconds after the result the poll goes out anyway."""
    client = Client()
    client.order(Login(ALICE))
    client.result(sessid="s-1")
    client.now += 5
    client.order(None)
    assert client.sent[-1]["method"] == "telnyx_rtc.gatewayState"
    client.result(params={"state": "REGED"})
    assert client.saw(ClientReady)


def test_a_pushed_state_makes_ready():
    """Understood by [JS] and [AND]; here, too."""
    client = Client()
    client.order(Login(ALICE))
    client.result(sessid="s-1")
    client.asked("gatewayState", state="REGED")
    client.asked("clientReady", reattached_sessions=[])
    assert len(client.saw(ClientReady)) == 1
    assert not client.saw(ProtocolViolated)


def test_a_poll_given_up_may_still_be_answered():
    """Its late reply is as good as another."""
    client = Client()
    client.order(Login(ALICE))
    client.result(sessid="s-1")
    client.asked("clientReady", reattached_sessions=[])
    poll = client.sent[-1]["id"]
    client.now += 6
    client.order(None)
    client.hears(id=poll, result={"params": {"state": "REGED"}, "sessid": "s-1"})
    assert client.saw(ClientReady)


def test_orders_of_the_other_role_are_mistakes(client):
    """A client does not say bye; it hangs up."""
    with pytest.raises(LocalProtocolError):
        client.order(SendBye("k-1"))


def test_time_that_stands_still_changes_nothing(client):
    """A step with nothing given and nothing due is silent."""
    output = client.protocol.step(None, client.now)
    assert (output.send, output.events, output.close) == ((), (), None)
    assert output.wake_at is not None


def test_ids_of_requests_are_uuids():
    """As in every SDK, and no two alike."""
    pair = Pair().ready()
    pair.call()
    ids = [frame["id"] for frame in pair.client.sent if "method" in frame]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(request_id, str) and len(request_id) == 36 for request_id in ids)


def test_a_login_that_the_server_has_lost_is_made_again() -> None:
    """-32000: log in, and ask the same again, with the session that the server names now ([JS] logs in, too)."""
    client = Client().ready()
    [invite] = client.order(Invite("c-1", "+1", OFFER))
    [login] = client.hears(id=invite["id"], error={"code": -32000, "message": "Authentication Required"})
    assert login["method"] == "login"
    [again] = client.hears(id=login["id"], result={"message": "logged in", "sessid": "s-2"})
    assert (again["method"], again["params"]["sessid"], invite["params"]["sessid"]) == (invite["method"], "s-2", "s-1")
    assert again["params"]["dialogParams"] == invite["params"]["dialogParams"]
    assert client.protocol.call_state("c-1") is CallState.CONNECTING


def test_a_poll_that_meets_a_lost_login_follows_the_new_one() -> None:
    """It is not asked again by itself."""
    client = Client().ready()
    client.asked("gatewayState", state="UNREGED")
    client.now += 2.5
    [poll] = client.order(None)
    [login] = client.hears(id=poll["id"], error={"code": -32000, "message": "Authentication Required"})
    assert client.hears(id=login["id"], result={"message": "logged in", "sessid": "s-2"}) == []
    [poll] = client.asked("clientReady", reattached_sessions=[])
    assert poll["method"] == "telnyx_rtc.gatewayState"
