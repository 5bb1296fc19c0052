"""What a client asks of the server during a call: transfers, and holds that meet. More about hold and resume is in
`test_call.py`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import ConfigError, Fault, UsageError
from botkit.signalling.orders import LineDown, RefuseRequest, ReplyModify, SendBye
from botkit.states import CallState
from botkit.vocabulary import Tone, Window
from tests.client.kit import Stage, play

THIRD = "+18005550112"


async def carol_at(stage: Stage, stack: contextlib.AsyncExitStack) -> asyncio.Queue[Call]:
    """Carol, who can be transferred to; gives her calls."""
    calls: asyncio.Queue[Call] = asyncio.Queue()
    carol = Client(stage.exchange.account("carol", THIRD), connect_line=stage.exchange.connect)
    carol.on("incoming", calls.put_nowait)
    await stack.enter_async_context(carol)
    return calls


def test_transfer() -> None:
    """The other party hears the new one ring, then speaks with it on the same call; ours is over."""

    async def scene(stage: Stage) -> None:
        async with contextlib.AsyncExitStack() as stack:
            calls = await carol_at(stage, stack)
            near, far = await stage.call()
            moving = asyncio.ensure_future(near.transfer(THIRD))
            new = await calls.get()
            assert new.session_id == near.session_id
            await far.expect_tone("ringback", Window(within=20.0))
            await new.answer()
            assert await moving == "answered"
            assert near.state is CallState.DONE
            playing = [asyncio.ensure_future(call.play(Tone((hz,), 1.0))) for call, hz in ((far, 440.0), (new, 600.0))]
            await new.expect_tone(440)
            await far.expect_tone(600)
            await asyncio.gather(*playing)
            await new.hangup()
            assert (await far.ended()).cause == "NORMAL_CLEARING"

    play(scene)


def test_holds_that_overtake_each_other() -> None:
    """What was asked last counts, though the reply to what was asked before has not come: asked at once, or by a
    step that was cancelled."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        await asyncio.gather(near.hold(), near.resume())
        assert near.state is CallState.ACTIVE
        given_up = asyncio.ensure_future(near.hold())
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait((given_up,))
        await near.resume()
        assert near.state is CallState.ACTIVE
        await near.hold()
        assert near.state is CallState.HELD
        await near.hold()  # changes nothing, and waits for nothing

    play(scene)


def test_transfer_out_of_turn() -> None:
    """Before the answer, while another one is under way, or to nobody, it is misuse; nothing is sent."""

    async def scene(stage: Stage) -> None:
        async with contextlib.AsyncExitStack() as stack:
            calls = await carol_at(stage, stack)
            ringing, _ = await stage.dial()
            with pytest.raises(UsageError, match="that is up"):
                await ringing.transfer(THIRD)
            await ringing.hangup()
            near, _ = await stage.call()
            with pytest.raises(UsageError, match="somebody"):
                await near.transfer(" ")
            moving = asyncio.ensure_future(near.transfer(THIRD, ring_timeout=3.0))
            await calls.get()
            with pytest.raises(UsageError, match="under way"):
                await near.transfer(THIRD)
            assert await moving == "no_answer"

    play(scene)


def test_transfer_to_a_number_that_must_not_be_dialled() -> None:
    """`may_dial` judges the number first, and what it raises leaves the call as it was."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()

        def may_dial(number: str) -> None:
            raise ConfigError(f"{number} may not be dialled")

        near.may_dial = may_dial
        with pytest.raises(ConfigError, match="911 may not"):
            await near.transfer("911")
        assert near.state is CallState.ACTIVE

    play(scene)


def test_a_cancelled_transfer() -> None:
    """A cancelled caller loses the outcome only; hanging up ends the transfer."""

    async def scene(stage: Stage) -> None:
        async with contextlib.AsyncExitStack() as stack:
            calls = await carol_at(stage, stack)
            near, far = await stage.call()
            moving = asyncio.ensure_future(near.transfer(THIRD))
            new = await calls.get()
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
            assert near.state is CallState.ACTIVE
            await near.hangup()
            assert (await new.ended()).cause == "ORIGINATOR_CANCEL"
            assert (await far.ended()).cause == "NORMAL_CLEARING"

    play(scene)


@pytest.mark.parametrize(
    ("said", "outcome", "over"),
    [
        ("moved", "answered", False),
        ("bye", "answered", True),
        ("other bye", "failed", True),
        ("refused", "failed", False),
    ],
)
def test_transfers_of_other_servers(said: str, outcome: str, over: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One may move the party at once and leave us the call, end it by a cause that says so, or refuse without one."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()

        def modify(line: Any, asked: Any) -> None:
            orders = {
                "moved": ReplyModify(asked.request_id, message="CALL TRANSFERRED"),
                "bye": SendBye(asked.call_id, "BLIND_TRANSFER"),
                "other bye": SendBye(asked.call_id, "NORMAL_CLEARING"),
                "refused": RefuseRequest(asked.request_id, message="call is not bridged"),
            }
            line.order(orders[said])

        monkeypatch.setattr(stage.exchange.switch, "modify", modify)
        assert await near.transfer(THIRD) == outcome
        assert near.state.is_over is over

    play(scene)


def test_line_that_is_lost_before_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a reply that cannot come any more: a hold is a fault that says why, a transfer has failed."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        monkeypatch.setattr(stage.exchange.switch, "modify", lambda line, asked: None)
        holding = asyncio.ensure_future(near.hold())
        moving = asyncio.ensure_future(near.transfer(THIRD))
        await stage.clock.sleep(1.0)
        stage.alice.order(LineDown("gone"))
        await asyncio.wait((holding, moving), timeout=1.0)
        with pytest.raises(Fault, match="did not hold: the connection was lost"):
            holding.result()
        assert moving.result() == "failed"
        assert near.end is None
        assert near.changes == 0

    play(scene)
