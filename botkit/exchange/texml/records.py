"""What is remembered of the calls that documents made or drive: the call resources of TeXML REST."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from botkit.clock import Clock
from botkit.exchange.texml.fields import word_of
from botkit.exchange.texml.port import Ending, LegFacts, TexmlLeg, Word

MOST = 10_000
"""So many calls are remembered (the platform: for 30 days); the oldest that are over go first."""


@dataclass(slots=True)
class CallRecord:
    """One call. Times are seconds since 1970; `parent` is the sid of the leg that dialled it.

    `leg` is None once the call is over: what is remembered holds no media.
    """

    facts: LegFacts
    leg: TexmlLeg | None
    parent: str
    started: float
    answered: float | None = None
    ended: float | None = None
    ending: Ending | None = None

    @property
    def status(self) -> Word:
        if self.ending is not None:
            return word_of(self.ending, answered=self.answered is not None)
        if self.answered is not None:
            return "in-progress"
        return "ringing" if self.leg is not None and self.leg.ringing.done() else "initiated"

    @property
    def duration(self) -> float:
        """Seconds from the answer to the end; 0 before the end, and without an answer."""
        return self.ended - self.answered if self.ended is not None and self.answered is not None else 0.0


class Records:
    """The calls by sid, in the order of their starts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, CallRecord] = {}

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(tuple(self._records.values()))

    def note(self, leg: TexmlLeg, parent: str = "") -> CallRecord:
        """Remember a leg from now on; one that is known stays as it is."""
        sid = leg.facts.sid
        if (known := self._records.get(sid)) is not None:
            return known
        record = self._records[sid] = CallRecord(leg.facts, leg, parent, self._clock.wall())

        def answered(future: asyncio.Future[None]) -> None:
            if record.answered is None and not future.cancelled():
                record.answered = self._clock.wall()

        def over(future: asyncio.Future[Ending]) -> None:
            record.ended = self._clock.wall()
            record.leg = None
            record.ending = Ending() if future.cancelled() else future.result()

        if leg.answered.done():
            answered(leg.answered)
        leg.answered.add_done_callback(answered)
        leg.over.add_done_callback(over)
        if len(self._records) > MOST:
            oldest = next((sid for sid, one in self._records.items() if one.ended is not None), None)
            if oldest is not None:
                del self._records[oldest]
        return record

    def get(self, sid: str) -> CallRecord | None:
        return self._records.get(sid)
