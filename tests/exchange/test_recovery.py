"""Calls that outlive their line: signalling.md 7.5 and 12.6, spoken by hand."""

from __future__ import annotations

import asyncio

import pytest

from botkit.exchange.recovery import KEPT
from botkit.media.endpoint import Endpoint
from tests.exchange.kit import Frame, Office, Phone, play, soon

OVER_NETWORK = pytest.mark.parametrize("over_network", [False, True], ids=["memory", "network"])


async def back(office: Office, lost: Phone, *, session_id: str | None = None, token: str = "") -> tuple[Phone, Frame]:
    """The same client on a new line, logged in with its old session; gives the line and the login's reply."""
    phone = await office.line(token)
    phone.call_id, phone.media = lost.call_id, lost.media
    lost.media = None
    credentials = {"login": "alice", "passwd": office.exchange.account("alice").password}
    proposed = {"sessid": session_id} if session_id else {}
    reply = await phone.ask(
        "login", **credentials, **proposed, userVariables={}, reconnection=True, loginParams={}, **{"User-Agent": "t"}
    )
    phone.session_id = reply["result"]["sessid"]
    return phone, reply


async def attach(office: Office, phone: Phone, offer: str) -> Frame:
    """Answer an attach and move the media over; gives the reply."""
    assert phone.media is not None
    fresh = office.plane.endpoint(codecs=("PCMU",))
    fresh.continues(phone.media)
    sdp = await fresh.answer(offer)
    reply = await phone.ask("telnyx_rtc.attach", sdp=sdp, **phone.about())
    if "error" in reply:
        await fresh.close()
    else:
        await phone.media.move_to(fresh)
        phone.listen()
    return reply


async def hear_each_other(one: Phone, other: Phone) -> None:
    await asyncio.sleep(0.2)
    for speaker, listener in ((one, other), (other, one)):
        listener.heard.clear()
        speaker.speak([bytes([7]) * 160] * 3)
        await soon(lambda listener=listener: bytes([7]) * 160 in listener.heard)


@OVER_NETWORK
def test_a_call_is_taken_up_again(over_network: bool) -> None:
    """12.6: the same session id; the attach with all parties, then clientReady that names the call; CALL ATTACHED;
    they hear each other, and the other end was told nothing."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        told, old_id = len(bob.seen), alice.session_id
        await alice.vanish()
        phone, reply = await back(office, alice, session_id=old_id)
        assert reply["result"]["sessid"] == old_id
        offered = await phone.hears("attach")
        assert offered["callID"] == phone.call_id
        assert offered["callee_id_number"] == "100"
        assert offered["caller_id_number"] == "alice"
        assert {"telnyx_session_id", "telnyx_leg_id", "display_direction"} <= set(offered)
        assert (await phone.hears("clientReady"))["reattached_sessions"] == [phone.call_id]
        assert phone.order[:3] == ["result", "attach", "clientReady"]
        attached = await attach(office, phone, offered["sdp"])
        assert attached["result"]["message"] == "CALL ATTACHED"
        await hear_each_other(phone, bob)
        assert all(frame["method"].endswith("ping") for frame in bob.seen[told:])
        assert not office.exchange.recovery.lost
        await phone.hang_up()
        assert (await bob.hears("bye"))["cause"] == "NORMAL_CLEARING"
        await office.idle()

    play(scene, over_network=over_network)


def test_a_callee_comes_back() -> None:
    """The called end's line may be the one that is lost; its call is offered with the parties the other way round."""

    async def scene(office: Office) -> None:
        bob, alice = await office.joined(names=("bob", "alice"))
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        offered = await phone.hears("attach")
        assert (offered["caller_id_number"], offered["callee_id_number"]) == ("bob", "100")
        await attach(office, phone, offered["sdp"])
        await hear_each_other(phone, bob)

    play(scene)


def test_the_routing_token_names_the_session_too() -> None:
    """A client that proposes a session id of its own is known by `voice_sdk_id` in the address."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        token = alice.seen[-1]["voice_sdk_id"]
        await alice.vanish()
        phone, reply = await back(office, alice, session_id="of-its-own", token=token)
        assert reply["result"]["sessid"] == alice.session_id
        await attach(office, phone, (await phone.hears("attach"))["sdp"])
        await hear_each_other(phone, bob)

    play(scene, over_network=True)


def test_the_media_outlives_the_socket() -> None:
    """While the line is lost both still hear each other, as long as the old path works."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        await hear_each_other(alice, bob)

    play(scene)


def test_a_line_that_is_dead_on_one_side_only() -> None:
    """A client may give its line up before the exchange does: the call moves over, the old line is punted."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        await attach(office, phone, (await phone.hears("attach"))["sdp"])
        await alice.hears("punt")
        await hear_each_other(phone, bob)

    play(scene)


def test_a_held_call_comes_back_on_hold() -> None:
    """What was held is held; taken up, they hear each other."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.ask("telnyx_rtc.modify", action="hold", **alice.about())
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        await attach(office, phone, (await phone.hears("attach"))["sdp"])
        assert phone.media is not None
        bob.heard.clear()
        phone.speak([bytes([7]) * 160] * 3)
        await asyncio.sleep(0.5)
        assert bytes([7]) * 160 not in bob.heard
        reply = await phone.ask("telnyx_rtc.modify", action="unhold", **phone.about())
        assert reply["result"]["holdState"] == "active"
        await hear_each_other(phone, bob)

    play(scene)


def test_somebody_else_gets_nothing() -> None:
    """The session id of another user is worth nothing: a new session, and no call."""

    async def scene(office: Office) -> None:
        alice, _bob = await office.joined()
        await alice.vanish()
        carol = await office.line()
        account = office.exchange.account("carol")
        reply = await carol.ask(
            "login", login="carol", passwd=account.password, sessid=alice.session_id, reconnection=True
        )
        assert reply["result"]["sessid"] != alice.session_id
        assert (await carol.hears("clientReady"))["reattached_sessions"] == []

    play(scene)


def test_a_new_session_leaves_the_calls_alone() -> None:
    """Who logs in without naming the old session gets a new one; the lost call runs out."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        await asyncio.sleep(1)
        phone, reply = await back(office, alice)
        bob.answers_pings = True
        assert reply["result"]["sessid"] != alice.session_id
        assert (await phone.hears("clientReady"))["reattached_sessions"] == []
        assert (await bob.hears("bye", KEPT + 10))["cause"] == "RECOVERY_ON_TIMER_EXPIRE"
        await office.idle()

    play(scene)


def test_the_other_end_hangs_up_meanwhile() -> None:
    """A call that ended while its client was away is offered no more, and clientReady does not name it."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        await bob.hang_up()
        await asyncio.sleep(1)
        phone, _ = await back(office, alice, session_id=alice.session_id)
        assert (await phone.hears("clientReady"))["reattached_sessions"] == []
        await office.idle()

    play(scene)


def test_lost_twice() -> None:
    """A client that goes again before it has answered the attach may come back once more."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        await phone.hears("attach")
        await phone.vanish()
        again, _ = await back(office, phone, session_id=alice.session_id)
        await attach(office, again, (await again.hears("attach"))["sdp"])
        await hear_each_other(again, bob)

    play(scene)


def test_an_attach_that_is_never_answered() -> None:
    """A client that is back and does not take its call up loses it in time, with a bye."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        await phone.hears("attach")
        assert (await phone.hears("bye"))["cause"] == "RECOVERY_ON_TIMER_EXPIRE"
        assert (await bob.hears("bye"))["cause"] == "RECOVERY_ON_TIMER_EXPIRE"
        await office.idle()

    play(scene, calls_kept=5.0)


def test_an_answer_that_is_no_answer() -> None:
    """An attach answered with an SDP that no call can be built on ends the call for both."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        await phone.hears("attach")
        assert "error" in await phone.ask("telnyx_rtc.attach", sdp="v=0\r\nnonsense", **phone.about())
        assert (await phone.hears("bye"))["cause"] == "INCOMPATIBLE_DESTINATION"
        await bob.hears("bye")
        await office.idle()

    play(scene)


def test_a_new_path_that_never_comes_up() -> None:
    """An attach whose media does not join ends the call for both."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        phone, _ = await back(office, alice, session_id=alice.session_id)
        offered = await phone.hears("attach")
        assert phone.media is not None
        fresh = office.plane.endpoint(codecs=("PCMU",))
        fresh.continues(phone.media)
        await phone.ask("telnyx_rtc.attach", sdp=await fresh.answer(offered["sdp"]), **phone.about())
        assert (await phone.hears("bye"))["cause"] == "BEARERCAPABILITY_NOTAVAIL"
        await fresh.close()
        await bob.hears("bye")
        await office.idle()

    play(scene)


def test_an_attach_that_nobody_offered() -> None:
    """It is refused, and the call goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        assert "error" in await alice.ask("telnyx_rtc.attach", sdp="v=0", **alice.about())
        await hear_each_other(alice, bob)

    play(scene)


def test_the_exchange_closes_over_a_lost_call() -> None:
    """Nothing waits on: the other end gets its bye."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        await office.exchange.close()
        assert (await bob.hears("bye"))["cause"] == "SYSTEM_SHUTDOWN"

    play(scene)


def test_who_was_punted_does_not_come_back() -> None:
    """A client whose login is good no more is punted, and its calls end."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        user = office.exchange.directory.add_user("alice")
        user.active = False
        office.exchange.directory.touch(user)
        await alice.hears("punt")
        await bob.hears("bye")
        await office.idle()

    play(scene)


# --- a new path on the same line (updateMedia) ------------------------------------------------------


async def renewal(office: Office, phone: Phone) -> tuple[Endpoint, Frame]:
    """Restart ICE: our new end, and the reply."""
    assert phone.media is not None
    fresh = office.plane.endpoint(codecs=("PCMU",))
    fresh.continues(phone.media)
    params = {"action": "updateMedia", "callID": phone.call_id, "sdp": await fresh.offer()}
    return fresh, await phone.ask("telnyx_rtc.modify", **phone.about(**params))


@OVER_NETWORK
def test_a_restart_of_ice(over_network: bool) -> None:
    """`updateMedia` is answered with an SDP that has ICE names and a certificate of its own; both hear each other."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        fresh, reply = await renewal(office, alice)
        result = reply["result"]
        assert (result["action"], result["callID"], result["holdState"]) == ("updateMedia", alice.call_id, "active")
        fresh.accept(result["sdp"])
        assert alice.media is not None
        await alice.media.move_to(fresh)
        await hear_each_other(alice, bob)
        await alice.hang_up()
        await bob.hears("bye")
        await office.idle()

    play(scene, over_network=over_network)


def test_a_restart_that_comes_to_nothing() -> None:
    """Where the new path does not come up, the call goes on over the old one, and another restart may follow."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        fresh, _reply = await renewal(office, alice)
        again, refused = await renewal(office, alice)
        assert "error" in refused
        await again.close()
        await asyncio.sleep(15)
        await fresh.close()
        await hear_each_other(alice, bob)
        fresh, reply = await renewal(office, alice)
        fresh.accept(reply["result"]["sdp"])
        assert alice.media is not None
        await alice.media.move_to(fresh)
        await hear_each_other(alice, bob)

    play(scene)


def test_media_that_is_lost_in_a_restart() -> None:
    """A call whose old path goes while the new one does not come up ends as its media was lost."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        fresh, _reply = await renewal(office, alice)
        for leg in office.exchange.switch.bridges:
            if leg.inbound and leg.endpoint.transport.on_lost is not None:
                leg.endpoint.transport.on_lost("ICE consent expired")
        await asyncio.sleep(5)
        await bob.hears_nothing()
        assert (await alice.hears("bye"))["cause"] == "MEDIA_TIMEOUT"
        await bob.hears("bye")
        await fresh.close()
        await office.idle()

    play(scene)
