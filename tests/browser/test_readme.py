"""The ten lines for the browser that the README shows, in a browser."""

from __future__ import annotations

import json
import re

import pytest

from botkit.client.call import Call
from tests.browser.chromium import PATIENCE, Chromium
from tests.browser.kit import BOT_SAYS, HERE, NUMBER, PAGE_SAYS, Scene, ears_of, play

pytestmark = pytest.mark.needs("browser")

README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")
READY = "client.on('telnyx.ready', () => told.push({ event: 'telnyx.ready' }));"


def shown(**options: str) -> str:
    """The lines, with other options of these names."""
    (script,) = re.findall(r"```js\n(.*?)```", README, re.S)
    for name, value in options.items():
        script, number = re.subn(rf"\b{name}: '[^']*'", f"{name}: {json.dumps(value)}", script)
        assert number == 1
    return str(script)


def test_the_ten_lines(chromium: Chromium) -> None:
    """The page logs in and answers; both sides hear each other."""

    async def scene(one: Scene) -> None:
        account = one.exchange.account("alice")
        assert account.login is not None
        assert account.password is not None
        script = shown(login=account.login, password=account.password, host=one.host)
        await one.page.run(f"(() => {{ {script} {READY} }})()")  # the test's page has a `client` of its own
        await one.page.until("times('telnyx.ready')")
        call: Call = await one.bob.dial("alice", caller_id=NUMBER)
        await call.answered(within=PATIENCE)
        await one.hears(BOT_SAYS)
        await ears_of(call).tone(PAGE_SAYS)
        await call.hangup()

    play(chromium, scene)
