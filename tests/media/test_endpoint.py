"""Descriptions in and out, the path beneath, the session on the beat."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.errors import RemoteProtocolError, TimeoutFault, UsageError
from botkit.media.ear import Ear
from botkit.media.endpoint import Endpoint
from botkit.media.hearing import CallHearing
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.playback import Playback
from botkit.media.rtcp import Bye, parse
from botkit.media.sdp import parse as parse_sdp
from botkit.media.transport import MemoryTransport

Scene = Callable[[MediaPlane], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    """Run the scene in virtual time; nobody stays on its beat."""

    async def main() -> None:
        async with media_plane() as plane:
            await scene(plane)
            assert len(plane.pacer) == 0
            assert plane.network is not None
            assert not plane.network.ends

    clock.run(main(), virtual=True)


@contextlib.asynccontextmanager
async def two(
    plane: MediaPlane, caller: tuple[str, ...] = ("PCMU",), callee: tuple[str, ...] = ("PCMU",)
) -> AsyncIterator[tuple[Endpoint, Endpoint]]:
    one, other = plane.endpoint(codecs=caller), plane.endpoint(codecs=callee)
    try:
        yield one, other
    finally:
        await one.close()
        await other.close()


async def join(caller: Endpoint, callee: Endpoint, change: Callable[[str], str] = lambda answer: answer) -> None:
    caller.accept(change(await callee.answer(await caller.offer())))
    await asyncio.gather(caller.connect(), callee.connect())


def heard_by(end: Endpoint) -> list[bytes | None]:
    heard: list[bytes | None] = []
    end.session.on_payload = lambda payload, at: heard.append(payload)
    return heard


def test_a_whole_call() -> None:
    """Offer, answer, accept, connect: then what one end plays the other hears, and both are up."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            assert caller.up
            assert callee.up
            assert len(plane.pacer) == 2
            heard = heard_by(callee)
            caller.session.play(Playback([b"a" * 160, b"b" * 160], lambda at: None))
            await plane.clock.sleep(0.2)
            assert [payload for payload in heard if payload in (b"a" * 160, b"b" * 160)] == [b"a" * 160, b"b" * 160]

    play(scene)


def test_before_the_far_end_is_known() -> None:
    """Before both descriptions are known there is no session, and asking for it is an error of usage."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await caller.offer()
            assert not caller.described
            with pytest.raises(UsageError, match="no media yet"):
                _ = caller.session
            await callee.answer(await caller.offer())
            assert callee.described

    play(scene)


@pytest.mark.parametrize(
    ("caller", "callee", "agreed"),
    [
        (("PCMU", "PCMA"), ("PCMU", "PCMA"), "PCMU"),
        (("PCMU", "PCMA"), ("PCMA", "PCMU"), "PCMU"),
        (("opus", "PCMA"), ("PCMA", "G722", "opus"), "opus"),
        (("PCMU", "PCMA"), ("PCMA",), "PCMA"),
        (("PCMA",), ("PCMU", "PCMA"), "PCMA"),
    ],
)
def test_codec_is_agreed(caller: tuple[str, ...], callee: tuple[str, ...], agreed: str) -> None:
    """Both ends speak the first codec of the offer that the answerer has, and name it first to a second leg."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane, caller, callee) as (one, other):
            await join(one, other)
            assert one.session.codec.name == other.session.codec.name == agreed
            assert other.codec_names == (agreed, *(name for name in callee if name != agreed))
            heard = heard_by(one)
            await plane.clock.sleep(0.1)
            assert one.session.codec.silence in heard

    play(scene)


def test_offer_for_a_second_leg() -> None:
    """The codecs of an offer may be chosen when it is made."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane, ("PCMU",), ("PCMU", "PCMA")) as (caller, callee):
            caller.accept(await callee.answer(await caller.offer(codecs=("PCMA",))))
            assert caller.session.codec.name == "PCMA"

    play(scene)


def test_no_codec_in_common() -> None:
    """An offer with no codec of ours is the other end's fault."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane, ("PCMU",), ("PCMA",)) as (caller, callee):
            with pytest.raises(RemoteProtocolError):
                await callee.answer(await caller.offer())

    play(scene)


@pytest.mark.parametrize("text", ["", "rubbish", "v=0\r\n"], ids=["empty", "rubbish", "no media"])
def test_descriptions_that_are_none(text: str) -> None:
    """A description that cannot be read is the other end's fault, in an offer as in an answer."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            with pytest.raises(RemoteProtocolError):
                await callee.answer(text)
            await caller.offer()
            with pytest.raises(RemoteProtocolError):
                caller.accept(text)

    play(scene)


def test_nobody_comes() -> None:
    """When the far end never joins, connecting times out in the phase media, and nobody is on the beat."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            caller.accept(await callee.answer(await caller.offer()))
            with pytest.raises(TimeoutFault) as fault:
                await caller.connect(timeout=2.0)
            assert fault.value.phase == "media"
            assert not caller.up
            assert len(plane.pacer) == 0

    play(scene)


def test_connecting_twice() -> None:
    """Connecting what is up does nothing."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            await caller.connect()
            assert len(plane.pacer) == 2

    play(scene)


def test_closed_while_connecting() -> None:
    """An end that is closed before its path is up never comes on the beat."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            caller.accept(await callee.answer(await caller.offer()))
            connecting = asyncio.ensure_future(caller.connect())
            await plane.clock.sleep(0.01)
            joining = asyncio.ensure_future(callee.connect())
            await asyncio.sleep(0)
            await caller.close()
            await asyncio.gather(connecting, joining, return_exceptions=True)
            assert not caller.up
            await callee.close()

    play(scene)


def test_close_says_goodbye() -> None:
    """Closing leaves the beat, stops what is played, says BYE once, and may be done again."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            done: list[float] = []
            caller.session.play(Playback([b"a" * 160] * 500, done.append))
            await plane.clock.sleep(0.1)
            reports: list[bytes] = []
            callee.transport.on_rtcp = lambda data, at: reports.append(data)
            await caller.close()
            await caller.close()
            assert done
            assert not caller.up
            await plane.clock.sleep(0.1)
            byes = [packet for data in reports for packet in parse(data) if isinstance(packet, Bye)]
            assert byes == [Bye((caller.session.sender.ssrc,))]

    play(scene)


# --- what the exchange says -----------------------------------------------------------------------------


def test_ringback() -> None:
    """The ringback tone is heard over and over until something else is said."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            ear = Ear()
            hearing = CallHearing(plane.hearing, ear, caller.session.codec)
            caller.session.on_payload = hearing.payload
            log = hearing.tone("ringback", 0.1)
            callee.play_ringback()
            await plane.clock.sleep(13.5)
            assert len(log) >= 1
            assert len(ear.sounds) == 3
            callee.session.stop_playing()
            await plane.clock.sleep(1.0)
            assert ear.sounds.open is None
            hearing.close()

    play(scene)


@pytest.mark.parametrize("events", [True, False], ids=["events", "tones"])
def test_digits_are_said(events: bool) -> None:
    """Digits are said as events, or as tones to an end that knows none; the same one twice is two digits."""

    def change(answer: str) -> str:
        return answer if events else "\r\n".join(line for line in answer.split("\r\n") if "telephone-event" not in line)

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee, change)
            ear = Ear()
            hearing = CallHearing(plane.hearing, ear, callee.session.codec)
            callee.session.on_payload = hearing.payload
            callee.session.on_digit = hearing.digit_event
            assert (caller.session.event_type is not None) is events
            for digit in "155#":
                caller.say_digit(digit, 0.1)
            await plane.clock.sleep(2.0)
            assert [digit.digit for digit in ear.digits] == list("155#")
            assert {digit.via for digit in ear.digits} == {"rtp" if events else "tone"}
            hearing.close()

    play(scene)


def test_candidates_are_passed_down() -> None:
    """A trickled candidate goes to the transport without its `candidate:`; None and an empty one end the list."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, _):
            assert isinstance(caller.transport, MemoryTransport)
            passed: list[str | None] = []
            caller.transport.add_candidate = passed.append  # type: ignore[method-assign]
            for candidate in ("candidate:1 1 udp 1 127.0.0.1 9 typ host", "2 1 udp 1 127.0.0.1 9 typ host", "", None):
                caller.add_candidate(candidate)
            assert passed == ["1 1 udp 1 127.0.0.1 9 typ host", "2 1 udp 1 127.0.0.1 9 typ host", None, None]

    play(scene)


# --- the same stream over a new path --------------------------------------------------------------


async def move(plane: MediaPlane, caller: Endpoint, callee: Endpoint) -> None:
    """Take a call to a new path that the callee offers."""
    offered, answering = plane.endpoint(), plane.endpoint()
    offered.continues(callee)
    answering.continues(caller)
    offered.accept(await answering.answer(await offered.offer()))
    await asyncio.gather(callee.move_to(offered), caller.move_to(answering))


def test_a_stream_goes_on_over_a_new_path() -> None:
    """Sessions, listeners and numbers stay; what is being played is heard on, and the old path is given back."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            session, ssrc = callee.session, caller.session.sender.ssrc
            heard = heard_by(callee)
            payloads = [bytes([count]) * 160 for count in range(1, 100)]
            caller.session.play(Playback(payloads, lambda at: None))
            await plane.clock.sleep(0.5)
            await move(plane, caller, callee)
            await plane.clock.sleep(2)
            assert callee.session is session
            assert callee.session.receiver.ssrc == caller.session.sender.ssrc == ssrc
            assert [payload for payload in heard if payload in payloads] == payloads
            assert callee.session.figures.lost == 0
            assert len(plane.pacer) == 2
            assert plane.network is not None
            assert len(plane.network.ends) == 2

    play(scene)


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_the_codec_and_its_number_stay(codec: str) -> None:
    """A renewed offer has the codec of the call alone, under the number that the first offer gave it."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane, (codec, "PCMU", "PCMA"), (codec, "PCMU")) as (caller, callee):
            first = await caller.offer()
            first = first.replace("a=rtpmap:111 ", "a=rtpmap:97 ").replace("a=fmtp:111 ", "a=fmtp:97 ")
            first = first.replace("SAVPF 111", "SAVPF 97")
            await callee.answer(first)
            renewed = plane.endpoint()
            renewed.continues(callee)
            offer = parse_sdp(await renewed.offer())
            number = 97 if codec == "opus" else 9
            assert [(one.name, one.payload_type) for one in offer.audio.formats if one.is_voice] == [(codec, number)]
            assert any(not one.is_voice for one in offer.audio.formats)
            assert offer.session_version == 2
            await renewed.close()

    play(scene)


def test_a_path_that_does_not_come_up() -> None:
    """It is a fault in time, and the call goes on over the path that it has."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            heard = heard_by(callee)
            offered, answering = plane.endpoint(), plane.endpoint()
            offered.continues(callee)
            answering.continues(caller)
            offered.accept(await answering.answer(await offered.offer()))
            with pytest.raises(TimeoutFault):
                await callee.move_to(offered, timeout=1.0)
            await offered.close()
            await answering.close()
            caller.session.play(Playback([b"a" * 160], lambda at: None))
            await plane.clock.sleep(0.2)
            assert b"a" * 160 in heard

    play(scene)


def test_an_endpoint_that_is_closed_meanwhile() -> None:
    """It takes no new path, and leaves none open."""

    async def scene(plane: MediaPlane) -> None:
        async with two(plane) as (caller, callee):
            await join(caller, callee)
            offered, answering = plane.endpoint(), plane.endpoint()
            offered.continues(callee)
            answering.continues(caller)
            offered.accept(await answering.answer(await offered.offer()))
            await callee.close()
            await asyncio.gather(callee.move_to(offered), caller.move_to(answering))
            assert not callee.up

    play(scene)
