"""The other party in a queue or conference: what it hears there, what other servers say to it, a line that is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.errors import ExpectationFailed, Fault, UsageError
from botkit.signalling.orders import LineDown, RefuseRequest, ReplyModify
from botkit.states import CallState
from botkit.vocabulary import Entry, Tone, Window
from tests.client.kit import Stage, play


def test_one_who_waits_is_spoken_to() -> None:
    """In a queue the two hear each other, and digits come through both ways."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        enough = asyncio.Event()
        waiting = asyncio.ensure_future(near.enqueue("support", until=enough))
        await stage.clock.sleep(0.5)
        assert [len(queue) for queue in stage.exchange.platform.queues] == [1]
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 2.0)))
        await far.expect_tone(440)
        await playing
        await far.send_dtmf("7")
        assert (await near.expect_dtmf(Entry("7"))).fields["digits"] == "7"
        await near.hold()
        await near.resume()
        enough.set()
        assert (await waiting).reason == "leave"
        playing = asyncio.ensure_future(far.play(Tone((600.0,), 1.0)))
        await near.expect_tone(600)
        await playing

    play(scene)


def test_in_a_conference_this_side_is_alone() -> None:
    """What we say is not heard there, and what is said there we do not hear."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        meeting = asyncio.ensure_future(near.join_conference("room"))
        await stage.clock.sleep(0.5)
        playing = [asyncio.ensure_future(call.play(Tone((hz,), 1.0))) for call, hz in ((far, 440.0), (near, 600.0))]
        await near.expect_sound(0.1, Window(within=1.0, absent=True))
        with pytest.raises(ExpectationFailed):
            await far.expect_tone(600, within=0.5)
        await asyncio.gather(*playing)
        (conference,) = stage.exchange.platform.conferences
        conference.end()
        assert (await meeting).reason == "ended_via_api"
        assert near.state is CallState.ACTIVE
        playing = [asyncio.ensure_future(far.play(Tone((440.0,), 1.0)))]
        await near.expect_tone(440)
        await asyncio.gather(*playing)

    play(scene)


def test_who_is_moved_elsewhere_does_not_come_back() -> None:
    """A command takes the member out of the conference into a bridge: our call is over."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        other, _ = await stage.call()
        meeting = asyncio.ensure_future(near.join_conference("room"))
        await stage.clock.sleep(0.5)
        (conference,) = stage.exchange.platform.conferences
        (member,) = (seat.leg for seat in conference.seats)
        third = next(leg for leg in stage.exchange.switch.legs if leg.id == other.id)
        stage.exchange.switch.bridge(third, member)
        assert (await meeting).reason == "moved"
        assert near.state is CallState.DONE

    play(scene)


def test_our_hang_up_ends_the_stay() -> None:
    """The other party is hung up, wherever it is."""

    async def scene(stage: Stage) -> None:
        for where in ("enqueue", "join_conference"):
            near, far = await stage.call()
            staying = asyncio.ensure_future(getattr(near, where)("somewhere"))
            await stage.clock.sleep(0.5)
            await near.hangup()
            assert (await staying).reason == "hangup"
            assert (await far.ended()).cause == "NORMAL_CLEARING"

    play(scene)


def test_out_of_turn() -> None:
    """Before the answer, with no name, with one too long: said at once, and the call goes on."""

    async def scene(stage: Stage) -> None:
        ringing, _ = await stage.dial()
        with pytest.raises(UsageError, match="up"):
            await ringing.enqueue("support")
        await ringing.hangup()
        near, _ = await stage.call()
        with pytest.raises(UsageError, match="name"):
            await near.enqueue(" ")
        with pytest.raises(Fault, match="at most 255"):
            await near.join_conference("x" * 256)
        assert near.state is CallState.ACTIVE

    play(scene)


@pytest.mark.parametrize("said", ["result", "refused"])
def test_servers_that_do_not_know_it(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One refuses, another says yes to anything: either way it is a fault, and the call goes on."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()

        def modify(line: Any, asked: Any) -> None:
            yes, no = ReplyModify(asked.request_id), RefuseRequest(asked.request_id, message="cannot enqueue")
            line.order(yes if said == "result" else no)

        monkeypatch.setattr(stage.exchange.switch, "modify", modify)
        with pytest.raises(Fault, match="cannot enqueue" if said == "refused" else "does not know"):
            await near.enqueue("support")
        assert near.state is CallState.ACTIVE

    play(scene)


def test_line_that_is_lost_before_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a reply that cannot come any more."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        monkeypatch.setattr(stage.exchange.switch, "modify", lambda line, asked: None)
        staying = asyncio.ensure_future(near.enqueue("support"))
        await stage.clock.sleep(1.0)
        stage.alice.order(LineDown("gone"))
        await asyncio.wait((staying,), timeout=1.0)
        with pytest.raises(Fault, match="the connection was lost"):
            staying.result()

    play(scene)
