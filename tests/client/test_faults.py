"""Mistakes of ours while an event is handled: what they end, and what goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.client.call import Call
from botkit.errors import InternalFault
from tests.client.kit import NUMBER, Stage, play


def broken(*_: Any) -> Any:
    """What nobody foresaw."""
    raise ValueError("by mistake")


def is_faulty(call: Call) -> bool:
    """The call is over, and bears the mistake."""
    fault = call.fault
    assert isinstance(fault, InternalFault)
    assert fault.args[0] == "unexpected ValueError: by mistake"
    assert isinstance(fault.__cause__, ValueError)
    return call.end is not None


def test_at_the_end_of_a_call() -> None:
    """A mistake at a call's end is this call's fault: it is over, and the others of the client go on."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        other, other_far = await stage.call()
        near._media.hearing.finish = broken  # type: ignore[union-attr, method-assign]
        await far.hangup()
        assert (await near.ended()).cause == "NORMAL_CLEARING"
        assert is_faulty(near)
        await other_far.send_dtmf("7")
        await other.expect_dtmf("7", within=2.0)
        assert other.fault is None
        third, _ = await stage.call()
        await third.hangup()
        assert third.fault is None

    play(scene)


def test_in_a_message() -> None:
    """A mistake over one message ends the call that it is about, with a bye; the others go on."""

    async def scene(stage: Stage) -> None:
        other, other_far = await stage.call()
        near = await stage.alice.dial(NUMBER)
        emit = near.emit

        def once(*_: Any) -> None:  # the first that is told is `ringing`
            near.emit = emit  # type: ignore[method-assign]
            broken()

        near.emit = once  # type: ignore[method-assign]
        await near.ended()
        assert is_faulty(near)
        await (await stage.incoming.get()).ended()
        await other_far.send_dtmf("7")
        await other.expect_dtmf("7", within=2.0)

    play(scene)


def test_at_the_answer() -> None:
    """A mistake while an answer is worked on ends the call that nobody would hear of otherwise."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.dial()
        near.answer_arrived = broken  # type: ignore[method-assign]
        stage.bob.start(far.answer(), "answer")
        await near.ended()
        assert is_faulty(near)
        await far.ended()

    play(scene)


def test_outside_any_call() -> None:
    """A mistake that is no call's ends the client at once: its calls are over, `on_broken` and leaving tell why."""
    told: list[BaseException] = []

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        stage.alice.on_broken = told.append
        step = stage.alice._protocol.step

        def once(*_: Any) -> Any:
            stage.alice._protocol.step = step  # type: ignore[method-assign]
            broken()

        stage.alice._protocol.step = once  # type: ignore[method-assign]
        await far.send_dtmf("7")
        await near.ended()
        assert is_faulty_by_group(near)

    def is_faulty_by_group(call: Call) -> bool:
        fault = call.fault
        return isinstance(fault, InternalFault) and fault.__cause__ is told[0]

    with pytest.raises(ExceptionGroup) as raised:
        play(scene)
    assert raised.value is told[0]


def test_on_the_beat() -> None:
    """A mistake on the beat of one call ends this call, with a bye; the others go on, and it is counted."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        other, other_far = await stage.call()
        near.endpoint.session.receiver.on_payload = broken
        await near.ended()
        assert is_faulty(near)
        await far.ended()
        assert stage.alice.plane.pacer.errors == 1
        await other_far.send_dtmf("7")
        await other.expect_dtmf("7", within=2.0)
        assert other.fault is None

    play(scene)


def test_in_what_is_heard() -> None:
    """A mistake while something heard is told ends the call that it was heard in, once; the others go on."""

    async def scene(stage: Stage) -> None:
        near, far = await stage.call()
        other, other_far = await stage.call()
        near.ear.taps.append(broken)
        await near.ended()
        assert is_faulty(near)
        await far.ended()
        await other_far.send_dtmf("7")
        await other.expect_dtmf("7", within=2.0)
        assert other.fault is None

    play(scene)


def test_on_the_beat_of_the_other_side() -> None:
    """A mistake on the beat of a leg of the exchange ends this call; others go on, and the loop hears of it."""
    said: list[dict[str, Any]] = []

    async def scene(stage: Stage) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
        near, far = await stage.call()
        other, other_far = await stage.call()
        leg = next(leg for leg in stage.exchange.switch.legs if leg.id == near.id)
        leg.endpoint.session._transmit = broken
        assert (await near.ended()).cause == "NORMAL_TEMPORARY_FAILURE"
        assert near.fault is None
        await far.ended()
        await other_far.send_dtmf("7")
        await other.expect_dtmf("7", within=2.0)

    play(scene)
    assert [type(context["exception"]) for context in said] == [ValueError]
