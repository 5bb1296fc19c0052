"""REST: conferences and their participants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query

from botkit.exchange.activities import checks
from botkit.exchange.activities.sounds import ByText, What
from botkit.exchange.conference import Conference, ConferencePlan
from botkit.exchange.conference_sound import Kind, RoomOrder
from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest import conference_bodies as bodies
from botkit.exchange.rest.envelope import Json, Paging, data, listed, ok, stamp
from botkit.exchange.rest.on_answer import hold_audio
from botkit.exchange.seat import Seat, SeatPlan

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

Status = Literal["init", "in_progress", "completed"]


def router(exchange: Exchange) -> APIRouter:
    """The routes of conferences."""
    routes = APIRouter(prefix="/conferences", tags=["Conferences"])
    doors = _Commands(exchange)
    conferences, recordings = exchange.platform.conferences, exchange.platform.conference_recordings

    @routes.post("", summary="Create a conference from a live call")
    async def create(body: bodies.Create) -> Json:
        return data(shown(await doors.create(body)))

    @routes.get("", summary="List conferences")
    async def list_conferences(
        page: Paging,
        name: Annotated[str | None, Query(alias="filter[name]")] = None,
        status: Annotated[Status | None, Query(alias="filter[status]")] = None,
        connection_id: Annotated[str | None, Query(alias="filter[connection_id]")] = None,
        leg_id: Annotated[str | None, Query(alias="filter[leg_id]")] = None,
        application_session_id: Annotated[str | None, Query(alias="filter[application_session_id]")] = None,
    ) -> Json:
        found = [
            one
            for one in conferences
            if name in (None, one.name)
            and status in (None, one.status)
            and connection_id in (None, one.connection_id)
            and (leg_id is None or any(seat.leg.leg_id == leg_id for seat in one.seats))
            and application_session_id in (None, one.creator.session_id)
        ]
        return listed([shown(one) for one in sorted(found, key=lambda one: one.expires_at, reverse=True)], page)

    @routes.get("/{conference_id}", summary="Retrieve a conference")
    async def retrieve(conference_id: str) -> Json:
        return data(shown(conferences.get(conference_id)))

    @routes.get("/{conference_id}/participants", summary="List participants")
    async def list_participants(
        conference_id: str,
        page: Paging,
        muted: Annotated[bool | None, Query(alias="filter[muted]")] = None,
        on_hold: Annotated[bool | None, Query(alias="filter[on_hold]")] = None,
        whispering: Annotated[bool | None, Query(alias="filter[whispering]")] = None,
    ) -> Json:
        seats = [
            seat
            for seat in conferences.get(conference_id).seats
            if muted in (None, seat.muted) and on_hold in (None, seat.on_hold) and whispering in (None, seat.whispers)
        ]
        return listed([participant(seat) for seat in seats], page)

    @routes.get("/{conference_id}/participants/{participant_id}", summary="Retrieve a participant")
    async def retrieve_participant(conference_id: str, participant_id: str) -> Json:
        return data(one_participant(_seat(conferences.get(conference_id), participant_id)))

    @routes.patch("/{conference_id}/participants/{participant_id}", summary="Update a participant")
    async def update_participant(conference_id: str, participant_id: str, body: bodies.UpdateParticipant) -> Json:
        conference = conferences.get(conference_id)
        seat = _seat(conference, participant_id)
        if body.beep_enabled is not None:
            seat.beep = body.beep_enabled
        if body.end_conference_on_exit is not None:
            seat.end_on_exit = body.end_conference_on_exit
        if body.soft_end_conference_on_exit is not None:
            seat.soft_end_on_exit = body.soft_end_conference_on_exit
        conference.changed(seat)
        return data(one_participant(seat))

    @routes.post("/{conference_id}/actions/join", summary="Join a conference")
    async def join(conference_id: str, body: bodies.Join) -> Json:
        return await doors.join(conferences.get(conference_id), body)

    @routes.post("/{conference_id}/actions/leave", summary="Leave a conference")
    async def leave(conference_id: str, body: bodies.Leave) -> Json:
        return doors.leave(conferences.get(conference_id), body)

    @routes.post("/{conference_id}/actions/end", summary="End a conference")
    async def end(conference_id: str, body: bodies.End) -> Json:
        conference = conferences.get(conference_id)
        return doors.once(conference, body.command_id, conference.end)

    @routes.post("/{conference_id}/actions/mute", summary="Mute participants")
    async def mute(conference_id: str, body: bodies.Some) -> Json:
        conferences.get(conference_id).mute(True, body.call_control_ids)
        return ok()

    @routes.post("/{conference_id}/actions/unmute", summary="Unmute participants")
    async def unmute(conference_id: str, body: bodies.Some) -> Json:
        conferences.get(conference_id).mute(False, body.call_control_ids)
        return ok()

    @routes.post("/{conference_id}/actions/hold", summary="Hold participants")
    async def hold(conference_id: str, body: bodies.Hold) -> Json:
        audio = hold_audio(exchange, body.audio_url, body.media_name)
        conferences.get(conference_id).hold(body.call_control_ids, audio)
        return ok()

    @routes.post("/{conference_id}/actions/unhold", summary="Unhold participants")
    async def unhold(conference_id: str, body: bodies.Unhold) -> Json:
        conferences.get(conference_id).unhold(body.call_control_ids)
        return ok()

    @routes.post("/{conference_id}/actions/play", summary="Play audio to participants")
    async def play(conference_id: str, body: bodies.Play) -> Json:
        return doors.play(conferences.get(conference_id), body)

    @routes.post("/{conference_id}/actions/speak", summary="Speak text to participants")
    async def speak(conference_id: str, body: bodies.Speak) -> Json:
        return doors.speak(conferences.get(conference_id), body)

    @routes.post("/{conference_id}/actions/stop", summary="Stop audio that is played")
    async def stop(conference_id: str, body: bodies.Some) -> Json:
        conferences.sound(conferences.get(conference_id)).stop(body.call_control_ids)
        return ok()

    @routes.post("/{conference_id}/actions/send_dtmf", summary="Send DTMF to participants")
    async def send_dtmf(conference_id: str, body: bodies.SendDtmf) -> Json:
        for seat in conferences.get(conference_id).some(body.call_control_ids):
            exchange.platform.activities.of(seat.leg).send_dtmf(
                digits=body.digits, duration_millis=body.duration_millis
            )
        return ok()

    @routes.post("/{conference_id}/actions/record_start", summary="Record a conference")
    async def record_start(conference_id: str, body: bodies.RecordStart) -> Json:
        wanted = checks.recording(
            channels=body.channels,
            format=body.format,
            play_beep=body.play_beep,
            trim=body.trim,
            custom_file_name=body.custom_file_name,
        )
        conference = conferences.get(conference_id)
        return doors.once(conference, body.command_id, lambda: recordings.start(conference, wanted))

    @routes.post("/{conference_id}/actions/record_stop", summary="Stop a recording")
    async def record_stop(conference_id: str, body: bodies.OfRecording) -> Json:
        conference = conferences.get(conference_id)
        return doors.once(conference, body.command_id, lambda: recordings.of(conference, body.recording_id).stop())

    @routes.post("/{conference_id}/actions/record_pause", summary="Pause a recording")
    async def record_pause(conference_id: str, body: bodies.OfRecording) -> Json:
        recordings.of(conferences.get(conference_id), body.recording_id).paused = True
        return ok()

    @routes.post("/{conference_id}/actions/record_resume", summary="Resume a recording")
    async def record_resume(conference_id: str, body: bodies.OfRecording) -> Json:
        recordings.of(conferences.get(conference_id), body.recording_id).paused = False
        return ok()

    @routes.post("/{conference_id}/actions/update", summary="Change a supervisor's role")
    async def update(conference_id: str, body: bodies.Update) -> Json:
        conference = conferences.get(conference_id)
        return doors.once(
            conference,
            body.command_id,
            lambda: conference.supervise(body.call_control_id, body.supervisor_role, body.whisper_call_control_ids),
        )

    return routes


class _Commands:
    """From bodies to conferences."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def once(self, conference: Conference, command_id: str | None, work: Callable[[], object]) -> Json:
        """Do it, but for a repetition."""
        commands = self._exchange.platform.commands
        repeated, _ = commands.repeated(conference.id, command_id)
        if not repeated:
            work()
            commands.remember(conference.id, command_id)
        return ok()

    async def create(self, body: bodies.Create) -> Conference:
        exchange = self._exchange
        leg = exchange.switch.legs.live(body.call_control_id)
        repeated, made = exchange.platform.commands.repeated(leg.control_id, body.command_id)
        if repeated and isinstance(made, Conference):
            return made
        plan = ConferencePlan(
            body.name,
            beep=body.beep_enabled,
            hold_audio=hold_audio(exchange, body.hold_audio_url, body.hold_media_name, "hold_"),
            max_participants=body.max_participants,
            start_on_create=body.start_conference_on_create,
            duration_minutes=body.duration_minutes,
            region=body.region or "US",
        )
        await exchange.platform.commands.ready(leg)
        before, leg.client_state = leg.client_state, body.client_state or leg.client_state
        try:
            conference = exchange.platform.conferences.create(leg, plan)
        except CommandRefused:
            leg.client_state = before
            raise
        exchange.platform.commands.remember(leg.control_id, body.command_id, conference)
        return conference

    async def join(self, conference: Conference, body: bodies.Join) -> Json:
        exchange = self._exchange
        conference.need_active()
        leg = exchange.switch.legs.live(body.call_control_id)
        if exchange.platform.commands.repeated(leg.control_id, body.command_id)[0]:
            return ok()
        plan = SeatPlan(
            muted=body.mute,
            on_hold=body.hold,
            hold_audio=hold_audio(exchange, body.hold_audio_url, body.hold_media_name, "hold_"),
            end_on_exit=body.end_conference_on_exit,
            soft_end_on_exit=body.soft_end_conference_on_exit,
            start_on_enter=body.start_conference_on_enter,
            role=body.supervisor_role,
            whisper_to=tuple(body.whisper_call_control_ids),
            beep=body.beep_enabled,
        )
        await exchange.platform.commands.ready(leg)
        conference.join(leg, plan)
        if body.client_state is not None:
            leg.client_state = body.client_state
        exchange.platform.commands.remember(leg.control_id, body.command_id)
        return ok()

    def leave(self, conference: Conference, body: bodies.Leave) -> Json:
        def go() -> None:
            conference.need_active()
            self._exchange.switch.legs.live(body.call_control_id)
            conference.leave(body.call_control_id, body.beep_enabled)

        return self.once(conference, body.command_id, go)

    def play(self, conference: Conference, body: bodies.Play) -> Json:
        what = checks.audio(body.audio_url, body.media_name)
        if what is None:
            raise CommandRefused("10004", "One of audio_url and media_name is required.", pointer="/audio_url")
        fields = {"media_url": body.audio_url or None, "media_name": body.media_name or None}
        self._play(conference, "playback", what, body.call_control_ids, checks.turns(body.loop), fields)
        return ok()

    def speak(self, conference: Conference, body: bodies.Speak) -> Json:
        what = ByText(body.payload, body.payload_type == "ssml", body.language or "en-US", body.voice)
        return self.once(
            conference, body.command_id, lambda: self._play(conference, "speak", what, body.call_control_ids, 1, {})
        )

    def _play(
        self, conference: Conference, kind: Kind, what: What, to: list[str], turns: int | None, fields: dict[str, Any]
    ) -> None:
        exchange = self._exchange
        order = RoomOrder(kind, lambda: exchange.platform.sounds.source(what), tuple(to), turns, fields)
        exchange.platform.conferences.sound(conference).play(order)


def shown(conference: Conference) -> Json:
    """A conference as it is sent."""
    by = conference.ended_by
    told: Json = {
        "record_type": "conference",
        "id": conference.id,
        "name": conference.name,
        "status": conference.status,
        "connection_id": conference.connection_id,
        "region": conference.plan.region,
        "created_at": stamp(conference.created_at),
        "updated_at": stamp(conference.updated_at),
        "expires_at": stamp(conference.expires_at),
    }
    if conference.is_over:
        told["end_reason"] = conference.end_reason
        told["ended_by"] = {
            "call_control_id": by.control_id if by is not None else None,
            "call_session_id": by.session_id if by is not None else None,
        }
    return told


def participant(seat: Seat) -> Json:
    """An entry of the list of participants."""
    conference = {"id": seat.conference.id, "name": seat.conference.name}
    return {"record_type": "participant", **_common(seat), "conference": conference}


def one_participant(seat: Seat) -> Json:
    """A participant by itself: another shape ([SDK])."""
    return {**_common(seat), "conference_id": seat.conference.id, "label": seat.label}


def _common(seat: Seat) -> Json:
    return {
        "id": seat.id,
        "call_control_id": seat.leg.control_id,
        "call_leg_id": seat.leg.leg_id,
        "muted": seat.muted,
        "on_hold": seat.on_hold,
        "status": "joined",
        "end_conference_on_exit": seat.end_on_exit,
        "soft_end_conference_on_exit": seat.soft_end_on_exit,
        "whisper_call_control_ids": list(seat.whisper_to),
        "created_at": stamp(seat.created_at),
        "updated_at": stamp(seat.updated_at),
    }


def _seat(conference: Conference, participant_id: str) -> Seat:
    seat = conference.find(participant_id)
    if seat is None:
        raise not_found("The requested participant")
    return seat
