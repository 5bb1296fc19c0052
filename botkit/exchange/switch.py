"""The calls of an exchange: every leg from its beginning to its end, and what joins them.

A leg has a task of its own that ends when the leg is over and gives its media back. What joins legs is their
place (a bridge, a conference); whoever is told of a leg's end acts by itself. An inbound leg is controlled by
one of three: it is put through to whom it dialled (`direct`), it is parked for an application's commands, or a
TeXML document runs it.

The order on the caller's line is that of the platform: invite result, ringing, media (early media,
with a ringback tone), answer. The answer is held back until both media paths are up, so that
neither side loses what the other says first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

from botkit.causes import Cause
from botkit.clock import Clock, to_the_end
from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.address import parse_address
from botkit.exchange.bridge import DIGITS_PER_INFO, Bridge
from botkit.exchange.directory import Directory
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg, Reporter, state_of_client
from botkit.exchange.legs import Legs
from botkit.exchange.line import ClientLine
from botkit.exchange.outgoing import DialPlan, dial, hand_over, lasts, rings_out
from botkit.exchange.queue import Entry
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.registrar import Registrar
from botkit.exchange.setup import Refused, Setup, cause_of, watch_media
from botkit.exchange.transfer import transfer
from botkit.media.endpoint import Endpoint
from botkit.media.pacer import Pacer
from botkit.signalling.facts import InviteReceived, ModifyReceived
from botkit.signalling.orders import Pairs, RefuseRequest, ReplyModify, SendAnswer, SendMedia, SendRinging

log = logging.getLogger("botkit.exchange")

RING_TIMEOUT = 60.0
"""Seconds that the exchange lets a phone ring; no SDK stops by itself (signalling: the server owns it)."""

ANSWER_GRACE = 2.0
"""Seconds from an answer to a hang-up that may come before media can flow. Who waits longer for media that never
comes about, and gives up, has not been in a call."""

PARKED = 600.0
"""Seconds that a parked leg may ring; the platform documents no limit."""

Control = Callable[[Leg, InviteReceived], Awaitable[None]]
"""What becomes of an inbound leg. Returns when it is settled; raises `Refused` or a fault, and the leg ends."""


class Switch:
    """The calls. `make_endpoint` gives a leg of a line its media; a held party hears `hold_audio`.

    `start` runs work in a task that the exchange owns. `control` chooses what becomes of an inbound leg.
    """

    def __init__(
        self,
        clock: Clock,
        directory: Directory,
        registrar: Registrar[ClientLine],
        pacer: Pacer,
        make_endpoint: Callable[[ClientLine | None], Endpoint],
        hold_audio: HoldAudio,
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self.clock = clock
        self.legs = Legs(clock)
        self._directory = directory
        self.setup = Setup(clock, directory, registrar, make_endpoint, self._admit)
        self.control: Callable[[Leg, InviteReceived], Control] = lambda leg, invite: self.direct
        self.when_over: list[Callable[[Leg], None]] = []
        """Are told of every leg that is over, before its hang-up is told and its place is left."""
        self.when_new: list[Callable[[Leg], None]] = []
        """Are told of every leg that begins."""
        self.actions: dict[str, Callable[[Leg, ModifyReceived], None]] = {}
        """Further actions that a client may ask for by `modify`; each replies by itself."""
        self.report: Reporter | None = None
        """Is told what happens to every leg."""
        self.forbidden: Callable[[str], str] = lambda address: ""
        """Why an address may not be dialled; empty: it may."""
        self.start = start
        self.hold_audio = hold_audio
        self._pacer = pacer

    @property
    def bridges(self) -> Mapping[Leg, Bridge]:
        """The bridge of each joined leg."""
        return {leg: leg.place for leg in self.legs if isinstance(leg.place, Bridge)}

    # --- a leg's life ------------------------------------------------------------------------------

    async def handle(self, line: ClientLine, invite: InviteReceived) -> None:
        """An inbound leg from its invite to its end. Never raises what a client did wrong."""
        user = line.user
        number = invite.caller_number or (user.caller_number or user.name if user else "")
        leg = self.setup.leg(line, invite.call_id, str(uuid.uuid4()), inbound=True, number=number)
        leg.name, leg.invite, leg.headers = invite.caller_name, invite, invite.headers
        leg.calling, leg.called = number, invite.destination
        leg.client_state = state_of_client(invite.client_state)
        if user is not None:
            leg.connection_id = user.connection.id
            leg.party_type = "pstn" if user.origin.outside else "sip"
        async with self._until_over(leg):
            await self.control(leg, invite)(leg, invite)
            await asyncio.wait((leg.over,))  # a wait, so that a cancelled task leaves the promise alone

    def keep(self, leg: Leg) -> None:
        """See to the end of a leg that the exchange has made itself."""
        self.start(self._kept(leg), f"call {leg.id}")

    async def _kept(self, leg: Leg) -> None:
        async with self._until_over(leg):
            await asyncio.wait((leg.over,))

    @contextlib.asynccontextmanager
    async def _until_over(self, leg: Leg) -> AsyncIterator[None]:
        try:
            yield
        except Refused as refusal:
            leg.bye(refusal.how, "peer")
        except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
            log.info("call.failed call=%s %s", leg.id, fault)
            leg.bye(cause_of(fault))
        finally:
            leg.give_up("SYSTEM_SHUTDOWN")
            self._over(leg)
            await to_the_end(self._forget(leg))

    async def _forget(self, leg: Leg) -> None:
        leg.line.forget(leg)
        await leg.close()

    def _admit(self, leg: Leg) -> None:
        self.legs.add(leg)
        leg.report = self.report
        leg.over.add_done_callback(lambda _: self._over(leg))
        for begin in self.when_new:
            begin(leg)

    def _over(self, leg: Leg) -> None:
        if leg.ended_at is not None:
            return
        leg.ended_at = self.clock.wall()
        if leg.end.by == "command":
            for phone in leg.phones:
                phone.give_up(leg.over.result(), "command")
        if leg.phones and self._rings_on(leg):
            return
        if leg.activities is not None:
            leg.activities.cut("hangup")
        for end in self.when_over:
            end(leg)
        leg.tell("call.hangup", state="hangup")
        if leg.place is not None:
            leg.place.leave(leg)
        self.legs.ended(leg)

    def _rings_on(self, leg: Leg) -> bool:
        """Whether the leg goes on, or ends, by another of its phones."""
        if self.legs.face(leg) is not leg:
            return True
        return hand_over(self, leg)

    # --- joining -----------------------------------------------------------------------------------

    def leave(self, leg: Leg) -> None:
        """Take a leg out of where it is: it is parked, and hears silence."""
        if leg.place is not None:
            leg.place.leave(leg)
            leg.place = None
        if leg.endpoint.described:
            leg.endpoint.session.stop_playing()

    def bridge(self, one: Leg, other: Leg, *, stays: Mapping[Leg, str] | None = None) -> Bridge:
        """From now on they hear each other. Each leaves where it was; `stays`: see `Bridge`."""
        if (before := _bridge_of(one)) is not None and before.other(one) is other:
            before.dissolve()
        bridge = Bridge(self.clock, self._pacer, self.hold_audio, one, other, stays=stays)
        for leg in (one, other):
            if leg.activities is not None:
                leg.activities.cut("bridged")
            self.leave(leg)
        bridge.join()
        for leg in (one, other):
            leg.tell("call.bridged")
        return bridge

    # --- an inbound leg that is put through to whom it dialled -------------------------------------

    async def direct(self, caller: Leg, invite: InviteReceived) -> None:
        """Until both are up and joined. Raises `Refused`."""
        caller.tell("call.initiated", direction=caller.direction, state="bridging")
        self.permit(invite.destination)
        called = self.setup.to(invite.destination, caller.session_id, caller.line.origin)
        caller.put_through = caller.answering = True
        for leg in called:
            leg.put_through = True
            leg.calling, leg.called = caller.calling, invite.destination
            self.keep(leg)
        try:
            taken = await self._put_through(caller, called, invite)
        except BaseException as error:
            how = error.how if isinstance(error, Refused) else _cause(error)
            since = self.clock.now() - ANSWER_GRACE
            answered = any(leg.has_taken and leg.over.done() and leg.taken_at > since for leg in called)
            if answered and not caller.over.done():
                # Who answers and hangs up in the same breath has answered: its caller is told both.
                caller.line.order(SendAnswer(caller.id, telnyx_ids=caller.telnyx_ids))
            for leg in called:
                if not leg.over.done():
                    leg.end.limit = error.limit if isinstance(error, Refused) else ""
                    leg.give_up(how, "peer")
            raise
        self.bridge(caller, taken)

    async def _put_through(self, caller: Leg, called: list[Leg], invite: InviteReceived) -> Leg:
        answer = await self._described(caller)
        assert answer is not None, "nobody has described it before"
        async with _Owned() as early:

            def ringing() -> None:
                for leg in called:
                    leg.tell("call.initiated", direction=leg.direction, state="bridging")
                caller.line.order(SendRinging(caller.id, telnyx_ids=caller.telnyx_ids))
                caller.line.order(SendMedia(caller.id, answer))
                early.run(self._early_media(caller))

            taken = await self.setup.reach(
                (caller,),
                called,
                within=RING_TIMEOUT,
                codecs=caller.endpoint.codec_names,
                caller_name=caller.name,
                caller_number=caller.number,
                headers=invite.headers,
                client_state=invite.client_state,
                when_ringing=ringing,
                before_media=lambda: asyncio.shield(early.task),
            )
        watch_media(caller)
        caller.connected(self.clock.wall())
        caller.line.order(SendAnswer(caller.id, telnyx_ids=caller.telnyx_ids))
        for leg in (taken, caller):
            leg.tell("call.answered", state="answered")
        return taken

    async def _early_media(self, caller: Leg) -> None:
        await caller.endpoint.connect()
        caller.endpoint.play_ringback()

    # --- a leg that an application controls --------------------------------------------------------

    async def park(self, leg: Leg, invite: InviteReceived) -> None:
        """Let an inbound leg ring, for whoever is told of it to act."""
        leg.line.order(SendRinging(leg.id, telnyx_ids=leg.telnyx_ids))
        leg.tell("call.initiated", direction=leg.direction, state="parked")
        self.start(rings_out(self, leg, PARKED), f"call {leg.id} rings")

    async def early_media(self, leg: Leg) -> None:
        """Give an inbound leg its media before the answer. Once a leg. Raises `SdpError`, a fault or `Refused`."""
        if (sdp := await self._described(leg)) is None:
            return
        leg.line.order(SendMedia(leg.id, sdp))
        await self.setup.unless_over((), leg, leg.endpoint.connect())
        watch_media(leg)

    async def _described(self, leg: Leg) -> str | None:
        """An inbound leg's own description; None where its client has it. Raises `SdpError`, a fault or `Refused`."""
        async with leg.describing:
            if leg.endpoint.described or leg.invite is None:
                return None
            sdp = await leg.endpoint.answer(leg.invite.sdp, trickle=leg.invite.trickle)
        self.setup.check((), leg)
        leg.line.flush_candidates(leg)
        return sdp

    async def answer(self, leg: Leg, headers: Pairs = ()) -> None:
        """Answer an inbound leg, once; what goes wrong ends it. Returns when its media is up, or it is over."""
        if leg.answering or leg.invite is None:
            return
        leg.answering = leg.answer_ordered = True
        try:
            sdp = await self._described(leg)
            leg.line.order(SendAnswer(leg.id, sdp, headers, telnyx_ids=leg.telnyx_ids))
            await self.setup.unless_over((), leg, leg.endpoint.connect())
        except Refused as refusal:
            leg.bye(refusal.how)
        except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
            log.info("call.failed call=%s %s", leg.id, fault)
            leg.bye(cause_of(fault))
        else:
            watch_media(leg)
            leg.connected(self.clock.wall())
            leg.tell("call.answered", state="answered")

    def check(self, plan: DialPlan) -> None:
        """Raise `CommandRefused` 10010 for an address that may not be dialled."""
        for address in plan.to:
            if why := self._why_not(address):
                raise CommandRefused("10010", why, pointer="/to")

    def permit(self, address: str) -> None:
        """Raise `Refused` for an address that a client may not dial, or transfer to."""
        if why := self._why_not(address):
            log.info("call.forbidden %s", why)
            raise Refused("CALL_REJECTED")

    def _why_not(self, address: str) -> str:
        plain = parse_address(address)  # digits that are sent after the answer are no part of the number
        here = not plain.host or plain.host in self._directory.hosts
        if here and not plain.is_number and self._directory.identity(plain.user) is not None:
            return ""  # a client of ours by its name: no number, and it leaves nothing
        return self.forbidden(f"{plain.user}@{plain.host}" if plain.host else plain.user)

    def dial(self, plan: DialPlan) -> list[Leg]:
        """See `botkit.exchange.outgoing.dial`."""
        return dial(self, plan)

    def limit(self, leg: Leg, seconds: float) -> None:
        """End an answered leg after so many seconds."""
        self.start(lasts(self, leg, seconds), f"call {leg.id} lasts")

    # --- what a client asks for during a call ------------------------------------------------------

    def modify(self, line: ClientLine, asked: ModifyReceived) -> None:
        """Hold, resume, toggle, transfer; what we cannot do is refused."""
        leg = line.legs.get(asked.call_id)
        if leg is None or not leg.is_answered:
            line.order(RefuseRequest(asked.request_id, message="CALL DOES NOT EXIST"))
        elif asked.action in ("hold", "unhold", "toggleHold"):
            self._hold(leg, asked.hold_state == "held")
            line.order(ReplyModify(asked.request_id, hold_state=asked.hold_state))
        elif asked.action == "transfer" and isinstance(leg.place, Bridge) and not leg.place.moving:
            leg.place.moving = True
            self.start(self._transfer(leg.place, leg, asked), f"call {leg.id} transfer")
        elif asked.action in self.actions:
            self.actions[asked.action](leg, asked)
        else:
            # Only one transfer of a call can be under way.
            said = "transfer failed" if asked.action == "transfer" else f"cannot {asked.action}"
            line.order(RefuseRequest(asked.request_id, message=said))

    def _hold(self, leg: Leg, held: bool) -> None:
        if leg.held is held:
            return
        peer, bridge = leg.peer, _bridge_of(leg)
        if bridge is not None:
            bridge.hold(leg, held)
        leg.held = held
        if peer is not None:
            peer.tell("call.hold" if held else "call.unhold")

    async def _transfer(self, bridge: Bridge, leg: Leg, asked: ModifyReceived) -> None:
        bridge.part()
        new = await transfer(self, bridge, leg, asked)
        bridge.moving = False
        if new is not None:
            bridge.dissolve()
            self.bridge(bridge.other(leg), new)
        elif not bridge.dissolved.is_set() and not any(one.over.done() for one in bridge.legs):
            bridge.join()

    def carry_digits(self, line: ClientLine, call_id: str, digits: str) -> None:
        """Digits by `info`: carried to the other leg, and heard by the exchange."""
        leg = line.legs.get(call_id)
        if leg is None:
            return
        if (bridge := _bridge_of(leg)) is not None:
            bridge.carry_digits(digits, leg)
        if leg.activities is not None:
            for digit in digits[:DIGITS_PER_INFO]:
                leg.activities.hear_digit(digit, "info")


def _bridge_of(leg: Leg) -> Bridge | None:
    """The bridge that it is in, also while it waits in a queue."""
    place = leg.place.beneath if isinstance(leg.place, Entry) else leg.place
    return place if isinstance(place, Bridge) else None


def _cause(error: BaseException) -> Cause | str:
    if isinstance(error, (NetworkFault, TimeoutFault, RemoteProtocolError)):
        return cause_of(error)
    return "SYSTEM_SHUTDOWN"


class _Owned:
    """A scope that owns one task, begun within it."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self._begun = False

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = asyncio.ensure_future(work)
        self._begun = True

    async def __aenter__(self) -> _Owned:
        return self

    async def __aexit__(self, *exception: object) -> None:
        if not self._begun:
            return
        if not self.task.done():
            self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, NetworkFault, TimeoutFault):
            await self.task
