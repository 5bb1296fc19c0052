"""What the official browser SDK (`@telnyx/webrtc` 2.27.10 in Chromium) and a small server said, replayed.

Both our ends are held to it, so that they do not agree on a shared mistake. Recorded on loopback:
login, an outbound call with digits, hold and resume, an inbound call, a busy number, pings. In the
file, `recv` is what the SDK sent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botkit.events import Answered, ClientReady, Ended, Held, Incoming, InfoReceived, Resumed, Ringing
from botkit.signalling import TELNYX, ClientProtocol, ServerProtocol
from botkit.signalling.facts import (
    AnswerReceived,
    ByeReceived,
    InviteReceived,
    LoginRequested,
    ModifyReceived,
    ProtocolViolated,
    RequestAcknowledged,
)
from botkit.signalling.orders import (
    AcceptAnswer,
    AcceptLogin,
    Answer,
    Hangup,
    Invite,
    LineUp,
    Login,
    Modify,
    Order,
    ReplyModify,
    SendAnswer,
    SendBye,
    SendInfo,
    SendInvite,
    SendRinging,
)
from botkit.states import CallState, LoginState

from .pair import ALICE, End

FILE = Path(__file__).parents[1] / "data" / "transcripts" / "js-sdk.jsonl"
RECORD: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
SDK = [line for line in RECORD if line["dir"] == "recv"]
SERVER = [line for line in RECORD if line["dir"] == "send"]
SESSION = next(line["msg"]["result"]["sessid"] for line in SERVER)


def fields(message: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: message[name] for name in names if name in message}


def order_for(message: dict[str, Any]) -> Order | None:
    """What an exchange orders so that the recorded server request is sent."""
    params = message["params"]
    ids = tuple((k, v) for k, v in params.items() if k.startswith("telnyx_"))
    call_id = params.get("callID", "")
    match message["method"].partition(".")[2]:
        case "ringing":
            return SendRinging(call_id, telnyx_ids=ids)
        case "answer":
            return SendAnswer(call_id, params["sdp"])
        case "invite":
            names = [params[k] for k in ("caller_id_name", "caller_id_number", "callee_id_name", "callee_id_number")]
            return SendInvite(call_id, params["sdp"], *names, telnyx_ids=ids)
        case "bye":
            return SendBye(call_id, params["cause"], params["causeCode"], params["sipCode"], params["sipReason"])
        case "ping" | "clientReady":
            return None  # by itself
    raise AssertionError(message)


def decide(end: End) -> Order | None:
    """What an exchange answers to the last event."""
    match end.events[-1]:
        case LoginRequested(request_id):
            return AcceptLogin(request_id, SESSION)
        case AnswerReceived() as event:
            return AcceptAnswer(event.request_id)
        case ModifyReceived() as event:
            return ReplyModify(event.request_id)
    return None


def server_side() -> End:
    """Our server, fed what the SDK sent; it says what the recorded server said, when it did."""
    end = End(ServerProtocol(TELNYX, "VSDK1demo"))
    end.took(end.protocol.step(LineUp(), 0.0))
    for line in RECORD:
        message, now = line["msg"], line["t"]
        if line["dir"] == "recv":
            before = len(end.events)
            end.took(end.protocol.step(json.dumps(message), now))
            if len(end.events) > before and (order := decide(end)) is not None:
                end.took(end.protocol.step(order, now))
        elif line["dir"] == "send" and (order := order_for(message) if "method" in message else None) is not None:
            end.took(end.protocol.step(order, now))
    return end


def test_our_server_answers_each_frame_of_the_sdk():
    """The same id, the same members of the result as the server that the SDK was content with."""
    end = server_side()
    ours = {frame["id"]: frame["result"] for frame in end.sent if "result" in frame}
    theirs = {line["msg"]["id"]: line["msg"]["result"] for line in SERVER if "result" in line["msg"]}
    assert ours == theirs
    assert not end.saw(ProtocolViolated)


def test_our_server_asks_what_the_recorded_one_asked():
    """Method and params, but for optional members; ids from one counter."""
    ours = [frame for frame in server_side().sent if "method" in frame and not frame["method"].endswith("ping")]
    theirs = [line["msg"] for line in SERVER if "method" in line["msg"] and not line["msg"]["method"].endswith("ping")]
    assert [frame["method"] for frame in ours] == [frame["method"] for frame in theirs]
    for frame, model in zip(ours, theirs, strict=True):
        if frame["method"] == "telnyx_rtc.ringing":  # the recorded server made up the caller's name
            model["params"] |= fields(frame["params"], "caller_id_name", "caller_id_number")
        assert model["params"].items() <= frame["params"].items()


def test_our_server_understood_the_sdk():
    """The facts that an exchange is handed."""
    end = server_side()
    login = end.last(LoginRequested)
    assert login.credentials == ALICE
    assert "HeadlessChrome" in login.user_agent
    first, busy = end.saw(InviteReceived)
    assert first.destination == "+15551230002"
    assert first.sdp.startswith("v=0\r\n")
    assert [event.digits for event in end.saw(InfoReceived)] == ["12#"]
    assert [(e.action, e.hold_state) for e in end.saw(ModifyReceived)] == [("hold", "held"), ("unhold", "active")]
    assert end.saw(ByeReceived) == [ByeReceived(first.call_id, "NORMAL_CLEARING", 16)]
    acked = [event.verb for event in end.saw(RequestAcknowledged)]
    assert acked == ["ringing", "answer", "invite", "bye", "bye"]
    assert end.saw(ClientReady)
    assert end.protocol.login_state is LoginState.READY
    assert end.protocol.call_state(busy.call_id) is CallState.DONE
    assert not end.protocol.calls


def client_order(message: dict[str, Any]) -> Order | None:
    """What our client is ordered, so that it sends what the SDK sent."""
    params = message["params"]
    call_id = params.get("dialogParams", {}).get("callID", "")
    match message["method"].rpartition(".")[2]:
        case "login":
            return Login(ALICE)
        case "invite":
            return Invite(call_id, params["dialogParams"]["destination_number"], params["sdp"])
        case "answer":
            return Answer(call_id, params["sdp"])
        case "info":
            return SendInfo(call_id, params["dtmf"])
        case "modify":
            return Modify(call_id, params["action"])
        case "bye":
            return Hangup(call_id)
    return None  # gatewayState and ping, by itself


def client_side() -> End:
    """Our client, under the ids that the SDK had, fed what the recorded server sent."""
    ids = iter([line["msg"]["id"] for line in SDK if "method" in line["msg"]])
    end = End(ClientProtocol(TELNYX, new_uuid=lambda: next(ids)))
    end.took(end.protocol.step(LineUp(), 0.0))
    for line in RECORD:
        message, now = line["msg"], line["t"]
        if line["dir"] == "send":
            end.took(end.protocol.step(json.dumps(message), now))
        elif line["dir"] == "recv" and "method" in message and (order := client_order(message)) is not None:
            end.took(end.protocol.step(order, now))
    return end


def test_our_client_says_what_the_sdk_said():
    """The same requests under the same ids, the same acknowledgements, the same causes and sessions."""
    end = client_side()
    ours = sorted((frame.get("method", ""), str(frame["id"])) for frame in end.sent)
    theirs = sorted((line["msg"].get("method", ""), str(line["msg"]["id"])) for line in SDK)
    assert ours == theirs
    said = {frame["id"]: frame for frame in end.sent}
    for line in SDK:
        message = line["msg"]
        frame = said[message["id"]]
        if "result" in message:
            assert frame == message
            continue
        assert frame.get("voice_sdk_id") == message.get("voice_sdk_id")
        for name in ("sessid", "sdp", "dtmf", "action", "cause", "causeCode", "login", "passwd", "loginParams"):
            assert frame["params"].get(name) == message["params"].get(name)
        dialog, model = frame["params"].get("dialogParams", {}), message["params"].get("dialogParams", {})
        names = ["callID", "destination_number", "audio", "attach"]
        names += ["remote_caller_id_name", "remote_caller_id_number"]
        if frame["method"] in ("telnyx_rtc.invite", "telnyx_rtc.answer"):
            assert fields(dialog, *names) == fields(model, *names)
        assert dialog.get("callID") == model.get("callID")


def test_our_client_went_through_the_same_states():
    """Ready, two calls up and over, one busy; nothing to complain about."""
    end = client_side()
    assert not end.saw(ProtocolViolated)
    story = (ClientReady, Ringing, Answered, Held, Resumed, Ended, Incoming)
    assert [type(event) for event in end.events if isinstance(event, story)] == [
        ClientReady,
        Ringing,
        Answered,
        Held,
        Resumed,
        Ended,
        Incoming,
        Answered,
        Ended,
        Ended,
    ]
    causes = [(event.cause, event.code, event.by_us) for event in end.saw(Ended)]
    assert causes == [("NORMAL_CLEARING", 16, True), ("NORMAL_CLEARING", 16, False), ("USER_BUSY", 17, False)]
    assert end.protocol.login_state is LoginState.READY
