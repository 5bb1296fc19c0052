"""One party's part in a call: its line, its media, and how it ends.

A leg's signalling state lives in its line's protocol (the same table as the client's, see
`botkit.states`); the leg adds what the exchange needs to join two of them: promises for the answer
and the end, and the endpoint that anchors its media.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from botkit.causes import Cause, cause
from botkit.exchange.webhooks.targets import Overrides
from botkit.media.endpoint import Endpoint
from botkit.signalling.facts import AnswerReceived, InviteReceived
from botkit.signalling.orders import AcceptAnswer, Pairs, RefuseRequest, SendBye, SendInvite

if TYPE_CHECKING:
    from botkit.exchange.activities.activities import Activities
    from botkit.exchange.line import ClientLine

log = logging.getLogger("botkit.exchange")

Reporter = Callable[["Leg", str, Mapping[str, object]], None]
"""Is told what happened to a leg: the event's type as webhooks name it, and its own fields. Never waits."""


class Place(Protocol):
    """What gives a leg its sound: a bridge, a seat in a conference. A leg is in one place or in none (parked)."""

    def leave(self, leg: Leg) -> None:
        """Take the leg out; it hears silence from now on. Who stays behind is the place's business."""
        ...

    def other(self, leg: Leg) -> Leg | None:
        """The one other leg, of a bridge; None where there may be many."""
        ...


def new_control_id() -> str:
    """A `call_control_id`: opaque text that needs no escaping in a path ([RUN] the SDK escapes `/`, `+` and `=`)."""
    return f"v3:{secrets.token_urlsafe(24)}"


def state_of_client(text: str | None) -> str | None:
    """What a client said of its state, where that is base64: its owner is given it back. Else None."""
    try:
        base64.b64decode(text or "", validate=True)
    except ValueError:
        return None
    return text or None


EndedBy = Literal["party", "peer", "command", "exchange"]


@dataclass(slots=True)
class Ending:
    """How a leg ended, beyond its cause.

    `by`: its own `party`; the `peer` that it was joined to, or was to reach; a `command`; or the `exchange` (media
    lost, shut down). `limit` is set where a time ran out: `timeout` or `no_answer` (it rang long enough),
    `time_limit` (it lasted long enough).
    """

    by: EndedBy = "exchange"
    limit: str = ""


class Leg:
    """A leg. `inbound`: its client called us. `answered` and `over` are set once, by the line.

    `number` and `name` are how its party is shown to the other one; `session_id` is that of all legs of a call.
    `calling` and `called` are the two numbers of the call as the Voice API's `from` and `to` have them.
    """

    def __init__(
        self,
        line: ClientLine,
        call_id: str,
        endpoint: Endpoint,
        *,
        inbound: bool,
        session_id: str,
        number: str = "",
        name: str = "",
    ) -> None:
        loop = asyncio.get_running_loop()
        self.line = line
        self.id = call_id
        self.endpoint = endpoint
        endpoint.on_failed = self._failed
        self.fresh: Endpoint | None = None
        """The end of a new path that is being joined: what its client says of candidates is about this one."""
        self.inbound = inbound
        self.session_id = session_id
        self.number = number
        self.name = name
        self.answered: asyncio.Future[AnswerReceived] = loop.create_future()
        self.over: asyncio.Future[Cause] = loop.create_future()
        self.held = False
        self._known = inbound  # to its client: of one that has not rung nothing need be said
        self._answer_due: AnswerReceived | None = None  # an answer that has no reply yet
        self.control_id = new_control_id()
        self.leg_id = str(uuid.uuid1())
        self.connection_id = ""
        """The application or connection that owns it; empty: nobody is told of it."""
        self.client_state: str | None = None
        """Base64, as the last command that named one had it."""
        self.calling = ""
        self.called = ""
        self.direction = "outgoing" if inbound else "incoming"
        """As its owner sees it: a client of theirs calls out, somebody calls in, or (dialled) they call out."""
        self.party_type = "sip"
        """`sip`, or `pstn` for one from outside the network."""
        self.headers: Pairs = ()
        self.invite: InviteReceived | None = None
        """The invite that an inbound leg came with."""
        self.started = 0.0
        """Wallclock, as `answered_at` and `ended_at`, which are None until then."""
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.taken_at = 0.0
        """When its client took the call, by the monotonic clock, if it has."""
        self.put_through = False
        """It is one end of a call that nobody controls."""
        self.answer_ordered = False
        """It is to be answered: what needs an answered leg may be asked for, and is done once it is."""
        self.answering = False
        self.up: asyncio.Future[None] = loop.create_future()
        """Set when it has been answered and its media is up."""
        self.phones: list[Leg] = []
        """All that ring for this one leg, where its address reaches several; each is a leg to its own client."""
        self.describing = asyncio.Lock()
        """Held while an inbound one makes its own description, which it does once."""
        self.place: Place | None = None
        self.report: Reporter | None = None
        self.introduced = False
        self.activities: Activities | None = None
        """What it does by itself; there once it is up (see `LegActivities`)."""
        self.end = Ending()
        self.overrides = Overrides()
        """What commands said of its webhooks."""

    @property
    def telnyx_ids(self) -> tuple[tuple[str, str], ...]:
        """What clients are told of it, by the names of the wire."""
        return (
            ("telnyx_call_control_id", self.control_id),
            ("telnyx_session_id", self.session_id),
            ("telnyx_leg_id", self.leg_id),
        )

    def tell(self, event_type: str, **fields: object) -> None:
        """Say what happened to it (`call.answered`, `call.playback.started`, …) to whoever is told. A leg that was
        never introduced (`call.initiated`), since it came to nothing before it rang, ends without a word."""
        if event_type == "call.initiated":
            self.introduced = True
        elif event_type == "call.hangup" and not self.introduced:
            return
        if self.report is not None:
            self.report(self, event_type, fields)

    @property
    def rings_here(self) -> bool:
        """Its client called us, hears it ring, and nobody has ordered an answer."""
        return self.inbound and not self.answer_ordered and self.answered_at is None and not self.over.done()

    @property
    def is_answered(self) -> bool:
        """It was answered, and is not over."""
        return self.answered_at is not None and not self.over.done()

    @property
    def peer(self) -> Leg | None:
        """The leg that it is bridged to."""
        return self.place.other(self) if self.place is not None else None

    def connected(self, at: float) -> None:
        """It has been answered, and its media is up. `at` is wallclock."""
        self.answered_at = at
        if not self.up.done():
            self.up.set_result(None)

    async def settled(self) -> None:
        """Wait until it is up, or over."""
        await asyncio.wait((self.up, self.over), return_when=asyncio.FIRST_COMPLETED)

    def ring(self, invite: SendInvite) -> None:
        """Call its client."""
        self._known = True
        self.line.order(invite)

    def answer_arrived(self, answer: AnswerReceived, at: float) -> None:
        """Its client took the call, `at` by the monotonic clock; wants `accept_answer` or `refuse_answer`."""
        if not self.answered.done():
            self._answer_due, self.taken_at = answer, at
            self.answered.set_result(answer)

    @property
    def has_taken(self) -> bool:
        """Its client took the call, whatever became of it since."""
        return self.answered.done() and not self.answered.cancelled()

    def accept_answer(self) -> None:
        """Tell its client that the answer counts."""
        if self._answer_due is not None:
            self.line.order(AcceptAnswer(self._answer_due.request_id))
            self._answer_due = None

    def refuse_answer(self) -> None:
        """Tell its client that the answer came to nothing, unless it has its reply."""
        if self._answer_due is not None:
            self.line.order(RefuseRequest(self._answer_due.request_id))
            self._answer_due = None

    def give_up(self, how: Cause | str, by: EndedBy = "exchange") -> None:
        """It comes to nothing: a client that was called and has not answered is cancelled, else over for `how`."""
        self.refuse_answer()
        self.bye(how if self.inbound or self.answered.done() else "ORIGINATOR_CANCEL", by)

    def ended(self, how: Cause) -> None:
        """Its client hung up, or its line is gone. Nothing more is sent to it."""
        if not self.over.done():
            self.end.by = "party"
            self.over.set_result(how)

    def bye(self, how: Cause | str, by: EndedBy = "exchange") -> None:
        """End it from our side, by whose doing; a leg that is over stays as it ended."""
        if self.over.done():
            return
        row = cause(how) if isinstance(how, str) else how
        self.end.by = by
        self.over.set_result(row)
        if not self._known:
            return
        self.line.order(SendBye(self.id, row.name, row.code, sip_code=row.sip_code, sip_reason=row.sip_reason))

    def _failed(self, error: BaseException) -> bool:
        """A mistake of ours on the beat of this leg ends it; not from within the beat, which walks others yet."""
        log.error("leg.failed leg=%s %s: %s", self.id, type(error).__name__, error)
        asyncio.get_running_loop().call_soon(self.bye, "NORMAL_TEMPORARY_FAILURE")
        return False

    async def close(self) -> None:
        """Give the media back."""
        self.answered.cancel()
        self.up.cancel()
        if self.activities is not None:
            await self.activities.close()
        await self.endpoint.close()
