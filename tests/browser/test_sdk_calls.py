"""The official JS SDK in a real browser, through our exchange, with a bot on the other side."""

from __future__ import annotations

import asyncio

import pytest

from botkit.client.call import Call
from tests.browser.chromium import PATIENCE, Chromium
from tests.browser.kit import BOT_SAYS, NUMBER, PAGE_SAYS, Scene, ears_of, play

pytestmark = pytest.mark.needs("browser")

CLEARED = ("NORMAL_CLEARING", 16)


async def rung(one: Scene, call: Call) -> str:
    """The page's id of the bot's call to it, once it rings there."""
    told = await one.page.until("ringing()")
    assert told["direction"] == "inbound"
    assert call.answered_at is None
    return str(told["id"])


async def end_of(call: Call) -> tuple[str, int | None]:
    """How a bot's call ended."""
    async with asyncio.timeout(PATIENCE):
        ended = await call.ended()
    return ended.cause, ended.code


def test_it_becomes_ready(chromium: Chromium) -> None:
    """The SDK logs in with login and password and fires `telnyx.ready`, with no error and no warning."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        assert await one.page.run("told.map((one) => one.event)") == ["telnyx.socket.open", "telnyx.ready"]
        assert await one.page.run("client.connected")

    play(chromium, scene)


def test_a_call_to_a_bot(chromium: Chromium) -> None:
    """The page calls a bot: each hears the other's tone, the page at its level; the page hangs up."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, ears = await one.call()
        assert (await one.hears(BOT_SAYS))["level"] == pytest.approx(-13, abs=2)
        await ears.tone(PAGE_SAYS)
        await one.page.run(f"calls[{ident!r}].hangup()")
        said = await one.over(ident)
        assert (said["cause"], said["code"]) == CLEARED
        assert await end_of(call) == CLEARED
        states = await one.page.run(f"states({ident!r})")
        assert states == ["new", "requesting", "trying", "early", "active", "hangup", "destroy"]

    play(chromium, scene)


def test_digits(chromium: Chromium) -> None:
    """What the page sends with `dtmf()` the bot recognises, several digits at once and one by one."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, _ears = await one.call()
        await one.page.run(f"calls[{ident!r}].dtmf('159*0#')")
        await call.expect_dtmf("159*0#", within=PATIENCE)
        for digit in "28D":
            await one.page.run(f"calls[{ident!r}].dtmf({digit!r})")
        await call.expect_dtmf("28D", within=PATIENCE)

    play(chromium, scene)


def test_hold_and_resume(chromium: Chromium) -> None:
    """A call that the page holds passes no sound either way; taken up again it passes both."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, _call, ears = await one.call()
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)
        await one.page.run(f"calls[{ident!r}].hold()")
        await one.state(ident, "held")
        await one.page.until(f"noTone({BOT_SAYS})")
        await ears.no_tone(PAGE_SAYS)
        await one.page.run(f"calls[{ident!r}].unhold()")
        await one.state(ident, "active")
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)

    play(chromium, scene)


def test_held_by_the_bot(chromium: Chromium) -> None:
    """While the bot holds the call the page hears the hold audio, no more the bot; then the bot again."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, _ears = await one.call()
        await one.hears(BOT_SAYS)
        await call.hold()
        await one.page.until(f"noTone({BOT_SAYS})")
        await one.page.until("hear().level > -40")
        assert (await one.state(ident, "active"))["state"] == "active"
        await call.resume()
        await one.hears(BOT_SAYS)

    play(chromium, scene)


def test_a_call_from_a_bot(chromium: Chromium) -> None:
    """A bot calls the page, which rings, answers, hears and is heard; the bot hangs up and both know why."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        call = await one.bob.dial("alice", caller_id="+18005550100")
        ident = await rung(one, call)
        assert await one.page.run(f"last({ident!r}).number") == "+18005550100"
        await one.page.run(f"calls[{ident!r}].answer()")
        await call.answered(within=PATIENCE)
        await one.state(ident, "active")
        await one.hears(BOT_SAYS)
        await ears_of(call).tone(PAGE_SAYS)
        await call.hangup()
        said = await one.over(ident)
        assert (said["cause"], said["code"], said["sip"]) == (*CLEARED, 200)
        states = await one.page.run(f"states({ident!r})")
        assert states == ["new", "ringing", "answering", "active", "hangup", "destroy"]

    play(chromium, scene)


def test_the_page_refuses(chromium: Chromium) -> None:
    """A page that hangs up while it rings is busy, as the bot sees it."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        call = await one.bob.dial("alice")
        ident = await rung(one, call)
        await one.page.run(f"calls[{ident!r}].hangup()")
        assert await end_of(call) == ("USER_BUSY", 17)
        await one.over(ident)

    play(chromium, scene)


def test_a_bot_gives_up(chromium: Chromium) -> None:
    """A bot that hangs up before the answer cancels the call, as the page sees it."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        call = await one.bob.dial("alice")
        ident = await rung(one, call)
        await call.hangup()
        said = await one.over(ident)
        assert (said["cause"], said["code"]) == ("ORIGINATOR_CANCEL", 487)

    play(chromium, scene)


def test_the_bot_is_busy(chromium: Chromium) -> None:
    """A bot that refuses makes the page's call end as busy."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident = await one.dial()
        await (await one.incoming.get()).reject("busy")
        said = await one.over(ident)
        assert (said["cause"], said["code"], said["sip"]) == ("USER_BUSY", 17, 486)
        assert not await one.page.run("times('telnyx.error')")

    play(chromium, scene)


def test_the_page_gives_up(chromium: Chromium) -> None:
    """A page that hangs up before the answer cancels the call, as the bot sees it."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident = await one.dial()
        call = await one.incoming.get()
        await one.page.run(f"calls[{ident!r}].hangup()")
        assert await end_of(call) == ("ORIGINATOR_CANCEL", 487)
        await one.over(ident)

    play(chromium, scene)


def test_a_number_that_nobody_has(chromium: Chromium) -> None:
    """A call to an unknown number ends as such, and no error is raised: the next call is as good as ever."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        said = await one.over(await one.dial("+18005550199"))
        assert (said["cause"], said["code"], said["sip"]) == ("UNALLOCATED_NUMBER", 1, 404)
        assert not await one.page.run("times('telnyx.error')")
        await one.call()
        await one.hears(BOT_SAYS)

    play(chromium, scene)


def test_a_call_to_who_is_not_logged_in(chromium: Chromium) -> None:
    """A user who is not logged in is absent."""

    async def scene(one: Scene) -> None:
        one.exchange.account("carol")
        await one.log_in()
        said = await one.over(await one.dial("carol"))
        assert (said["cause"], said["code"]) == ("SUBSCRIBER_ABSENT", 20)

    play(chromium, scene)


def test_debug_reports_do_not_hold_a_call_up(chromium: Chromium) -> None:
    """With `debug` on the SDK sends reports and waits for their replies: the call comes up and ends all the same."""

    async def scene(one: Scene) -> None:
        await one.log_in(debug=True, debugOutput="socket")
        ident, call, _ears = await one.call()
        await one.hears(BOT_SAYS)
        await one.page.run(f"calls[{ident!r}].hangup()")
        await one.over(ident)
        assert await end_of(call) == CLEARED

    play(chromium, scene)


def test_a_page_that_is_left(chromium: Chromium) -> None:
    """A page that is closed says bye before it goes: the bot's call is over, and cleared."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        _ident, call, _ears = await one.call()
        await one.page.open("about:blank")
        assert await end_of(call) == CLEARED

    play(chromium, scene)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_codecs(chromium: Chromium, codec: str) -> None:
    """The SDK's `preferred_codecs` is what the call is made with, and both ends hear each other on it."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        wanted = await one.page.run(
            f"RTCRtpReceiver.getCapabilities('audio').codecs.filter((one) => one.mimeType === 'audio/{codec}')"
        )
        ident = await one.dial(NUMBER, preferred_codecs=wanted)
        call = await one.incoming.get()
        await call.answer()
        await one.state(ident, "active")
        await one.hears(BOT_SAYS)
        await ears_of(call).tone(PAGE_SAYS)
        sdp = await one.page.run(f"calls[{ident!r}].peer.instance.remoteDescription.sdp")
        assert next(line for line in sdp.splitlines() if line.startswith("a=rtpmap:")).split()[1].startswith(codec)

    play(chromium, scene)
