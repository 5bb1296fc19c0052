"""The doctor's order: each step rests on those before it, so after the first fault none is tried."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from botkit.client.address import media_address
from botkit.client.client import Client
from botkit.errors import ConfigError, Fault, LoginRefused, NetworkFault, TimeoutFault
from botkit.exchange.exchange import run_exchange
from botkit.exchange.plan import ExchangePlan, fill
from botkit.media.plane import media_plane
from botkit.runner.doctor import ice, network
from botkit.runner.doctor.call import Ended, TriedCall
from botkit.runner.doctor.findings import STEPS, Diagnosis, Finding, Note, State
from botkit.runner.doctor.line import NUMBER, EchoLine
from botkit.runner.limits import Limits
from botkit.settings import Account, Settings
from botkit.signalling import Line, choose, connect

LONGEST_CALL = 30.0
"""Seconds that the call may last once it is answered."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for each kind of thing."""

    connect: float = 10.0
    """A name, a connection, TLS."""
    login: float = 15.0
    ready: float = 20.0
    servers: float = 5.0
    """STUN and TURN servers: as long as a call waits for them."""
    answer: float = 45.0
    media: float = 12.0
    """ICE and DTLS each: a little longer than the call itself waits."""
    listen: float = 8.0
    """Sound: three reports of RTCP."""
    digit: float = 3.0


async def examine(
    settings: Settings,
    account: Account,
    *,
    dial: str | None = None,
    patience: Patience = Patience(),
    trying: Callable[[str], None] = lambda step: None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Diagnosis:
    """Try `account` step by step. `trying` hears of each step as it begins, `found` of each finding.

    Without `dial` a call is placed on the embedded exchange only. Nothing that is wrong with the account is
    raised; it is a finding. A cancelled caller's call ends with a bye.
    """
    examination = _Examination(settings, account, dial, patience, trying, found)
    return await examination.run()


class _Stop(Exception):
    """A step failed; it has been told."""


class _Examination:
    def __init__(
        self,
        settings: Settings,
        account: Account,
        dial: str | None,
        patience: Patience,
        trying: Callable[[str], None],
        found: Callable[[Finding], None],
    ) -> None:
        self._settings = settings
        self._account = account
        self._dial = NUMBER if dial is None and account.is_embedded else dial
        self._given = dial is not None
        self._patience = patience
        self._trying = trying
        self._found = found
        self._findings: dict[str, Finding] = {}
        self._echo: EchoLine | None = None
        self._why_not = "not tried"

    async def run(self) -> Diagnosis:
        async with contextlib.AsyncExitStack() as stack:
            self._plane = await stack.enter_async_context(media_plane())
            self._clock = self._plane.clock
            if self._account.is_embedded:
                await self._open_exchange(stack)
            with contextlib.suppress(_Stop):
                line = await self._reach()
                client = await self._log_in(stack, line)
                await self._call(client)
        for step in STEPS:
            if step not in self._findings:
                self._keep(Finding(step, State.NOT_TRIED, self._why_not))
        account = self._account
        return Diagnosis(account.name, account.server or "", tuple(self._findings[step] for step in STEPS))

    # --- steps -------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[Note]:
        """One step: what it raises becomes a finding, and the end of the examination."""
        self._trying(name)
        began = self._clock.now()
        note = Note()
        try:
            yield note
        except Fault as fault:
            took = self._clock.now() - began if note.took is None else note.took
            known = f" ({note.text})" if note.text else ""
            self._keep(Finding(name, State.FAULT, f"{fault.args[0]}{known}", fault.hint, took, note.facts))
            self._why_not = f"not tried: {name} failed"
            raise _Stop from None
        took = self._clock.now() - began if note.took is None else note.took
        self._keep(Finding(name, note.state, note.text, note.hint, took, note.facts))

    def _keep(self, finding: Finding) -> None:
        self._findings[finding.step] = finding
        self._found(finding)

    # --- the account -------------------------------------------------------------------------------

    async def _open_exchange(self, stack: contextlib.AsyncExitStack) -> None:
        """The embedded exchange as the settings have it, with a user for us (unless the account says whom to log in
        as) and a line that answers the number."""
        assert self._dial is not None
        account = self._account
        exchange = await stack.enter_async_context(run_exchange(plane=self._plane))
        far = Client(exchange.account("line", self._dial), plane=self._plane)
        if account.login is None and account.token is None:
            self._account = replace(exchange.account("doctor"), name=account.name, caller_id=account.caller_id)
        else:
            self._account = replace(account, server=exchange.url)
        fill(exchange, ExchangePlan.model_validate(dict(self._settings.exchange)))
        self._echo = EchoLine(far)
        await stack.enter_async_context(far)

    async def _reach(self) -> Line:
        """From the name to an open WebSocket."""
        account, within = self._account, self._patience.connect
        url = choose(account.dialect).line_url(account.server or "", None)
        async with self._step("name") as note:
            parts = urlsplit(url)
            try:
                host, port = parts.hostname, parts.port
            except ValueError as error:
                raise ConfigError(f"server {account.server!r} is no address: {error}") from None
            if host is None:
                raise ConfigError(f"server {account.server!r} names no host", hint="write wss://host or ws://host:port")
            await network.check_name(note, host, self._clock, within)
            if account.is_embedded:
                note.text += f"; the embedded exchange is at {url}"
        async with self._step("tls") as note:
            if parts.scheme == "wss":
                await network.check_tls(note, host, port or 443, self._clock, within)
            else:
                network.no_tls(note, host, account.is_embedded)
        async with self._step("websocket") as note:
            line = await connect(url, clock=self._clock, within=within)
            note.text = f"open at {url}"
        return line

    async def _log_in(self, stack: contextlib.AsyncExitStack, line: Line) -> Client:
        """A client that may call. It owns the line from here on."""
        client = Client(self._account, plane=self._plane, connect_line=lambda: line)
        taken = asyncio.Event()
        client.on("logged_in", lambda _event: taken.set())
        entering = asyncio.ensure_future(client.__aenter__())
        waiting = asyncio.ensure_future(taken.wait())
        stack.push_async_callback(_leave, client, entering, waiting)
        async with self._step("login") as note:
            try:
                async with self._clock.timeout(self._patience.login):
                    await asyncio.wait((entering, waiting), return_when=asyncio.FIRST_COMPLETED)
            except TimeoutError:
                raise TimeoutFault(
                    f"the server did not answer the login within {self._patience.login:g} s",
                    "login",
                    hint="it speaks WebSocket, but is it a signalling server, and of this dialect?",
                ) from None
            if not taken.is_set():
                await self._entered(entering)
            note.text = f"accepted: {self._account.login or 'by token'}"
        async with self._step("ready") as note:
            try:
                async with self._clock.timeout(self._patience.ready):
                    await self._entered(entering)
            except TimeoutError:
                raise TimeoutFault(
                    f"the login was taken, but calls may not be made after {self._patience.ready:g} s",
                    "ready",
                    hint="the server reports no registration (gateway state REGED): try later, or ask its owner",
                ) from None
            registered = "registered; " if choose(self._account.dialect).polls_gateway else ""
            note.text = f"{registered}calls may be made"
        return client

    async def _entered(self, entering: asyncio.Future[Client]) -> None:
        try:
            await asyncio.shield(entering)
        except LoginRefused as refused:
            raise NetworkFault(str(refused.args[0]), hint=credentials_hint(self._account)) from None
        except NetworkFault as lost:
            hint = lost.hint or "it speaks WebSocket, but is it a signalling server, and of this dialect?"
            raise NetworkFault(str(lost.args[0]), hint=hint) from None

    # --- the call ----------------------------------------------------------------------------------

    async def _call(self, client: Client) -> None:
        number = self._dial
        refusal = None if number is None else self._refused(number)
        tried: TriedCall | None = None
        async with contextlib.AsyncExitStack() as stack:
            async with self._step("ice") as note:
                host = media_address(self._account)
                await ice.check_servers(note, self._account, host, self._clock, self._patience.servers)
                if number is None or refusal is not None:
                    await self._candidates(note, host)
                else:
                    tried = await self._dialled(stack, client, number, note)
                    refusal = await self._path(tried, note)
            if number is None:
                self._why_not = "not tried: no number to dial; say --dial NUMBER"
            elif tried is None or refusal is not None:
                self._keep(Finding("dtls", State.NOT_TRIED, "not tried: no call came about"))
                async with self._step("call") as note:
                    assert refusal is not None
                    note.took = None if tried is None else self._clock.now() - tried.call.created
                    raise refusal
            else:
                await self._on_the_call(tried)

    def _refused(self, number: str) -> Fault | None:
        """Why this number may not be dialled, by the operator's own rules."""
        if self._given:  # our own test line is nobody else's number: `allow` need not know it
            try:
                self._settings.check_number(number, self._account)
            except ConfigError as fault:
                return fault
        minutes = self._settings.caps.minutes
        if minutes is not None and minutes * 60 < LONGEST_CALL:
            hint = f"raise caps.minutes to {LONGEST_CALL / 60:g} for this"
            return ConfigError(f"a call may last {LONGEST_CALL:g} s, and caps.minutes is {minutes:g}", hint=hint)
        return None

    async def _candidates(self, note: Note, host: str) -> None:
        """What a call would offer, without one."""
        endpoint = self._plane.endpoint(host=host, ice_servers=self._account.ice_servers)
        try:
            await endpoint.transport.gather(offerer=True)
            _tell_candidates(note, endpoint.transport.local.candidates)
        finally:
            await endpoint.close()

    async def _dialled(self, stack: contextlib.AsyncExitStack, client: Client, number: str, note: Note) -> TriedCall:
        """Place the call; the scope ends it."""
        await stack.enter_async_context(Limits(self._settings.caps, self._clock).admitted())
        call = await stack.enter_async_context(await client.dial(number))
        _tell_candidates(note, call.endpoint.transport.local.candidates)
        return TriedCall(call, self._clock, number=number, health=lambda: self._plane.pacer.health)

    async def _path(self, tried: TriedCall, note: Note) -> Fault | None:
        """Wait for the call's path. A call that ended before there was one to try is no fault of ICE: it is given."""
        began = self._clock.now()
        try:
            try:
                await tried.described(self._patience.answer)
            except TimeoutFault as unanswered:
                note.took = began - tried.call.created
                return unanswered
            await tried.path(note, self._patience.media)
        except Ended as over:
            note.took = began - tried.call.created
            return NetworkFault(over.why, hint=over.hint)
        return None

    async def _on_the_call(self, tried: TriedCall) -> None:
        patience = self._patience
        over: Ended | None = None
        async with self._step("dtls") as note:
            try:
                await tried.keys(note, patience.media)
            except Ended as ended:
                note.state, note.text, over = State.NOT_TRIED, "not tried to the end: the call was over first", ended
        async with self._step("call") as note:
            try:
                if over is not None:
                    raise over
                await tried.answered(note, patience.answer)
            except Ended as ended:
                raise NetworkFault(ended.why, hint=ended.hint) from None
        echo = self._echo
        async with self._step("audio") as note:
            await tried.audio(note, patience.listen, None if echo is None else lambda: echo.call)
        async with self._step("dtmf") as note:
            await tried.digits(note, patience.digit, echo is not None)


async def _leave(client: Client, entering: asyncio.Future[Client], waiting: asyncio.Task[Any]) -> None:
    waiting.cancel()
    if not entering.done():
        entering.cancel()
    await asyncio.wait((entering, waiting))
    if not entering.cancelled() and entering.exception() is None:
        await client.__aexit__(None, None, None)


def _tell_candidates(note: Note, candidates: tuple[str, ...]) -> None:
    """How many of each kind: host, srflx (as a STUN server sees us), relay."""
    kinds = [candidate.split()[7] for candidate in candidates]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
    note.text = f"candidates: {said}" + (f"; {note.text}" if note.text else "")
    note.facts["candidates"] = list(candidates)


def credentials_hint(account: Account) -> str:
    """What to look at when a login is refused: the variables of the environment that it came from, by name."""
    field = "token" if account.token else "password"
    variables = [variable for key, variable in account.variables if key == field]
    if variables:
        where = (
            f"the {field} comes from ${' and $'.join(variables)}: is it right, and without a blank or quotation mark?"
        )
    else:
        where = f"is the {field} of account {account.name!r} right?"
    if field == "token":
        return f"{where} has the token expired?"
    logins = [variable for key, variable in account.variables if key == "login"]
    said = f"{where} The login is {account.login!r}" + (f", from ${logins[0]}" if logins else "")
    if account.dialect == "verto" and "@" not in (account.login or ""):
        said += "; a verto login is user@domain, as the server's directory has it"
    return said
