"""One leg under documents: each is fetched, checked and performed, and gives way to the next.

A verb gives one of three outcomes: go on with the next verb (None), go on with another document (a `Source`), or stop
(a `Stop`). Being cancelled is how a program is replaced, and how it ends with its leg: whatever it has begun, sounds,
queue, seat, dialled legs, ends in the `finally` of who began it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.callbacks import Notice
from botkit.exchange.texml.conference import confer
from botkit.exchange.texml.dial import dial_parties
from botkit.exchange.texml.errors import TexmlError
from botkit.exchange.texml.fetch import HttpMethod, Loaded, Source
from botkit.exchange.texml.fields import Fields, leg_fields, word_of
from botkit.exchange.texml.gather import gather
from botkit.exchange.texml.outcome import Mode, Next, Stop
from botkit.exchange.texml.port import TexmlLeg, Word
from botkit.exchange.texml.queueing import dial_queue, enqueue
from botkit.exchange.texml.recording import record
from botkit.exchange.texml.services import Services
from botkit.exchange.texml.verbs import (
    Conference,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Queue,
    Record,
    Redirect,
    Reject,
    Say,
    Verb,
)
from botkit.log import logger

log = logger(__name__)

MOST_HOPS = 20
"""So many documents in a row may take no time; then it is a loop."""
MOMENT = 0.2
"""Seconds under which a document, or one round of an endless sound, took no time."""


_PLACES = {
    Mode.MAIN: "in the program of a call",
    Mode.WAITING: "in a document of waitUrl",
    Mode.WHISPER: "in a document that is heard before a call is joined",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a call's application says: the method of its fetches (of `Gather` actions, too) and its fallback URL.

    `answered_by` is told once the leg is answered, where somebody asked (machine detection).
    """

    method: HttpMethod = "GET"
    fallback: Source | None = None
    answered_by: str = ""


@dataclass(slots=True)
class Program:
    """A program on a leg. `extra` gives fields that each of its requests carries besides the leg's own."""

    services: Services
    leg: TexmlLeg
    settings: Settings = field(default_factory=Settings)
    mode: Mode = Mode.MAIN
    extra: Callable[[], Fields] = dict

    async def run(self, source: Source) -> Stop | None:
        """Perform `source` and what follows from it; None at the end of a document.

        Raises `FetchFailed` and `TexmlError`. A cancelled caller ends what the program has begun.
        """
        hops = 0
        while True:
            loaded = await self.services.fetcher.load(source, self.fields(), self.settings.fallback)
            self._check(loaded)
            began = self.services.clock.now()
            outcome = await self._perform(loaded)
            if not isinstance(outcome, Source):
                return outcome
            hops = hops + 1 if self.services.clock.now() - began < MOMENT else 0
            if hops >= MOST_HOPS:
                raise TexmlError(f"{hops} documents in a row did nothing but name the next; the last is {outcome.url}")
            source = outcome

    def branch(self, mode: Mode, *, leg: TexmlLeg | None = None, extra: Callable[[], Fields] = dict) -> Program:
        """A program for a part of this one: the wait in a queue, or what a callee hears first."""
        return Program(self.services, leg or self.leg, Settings(self.settings.method), mode, extra)

    # --- what web servers are told ------------------------------------------------------------------------

    def status(self) -> Word:
        leg = self.leg
        if leg.over.done():
            return word_of(leg.over.result(), answered=leg.answered.done())
        return "in-progress" if leg.answered.done() else "ringing"

    def fields(self) -> Fields:
        common = leg_fields(self.services.account_sid, self.leg.facts, self.status())
        if self.settings.answered_by and self.leg.answered.done():
            common["AnsweredBy"] = self.settings.answered_by
        return {**common, **self.extra()}

    def after(self, loaded: Loaded, action: str, method: HttpMethod, fields: Mapping[str, str]) -> Source | None:
        """Where to go when a verb is done: its action, if it has one. A leg that is over gets no program any more; the
        action is told all the same."""
        if not action:
            return None
        source = loaded.link(action, method, fields)
        if self.leg.over.done():
            self.tell(source.url, source.method, fields)
            return None
        return source

    def tell(self, url: str, method: HttpMethod, fields: Mapping[str, str]) -> None:
        """A notice about this leg, which nobody waits for."""
        self.services.callbacks.send(self.leg.facts.sid, Notice(url, method, {**self.fields(), **fields}))

    # --- performing ---------------------------------------------------------------------------------------

    def _check(self, loaded: Loaded) -> None:
        for verb in loaded.document.verbs:
            if type(verb) not in self.mode.value:
                name = type(verb).__name__
                raise TexmlError(f"has no place {_PLACES[self.mode]}", line=verb.line, verb=name)

    async def _perform(self, loaded: Loaded) -> Next:
        verbs = loaded.document.verbs
        if self.mode is Mode.MAIN and not self.leg.answered.done() and not _leaves_unanswered(verbs):
            await self.leg.answer()
        for verb in verbs:
            try:
                outcome = await self.perform(verb, loaded)
            except CommandRefused as refused:
                # The leg's own end cancels the program; all else that is refused is one verb less.
                log.warning("texml.refused", call=self.leg.facts.sid, verb=type(verb).__name__, reason=str(refused))
                continue
            if outcome is not None:
                return outcome
        return None

    async def perform(self, verb: Verb, loaded: Loaded) -> Next:
        """One verb."""
        log.debug("texml.verb", call=self.leg.facts.sid, verb=type(verb).__name__, line=verb.line)
        return await _ACTS[type(verb)](self, verb, loaded)

    async def repeated(self, loop: int, once: Callable[[], Awaitable[None]]) -> None:
        """A sound, `loop` times; 0: until the caller is cancelled."""
        rounds = 0
        while not loop or rounds < loop:
            began = self.services.clock.now()
            await once()
            rounds += 1
            if not loop and self.services.clock.now() - began < MOMENT:
                await self.services.clock.sleep(MOMENT)


def _leaves_unanswered(verbs: tuple[Verb, ...]) -> bool:
    first = verbs[0] if verbs else None
    return isinstance(first, Reject) or (isinstance(first, Dial) and first.answer_on_bridge)


# --- the short verbs ----------------------------------------------------------------------------------------


async def _say(program: Program, verb: Say, loaded: Loaded) -> Next:
    if verb.text:
        await program.repeated(verb.loop, lambda: program.leg.say(verb.text, voice=verb.voice, language=verb.language))
    return None


async def _play(program: Program, verb: Play, loaded: Loaded) -> Next:
    if verb.digits:
        await program.repeated(verb.loop, lambda: program.leg.send_digits(verb.digits))
        return None
    # A name in the media storage is no URL; the leg knows the storage.
    url = verb.url if verb.media_storage else loaded.link(verb.url, "GET").url
    await program.repeated(verb.loop, lambda: program.leg.play(url))
    return None


async def _pause(program: Program, verb: Pause, loaded: Loaded) -> Next:
    await program.services.clock.sleep(verb.length)
    return None


async def _dial(program: Program, verb: Dial, loaded: Loaded) -> Next:
    if isinstance(verb.to, Queue):
        return await dial_queue(program, verb, verb.to, loaded)
    if isinstance(verb.to, Conference):
        return await confer(program, verb, verb.to, loaded)
    return await dial_parties(program, verb, verb.to, loaded)


async def _leave(program: Program, verb: Leave, loaded: Loaded) -> Next:
    return Stop.LEAVE


async def _redirect(program: Program, verb: Redirect, loaded: Loaded) -> Next:
    return loaded.link(verb.url, verb.method)


async def _hang_up(program: Program, verb: Hangup, loaded: Loaded) -> Next:
    return Stop.HANG_UP


async def _reject(program: Program, verb: Reject, loaded: Loaded) -> Next:
    if not program.leg.answered.done():
        program.leg.reject(verb.reason)
    return Stop.HANG_UP


_ACTS: dict[type[Any], Callable[[Program, Any, Loaded], Awaitable[Next]]] = {
    Say: _say,
    Play: _play,
    Pause: _pause,
    Gather: gather,
    Dial: _dial,
    Enqueue: enqueue,
    Leave: _leave,
    Redirect: _redirect,
    Hangup: _hang_up,
    Reject: _reject,
    Record: record,
}
