"""Documents on a real exchange: phones that speak frames by hand, media, and a web server, all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from botkit.clock import Clock
from botkit.exchange.applications import TexmlApplication
from botkit.exchange.texml.house import House, open_house
from tests.exchange import kit
from tests.exchange.kit import Office, Phone
from tests.exchange.texml.kit import HOST, Reply, Web

NUMBER = "+13125550100"


class Stage(Office):
    """An office whose exchange runs documents of `web`."""

    web: Web
    house: House
    clock: Clock

    def page(self, path: str, *verbs: Reply) -> None:
        """Put documents at a path: each a row of verbs, one request after the other."""
        self.web.pages[path] = [
            f"<?xml version='1.0'?><Response>{verb}</Response>" if isinstance(verb, str) else verb for verb in verbs
        ]

    def number(self, number: str = NUMBER, **application: Any) -> TexmlApplication:
        """A number whose calls run the document at `/voice`."""
        values: dict[str, Any] = {"friendly_name": "bot", "voice_url": f"{HOST}/voice", **application}
        made = self.exchange.directory.add_texml_application(TexmlApplication(**values))
        self.exchange.directory.add_number(number, made)
        return made

    async def calls_in(self, phone: Phone, number: str = NUMBER) -> None:
        """Call a number that is answered; the media is up."""
        await phone.reply_to(await phone.dial(number))
        await phone.hears("ringing")
        await self.answered(phone)

    async def answered(self, phone: Phone) -> None:
        """Await the answer, with or without media before it."""
        connecting = None
        while True:
            frame = await phone._wanted(lambda one: one.get("method") in ("telnyx_rtc.media", "telnyx_rtc.answer"))
            if "sdp" in frame["params"]:
                connecting = asyncio.ensure_future(phone.connect(frame["params"]["sdp"]))
            if frame["method"] == "telnyx_rtc.answer":
                break
        if connecting is not None:
            await connecting

    async def picks_up(self, phone: Phone) -> dict[str, Any]:
        """Take the call that rings; gives the invite."""
        invite = await phone.rings()
        await phone.take(invite["sdp"])
        return invite

    async def until(self, condition: Callable[[], object], within: float = 100.0) -> None:
        async with self.clock.timeout(within):
            while not condition():
                await self.clock.sleep(0.02)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in virtual time; nothing may stay."""

    async def whole(office: Office) -> None:
        exchange = office.exchange
        web = Web(exchange.clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(web)) as http:
            stage = Stage(exchange, office.plane)
            stage.phones, stage.troubles = office.phones, office.troubles
            stage.web, stage.clock = web, exchange.clock
            exchange.texml = stage.house = open_house(exchange, http)
            await scene(stage)
            await exchange.texml.close()

    kit.play(whole)
