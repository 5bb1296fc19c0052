"""A client and a server: login, readiness, keepalive."""

from __future__ import annotations

import pytest

from botkit.errors import LocalProtocolError
from botkit.events import ClientReady, Connected, Disconnected, GatewayChanged, LoggedIn, LoginFailed, Punted
from botkit.signalling import Anonymous, Password, ServerTimings, TelephonyCredential, Token
from botkit.signalling.facts import LoginRequested, ProtocolViolated, RequestTimedOut
from botkit.signalling.orders import AcceptLogin, LineUp, Login, Ping, RefuseLogin, SendPunt, SetGateway
from botkit.states import LoginState

from .pair import ALICE, Pair


@pytest.mark.parametrize(
    ("credentials", "read"),
    [
        pytest.param(Password("alice", "secret"), Password("alice", "secret"), id="password"),
        pytest.param(TelephonyCredential("gencred1", "pw"), Password("gencred1", "pw"), id="telephony credential"),
        pytest.param(Token("a.b.c"), Token("a.b.c"), id="token"),
        pytest.param(Anonymous("assistant-1"), Anonymous("assistant-1"), id="anonymous"),
    ],
)
def test_each_kind_of_credentials_reaches_the_exchange(credentials, read):
    """What the client logs in with is what the server hands to the exchange."""
    pair = Pair().ready(credentials)
    assert pair.server.last(LoginRequested).credentials == read
    assert pair.client.last(LoggedIn).session_id == "s-1"
    assert pair.client.saw(ClientReady)


def test_a_login_goes_through_every_state_to_ready():
    """Connected, logging in, logged in, registering, ready: on both ends the same."""
    pair = Pair()
    pair.up()
    assert pair.client.protocol.login_state is LoginState.CONNECTED
    pair.order(pair.client, Login(ALICE))
    assert pair.client.protocol.login_state is pair.server.protocol.login_state is LoginState.LOGGING_IN
    pair.accept_login()
    assert pair.client.protocol.login_state is pair.server.protocol.login_state is LoginState.READY
    assert [type(e) for e in pair.client.events] == [Connected, LoggedIn, ClientReady]
    assert [type(e) for e in pair.server.events] == [Connected, LoginRequested, ClientReady]


def test_the_first_login_names_no_session():
    """`sessid` and `reconnection` belong to a client that comes back ([JS])."""
    pair = Pair().ready()
    params = pair.client.said("login")[0]["params"]
    assert "sessid" not in params
    assert params["reconnection"] is False


def test_client_ready_follows_the_login_result():
    """Two frames in this order, and no member named `state` in the second."""
    pair = Pair().ready()
    result, ready = pair.server.sent[:2]
    assert result["result"] == {"message": "logged in", "sessid": "s-1"}
    assert ready["method"] == "telnyx_rtc.clientReady"
    assert ready["params"] == {"reattached_sessions": []}


def test_a_refused_login_keeps_the_line_and_may_be_tried_again():
    """-32001 is an event; the next login on the same line succeeds."""
    pair = Pair()
    pair.up()
    pair.order(pair.client, Login(Password("alice", "wrong")))
    pair.order(pair.server, RefuseLogin(pair.server.last(LoginRequested).request_id))
    assert pair.client.last(LoginFailed) == LoginFailed(-32001, "Login Incorrect")
    assert pair.client.protocol.login_state is pair.server.protocol.login_state is LoginState.REFUSED
    assert pair.client.closed is None
    pair.order(pair.client, Login(ALICE))
    pair.accept_login()
    assert pair.client.protocol.login_state is LoginState.READY


def test_a_login_is_never_refused_with_authentication_required():
    """-32000 would make the JS SDK log in again without end."""
    pair = Pair()
    pair.up()
    pair.order(pair.client, Login(ALICE))
    with pytest.raises(LocalProtocolError):
        pair.order(pair.server, RefuseLogin(pair.server.last(LoginRequested).request_id, -32000))
    assert pair.server.protocol.login_state is LoginState.LOGGING_IN


def test_a_second_login_on_the_line_is_answered_like_the_first():
    """A fresh token goes over the same socket; the session keeps its id."""
    pair = Pair().ready()
    pair.order(pair.client, Login(Token("fresh")))
    assert pair.server.last(LoginRequested).again
    assert pair.server.last(LoginRequested).session_id == "s-1"
    pair.accept_login()
    assert pair.client.protocol.login_state is pair.server.protocol.login_state is LoginState.READY
    assert len(pair.client.saw(ClientReady)) == 2


def test_of_two_logins_at_once_the_newer_counts():
    """Each gets its reply; the older one moves nothing."""
    pair = Pair()
    pair.up()
    pair.order(pair.client, Login(Password("alice", "wrong")), Login(ALICE))
    first, second = pair.server.saw(LoginRequested)
    pair.order(pair.server, RefuseLogin(first.request_id))
    assert not pair.client.saw(LoginFailed)
    pair.order(pair.server, AcceptLogin(second.request_id, "s-1"))
    assert pair.client.protocol.login_state is pair.server.protocol.login_state is LoginState.READY


def test_a_login_without_reply_times_out():
    """The phase is called login; the state stays where it was."""
    pair = Pair(server_timings=ServerTimings(reply=60))
    pair.up()
    pair.order(pair.client, Login(ALICE))
    pair.wait(16)
    assert pair.client.last(RequestTimedOut) == RequestTimedOut("login")


def test_a_login_that_the_exchange_forgets_is_refused_in_time():
    """Eight seconds: below the ten after which an SDK gives the line up."""
    pair = Pair()
    pair.up()
    pair.order(pair.client, Login(ALICE))
    request_id = pair.server.last(LoginRequested).request_id
    pair.wait(9)
    assert pair.client.last(LoginFailed).code == -32001
    pair.order(pair.server, AcceptLogin(request_id, "s-1"))  # too late: nothing is sent
    assert pair.server.protocol.login_state is LoginState.REFUSED


def test_the_client_polls_until_the_gateway_is_registered():
    """UNREGED, then REGED at a later poll: ready, once."""
    pair = Pair()
    pair.up()
    pair.order(pair.server, SetGateway("UNREGED"))
    pair.order(pair.client, Login(ALICE))
    pair.accept_login()
    assert pair.client.protocol.login_state is LoginState.REGISTERING
    pair.wait(5.1)
    assert len(pair.client.said("telnyx_rtc.gatewayState")) == 3
    pair.order(pair.server, SetGateway("REGED"))
    pair.wait(2.5)
    assert pair.client.saw(GatewayChanged) == [GatewayChanged("UNREGED")]
    assert len(pair.client.saw(ClientReady)) == 1
    pair.wait(8)
    assert len(pair.client.said("telnyx_rtc.gatewayState")) == 4


@pytest.mark.parametrize(("state", "code"), [("UNREGED", -32003), ("FAIL_WAIT", -32004)])
def test_after_five_polls_in_vain_the_login_failed(state, code):
    """A service may accept bad credentials and tell so by the gateway's state alone."""
    pair = Pair()
    pair.up()
    pair.order(pair.server, SetGateway(state))
    pair.order(pair.client, Login(ALICE))
    pair.accept_login()
    pair.wait(30)
    assert pair.client.last(LoginFailed).code == code
    assert len(pair.client.said("telnyx_rtc.gatewayState")) == 5
    assert pair.client.protocol.login_state is LoginState.REFUSED


def test_polls_without_reply_end_in_a_time_out_of_the_phase_ready():
    """A gateway that says nothing is told apart from one that says no."""
    pair = Pair()
    pair.up()
    pair.order(pair.client, Login(ALICE))
    request_id = pair.server.last(LoginRequested).request_id
    result, ready = pair.server.protocol.step(AcceptLogin(request_id, "s-1"), pair.now).send
    for frame in (result, ready):
        pair.client.took(pair.client.protocol.step(frame, pair.now))
    for second in range(60):
        pair.client.took(pair.client.protocol.step(None, pair.now + second))
    assert RequestTimedOut("ready") in pair.client.events
    assert pair.client.last(LoginFailed).code == -32003


def test_the_server_pings_and_answers_the_ping_that_comes_back():
    """The JS way: a ping of ours is answered by a ping of theirs, and that by PONG; for ever."""
    pair = Pair().ready()
    pair.wait(60)
    ours = pair.server.said("telnyx_rtc.ping")
    assert len(ours) == 5
    assert all(isinstance(frame["id"], int) for frame in ours)
    assert len(pair.client.said("telnyx_rtc.ping")) == 5
    assert sum(frame.get("result", {}).get("message") == "PONG" for frame in pair.server.sent) == 5
    assert pair.client.closed is pair.server.closed is None


def test_a_client_that_is_silent_is_dropped():
    """45 s without a frame, though pinged."""
    pair = Pair().ready()
    for _ in range(10):
        pair.now += 6
        pair.server.took(pair.server.protocol.step(None, pair.now))
    assert pair.server.closed is not None
    assert "no frame from the client" in pair.server.closed


def test_a_client_on_a_silent_line_asks_and_then_gives_the_line_up():
    """20 s without a frame: a probe; 5 s later: the line is closed, phase ping."""
    pair = Pair(server_timings=ServerTimings(ping_every=1e6)).ready()
    pair.client.took(pair.client.protocol.step(None, pair.now + 20))
    assert len(pair.client.said("telnyx_rtc.ping")) == 1
    assert pair.client.closed is None
    pair.client.took(pair.client.protocol.step(None, pair.now + 25))
    assert pair.client.last(RequestTimedOut).phase == "ping"
    assert pair.client.closed


def test_a_probe_that_is_answered_saves_the_line():
    """The client's own keepalive goes on every 20 s with a server that never pings."""
    pair = Pair(server_timings=ServerTimings(ping_every=1e6)).ready()
    pair.wait(100)
    assert len(pair.client.said("telnyx_rtc.ping")) == 5
    assert pair.client.closed is None
    pair.order(pair.client, Ping())
    assert len(pair.client.said("telnyx_rtc.ping")) == 6


def test_a_punted_client_stays_away():
    """A newer session took its place: no bye, the line is closed, no new line is wanted."""
    pair = Pair().ready()
    pair.call()
    pair.order(pair.server, SendPunt())
    assert pair.client.saw(Punted)
    assert pair.client.closed == pair.server.closed == "punted"
    assert not pair.client.said("telnyx_rtc.bye")
    assert not pair.clientp.calls
    pair.cut()
    assert pair.client.protocol.login_state is LoginState.PUNTED
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, LineUp())


def test_coming_back_the_client_names_its_session_and_its_token():
    """voice_sdk_id goes into the address, sessid into the login, for 90 s."""
    pair = Pair().ready()
    pair.cut()
    assert pair.client.saw(Disconnected)
    url = pair.clientp.dialect.line_url("ws://127.0.0.1:8080", pair.clientp.voice_sdk_id)
    assert url == "ws://127.0.0.1:8080/?voice_sdk_id=VSDK1demo"
    pair.now += 30
    pair.new_line()
    pair.order(pair.client, Login(ALICE))
    request = pair.server.last(LoginRequested)
    assert (request.session_id, request.reconnection, request.again) == ("s-1", True, False)


def test_a_session_of_long_ago_is_not_named():
    """After 90 s the server has forgotten it ([JS])."""
    pair = Pair().ready()
    pair.cut()
    pair.now += 91
    pair.new_line()
    pair.order(pair.client, Login(ALICE))
    assert pair.server.last(LoginRequested).session_id is None


def test_registration_lost_and_found_again():
    """A pushed state other than REGED starts the polls anew; REGED is a second ready."""
    pair = Pair().ready()
    push = '{"jsonrpc":"2.0","id":9001,"method":"telnyx_rtc.gatewayState","params":{"state":"UNREGED"}}'
    pair.give(pair.client, push)
    assert pair.client.protocol.login_state is LoginState.REGISTERING
    pair.wait(3)
    assert len(pair.client.saw(ClientReady)) == 2
    assert not pair.client.saw(ProtocolViolated)
