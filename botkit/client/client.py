"""A client: one login to a server, and the calls made and taken through it.

async with run_exchange() as exchange, Client(exchange.account("alice")) as alice:
    async with await alice.dial("+18005550100") as call: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Self

from botkit import events
from botkit.causes import cause
from botkit.client.address import media_address
from botkit.client.attaching import Attaching
from botkit.client.call import Call
from botkit.client.devices import AudioIn, AudioOut, sink_of, source_of
from botkit.client.happenings import tell
from botkit.client.lifeline import Lifeline
from botkit.errors import (
    CallEnded,
    ConfigError,
    Fault,
    InternalFault,
    LocalProtocolError,
    LoginRefused,
    NetworkFault,
    TimeoutFault,
    UsageError,
)
from botkit.media.codec import codec_names
from botkit.media.endpoint import Endpoint
from botkit.media.live import LiveDevice
from botkit.media.plane import MediaPlane, media_plane
from botkit.owned import OwnedTasks
from botkit.settings import Account
from botkit.signalling import ClientProtocol, Line, Password, Token, choose, connect
from botkit.signalling.facts import AttachOffered, ProtocolViolated, RequestTimedOut
from botkit.signalling.orders import Hangup, Invite, Login, Order
from botkit.states import CallState
from botkit.unforeseen import fault_of

READY_WITHIN = 20.0
"""Seconds from the open socket to REGED: the login's own limit and a few gateway polls."""


class Client:
    """A bot's login. Entering the scope connects, logs in and waits until calls may be made.

    `account` says where and as whom; `connect_line` stands in for the account's server (an in-memory
    line to an exchange, say). `codecs` are offered in this order. Raises `ConfigError`, `NetworkFault`,
    `LoginRefused` or `TimeoutFault` on entering; leaving ends every call with a bye.
    """

    def __init__(
        self,
        account: Account,
        *,
        connect_line: Callable[[], Awaitable[Line]] | Callable[[], Line] | None = None,
        plane: MediaPlane | None = None,
        codecs: Sequence[str] = codec_names(),
        audio_in: AudioIn | str | None = None,
        audio_out: Callable[[Call], AudioOut] | LiveDevice | str | None = None,
    ) -> None:
        self.account = account
        self.audio_in: AudioIn | str | None = source_of(audio_in)
        """The source of calls made from now on (see `Call.audio_in`), or its name."""
        self.audio_out = audio_out
        """Makes the sink of each call made from now on (see `Call.audio_out`), or names it."""
        self.on_broken: Callable[[BaseException], None] | None = None
        """Told when the client cannot go on, by a mistake of ours outside any one call; leaving raises it, too."""
        self.on_lost: Callable[[Fault], None] | None = None
        """Told when the line of a client that was ready is gone for good and was not left: no call comes any more."""
        self.codecs = tuple(codecs)
        self.calls: dict[str, Call] = {}
        self._made = 0  # calls, ever
        self._connect_line = connect_line
        self._plane = plane
        self._protocol = ClientProtocol(choose(account.dialect))
        self._line: Lifeline | None = None
        self._lost: Fault | None = None  # why there is no line, until the next one is ready
        self._ready: asyncio.Future[None] | None = None
        self._handlers: dict[str, list[Callable[[Any], Any]]] = {}
        self._tasks = OwnedTasks("client")
        self._closing = OwnedTasks("client")  # calls that give their media back: not to be cut short
        self._attaching = Attaching(self._tasks.start, self._make_endpoint, self.order, self._give_up)
        self._stack = contextlib.AsyncExitStack()
        self._entered = self._leaving = False
        self._failed: set[str] = set()  # calls whose fault has been told

    # --- life --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a client is entered once", hint="make a new Client for the next login")
        self._entered = True
        async with contextlib.AsyncExitStack() as stack:
            if self._plane is None:
                self._plane = await stack.enter_async_context(media_plane())
            line = await self._open_line()
            self._ready = asyncio.get_running_loop().create_future()
            self._line = Lifeline(
                line, self._protocol, self._open_line, clock=self._plane.clock, handler=self._happened
            )
            pump = asyncio.get_running_loop().create_task(self._line.run(), name=f"line {self.account.name}")
            pump.add_done_callback(self._line_lost)
            stack.push_async_callback(self._end, pump)
            await self._wait_until_ready(pump)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _open_line(self) -> Line:
        if self._connect_line is not None:
            line = self._connect_line()
            return await line if isinstance(line, Awaitable) else line
        if not self.account.server:
            raise ConfigError(
                f"the account {self.account.name!r} names no server",
                hint="an embedded exchange must run first: see run_exchange()",
            )
        url = self._protocol.dialect.line_url(self.account.server, self._protocol.voice_sdk_id)
        return await connect(url, clock=self.plane.clock)

    async def _wait_until_ready(self, pump: asyncio.Task[str]) -> None:
        assert self._ready is not None
        try:
            async with self.plane.clock.timeout(READY_WITHIN):
                await asyncio.wait((self._ready, pump), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise TimeoutFault(
                f"the account {self.account.name!r} was not ready within {READY_WITHIN:g} s",
                "ready",
                hint="the server took the login but reports no registration (gateway state REGED)",
            ) from None
        if not self._ready.done():
            raise NetworkFault(f"the server closed the connection during the login: {pump.result()}")
        await self._ready

    def _line_lost(self, pump: asyncio.Task[str]) -> None:
        """The line is gone for good: so are its calls."""
        error = None if pump.cancelled() else pump.exception()
        if error is not None:
            self._lost = fault_of(error)
        for call in list(self.calls.values()):
            call.fault = call.fault or self._lost
            self._over(call, events.Ended(call.id, "NETWORK_OUT_OF_ORDER", 38))
        if error is not None and self.on_broken is not None:
            self.on_broken(error)
        was_ready = self._ready is not None and self._ready.done() and self._ready.exception() is None
        if error is None and was_ready and not self._leaving and self.on_lost is not None:
            self.on_lost(self._lost or NetworkFault("the connection to the server was lost"))

    def _over(self, call: Call, event: events.Ended) -> None:
        """A call has ended: its media is given back, whether somebody closes it or not."""
        self.calls.pop(call.id, None)
        self._failed.discard(call.id)
        self._attaching.stop(call.id)
        call.over(event)
        self._closing.start(call.close(), f"close {call.id}")

    async def _end(self, pump: asyncio.Task[str]) -> None:
        self._leaving = True
        if self.calls:
            await asyncio.wait([asyncio.ensure_future(self._leave(call)) for call in self.calls.values()])
        await self._tasks.close()
        await self._closing.wait()
        assert self._line is not None
        self._line.end("client closed")
        await asyncio.wait((pump,))
        if not pump.cancelled() and (error := pump.exception()) is not None:
            raise error

    async def _leave(self, call: Call) -> None:
        """Close a call for good: what fails in one must not keep the others, the login and the line."""
        try:
            await call.close()
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"call {call.id} could not be closed", "exception": error}
            )
            self._over(call, events.Ended(call.id, "NETWORK_OUT_OF_ORDER", 38))

    @property
    def plane(self) -> MediaPlane:
        """The media plane its calls use. Raises `UsageError` outside the scope."""
        if self._plane is None:
            raise UsageError("enter the client first: async with Client(account) as client")
        return self._plane

    # --- events ------------------------------------------------------------------------------------

    def on(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call `handler` at each event of that name: connected, disconnected, logged_in, ready, punted (with the
        event), incoming (with the `Call`)."""
        if name not in events.CLIENT_EVENTS:
            raise UsageError(f"a client has no event {name!r}", hint=f"it has {', '.join(events.CLIENT_EVENTS)}")
        self._handlers.setdefault(name, []).append(handler)

    def off(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call it no more. Removing what is not there is no error."""
        with contextlib.suppress(ValueError):
            self._handlers.get(name, []).remove(handler)

    def _tell(self, name: str, what: Any) -> None:
        for handler in list(self._handlers.get(name, ())):
            tell(handler, what, self.start)

    def _happened(self, event: events.Event) -> None:
        match event:
            case events.Connected():
                self.order(Login(self._credentials()))
            case events.LoginFailed(code, message):
                self._not_ready(
                    LoginRefused(
                        f"the login of account {self.account.name!r} was refused: {message} ({code})",
                        code,
                        hint=self._protocol.dialect.login_hint,
                    )
                )
            case events.ClientReady():
                assert self._line is not None
                self._line.ready()
                self._lost = None
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)
            case events.Disconnected(reason):  # no flow is to blame for what ends by this
                self._lost = self._lost or NetworkFault(f"the connection to the server was lost: {reason}")
            case events.Punted():
                self._lost = NetworkFault(
                    "a newer login of the same user took this session's place",
                    hint="is the same account in use elsewhere? one login at a time keeps a number",
                )
                self._not_ready(self._lost)
            case RequestTimedOut(phase, call_id):
                self._timed_out(phase, call_id)
            case events.Incoming():
                self._incoming(event)
            case ProtocolViolated(message, call_id) if call_id in self.calls:
                self.calls[call_id].emit(events.CallFailed(call_id, message))
            case events.CallEvent(call_id) if call_id in self.calls:
                self._call_event(self.calls[call_id], event)
            case _:
                pass
        if event.name in events.CLIENT_EVENTS and event.name != "incoming":
            self._tell(event.name, event)

    def _not_ready(self, fault: Fault) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(fault)
        elif self._line is not None and isinstance(fault, LoginRefused):
            self._lost = fault
            self._line.end("the login was refused")  # the next one would be, too
        elif self._line is not None and isinstance(fault, TimeoutFault):
            self._line.drop("the login got no reply")

    def _timed_out(self, phase: str, call_id: str | None) -> None:
        if phase in ("login", "ready"):
            self._not_ready(
                TimeoutFault(
                    f"the server did not answer the {phase} of account {self.account.name!r}",
                    phase,
                    hint="is this the signalling address of the right kind of server?",
                )
            )
        elif phase == "modify" and call_id in self.calls:
            self.calls[call_id].emit(events.CallRefused(call_id, phase, 0, "it did not reply"))

    def _call_event(self, call: Call, event: events.CallEvent) -> None:
        try:
            match event:
                case events.EarlyMedia():
                    call.early_media(event)
                case events.Answered():
                    call.accepted(event)  # at once: its end may be told in the same breath
                    self.start(self._answered(call, event), f"answered {call.id}")
                case events.Ended():
                    if not event.by_us:
                        call.fault = call.fault or self._lost
                    self._over(call, event)
                case events.Dropped():
                    call.watch_media(False)  # it may go, too: what is heard of the call next is an offer
                    self._attaching.stop(call.id)
                    call.emit(event)
                case AttachOffered():
                    self._attaching.offered(call, event.sdp)
                case events.InfoReceived() if event.digits:
                    call.info_digits(event.digits)
                case events.CandidateReceived():
                    call.endpoint.add_candidate(event.candidate)
                case _:
                    call.emit(event)
        except Exception as error:  # an SDP that no call can be built on, or a mistake of ours: this call is lost
            self._give_up(call, error)

    async def _answered(self, call: Call, event: events.Answered) -> None:
        try:
            await call.answer_arrived(event)
        except Exception as error:
            self._give_up(call, error)

    def _give_up(self, call: Call, error: Exception) -> None:
        """This call cannot go on; the others and the line do."""
        fault = fault_of(error)
        if call.end is None or isinstance(fault, InternalFault):
            call.fault = call.fault or fault
        if call.end is None:
            with contextlib.suppress(LocalProtocolError):  # its end is told next, or the line is gone
                self.order(Hangup(call.id, "DESTINATION_OUT_OF_ORDER", 27))

    def _incoming(self, event: events.Incoming) -> None:
        call = self._make_call(
            event.call_id,
            direction="answer",
            local=event.callee_number or self.account.name,
            remote=event.caller_number,
            headers=event.headers,
            offer=event.sdp,
        )
        call.emit(event)
        self._tell("incoming", call)

    # --- calls -------------------------------------------------------------------------------------

    async def dial(
        self,
        number: str,
        *,
        caller_id: str = "",
        caller_name: str = "",
        headers: Sequence[tuple[str, str]] = (),
        codecs: Sequence[str] | None = None,
    ) -> Call:
        """Place a call; returns once the invite is sent. The call's `answered` waits for the far end.

        Raises `NetworkFault` when no media socket can be bound, `LocalProtocolError` before the login is ready,
        `CallEnded` when the client is left meanwhile.
        """
        call_id = str(uuid.uuid4())
        caller = caller_id or self.account.caller_id or ""
        call = self._make_call(
            call_id,
            direction="dial",
            local=caller or self.account.login or self.account.name,
            remote=number,
            headers=headers,
            codecs=codecs,
        )
        try:
            offer = await call.endpoint.offer()
            if call.end is not None:
                raise call.fault or CallEnded(call.end.cause, call.end.code)
            call.created = self.plane.clock.now()
            self.order(
                Invite(call_id, number, offer, caller_name=caller_name, caller_number=caller, headers=tuple(headers))
            )
        except BaseException:
            self.calls.pop(call_id, None)
            await call.endpoint.close()
            await call.endpoint.transport.close()  # what was bound after an earlier close
            raise
        return call

    def _make_call(
        self,
        call_id: str,
        *,
        direction: str,
        local: str,
        remote: str,
        headers: Sequence[tuple[str, str]] = (),
        offer: str | None = None,
        codecs: Sequence[str] | None = None,
    ) -> Call:
        call = Call(
            self,
            self.plane,
            self._make_endpoint(codecs),
            call_id,
            direction=direction,
            local=local,
            remote=remote,
            headers=headers,
            offer=offer,
        )
        call.audio_in = self.audio_in
        self._made += 1
        if callable(self.audio_out):
            call.audio_out = self.audio_out(call)
        else:
            call.audio_out = sink_of(self.audio_out, self._made)
        self.calls[call_id] = call
        return call

    def _make_endpoint(self, codecs: Sequence[str] | None = None) -> Endpoint:
        return self.plane.endpoint(
            host=self._media_address(),
            codecs=codecs or self.codecs,
            connected=self.account.is_embedded,
            ice_servers=self.account.ice_servers,
        )

    def _media_address(self) -> str:
        return media_address(self.account)

    def _credentials(self) -> Password | Token:
        if self.account.token:
            return Token(self.account.token)
        if self.account.login is None or self.account.password is None:
            raise ConfigError(f"the account {self.account.name!r} has neither token nor login and password")
        return Password(self.account.login, self.account.password)

    # --- what calls need (CallSignals) ---------------------------------------------------------------

    def order(self, order: Order) -> None:
        """Have something sent. Raises `LocalProtocolError` where the state does not allow it."""
        if self._line is None:
            raise UsageError("enter the client first: async with Client(account) as client")
        if isinstance(order, Hangup) and (call := self.calls.get(order.call_id)) is not None:
            self._tell_fault(call)
            if self._protocol.call_state(call.id) is None:  # no invite was sent: nobody else knows of it
                row = cause(order.cause or "ORIGINATOR_CANCEL")
                self._over(call, events.Ended(call.id, row.name, row.code))
                return
        self._line.order(order)

    def _tell_fault(self, call: Call) -> None:
        """A call that ends over a fault says so first, once."""
        if call.fault is not None and call.id not in self._failed:
            self._failed.add(call.id)
            call.emit(events.CallFailed(call.id, str(call.fault.args[0])))

    def state(self, call_id: str) -> CallState:
        """A call's state by the protocol's table."""
        return self._protocol.call_state(call_id) or CallState.NEW

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `work` in a task that this client owns."""
        self._tasks.start(work, name)
