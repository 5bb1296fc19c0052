"""`Dial` to numbers and SIP addresses: they ring together, the first answer wins, and the two are joined."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.errors import FetchFailed, TexmlError
from botkit.exchange.texml.fetch import Loaded
from botkit.exchange.texml.fields import Fields, word_of
from botkit.exchange.texml.follow import Following, Target
from botkit.exchange.texml.outcome import Mode, Next, Stop
from botkit.exchange.texml.port import DialOrder, Digits, Recorded, TexmlLeg, Word
from botkit.exchange.texml.racing import lasting, race, settled
from botkit.exchange.texml.recording import recorded_fields, recording_of
from botkit.exchange.texml.verbs import Dial, Number, Sip
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

log = logger(__name__)

STAR = "*"
_TOLD_FIRST: tuple[Word, ...] = ("busy", "no-answer", "canceled", "failed")
"""Of several parties of which none answered, the first of these words is the one that is told."""


@dataclass(slots=True)
class Outcome:
    """What is told to the action of a `Dial`."""

    status: Word = "failed"
    sid: str = ""
    joined_at: float | None = None
    recorded: Recorded | None = None

    def fields(self, now: float) -> Fields:
        length = round(now - self.joined_at) if self.joined_at is not None else 0
        return {
            "DialCallStatus": self.status,
            **({"DialCallSid": self.sid, "DialCallSidLegacy": self.sid} if self.sid else {}),
            "DialCallDuration": str(length),
            **(recorded_fields(self.recorded) if self.recorded is not None else {}),
        }


@dataclass(slots=True)
class _Dialling:
    """One `Dial` that is being performed."""

    program: Program
    verb: Dial
    loaded: Loaded
    outcome: Outcome = field(default_factory=Outcome)
    callees: list[tuple[Number | Sip, TexmlLeg]] = field(default_factory=list)

    async def run(self, parties: tuple[Number | Sip, ...]) -> Next:
        try:
            self._ring(parties)
            winner = await self._first_answer()
            if winner is not None and await self._prepared(*winner):
                await self._joined(winner[1])
        except asyncio.CancelledError:
            if self.program.leg.over.done():  # the caller hung up: its action is told, as that of a finished Dial
                if self.outcome.joined_at is None:
                    self.outcome.status = "canceled"
                self._after()
            raise
        finally:
            self._end_callees()
        return self._after()

    def _after(self) -> Next:
        fields = self.outcome.fields(self.program.services.clock.now())
        return self.program.after(self.loaded, self.verb.action, self.verb.method, fields)

    def _end_callees(self, *, but: TexmlLeg | None = None) -> None:
        for _, callee in self.callees:
            if callee is not but and self._is_ours(callee):
                callee.hang_up("NORMAL_CLEARING" if callee.answered.done() else "ORIGINATOR_CANCEL")

    def _ring(self, parties: tuple[Number | Sip, ...]) -> None:
        leg, services, loaded = self.program.leg, self.program.services, self.loaded
        for party in parties:
            # Resolved first: a URL that is none is the document's mistake, and nobody must ring for it.
            report = None
            if party.status_callback:
                report = loaded.link(party.status_callback, party.status_callback_method)
            if party.url:
                loaded.link(party.url, party.method)
            if party.machine_detection:
                log.warning("texml.no_detection", call=leg.facts.sid, what="machines are not told from people here")
            order = DialOrder(
                party.address,
                caller_id=self.verb.caller_id or leg.facts.calling,
                display_name=self.verb.from_display_name,
                timeout=float(self.verb.timeout),
                username=party.username if isinstance(party, Sip) else "",
                password=party.password if isinstance(party, Sip) else "",
            )
            try:
                callee = leg.dial(order)
            except CommandRefused as refused:
                log.warning("texml.not_dialled", call=leg.facts.sid, to=party.address, reason=str(refused))
                continue
            self.callees.append((party, callee))
            services.records.note(callee, leg.facts.sid)
            if report is not None:
                events = party.status_callback_event
                Following(services, callee, Target(report.url, report.method, events, leg.facts.sid)).start()

    async def _first_answer(self) -> tuple[Number | Sip, TexmlLeg] | None:
        """Who answered first; the others ring no more. None when nobody did: `outcome` says why."""
        sound = self.program.leg.ring_back(self.verb.ring_tone, self.verb.audio_url)
        winner: tuple[Number | Sip, TexmlLeg] | None
        winner = (await race(answer=self._answer(), ringing=lasting(sound)))["answer"]
        if winner is not None:
            self.outcome.sid = winner[1].facts.sid
            self._end_callees(but=winner[1])
            return winner
        ended = [callee for _, callee in self.callees if callee.over.done()]
        words = {word_of(callee.over.result(), answered=False): callee.facts.sid for callee in ended}
        for word in _TOLD_FIRST:
            if word in words:
                self.outcome.status, self.outcome.sid = word, words[word]
                break
        return None

    async def _answer(self) -> tuple[Number | Sip, TexmlLeg] | None:
        while ringing := [one for one in self.callees if self._is_ours(one[1])]:
            for party, callee in ringing:
                if callee.answered.done():
                    return party, callee
            await settled(*(future for _, callee in ringing for future in (callee.answered, callee.over)))
        return None

    def _is_ours(self, callee: TexmlLeg) -> bool:
        """It may still answer, and has not been given a document of its own meanwhile."""
        return not callee.over.done() and callee.facts.sid not in self.program.services.driven

    async def _prepared(self, party: Number | Sip, callee: TexmlLeg) -> bool:
        """The callee has had its digits and heard its document; False when it is not to be joined."""
        if not party.send_digits and not party.url:
            return True
        done = await race(
            ready=self._prepare(party, callee),
            over=settled(callee.over),
            ringing=lasting(self.program.leg.ring_back(self.verb.ring_tone, self.verb.audio_url)),
        )
        if done.get("ready", False) and not callee.over.done():
            return True
        self.outcome.status = "no-answer"  # a person who is not let through has not answered
        return False

    async def _prepare(self, party: Number | Sip, callee: TexmlLeg) -> bool:
        if party.send_digits:
            await callee.send_digits(party.send_digits)
        if not party.url:
            return True
        parent = self.program.leg.facts.sid
        whisper = self.program.branch(Mode.WHISPER, leg=callee, extra=lambda: {"ParentCallSid": parent})
        try:
            return await whisper.run(self.loaded.link(party.url, party.method)) is not Stop.HANG_UP
        except (FetchFailed, TexmlError) as error:
            log.error("texml.failed", call=callee.facts.sid, reason=str(error))
            return False

    async def _joined(self, callee: TexmlLeg) -> None:
        leg, verb, clock = self.program.leg, self.verb, self.program.services.clock
        await leg.answer()
        self.outcome.status, self.outcome.joined_at = "completed", clock.now()
        async with recording_of(self.program, verb, self.loaded) as recording:
            await joined_until(self.program, verb, lambda: leg.bridge(callee))
        self.outcome.recorded = recording.done


async def joined_until(
    program: Program, verb: Dial, together: Callable[[], Coroutine[Any, Any, Any]]
) -> dict[str, Any]:
    """What ends a `Dial` that has joined its leg to something: the other side, the time limit, or the star key."""
    with contextlib.ExitStack() as stack:
        ways: dict[str, Coroutine[Any, Any, Any]] = {}
        if verb.hangup_on_star:  # else nobody listens: to hear digits is to decode all that is said
            ways["star"] = _star(stack.enter_context(program.leg.digits()))
        return await race(together=together(), limit=program.services.clock.sleep(verb.time_limit), **ways)


async def _star(digits: Digits) -> None:
    while await digits.next() != STAR:
        pass


async def dial_parties(program: Program, verb: Dial, parties: tuple[Number | Sip, ...], loaded: Loaded) -> Next:
    """Ring all, join the first that answers, and go on when the two are parted.

    A caller who hangs up, or whose program is replaced, ends what was begun.
    """
    return await _Dialling(program, verb, loaded).run(parties)
