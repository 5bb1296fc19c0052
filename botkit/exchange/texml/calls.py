"""The calls that documents control: they begin, are given other documents, and end.

calls = Calls(http, clock, account_sid="…")
calls.take(leg, application)                # an inbound leg: its application's document answers it
calls.drive(leg, source, settings)          # an outbound leg: the document is fetched when it is answered
calls.redirect(leg.facts.sid, source)       # another document from now on, wherever the leg is
await calls.close()
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import httpx

from botkit.clock import Clock, to_the_end
from botkit.exchange.refusal import CommandRefused, call_ended, not_found
from botkit.exchange.texml.callbacks import Callbacks
from botkit.exchange.texml.errors import FetchFailed, TexmlError
from botkit.exchange.texml.fetch import Fetcher, HttpMethod, Signer, Source
from botkit.exchange.texml.follow import Following, Target, tell_who_answered
from botkit.exchange.texml.port import TexmlLeg
from botkit.exchange.texml.program import Program, Settings
from botkit.exchange.texml.racing import settled
from botkit.exchange.texml.records import CallRecord, Records
from botkit.exchange.texml.services import Services
from botkit.log import context, logger

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """What a TeXML application, or a connection whose webhooks are TeXML, says about its calls.

    Names as in the platform's TeXML application. Defaults: GET for documents, POST for callbacks, which tell of the
    end of a call only.
    """

    voice_url: str
    voice_method: HttpMethod = "GET"
    voice_fallback_url: str = ""
    status_callback: str = ""
    status_callback_method: HttpMethod = "POST"
    status_callback_events: tuple[str, ...] = ("completed",)

    @property
    def source(self) -> Source:
        return Source(self.voice_url, self.voice_method)

    @property
    def settings(self) -> Settings:
        fallback = Source(self.voice_fallback_url, self.voice_method) if self.voice_fallback_url else None
        return Settings(self.voice_method, fallback)


class Drive:
    """One leg under its documents, from its first to its end. `task` is over when the leg is."""

    def __init__(self, services: Services, leg: TexmlLeg, source: Source, settings: Settings) -> None:
        self._services = services
        self._settings = settings
        self._source = source
        self._changed = asyncio.Event()
        self.leg = leg
        services.driven.add(leg.facts.sid)
        self.task = services.owned.start(self._run(), f"texml {leg.facts.sid}")

    def replace(self, source: Source, fallback: Source | None = None) -> None:
        """Another document from now on. What the present one has begun ends: a queue or conference is left, who was
        dialled is hung up. A leg that still rings gets it when it is answered."""
        self._source = source
        if fallback is not None:
            self._settings = replace(self._settings, fallback=fallback)
        self._changed.set()

    async def _run(self) -> None:
        leg = self.leg
        try:
            with context(call=leg.facts.sid):
                if leg.facts.direction == "outbound":
                    await settled(leg.answered, leg.over)
                while not leg.over.done() and await self._one_program():
                    leg.part()  # from whoever took it out of a queue; what it has dialled itself is gone already
        finally:
            self._services.driven.discard(leg.facts.sid)
            if not leg.over.done():
                leg.hang_up()

    async def _one_program(self) -> bool:
        """Run the present document and what follows from it; True when another one has been given meanwhile."""
        self._changed.clear()
        program = asyncio.ensure_future(self._perform(self._source))
        change = asyncio.ensure_future(self._changed.wait())
        try:
            await settled(self.leg.over, program, change)
        finally:
            change.cancel()
            program.cancel()
            await to_the_end(_quiet(program))
        if not program.cancelled():
            program.result()  # a bug of ours is not kept silent
        return self._changed.is_set()

    async def _perform(self, source: Source) -> None:
        leg = self.leg
        try:
            await Program(self._services, leg, self._settings).run(source)
        except (FetchFailed, TexmlError, CommandRefused) as error:
            if not leg.over.done():
                notes = " ".join(getattr(error, "__notes__", ()))
                log.error("texml.failed", reason=str(error), where=notes)
                leg.hang_up("NORMAL_CLEARING" if leg.answered.done() else "NORMAL_TEMPORARY_FAILURE")
        else:
            leg.hang_up()


async def _quiet(task: asyncio.Task[None]) -> None:
    await asyncio.wait((task,))


class Calls:
    """All of them. `http` is the exchange's client and stays open; `signer` signs what is sent to web servers."""

    def __init__(
        self, http: httpx.AsyncClient, clock: Clock, *, account_sid: str, signer: Signer | None = None
    ) -> None:
        fetcher = Fetcher(http, clock, signer)
        self._services = Services(clock, fetcher, Callbacks(fetcher, clock), account_sid)
        self._drives: dict[str, Drive] = {}

    @property
    def account_sid(self) -> str:
        """The account of all calls: in paths of TeXML REST, and told to web servers as `AccountSid`."""
        return self._services.account_sid

    @account_sid.setter
    def account_sid(self, sid: str) -> None:
        self._services.account_sid = sid

    @property
    def records(self) -> Records:
        return self._services.records

    def take(self, leg: TexmlLeg, application: Application) -> Drive:
        """Let the application's document answer an inbound leg."""
        target = None
        if application.status_callback:
            method, events = application.status_callback_method, application.status_callback_events
            target = Target(application.status_callback, method, events)
        return self.drive(leg, application.source, application.settings, target)

    def drive(self, leg: TexmlLeg, source: Source, settings: Settings, target: Target | None = None) -> Drive:
        """Put a leg under a document; `target` is told how the call goes. An outbound leg waits for its answer."""
        sid = leg.facts.sid
        self.records.note(leg)
        if target is not None:
            Following(self._services, leg, target).start()
        drive = self._drives[sid] = Drive(self._services, leg, source, settings)
        drive.task.add_done_callback(lambda _task: self._drives.pop(sid, None))
        return drive

    def tell_who_answered(self, leg: TexmlLeg, target: Target, who: str) -> None:
        """Tell `target`, when the leg is answered, by whom."""
        services = self._services
        services.owned.start(tell_who_answered(services, leg, target, who), f"who answers {leg.facts.sid}")

    def record(self, sid: str) -> CallRecord:
        """A call, as REST shows it. Raises `CommandRefused` (10005)."""
        record = self.records.get(sid)
        if record is None:
            raise not_found("The call")
        return record

    def redirect(
        self, sid: str, source: Source, *, fallback: Source | None = None, target: Target | None = None
    ) -> CallRecord:
        """Give a call another document, wherever it is: speaking, queued, in a conference, dialled by another call.

        `fallback` is where the document is if `source` has none, `target` is told of the call's end, too.
        Raises `CommandRefused` for a call that is unknown (10005) or over (90018).
        """
        record, leg = self._live(sid)
        drive = self._drives.get(sid)
        if drive is not None:
            drive.replace(source, fallback)
            if target is not None:
                Following(self._services, leg, target).start()
        else:
            self.drive(leg, source, Settings(fallback=fallback), target)  # from now on it is not its dialler's
            leg.part()
        return record

    def end(self, sid: str) -> CallRecord:
        """Hang a call up. Raises as `redirect`."""
        record, leg = self._live(sid)
        leg.hang_up("NORMAL_CLEARING" if leg.answered.done() else "ORIGINATOR_CANCEL")
        return record

    def _live(self, sid: str) -> tuple[CallRecord, TexmlLeg]:
        record = self.record(sid)
        if record.leg is None or record.leg.over.done():
            raise call_ended("/CallSid")
        return record, record.leg

    async def idle(self) -> None:
        """Wait until no notice waits to be delivered."""
        await self._services.callbacks.idle()

    async def close(self) -> None:
        """End every call, let the last notices go, and return when no task is left."""
        drives = list(self._drives.values())
        for drive in drives:
            drive.leg.hang_up("SYSTEM_SHUTDOWN")
        if drives:
            await asyncio.wait({drive.task for drive in drives})
        for _ in range(3):  # who follows a leg that is over has a last word
            await asyncio.sleep(0)
        await self._services.callbacks.close()
        await self._services.owned.close()
