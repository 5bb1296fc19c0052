"""`Dial` to a conference: the leg has a seat in it until it leaves, or the conference ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botkit.exchange.texml.callbacks import Notice
from botkit.exchange.texml.dial import Outcome, joined_until
from botkit.exchange.texml.fetch import Loaded
from botkit.exchange.texml.fields import Fields
from botkit.exchange.texml.outcome import Mode, Next, Stop
from botkit.exchange.texml.port import RoomEvent, RoomListener, Seat, SeatOrder
from botkit.exchange.texml.racing import race, settled
from botkit.exchange.texml.recording import recording_of
from botkit.exchange.texml.services import Services
from botkit.exchange.texml.verbs import Conference, Dial
from botkit.exchange.texml.waiting import wait_with

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

_WORDS = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-speech-start": "speaker",
}
"""The event of a callback, and its word in `statusCallbackEvent`."""


async def confer(program: Program, verb: Dial, noun: Conference, loaded: Loaded) -> Next:
    """Enter, wait for the start with the document of `waitUrl`, stay until out; then `action`, or the next verb."""
    clock = program.services.clock
    wait = loaded.link(noun.wait_url, noun.wait_method) if noun.wait_url else None
    order = SeatOrder(
        noun.name,
        muted=noun.muted,
        start_on_enter=noun.start_conference_on_enter,
        end_on_exit=noun.end_conference_on_exit,
        max_participants=noun.max_participants,
        beep=noun.beep,
        label=noun.participant_label,
        record=noun.record == "record-from-start",
        has_wait=wait is not None,
        listener=_listener(program, noun, loaded),
    )
    await program.leg.answer()
    seat = program.leg.join(order)
    outcome = Outcome(status="completed", joined_at=clock.now())
    waiting = program.branch(Mode.WAITING, extra=lambda: _room_fields(seat.conference_sid, noun.name))
    stop: Stop | None = None

    async def together() -> None:
        nonlocal stop
        done = await race(started=settled(seat.started, seat.out), wait=wait_with(waiting, wait))
        stop = done.get("wait")
        if stop is None:
            await settled(seat.out)

    try:
        async with recording_of(program, verb, loaded) as recording:
            await joined_until(program, verb, together)
        outcome.recorded = recording.done
    except asyncio.CancelledError:
        if program.leg.over.done():
            program.after(loaded, verb.action, verb.method, _after_fields(seat, noun, outcome, clock.now()))
        raise
    finally:
        seat.leave()
    if stop is Stop.HANG_UP:
        return stop
    return program.after(loaded, verb.action, verb.method, _after_fields(seat, noun, outcome, clock.now()))


def _room_fields(sid: str, name: str) -> Fields:
    return {"ConferenceSid": sid, "FriendlyName": name}


def _after_fields(seat: Seat, noun: Conference, outcome: Outcome, now: float) -> Fields:
    return {**outcome.fields(now), **_room_fields(seat.conference_sid, noun.name)}


def _listener(program: Program, noun: Conference, loaded: Loaded) -> RoomListener | None:
    """Who tells the document's server of the conference; None where it did not ask."""
    if not noun.status_callback or not noun.status_callback_event:
        return None
    target = loaded.link(noun.status_callback, noun.status_callback_method)
    return _RoomTeller(program.services, noun, target.url, target.method, program.leg.facts.connection_id)


class _RoomTeller:
    """Tells of the events that were asked for; it outlives the leg that brought it."""

    def __init__(self, services: Services, noun: Conference, url: str, method: str, connection_id: str) -> None:
        self._services = services
        self._noun = noun
        self._url, self._method = url, method
        self._connection_id = connection_id
        self._sent = 0

    def __call__(self, event: RoomEvent) -> None:
        if _WORDS[event.kind] not in self._noun.status_callback_event:
            return
        fields = {
            "AccountSid": self._services.account_sid,
            "ConnectionId": self._connection_id,
            **_room_fields(event.sid, event.name),
            "StatusCallbackEvent": event.kind,
            "SequenceNumber": str(self._sent),
            "Timestamp": self._services.now_text(),
            **dict(event.fields),
        }
        self._sent += 1
        self._services.callbacks.send(event.sid, Notice(self._url, "GET" if self._method == "GET" else "POST", fields))
