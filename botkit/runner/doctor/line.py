"""The far end on the embedded exchange: it answers, says a tone, and gives every digit back as it came."""

from __future__ import annotations

import asyncio

from botkit import events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import Fault
from botkit.vocabulary import Tone

NUMBER = "+18005550100"
HZ = 440.0


class EchoLine:
    """Answers the calls of `client`, one after the other. `call` is the last that came."""

    def __init__(self, client: Client) -> None:
        self.call: Call | None = None
        client.on("incoming", self._answer)

    async def _answer(self, call: Call) -> None:
        self.call = call
        heard: asyncio.Queue[events.DigitReceived | None] = asyncio.Queue()
        call.on("dtmf", heard.put_nowait)
        call.on("ended", lambda _event: heard.put_nowait(None))
        try:
            await call.answer()
            await call.play(Tone((HZ,), 60.0), stop_on=frozenset({"dtmf"}))
            while (digit := await heard.get()) is not None:
                await call.send_dtmf(digit.digit, via=digit.via)
        except Fault:
            pass  # its caller, whose path is the same, says so
