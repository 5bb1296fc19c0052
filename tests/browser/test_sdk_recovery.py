"""What the official JS SDK does when its WebSocket drops, and what becomes of its calls."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.chromium import PATIENCE, Chromium
from tests.browser.kit import BOT_SAYS, PAGE_SAYS, Scene, play
from tests.exchange.kit import until

pytestmark = pytest.mark.needs("browser")


def lines_of(one: Scene) -> list[str]:
    """Who is connected."""
    return sorted(line.user.name for line in one.exchange.lines if line.user is not None)


async def drop(one: Scene) -> None:
    """Cut the page's connection, with no close frame."""
    one.wire.cut()
    await one.page.until("times('telnyx.socket.close')")


def test_a_dropped_socket_without_a_call(chromium: Chromium) -> None:
    """The SDK connects and logs in by itself, is ready anew, and can be called."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        await drop(one)
        await one.page.until("times('telnyx.ready') === 2")
        assert lines_of(one) == ["alice", "bob"]
        await one.bob.dial("alice")
        await one.page.until("ringing()")

    play(chromium, scene)


@pytest.mark.parametrize("inbound", [False, True], ids=["dialled", "answered"])
def test_a_dropped_socket_in_a_call(chromium: Chromium, inbound: bool) -> None:
    """The SDK comes back with its session, is offered the call, and both hear each other; the bot noticed nothing."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, ears = await (one.called() if inbound else one.call())
        await one.hears(BOT_SAYS)
        happened: list[str] = []
        call.listen(lambda event: happened.append(event.name))
        session = await one.page.run("client.sessionid")
        await drop(one)
        await one.page.until(f"states({ident!r}).includes('recovering')")
        await one.state(ident, "active")
        assert await one.page.run("client.sessionid") == session
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)
        assert not one.exchange.recovery.lost
        assert call.end is None
        assert not [name for name in happened if name not in ("speech_started", "speech_ended")]
        await one.page.run(f"calls[{ident!r}].dtmf('12#')")
        await call.expect_dtmf("12#", within=PATIENCE)
        await one.page.run(f"calls[{ident!r}].hangup()")
        await one.over(ident)
        async with asyncio.timeout(PATIENCE):
            assert (await call.ended()).cause == "NORMAL_CLEARING"

    play(chromium, scene)


def test_a_dropped_socket_of_a_held_call(chromium: Chromium) -> None:
    """A held call comes back on hold, and can be taken up again."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, _call, ears = await one.call()
        await one.hears(BOT_SAYS)
        await one.page.run(f"calls[{ident!r}].hold()")
        await one.state(ident, "held")
        await drop(one)
        await one.page.until(f"states({ident!r}).includes('recovering')")
        await one.state(ident, "held")
        await one.page.run(f"calls[{ident!r}].unhold()")
        await one.state(ident, "active")
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)

    play(chromium, scene)


def test_a_call_that_ended_meanwhile(chromium: Chromium) -> None:
    """A bot that hangs up while the page is away: the SDK ends its call when it is back, with its error 48501."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, _ears = await one.call()
        await drop(one)
        await call.hangup()
        await one.over(ident)
        assert 48501 in await one.page.run("told.filter((one) => one.event === 'telnyx.error').map((one) => one.code)")

    play(chromium, scene)


def test_a_call_that_still_rings(chromium: Chromium) -> None:
    """A page whose socket drops before the answer has cancelled its call."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        await one.dial()
        call = await one.incoming.get()
        await drop(one)
        async with asyncio.timeout(PATIENCE):
            assert (await call.ended()).cause == "ORIGINATOR_CANCEL"

    play(chromium, scene)


def test_a_page_that_stays_away(chromium: Chromium) -> None:
    """A page that vanishes without a word and does not come back: the bot's call ends when its time is up."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        _ident, call, _ears = await one.call()
        await one.page.crash()
        async with asyncio.timeout(PATIENCE):
            assert (await call.ended()).cause == "RECOVERY_ON_TIMER_EXPIRE"

    play(chromium, scene, calls_kept=1.0)


@pytest.mark.parametrize("trickle", [False, True], ids=["whole", "trickled"])
def test_a_restart_of_ice(chromium: Chromium, trickle: bool) -> None:
    """The SDK restarts ICE on a live call: `updateMedia` is answered, the path is a new one, both hear each other."""

    async def scene(one: Scene) -> None:
        await one.log_in(trickleIce=trickle)
        ident, call, ears = await one.call()
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)
        remote = f"calls[{ident!r}].peer.instance.remoteDescription.sdp.match(/ice-ufrag:.*/)[0]"
        before = await one.page.run(remote)
        assert (await one.page.run(f"client.triggerIceRestart({ident!r})"))["started"]
        await one.page.until(f"{remote} !== {before!r}")
        await one.page.until(f"!calls[{ident!r}].peer.isIceRestarting")
        await one.page.until(f"calls[{ident!r}].peer.instance.connectionState === 'connected'")
        leg = next(leg for leg in one.exchange.switch.bridges if leg.inbound)
        async with asyncio.timeout(PATIENCE):
            await until(lambda: leg.fresh is None)
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)
        assert call.end is None
        await one.state(ident, "active")
        assert not await one.page.run("times('telnyx.error')")

    play(chromium, scene)
