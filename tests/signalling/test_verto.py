"""The verto dialect: its logins, headers and causes, and what the client's machine does with a FreeSWITCH."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit import events
from botkit.errors import ConfigError, LocalProtocolError
from botkit.signalling import TELNYX, VERTO, ClientProtocol, Password, Token, choose
from botkit.signalling.dialect import Verb
from botkit.signalling.facts import ProtocolViolated, RequestTimedOut
from botkit.signalling.orders import (
    Answer,
    Hangup,
    Invite,
    LineDown,
    LineUp,
    Login,
    Modify,
    Order,
    Ping,
    SendInfo,
)
from botkit.states import CallState, LoginState

from .pair import ANSWER, OFFER, End, new_uuids

USER = Password("1000@127.0.0.1", "1234")
VARIABLES = {"Event-Name": "CHANNEL_DATA", "Core-UUID": "x", "callID": "not-this-one", "sdp": "nor this", "cause": "X"}


class Client:
    """Our client, and the server's part played by hand."""

    def __init__(self, *, ready: bool = True) -> None:
        self.now = 100.0
        self.end = End(ClientProtocol(VERTO, new_uuid=new_uuids()))
        self.order(LineUp())
        self.order(Login(USER))
        if ready:
            self.reply({"message": "logged in", "sessid": self.protocol.session_id})
            self.ask("clientReady", reattached_sessions=[])

    @property
    def protocol(self) -> ClientProtocol:
        assert isinstance(self.end.protocol, ClientProtocol)
        return self.end.protocol

    def order(self, order: Order | None) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.end.took(self.protocol.step(order, self.now))]

    def hear(self, **frame: Any) -> list[dict[str, Any]]:
        text = json.dumps({"jsonrpc": "2.0", **frame})
        return [json.loads(text) for text in self.end.took(self.protocol.step(text, self.now))]

    def ask(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """A request of the server; what we send upon it."""
        return self.hear(id=801, method=f"verto.{method}", params=params)

    def reply(self, result: dict[str, Any], request_id: int | None = None) -> list[dict[str, Any]]:
        """The result of our latest request, or of another."""
        return self.hear(id=self.latest["id"] if request_id is None else request_id, result=result)

    def refuse(self, code: int, message: str) -> list[dict[str, Any]]:
        return self.hear(id=self.latest["id"], error={"code": code, "message": message})

    @property
    def latest(self) -> dict[str, Any]:
        return next(frame for frame in reversed(self.end.sent) if "method" in frame)

    def call(self) -> str:
        """A call of ours that is up."""
        self.order(Invite("c-1", "9196", OFFER))
        self.reply({"message": "CALL CREATED", "callID": "c-1"})
        self.ask("answer", callID="c-1", sdp=ANSWER, variables=VARIABLES)
        return "c-1"


@pytest.fixture
def client() -> Client:
    return Client()


# --- the dialect --------------------------------------------------------------------------------


def test_it_is_chosen_by_its_name() -> None:
    """Beside the other one."""
    assert choose("verto") is VERTO
    assert choose("telnyx") is TELNYX


def test_each_verb_is_written_with_its_prefix() -> None:
    """All but the login; and neither dialect knows the other's."""
    assert VERTO.method(Verb.LOGIN) == "login"
    assert VERTO.method(Verb.BYE) == "verto.bye"
    assert {VERTO.verb(VERTO.method(verb)) for verb in set(VERTO.methods.values())} == set(VERTO.methods.values())
    assert VERTO.verb("telnyx_rtc.bye") is None


@pytest.mark.parametrize(
    ("state", "outbound", "code"),
    [
        (CallState.CONNECTING, True, 487),
        (CallState.RINGING, True, 487),
        (CallState.RINGING, False, 17),
        (CallState.ACTIVE, True, 16),
        (CallState.HELD, False, 16),
    ],
)
def test_the_cause_of_a_bye_that_names_none(state: CallState, outbound: bool, code: int) -> None:
    """A call of ours that is not answered yet is cancelled, one to us is busy; after the answer it is cleared."""
    assert VERTO.hangup_cause(state, outbound).code == code


def test_a_token_is_refused() -> None:
    """mod_verto has none: the operator must hear of it."""
    with pytest.raises(ConfigError, match="login and a password"):
        VERTO.login_params(Login(Token("a.b.c")), "s", False)


# --- login --------------------------------------------------------------------------------------


def test_the_client_names_its_session_in_every_request(client: Client) -> None:
    """A fresh UUID per client, chosen before the login, in the params of each request; ids count from 1."""
    call_id = client.call()
    client.order(SendInfo(call_id, digits="1"))
    client.order(Modify(call_id, "hold"))
    client.order(Ping())
    client.order(Hangup(call_id))
    sent = [frame for frame in client.end.sent if "method" in frame]
    assert [frame["id"] for frame in sent] == [1, 2, 3, 4, 5, 6]
    assert {frame["params"]["sessid"] for frame in sent} == {client.protocol.session_id}
    one, two = (ClientProtocol(VERTO).session_id for _ in range(2))
    assert one != two
    assert len(one or "") == 36


def test_a_login_has_the_keys_of_verto_js() -> None:
    """And nothing of the platform's own."""
    frame = Client(ready=False).latest
    assert frame["params"] == {
        "login": "1000@127.0.0.1",
        "passwd": "1234",
        "loginParams": {},
        "userVariables": {},
        "sessid": "00000000-0000-4000-8000-000000000001",
    }


def test_client_ready_is_the_end_of_the_login() -> None:
    """No gateway is asked."""
    client = Client(ready=False)
    client.reply({"message": "logged in", "sessid": client.protocol.session_id, "auth-expires": 1})
    assert client.protocol.login_state is LoginState.LOGGED_IN
    assert client.ask("clientReady", reattached_sessions=[]) == [
        {"jsonrpc": "2.0", "id": 801, "result": {"method": "verto.clientReady"}}
    ]
    assert client.protocol.login_state is LoginState.READY
    assert len(client.end.saw(events.ClientReady)) == 1


def test_a_stray_result_is_no_gateway_state(client: Client) -> None:
    """A result may hold params of any kind; none of them takes the readiness away."""
    client.reply({"params": {"state": "UNREGED"}}, request_id=77)
    assert client.protocol.login_state is LoginState.READY


def test_a_request_refused_for_want_of_a_login_is_asked_again(client: Client) -> None:
    """-32000: log in once more, with the same session, and ask the same after it; the call goes on."""
    client.order(Invite("c-1", "9196", OFFER))
    asked = client.latest
    [login] = client.refuse(-32000, "Authentication Required")
    assert (login["method"], login["params"]["sessid"]) == ("login", asked["params"]["sessid"])
    [again] = client.reply({"message": "logged in"}, login["id"])
    assert (again["method"], again["params"]) == (asked["method"], asked["params"])
    assert again["id"] != asked["id"]
    client.reply({"message": "CALL CREATED", "callID": "c-1"}, again["id"])
    assert client.end.saw(events.CallAccepted)
    client.ask("clientReady", reattached_sessions=[])
    assert client.protocol.login_state is LoginState.READY


def test_two_requests_refused_so_bring_one_login(client: Client) -> None:
    """Both are asked again, in their order."""
    client.order(Invite("c-1", "9196", OFFER))
    first = client.latest["id"]
    client.order(Invite("c-2", "9197", OFFER))
    second = client.latest["id"]
    refusal = {"code": -32000, "message": "Authentication Required"}
    [login] = client.hear(id=first, error=refusal)
    assert client.hear(id=second, error=refusal) == []
    again = client.reply({"message": "logged in"}, login["id"])
    assert [frame["params"]["dialogParams"]["callID"] for frame in again] == ["c-1", "c-2"]


def test_a_request_refused_so_twice_is_refused(client: Client) -> None:
    """No login without end."""
    client.order(Invite("c-1", "9196", OFFER))
    client.refuse(-32000, "Authentication Required")
    [again] = client.reply({"message": "logged in"})
    assert client.hear(id=again["id"], error={"code": -32000, "message": "Authentication Required"}) == []
    assert client.end.last(events.CallRefused).code == -32000
    assert client.protocol.call_state("c-1") is CallState.DONE


@pytest.mark.parametrize("how", ["refused", "lost"])
def test_what_waits_for_a_login_ends_with_it(client: Client, how: str) -> None:
    """A login that is refused lets the request run out of time; a line that is lost takes it along."""
    client.order(Invite("c-1", "9196", OFFER))
    client.refuse(-32000, "Authentication Required")
    if how == "refused":
        client.refuse(-32001, "Authentication Failure")
        client.now += client.protocol.timings.reply
        client.order(None)
        assert client.end.last(RequestTimedOut).phase == "invite"
    else:
        client.order(LineDown("gone"))
        client.order(LineUp())
        client.order(Login(USER))
        assert client.reply({"message": "logged in"}) == []
    assert client.protocol.call_state("c-1") is CallState.DONE


def test_a_login_that_is_refused_so_is_no_reason_for_another() -> None:
    """It would be sent without end."""
    client = Client(ready=False)
    assert client.refuse(-32000, "Authentication Required") == []
    assert client.end.last(events.LoginFailed).code == -32000


# --- keepalive ----------------------------------------------------------------------------------


def test_the_servers_ping_gets_its_reply_and_no_more(client: Client) -> None:
    """After 30 s without traffic it asks; the reply is traffic."""
    assert client.ask("ping", serno=1795402941) == [{"jsonrpc": "2.0", "id": 801, "result": {"method": "verto.ping"}}]


def test_a_quiet_line_is_asked_for_a_sign_of_life(client: Client) -> None:
    """By a ping of ours, with the session; a reply keeps the line, none ends it."""
    client.now += client.protocol.timings.quiet
    [ping] = client.order(None)
    assert (ping["method"], ping["params"]) == ("verto.ping", {"sessid": client.protocol.session_id})
    client.reply({"message": "PONG"})
    client.now += client.protocol.timings.quiet
    client.order(None)
    assert client.end.closed is None
    client.now += client.protocol.timings.probe
    client.order(None)
    assert client.end.closed is not None


# --- calls --------------------------------------------------------------------------------------


def test_headers_go_as_user_variables(client: Client) -> None:
    """The server makes `verto_dvar_<name>` of them; names that are not known are left to its directory."""
    [invite] = client.order(Invite("c-1", "9196", OFFER, headers=(("X-Test", "42"),)))
    said = invite["params"]["dialogParams"]
    assert said["userVariables"] == {"X-Test": "42"}
    assert not {"custom_headers", "caller_id_name", "caller_id_number"} & set(said)
    [invite] = client.order(Invite("c-2", "9196", OFFER, caller_name="Me", caller_number="1000"))
    said = invite["params"]["dialogParams"]
    assert (said["caller_id_name"], said["caller_id_number"], said["userVariables"]) == ("Me", "1000", {})


def test_headers_of_an_incoming_call_are_flat(client: Client) -> None:
    """`verto_h_<name>` beside what else there is; there are no dialogParams, and no `variables` that count."""
    params = {"caller_id_name": "Extension 1001", "caller_id_number": "1001", "callee_id_number": "1000"}
    [ack] = client.ask(
        "invite",
        callID="k-1",
        sdp=OFFER,
        variables=VARIABLES,
        display_direction="outbound",
        verto_h_X_Test="42",
        whatever={"x": [1]},
        **params,
    )
    assert ack["result"] == {"method": "verto.invite"}
    event = client.end.last(events.Incoming)
    assert (event.call_id, event.sdp, event.headers) == ("k-1", OFFER, (("X_Test", "42"),))
    assert (event.caller_name, event.caller_number, event.callee_number) == ("Extension 1001", "1001", "1000")
    [answer] = client.order(Answer("k-1", ANSWER))
    assert answer["params"]["dialogParams"]["callID"] == "k-1"
    client.reply({})
    assert client.protocol.call_state("k-1") is CallState.ACTIVE


def test_headers_of_an_answer_are_heard(client: Client) -> None:
    """In the same form."""
    client.order(Invite("c-1", "9196", OFFER))
    client.ask("answer", callID="c-1", sdp=ANSWER, **{"verto_h_X-Test": "7"})
    assert client.end.last(events.Answered).headers == (("X-Test", "7"),)


def test_a_second_media_has_no_description_and_does_no_harm(client: Client) -> None:
    """Only the first one holds it; a first one without is a mistake of the server that is told."""
    client.order(Invite("c-1", "9196", OFFER))
    client.ask("media", callID="c-1", sdp=ANSWER, variables=VARIABLES)
    client.ask("media", callID="c-1", variables=VARIABLES)
    client.ask("answer", callID="c-1", variables=VARIABLES)
    assert [event.sdp for event in client.end.saw(events.EarlyMedia)] == [ANSWER]
    assert client.end.last(events.Answered).sdp is None
    assert not client.end.saw(ProtocolViolated)
    client.order(Invite("c-2", "9196", OFFER))
    client.ask("media", callID="c-2", variables=VARIABLES)
    assert client.end.last(ProtocolViolated).message == "SDP missing"


def test_our_own_bye_gets_a_result_only(client: Client) -> None:
    """The call is over when it is sent; cause and code are all that it says."""
    [bye] = client.order(Hangup(client.call(), "USER_BUSY", 17, 486, "Busy Here"))
    assert {k: v for k, v in bye["params"].items() if k not in ("sessid", "dialogParams")} == {
        "cause": "USER_BUSY",
        "causeCode": 17,
    }
    assert client.protocol.calls == {}
    client.reply({"callID": "c-1", "message": "CALL ENDED", "causeCode": 17, "cause": "USER_BUSY"})
    assert len(client.end.saw(events.Ended)) == 1


def test_a_refused_invite_keeps_the_servers_cause(client: Client) -> None:
    """The error object has it beside code and message (95 is in no table of ours)."""
    client.order(Invite("c-1", "9196", OFFER))
    client.hear(
        id=client.latest["id"],
        error={"message": "CALL ERROR", "causeCode": 95, "cause": "INVALID_MSG_UNSPECIFIED", "code": -32002},
    )
    assert client.end.last(events.CallRefused).code == -32002
    assert (client.end.last(events.Ended).cause, client.end.last(events.Ended).code) == ("INVALID_MSG_UNSPECIFIED", 95)


@pytest.mark.parametrize(("action", "state"), [("hold", "active"), ("unhold", "held")])
def test_a_result_is_no_proof(client: Client, action: Any, state: str) -> None:
    """mod_verto gives one for an action that it does not know: the state in it counts."""
    call_id = client.call()
    client.order(Modify(call_id, action))
    client.reply({"callID": call_id, "action": action, "holdState": state})
    assert client.end.last(events.CallRefused).method == "modify"
    assert not client.end.saw(events.Held)
    assert not client.end.saw(events.Resumed)
    assert client.protocol.call_state(call_id) is CallState.ACTIVE


@pytest.mark.parametrize(
    ("error", "message"),
    [({"message": "call is not bridged", "code": -32002}, "call is not bridged"), (None, "CALL TRANSFERRED")],
)
def test_a_transfer_is_taken_or_not(client: Client, error: dict[str, Any] | None, message: str) -> None:
    """The server moves the far end at once; one that is bridged with nobody cannot be moved, and the call goes on."""
    call_id = client.call()
    [frame] = client.order(Modify(call_id, "transfer", "9197"))
    assert (frame["params"]["action"], frame["params"]["destination"]) == ("transfer", "9197")
    if error is None:
        client.reply({"callID": call_id, "action": "transfer", "message": message, "holdState": "active"})
    else:
        client.hear(id=frame["id"], error={"callID": call_id, **error})
    event = client.end.last(events.Transferred)
    assert (event.ok, event.message) == (error is None, message)
    assert client.protocol.call_state(call_id) is CallState.ACTIVE


@pytest.mark.parametrize(
    ("params", "digits", "message"),
    [
        ({"dtmf": "5"}, "5", {}),
        ({"msg": {"from": "1001", "to": "1000", "body": "hi"}}, "", {"from": "1001", "to": "1000", "body": "hi"}),
    ],
)
def test_an_info_is_heard(client: Client, params: dict[str, Any], digits: str, message: dict[str, str]) -> None:
    """Digits or a text, and its reply goes out. One about no call of ours is replied to, and is nothing else."""
    call_id = client.call()
    [ack] = client.ask("info", callID=call_id, **params)
    assert ack["result"] == {"method": "verto.info"}
    event = client.end.last(events.InfoReceived)
    assert (event.digits, event.message) == (digits, message)
    client.ask("info", callID="nobody", **params)
    assert len(client.end.saw(events.InfoReceived)) == 1


@pytest.mark.parametrize("method", ["event", "announce", "mediaParams", "prompt", "somethingNew"])
def test_what_concerns_no_call_is_replied_to(client: Client, method: str) -> None:
    """Conferences, subscriptions and what a later server may say: nothing follows from it."""
    before = len(client.end.events)
    assert client.ask(method, eventChannel="x", eventData={"callID": "c-1"}) == [
        {"jsonrpc": "2.0", "id": 801, "result": {"method": f"verto.{method}"}}
    ]
    assert len(client.end.events) == before


def test_an_error_about_no_request_is_passed_over(client: Client) -> None:
    """mod_verto answers what it cannot read with the id null."""
    assert client.hear(id=None, error={"code": -32600, "message": "Invalid Request"}) == []
    assert client.protocol.login_state is LoginState.READY


def test_a_call_before_the_login_is_not_sent() -> None:
    """It would meet -32000."""
    with pytest.raises(LocalProtocolError, match="before the client is ready"):
        Client(ready=False).order(Invite("c-1", "9196", OFFER))
