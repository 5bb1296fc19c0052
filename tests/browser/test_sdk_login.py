"""Logging in and out with the official JS SDK."""

from __future__ import annotations

import asyncio

import pytest

from botkit.errors import CallEnded
from tests.browser.chromium import PATIENCE, Chromium
from tests.browser.kit import BOT_SAYS, PAGE_SAYS, Scene, play
from tests.exchange.kit import until

pytestmark = pytest.mark.needs("browser")

LOGIN_FAILED = 46001


def test_a_wrong_password(chromium: Chromium) -> None:
    """A wrong password is the SDK's error 46001, once; it never becomes ready and does not try again by itself."""

    async def scene(one: Scene) -> None:
        with pytest.raises(AssertionError, match="not within"):
            await one.log_in(password="wrong", within=1.0)
        errors = await one.page.run("told.filter((one) => one.event === 'telnyx.error')")
        assert [error["code"] for error in errors] == [LOGIN_FAILED]
        assert len(one.exchange.registrar) == 1, "only the bot"
        assert one.wire.made == 1

    play(chromium, scene)


def test_disconnect(chromium: Chromium) -> None:
    """After `disconnect()` the user is registered no more, calls to it fail, and the SDK stays away."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        await one.page.run("client.disconnect()")
        async with asyncio.timeout(PATIENCE):
            await until(lambda: len(one.exchange.registrar) == 1)
        call = await one.bob.dial("alice")
        with pytest.raises(CallEnded) as over:
            await call.answered(within=PATIENCE)
        assert over.value.cause == "SUBSCRIBER_ABSENT"
        assert not await one.page.run("client.connected")
        assert await one.page.run("times('telnyx.socket.open')") == 1

    play(chromium, scene)


def test_a_login_elsewhere(chromium: Chromium) -> None:
    """A newer login of the same user is called from then on; the older page stays, and its call goes on."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, _call, _ears = await one.call()
        async with one.browser.page() as newer:
            await newer.open(one.address)
            await one.log_in(page=newer)
            await one.bob.dial("alice")
            await newer.until("ringing()")
        assert not await one.page.run("ringing()")
        await one.state(ident, "active")
        await one.hears(BOT_SAYS)

    play(chromium, scene)


def test_a_punted_page(chromium: Chromium) -> None:
    """A page whose login is good no more is punted: the SDK ends its calls and stays away."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, _ears = await one.call()
        connection = one.exchange.directory.add_user("alice")
        connection.active = False
        one.exchange.directory.touch(connection)
        await one.over(ident)
        async with asyncio.timeout(PATIENCE):
            await call.ended()
        await one.page.until("!client.connected")
        await asyncio.sleep(1.5)  # longer than the SDK waits before it comes back
        assert one.wire.made == 1

    play(chromium, scene)


def test_logging_in_again_on_the_same_socket(chromium: Chromium) -> None:
    """`client.login()` with credentials on a live socket succeeds, and the call that is up goes on."""

    async def scene(one: Scene) -> None:
        await one.log_in()
        ident, call, ears = await one.call()
        account = one.exchange.account("alice")
        await one.page.run(f"client.login({{creds: {{login: 'alice', password: {account.password!r}}}}})")
        await one.hears(BOT_SAYS)
        await ears.tone(PAGE_SAYS)
        assert (await one.state(ident, "active"))["state"] == "active"
        assert call.end is None
        assert not await one.page.run("times('telnyx.error')")

    play(chromium, scene)
