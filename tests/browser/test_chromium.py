"""The harness itself: a browser that starts, obeys, tells what went wrong, and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit import clock
from tests.browser.chromium import BrowserError, Chromium
from tests.browser.kit import web_server

pytestmark = pytest.mark.needs("browser")


def test_an_expression_has_a_value(chromium: Chromium) -> None:
    """What the page makes of an expression comes back as data; a promise is awaited."""

    async def main() -> None:
        async with chromium.page() as page:
            assert await page.run("Promise.resolve({sum: 1 + 1})") == {"sum": 2}

    clock.run(main())


def test_what_a_page_throws_is_told(chromium: Chromium) -> None:
    """An error in the page is an error of the test, with its words."""

    async def main() -> None:
        async with chromium.page() as page:
            with pytest.raises(BrowserError, match="no such thing"):
                await page.run("(() => { throw new Error('no such thing') })()")

    clock.run(main())


def test_what_does_not_come_fails_with_the_console(chromium: Chromium) -> None:
    """A condition that never holds fails in time, and says what the page had to say."""

    async def main() -> None:
        async with chromium.page() as page:
            await page.run("console.log('I am idle')")
            with pytest.raises(BrowserError, match=r"not within 0.1 s\n.*I am idle"):
                await page.until("false", within=0.1)

    clock.run(main())


def test_pages_share_nothing(chromium: Chromium) -> None:
    """What one page stores the next one does not see."""

    async def main() -> None:
        async with web_server() as address:
            for _ in range(2):
                async with chromium.page() as page:
                    await page.open(address)
                    assert await page.run("localStorage.getItem('seen')") is None
                    await page.run("localStorage.setItem('seen', 'yes')")

    clock.run(main())


def test_nothing_of_it_stays() -> None:
    """A browser that was stopped leaves no process and no profile."""
    browser = Chromium()
    browser.start()
    profile = browser.profile
    assert any(profile in line for line in _command_lines())
    browser.stop()
    assert not any(profile in line for line in _command_lines())
    assert not Path(profile).exists()


def _command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_text(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return lines
