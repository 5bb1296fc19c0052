"""How a call is set up and taken down, seen from both lines (signalling.md 3, 4 and 6)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange import setup, switch
from botkit.exchange.exchange import run_exchange
from botkit.exchange.leg import Leg
from botkit.media.endpoint import Endpoint
from botkit.media.transport import MemoryTransport
from botkit.signalling.line import LineClosed
from tests.exchange.kit import Frame, Office, Phone, play, soon


def ended(bye: Frame) -> tuple[Any, ...]:
    return bye["cause"], bye["causeCode"], bye.get("sipCode")


# --- whom a number reaches -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialled", ["+18005550100", "bob", "+1 800 555 0100", "sip:bob@sip.telnyx.com", "1234", "whatever"]
)
def test_reached(dialled: str) -> None:
    """A number, a user name, a SIP URI, a pattern and `any` reach who has them."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        bob = await office.phone("bob", "+18005550100", "12??", "any")
        await alice.dial(dialled)
        assert (await bob.rings())["callID"] != alice.call_id

    play(scene)


@pytest.mark.parametrize(
    ("dialled", "how"),
    [
        ("999", ("UNALLOCATED_NUMBER", 1, 404)),
        ("", ("UNALLOCATED_NUMBER", 1, 404)),
        ("200", ("SUBSCRIBER_ABSENT", 20, 480)),
    ],
)
def test_not_reached(dialled: str, how: tuple[Any, ...]) -> None:
    """12.5: a good result, then a bye that says why: no such number, or nobody registered."""

    async def scene(office: Office) -> None:
        office.exchange.account("carol", "200")
        alice = await office.phone("alice")
        reply = await alice.reply_to(await alice.dial(dialled))
        assert reply["result"]["message"] == "CALL CREATED"
        bye = await alice.hears("bye")
        assert ended(bye) == how
        assert bye["callID"] == alice.call_id
        assert alice.order[3:] == ["result", "bye"]
        await office.idle()

    play(scene)


# --- the usual course ------------------------------------------------------------------------------


@pytest.mark.parametrize("over_network", [False, True], ids=["memory", "network"])
def test_a_whole_call(over_network: bool) -> None:
    """12.3, 12.4: result, ringing, media, answer for the caller; invite, result for the other; a bye is passed on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        assert alice.order[3:] == ["result", "ringing", "media", "answer"]
        assert bob.order[3:] == ["invite", "result"]
        _, ringing, media, answer = alice.seen[3:]
        assert ringing["params"]["callID"] == alice.call_id
        assert "sdp" in media["params"]
        assert "sdp" not in answer["params"]
        assert all(isinstance(frame["id"], int) for frame in (ringing, media, answer))
        reply = await alice.hang_up()
        assert reply["result"]["message"] == "CALL ENDED"
        bye = await bob.hears("bye")
        assert ended(bye) == ("NORMAL_CLEARING", 16, 200)
        assert bye["callID"] == bob.call_id
        await alice.hears_nothing(0.3)  # no bye in answer to a bye
        await office.idle()

    play(scene, over_network=over_network)


def test_the_invite_that_rings() -> None:
    """4.1: the callee's invite names the caller, what was dialled, the headers; its ids are UUIDs, of one session."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "+1800*")
        dialog = {
            "caller_id_name": "Alice",
            "caller_id_number": "+15551230001",
            "custom_headers": [{"name": "X-Trace", "value": "42"}],
            "clientState": "c3RhdGU=",
        }
        await alice.dial("+1 800 5550100", dialog=dialog)
        invite, ringing = await bob.rings(), await alice.hears("ringing")
        assert invite["caller_id_name"] == "Alice"
        assert invite["caller_id_number"] == "+15551230001"
        assert invite["callee_id_number"] == "+18005550100"
        assert invite["dialogParams"]["custom_headers"] == [{"name": "X-Trace", "value": "42"}]
        assert "a=setup:actpass" in invite["sdp"]
        assert ringing["caller_id_number"] == "+15551230001"
        for said in (invite, ringing):
            assert uuid.UUID(said["telnyx_leg_id"])
            assert uuid.UUID(said["telnyx_session_id"])
        assert uuid.UUID(invite["callID"])
        assert invite["telnyx_session_id"] == ringing["telnyx_session_id"]
        assert invite["telnyx_leg_id"] != ringing["telnyx_leg_id"]

    play(scene)


def test_caller_without_a_number() -> None:
    """Who names no number is shown by that of its user, else by its name."""

    async def scene(office: Office) -> None:
        office.exchange.directory.add_user("carol", caller_number="+15550009999")
        bob = await office.phone("bob", "100")
        for name, shown in (("alice", "alice"), ("carol", "+15550009999")):
            caller = await office.phone(name)
            await caller.dial("100")
            assert (await bob.rings())["caller_id_number"] == shown

    play(scene)


def test_ringback_before_the_answer() -> None:
    """Early media: the caller hears the ringback tone while it rings, and no longer once answered."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        invite = await bob.rings()
        await alice.connect((await alice.hears("media"))["sdp"])
        await asyncio.sleep(1)
        assert alice.media is not None
        silence = alice.media.session.codec.silence
        assert sum(payload != silence for payload in alice.heard) > 40
        await bob.take(invite["sdp"])
        await alice.hears("answer")
        await asyncio.sleep(0.1)
        alice.heard.clear()
        await asyncio.sleep(0.5)
        assert set(alice.heard) == {silence}

    play(scene)


# --- not answered ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ("USER_BUSY", 17, ("USER_BUSY", 17, 486)),
        ("CALL_REJECTED", 21, ("CALL_REJECTED", 21, 403)),
        ("SOMETHING_NEW", 99, ("SOMETHING_NEW", 99, None)),
    ],
)
def test_rejected(said: str, code: int, told: tuple[Any, ...]) -> None:
    """4.3: the cause of a callee that rejects is the caller's, with the SIP status that SDKs leave out."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.rings()
        reply = await bob.hang_up(said, code)
        assert reply["result"]["message"] == "CALL ENDED"
        assert ended(await alice.hears("bye")) == told
        await bob.hears_nothing(0.3)
        await office.idle()

    play(scene)


def test_cancelled() -> None:
    """6.1: a caller that gives up sends USER_BUSY, and the callee hears ORIGINATOR_CANCEL, 487."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.rings()
        await alice.hears("media")
        await alice.hang_up("USER_BUSY", 17)
        assert ended(await bob.hears("bye")) == ("ORIGINATOR_CANCEL", 487, 487)
        await office.idle()

    play(scene)


def test_answer_after_the_cancel() -> None:
    """An answer that crosses the cancel is refused, and the line goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        invite = await bob.rings()
        await alice.hang_up()
        await bob.hears("bye")
        assert "error" in await bob.take(invite["sdp"])
        await alice.dial("100")
        await bob.rings()

    play(scene)


def test_answer_that_meets_the_cancel() -> None:
    """Answer and cancel in one breath: the answer is refused at once, not left without a reply."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        invite = await bob.rings()
        await alice.hears("media")
        media = office.plane.endpoint()
        bob.media = media
        answer = await bob.say("telnyx_rtc.answer", sdp=await media.answer(invite["sdp"]), **bob.about())
        await alice.say("telnyx_rtc.bye", **alice.about())
        assert ended(await bob.hears("bye"))[0] == "ORIGINATOR_CANCEL"
        began = asyncio.get_running_loop().time()
        reply = await bob.reply_to(answer)
        assert asyncio.get_running_loop().time() - began < 1
        assert "error" in reply
        await office.idle()

    play(scene)


def test_nobody_answers() -> None:
    """The exchange owns the ring timeout: the callee is cancelled, the caller hears NO_ANSWER."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        alice.answers_pings = bob.answers_pings = True
        began = asyncio.get_running_loop().time()
        await alice.dial("100")
        await bob.rings()
        told, tells = await asyncio.gather(alice.hears("bye", patience=90), bob.hears("bye", patience=90))
        assert ended(tells) == ("ORIGINATOR_CANCEL", 487, 487)
        assert ended(told) == ("NO_ANSWER", 19, 480)
        assert asyncio.get_running_loop().time() - began == pytest.approx(switch.RING_TIMEOUT, abs=1)
        await office.idle()

    play(scene)


# --- a client vanishes -----------------------------------------------------------------------------


@pytest.mark.parametrize("over_network", [False, True], ids=["memory", "network"])
def test_caller_vanishes_while_it_rings(over_network: bool) -> None:
    """A caller whose socket closes has cancelled."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.rings()
        await alice.vanish()
        assert ended(await bob.hears("bye")) == ("ORIGINATOR_CANCEL", 487, 487)
        await office.idle()
        assert len(office.exchange.lines) == 1

    play(scene, over_network=over_network)


@pytest.mark.parametrize("over_network", [False, True], ids=["memory", "network"])
def test_caller_vanishes_in_the_call(over_network: bool) -> None:
    """A caller whose socket closes while the call is up and who stays away: the other end gets a bye in time."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.vanish()
        assert ended(await bob.hears("bye")) == ("RECOVERY_ON_TIMER_EXPIRE", 102, 408)
        await office.idle()

    play(scene, over_network=over_network, calls_kept=1.0)


@pytest.mark.parametrize("answered", [False, True])
def test_callee_vanishes(answered: bool) -> None:
    """A callee whose socket closes: the caller gets a bye, before the answer and after it."""

    async def scene(office: Office) -> None:
        if answered:
            alice, bob = await office.joined()
        else:
            alice, bob = await office.phone("alice"), await office.phone("bob", "100")
            await alice.dial("100")
            await bob.rings()
        await bob.vanish()
        lost = ("RECOVERY_ON_TIMER_EXPIRE", 102, 408) if answered else ("DESTINATION_OUT_OF_ORDER", 27, 502)
        assert ended(await alice.hears("bye")) == lost
        await office.idle()
        assert len(office.exchange.registrar) == 1

    play(scene, calls_kept=1.0)


def test_callee_vanishes_while_the_offer_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the route and the invite the callee's line may go: a bye for the caller, no error of ours."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        offer = Endpoint.offer
        sdp = await office.plane.endpoint().offer()

        async def slow(endpoint: Endpoint, codecs: Any = None) -> str:
            await bob.vanish()
            await asyncio.sleep(1)
            return await offer(endpoint, codecs)

        with monkeypatch.context() as patch:
            patch.setattr(Endpoint, "offer", slow)
            await alice.dial("100", sdp=sdp)
            assert ended(await alice.hears("bye")) == ("DESTINATION_OUT_OF_ORDER", 27, 502)
        await office.idle()

    play(scene)


def test_caller_vanishes_between_answer_and_media() -> None:
    """A caller that goes while the media paths are joined ends both legs."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        invite = await bob.rings()
        await alice.hears("media")  # and never joins it
        await bob.take(invite["sdp"])
        await asyncio.sleep(1)
        await alice.vanish()
        await bob.hears("bye")
        await office.idle()

    play(scene)


def test_media_that_never_comes() -> None:
    """A caller that never joins its media ends the call: both are told DESTINATION_OUT_OF_ORDER."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.take((await bob.rings())["sdp"])
        assert ended(await alice.hears("bye")) == ("DESTINATION_OUT_OF_ORDER", 27, 502)
        assert ended(await bob.hears("bye")) == ("DESTINATION_OUT_OF_ORDER", 27, 502)
        assert "answer" not in alice.order
        await office.idle()

    play(scene)


# --- what clients do wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sdp",
    [
        "v=0...",
        "nonsense",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n",
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    ],
)
def test_bad_offer(sdp: str) -> None:
    """An offer that no call can be built on: INCOMPATIBLE_DESTINATION; the callee never rings, other calls go on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol")
        await carol.dial("100", sdp=sdp)
        assert ended(await carol.hears("bye")) == ("INCOMPATIBLE_DESTINATION", 88, 488)
        await bob.hears_nothing(0.3)
        alice.speak([bytes([7]) * 160])
        await asyncio.sleep(0.2)
        assert bytes([7]) * 160 in bob.heard

    play(scene)


def test_no_common_codec() -> None:
    """An offer of codecs that we do not speak is INCOMPATIBLE_DESTINATION, too."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        offer = await office.plane.endpoint(codecs=("PCMU",)).offer()
        await alice.dial(
            "100",
            sdp=offer.replace("PCMU", "FOO")
            .replace("RTP/SAVPF 0 ", "RTP/SAVPF 96 ")
            .replace("rtpmap:0 ", "rtpmap:96 "),
        )
        assert ended(await alice.hears("bye")) == ("INCOMPATIBLE_DESTINATION", 88, 488)
        await bob.hears_nothing(0.3)

    play(scene)


def test_bad_answer() -> None:
    """An answer that no call can be built on is refused at once; both legs end, the callee's line goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.rings()
        began = asyncio.get_running_loop().time()
        reply = await bob.ask("telnyx_rtc.answer", sdp="v=0...", **bob.about())
        assert "error" in reply
        assert asyncio.get_running_loop().time() - began < 1
        assert ended(await alice.hears("bye")) == ("INCOMPATIBLE_DESTINATION", 88, 488)
        assert ended(await bob.hears("bye")) == ("INCOMPATIBLE_DESTINATION", 88, 488)
        await office.idle()
        await alice.dial("100")
        await bob.rings()

    play(scene)


def test_same_call_id_twice() -> None:
    """A second invite with the id of a call that is up is an error, and the call goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        sdp = await office.plane.endpoint().offer()
        reply = await alice.reply_to(await alice.dial("100", sdp=sdp, call_id=alice.call_id))
        assert reply["error"]["code"] == -32002
        await bob.hears_nothing(0.3)
        assert len(office.exchange.switch.bridges) == 2

    play(scene)


def test_calling_oneself() -> None:
    """A user may call its own number: both legs are on one line."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice", "100")
        await alice.dial("100")
        mine = alice.call_id
        invite = await alice.rings()
        assert invite["callID"] != mine
        await alice.hang_up("USER_BUSY", 17)
        bye = await alice.hears("bye")
        assert (bye["callID"], bye["cause"]) == (mine, "USER_BUSY")
        await office.idle()

    play(scene)


# --- trickled candidates ---------------------------------------------------------------------------


def without_candidates(sdp: str) -> tuple[str, list[str]]:
    lines = sdp.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "".join(kept), [line[2:].strip() for line in lines if line.startswith("a=candidate:")]


@pytest.mark.parametrize("early", [True, False], ids=["before the result", "after the media"])
def test_trickled_candidates(early: bool) -> None:
    """3.6: candidates that overtake the invite are kept for it; ends of candidates may come twice, or late."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        alice.media = office.plane.endpoint()
        sdp, candidates = without_candidates(await alice.media.offer())
        assert candidates
        alice.call_id = str(uuid.uuid4())

        async def trickle() -> None:
            for candidate in candidates:
                await alice.say("telnyx_rtc.candidate", candidate=candidate, sdpMid="0", **alice.about())
            for _ in range(2):
                await alice.say("telnyx_rtc.endOfCandidates", endOfCandidates=True, **alice.about())

        if early:
            await trickle()
        await alice.dial("100", sdp=sdp, call_id=alice.call_id, trickle=True)
        invite = await bob.rings()
        media = await alice.hears("media")
        if not early:
            await trickle()
        await asyncio.gather(alice.connect(media["sdp"]), bob.take(invite["sdp"]))
        await alice.hears("answer")
        await trickle()
        alice.speak([bytes([7]) * 160] * 3)
        await soon(lambda: bytes([7]) * 160 in bob.heard)
        assert "error" not in alice.order

    play(scene, over_network=True)


def test_trickled_candidates_reach_their_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates of either side are given to its own leg, in order, whether they came too early or not."""
    given: dict[int, list[str | None]] = {}

    def add(transport: MemoryTransport, candidate: str | None) -> None:
        given.setdefault(id(transport), []).append(candidate)

    monkeypatch.setattr(MemoryTransport, "add_candidate", add)

    async def scene(office: Office) -> None:
        async def trickle(phone: Phone, name: str) -> None:
            await phone.say("telnyx_rtc.candidate", candidate=f"candidate:{name}", sdpMid="0", **phone.about())

        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        alice.call_id = str(uuid.uuid4())
        await trickle(alice, "alice early")
        await alice.dial("100", call_id=alice.call_id, trickle=True)
        invite = await bob.rings()
        await trickle(bob, "bob early")
        media = await alice.hears("media")
        await trickle(alice, "alice late")
        await asyncio.gather(alice.connect(media["sdp"]), bob.take(invite["sdp"]))
        await bob.say("telnyx_rtc.endOfCandidates", **bob.about())
        await asyncio.sleep(0.1)
        assert sorted(given.values(), key=str) == [["alice early", "alice late"], ["bob early", None]]

    play(scene)


def test_candidates_for_a_refused_call_are_forgotten() -> None:
    """What was trickled for calls that never came about takes no room from those that do."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        (line,) = office.exchange.lines
        for _ in range(5):
            alice.call_id = str(uuid.uuid4())
            await alice.say("telnyx_rtc.endOfCandidates", **alice.about())
            await alice.dial("100", sdp="nonsense", call_id=alice.call_id)
            await alice.hears("bye")
        await office.idle()
        assert not line._early

    play(scene)


# --- many at once ----------------------------------------------------------------------------------


def test_two_calls_on_one_line() -> None:
    """A client may have several calls; one ends, the other goes on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol")
        kept, kept_media = bob.call_id, bob.media
        await carol.dial("100")
        await bob.rings()
        await bob.hang_up("USER_BUSY", 17)
        assert (await carol.hears("bye"))["cause"] == "USER_BUSY"
        bob.call_id, bob.media = kept, kept_media
        alice.speak([bytes([7]) * 160])
        await asyncio.sleep(0.2)
        assert bytes([7]) * 160 in bob.heard

    play(scene)


def test_lines_raise_line_closed() -> None:
    """In memory, a client that sends on a line it has closed is told so."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        await alice.vanish()
        with pytest.raises(LineClosed):
            await alice.say("telnyx_rtc.ping")

    play(scene)


def test_a_leg_ends_once() -> None:
    """Whatever is told later, a leg keeps the cause that it ended by, and sends no second bye."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        legs: list[Leg] = list(office.exchange.switch.bridges)
        await alice.hang_up()
        await bob.hears("bye")
        await office.idle()
        for leg in legs:
            how = leg.over.result()
            leg.bye("USER_BUSY")
            assert leg.over.result() is how
        await bob.hears_nothing(0.2)

    play(scene)


def test_a_leg_whose_media_is_lost_ends_the_call() -> None:
    """Media that dies without a bye is given two seconds for one, then both sides hear MEDIA_TIMEOUT."""

    async def main() -> tuple[str, str, float]:
        async with (
            run_exchange(port=None) as exchange,
            Client(exchange.account("bob", "100"), connect_line=exchange.connect) as bob,
            Client(exchange.account("alice"), connect_line=exchange.connect) as alice,
        ):
            calls: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", calls.put_nowait)
            async with await alice.dial("100") as call, await calls.get() as taken:
                await taken.answer()
                await call.answered(within=5)
                began = call.clock.now()
                leg = next(iter(exchange.switch.bridges))
                assert leg.endpoint.transport.on_lost is not None
                leg.endpoint.transport.on_lost("ICE consent expired")
                ends = (await call.ended()).cause, (await taken.ended()).cause
                return *ends, call.clock.now() - began

    one, other, took = clock.run(main(), virtual=True)
    assert (one, other) == ("MEDIA_TIMEOUT", "MEDIA_TIMEOUT")
    assert took == pytest.approx(setup.BYE_GRACE, abs=0.1)
