"""A client and a server: calls that outlive their line."""

from __future__ import annotations

from botkit.events import CallRefused, Dropped, Ended, Reconnected, Reconnecting, Transferred
from botkit.signalling.facts import AnswerReceived, AttachOffered, ByeReceived, LoginRequested, ModifyReceived
from botkit.signalling.orders import (
    AcceptAnswer,
    AcceptLogin,
    AnswerAttach,
    Hangup,
    Invite,
    Login,
    Modify,
    ReplyModify,
    SendAttach,
    UpdateMedia,
)
from botkit.states import CallState

from .pair import ALICE, ANSWER, IDS, OFFER, Pair


def test_without_a_line_unanswered_calls_end_and_answered_ones_wait():
    """At both ends; the server's cause is mod_verto's."""
    pair = Pair().ready()
    pair.call("k-1")
    pair.order(pair.client, Invite("k-3", "1", OFFER))
    pair.incoming("k-2")
    pair.cut()
    assert pair.states("k-1") == (CallState.DROPPED,) * 2
    assert pair.states("k-2") == pair.states("k-3") == (CallState.DONE,) * 2
    assert {e.call_id for e in pair.client.saw(Ended)} == {e.call_id for e in pair.server.saw(Ended)} == {"k-2", "k-3"}
    assert pair.server.last(Ended).cause == "DESTINATION_OUT_OF_ORDER"
    assert pair.client.saw(Dropped) == [Dropped("k-1", "lost")]


def come_back(pair: Pair, *reattached: str) -> None:
    pair.new_line()
    pair.order(pair.client, Login(ALICE))
    pair.accept_login(reattached=reattached)


def test_a_call_is_taken_up_again_on_a_new_line():
    """attach with an offer, attach with the answer, active."""
    pair = Pair().ready()
    pair.call()
    pair.cut()
    pair.now += 5
    come_back(pair, "k-1")
    assert pair.client.last(Reconnecting).call_id == "k-1"
    pair.order(pair.server, SendAttach("k-1", OFFER, telnyx_ids=IDS))
    assert pair.states("k-1") == (CallState.RECONNECTING,) * 2
    assert pair.client.last(AttachOffered) == AttachOffered("k-1", OFFER, IDS)
    pair.order(pair.client, AnswerAttach("k-1", ANSWER))
    event = pair.server.last(AnswerReceived)
    assert (event.sdp, event.attach) == (ANSWER, True)
    pair.order(pair.server, AcceptAnswer(event.request_id))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    assert pair.client.last(Reconnected).call_id == "k-1"
    pair.wait(70)
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_the_offer_may_come_before_client_ready():
    """mod_verto's order of the two; the offer waits for its answer all the same."""
    pair = Pair().ready()
    pair.call()
    pair.cut()
    pair.new_line()
    pair.order(pair.client, Login(ALICE))
    pair.give(pair.server, AcceptLogin(pair.server.last(LoginRequested).request_id, "s-1", ("k-1",)))
    pair.give(pair.server, SendAttach("k-1", OFFER))
    result, ready, attach = pair.client.inbox
    pair.client.inbox.clear()
    pair.client.inbox.extend([result, attach, ready])
    pair.settle()
    pair.order(pair.client, AnswerAttach("k-1", ANSWER))
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2


def test_a_held_call_comes_back_on_hold():
    """At both ends, when the exchange says that it was held."""
    pair = Pair().ready()
    pair.call()
    pair.order(pair.client, Modify("k-1", "hold"))
    pair.order(pair.server, ReplyModify(pair.server.last(ModifyReceived).request_id))
    pair.cut()
    come_back(pair, "k-1")
    pair.order(pair.server, SendAttach("k-1", OFFER, held=True))
    pair.order(pair.client, AnswerAttach("k-1", ANSWER))
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    assert pair.states("k-1") == (CallState.HELD,) * 2


def test_changes_whose_reply_is_lost_with_the_line():
    """Each is told as failed when the line goes, and is not asked again on the next one."""
    pair = Pair().ready()
    pair.call()
    for order in (Modify("k-1", "hold"), Modify("k-1", "transfer", "1003"), UpdateMedia("k-1", OFFER)):
        pair.order(pair.client, order)
    pair.cut()
    lost = "the connection was lost before the reply"
    assert pair.client.saw(CallRefused) == [CallRefused("k-1", method, 0, lost) for method in ("modify", "updateMedia")]
    assert pair.client.saw(Transferred) == [Transferred("k-1", False, lost)]
    come_back(pair, "k-1")
    pair.order(pair.server, SendAttach("k-1", OFFER))
    pair.order(pair.client, AnswerAttach("k-1", ANSWER))
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    pair.wait(30)
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    assert len(pair.client.said("telnyx_rtc.modify")) == 3


def test_calls_that_the_server_kept_none_of_are_over():
    """clientReady lists none of ours ([JS] error 48501)."""
    pair = Pair().ready()
    pair.call()
    pair.cut()
    come_back(pair)
    assert pair.client.last(Ended).cause == "RECOVERY_ON_TIMER_EXPIRE"
    assert not pair.clientp.calls


def test_a_call_that_nobody_takes_up_again_ends_after_a_minute():
    """60 s, as the mobile SDKs wait; no bye, since there is no line."""
    pair = Pair().ready()
    pair.call()
    pair.cut()
    byes = len(pair.client.said("telnyx_rtc.bye"))
    pair.wait(59)
    assert pair.client.protocol.call_state("k-1") is CallState.DROPPED
    pair.wait(2)
    assert pair.client.last(Ended).cause == "RECOVERY_ON_TIMER_EXPIRE"
    assert len(pair.client.said("telnyx_rtc.bye")) == byes


def test_a_call_ended_without_a_line_is_told_when_it_is_offered_again():
    """Our hang-up could not be sent; the offer is met with a bye."""
    pair = Pair().ready()
    pair.call()
    pair.cut()
    pair.give(pair.client, Hangup("k-1"))
    assert pair.client.last(Ended).by_us
    come_back(pair, "k-1")
    pair.order(pair.server, SendAttach("k-1", OFFER))
    assert pair.server.last(ByeReceived).call_id == "k-1"
    assert pair.states("k-1") == (CallState.DONE,) * 2


def test_a_live_call_may_be_renegotiated_by_attach():
    """The one way from the server's side ([JS] ignores its modify)."""
    pair = Pair().ready()
    pair.call()
    pair.order(pair.server, SendAttach("k-1", OFFER))
    pair.order(pair.client, AnswerAttach("k-1", ANSWER))
    pair.order(pair.server, AcceptAnswer(pair.server.last(AnswerReceived).request_id))
    assert pair.states("k-1") == (CallState.ACTIVE,) * 2
    assert pair.client.saw(Reconnected)
