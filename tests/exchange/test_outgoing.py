"""Legs that the platform dials, parked legs, and joining them: what clients are told, and what is told of the legs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.switch import PARKED
from tests.exchange.kit import Office, Phone, play
from tests.exchange.test_transfer import hear_each_other, take

Told = list[tuple[str, str, dict[str, Any]]]


def reporting(told: Told) -> Any:
    return lambda leg, event, fields: told.append((leg.called, event, dict(fields)))


def events(told: Told, called: str) -> list[str]:
    return [event for to, event, _ in told if to == called]


def dialled(office: Office, *to: str, told: Told | None = None, **more: Any) -> list[Leg]:
    office.exchange.switch.report = reporting(told if told is not None else [])
    return office.exchange.switch.dial(DialPlan(to, "+15550001", **more))


async def parked(office: Office, phone: Phone, told: Told) -> Leg:
    """The phone dials a number and is parked."""
    switch = office.exchange.switch

    switch.report = reporting(told)
    switch.control = lambda leg, invite: switch.park
    await phone.reply_to(await phone.dial("+15559999"))
    await phone.hears("ringing")
    return next(leg for leg in switch.legs if leg.id == phone.call_id)


def test_dialled_and_answered() -> None:
    """A dialled client sees the caller and the headers; its answer is told, and its bye ends the leg."""

    async def scene(office: Office) -> None:
        told: Told = []
        bob = await office.phone("bob", "100")
        (leg,) = dialled(office, "100", told=told, headers=(("X-Case", "7"),), client_state="c3RhdGU=")
        invite = await bob.rings()
        assert invite["caller_id_number"] == "+15550001"
        assert invite["dialogParams"]["custom_headers"] == [{"name": "X-Case", "value": "7"}]
        assert invite["client_state"] == "c3RhdGU="
        assert invite["telnyx_call_control_id"] == leg.control_id
        await bob.take(invite["sdp"])
        await asyncio.sleep(0.2)
        assert leg.is_answered
        await bob.hang_up()
        await leg.over
        assert leg.end.by == "party"
        assert told == [
            ("100", "call.initiated", {"direction": "outgoing", "state": "bridging"}),
            ("100", "call.answered", {"state": "answered"}),
            ("100", "call.hangup", {"state": "hangup"}),
        ]
        await office.idle()

    play(scene)


@pytest.mark.parametrize(("to", "cause"), [("+404", "UNALLOCATED_NUMBER"), ("carol", "SUBSCRIBER_ABSENT")])
def test_nobody_there(to: str, cause: str) -> None:
    """An address that reaches nobody has a leg all the same, and it ends with the cause."""

    async def scene(office: Office) -> None:
        office.exchange.account("carol")
        (leg,) = dialled(office, to)
        assert (await leg.over).name == cause
        await office.idle()

    play(scene)


def test_ring_timeout() -> None:
    """Who does not answer in time is cancelled, and the leg knows that its time ran out."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob", "100")
        (leg,) = dialled(office, "100", timeout=5.0)
        await bob.rings()
        began = office.exchange.clock.now()
        assert (await bob.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        assert office.exchange.clock.now() - began == pytest.approx(5.0, abs=0.5)
        assert leg.end.limit == "timeout"
        await office.idle()

    play(scene)


def test_time_limit() -> None:
    """An answered leg ends when its time limit is reached."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob", "100")
        (leg,) = dialled(office, "100", time_limit=15.0)
        await take(bob)
        began = office.exchange.clock.now()
        await bob.hears("bye")
        assert office.exchange.clock.now() - began == pytest.approx(15.0, abs=0.5)
        assert leg.end.limit == "time_limit"
        await office.idle()

    play(scene)


def test_first_answer_wins() -> None:
    """Several addresses ring together; the others are told LOSE_RACE when one answers."""

    async def scene(office: Office) -> None:
        bob, carol = await office.phone("bob", "100"), await office.phone("carol", "200")
        one, other = dialled(office, "100", "200")
        await bob.rings()
        await take(carol)
        bye = await bob.hears("bye")
        assert bye["cause"] == "LOSE_RACE"
        assert one.over.done()
        await asyncio.sleep(0.2)
        assert other.is_answered
        await carol.hang_up()
        await office.idle()

    play(scene)


def test_parked_answered_bridged() -> None:
    """A parked client hears ringing and no media; the answer brings the SDP once; bridged, the two hear each other."""

    async def scene(office: Office) -> None:
        told: Told = []
        switch = office.exchange.switch
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        p = await parked(office, alice, told)
        await alice.hears_nothing(1.0)
        answering = asyncio.ensure_future(switch.answer(p))
        await alice.connect((await alice.hears("answer"))["sdp"])
        await answering
        (s,) = dialled(office, "100", told=told, session_id=p.session_id)
        invite = await take(bob)
        assert invite["telnyx_session_id"] == p.session_id
        await asyncio.sleep(0.2)
        switch.bridge(s, p)
        await asyncio.sleep(0.1)
        alice.heard.clear()
        bob.heard.clear()
        await hear_each_other(alice, bob)
        await bob.hang_up()
        assert (await alice.hears("bye"))["cause"] == "NORMAL_CLEARING"
        assert events(told, "+15559999") == ["call.initiated", "call.answered", "call.bridged", "call.hangup"]
        assert events(told, "100") == ["call.initiated", "call.answered", "call.bridged", "call.hangup"]
        await office.idle()

    play(scene)


def test_parked_after_the_bridge() -> None:
    """A leg that is to stay is parked when the other one hangs up, and can be bridged again."""

    async def scene(office: Office) -> None:
        switch = office.exchange.switch
        alice, bob, carol = [await office.phone(*who) for who in (("alice",), ("bob", "100"), ("carol", "200"))]
        p = await parked(office, alice, [])
        answering = asyncio.ensure_future(switch.answer(p))
        await alice.connect((await alice.hears("answer"))["sdp"])
        await answering
        for phone, number in ((bob, "100"), (carol, "200")):
            (s,) = dialled(office, number)
            await take(phone)
            await asyncio.sleep(0.2)
            switch.bridge(p, s, stays={p: "parked"})
            await asyncio.sleep(0.1)
            alice.heard.clear()
            phone.heard.clear()
            await hear_each_other(alice, phone)
            await phone.hang_up()
            await asyncio.sleep(0.1)
            assert p.is_answered
            assert p.place is None
        await alice.hang_up()
        await office.idle()

    play(scene)


def test_taken_out_of_a_bridge() -> None:
    """A leg that is bridged elsewhere leaves its peer, which is hung up."""

    async def scene(office: Office) -> None:
        switch = office.exchange.switch
        alice, bob = await office.joined()
        carol = await office.phone("carol", "200")
        (s,) = dialled(office, "200")
        await take(carol)
        await asyncio.sleep(0.2)
        (leg,) = [leg for leg in switch.bridges if leg.id == alice.call_id]
        switch.bridge(s, leg)
        assert (await bob.hears("bye"))["cause"] == "NORMAL_CLEARING"
        await asyncio.sleep(0.1)
        alice.heard.clear()
        carol.heard.clear()
        await hear_each_other(alice, carol)
        await carol.hang_up()
        await alice.hears("bye")
        await office.idle()

    play(scene)


def test_parked_for_ever() -> None:
    """A parked leg that nobody takes rings ten minutes."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        alice.answers_pings = True
        p = await parked(office, alice, [])
        began = office.exchange.clock.now()
        await alice.hears("bye", patience=PARKED + 10)
        assert office.exchange.clock.now() - began == pytest.approx(PARKED, abs=1)
        assert p.end.limit == "timeout"
        await office.idle()

    play(scene)


def test_parked_caller_gives_up() -> None:
    """A parked client that hangs up ends its leg, and nothing stays."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        p = await parked(office, alice, [])
        await alice.hang_up("USER_BUSY", 17)
        await p.over
        assert p.end.by == "party"
        await office.idle()

    play(scene)


def test_answer_that_cannot_be() -> None:
    """An offer that no call can be built on ends the leg when it is answered."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        switch = office.exchange.switch
        switch.control = lambda leg, invite: switch.park
        await alice.reply_to(await alice.dial("+1", sdp="v=0\r\n"))
        await alice.hears("ringing")
        (leg,) = switch.legs
        await switch.answer(leg)
        assert (await alice.hears("bye"))["cause"] == "INCOMPATIBLE_DESTINATION"
        await office.idle()

    play(scene)
