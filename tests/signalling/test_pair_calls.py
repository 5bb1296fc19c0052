"""A client and a server: calls, from invite to bye, and what may cross on the way."""

from __future__ import annotations

import json

import pytest

from botkit.causes import cause
from botkit.errors import LocalProtocolError
from botkit.events import (
    Answered,
    CallAccepted,
    CallRefused,
    DisplayChanged,
    EarlyMedia,
    Ended,
    Held,
    Incoming,
    InfoReceived,
    MediaUpdated,
    Resumed,
    Ringing,
    TakenBack,
    Transferred,
)
from botkit.signalling import shapes
from botkit.signalling.facts import (
    AnswerReceived,
    ByeReceived,
    HangupAccepted,
    InviteReceived,
    ModifyReceived,
    ProtocolViolated,
    RequestAcknowledged,
    RequestTimedOut,
)
from botkit.signalling.orders import (
    AcceptAnswer,
    Answer,
    Hangup,
    Invite,
    Modify,
    RefuseRequest,
    ReplyModify,
    SendAnswer,
    SendBye,
    SendDisplay,
    SendInfo,
    SendInvite,
    SendMedia,
    SendRinging,
    UpdateMedia,
)
from botkit.states import CallState

from .pair import ANSWER, IDS, OFFER, Pair

NEW = Invite(
    "k-1", "+15551230002", OFFER, "Alice", "+15551230001", headers=(("X-Trace", "42"),), client_state="c3RhdGU="
)


@pytest.fixture
def pair() -> Pair:
    return Pair().ready()


# --- placing a call -----------------------------------------------------------------------------


def test_an_invite_says_all_that_the_exchange_needs(pair):
    """Destination, names, headers and state arrive as they were ordered."""
    pair.order(pair.client, NEW)
    event = pair.server.last(InviteReceived)
    assert (event.call_id, event.sdp, event.destination) == ("k-1", OFFER, "+15551230002")
    assert (event.caller_name, event.caller_number) == ("Alice", "+15551230001")
    assert event.headers == (("X-Trace", "42"),)
    assert event.client_state == "c3RhdGU="
    assert not event.trickle


def test_a_call_rings_is_answered_and_ends_by_us(pair):
    """The usual life, the states equal at both ends all along."""
    pair.order(pair.client, NEW)
    assert pair.states("k-1") == (CallState.CONNECTING,) * 2
    pair.order(pair.server, SendRinging("k-1", telnyx_ids=IDS))
    assert pair.states("k-1") == (CallState.RINGING,) * 2
    pair.order(pair.server, SendAnswer("k-1", ANSWER, headers=(("X-Far", "1"),)))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    pair.order(pair.client, Hangup("k-1"))
    assert pair.states("k-1") == (CallState.DONE,) * 2
    calls = [e for e in pair.client.events if getattr(e, "call_id", None)]
    assert calls == [
        CallAccepted("k-1"),
        Ringing("k-1", IDS),
        Answered("k-1", ANSWER, (("X-Far", "1"),)),
        Ended("k-1", "NORMAL_CLEARING", 16, by_us=True),
        HangupAccepted("k-1"),
    ]
    assert pair.server.last(ByeReceived) == ByeReceived("k-1", "NORMAL_CLEARING", 16)


def test_ringing_names_both_parties_and_the_platforms_ids(pair):
    """[AND] reads caller_id_name and caller_id_number of ringing as required members."""
    pair.order(pair.client, NEW)
    pair.order(pair.server, SendRinging("k-1", telnyx_ids=IDS))
    params = pair.server.said("telnyx_rtc.ringing")[0]["params"]
    assert params == {
        "callID": "k-1",
        "caller_id_name": "Alice",
        "caller_id_number": "+15551230001",
        "callee_id_name": "Outbound Call",
        "callee_id_number": "+15551230002",
        "display_direction": "inbound",
        "dialogParams": {"custom_headers": []},
        **dict(IDS),
    }


def test_the_result_of_an_invite_comes_before_anything_about_the_call(pair):
    """[JS] loses the call's state otherwise; the result leaves in the step that received the invite."""
    pair.give(pair.client, NEW)
    pair.pass_one(pair.server)
    assert pair.server.sent[-1]["result"] == {"message": "CALL CREATED", "callID": "k-1", "sessid": "s-1"}


def test_early_media_brings_the_sdp_once(pair):
    """The answer then has none, though it was given one."""
    pair.order(pair.client, NEW)
    pair.order(pair.server, SendMedia("k-1", ANSWER), SendAnswer("k-1", ANSWER))
    assert "sdp" not in pair.server.said("telnyx_rtc.answer")[0]["params"]
    assert pair.client.saw(EarlyMedia) == [EarlyMedia("k-1", ANSWER)]
    assert pair.client.last(Answered).sdp is None


def test_answer_right_behind_media(pair):
    """Two frames in one breath: early, then active."""
    pair.order(pair.client, NEW)
    pair.give(pair.server, SendMedia("k-1", ANSWER))
    pair.give(pair.server, SendAnswer("k-1"))
    pair.settle()
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


@pytest.mark.parametrize(
    "order", [SendAnswer("k-1"), SendMedia("k-1", ANSWER), SendRinging("k-1"), SendAnswer("k-1", ANSWER)], ids=str
)
def test_what_the_server_may_not_send_is_refused_to_the_exchange(pair, order):
    """An answer without SDP, and progress of a call that is answered, are the exchange's mistakes."""
    if order.__class__ is SendAnswer and order.sdp is None:
        pair.order(pair.client, NEW)
    else:
        pair.call()
    sent = len(pair.server.sent)
    with pytest.raises(LocalProtocolError):
        pair.give(pair.server, order)
    assert len(pair.server.sent) == sent


def test_a_refused_call_is_a_good_result_and_then_a_bye(pair):
    """So the real service does it; the SIP status follows from the cause."""
    pair.order(pair.client, NEW)
    pair.order(pair.server, SendBye("k-1", "UNALLOCATED_NUMBER"))
    assert pair.client.last(Ended) == Ended("k-1", "UNALLOCATED_NUMBER", 1, 404, "Not Found")
    assert pair.states("k-1") == (CallState.DONE,) * 2


def test_a_caller_who_gives_up_says_busy(pair):
    """Before the answer the cause is 17, as in every SDK; a server reads it as cancel."""
    pair.order(pair.client, NEW, Hangup("k-1"))
    assert pair.server.last(ByeReceived) == ByeReceived("k-1", "USER_BUSY", 17)


def test_a_cause_of_ones_own(pair):
    """Cause, code and SIP status of the order stand in the bye; short words are understood."""
    pair.call()
    pair.order(pair.client, Hangup("k-1", "declined", sip_code=603, sip_reason="Decline"))
    assert pair.server.last(ByeReceived) == ByeReceived("k-1", "CALL_REJECTED", 21, 603, "Decline")


def test_an_invite_without_reply_ends_the_call_with_a_bye(pair):
    """Ten seconds; the phase is called invite."""
    pair.give(pair.client, NEW)
    pair.server.inbox.clear()
    pair.wait(10)
    assert RequestTimedOut("invite", "k-1") in pair.client.events
    assert pair.client.last(Ended).cause == "RECOVERY_ON_TIMER_EXPIRE"
    assert pair.client.said("telnyx_rtc.bye")
    assert HangupAccepted("k-1") in pair.client.events  # the server knows no such call, and replies


def test_no_call_before_ready():
    """A call placed before REGED fails in the real service, so it is refused here."""
    pair = Pair()
    pair.up()
    with pytest.raises(LocalProtocolError, match="before the client is ready"):
        pair.give(pair.client, NEW)
    assert not pair.clientp.calls


def test_a_call_id_is_used_once(pair):
    """The client refuses the order; a server refuses the frame."""
    pair.order(pair.client, NEW)
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, NEW)
    frame = pair.client.said("telnyx_rtc.invite")[0] | {"id": "again"}
    pair.give(pair.server, json.dumps(frame))
    assert pair.server.sent[-1]["error"] == {"code": -32002, "message": "CALL ALREADY EXISTS"}
    assert pair.server.last(ProtocolViolated).call_id == "k-1"


# --- taking a call --------------------------------------------------------------------------------


def test_an_incoming_call_is_answered_and_ended_by_the_server(pair):
    """Ringing, connecting, active, done; equal at both ends."""
    order = SendInvite("k-2", OFFER, "Bob", "+1555", "", "alice", (("X-A", "b"),), "c3Q=", IDS)
    pair.order(pair.server, order)
    incoming = Incoming("k-2", OFFER, "Bob", "+1555", "", "alice", (("X-A", "b"),), "c3Q=", IDS)
    assert pair.client.last(Incoming) == incoming
    assert pair.states("k-2") == (CallState.RINGING,) * 2
    assert pair.server.last(RequestAcknowledged) == RequestAcknowledged("k-2", "invite")
    pair.order(pair.client, Answer("k-2", ANSWER, (("X-C", "d"),)))
    assert pair.states("k-2") == (CallState.CONNECTING,) * 2
    event = pair.server.last(AnswerReceived)
    assert (event.sdp, event.headers, event.attach) == (ANSWER, (("X-C", "d"),), False)
    pair.order(pair.server, AcceptAnswer(event.request_id))
    assert pair.states("k-2") == (CallState.ACTIVE,) * 2
    assert pair.client.last(Answered) == Answered("k-2")
    pair.order(pair.server, SendBye("k-2"))
    assert pair.client.last(Ended) == Ended("k-2", "NORMAL_CLEARING", 16, 200, "OK")
    assert pair.server.last(RequestAcknowledged) == RequestAcknowledged("k-2", "bye")


def test_a_rejected_call_is_busy(pair):
    """hangup() while it rings: 17, to be mapped to SIP 486."""
    pair.order(pair.client, Hangup(pair.incoming()))
    assert pair.server.last(ByeReceived) == ByeReceived("k-2", "USER_BUSY", 17)


def test_a_cancelled_call_stops_ringing(pair):
    """The caller gave up: ORIGINATOR_CANCEL, 487."""
    pair.incoming()
    pair.order(pair.server, SendBye("k-2", "ORIGINATOR_CANCEL"))
    assert pair.client.last(Ended) == Ended("k-2", "ORIGINATOR_CANCEL", 487, 487, "Request Terminated")


def test_an_answer_that_the_exchange_refuses_ends_the_call(pair):
    """An error reply, then a bye with 17, as [JS] does."""
    pair.order(pair.client, Answer(pair.incoming(), ANSWER))
    request_id = pair.server.last(AnswerReceived).request_id
    pair.order(pair.server, RefuseRequest(request_id, message="CODEC ERROR"))
    assert pair.client.last(CallRefused) == CallRefused("k-2", "answer", -32002, "CODEC ERROR")
    assert pair.client.last(Ended) == Ended("k-2", "USER_BUSY", 17, by_us=True)
    assert pair.states("k-2") == (CallState.DONE,) * 2


def test_an_answer_that_the_exchange_forgets_is_refused(pair):
    """In eight seconds; a late acceptance does nothing."""
    pair.order(pair.client, Answer(pair.incoming(), ANSWER))
    pair.wait(8)
    assert pair.client.last(CallRefused).message == "no decision in time"
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    assert pair.states("k-2") == (CallState.DONE,) * 2


def test_a_second_answer_is_a_mistake_of_the_caller(pair):
    """The table has no row for it."""
    pair.order(pair.client, Answer(pair.incoming(), ANSWER))
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, Answer("k-2", ANSWER))
    with pytest.raises(LocalProtocolError):
        pair.order(pair.client, Answer(pair.call(), ANSWER))


def test_a_client_that_is_not_logged_in_cannot_be_called():
    """The exchange is told so."""
    pair = Pair()
    pair.up()
    with pytest.raises(LocalProtocolError):
        pair.incoming()


# --- in the call ------------------------------------------------------------------------------------


def test_hold_and_resume(pair):
    """The state follows the reply."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "hold"))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    event = pair.server.last(ModifyReceived)
    assert (event.action, event.hold_state) == ("hold", "held")
    pair.order(pair.server, ReplyModify(event.request_id))
    assert pair.states("k-1") == (CallState.HELD,) * 2
    assert pair.server.sent[-1]["result"] == {
        "callID": "k-1",
        "action": "hold",
        "holdState": "held",
        "sessid": "s-1",
    }
    pair.order(pair.client, Modify("k-1", "unhold"))
    pair.order(pair.server, ReplyModify(pair.server.last(ModifyReceived).request_id))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    assert [type(e) for e in pair.client.events[-2:]] == [Held, Resumed]


def test_toggle_hold_goes_to_and_fro(pair):
    """Each time to the other state."""
    pair.call()
    for expected in (CallState.HELD, CallState.ACTIVE, CallState.HELD):
        pair.order(pair.client, Modify("k-1", "toggleHold"))
        pair.order(pair.server, ReplyModify(pair.server.last(ModifyReceived).request_id))
        assert pair.states("k-1") == (expected,) * 2


def test_a_refused_hold_changes_nothing(pair):
    """An error reply: the call stays active."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "hold"))
    request_id = pair.server.last(ModifyReceived).request_id
    pair.order(pair.server, RefuseRequest(request_id, -32002, "CALL ERROR"))
    assert pair.client.last(CallRefused).method == "modify"
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_hold_wants_a_call_that_is_up(pair):
    """Before the answer it is an error on the side that asks for it."""
    pair.order(pair.client, NEW)
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, Modify("k-1", "hold"))


@pytest.mark.parametrize("ok", [True, False])
def test_transfer(pair, ok):
    """The reply says whether it was taken."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "transfer", "1002"))
    event = pair.server.last(ModifyReceived)
    assert (event.action, event.destination, event.hold_state) == ("transfer", "1002", "active")
    if ok:
        pair.order(pair.server, ReplyModify(event.request_id, message="CALL TRANSFERRED"))
        assert pair.client.last(Transferred) == Transferred("k-1", True, "CALL TRANSFERRED")
    else:
        pair.order(pair.server, RefuseRequest(event.request_id, message="call is not bridged"))
        assert pair.client.last(Transferred) == Transferred("k-1", False, "call is not bridged")
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_why_a_transfer_failed(pair):
    """A refusal may name the cause (10.4), and the client is told it."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "transfer", "1002"))
    request_id = pair.server.last(ModifyReceived).request_id
    pair.order(pair.server, RefuseRequest(request_id, message="transfer failed", cause=cause("busy")))
    assert pair.server.sent[-1]["error"] == {
        "code": -32002,
        "message": "transfer failed",
        "callID": "k-1",
        "cause": "USER_BUSY",
        "causeCode": 17,
    }
    assert pair.client.last(Transferred) == Transferred("k-1", False, "transfer failed", "USER_BUSY")


@pytest.mark.parametrize(("rings", "longest"), [(None, 60.0), (5.0, 5.0), (100.0, 100.0)])
def test_a_transfer_may_ring_long(pair, rings, longest):
    """The reply may take as long as the new party may ring; only then it is refused."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "transfer", "1002", rings))
    assert pair.server.last(ModifyReceived).ring_timeout == rings
    assert pair.client.said("telnyx_rtc.modify")[-1]["params"].get("timeout_secs") == rings
    pair.wait(longest)
    assert not pair.client.saw(Transferred)
    pair.wait(30.0)
    assert pair.client.last(Transferred) == Transferred("k-1", False, "no decision in time")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (20, 20.0),
        (0.5, 0.5),
        (1e9, 600.0),
        (0, None),
        (-3, None),
        ("20", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_ring_timeouts_of_strangers(said, meant):
    """Seconds above 0, at most ten minutes; all else says nothing."""
    assert shapes.ring_timeout({"timeout_secs": said}) == meant


def test_a_transfer_has_a_destination(pair):
    """Without one it does not leave."""
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, Modify(pair.call(), "transfer"))


def test_update_media_brings_a_new_answer(pair):
    """The result holds sdp, action and callID; without SDP it may not be granted."""
    pair.call()
    pair.order(pair.client, UpdateMedia("k-1", "v=0\r\nnew offer"))
    event = pair.server.last(ModifyReceived)
    assert (event.action, event.sdp) == ("updateMedia", "v=0\r\nnew offer")
    with pytest.raises(LocalProtocolError):
        pair.give(pair.server, ReplyModify(event.request_id))
    pair.order(pair.server, ReplyModify(event.request_id, sdp="v=0\r\nnew answer"))
    assert pair.client.last(MediaUpdated) == MediaUpdated("k-1", "v=0\r\nnew answer")


def test_a_modify_without_reply_times_out_alone(pair):
    """The call goes on."""
    pair.call()
    pair.give(pair.client, Modify("k-1", "hold"))
    pair.server.inbox.clear()
    pair.wait(10)
    assert RequestTimedOut("modify", "k-1") in pair.client.events
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_digits_arrive_in_order_and_are_replied_to(pair):
    """Several in one frame are one event; a message has its own member."""
    pair.call()
    pair.order(pair.client, SendInfo("k-1", "12#"), SendInfo("k-1", message={"from": "a", "to": "b", "body": "hi"}))
    assert pair.server.saw(InfoReceived) == [
        InfoReceived("k-1", "12#"),
        InfoReceived("k-1", "", {"from": "a", "to": "b", "body": "hi"}),
    ]
    assert pair.server.sent[-1]["result"] == {"message": "SENT", "sessid": "s-1"}


def test_the_server_tells_display_and_info(pair):
    """A new name at the far end, and digits from it."""
    pair.call()
    pair.order(pair.server, SendDisplay("k-1", "Carol", "1003"), SendInfo("k-1", "7"))
    assert pair.client.last(DisplayChanged) == DisplayChanged("k-1", "Carol", "1003")
    assert pair.client.last(InfoReceived) == InfoReceived("k-1", "7")


# --- crossings ----------------------------------------------------------------------------------------


def crossing(pair: Pair, ours, theirs) -> None:
    """Both ends speak before either hears."""
    pair.give(pair.client, ours)
    pair.give(pair.server, theirs)
    pair.settle()


def test_bye_meets_bye(pair):
    """Each is replied to, one end each, no error, no second event."""
    pair.call()
    crossing(pair, Hangup("k-1"), SendBye("k-1"))
    assert pair.states("k-1") == (CallState.DONE,) * 2
    assert len(pair.client.saw(Ended)) == 1
    assert not pair.server.saw(ByeReceived)
    assert not pair.client.saw(ProtocolViolated)
    assert not pair.server.saw(ProtocolViolated)
    assert len(pair.server.said("telnyx_rtc.bye")) == 1
    assert pair.server.sent[-1]["result"]["message"] == "CALL ENDED"


def test_answer_meets_our_cancel(pair):
    """The far end answered while we gave up: the call stays over."""
    pair.order(pair.client, NEW)
    crossing(pair, Hangup("k-1"), SendAnswer("k-1", ANSWER))
    assert pair.states("k-1") == (CallState.DONE,) * 2
    assert not pair.client.saw(Answered)
    assert not pair.client.saw(ProtocolViolated)


@pytest.mark.parametrize("progress", [SendRinging("k-1"), SendMedia("k-1", ANSWER)], ids=["ringing", "media"])
def test_progress_meets_our_cancel(pair, progress):
    """It changes nothing, and is acknowledged."""
    pair.order(pair.client, NEW)
    crossing(pair, Hangup("k-1"), progress)
    assert pair.states("k-1") == (CallState.DONE,) * 2
    assert not pair.client.saw(Ringing)
    assert not pair.client.saw(EarlyMedia)


def test_our_answer_meets_their_cancel(pair):
    """The answer gets an error reply, since each frame gets one, and the exchange hears nothing of it."""
    pair.incoming()
    crossing(pair, Answer("k-2", ANSWER), SendBye("k-2", "ORIGINATOR_CANCEL"))
    assert pair.states("k-2") == (CallState.DONE,) * 2
    assert not pair.server.saw(AnswerReceived)
    assert pair.client.last(Ended).cause == "ORIGINATOR_CANCEL"
    assert any(frame.get("error", {}).get("message") == "CALL DOES NOT EXIST" for frame in pair.server.sent)
    assert not pair.client.saw(CallRefused)


def test_hold_meets_bye(pair):
    """The reply is an error to nobody."""
    pair.call()
    crossing(pair, Modify("k-1", "hold"), SendBye("k-1"))
    assert pair.states("k-1") == (CallState.DONE,) * 2
    assert not pair.client.saw(Held)


def test_the_exchange_grants_what_a_bye_has_overtaken(pair):
    """An answer and a hold that wait for the exchange while the client hangs up."""
    pair.order(pair.client, Answer(pair.incoming(), ANSWER))
    pair.call()
    pair.order(pair.client, Modify("k-1", "hold"))
    pair.order(pair.client, Hangup("k-1"), Hangup("k-2"))
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    pair.order(pair.server, ReplyModify(pair.server.last(ModifyReceived).request_id))
    assert [f["error"]["message"] for f in pair.server.sent[-2:]] == ["CALL DOES NOT EXIST"] * 2


def test_orders_for_a_call_that_is_over_do_nothing(pair):
    """They have met a bye that was on its way."""
    pair.call()
    pair.order(pair.client, Hangup("k-1"))
    said = len(pair.client.sent), len(pair.server.sent)
    pair.order(pair.client, Hangup("k-1"), Modify("k-1", "hold"), SendInfo("k-1", "1"), UpdateMedia("k-1", OFFER))
    pair.order(pair.server, SendBye("k-1"), SendRinging("k-1"), SendAnswer("k-1", ANSWER), SendDisplay("k-1", "", ""))
    assert (len(pair.client.sent), len(pair.server.sent)) == said


def test_orders_for_a_call_that_never_was_are_mistakes(pair):
    """On either side."""
    with pytest.raises(LocalProtocolError):
        pair.give(pair.client, Hangup("k-9"))
    with pytest.raises(LocalProtocolError):
        pair.give(pair.server, SendBye("k-9"))


def test_two_calls_do_not_know_each_other(pair):
    """One is held, one ends."""
    pair.call("k-1")
    pair.call("k-3")
    pair.order(pair.client, Modify("k-1", "hold"))
    pair.order(pair.server, ReplyModify(pair.server.last(ModifyReceived).request_id))
    pair.order(pair.client, Hangup("k-3"))
    assert dict(pair.clientp.calls) == dict(pair.serverp.calls) == {"k-1": CallState.HELD}


@pytest.mark.parametrize("action", ["enqueue", "conference"])
def test_a_stay(pair, action):
    """The reply comes when it is over, hours later if need be, and says why and after how long."""
    pair.call()
    pair.order(pair.client, Modify("k-1", action, "support"))
    event = pair.server.last(ModifyReceived)
    assert (event.action, event.destination) == (action, "support")
    pair.wait(3600.0)
    assert not pair.client.saw(TakenBack)
    pair.order(pair.client, Modify("k-1", "takeBack"))
    asked = pair.server.last(ModifyReceived)
    assert asked.action == "takeBack"
    pair.order(pair.server, ReplyModify(asked.request_id))
    assert not pair.client.saw(TakenBack)
    pair.order(pair.server, ReplyModify(event.request_id, reason="leave", waited=3600.5))
    assert pair.client.last(TakenBack) == TakenBack("k-1", True, "leave", 3600.5)
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_a_stay_that_is_refused(pair):
    """It says why; an order to take back what came back meanwhile may be refused, too, and is no event."""
    pair.call()
    pair.order(pair.client, Modify("k-1", "enqueue", "support"))
    pair.order(pair.server, RefuseRequest(pair.server.last(ModifyReceived).request_id, message="the queue is full"))
    assert pair.client.last(TakenBack) == TakenBack("k-1", False, message="the queue is full")
    pair.order(pair.client, Modify("k-1", "takeBack"))
    pair.order(pair.server, RefuseRequest(pair.server.last(ModifyReceived).request_id, message="nobody is lent"))
    assert not pair.client.saw(CallRefused)


def test_a_stay_needs_a_name(pair):
    """Without one nothing is sent."""
    pair.call()
    with pytest.raises(LocalProtocolError, match="enqueue without"):
        pair.give(pair.client, Modify("k-1", "enqueue"))
