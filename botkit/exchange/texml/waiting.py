"""What a leg hears while it waits, in a queue or for a conference: the document of a `waitUrl`, over and over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botkit.exchange.texml.errors import FetchFailed, TexmlError
from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.outcome import Stop
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

log = logger(__name__)

AGAIN = 30.0
"""Seconds until a document is asked for again that could not be had."""

SHORTEST_ROUND = 1.0
"""Seconds that a round lasts at least, so that an empty document is not asked for without end."""


async def wait_with(program: Program, source: Source | None) -> Stop:
    """Run the document, again and again, until it says `Leave` or `Hangup`; that is what is given back.

    Without a document there is silence until the caller is cancelled, after one that cannot be had for a while: nobody
    loses a place in a queue for want of music.
    """
    clock = program.services.clock
    while source is not None:
        began = clock.now()
        try:
            stop = await program.run(source)
        except (FetchFailed, TexmlError) as error:
            log.error("texml.wait_failed", call=program.leg.facts.sid, url=source.url, reason=str(error))
            await clock.sleep(AGAIN)
            continue
        if stop is not None:
            return stop
        await clock.sleep(max(0.0, SHORTEST_ROUND - (clock.now() - began)))
    await asyncio.get_running_loop().create_future()
    raise AssertionError("this future is never set")
