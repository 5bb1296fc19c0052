"""What a real FreeSWITCH (master, mod_verto, loopback) and a verto client said to each other, replayed.

Each scenario of the recording is fed to our client, message by message: where the recorded client sent a
request, ours is ordered to, and must send the same one and nothing else; what the server sent is fed to it,
and its replies must be those recorded. What it makes of it all stands in `EVENTS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botkit import events
from botkit.errors import LocalProtocolError
from botkit.signalling import VERTO, ClientProtocol, Password
from botkit.signalling.facts import AttachOffered, ProtocolViolated
from botkit.signalling.orders import (
    Answer,
    AnswerAttach,
    Hangup,
    Invite,
    LineDown,
    LineUp,
    Login,
    Modify,
    Order,
    Ping,
    SendInfo,
    UpdateMedia,
)
from botkit.states import CallState, LoginState

from .pair import End

FILE = Path(__file__).parents[1] / "data" / "transcripts" / "freeswitch-verto.jsonl"
RECORD: list[dict[str, Any]] = [line for line in map(json.loads, FILE.read_text().splitlines()) if "dir" in line]

NEVER_SENT = {"verto.nosuch", "nosuch"}
"""A method and an action that there are not: the recording asks for them, our client has no order for them."""


def order_for(message: dict[str, Any]) -> Order | None:
    """The order that makes our client send what the recorded one sent; None where there is none."""
    params = message["params"]
    said = params.get("dialogParams", {})
    call_id = said.get("callID", "")
    if message["method"] in NEVER_SENT or params.get("action") in NEVER_SENT:
        return None
    match message["method"].removeprefix("verto."):
        case "login":
            return Login(Password(params["login"], params["passwd"]))
        case "ping":
            return Ping()
        case "invite":
            names = (said.get("caller_id_name", ""), said.get("caller_id_number", ""))
            return Invite(call_id, said.get("destination_number", ""), params.get("sdp", ""), *names)
        case "answer":
            return Answer(call_id, params["sdp"])
        case "attach":
            return AnswerAttach(call_id, params["sdp"])
        case "modify" if params["action"] == "updateMedia":
            return UpdateMedia(call_id, params["sdp"])
        case "modify":
            return Modify(call_id, params["action"], params.get("destination"))
        case "info":
            return SendInfo(call_id, digits=params["dtmf"])
        case "bye":
            return Hangup(call_id, params.get("cause"), params.get("causeCode"))
    raise AssertionError(message)


class Ours:
    """Our client in the place of a recorded one."""

    def __init__(self, session: str) -> None:
        self.end = End(ClientProtocol(VERTO, new_uuid=lambda: session))
        self.unsent: list[str] = []
        """Requests that the recorded client sent and ours refuses to."""
        self._ids: dict[int, int] = {}  # recorded → ours, on the present line
        self._unsaid: list[dict[str, Any]] = []  # what ours has sent and the recording has not come to yet

    def line(self, order: Order, now: float) -> None:
        """A line comes or goes."""
        self._ids = {}
        assert self._step(order, now) == []

    def sends(self, message: dict[str, Any], now: float) -> None:
        """The recorded client sent this: so does ours."""
        if "result" in message:
            assert self._unsaid.pop(0) == message
            return
        assert self._unsaid == []
        try:
            order = order_for(message)
            if order is None:
                raise LocalProtocolError("there is no such order")
            frame, *more = self._step(order, now)
        except LocalProtocolError:
            self.unsent.append(message["method"])
            return
        assert more == []
        self._ids[message["id"]] = frame["id"]
        assert frame["jsonrpc"] == "2.0"
        assert frame["method"] == message["method"]
        said, recorded = frame["params"].pop("dialogParams", {}), message["params"].get("dialogParams", {})
        assert frame["params"].items() >= {k: v for k, v in message["params"].items() if k != "dialogParams"}.items()
        if "destination_number" in recorded:
            del recorded["login"]  # which the server does not read
            assert said.items() >= recorded.items()
        else:
            assert said["callID"] == recorded["callID"] if recorded else not said

    def hears(self, message: dict[str, Any], now: float) -> None:
        """The server sent this. A reply to a request that ours has not sent names an id of nobody."""
        assert self._unsaid == []
        if "method" not in message and message["id"] is not None:
            message = {**message, "id": self._ids.get(message["id"], 999_999)}
        self._unsaid = self._step(json.dumps(message), now)

    def _step(self, given: str | Order, now: float) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.end.took(self.end.protocol.step(given, now))]

    @property
    def seen(self) -> str:
        """The events, by their names."""
        return " ".join(type(event).__name__ for event in self.end.events)


def lines(scenario: str) -> Iterator[dict[str, Any]]:
    return (json.loads(json.dumps(line)) for line in RECORD if line["scenario"] == scenario)


def replay(scenario: str) -> dict[str, Ours]:
    """Our clients after it, by the name of the recorded one. `a2` of `reattach` is `a`, come back on a new line."""
    clients: dict[str, Ours] = {}
    for line in lines(scenario):
        name, now, message = line["client"], 100.0 + line["t"], line["msg"]
        if name not in clients:
            if (scenario, name) == ("reattach", "a2"):
                clients[name] = clients["a"]
                clients["a"].line(LineDown("lost"), now - 2.0)
            else:
                clients[name] = Ours(message["params"]["sessid"])
            clients[name].line(LineUp(), now)
        (clients[name].sends if line["dir"] == "send" else clients[name].hears)(message, now)
    for ours in clients.values():
        assert ours._unsaid == []
        assert ours.end.saw(ProtocolViolated) == []
    return clients


READY = "Connected LoggedIn ClientReady"
WE_END, THEY_END = "Ended HangupAccepted", "Ended"
CALL = "CallAccepted Answered"
EARLY = "CallAccepted EarlyMedia Answered"
EVENTS = {
    ("auth", "a"): f"Connected LoginFailed LoginFailed {READY.removeprefix('Connected ')}",
    ("echo", "a"): f"{READY} {CALL} {WE_END}",
    ("echo_pcmu", "a"): f"{READY} {CALL} {WE_END}",
    ("wss", "a"): f"{READY} {CALL} {WE_END}",
    ("ring", "a"): f"{READY} {CALL} {WE_END}",
    ("early", "a"): f"{READY} {EARLY} {WE_END}",
    ("busy", "a"): f"{READY} CallAccepted {THEY_END} CallAccepted {THEY_END}",
    ("cancel", "a"): f"{READY} CallAccepted {WE_END}",
    ("ivr_info", "a"): f"{READY} {CALL} {THEY_END}",
    ("ivr_2833", "a"): f"{READY} {CALL} {THEY_END}",
    ("ivr_multi", "a"): f"{READY} {CALL} {THEY_END}",
    ("ivr_inband", "a"): f"{READY} {CALL} {THEY_END}",
    ("dtmf_from_server", "a"): f"{READY} {CALL} {THEY_END}",
    ("dtmf_from_server_no_te", "a"): f"{READY} {CALL} {THEY_END}",
    ("dtmf_from_server_inband", "a"): f"{READY} {CALL} {THEY_END}",
    ("queues", "a"): f"{READY} {CALL} {WE_END} {CALL} {WE_END} {CALL} {WE_END}",
    ("user_to_user", "a"): f"{READY} {EARLY} DisplayChanged Held Resumed {WE_END}",
    ("user_to_user", "b"): f"{READY} Incoming Answered DisplayChanged {THEY_END}",
    ("callee_passive", "a"): f"{READY} {EARLY} DisplayChanged {WE_END}",
    ("callee_passive", "b"): f"{READY} Incoming Answered DisplayChanged",  # the recording stops before its bye
    ("callee_rejects", "a"): f"{READY} CallAccepted EarlyMedia {THEY_END} CallAccepted {THEY_END}",
    ("callee_rejects", "b"): f"{READY} Incoming {WE_END}",
    ("transfer", "a"): f"{READY} {EARLY} DisplayChanged {WE_END}",
    ("transfer", "b"): f"{READY} Incoming Answered DisplayChanged Transferred {THEY_END}",
    ("update_media", "a"): f"{READY} {CALL} MediaUpdated {WE_END}",
    ("reattach", "a"): (
        f"{READY} {CALL} Disconnected Dropped Connected Reconnecting"
        f" LoggedIn AttachOffered ClientReady Reconnected {WE_END}"
    ),
    ("punt", "a"): f"{READY} Punted",
    ("punt", "a2"): READY,
    ("punt", "other"): "Connected LoginFailed",
    ("conference", "a"): f"{READY} {CALL} {WE_END}",  # the conference's own events concern nobody here
    ("conference", "b"): f"{READY} {CALL} {WE_END}",
    ("idle_ping", "a"): READY,
}
"""What each client sees, in this order, and nothing else."""

SCENARIOS = list(dict.fromkeys(line["scenario"] for line in RECORD))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recorded_scenario_is_replayed(scenario: str) -> None:
    """Our client sends and replies what the recorded one did, and sees what happened in the right order."""
    clients = replay(scenario)
    if scenario == "reattach":
        del clients["a2"]  # who is a
    expected = {name: seen for (of, name), seen in EVENTS.items() if of == scenario}
    assert {name: ours.seen for name, ours in clients.items()} == expected


def test_every_scenario_is_replayed() -> None:
    """The recording has no scenario that the table leaves out, nor the table one that is not recorded."""
    assert {scenario for scenario, _ in EVENTS} == set(SCENARIOS)
    assert len(SCENARIOS) == 25


def test_what_is_refused_before_the_login_is_not_sent() -> None:
    """The recorded client's invite before the login (-32000), its bye and info for a call that there is not, and its
    invite without an offer are mistakes that ours reports to its caller. The server's replies to them do no harm."""
    ours = replay("auth")["a"]
    assert ours.unsent == ["verto.invite", "verto.nosuch", "verto.bye", "verto.info", "verto.invite"]
    assert [(one.code, one.message) for one in ours.end.saw(events.LoginFailed)] == [
        (-32001, "Authentication Failure"),
        (-32001, "Login Incorrect"),
    ]
    assert ours.end.protocol.login_state is LoginState.READY


@pytest.mark.parametrize(
    ("scenario", "client", "causes"),
    [
        ("busy", "a", [("USER_BUSY", 17, False), ("NO_ROUTE_DESTINATION", 3, False)]),
        ("cancel", "a", [("ORIGINATOR_CANCEL", 487, True)]),
        ("callee_rejects", "a", [("USER_BUSY", 17, False), ("USER_NOT_REGISTERED", 806, False)]),
        ("callee_rejects", "b", [("USER_BUSY", 17, True)]),
        ("ivr_info", "a", [("NORMAL_CLEARING", 16, False)]),
        ("echo", "a", [("NORMAL_CLEARING", 16, True)]),
    ],
)
def test_the_causes_of_the_recorded_ends(scenario: str, client: str, causes: list[tuple[str, int, bool]]) -> None:
    """The invite's result says "CALL CREATED" in each of them: how it went says the bye."""
    ours = replay(scenario)[client]
    assert [(end.cause, end.code, end.by_us) for end in ours.end.saw(events.Ended)] == causes


@pytest.mark.parametrize("scenario", ["early", "user_to_user", "transfer"])
def test_an_answer_after_early_media_has_no_description(scenario: str) -> None:
    """`verto.media` brought it."""
    ours = replay(scenario)["a"]
    assert ours.end.last(events.EarlyMedia).sdp.startswith("v=0")
    assert ours.end.last(events.Answered).sdp is None


@pytest.mark.parametrize("scenario", ["echo", "ring"])
def test_an_answer_without_early_media_has_one(scenario: str) -> None:
    """And nothing says that it rings before."""
    ours = replay(scenario)["a"]
    assert (ours.end.last(events.Answered).sdp or "").startswith("v=0")
    assert not ours.end.saw(events.Ringing)


def test_the_callee_learns_who_calls() -> None:
    """Its invite has no dialogParams, a call id of its own, and the names beside it."""
    clients = replay("user_to_user")
    incoming = clients["b"].end.last(events.Incoming)
    assert incoming.call_id not in {event.call_id for event in clients["a"].end.saw(events.CallEvent)}
    assert (incoming.caller_name, incoming.caller_number) == ("Extension 1000", "1000")
    assert (incoming.callee_name, incoming.callee_number) == ("Outbound Call", "1001")
    assert (incoming.headers, incoming.telnyx_ids) == ((), ())
    shown = clients["a"].end.last(events.DisplayChanged)
    assert (shown.display_name, shown.display_number) == ("Outbound Call", "1001")


def test_a_call_is_taken_up_again() -> None:
    """The offer comes before `verto.clientReady`, which lists the call; the session id is the old one."""
    ours = replay("reattach")["a"]
    sessions = {frame["params"]["sessid"] for frame in ours.end.sent if "method" in frame}
    call_id = ours.end.last(AttachOffered).call_id
    assert len(sessions) == 1
    assert ours.end.last(events.ClientReady).reattached == (call_id,)
    assert ours.end.protocol.call_state(call_id) is CallState.DONE


def test_who_is_punted_stays_away() -> None:
    """It closes the line and takes no other; the one that took its place is ready, and another user has no luck."""
    clients = replay("punt")
    punted = clients["a"].end
    assert (punted.closed, punted.protocol.login_state) == ("punted", LoginState.PUNTED)
    punted.protocol.step(LineDown("punted"), 200.0)
    with pytest.raises(LocalProtocolError):
        punted.protocol.step(LineUp(), 201.0)
    assert clients["a2"].end.protocol.login_state is LoginState.READY
    assert clients["other"].end.last(events.LoginFailed).message == "Session in use"


def test_a_server_numbers_its_requests_as_the_client_does() -> None:
    """Its counter is shared by all connections, so the ids of both sides meet: what has a method is a request."""
    ours = Ours("s")
    ours.line(LineUp(), 0.0)
    ours.end.took(ours.end.protocol.step(Login(Password("1000@fs.test", "1234")), 0.0))  # id 1
    ours.hears({"jsonrpc": "2.0", "id": 1, "method": "verto.clientEvent", "params": {}}, 0.1)
    assert ours._unsaid == [{"jsonrpc": "2.0", "id": 1, "result": {"method": "verto.clientEvent"}}]
    assert ours.end.protocol.login_state is LoginState.LOGGING_IN
    ours.end.took(ours.end.protocol.step('{"jsonrpc":"2.0","id":1,"result":{"message":"logged in"}}', 0.2))
    assert ours.end.protocol.login_state is LoginState.LOGGED_IN
