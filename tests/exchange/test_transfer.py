"""Transfers: the other party of a call is moved to somebody else, or given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.media.pcm import Pcm, level
from botkit.media.source import ProgressSource, ToneSource
from botkit.media.tone import tone
from tests.exchange.kit import PATIENCE, Frame, Office, Phone, play, soon
from tests.exchange.test_bridge import MIXED, MUSIC, hold, likeness, send_digits

RINGBACK: Pcm = ProgressSource("ringback", level=-20.0).pcm(8000)


async def asked(phone: Phone, destination: str = "300", **more: Any) -> str:
    """Ask for a transfer; gives the id of the request."""
    return await phone.say("telnyx_rtc.modify", **phone.about(action="transfer", destination=destination, **more))


async def refused(phone: Phone, request: str) -> str:
    """The cause for which the transfer came to nothing."""
    error = (await phone.reply_to(request))["error"]
    assert (error["code"], error["message"], error["callID"]) == (-32002, "transfer failed", phone.call_id)
    return str(error["cause"])


async def hear_each_other(one: Phone, other: Phone) -> None:
    """Each hears the tone that the other one says."""
    one.utter(ToneSource((500.0,), PATIENCE))
    other.utter(ToneSource((900.0,), PATIENCE))
    await asyncio.sleep(1.1)  # it takes a second of it
    await soon(lambda: likeness(other, tone(500, 2.0)) > 0.95 and likeness(one, tone(900, 2.0)) > 0.95)
    for phone in (one, other):
        phone.hush()


def parties(alice: Phone, bob: Phone, who: str) -> tuple[Phone, Phone]:
    """Who transfers, and the other one."""
    return (alice, bob) if who == "caller" else (bob, alice)


async def take(phone: Phone, codec: str = "PCMU") -> Frame:
    """Answer the call that rings; gives its invite."""
    invite = await phone.rings()
    await phone.take(invite["sdp"], codecs=(codec,))
    return invite


WHO = pytest.mark.parametrize("who", ["caller", "callee"])


@WHO
@pytest.mark.parametrize("codecs", [("PCMU", "PCMU"), *MIXED], ids="-".join)
def test_the_other_party_is_moved(codecs: tuple[str, str], who: str) -> None:
    """It hears the new one ring, then speaks with it, in whatever codecs; who transferred is told so and hung up."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(codecs=codecs)
        carol = await office.phone("carol", "300")
        mover, moved = parties(alice, bob, who)
        request = await asked(mover)
        moved.heard.clear()
        await asyncio.sleep(1.5)
        assert likeness(moved, RINGBACK) > 0.95
        invite = await take(carol, codecs[0])
        assert invite["caller_id_number"] == ("100" if moved is bob else "alice")
        result = (await mover.reply_to(request))["result"]
        assert (result["action"], result["message"]) == ("transfer", "CALL TRANSFERRED")
        assert (await mover.hears("bye"))["cause"] == "NORMAL_CLEARING"
        assert (await moved.hears("display"))["display_number"] == "300"
        await asyncio.sleep(0.1)
        await hear_each_other(moved, carol)
        await carol.hang_up()
        assert (await moved.hears("bye"))["cause"] == "NORMAL_CLEARING"
        await office.idle()

    play(scene)


@WHO
@pytest.mark.parametrize(
    ("cause", "code", "seen"),
    [
        ("USER_BUSY", 17, "USER_BUSY"),
        ("CALL_REJECTED", 21, "CALL_REJECTED"),
        ("NORMAL_CLEARING", 16, "NORMAL_CLEARING"),
    ],
)
def test_refused_by_the_new_party(who: str, cause: str, code: int, seen: str) -> None:
    """The reply names the cause, and the two hear each other again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        mover, _ = parties(alice, bob, who)
        request = await asked(mover)
        await carol.rings()
        await asyncio.sleep(1)
        await carol.hang_up(cause, code)
        assert await refused(mover, request) == seen
        await hear_each_other(alice, bob)
        await alice.hang_up()
        await bob.hears("bye")
        await office.idle()

    play(scene)


@WHO
def test_nobody_answers(who: str) -> None:
    """After the time that the transfer gives it, the new party rings no more, and the two hear each other again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        mover, _ = parties(alice, bob, who)
        request = await asked(mover, timeout_secs=12)
        await carol.rings()
        began = office.plane.clock.now()
        assert await refused(mover, request) == "NO_ANSWER"
        assert office.plane.clock.now() - began == pytest.approx(12, abs=0.1)
        assert (await carol.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        await hear_each_other(alice, bob)

    play(scene)


def test_it_rings_for_a_minute() -> None:
    """Where no time is said the new party may ring as long as any phone, though replies elsewhere take 8 s at most."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        request = await asked(alice)
        await carol.rings()
        began = office.plane.clock.now()
        for phone in office.phones:
            phone.answers_pings = True
        staying, cancelled = (asyncio.ensure_future(phone.hears("bye", 90)) for phone in (bob, carol))
        async with asyncio.timeout(90):
            while (reply := await alice.read()).get("id") != request:
                pass
        assert reply["error"]["cause"] == "NO_ANSWER"
        assert office.plane.clock.now() - began == pytest.approx(60, abs=0.1)
        assert (await cancelled)["cause"] == "ORIGINATOR_CANCEL"
        assert not staying.done()
        staying.cancel()

    play(scene)


@pytest.mark.parametrize(
    ("destination", "cause"), [("999", "UNALLOCATED_NUMBER"), ("", None), ("dora", "SUBSCRIBER_ABSENT")]
)
def test_whom_nothing_reaches(destination: str, cause: str | None) -> None:
    """A number that nobody has, or a user who is not there: refused at once, and nothing was heard of it."""

    async def scene(office: Office) -> None:
        office.exchange.account("dora")
        alice, bob = await office.joined()
        request = await asked(alice, destination)
        if cause is None:
            assert (await alice.reply_to(request))["error"]["message"] == "destination missing"
        else:
            assert await refused(alice, request) == cause
        await hear_each_other(alice, bob)

    play(scene)


@pytest.mark.parametrize("who_leaves", ["mover", "moved"])
def test_somebody_hangs_up_meanwhile(who_leaves: str) -> None:
    """Whoever hangs up while the new party rings ends it all: nobody rings on, nobody stays."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        leaving, other = (alice, bob) if who_leaves == "mover" else (bob, alice)
        request = await asked(alice)
        await carol.rings()
        await leaving.hang_up()
        assert (await carol.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        assert (await other.hears("bye"))["cause"] == "NORMAL_CLEARING"
        assert "error" in await alice.reply_to(request)
        await office.idle()

    play(scene)


def test_a_line_is_lost_meanwhile() -> None:
    """So does one whose line is lost and who does not come back in time."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        await asked(alice)
        await carol.rings()
        await alice.vanish()
        await carol.hears("bye")
        assert (await bob.hears("bye"))["cause"] == "RECOVERY_ON_TIMER_EXPIRE"
        await office.idle()

    play(scene, calls_kept=1.0)


def test_an_answer_that_is_no_answer() -> None:
    """An SDP that no call can be built on is a failure of the transfer, and the call stays."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        request = await asked(alice)
        await carol.rings()
        answer = await carol.say("telnyx_rtc.answer", sdp="v=0\r\nnonsense", **carol.about())
        assert await refused(alice, request) == "INCOMPATIBLE_DESTINATION"
        assert "error" in await carol.reply_to(answer)
        assert (await carol.hears("bye"))["cause"] == "INCOMPATIBLE_DESTINATION"
        await hear_each_other(alice, bob)

    play(scene)


def test_one_at_a_time() -> None:
    """While one transfer is under way, another one, of either side, is refused; the first goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        request = await asked(alice)
        await carol.rings()
        for phone in (alice, bob):
            again = await phone.reply_to(await asked(phone))
            assert again["error"]["message"] == "transfer failed"
            assert "cause" not in again["error"]
        await carol.take(carol.seen[-1]["params"]["sdp"])
        assert "result" in await alice.reply_to(request)
        await asyncio.sleep(0.1)
        await hear_each_other(bob, carol)

    play(scene)


def test_again_after_a_failure() -> None:
    """A call whose transfer failed can be transferred again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        assert await refused(alice, await asked(alice, "999")) == "UNALLOCATED_NUMBER"
        request = await asked(alice)
        await take(carol)
        assert "result" in await alice.reply_to(request)
        await asyncio.sleep(0.1)
        await hear_each_other(bob, carol)

    play(scene)


def test_on_and_on() -> None:
    """The new party can transfer, hold and send digits like the old one, and the old one can be called again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol, dora = await office.phone("carol", "300"), await office.phone("dora", "400")
        first = await asked(bob)
        await take(carol)
        await bob.reply_to(first)
        await hold(carol, "hold")
        await asyncio.sleep(1.3)
        assert likeness(alice, MUSIC) > 0.95
        await hold(carol, "unhold")
        await send_digits(alice, "42")
        await asyncio.sleep(1)
        assert carol.digits == ["4", "2"]
        second = await asked(carol, "400")
        await take(dora)
        await carol.reply_to(second)
        third = await asked(dora, "100")  # back to bob
        assert bob.media is not None
        await bob.media.close()
        await take(bob)
        await dora.reply_to(third)
        await asyncio.sleep(0.1)
        await hear_each_other(alice, bob)
        await alice.hang_up()
        await office.idle()

    play(scene)


def test_a_held_party_is_moved() -> None:
    """On hold it hears music, then the ringing; given back it hears the music again, and moved, the new party."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        await hold(alice, "hold")
        await asyncio.sleep(1.2)
        assert likeness(bob, MUSIC) > 0.99
        request = await asked(alice)
        await carol.rings()
        await asyncio.sleep(1.2)
        assert likeness(bob, RINGBACK) > 0.99
        await carol.hang_up("USER_BUSY", 17)
        await refused(alice, request)
        await asyncio.sleep(1.2)
        assert likeness(bob, MUSIC) > 0.99
        request = await asked(alice)
        await take(carol)
        await alice.reply_to(request)
        await asyncio.sleep(0.1)
        await hear_each_other(bob, carol)

    play(scene)


def test_one_that_holds_is_moved() -> None:
    """Who holds the call hears no ringing, and the new party hears the music until the call is taken up."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        await hold(bob, "hold")
        request = await asked(alice)
        await carol.rings()
        await asyncio.sleep(0.2)
        bob.heard.clear()
        await asyncio.sleep(1.2)
        assert level(bob.sound()) < -80
        await carol.take(carol.seen[-1]["params"]["sdp"])
        await alice.reply_to(request)
        await asyncio.sleep(1.3)
        assert likeness(carol, MUSIC) > 0.95
        await hold(bob, "unhold")
        await hear_each_other(bob, carol)

    play(scene)


def test_who_transfers_hears_nothing() -> None:
    """While the new party rings, nothing passes between the two, digits neither."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        await asked(alice)
        await carol.rings()
        await asyncio.sleep(0.1)
        alice.heard.clear()
        bob.utter(ToneSource((900.0,), 1.0))
        await send_digits(bob, "5")
        await send_digits(alice, "6")
        await asyncio.sleep(1.2)
        assert level(alice.sound()) < -80
        assert not alice.digits
        assert not bob.digits

    play(scene)


def test_the_exchange_ends_meanwhile() -> None:
    """An exchange that is closed in the middle of a transfer leaves nobody ringing."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        await asked(alice)
        await carol.rings()
        await office.exchange.close()
        assert (await carol.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        for phone in (alice, bob):
            assert (await phone.hears("bye"))["cause"] == "SYSTEM_SHUTDOWN"

    play(scene)


def test_over_the_network() -> None:
    """Over real sockets, too."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol", "300")
        request = await asked(alice)
        await take(carol)
        await alice.reply_to(request)
        bob.utter(ToneSource((500.0,), 3.0))
        await soon(lambda: likeness(carol, tone(500, 2.0)) > 0.7)

    play(scene, over_network=True)
