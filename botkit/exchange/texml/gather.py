"""`Gather`: digits from the party, with prompts that the first digit stops."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.fetch import Loaded
from botkit.exchange.texml.outcome import Next
from botkit.exchange.texml.port import Digits
from botkit.exchange.texml.racing import race
from botkit.exchange.texml.verbs import Gather
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

log = logger(__name__)


async def gather(program: Program, verb: Gather, loaded: Loaded) -> Next:
    """Digits become a request to `action`, whose reply runs instead of the rest; none, and the next verb follows.

    Too few digits, or others than `validDigits`, go to `invalidDigitsAction`; without it they count as none. Without
    `action` the document itself is asked for again, digits and all, as look-alike products document it.
    """
    if "speech" in verb.input:
        log.warning("texml.no_speech", call=program.leg.facts.sid, what="this exchange recognises no speech")
    if "dtmf" not in verb.input:
        await _prompts(program, verb, loaded)
        await program.services.clock.sleep(verb.timeout)
        return None
    with program.leg.digits() as digits:
        typed = await collect(program, verb, loaded, digits)
    if not typed:
        return None
    fields = {"Digits": typed}
    method = verb.method or program.settings.method
    if len(typed) < verb.least or (verb.valid_digits and not set(typed) <= set(verb.valid_digits)):
        if verb.invalid_digits_action:
            return loaded.link(verb.invalid_digits_action, method, fields)
        return None
    if verb.action:
        return loaded.link(verb.action, method, fields)
    if loaded.source.text is not None:
        log.warning("texml.no_action", call=program.leg.facts.sid, digits=typed)
        return None
    return dataclasses.replace(loaded.source, fields={**loaded.source.fields, **fields})


async def collect(program: Program, verb: Gather, loaded: Loaded, digits: Digits) -> str:
    """The digits that were typed, without the key that ended them. The time-out starts after the prompts, and again
    with each digit (TeXML reference: time between digits)."""
    done = await race(digit=digits.next(), prompts=_prompts(program, verb, loaded))
    typed = ""
    digit: str | None = done.get("digit")
    while True:
        if digit is None:
            try:
                async with program.services.clock.timeout(verb.timeout):
                    digit = await digits.next()
            except TimeoutError:
                return typed
        if digit in verb.finish_on_key:
            return typed
        typed += digit
        digit = None
        if len(typed) >= verb.most:
            return typed


async def _prompts(program: Program, verb: Gather, loaded: Loaded) -> None:
    for prompt in verb.prompts:
        try:
            await program.perform(prompt, loaded)
        except CommandRefused as refused:
            log.warning("texml.refused", call=program.leg.facts.sid, verb="Gather", reason=str(refused))
