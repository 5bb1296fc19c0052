"""Two machines over a pretend wire, as h11's ConnectionPair: what one sends, the other is fed."""

from __future__ import annotations

import itertools
import json
import math
from collections import deque
from typing import Any, TypeVar

from botkit.events import Event
from botkit.signalling import TELNYX, ClientProtocol, ClientTimings, Password, ServerProtocol, ServerTimings, telnyx_ids
from botkit.signalling.auth import Credentials
from botkit.signalling.facts import AnswerReceived, LoginRequested
from botkit.signalling.orders import (
    AcceptAnswer,
    AcceptLogin,
    Answer,
    Invite,
    LineDown,
    LineUp,
    Login,
    Order,
    SendAnswer,
    SendInvite,
)
from botkit.signalling.protocol import Output, Protocol

E = TypeVar("E", bound=Event)

OFFER, ANSWER = "v=0\r\noffer", "v=0\r\nanswer"
IDS = telnyx_ids("v3:demo", "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
ALICE = Password("alice", "secret")


def new_uuids() -> Any:
    """Ids that a reader can follow, in the shape of UUIDs."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


class End:
    """One machine, what it said, and what it saw."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.inbox: deque[str] = deque()
        self.sent: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.closed: str | None = None
        self.wake_at: float | None = None

    def took(self, output: Output) -> list[str]:
        self.sent += [json.loads(text) for text in output.send]
        self.events += output.events
        self.wake_at = output.wake_at
        self.closed = self.closed or output.close
        return list(output.send)

    def saw(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[E]) -> E:
        found = self.saw(kind)
        assert found, f"no {kind.__name__} among {[type(e).__name__ for e in self.events]}"
        return found[-1]

    def said(self, method: str) -> list[dict[str, Any]]:
        return [frame for frame in self.sent if frame.get("method") == method]


class Pair:
    """A client and a server. Frames stay under way until `settle` (or `pass_one`) delivers them."""

    def __init__(
        self, *, client_timings: ClientTimings | None = None, server_timings: ServerTimings | None = None
    ) -> None:
        self.now = 100.0
        self.client = End(ClientProtocol(TELNYX, timings=client_timings, new_uuid=new_uuids()))
        self.server = End(ServerProtocol(TELNYX, "VSDK1demo", timings=server_timings))
        self.clientp: ClientProtocol = self.client.protocol  # type: ignore[assignment]
        self.serverp: ServerProtocol = self.server.protocol  # type: ignore[assignment]

    def other(self, end: End) -> End:
        return self.server if end is self.client else self.client

    def give(self, end: End, given: str | Order | None) -> None:
        """Step one end; its frames are under way to the other."""
        self.other(end).inbox.extend(end.took(end.protocol.step(given, self.now)))

    def order(self, end: End, *orders: Order) -> None:
        for order in orders:
            self.give(end, order)
        self.settle()

    def pass_one(self, to: End) -> None:
        self.give(to, to.inbox.popleft())

    def settle(self) -> None:
        while self.client.inbox or self.server.inbox:
            for end in (self.server, self.client):
                if end.inbox:
                    self.pass_one(end)

    def wait(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline, delivering all that is said on the way."""
        until = self.now + seconds
        while True:
            due = [end.wake_at for end in (self.client, self.server) if end.wake_at is not None]
            nearest = min(due, default=math.inf)
            if nearest > until:
                break
            self.now = max(self.now, nearest)
            for end in (self.client, self.server):
                if end.wake_at is not None and end.wake_at <= self.now:
                    self.give(end, None)
            self.settle()
        self.now = until

    def up(self) -> None:
        self.order(self.server, LineUp())
        self.order(self.client, LineUp())

    def ready(self, credentials: Credentials = ALICE) -> Pair:
        """Log in and become ready."""
        self.up()
        self.order(self.client, Login(credentials))
        self.accept_login()
        return self

    def accept_login(self, session_id: str = "s-1", reattached: tuple[str, ...] = ()) -> None:
        request_id = self.server.last(LoginRequested).request_id
        self.order(self.server, AcceptLogin(request_id, session_id, reattached))

    def call(self, call_id: str = "k-1") -> str:
        """An outbound call, answered."""
        self.order(self.client, Invite(call_id, "+15551230002", OFFER))
        self.order(self.server, SendAnswer(call_id, ANSWER))
        return call_id

    def incoming(self, call_id: str = "k-2") -> str:
        """An inbound call, ringing."""
        self.order(self.server, SendInvite(call_id, OFFER, "Bob", "+15551230002", "", "alice", telnyx_ids=IDS))
        return call_id

    def answered_incoming(self, call_id: str = "k-2") -> str:
        self.incoming(call_id)
        self.order(self.client, Answer(call_id, ANSWER))
        self.order(self.server, AcceptAnswer(self.server.last(AnswerReceived).request_id))
        return call_id

    def states(self, call_id: str) -> tuple[Any, Any]:
        return self.client.protocol.call_state(call_id), self.server.protocol.call_state(call_id)

    def cut(self) -> None:
        """Lose the line, and all that was under way."""
        self.client.inbox.clear()
        self.server.inbox.clear()
        self.give(self.client, LineDown("lost"))
        self.give(self.server, LineDown("lost"))
        self.client.inbox.clear()
        self.server.inbox.clear()

    def new_line(self) -> None:
        """A new line: the same client, a fresh server machine."""
        self.server = End(ServerProtocol(TELNYX, "VSDK1demo"))
        self.serverp = self.server.protocol  # type: ignore[assignment]
        self.up()
