"""The server role, one frame at a time: what authors of servers tend to forget."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import LocalProtocolError
from botkit.events import CandidateReceived, InfoReceived
from botkit.signalling import TELNYX, ServerProtocol
from botkit.signalling.facts import (
    ByeReceived,
    CallsWanted,
    InviteReceived,
    LoginRequested,
    ProtocolViolated,
    RequestAcknowledged,
)
from botkit.signalling.orders import (
    AcceptAnswer,
    AcceptLogin,
    Hangup,
    LineDown,
    LineUp,
    RefuseRequest,
    SendAnswer,
    SendAttach,
    SendBye,
    SendDisplay,
    SendInfo,
    SendInvite,
    SendMedia,
    SendPunt,
    SendRinging,
)
from botkit.states import CallState

from .pair import ANSWER, IDS, OFFER, End

CALL = {"callID": "k-1", "destination_number": "1002", "caller_id_name": "A", "caller_id_number": "1"}


class Server(End):
    """A server machine and short ways to speak to it."""

    def __init__(self) -> None:
        super().__init__(ServerProtocol(TELNYX, "VSDK1demo"))
        self.now = 100.0
        self.order(LineUp())

    def order(self, order: Any) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.took(self.protocol.step(order, self.now))]

    def hears(self, **frame: Any) -> list[dict[str, Any]]:
        return self.order(json.dumps({"jsonrpc": "2.0"} | frame))

    def asked(self, method: str, request_id: Any = "r", **params: Any) -> dict[str, Any]:
        """The one reply to a request."""
        replies = [f for f in self.hears(id=request_id, method=method, params=params) if "method" not in f]
        assert len(replies) == 1
        assert replies[0]["id"] == request_id
        assert type(replies[0]["id"]) is type(request_id)
        return replies[0]

    def logged_in(self) -> Server:
        self.hears(id="l", method="login", params={"login": "alice", "passwd": "x"})
        self.order(AcceptLogin("l", "s-1"))
        return self

    def invited(self, call_id: str = "k-1") -> dict[str, Any]:
        return self.asked("telnyx_rtc.invite", "i", sdp=OFFER, dialogParams=CALL | {"callID": call_id})


@pytest.fixture
def server() -> Server:
    return Server().logged_in()


@pytest.mark.parametrize("request_id", ["uuid", 17, "", 0, -1], ids=repr)
def test_ids_are_echoed_unchanged(server, request_id):
    """Text stays text, and numbers stay numbers."""
    assert server.asked("telnyx_rtc.ping", request_id)["result"] == {"message": "PONG", "sessid": "s-1"}


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("telnyx_rtc.subscribe", {"eventChannel": ["x"]}, None),
        ("telnyx_rtc.unsubscribe", {}, None),
        ("telnyx_rtc.broadcast", {}, None),
        ("telnyx_rtc.ringing_ack", {"callID": "k"}, None),
        ("telnyx_rtc.attachCalls", {}, "OK"),
        ("telnyx_rtc.disable_push_notification", {"user": "a"}, "disable push notification success"),
        ("ai_conversation", {"type": "conversation.item.create"}, None),
        ("telnyx_rtc.candidate", {"candidate": "candidate:1", "dialogParams": {"callID": "never seen"}}, None),
        ("telnyx_rtc.endOfCandidates", {"dialogParams": {"callID": "never seen"}}, None),
        ("telnyx_rtc.info", {"dtmf": "1", "dialogParams": {"callID": "never seen"}}, "SENT"),
    ],
)
def test_courtesies_have_a_result_with_the_session(server, method, params, message):
    """An object, with `sessid`, for each frame that has an id."""
    result = server.asked(method, **params)["result"]
    assert result["sessid"] == "s-1"
    assert result.get("message") == message


def test_a_woken_client_asks_for_its_call(server):
    """The exchange sends the invite that waits."""
    server.asked("telnyx_rtc.attachCalls")
    assert server.saw(CallsWanted)


@pytest.mark.parametrize("kind", ["debug_report_start", "debug_report_data", "debug_report_stop"])
def test_debug_reports_have_a_result(kind):
    """[JS] holds its invite back until it comes; logged in or not."""
    for server in (Server(), Server().logged_in()):
        (reply,) = server.hears(id="d", type=kind, debug_report_id="x")
        assert reply["id"] == "d"
        assert isinstance(reply["result"], dict)


def test_an_unknown_method_is_refused(server):
    """-32601, in mod_verto's words."""
    error = server.asked("telnyx_rtc.nosuch")["error"]
    assert error == {"code": -32601, "message": "Invalid Method, Missing Method or Permission Denied"}


@pytest.mark.parametrize("method", ["telnyx_rtc.invite", "telnyx_rtc.bye", "telnyx_rtc.gatewayState", "nosuch"])
def test_all_but_a_login_wants_a_login_first(method):
    """-32000: the SDK logs in and may try again."""
    assert Server().asked(method)["error"]["code"] == -32000


def test_a_login_without_credentials_is_never_answered_with_authentication_required():
    """-32001, so that [JS] does not log in again without end."""
    assert Server().asked("login", userVariables={})["error"]["code"] == -32001


@pytest.mark.parametrize(
    "frame",
    [
        {"id": 5, "result": {"method": "telnyx_rtc.invite"}},
        {"id": "unknown", "result": {"message": "PONG", "sessid": "x"}},
        {"id": "unknown", "error": {"code": -1, "message": "no"}},
        {"id": None, "error": {"code": -32600, "message": "no"}},
        {"method": "ai_conversation", "params": {}},
    ],
    ids=["acknowledgement", "pong", "error", "error to nobody", "notification"],
)
def test_what_wants_no_reply_gets_none(server, frame):
    """Replies to nothing of ours, and notifications, are no mistakes either."""
    assert server.hears(**frame) == []
    assert not server.saw(ProtocolViolated)


def test_our_own_ping_echoed_is_answered_and_confuses_nothing(server):
    """[AND] and [IOS] send the server's ping back, byte for byte."""
    server.now += 13
    (ping,) = server.order(None)
    (pong,) = server.order(json.dumps(ping))
    assert pong["id"] == ping["id"]
    assert pong["result"]["message"] == "PONG"


@pytest.mark.parametrize(
    ("text", "request_id"), [("not json", None), ('{"jsonrpc":"1.0","id":"x","method":"login"}', "x"), ("[]", None)]
)
def test_what_is_no_frame_is_refused_and_the_line_goes_on(server, text, request_id):
    """-32600, to whom it may concern."""
    (reply,) = server.order(text)
    assert (reply["id"], reply["error"]["code"]) == (request_id, -32600)
    assert server.saw(ProtocolViolated)
    assert "result" in server.asked("telnyx_rtc.ping")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "Params data missing"),
        ({"sdp": OFFER}, "Dialog data missing"),
        ({"sdp": OFFER, "dialogParams": {"destination_number": "1"}}, "CallID missing"),
        ({"dialogParams": CALL}, "SDP missing"),
        ({"sdp": None, "dialogParams": CALL}, "SDP missing"),
    ],
)
def test_an_incomplete_invite_is_refused_in_mod_vertos_words(server, params, text):
    """-32002, and no call."""
    assert server.asked("telnyx_rtc.invite", **params)["error"] == {"code": -32002, "message": text}
    assert not server.protocol.calls


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "action missing"),
        ({"action": "transfer"}, "destination missing"),
        ({"action": "replace"}, "replaceCallID missing"),
        ({"action": "updateMedia"}, "SDP missing"),
    ],
)
def test_an_incomplete_modify_is_refused(server, params, text):
    """-32002, and nothing waits."""
    server.invited()
    server.order(SendAnswer("k-1", ANSWER))
    error = server.asked("telnyx_rtc.modify", **params, dialogParams={"callID": "k-1"})["error"]
    assert error == {"code": -32002, "message": text}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("telnyx_rtc.modify", {"action": "hold"}),
        ("telnyx_rtc.answer", {"sdp": ANSWER}),
        ("telnyx_rtc.attach", {"sdp": ANSWER}),
    ],
)
def test_requests_about_a_call_that_is_none_are_refused(server, method, params):
    """CALL DOES NOT EXIST."""
    error = server.asked(method, **params, dialogParams={"callID": "k-9"})["error"]
    assert error["message"] == "CALL DOES NOT EXIST"


def test_a_call_that_is_not_answered_cannot_be_modified(server):
    """Nor answered by the one who placed it, nor attached."""
    server.invited()
    for method in ("modify", "answer", "attach"):
        reply = server.asked(f"telnyx_rtc.{method}", sdp=OFFER, action="hold", dialogParams={"callID": "k-1"})
        assert reply["error"]["code"] == -32002
    assert server.protocol.call_state("k-1") is CallState.CONNECTING


@pytest.mark.parametrize("spelling", ["callID", "callId"])
def test_a_bye_is_replied_to_at_once_in_both_spellings(server, spelling):
    """The result repeats the cause."""
    server.invited()
    said = {"cause": "USER_BUSY", "causeCode": 17}
    result = server.asked("telnyx_rtc.bye", dialogParams={spelling: "k-1"}, sessId="x", **said)["result"]
    assert result == {"callID": "k-1", "message": "CALL ENDED", "sessid": "s-1", **said}
    assert server.last(ByeReceived) == ByeReceived("k-1", "USER_BUSY", 17)


def test_a_bye_for_a_call_that_is_over_or_unknown_has_a_result_too(server):
    """Without one [JS] waits five seconds and gives the line up after ten."""
    server.invited()
    server.order(SendBye("k-1", "USER_BUSY"))
    for call_id in ("k-1", "never seen"):
        assert "result" in server.asked("telnyx_rtc.bye", dialogParams={"callID": call_id})
    assert not server.saw(ByeReceived)


def test_candidates_are_handed_on_before_during_and_twice(server):
    """endOfCandidates may come twice; after the end of the call nothing is handed on."""
    line = "candidate:1 1 udp 1 192.0.2.1 5 typ host"
    for _ in range(2):
        server.asked("telnyx_rtc.candidate", candidate=line, sdpMid="0", dialogParams={"callID": "k-1"})
        server.asked("telnyx_rtc.endOfCandidates", endOfCandidates=True, dialogParams={"callID": "k-1"})
        server.invited()
    assert [c.candidate is None for c in server.saw(CandidateReceived)] == [False, True, False, True]
    server.order(SendBye("k-1"))
    server.asked("telnyx_rtc.candidate", candidate=line, dialogParams={"callID": "k-1"})
    assert len(server.saw(CandidateReceived)) == 4


def test_a_trickling_invite_says_so(server):
    """Its SDP may hold no candidates."""
    server.asked("telnyx_rtc.invite", sdp=OFFER, trickle=True, dialogParams=CALL)
    assert server.last(InviteReceived).trickle


def test_an_unknown_action_is_the_exchanges_to_judge(server):
    """mod_verto gives such a request a normal result; letters count in any case."""
    server.invited()
    server.order(SendAnswer("k-1", ANSWER))
    server.hears(id="m", method="telnyx_rtc.modify", params={"action": "HOLD", "dialogParams": {"callID": "k-1"}})
    assert server.events[-1].action == "hold"  # type: ignore[attr-defined]
    with pytest.raises(LocalProtocolError):
        server.order(AcceptAnswer("m"))
    (reply,) = server.order(RefuseRequest("m", -32002, "no"))
    assert reply["error"] == {"code": -32002, "message": "no", "callID": "k-1"}


def test_two_waiting_requests_may_not_share_an_id(server):
    """The second is refused; the first still waits."""
    server.invited()
    server.order(SendAnswer("k-1", ANSWER))
    params = {"action": "hold", "dialogParams": {"callID": "k-1"}}
    assert server.hears(id="m", method="telnyx_rtc.modify", params=params) == []
    (reply,) = server.hears(id="m", method="telnyx_rtc.modify", params=params)
    assert reply["error"]["code"] == -32600
    assert "error" in server.order(RefuseRequest("m"))[0]


def everything_said(server: Server) -> list[dict[str, Any]]:
    """A server that has said all it can say."""
    server.invited()
    server.order(SendRinging("k-1", telnyx_ids=IDS))
    server.order(SendMedia("k-1", ANSWER))
    server.order(SendAnswer("k-1", telnyx_ids=IDS))
    server.order(SendDisplay("k-1", "Bob", "2"))
    server.order(SendInfo("k-1", "1"))
    server.order(SendAttach("k-1", OFFER, telnyx_ids=IDS))
    server.order(SendBye("k-1", "NO_ANSWER"))
    server.order(SendInvite("k-2", OFFER, "Bob", "2", telnyx_ids=IDS, client_state="x"))
    server.asked("telnyx_rtc.gatewayState")
    server.now += 13
    server.order(None)
    server.order(SendPunt())
    return server.sent


def test_no_request_has_a_member_named_state(server):
    """SDKs would take it for the gateway's, and not see the request ([AND])."""
    for frame in everything_said(server):
        assert "state" not in frame.get("params", {})


def test_every_frame_is_marked_and_counted(server):
    """`voice_sdk_id` at the top; integer ids from one counter; results are objects with the session."""
    sent = everything_said(server)
    assert {frame["voice_sdk_id"] for frame in sent} == {"VSDK1demo"}
    assert {frame["jsonrpc"] for frame in sent} == {"2.0"}
    requests = [frame["id"] for frame in sent if "method" in frame]
    assert requests == list(range(1, len(requests) + 1))
    assert all(frame["result"]["sessid"] == "s-1" for frame in sent if "result" in frame)


def test_the_gateways_state_stands_beside_the_session(server):
    """[AND] throws without sessid; without call_report_id there are no HTTP reports."""
    assert server.asked("telnyx_rtc.gatewayState")["result"] == {"params": {"state": "REGED"}, "sessid": "s-1"}


def test_acknowledgements_are_told_once(server):
    """[JS] acknowledges; a repeated acknowledgement is nothing."""
    (invite,) = server.order(SendInvite("k-2", OFFER, telnyx_ids=IDS))
    for _ in range(2):
        server.hears(id=invite["id"], result={"method": "telnyx_rtc.invite"})
    assert server.saw(RequestAcknowledged) == [RequestAcknowledged("k-2", "invite")]


def test_what_is_never_acknowledged_does_not_pile_up(server):
    """Mobile SDKs acknowledge nothing."""
    server.invited()
    server.order(SendAnswer("k-1", ANSWER))
    for _ in range(1000):
        server.order(SendDisplay("k-1", "a", "b"))
    assert len(server.protocol._asked) <= 256  # type: ignore[attr-defined]


def test_calls_that_are_over_do_not_pile_up(server):
    """The last 256 are remembered, for what may still be on the wire."""
    for n in range(400):
        server.asked("telnyx_rtc.invite", sdp=OFFER, dialogParams={"callID": f"c-{n}"})
        server.order(SendBye(f"c-{n}"))
    assert server.protocol.call_state("c-399") is CallState.DONE
    assert server.protocol.call_state("c-0") is None


def test_without_a_line_nothing_is_said(server):
    """A bye still ends the call for the exchange; a display is lost."""
    server.invited()
    server.order(SendAnswer("k-1", ANSWER))
    server.order(LineDown("gone"))
    assert server.order(SendDisplay("k-1", "a", "b")) == []
    assert server.order(SendBye("k-1")) == []
    assert server.protocol.call_state("k-1") is CallState.DONE


def test_orders_of_the_other_role_are_mistakes(server):
    """A server does not hang up; it says bye."""
    with pytest.raises(LocalProtocolError):
        server.order(Hangup("k-1"))


def test_info_of_a_call_that_is_over_is_replied_to_and_not_handed_on(server):
    """Digits pressed while the bye was on its way."""
    server.invited()
    server.order(SendBye("k-1"))
    assert server.asked("telnyx_rtc.info", dtmf="1", dialogParams={"callID": "k-1"})["result"]["message"] == "SENT"
    assert not server.saw(InfoReceived)


def test_the_session_a_client_proposes_is_only_proposed(server):
    """The exchange judges it; the protocol takes what AcceptLogin says."""
    server.hears(id="l2", method="login", params={"login": "alice", "passwd": "x", "sessid": "mine"})
    assert server.last(LoginRequested).session_id == "mine"
    replies = server.order(AcceptLogin("l2", "s-1"))
    assert replies[0]["result"]["sessid"] == "s-1"


def test_mistakes_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A line that makes mistake after mistake is warned of twenty times; what it says stays one short line."""
    end = End(ServerProtocol(TELNYX, "VSDK1demo"))
    end.took(end.protocol.step(LineUp(), 0.0))
    frame = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x\n\x1b[2J" + "y" * 100_000, "params": {}})
    for _ in range(50):
        end.took(end.protocol.step(frame, 0.0))
    assert len(caplog.records) == 21
    assert all(record.getMessage().isprintable() and len(record.getMessage()) < 500 for record in caplog.records)
