"""Bridging and transferring by REST: who hears whom, what is told, and what becomes of who stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest

from botkit.media.tone import tone
from botkit.media.wav import write_wav
from botkit.settings import HOLD_MUSIC
from tests.exchange.kit import Phone, soon
from tests.exchange.rest.bot import FROM, STATE, Bot, control, control_in_no_time, refused
from tests.exchange.test_bridge import MUSIC, ever_heard, likeness
from tests.exchange.test_transfer import RINGBACK, hear_each_other

Stays = Literal["none", "park", "hold"]
OPTIONS: dict[Stays, dict[str, Any]] = {
    "none": {},
    "park": {"park_after_unbridge": "self"},
    "hold": {"hold_after_unbridge": True},
}


async def bridged(bot: Bot, **more: Any) -> tuple[Phone, str, Phone, str]:
    """Alice, who was parked, and Bob, who was dialled; hers is the leg of the path. `more` is the bridge's."""
    alice, hers = await bot.up()
    bob, his = await bot.reached("bob", "+15550100")
    await bot.actions.bridge(hers, call_control_id_to_bridge_with=his, **more)
    await bot.hears(hers, "call.bridged")
    await bot.hears(his, "call.bridged")
    return alice, hers, bob, his


def test_two_answered_legs() -> None:
    """Both are told of, both hear each other; nothing comes to the clients until one hangs up."""

    async def scene(bot: Bot) -> None:
        alice, hers, bob, his = await bridged(bot)
        await hear_each_other(alice, bob)
        assert "bye" not in alice.order + bob.order
        await alice.hang_up()
        assert await bot.ended(hers) == ("normal_clearing", "200", "caller")
        assert (await bob.hears("bye"))["cause"] == "NORMAL_CLEARING"
        assert await bot.ended(his) == ("normal_clearing", "200", "caller")

    control(scene)


def test_parked_leg_is_answered_by_a_bridge() -> None:
    """A parked leg that nobody has answered is answered first, whichever leg the path names."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.parked()
        bob, his = await bot.reached("bob", "+15550100")
        await bot.actions.bridge(his, call_control_id_to_bridge_with=hers)
        await alice.connect((await alice.hears("answer"))["sdp"])
        await bot.hears(hers, "call.answered", "call.bridged")
        await bot.hears(his, "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


def test_bridge_to_one_that_rings() -> None:
    """A bridge to a leg that still rings is made when it answers; until then `play_ringtone` lets the other hear it."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob = await bot.desk.phone("bob", "+15550100")
        invite, his = await bot.ringing(bob, "+15550100")
        await bot.actions.bridge(hers, call_control_id_to_bridge_with=his, play_ringtone=True)
        await soon(lambda: ever_heard(alice, RINGBACK) > 0.9)
        await bot.hears_nothing(hers)
        await bob.take(invite["sdp"])
        await bot.hears(his, "call.answered", "call.bridged")
        await bot.hears(hers, "call.bridged")
        await hear_each_other(alice, bob)

    control_in_no_time(scene)


def test_what_a_bridge_ends(tmp_path: Any) -> None:
    """Playback, speech and gather of a leg that is bridged are cancelled, and told before the bridge."""

    async def scene(bot: Bot) -> None:
        _, hers = await bot.up()
        _, his = await bot.reached("bob", "+15550100")
        await bot.actions.start_playback(hers, audio_url=(tmp_path / "long.wav").as_uri(), loop="infinity")
        await bot.hears(hers, "call.playback.started")
        await bot.actions.gather(his, gather_id="g1")
        await bot.actions.bridge(hers, call_control_id_to_bridge_with=his)
        assert (await bot.hears(hers, "call.playback.ended")).status == "cancelled"
        ended = await bot.hears(his, "call.gather.ended")
        assert (ended.status, ended.gather_id) == ("cancelled", "g1")
        await bot.hears(hers, "call.bridged")
        await bot.hears(his, "call.bridged")

    write_wav(tmp_path / "long.wav", tone(700, 1.0))
    control(scene, fixtures=(tmp_path,))


def test_bridges_that_cannot_be() -> None:
    """To itself, to one that is over, to nobody, twice where that is not wanted, to an empty queue: refused; the bridge
    that is there stays."""

    async def scene(bot: Bot) -> None:
        alice, hers, bob, his = await bridged(bot)
        carol, third = await bot.reached("carol", "+15550101")
        dave, fourth = await bot.reached("dave", "+15550102")
        await dave.hang_up()
        await bot.hears(fourth, "call.hangup")

        def bridge(leg: str, other: str, **more: Any) -> Awaitable[Any]:
            return bot.actions.bridge(leg, call_control_id_to_bridge_with=other, **more)

        await refused("90033", bridge(third, third), pointer="/call_control_id")
        await refused("90018", bridge(third, fourth), pointer="/call_control_id")
        await refused("90018", bridge(fourth, third), pointer="/call_control_id")
        await refused("90015", bridge(third, "v3:nobody"), pointer="/call_control_id")
        await refused("90033", bridge(third, his, prevent_double_bridge=True))
        await refused("90033", bridge(hers, third, prevent_double_bridge=True))
        await refused("90033", bridge(third, "any", queue="nobody waits"), pointer="/queue")
        await hear_each_other(alice, bob)
        await carol.hang_up()

    control(scene)


def test_queue_instead_of_a_leg() -> None:
    """With `queue` the call at its head is taken, whatever `call_control_id` says; it is told so before the bridge."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        await bot.actions.enqueue(hers, queue_name="support")
        await bot.hears(hers, "call.enqueued")
        bob, his = await bot.reached("bob", "+15550100")
        await bot.actions.bridge(his, call_control_id_to_bridge_with="whatever", queue="support")
        assert (await bot.hears(hers, "call.dequeued")).reason == "bridged"
        await bot.hears(hers, "call.bridged")
        await bot.hears(his, "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


def test_unanswered_call_in_a_queue() -> None:
    """A parked call may wait in a queue while it rings, and is answered when it is taken out of it."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.parked()
        await bot.actions.enqueue(hers, queue_name="support")
        await bot.hears(hers, "call.enqueued")
        bob, his = await bot.reached("bob", "+15550100")
        await bot.actions.bridge(his, call_control_id_to_bridge_with=hers, queue="support")
        await alice.connect((await alice.hears("answer"))["sdp"])
        await bot.hears(hers, "call.dequeued", "call.answered", "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


# --- what becomes of who stays behind -----------------------------------------------------------------


async def _hangs_up(bot: Bot, bob: Phone, his: str) -> None:
    await bob.hang_up()
    await bot.hears(his, "call.hangup")


async def _is_transferred(bot: Bot, _bob: Phone, his: str) -> None:
    carol = await bot.desk.phone("carol", "+15550101")
    await bot.actions.transfer(his, to="+15550101")
    await carol.take((await carol.rings())["sdp"])
    await bot.hears(his, "call.bridged")


async def _is_bridged(bot: Bot, _bob: Phone, his: str) -> None:
    _, third = await bot.reached("carol", "+15550101")
    await bot.actions.bridge(his, call_control_id_to_bridge_with=third)
    await bot.hears(his, "call.bridged")


async def _is_enqueued(bot: Bot, _bob: Phone, his: str) -> None:
    await bot.actions.enqueue(his, queue_name="support")
    await bot.hears(his, "call.enqueued")


async def _joins(bot: Bot, _bob: Phone, his: str) -> None:
    await bot.desk.sdk.conferences.create(call_control_id=his, name="room")


WAYS: dict[str, Callable[[Bot, Phone, str], Awaitable[None]]] = {
    "hangup": _hangs_up,
    "transfer": _is_transferred,
    "bridge": _is_bridged,
    "enqueue": _is_enqueued,
    "conference": _joins,
}


@pytest.mark.parametrize("stays", OPTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_end_of_a_bridge(way: str, stays: Stays) -> None:
    """The peer leaves the bridge, in whatever way: the leg of the path is hung up, or parked in silence, or on hold
    with its music, as the bridge was told."""

    async def scene(bot: Bot) -> None:
        alice, hers, bob, his = await bridged(bot, **OPTIONS[stays])
        await WAYS[way](bot, bob, his)
        if stays == "none":
            assert (await alice.hears("bye"))["cause"] == "NORMAL_CLEARING"
            assert (await bot.ended(hers))[0] == "normal_clearing"
        else:
            await bot.hears_nothing(hers)
            assert await bot.alive(hers)
            alice.heard.clear()
            await asyncio.sleep(1.5)
            assert len(alice.heard) > 60  # silence is sent, too
            assert (likeness(alice, MUSIC) > 0.9) is (stays == "hold")
            await bot.actions.speak(hers, payload="Still there", voice="male")
            await bot.hears(hers, "call.speak.started", "call.speak.ended")
        if way != "hangup":
            assert await bot.alive(his)

    control_in_no_time(scene, **({"hold_audio": HOLD_MUSIC} if stays == "hold" else {}))


@pytest.mark.parametrize("stays", ["park", "hold"])
def test_other_leg_is_not_protected(stays: Stays) -> None:
    """What the bridge was told protects the leg of the path: when that one leaves, the other is hung up."""

    async def scene(bot: Bot) -> None:
        alice, hers, bob, his = await bridged(bot, **OPTIONS[stays])
        await alice.hang_up()
        await bob.hears("bye")
        await bot.hears(hers, "call.hangup")
        assert (await bot.ended(his))[0] == "normal_clearing"

    control_in_no_time(scene)


# --- transfer -----------------------------------------------------------------------------------------


def test_transfer() -> None:
    """The called party is a leg of the same owner, with its own state; those two are joined; it hears ringing."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob = await bot.desk.phone("bob", "+15550100")
        await bot.actions.transfer(
            hers, to="+15550100", target_leg_client_state=STATE, custom_headers=[{"name": "X-Case", "value": "7"}]
        )
        invite = await bob.rings()
        assert (invite["caller_id_number"], invite["client_state"]) == ("+15550001", STATE)
        assert invite["dialogParams"]["custom_headers"] == [{"name": "X-Case", "value": "7"}]
        his = invite["telnyx_call_control_id"]
        began = await bot.hears(his, "call.initiated")
        assert (began.connection_id, began.client_state) == (bot.connection("alice").id, STATE)
        assert (began.call_session_id, began.from_) == (bot.leg(hers).session_id, "+15550001")
        alice.heard.clear()
        await soon(lambda: ever_heard(alice, RINGBACK) > 0.9)
        await bob.take(invite["sdp"])
        assert (await bot.hears(his, "call.answered")).client_state == STATE
        await bot.hears(his, "call.bridged")
        await bot.hears(hers, "call.bridged")
        await hear_each_other(alice, bob)
        await bob.hang_up()
        await bot.hears(his, "call.hangup")
        await alice.hears("bye")
        await bot.hears(hers, "call.hangup")

    control(scene)


def test_transfer_of_a_parked_leg() -> None:
    """A parked leg rings on, and is answered when the new party has."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.parked()
        bob = await bot.desk.phone("bob", "+15550100")
        await bot.actions.transfer(hers, to="+15550100", from_=FROM)
        invite = await bob.rings()
        assert invite["caller_id_number"] == FROM
        await bot.hears_nothing(hers)
        await bob.take(invite["sdp"])
        await alice.connect((await alice.hears("answer"))["sdp"])
        await bot.hears(hers, "call.answered", "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


@pytest.mark.parametrize("way", ["busy", "timeout", "nobody"])
def test_transfer_that_fails(way: str) -> None:
    """The new leg's end is told; the transferred one stays, hears silence, and can be transferred again."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob = await bot.desk.phone("bob", "+15550100")
        number = "+15559999" if way == "nobody" else "+15550100"
        await bot.actions.transfer(hers, to=number, timeout_secs=5)
        await asyncio.sleep(0.1)
        if way == "busy":
            await bob.rings()
            await bob.hang_up("USER_BUSY", 17)
        elif way == "timeout":
            assert (await bob.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        his = next(one for one in dict.fromkeys(map(_subject, bot.hook.seen)) if one != hers)
        await bot.hears(his, "call.initiated")
        assert (await bot.ended(his))[0] == {"busy": "user_busy", "timeout": "timeout", "nobody": "not_found"}[way]
        await bot.hears_nothing(hers)
        alice.heard.clear()
        await asyncio.sleep(1.2)
        assert likeness(alice, RINGBACK) < 0.1
        carol = await bot.desk.phone("carol", "+15550101")
        await bot.actions.transfer(hers, to="+15550101")
        await carol.take((await carol.rings())["sdp"])
        await bot.hears(hers, "call.bridged")

    control_in_no_time(scene)


def _subject(request: Any) -> str:
    return str(request.event["data"]["payload"]["call_control_id"])


def test_transfer_whose_caller_gives_up() -> None:
    """A transferred party that hangs up while the new one rings cancels it."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob = await bot.desk.phone("bob", "+15550100")
        await bot.actions.transfer(hers, to="+15550100")
        his = (await bob.rings())["telnyx_call_control_id"]
        await alice.hang_up()
        assert (await bob.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        await bot.hears(his, "call.initiated")
        assert (await bot.ended(his))[0] == "originator_cancel"
        await bot.hears(hers, "call.hangup")

    control(scene)


def test_transfer_with_park_after_unbridge() -> None:
    """The transferred leg stays when the new party hangs up."""

    async def scene(bot: Bot) -> None:
        alice, hers = await bot.up()
        bob = await bot.desk.phone("bob", "+15550100")
        await bot.actions.transfer(hers, to="+15550100", park_after_unbridge="self")
        await bob.take((await bob.rings())["sdp"])
        await bot.hears(hers, "call.bridged")
        await bob.hang_up()
        await bot.hears_nothing(hers)
        assert await bot.alive(hers)
        assert "bye" not in alice.order

    control(scene)


def test_transfer_out_of_a_bridge() -> None:
    """A bridged leg that is transferred leaves its peer, which is hung up at once."""

    async def scene(bot: Bot) -> None:
        alice, hers, bob, his = await bridged(bot)
        carol = await bot.desk.phone("carol", "+15550101")
        await bot.actions.transfer(hers, to="+15550101")
        await bob.hears("bye")
        await bot.hears(his, "call.hangup")
        await carol.take((await carol.rings())["sdp"])
        await bot.hears(hers, "call.bridged")
        await hear_each_other(alice, carol)

    control(scene)
