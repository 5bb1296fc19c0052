"""Arbitrary and mutated frames: whatever comes, a step returns, and the session stays usable."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.signalling.facts import LoginRequested
from botkit.signalling.orders import AcceptLogin, Hangup, Invite, Login, SendAnswer, SendInvite
from botkit.states import CallState

from .pair import ALICE, ANSWER, OFFER, Pair
from .test_messages import JSON
from .test_transcript import RECORD

FRAMES: list[dict[str, Any]] = [line["msg"] for line in RECORD if line["dir"] in ("send", "recv")]
METHODS = sorted({frame["method"] for frame in FRAMES if "method" in frame})
METHODS += [f"telnyx_rtc.{m}" for m in ("media", "attach", "candidate", "endOfCandidates", "display", "gatewayState")]
CALLS = st.sampled_from(["k-1", "k-2", "k-9", ""])
SMALL = JSON | st.sampled_from(["REGED", "FAILED", "hold", "toggleHold", "transfer", "updateMedia", OFFER])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A frame that was recorded, with members somewhere in it replaced or taken away."""
    frame = json.loads(json.dumps(draw(st.sampled_from(FRAMES))))
    for _ in range(draw(st.integers(1, 3))):
        where = frame
        while any(isinstance(value, dict) for value in where.values()) and draw(st.booleans()):
            where = where[draw(st.sampled_from([key for key, value in where.items() if isinstance(value, dict)]))]
        if where:
            key = draw(st.sampled_from(sorted(where)))
            if draw(st.booleans()):
                where[key] = draw(SMALL)
            else:
                del where[key]
    return json.dumps(frame)


# a frame that looks right, about calls that there are
LIKELY = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(METHODS), "id": st.integers(0, 40) | st.uuids().map(str)},
    optional={
        "params": st.fixed_dictionaries(
            {},
            optional={
                "callID": CALLS,
                "dialogParams": st.fixed_dictionaries({"callID": CALLS}),
                "sdp": st.sampled_from([OFFER, "", None]),
                "action": SMALL,
                "state": SMALL,
                "cause": SMALL,
                "causeCode": SMALL,
                "login": SMALL,
                "reattached_sessions": SMALL,
                "dtmf": SMALL,
            },
        )
    },
).map(json.dumps)
REPLIES = st.builds(
    lambda ident, key, value: json.dumps({"jsonrpc": "2.0", "id": ident, key: value}),
    st.integers(0, 40) | st.integers(0, 40).map(lambda n: f"00000000-0000-4000-8000-{n:012d}"),
    st.sampled_from(["result", "error"]),
    st.dictionaries(st.sampled_from(["params", "sessid", "sdp", "holdState", "code", "message", "cause"]), SMALL),
)
TEXTS = st.lists(st.text() | mutated() | LIKELY | REPLIES, min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_nothing_that_a_server_says_breaks_the_client(texts):
    """No error comes out of a step; afterwards the client can log in on a new line and place a call."""
    pair = Pair().ready()
    pair.call("k-1")
    pair.incoming("k-2")
    for text in texts:
        pair.now += 0.5
        output = pair.client.protocol.step(text, pair.now)
        assert output.wake_at is None or output.wake_at > pair.now
        if output.close is not None:
            return  # a punt: it stays away
    pair.client.took(pair.client.protocol.step(None, pair.now + 1))
    pair.cut()
    pair.new_line()
    pair.order(pair.client, Login(ALICE))
    pair.accept_login()
    pair.order(pair.client, Invite("k-7", "1", OFFER))
    pair.order(pair.server, SendAnswer("k-7", ANSWER))
    assert pair.states("k-7") == (CallState.ACTIVE,) * 2


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_nothing_that_a_client_says_breaks_the_server(texts):
    """No error comes out of a step, every request gets one reply at most, and calls can still be made."""
    pair = Pair().ready()
    pair.call("k-1")
    pair.incoming("k-2")
    pair.server.sent.clear()
    for text in texts:
        pair.now += 0.5
        said = pair.server.took(pair.server.protocol.step(text, pair.now))
        assert sum("method" not in json.loads(frame) for frame in said) <= 1
    pair.client.inbox.clear()
    pair.wait(9)  # what waits for the exchange is refused
    pair.order(pair.server, SendInvite("k-8", OFFER))
    assert pair.states("k-8") == (CallState.RINGING,) * 2
    pair.order(pair.client, Hangup("k-8"))
    assert pair.states("k-8") == (CallState.DONE,) * 2
    assert pair.server.closed is None


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_strangers_get_no_further_than_the_login(texts):
    """Before a login no frame makes a call, and each login asked for can be granted."""
    pair = Pair()
    pair.up()
    for text in texts:
        pair.server.took(pair.server.protocol.step(text, pair.now))
    assert not pair.serverp.calls
    pair.order(pair.client, Login(ALICE))
    pair.order(pair.server, AcceptLogin(pair.server.last(LoginRequested).request_id, "s-1"))
    assert pair.server.protocol.login_state is pair.client.protocol.login_state
