"""A leg of the exchange as documents see it: the port, carried out by the switch, the activities and the rooms."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Literal

from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.activities.activities import Activities
from botkit.exchange.activities.utterance import CALL_HANGUP, CANCELLED, COMPLETED, Outcome
from botkit.exchange.bridge import Bridge
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.refusal import CommandRefused, call_ended, not_answered
from botkit.exchange.setup import Refused
from botkit.exchange.texml.port import DialOrder, Digits, Ending, LegFacts, RecordingOrder, SeatOrder, TexmlLeg
from botkit.exchange.texml.real_recording import RealRecording

if TYPE_CHECKING:
    from botkit.exchange.texml.house import House

log = logging.getLogger("botkit.exchange")

PARKED = "parked"


class _Listener:
    """The digits of one listener."""

    def __init__(self) -> None:
        self._digits: asyncio.Queue[str] = asyncio.Queue()
        self.put = self._digits.put_nowait

    async def next(self) -> str:
        return await self._digits.get()


class RealTexmlLeg:
    """A leg of the switch. Of an address that rings several phones, it is the leg of the phone that answered."""

    def __init__(self, house: House, leg: Leg) -> None:
        loop = asyncio.get_running_loop()
        self.house = house
        self.leg = leg
        self.ringing: asyncio.Future[None] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[Ending] = loop.create_future()
        self.served = asyncio.Event()
        """Set when nobody has taken it out of a queue, or has it no more."""
        self._listeners: list[_Listener] = []
        self._early: asyncio.Task[None] | None = None
        self.facts = facts_of(leg)
        self.ringing.set_result(None)
        self.follow(leg)

    def follow(self, leg: Leg) -> None:
        """This is the leg from now on: what becomes of it becomes of us."""
        self.leg = leg
        if leg.answered_at is not None:
            self._is_up()
        else:
            leg.up.add_done_callback(lambda up: None if up.cancelled() or self.leg is not leg else self._is_up())
        leg.over.add_done_callback(lambda _over: self._is_over(leg))

    def _is_up(self) -> None:
        if not self.answered.done() and not self.over.done():
            self.house.activities(self.leg)  # its digits are heard from now on
            self.answered.set_result(None)

    def _is_over(self, leg: Leg) -> None:
        if self.leg is not leg or self.over.done():
            return
        other = self.house.fork_of(leg)
        if other is not None:
            self.follow(other)
            return
        self.over.set_result(ending_of(leg))
        self.house.forget(self)

    def heard(self, digit: str) -> None:
        """The party has pressed a key."""
        for listener in self._listeners:
            listener.put(digit)

    # --- states -------------------------------------------------------------------------------------------

    async def answer(self) -> None:
        if self._early is not None:
            await asyncio.wait((self._early,))
        leg = self.leg
        if not leg.answering and leg.inbound:
            work = self.house.start(self.house.switch.answer(leg), f"call {leg.id} answers")
            await asyncio.wait((work,))  # whose cancelling would leave the media half joined
        await leg.settled()
        if not leg.is_answered:
            raise call_ended()
        if not self.answered.done():
            self._is_up()

    def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        self.leg.give_up(cause, "command")

    def reject(self, reason: Literal["rejected", "busy"]) -> None:
        # rejected is SIP 404, busy 486 (team-telnyx/ai migration guide)
        self.leg.bye("USER_BUSY" if reason == "busy" else "UNALLOCATED_NUMBER", "command")

    def _activities(self) -> Activities:
        if self.leg.over.done():
            raise call_ended()
        if not self.leg.endpoint.described:
            raise not_answered()
        return self.house.activities(self.leg)

    # --- sound ----------------------------------------------------------------------------------------------

    async def say(self, text: str, *, voice: str, language: str) -> None:
        _heard(await self._activities().speak_to_end(payload=text, voice=voice, language=language or None))

    async def play(self, url: str) -> None:
        stored = {} if "://" in url else {"media_name": url}
        _heard(await self._activities().play_to_end(**(stored or {"audio_url": url})))

    async def ring_back(self, tone: str, audio_url: str) -> None:
        await self._early_media()
        if audio_url:
            _heard(await self._activities().play_to_end(audio_url=audio_url, loop="infinity"))
            return
        self._activities()
        self.leg.endpoint.play_ringback()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if not self.leg.over.done():
                self.leg.endpoint.session.stop_playing()

    async def _early_media(self) -> None:
        """Media before the answer, once. Its task is not cancelled with a caller: the answer would find it half up."""
        if not self.leg.inbound or self.leg.answering:
            return
        if self._early is None:
            self._early = self.house.start(self._open_early(), f"call {self.leg.id} early media")
        await asyncio.wait((self._early,))

    async def _open_early(self) -> None:
        try:
            await self.house.switch.early_media(self.leg)
        except Refused as refusal:
            self.leg.bye(refusal.how)
        except (NetworkFault, TimeoutFault, RemoteProtocolError) as fault:
            log.info("call.failed call=%s %s", self.leg.id, fault)
            self.leg.bye("INCOMPATIBLE_DESTINATION")

    async def send_digits(self, digits: str) -> None:
        await self._activities().send_dtmf(digits=digits)

    # --- hearing --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def digits(self) -> Iterator[Digits]:
        activities = self._activities()
        listener = _Listener()
        self._listeners.append(listener)
        activities.listen()
        try:
            yield listener
        finally:
            activities.listen_no_more()
            self._listeners.remove(listener)

    def record(self, order: RecordingOrder) -> RealRecording:
        return RealRecording(self._activities(), self.house.recordings, order)

    # --- others ---------------------------------------------------------------------------------------------

    def dial(self, order: DialOrder) -> TexmlLeg:
        leg = self.leg
        return self.house.dial(
            DialPlan(
                to=(order.address,),
                calling=order.caller_id,
                connection_id=leg.connection_id,
                name=order.display_name,
                session_id=leg.session_id,
                timeout=order.timeout,
                headers=order.headers,
                codecs=leg.endpoint.codec_names if leg.endpoint.described else None,
            )
        )

    def part(self) -> None:
        if isinstance(self.leg.place, Bridge):
            self.leg.place.dissolve()

    async def bridge(self, other: TexmlLeg) -> None:
        assert isinstance(other, RealTexmlLeg)
        near, far = self.leg, other.leg
        if near.over.done() or far.over.done():
            raise call_ended()
        if not near.is_answered or not far.is_answered:
            raise not_answered()
        bridge = self.house.switch.bridge(near, far, stays={near: PARKED, far: PARKED})
        try:
            await bridge.dissolved.wait()
        finally:
            if not bridge.dissolved.is_set():
                bridge.dissolve()

    def enqueue(self, queue: str) -> Any:
        return self.house.rooms.enqueue(self, queue)

    @contextlib.asynccontextmanager
    async def take_from(self, queue: str) -> AsyncIterator[TexmlLeg | None]:
        taken = self.house.rooms.take(queue)
        if taken is None:
            yield None
            return
        taken.served.clear()
        try:
            yield taken
        finally:
            taken.served.set()

    def join(self, order: SeatOrder) -> Any:
        return self.house.rooms.join(self, order)


def facts_of(leg: Leg) -> LegFacts:
    """What a leg is, as web servers are told. A client's own ids come as headers, as they do in webhooks."""
    own = (("X-RTC-CALLID", leg.id),) if leg.inbound and leg.party_type == "sip" else ()
    return LegFacts(
        sid=leg.control_id,
        leg_id=leg.leg_id,
        session_id=leg.session_id,
        connection_id=leg.connection_id,
        calling=leg.calling or leg.number,
        called=leg.called,
        direction="inbound" if leg.inbound else "outbound",
        party="pstn" if leg.party_type == "pstn" else "sip",
        calling_uri=_uri(leg.calling or leg.number),
        called_uri=_uri(leg.called),
        headers=(*own, *leg.headers),
        caller_name=leg.name,
    )


def _uri(address: str) -> str:
    bare = address.removeprefix("sips:").removeprefix("sip:")
    return "" if not bare else bare if "@" in bare else f"{bare}@sip.telnyx.com"


def ending_of(leg: Leg) -> Ending:
    """How a leg that is over ended, with who hung up: on a leg that the exchange dialled its party is the callee."""
    how, by = leg.over.result(), leg.end.by
    if leg.end.limit in ("timeout", "no_answer"):
        return Ending("NO_ANSWER", 480, "unknown")
    party, far = ("caller", "callee") if leg.inbound else ("callee", "caller")
    source = party if by == "party" else far if by == "peer" else "unknown"
    return Ending(how.name, how.sip_code, source)  # type: ignore[arg-type]


def _heard(outcome: Outcome) -> None:
    """Raise `CommandRefused` where a sound could not be had."""
    if outcome.status not in (COMPLETED, CANCELLED, CALL_HANGUP):
        raise CommandRefused("90040", outcome.detail or outcome.status)
