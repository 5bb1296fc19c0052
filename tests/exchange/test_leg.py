"""One leg by itself: what is told to its client, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from botkit import clock
from botkit.causes import Cause, cause
from botkit.exchange.leg import Leg
from botkit.media.plane import media_plane
from botkit.signalling.facts import AnswerReceived
from botkit.signalling.orders import AcceptAnswer, Order, RefuseRequest, SendBye, SendInvite


class Wire:
    """A line that remembers its orders."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def order(self, order: Order) -> None:
        self.orders.append(order)


def with_leg(test: Callable[[Leg, list[Order]], None], *, inbound: bool = True) -> None:
    async def whole() -> None:
        async with media_plane() as plane:
            wire = Wire()
            leg = Leg(wire, "k-1", plane.endpoint(), inbound=inbound, session_id="s-1")  # type: ignore[arg-type]
            test(leg, wire.orders)
            await leg.close()

    main: Coroutine[Any, Any, None] = whole()
    clock.run(main, virtual=True)


def test_bye_by_name() -> None:
    """A cause by its name goes out with its number and its SIP status."""

    def test(leg: Leg, orders: list[Order]) -> None:
        leg.bye("USER_BUSY")
        assert orders == [SendBye("k-1", "USER_BUSY", 17, sip_code=486, sip_reason="Busy Here")]
        assert leg.over.result() == cause("USER_BUSY")

    with_leg(test)


def test_one_end() -> None:
    """A leg that is over stays as it ended, and its client is not told again."""

    def test(leg: Leg, orders: list[Order]) -> None:
        how = Cause("NORMAL_CLEARING", 16)
        leg.ended(how)
        leg.ended(cause("USER_BUSY"))
        leg.bye("USER_BUSY")
        assert leg.over.result() is how
        assert orders == []

    with_leg(test)


def test_leg_that_has_not_rung() -> None:
    """A client that does not know of its leg is not told of its end; one that does is."""

    def quiet(leg: Leg, orders: list[Order]) -> None:
        leg.bye("ORIGINATOR_CANCEL")
        assert leg.over.done()
        assert orders == []

    def rung(leg: Leg, orders: list[Order]) -> None:
        leg.ring(SendInvite("k-1", "v=0"))
        leg.bye("ORIGINATOR_CANCEL")
        assert [type(order) for order in orders] == [SendInvite, SendBye]

    with_leg(quiet, inbound=False)
    with_leg(rung, inbound=False)


def test_answer_has_one_reply() -> None:
    """An answer is accepted or refused, once; a second answer changes nothing."""

    def test(leg: Leg, orders: list[Order]) -> None:
        first = AnswerReceived("k-1", request_id="a-1", sdp="v=0")
        leg.answer_arrived(first, 0.0)
        leg.answer_arrived(AnswerReceived("k-1", request_id="a-2", sdp="v=0"), 0.0)
        assert leg.answered.result() is first
        leg.accept_answer()
        leg.refuse_answer()
        assert orders == [AcceptAnswer("a-1")]

    def refused(leg: Leg, orders: list[Order]) -> None:
        leg.refuse_answer()
        assert orders == []
        leg.answer_arrived(AnswerReceived("k-1", request_id="a-1", sdp="v=0"), 0.0)
        leg.refuse_answer()
        leg.accept_answer()
        assert orders == [RefuseRequest("a-1")]

    with_leg(test, inbound=False)
    with_leg(refused, inbound=False)


def test_answer_never_awaited() -> None:
    """Closing a leg gives its promises up; nobody waits for ever."""

    async def whole() -> None:
        async with media_plane() as plane:
            leg = Leg(Wire(), "k-1", plane.endpoint(), inbound=True, session_id="s-1")  # type: ignore[arg-type]
            waiting = asyncio.ensure_future(asyncio.wait((leg.answered,)))
            await leg.close()
            await leg.close()
            await waiting
            assert leg.answered.cancelled()

    clock.run(whole(), virtual=True)


def test_what_happens_is_told() -> None:
    """A leg tells whoever listens what happened to it; without a listener it tells nobody."""

    def test(leg: Leg, _: list[Order]) -> None:
        told: list[tuple[Leg, str, object]] = []
        leg.tell("call.answered")
        leg.report = lambda leg, event, fields: told.append((leg, event, dict(fields)))
        leg.tell("call.dtmf.received", digit="5")
        assert told == [(leg, "call.dtmf.received", {"digit": "5"})]

    with_leg(test)


def test_ids_need_no_escaping() -> None:
    """A control id stands in a path as it is, and is the one that its client is told."""

    def test(leg: Leg, _: list[Order]) -> None:
        assert leg.control_id.startswith("v3:")
        assert not set(leg.control_id) & set("/+=")
        assert dict(leg.telnyx_ids)["telnyx_call_control_id"] == leg.control_id

    with_leg(test)
