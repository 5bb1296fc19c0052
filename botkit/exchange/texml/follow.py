"""A leg's status callbacks: initiated, ringing, answered, completed.

Fields as in the examples of the platform's callback reference. `SequenceNumber` counts the notices that are sent,
from 0 (its page of `Hangup` shows 0 for a `completed` that is sent alone).
"""

from __future__ import annotations

from dataclasses import dataclass

from botkit.exchange.texml.callbacks import Notice
from botkit.exchange.texml.fetch import HttpMethod
from botkit.exchange.texml.fields import Fields, ending_fields, leg_fields, word_of
from botkit.exchange.texml.port import TexmlLeg, Word
from botkit.exchange.texml.racing import settled
from botkit.exchange.texml.services import Services, time_text


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told of a leg, and of which of its events. `parent` is the sid of the leg that dialled it."""

    url: str
    method: HttpMethod = "POST"
    events: tuple[str, ...] = ("completed",)
    parent: str = ""


async def tell_who_answered(services: Services, leg: TexmlLeg, target: Target, who: str) -> None:
    """The callback of asynchronous machine detection, when the leg is answered."""
    await settled(leg.answered, leg.over)
    if leg.answered.done():
        fields = {**leg_fields(services.account_sid, leg.facts, "in-progress"), "AnsweredBy": who}
        services.callbacks.send(leg.facts.sid, Notice(target.url, target.method, fields))


class Following:
    """Tells one target of one leg."""

    def __init__(self, services: Services, leg: TexmlLeg, target: Target) -> None:
        self._services = services
        self._leg = leg
        self._target = target
        self._sent = 0
        self._record = services.records.note(leg)

    def start(self) -> None:
        """Follow the leg to its end, in a task of the services'."""
        self._services.owned.start(self.run(), f"follow {self._leg.facts.sid}")

    async def run(self) -> None:
        leg = self._leg
        self._tell("initiated", "initiated")
        await settled(leg.ringing, leg.answered, leg.over)
        if leg.ringing.done():
            self._tell("ringing", "ringing")
        await settled(leg.answered, leg.over)
        if leg.answered.done():
            self._tell("answered", "in-progress")
        await settled(leg.over)
        ending = leg.over.result()
        more = ending_fields(leg.facts, ending)
        record = self._record
        more["EndTime"] = time_text(record.ended or self._services.clock.wall())
        if record.answered is not None:
            more["AnsweredTime"] = time_text(record.answered)
        more["CallDuration"] = str(round(record.duration))
        self._tell("completed", word_of(ending, answered=record.answered is not None), more)

    def _tell(self, event: str, word: Word, more: Fields | None = None) -> None:
        target = self._target
        if event not in target.events:
            return
        facts = self._leg.facts
        fields = {
            **leg_fields(self._services.account_sid, facts, word),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sent),
            "Timestamp": self._services.now_text(),
            "CallInitiatedAt": time_text(self._record.started),
            **({"ParentCallSid": target.parent, "ParentCallSidLegacy": target.parent} if target.parent else {}),
            **(more or {}),
        }
        self._sent += 1
        self._services.callbacks.send(facts.sid, Notice(target.url, target.method, fields))
