"""What a FreeSWITCH was recorded to say, mutated: whatever comes, a step returns, and the client stays usable."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.signalling.orders import Invite, LineDown, LineUp, Login, Modify
from botkit.states import CallState

from .pair import ANSWER, OFFER
from .test_fuzz import SMALL
from .test_verto import USER, Client
from .test_verto_transcript import RECORD

FRAMES: list[dict[str, Any]] = [line["msg"] for line in RECORD if line["dir"] == "recv"]
METHODS = sorted({frame["method"] for frame in FRAMES if "method" in frame} | {"verto.info", "verto.ping"})
CALLS = st.sampled_from(["c-1", "k-1", "c-9"])


@st.composite
def likely(draw: st.DrawFn) -> str:
    """A recorded frame or a likely one, about calls that there are, with members replaced or taken away."""
    frame: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(FRAMES))))
    params = frame.setdefault("params", {}) if "method" in frame else frame.get("result", frame.get("error", {}))
    if "method" in frame:
        frame["method"] = draw(st.sampled_from([frame["method"], *METHODS]))
    if draw(st.booleans()):
        frame["id"] = draw(st.integers(0, 9))
    if "callID" in params:
        params["callID"] = draw(CALLS)
    if "error" in frame and draw(st.booleans()):
        params["code"] = -32000
    for _ in range(draw(st.integers(0, 2))):
        where = draw(st.sampled_from([frame, params]))
        if where:
            key = draw(st.sampled_from(sorted(where)))
            if draw(st.booleans()):
                where[key] = draw(SMALL)
            else:
                del where[key]
    return json.dumps(frame)


@settings(max_examples=200, deadline=None)
@given(st.lists(likely(), min_size=1, max_size=12))
def test_nothing_that_a_server_says_breaks_the_client(texts: list[str]) -> None:
    """No error comes out of a step, a request gets one reply at most; afterwards the client can log in on a new line
    and place a call."""
    client = Client()
    client.call()
    client.ask("invite", callID="k-1", sdp=OFFER)
    client.order(Modify("c-1", "hold"))
    for text in texts:
        client.now += 0.5
        output = client.protocol.step(text, client.now)
        sent = [json.loads(frame) for frame in output.send]
        client.end.took(output)
        assert sum("method" not in frame for frame in sent) <= 1
        assert output.wake_at is None or output.wake_at > client.now
        if output.close is not None:
            return  # a punt: it stays away
    client.order(LineDown("cut"))
    client.order(LineUp())
    client.order(Login(USER))
    client.reply({"message": "logged in"})
    client.ask("clientReady", reattached_sessions=[])
    client.order(Invite("c-7", "1", OFFER))
    client.reply({"message": "CALL CREATED"})
    client.ask("answer", callID="c-7", sdp=ANSWER)
    assert client.protocol.call_state("c-7") is CallState.ACTIVE
