"""The machine that both roles share: what comes in, what goes out, and what time it is.

Theory of operation. A protocol is a pure object. `step(given, now)` feeds it one thing and drains
it at once, so nothing can be forgotten inside:

- in: a text frame that was received, an order, or None when a deadline has passed; and `now`, in
  monotonic seconds that never go back;
- out: an `Output`: frames to send in this order, events to hand on, the next deadline, and whether
  the line is to be closed.

Every change of state goes through the tables of `botkit.states`. Where the table has no row, an
order raises `LocalProtocolError`, and a frame becomes a `ProtocolViolated` event (which a server
also answers with an error): the peer's mistake must cost it one frame and not the other calls of
the line. In both cases nothing has changed. Facts that may cross on the wire are rows in the table,
hence no errors.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from botkit.errors import Fault, LocalProtocolError, RemoteProtocolError
from botkit.events import Event
from botkit.states import CallFact, CallState, LoginFact, LoginState, next_call_state, next_login_state

from .dialect import Dialect, Parties
from .facts import ProtocolViolated
from .messages import BadFrame, ErrorReply, Message, Reply, Report, Request, RequestId, parse, render
from .orders import CallOrder, Order, Pairs
from .shapes import call_id

log = logging.getLogger("botkit.signalling")

REMEMBERED = 256
"""How many calls that are over are still known by their id, for what may be on the wire."""

WARNED = 20
"""Mistakes of the other end that are warned of, on one line."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a step brought: send `send` in order, hand on `events`, step again at `wake_at` (monotonic
    seconds, None: no deadline), and if `close` is not None, close the line for that reason once all is sent."""

    send: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: float | None = None
    close: str | None = None


@dataclass(slots=True)
class Call:
    """One call on this line, in the client's view in both roles: the pair of machines agree on `state`."""

    id: str
    outbound: bool  # the client placed it
    state: CallState = CallState.NEW
    sdp_done: bool = False  # the answer SDP has gone over the wire
    was_held: bool = False  # when the line was lost
    parties: Parties = field(default_factory=Parties)
    ids: Pairs = ()


class Protocol:
    """Base of `ClientProtocol` and `ServerProtocol`. It is not safe to share between threads."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.login_state = LoginState.DISCONNECTED
        self._calls: dict[str, Call] = {}
        self._over: dict[str, Call] = {}
        self._timers: dict[Hashable, float] = {}
        self._out: list[Message] = []
        self._events: list[Event] = []
        self._close: str | None = None
        self._complaints = 0

    # --- the one door -------------------------------------------------------------------------

    def step(self, given: str | Order | None, now: float) -> Output:
        """Feed one thing, drain everything. Raises `LocalProtocolError` for an order out of place."""
        self._close = None
        try:
            if isinstance(given, str):
                self._frame(given, now)
            elif given is not None:
                self._obey(given, now)
            while due := [name for name, at in self._timers.items() if at <= now]:
                for name in due:
                    if self._timers.pop(name, None) is not None:
                        self._expired(name, now)
            return Output(
                tuple(render(message) for message in self._out),
                tuple(self._events),
                min(self._timers.values(), default=None),
                self._close,
            )
        finally:
            self._out.clear()
            self._events.clear()

    @property
    def calls(self) -> Mapping[str, CallState]:
        """The calls that are not over."""
        return {call.id: call.state for call in self._calls.values()}

    def call_state(self, call_id: str) -> CallState | None:
        """The state of a call, also of one that is over; None for one that is unknown or long forgotten."""
        call = self._calls.get(call_id) or self._over.get(call_id)
        return call.state if call else None

    # --- what a role fills in --------------------------------------------------------------------

    def _obey(self, order: Order, now: float) -> None:
        raise NotImplementedError

    def _request(self, request: Request, now: float) -> None:
        raise NotImplementedError

    def _reply(self, reply: Reply | ErrorReply, now: float) -> None:
        raise NotImplementedError

    def _report(self, report: Report) -> None:
        """A debug report; clients are not sent any."""

    def _refused(self, error: RemoteProtocolError, request_id: RequestId | None) -> None:
        """A frame was not taken: tell the other end, if the role does so."""

    def _heard_from(self, message: Message | None, now: float) -> None:
        """Any frame at all is a sign of life; `message` is None when it could not be read."""

    def _expired(self, timer: Hashable, now: float) -> None:
        raise NotImplementedError

    # --- tools -----------------------------------------------------------------------------------

    def _frame(self, text: str, now: float) -> None:
        try:
            message = parse(text)
        except BadFrame as error:
            self._heard_from(None, now)
            self._violated(error, error.request_id, None)
            return
        self._heard_from(message, now)
        try:
            match message:
                case Request():
                    self._request(message, now)
                case Reply() | ErrorReply():
                    self._reply(message, now)
                case Report():
                    self._report(message)
        except RemoteProtocolError as error:
            # found before anything was changed: handlers look first and move afterwards
            request_id = message.id if isinstance(message, Request) else None
            self._violated(error, request_id, message)

    def _violated(self, error: RemoteProtocolError, request_id: RequestId | None, message: Message | None) -> None:
        params = message.params if isinstance(message, Request) else {}
        said = str(error)
        self._complain(str(getattr(message, "method", "frame")), said)
        self._events.append(ProtocolViolated(said, call_id(params) or None))
        self._refused(error, request_id)

    def _complain(self, about: str, said: str) -> None:
        """One line of the log. The other end chooses what is in it, and how often: it may not fill the log."""
        self._complaints += 1
        level = logging.WARNING if self._complaints <= WARNED else logging.DEBUG
        log.log(level, "! %s: %s", _printable(about), _printable(said))
        if self._complaints == WARNED:
            log.warning("! further mistakes of this line are logged at DEBUG")

    def _login(self, fact: LoginFact, fault: type[Fault]) -> LoginState:
        """Move the login by a row of its table; without a row, `fault` is raised and nothing changes."""
        after = next_login_state(self.login_state, fact)
        if after is None:
            raise fault(f"{fact.value} while the session is {self.login_state.value}")
        if after is not self.login_state:
            log.info("= login %s", after.value)
        self.login_state = after
        return after

    def _allowed(self, call: Call, fact: CallFact, fault: type[Fault]) -> CallState:
        """The state after `fact`; without a row, `fault` is raised."""
        after = next_call_state(call.state, fact)
        if after is None:
            raise fault(f"{fact.value} on a call that is {call.state.value}")
        return after

    def _move(self, call: Call, fact: CallFact, fault: type[Fault]) -> CallState:
        """Move a call by a row of its table; without a row, `fault` is raised and nothing changes."""
        after = self._allowed(call, fact, fault)
        if after is not call.state:
            log.info("= call %s %s", call.id, after.value)
        call.state = after
        if after.is_over and call.id in self._calls:
            del self._calls[call.id]
            self._over[call.id] = call
            while len(self._over) > REMEMBERED:
                del self._over[next(iter(self._over))]
        return after

    def _add(self, call: Call) -> None:
        self._over.pop(call.id, None)
        self._calls[call.id] = call

    def _ordered(self, order: CallOrder) -> Call | None:
        """The call that an order is about; None when it is over, and the order comes too late."""
        call = self._calls.get(order.call_id)
        if call is None and order.call_id not in self._over:
            raise LocalProtocolError(f"no call has the id {order.call_id!r}")
        return call

    def _named(self, call_id: str) -> Call | None:
        """The call that a frame is about, over or not."""
        return self._calls.get(call_id) or self._over.get(call_id)


def _printable(text: str) -> str:
    """What the other end said, for one line of the log."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])
