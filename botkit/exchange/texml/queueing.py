"""`Enqueue`, and `Dial` to a queue: one leg waits, another takes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.dial import Outcome, joined_until
from botkit.exchange.texml.errors import FetchFailed, TexmlError
from botkit.exchange.texml.fetch import Loaded
from botkit.exchange.texml.fields import queue_fields
from botkit.exchange.texml.outcome import Mode, Next, Stop
from botkit.exchange.texml.port import TexmlLeg, Ticket
from botkit.exchange.texml.racing import race, settled
from botkit.exchange.texml.recording import recording_of
from botkit.exchange.texml.verbs import Dial, Enqueue, Queue
from botkit.exchange.texml.waiting import wait_with
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

log = logger(__name__)


async def enqueue(program: Program, verb: Enqueue, loaded: Loaded) -> Next:
    """Wait in the queue, hearing the document of `waitUrl`. The action is asked for when the leg is free again: after
    the bridge for which it was taken, at once after `Leave` and the longest wait (TeXML reference, `Enqueue`).
    """
    wait = loaded.link(verb.wait_url, verb.wait_url_method) if verb.wait_url else None
    if verb.action:
        loaded.link(verb.action, verb.method)  # a URL that is none is better known before the wait
    try:
        ticket = program.leg.enqueue(verb.name)
    except CommandRefused as refused:
        log.warning("texml.not_enqueued", call=program.leg.facts.sid, queue=verb.name, reason=str(refused))
        result = "queue-full" if refused.code == "90036" else "error"  # the look-alike product's words
        return program.after(loaded, verb.action, verb.method, {"QueueResult": result})
    waiting = program.branch(Mode.WAITING, extra=lambda: queue_fields(ticket))
    try:
        done = await race(
            gone=settled(ticket.gone),
            wait=wait_with(waiting, wait),
            limit=program.services.clock.sleep(verb.max_wait_time_secs),
        )
        if not ticket.gone.done():
            ticket.leave("timeout" if "limit" in done else "leave")
        result = ticket.gone.result()
        if result == "bridged":
            await ticket.served()
        if done.get("wait") is Stop.HANG_UP and result != "bridged":
            _told(program, verb, loaded, ticket, "hangup")
            return Stop.HANG_UP
    except asyncio.CancelledError:
        if program.leg.over.done():
            bridged = ticket.gone.done() and ticket.gone.result() == "bridged"
            _told(program, verb, loaded, ticket, "bridged" if bridged else "hangup")
        raise
    finally:
        ticket.leave()
    return program.after(loaded, verb.action, verb.method, {**queue_fields(ticket), "QueueResult": result})


def _told(program: Program, verb: Enqueue, loaded: Loaded, ticket: Ticket, result: str) -> None:
    """The action of a call that has hung up is told; nobody runs the reply."""
    if verb.action:
        action = loaded.link(verb.action, verb.method)
        program.tell(action.url, action.method, {**queue_fields(ticket), "QueueResult": result})


async def dial_queue(program: Program, verb: Dial, noun: Queue, loaded: Loaded) -> Next:
    """Take the head of the queue; it hears the document of `url` first. From an empty queue, go on at once."""
    outcome = Outcome(status="no-answer")

    def after() -> Next:
        fields = outcome.fields(program.services.clock.now())
        return program.after(loaded, verb.action, verb.method, fields)

    try:
        async with program.leg.take_from(noun.name) as taken:
            if taken is not None:
                await _served(program, verb, noun, taken, loaded, outcome)
    except asyncio.CancelledError:
        if program.leg.over.done():
            after()
        raise
    return after()


async def _served(program: Program, verb: Dial, noun: Queue, taken: TexmlLeg, loaded: Loaded, outcome: Outcome) -> None:
    """Join the leg to whom it has taken out of the queue, until they part."""
    outcome.sid = taken.facts.sid
    await program.leg.answer()
    if not await _told_before(program, noun, taken, loaded) or taken.over.done():
        return
    outcome.status, outcome.joined_at = "completed", program.services.clock.now()
    async with recording_of(program, verb, loaded) as recording:
        await joined_until(program, verb, lambda: program.leg.bridge(taken))
    outcome.recorded = recording.done


async def _told_before(program: Program, noun: Queue, taken: TexmlLeg, loaded: Loaded) -> bool:
    """The queued party has heard its document; False when it is not to be joined."""
    if not noun.url:
        return True
    whisper = program.branch(Mode.WHISPER, leg=taken)
    try:
        done = await race(
            heard=whisper.run(loaded.link(noun.url, noun.method)),
            over=settled(taken.over),
        )
    except (FetchFailed, TexmlError) as error:
        log.error("texml.failed", call=taken.facts.sid, reason=str(error))
        return True  # nobody is kept waiting for want of an announcement
    if done.get("heard") is Stop.HANG_UP:
        taken.hang_up()
    return not taken.over.done()
