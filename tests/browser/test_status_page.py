"""The exchange's status page in a real browser."""

from __future__ import annotations

import json

import pytest

from botkit.exchange.conference import ConferencePlan
from botkit.exchange.queue import QueuePlan
from botkit.exchange.seat import SeatPlan
from tests.browser.chromium import Chromium, Page
from tests.exchange.kit import Office, play
from tests.exchange.meeting import Meeting

pytestmark = pytest.mark.needs("browser")

HOSTILE = "<img src=x onerror=\"document.title='mine'\"><script>document.title='mine'</script>"


async def opened(page: Page, office: Office) -> None:
    """Look at the page until it is live."""
    await page.open(f"http://127.0.0.1:{office.exchange.port}/")
    await page.until("document.getElementById('live').textContent === 'live'")


def has(section: str, text: str) -> str:
    """A condition: that text is to be read there."""
    return f"document.getElementById({section!r}).innerText.includes({json.dumps(text)})"


def test_a_call_appears_and_disappears(chromium: Chromium) -> None:
    """It shows who logs in, a call's two legs and their bridge, and that they are gone: without being loaded anew."""

    async def scene(office: Office) -> None:
        async with chromium.page() as page:
            await opened(page, office)
            assert await page.run(has("registrations", "Nobody is logged in."))
            await page.run("void (window.same = true)")
            alice, _ = await office.joined()
            await page.until(has("registrations", "alice") + "&&" + has("registrations", "reach it"))
            await page.until("document.querySelectorAll('#legs tbody tr').length === 2 && " + has("legs", "PCMU"))
            await page.until(has("bridges", "they hear each other"))
            await alice.hang_up()
            await page.until(has("legs", "Nobody is on the line.") + "&&" + has("bridges", "No two legs"))
            assert await page.run("same && document.querySelectorAll('#legs tbody tr').length === 0")
            assert page.console == ""

    play(scene, over_network=True)


def test_queue_and_conference(chromium: Chromium) -> None:
    """It shows who waits in a queue, and who in a conference talks and who is muted."""

    async def scene(office: Office) -> None:
        async with chromium.page() as page:
            await opened(page, office)
            meeting = Meeting(office)
            ann, bob, carol = await meeting.guests("ann", "bob", "carol")
            platform = office.exchange.platform
            platform.queues.enqueue(ann.leg, "support", QueuePlan())
            room = platform.conferences.create(bob.leg, ConferencePlan("room7"))
            room.join(carol.leg, SeatPlan(muted=True))
            bob.says(20.0)
            await page.until(has("queues", "support") + "&&" + has("queues", "1 of 100"))
            await page.until(has("conferences", "room7") + "&&" + has("conferences", "muted"))
            await page.until(has("conferences", "talking"))
            platform.queues.leave(ann.leg)
            await page.until(has("queues", "nobody waits"))

    play(scene, over_network=True)


def test_a_hostile_name_is_text(chromium: Chromium) -> None:
    """A caller's name that is markup is read as it was written; nothing of it is run."""

    async def scene(office: Office) -> None:
        async with chromium.page() as page:
            await opened(page, office)
            mallory, _ = await office.phone("mallory"), await office.phone("bob", "100")
            await mallory.dial("100", dialog={"caller_id_name": HOSTILE})
            await mallory.hears("ringing")
            await page.until(has("legs", HOSTILE))
            assert await page.run("document.title") == "botkit exchange"
            assert await page.run("document.querySelectorAll('main script, main img').length") == 0
            assert page.console == ""

    play(scene, over_network=True)


def test_an_exchange_that_is_gone(chromium: Chromium) -> None:
    """A page that is left open says so when the exchange does not answer any more."""

    async def scene(office: Office) -> None:
        async with chromium.page() as page:
            await opened(page, office)
            await page.run("void (window.fetch = () => Promise.reject(new TypeError('refused')))")
            await page.until("document.getElementById('live').textContent === 'does not answer'")

    play(scene, over_network=True)


def test_nobody_looks(chromium: Chromium) -> None:
    """A page in the background asks for nothing."""

    async def scene(office: Office) -> None:
        async with chromium.page() as page:
            await opened(page, office)
            script = """new Promise(done => {
                Object.defineProperty(document, 'hidden', {value: true, configurable: true});
                setTimeout(() => {
                    performance.clearResourceTimings();
                    setTimeout(() => done(performance.getEntriesByType('resource').length), 1500);
                }, 1000);
            })"""
            assert await page.run(script) == 0
            await page.run(
                "Object.defineProperty(document, 'hidden', {value: false}); "
                "void document.dispatchEvent(new Event('visibilitychange'))"
            )
            await page.until("performance.getEntriesByType('resource').length > 0")

    play(scene, over_network=True)
