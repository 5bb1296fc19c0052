"""A call from its invite to its end, over an exchange in memory and in virtual time."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit import events
from botkit.errors import (
    CallEnded,
    ConfigError,
    ExpectationFailed,
    Fault,
    NetworkFault,
    UsageError,
)
from botkit.media.codec import codec_by_name
from botkit.media.ear import HeardFrame
from botkit.media.endpoint import Endpoint
from botkit.media.rtp import HEADER, timestamp_diff
from botkit.media.source import ToneSource
from botkit.media.tone import tone
from botkit.media.wav import read_wav, write_wav
from botkit.states import CallState
from botkit.vocabulary import Entry, Played, Silence, Tone, Window
from tests.client.kit import NUMBER, Stage, about, play
from tests.load.digits import AUDIO

# --- set up ---------------------------------------------------------------------------------------------


def test_from_invite_to_answer() -> None:
    """Both ends walk the states, hear of each step, and can talk once the call is answered."""

    async def scene(stage: Stage) -> None:
        near = await stage.alice.dial(NUMBER)
        said: list[str | None] = []
        near.listen(lambda event: said.append(event.name))
        assert near.state is CallState.CONNECTING
        far = await stage.incoming.get()
        assert far.state is CallState.RINGING
        await near.wait_for_event("early_media")
        assert near.state is CallState.RINGING
        assert (near.answered_at, near.duration, near.setup) == (None, None, None)
        await far.answer()
        await near.answered(within=5.0)
        assert near.state is far.state is CallState.ACTIVE
        assert [name for name in said if name] == ["ringing", "early_media", "answered"]
        assert near.setup is not None
        assert near.setup > 0
        playing = asyncio.ensure_future(far.play(Tone((440.0,), 1.0)))
        assert (await near.expect_tone(440)).fields["hz"] == 440
        await playing

    play(scene)


def test_who_calls_whom() -> None:
    """Each end knows its direction, the two numbers, and the headers that came along."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call(caller_id="+15550001111", headers=[("X-Test", "42")])
        assert (near.direction, far.direction) == ("dial", "answer")
        assert near.remote == NUMBER
        assert far.remote == "+15550001111"
        assert far.headers == (("X-Test", "42"),)
        facts, theirs = near.facts(), far.facts()
        assert (facts["from"], facts["to"]) == (theirs["from"], theirs["to"]) == ("+15550001111", NUMBER)
        assert theirs["headers"] == {"X-Test": "42"}
        assert facts["codec"] == "PCMU"
        assert near.session_id is not None
        assert near.session_id == far.session_id
        assert near.id in repr(near)

    play(scene)


def test_facts_are_copies() -> None:
    """The facts of expressions are plain data of their own: changing them changes nothing."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        facts = near.facts()
        facts["headers"]["x"] = "y"
        facts["rtp"].clear()
        assert near.facts()["headers"] == {}
        assert set(near.facts()["rtp"]) == {"sent", "received", "lost", "jitter", "rtt"}

    play(scene)


def test_times_count_from_the_answer() -> None:
    """Seconds since the answer, and the duration, which stands still when the call is over."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.dial()
        assert near.since_answered() == 0.0
        near, _ = near, await stage.clock.sleep(0)
        await _answered(stage, near)
        await stage.clock.sleep(2.0)
        assert near.since_answered() == pytest.approx(2.0)
        assert near.answered_at is not None
        assert near.since_answered(near.answered_at + 0.5) == pytest.approx(0.5)
        assert near.mark == near.answered_at
        await near.hangup()
        duration = near.duration
        await stage.clock.sleep(5.0)
        assert near.duration == duration == pytest.approx(2.0, abs=0.05)

    play(scene)


async def _answered(stage: Stage, near: Any) -> None:
    (far,) = stage.bob.calls.values()
    await far.answer()
    await near.answered()


def test_packets_are_counted() -> None:
    """Both ends count some fifty packets a second each way, none lost."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        await stage.clock.sleep(10.0)
        for call in (near, far):
            figures = call.figures
            assert figures.sent == pytest.approx(500, abs=20)
            assert figures.received == pytest.approx(500, abs=20)
            assert figures.lost == 0
            assert figures.jitter < 0.001
            assert figures.rtt == pytest.approx(0.0, abs=0.045)

    play(scene)


def test_answer_that_does_not_come() -> None:
    """Waiting for an answer has an end; the call still rings afterwards."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.dial()
        with pytest.raises(ExpectationFailed, match=r"an answer within 3 s; heard none; the call is ringing"):
            await near.answered(within=3.0)
        await near.hangup()

    play(scene)


def test_answering_what_we_placed() -> None:
    """A call that we placed cannot be answered by us; an answered one need not be answered again."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        with pytest.raises(UsageError, match="incoming"):
            await near.answer()
        await far.answer()
        await far.answer()
        assert far.state is CallState.ACTIVE

    play(scene)


def test_before_there_is_media() -> None:
    """Without media nothing can be said, and a tone cannot have been heard."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        with pytest.raises(UsageError, match="no media"):
            await far.play(Silence(1.0))
        with pytest.raises(UsageError, match="answer"):
            await far.send_dtmf("1")
        with pytest.raises(ExpectationFailed):
            await far.expect_tone(440, within=0.5)
        await near.hangup()

    play(scene)


CODECS = ("PCMU", "PCMA", "G722", "opus")


@pytest.mark.parametrize("ours", CODECS)
@pytest.mark.parametrize("theirs", CODECS)
def test_every_codec_with_every_other(ours: str, theirs: str) -> None:
    """The caller's offer and the answerer's choice may differ: the exchange translates sound and digits, both ways."""

    async def scene(stage: Stage) -> None:
        stage.bob.codecs = (theirs,)
        near, far = await stage.call(codecs=(ours,))
        assert near.facts()["codec"].lower() == ours.lower()
        assert far.facts()["codec"].lower() == theirs.lower()
        for mouth, ear in ((near, far), (far, near)):
            playing = asyncio.ensure_future(mouth.play(Tone((600.0,), 0.5)))
            heard = await ear.expect_tone(600, until="end")
            assert heard.ended is not None
            assert heard.started is not None
            assert heard.ended - heard.started == about(0.5, by=0.03)
            await playing
            await mouth.send_dtmf("1#", via="rtp")
            assert (await ear.expect_dtmf("1#")).fields["via"] == "rtp"
            await mouth.send_dtmf("2*", via="tone")
            assert (await ear.expect_dtmf("2*")).fields["via"] == "tone"
            await mouth.send_dtmf("3", via="info")
            await ear.expect_dtmf("3")

    play(scene)


@pytest.mark.parametrize("codec", CODECS)
def test_a_beep_does_not_stop_a_play_and_a_voice_does(codec: str) -> None:
    """`stop_on: speech` and the event `speech_started` mean a voice: not a beep, a ringback or digits as tones."""

    async def scene(stage: Stage) -> None:
        stage.bob.codecs = (codec,)
        near, far = await stage.call(codecs=(codec,))
        told: list[float] = []
        near.on("speech_started", lambda event: told.append(stage.clock.now()))
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 30.0), stop_on=frozenset({"speech"})))
        await far.play(Tone((1000.0,), 0.5))
        await far.play(Tone((440.0, 480.0), 2.0))
        await far.send_dtmf("1234#", via="tone")
        assert not playing.done()
        assert not told
        begin = stage.clock.now()
        await far.play(AUDIO / "goodbye.wav")
        assert (await playing).stopped_by == "speech"
        assert told[0] - begin < 0.4
        await near.hangup()

    play(scene)


def test_a_beep_of_two_tones_ends_within_its_time() -> None:
    """350 and 440 Hz of 0.3 s are a beep that ended when it ended, though it is known only later."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(far.play(Tone((350.0, 440.0), 0.3)))
        heard = await near.expect_tone("beep", until="end", within=0.5)
        assert heard.ended is not None
        assert heard.started is not None
        assert heard.ended - heard.started == about(0.3)
        await playing
        await near.hangup()

    play(scene)


@pytest.mark.parametrize(("ours", "theirs"), [("PCMU", "opus"), ("G722", "PCMA")])
def test_prompts_through_two_codecs_and_two_losses(ours: str, theirs: str) -> None:
    """The exchange translates, and 3 % are lost to it and from it: prompts are known, each way, and time is kept."""

    async def scene(stage: Stage) -> None:
        stage.bob.codecs = (theirs,)
        calls = near, far = await stage.call(codecs=(ours,))
        ends = {call._media.endpoint.session.sender.ssrc for call in calls}
        draw, last = random.Random(1), dict[int, tuple[int, int]]()
        steps: dict[int, set[float]] = {}
        loss = 0.0

        def carry(packet: bytes, now: float) -> float | None:
            _, kind, seq, timestamp, ssrc = HEADER.unpack_from(packet)
            if 64 <= kind & 0x7F <= 95:
                return now  # RTCP
            if ssrc not in ends:  # from the exchange
                before, last[ssrc] = last.get(ssrc), (seq, timestamp)
                if before is not None and seq != before[0]:
                    apart = timestamp_diff(timestamp, before[1]) / ((seq - before[0]) & 0xFFFF)
                    steps.setdefault(ssrc, set()).add(apart)
            return None if draw.random() < loss else now

        assert stage.exchange.plane.network is not None
        stage.exchange.plane.network.carry = carry
        after: dict[float, list[float]] = {0.0: [], 0.03: []}  # from the play's begin to the prompt's
        for loss in after:
            for file in ("welcome", "menu", "goodbye"):
                for mouth, ear in ((near, far), (far, near)):
                    begin = ear.since_answered()
                    playing = asyncio.ensure_future(mouth.play(AUDIO / f"{file}.wav"))
                    heard = await ear.expect_prompt(AUDIO / f"{file}.wav", within=20.0)
                    assert heard.fields["score"] > 0.9
                    assert heard.started is not None
                    after[loss].append(heard.started - begin)
                    await playing
        assert after[0.03] == about(after[0.0], by=0.021)
        assert sorted(steps.values(), key=str) == sorted(
            ({float(codec_by_name(name).ticks)} for name in (ours, theirs)), key=str
        )
        await near.hangup()

    play(scene)


def test_early_media_is_heard() -> None:
    """Before the answer the caller hears the exchange's ringback tone."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        await near.expect_tone("ringback", within=15.0)
        assert near.answered_at is None
        await near.hangup()
        await far.ended()

    play(scene)


def test_early_media_twice() -> None:
    """A second description of early media changes nothing: the first one counts."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        session = near.endpoint.session
        near.early_media(events.EarlyMedia(near.id, "v=0"))
        assert near.endpoint.session is session

    play(scene)


# --- the end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["near", "far"])
@pytest.mark.parametrize(
    ("cause", "name", "code", "sip_code"),
    [
        (None, "NORMAL_CLEARING", 16, 200),
        ("busy", "USER_BUSY", 17, 486),
        ("NORMAL_TEMPORARY_FAILURE", "NORMAL_TEMPORARY_FAILURE", 41, 503),
    ],
)
def test_hang_up(who: str, cause: str | None, name: str, code: int, sip_code: int) -> None:
    """Either end may hang up; both are told the cause, its number and, at the far end, its SIP code."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        one, other = (near, far) if who == "near" else (far, near)
        await one.hangup(cause)
        ended = await other.ended()
        for end in (one.end, ended):
            assert end is not None
            assert (end.cause, end.code) == (name, code)
        assert one.end is not None
        assert (one.end.by_us, ended.by_us) == (True, False)
        if cause is not None:
            assert ended.sip_code == sip_code
        assert one.state is other.state is CallState.DONE
        assert other.facts()["cause"] == name
        await one.hangup("busy")
        assert one.end.cause == name

    play(scene)


@pytest.mark.parametrize(("cause", "name"), [("busy", "USER_BUSY"), ("declined", "CALL_REJECTED")])
def test_rejected(cause: str, name: str) -> None:
    """A call that is rejected ends with that cause at the caller's, whose wait for the answer ends with it."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        waiting = asyncio.ensure_future(near.answered(within=10.0))
        await far.reject(cause)
        with pytest.raises(CallEnded) as ended:
            await waiting
        assert ended.value.cause == name
        with pytest.raises(CallEnded):
            await near.answered()
        assert near.answered_at is None
        assert near.facts()["duration"] == 0.0

    play(scene)


def test_cancelled_before_the_answer() -> None:
    """A caller who gives up cancels; the callee's phone stops ringing, and answering then does nothing."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        await near.hangup()
        ended = await far.ended()
        assert ended.cause == "ORIGINATOR_CANCEL"
        await far.answer()
        assert far.answered_at is None
        assert far.state is CallState.DONE

    play(scene)


def test_cancelled_while_it_is_answered() -> None:
    """When the caller gives up while the callee answers, the answer returns at once, with the call over."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        answering = asyncio.ensure_future(far.answer())
        hanging_up = asyncio.ensure_future(near.hangup())
        before = stage.clock.now()
        await asyncio.gather(answering, hanging_up)
        await far.ended()
        assert stage.clock.now() - before < 1.0
        assert near.state is far.state is CallState.DONE

    play(scene)


def test_hung_up_right_after_the_answer() -> None:
    """A far end that hangs up as soon as it has answered has answered: `answered` comes before `ended`."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        said: list[str | None] = []
        near.listen(lambda event: said.append(event.name))
        await far.answer()
        await far.hangup()
        ended = await near.ended()
        assert [name for name in said if name in ("answered", "ended")] == ["answered", "ended"]
        assert ended.cause == "NORMAL_CLEARING"
        assert near.duration == 0.0

    play(scene)


def test_number_that_nobody_has() -> None:
    """A number that is nobody's, and one whose user is not there, end the call with their causes."""

    async def scene(stage: Stage) -> None:
        stage.exchange.account("carol", "+15559999999")
        for number, cause in (("+15550000000", "UNALLOCATED_NUMBER"), ("+15559999999", "SUBSCRIBER_ABSENT")):
            call = await stage.alice.dial(number)
            with pytest.raises(CallEnded) as ended:
                await call.answered()
            assert ended.value.cause == cause

    play(scene)


def test_leaving_the_scope_hangs_up() -> None:
    """At the end of `async with` the call is over and its media given back, also after an error."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()

        async def fail() -> None:
            async with near:
                assert len(stage.exchange.plane.pacer) == 4
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert near.state is CallState.DONE
        await far.ended()
        await stage.clock.sleep(0.1)
        assert len(stage.exchange.plane.pacer) == 0

    play(scene)


def test_media_of_an_ended_call_is_given_back() -> None:
    """When the far end hangs up the media goes by itself, though nobody closes the call; its figures stay."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        await stage.clock.sleep(1.0)
        await far.hangup()
        await near.ended()
        await stage.clock.sleep(0.5)
        assert len(stage.exchange.plane.pacer) == 0
        assert near.figures.received > 40
        await near.close()

    play(scene)


def test_close_is_not_cancellation() -> None:
    """Who waits for an answer, or answers, while somebody closes the call is told its end, and is not cancelled."""

    async def scene(stage: Stage) -> None:
        _, far = await stage.dial()
        answering = asyncio.ensure_future(far.answer())
        await asyncio.sleep(0)
        await far.close()
        await answering
        assert far.state is CallState.DONE

    play(scene)


def test_media_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """When media is lost and no bye comes, the call ends with that cause, and the fault says why."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        on_lost = near.endpoint.transport.on_lost
        assert on_lost is not None
        on_lost("ICE consent expired")
        waiting = asyncio.ensure_future(near.expect_tone(440, within=30.0))
        ended = await far.ended()
        assert ended.cause == "MEDIA_TIMEOUT"
        assert isinstance(near.fault, NetworkFault)
        with pytest.raises(ExpectationFailed, match="ICE consent expired"):
            await waiting

    play(scene)


def test_media_that_ends_just_before_the_bye() -> None:
    """The far end may close its media a moment before its bye arrives: that is no fault."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        on_lost = near.endpoint.transport.on_lost
        assert on_lost is not None
        on_lost("the other end closed its media")
        await stage.clock.sleep(0.1)
        assert near.end is None
        await far.hangup("busy")
        ended = await near.ended()
        assert ended.cause == "USER_BUSY"
        await stage.clock.sleep(5.0)
        assert near.fault is None

    play(scene)


def test_media_that_never_comes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the media path fails, both ends' calls end, and the answer raises the fault."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()

        async def fail(self: Endpoint, timeout: float = 10.0) -> None:
            raise NetworkFault("no media path: every ICE candidate pair failed")

        monkeypatch.setattr(far.endpoint, "connect", fail.__get__(far.endpoint))
        with pytest.raises(NetworkFault, match="no media path"):
            await far.answer()
        assert far.end is not None
        assert far.end.cause == "DESTINATION_OUT_OF_ORDER"
        await near.ended()
        assert near.answered_at is None

    play(scene)


@pytest.mark.parametrize(("after", "answered"), [(0.5, True), (6.0, False)])
def test_far_end_that_gives_up_before_media_can_flow(
    after: float, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hangs up in the breath of the answer has answered; who has waited for media in vain has not."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()

        async def never(self: Endpoint, timeout: float = 10.0) -> None:
            await stage.clock.sleep(1000)

        monkeypatch.setattr(near.endpoint, "connect", never.__get__(near.endpoint))
        monkeypatch.setattr(near.endpoint.transport, "connect", never.__get__(near.endpoint))
        answering = asyncio.ensure_future(far.answer())
        await stage.clock.sleep(after)
        await far.hangup()
        assert (await near.ended()).cause == "NORMAL_CLEARING"
        assert (near.answered_at is not None) is answered
        await answering

    play(scene)


def test_server_that_tells_an_answer_without_media() -> None:
    """An answer whose media is still not there when the far end gives up is a fault of the network, and says so."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        near.accepted(events.Answered(near.id))
        await stage.clock.sleep(6.0)
        await far.hangup()
        await near.ended()
        assert near.answered_at is None
        assert isinstance(near.fault, NetworkFault)
        assert "gave up before media could flow" in str(near.fault)

    play(scene)


# --- during the call --------------------------------------------------------------------------------------------


def test_hold_and_resume() -> None:
    """On hold neither side hears the other; resumed, both do. State and events say so."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        said: list[str | None] = []
        near.listen(lambda event: said.append(event.name))
        await near.hold()
        assert near.state is CallState.HELD
        talking = [asyncio.ensure_future(call.play(Tone((440.0,), 2.0))) for call in (near, far)]
        await near.expect_silence(1.5, within=3.0)
        await far.expect_tone((440.0,), Window(within=2.0, absent=True))  # the other one hears music
        await asyncio.gather(*talking)
        await near.resume()
        assert near.state is CallState.ACTIVE
        playing = asyncio.ensure_future(far.play(Tone((600.0,), 1.0)))
        await near.expect_tone(600)
        await playing
        assert [name for name in said if name in ("held", "resumed")] == ["held", "resumed"]

    play(scene)


def test_hold_of_a_call_that_is_over() -> None:
    """Holding or resuming a call that is over does nothing; before the answer it is refused here."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.dial()
        for change in (near.hold, near.resume):
            with pytest.raises(UsageError, match="only a call that is up"):
                await change()
        await near.hangup()
        await near.hold()
        await near.resume()

    play(scene)


def test_hold_that_is_refused() -> None:
    """What the server refuses is a fault that says so, and the call goes on."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        for leg in stage.exchange.switch.legs:
            leg.answered_at = None
        with pytest.raises(Fault, match="hold"):
            await near.hold()
        assert near.state is CallState.ACTIVE

    play(scene)


def test_hold_that_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server does not reply to a hold at all, that is a fault in the end, not a wait for ever."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        monkeypatch.setattr(stage.exchange.switch, "modify", lambda line, asked: None)
        for line in stage.exchange.lines:
            monkeypatch.setattr(line._session.protocol, "timings", _slow(line._session.protocol.timings), raising=False)
        with pytest.raises(Fault):
            async with stage.clock.timeout(60.0):
                await near.hold()

    play(scene)


def _slow(timings: Any) -> Any:
    import dataclasses

    return dataclasses.replace(timings, reply=1000.0)


def test_hold_twice() -> None:
    """Holding what is held, and resuming what is not, asks the server for nothing and tells nobody."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        said: list[str | None] = []
        near.listen(lambda event: said.append(event.name))
        for change in (near.resume, near.hold, near.hold, near.resume, near.resume):
            await change()
        assert said == ["held", "resumed"]

    play(scene)


def test_muted_before_the_answer() -> None:
    """A call that was muted while it rang is silent from its first packet on."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        near.mute()
        await far.answer()
        await near.answered()
        await near.play(Tone((440.0,), 1.0))
        assert len(far.ear.sounds) == 0

    play(scene)


def test_mute() -> None:
    """Muted, the far end hears silence; unmuted, it hears what is being said."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 6.0)))
        await far.expect_tone(440)
        near.mute()
        await far.expect_silence(1.0)
        near.unmute()
        assert (await far.expect_tone(440)).started is not None
        await playing

    play(scene)


@pytest.mark.parametrize("via", ["info", "rtp", "tone"])
def test_digits_both_ways(via: str) -> None:
    """Digits arrive at the other end, whichever way they are sent, each once."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        for one, other in ((near, far), (far, near)):
            sending = asyncio.ensure_future(one.send_dtmf("1990#", via=via))
            heard = await other.expect_dtmf("1990#")
            assert heard.fields["via"] == ("tone" if via == "tone" else "rtp")
            await sending

    play(scene)


def test_two_calls_of_one_client() -> None:
    """Two calls of one client are heard apart from each other."""

    async def scene(stage: Stage) -> None:
        calls = [await stage.call() for _ in range(2)]
        hz = (440.0, 600.0)
        playing = [asyncio.ensure_future(far.play(Tone((one,), 1.0))) for (_, far), one in zip(calls, hz, strict=True)]
        heard = await asyncio.gather(*(near.expect_tone(one) for (near, _), one in zip(calls, hz, strict=True)))
        assert [one.fields["hz"] for one in heard] == list(hz)
        for (near, _), other in zip(calls, reversed(hz), strict=True):
            with pytest.raises(ExpectationFailed):
                await near.expect_tone(other, within=0.5)
        await asyncio.gather(*playing)

    play(scene)


def test_play_stopped_by_the_far_end() -> None:
    """A play that listens for digits is stopped by one from the far end, which stays in the queue."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 9.0), stop_on=frozenset({"dtmf"})))
        await stage.clock.sleep(1.0)
        await far.send_dtmf("5", via="rtp")
        played = await playing
        assert played == Played(about(1.15, 0.2), "dtmf")
        assert (await near.gather(count=1, first=0.1)).digits == "5"

    play(scene)


def test_gather_with_a_prompt() -> None:
    """A prompt is heard until the far end presses a key; the keys are gathered."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        gathering = asyncio.ensure_future(near.gather(count=3, play=Tone((440.0,), 30.0)))
        await far.expect_tone(440)
        await far.send_dtmf("123", via="rtp")
        assert (await gathering).digits == "123"
        await far.expect_silence(0.5, within=2.0)

    play(scene)


def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    """A file that the run may not read is not played, and nothing of it is opened."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()

        def may_read(path: Path) -> Path:
            raise ConfigError(f"{path} may not be read")

        near.may_read = may_read
        with pytest.raises(ConfigError, match="may not be read"):
            await near.play(tmp_path / "a.wav")

    play(scene)


def test_file_played_and_recorded(tmp_path: Path) -> None:
    """A file that one end plays, by its path alone, is what the other end records."""
    write_wav(tmp_path / "in.wav", tone(440, 1.0))

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        recording = asyncio.ensure_future(far.record(tmp_path / "out.wav", max=2.0))
        await stage.clock.sleep(0.2)
        assert (await near.play(str(tmp_path / "in.wav"))).played == pytest.approx(1.0)
        recorded = await recording
        assert recorded.duration == pytest.approx(2.0, abs=0.03)
        pcm, _ = read_wav(tmp_path / "out.wav")
        loud = np.flatnonzero(np.abs(pcm) > 1000)
        assert (loud[-1] - loud[0]) / 8000 == pytest.approx(1.0, abs=0.03)

    play(scene)


def test_several_sorts_of_questions_at_once() -> None:
    """A tone, silence, digits and an event may be awaited side by side."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        window = Window(within=8.0)
        waiting = asyncio.gather(
            near.expect_tone((440.0,), window),
            near.expect_silence(2.0, window),
            near.expect_dtmf(Entry(digits="7"), window),
            near.wait_for_event("dtmf", within=8.0),
        )
        await stage.clock.sleep(0.5)
        await far.play(Tone((440.0,), 0.5))
        await far.send_dtmf("7", via="rtp")
        heard = await waiting
        assert heard[0].started == about(0.5, 0.1)
        assert heard[1].ended is not None
        assert heard[2].fields["digits"] == "7"
        assert isinstance(heard[3], events.DigitReceived)

    play(scene)


def test_events_by_name() -> None:
    """`on` and `off` tell a handler of one sort of event; speech, digits and the end among them."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        heard: list[str] = []
        near.on("dtmf", lambda event: heard.append(event.digit))
        near.on("ended", lambda event: heard.append(event.cause))
        await far.send_dtmf("1", via="rtp")
        await stage.clock.sleep(0.5)
        near.off("dtmf", print)
        await far.hangup()
        await near.ended()
        assert heard == ["1", "NORMAL_CLEARING"]
        with pytest.raises(UsageError):
            near.on("connected", print)

    play(scene)


def test_refused_with_a_cause() -> None:
    """`refuse` ends an incoming call with a cause and gives its media back."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        await far.refuse("busy")
        assert (await near.ended()).cause == "USER_BUSY"

    play(scene)


# --- devices ------------------------------------------------------------------------------------------------------


class Taken:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[HeardFrame] = []
        self.closed = 0

    def push(self, frame: HeardFrame) -> None:
        self.frames.append(frame)

    def close(self) -> None:
        self.closed += 1


def test_audio_in_changed_during_the_call() -> None:
    """What is said when nothing is played can be chosen, changed and taken away while the call lasts."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        assert near.audio_in is None
        near.audio_in = ToneSource((440.0,), 0.5)
        await far.expect_tone(440, length=2.0)
        near.audio_in = ToneSource((600.0,), 0.5)
        await far.expect_tone(600, length=2.0)
        near.audio_in = None
        await far.expect_silence(1.0)

    play(scene)


def test_audio_out_changed_during_the_call() -> None:
    """What is heard goes to the sink that is chosen; a sink that is replaced, or whose call ends, is closed once."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        first, second = Taken(), Taken()
        near.audio_out = first
        assert near.audio_out is first
        await stage.clock.sleep(1.0)
        near.audio_out = second
        await stage.clock.sleep(1.0)
        assert len(first.frames) == pytest.approx(50, abs=3)
        assert len(second.frames) == pytest.approx(50, abs=3)
        assert (first.closed, second.closed) == (1, 0)
        await near.close()
        await near.close()
        assert (first.closed, second.closed) == (1, 1)

    play(scene)


def test_audio_in_that_cannot_be_read(tmp_path: Path) -> None:
    """A source whose file is missing leaves the call as it was, and the loop hears of it."""
    from botkit.media.source import FileSource

    async def scene(stage: Stage) -> None:
        said: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["exception"]))
        near, far = await stage.call()
        near.audio_in = FileSource((tmp_path / "nothing.wav",))
        await far.expect_silence(1.0)
        assert [type(error) for error in said] == [ConfigError]

    play(scene)
