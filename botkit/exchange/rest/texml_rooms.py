"""TeXML REST: queues and conferences, which are those of the Voice API ([SDK] resources/texml/accounts).

Both are found by their sid, and by their name. A list of queues has pages that count from 1, and the SDK asks for the
next one until one is empty; the other lists count from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from xml.sax.saxutils import escape, quoteattr

from fastapi import APIRouter, Query, Request, Response

from botkit.exchange.applications import TexmlApplication
from botkit.exchange.conference import COMPLETED, IN_PROGRESS, Conference
from botkit.exchange.queue import Queue
from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest.envelope import Segment
from botkit.exchange.rest.texml_bodies import (
    ConferenceChange,
    NewParticipant,
    NewQueue,
    ParticipantChange,
    QueueChange,
    body_of,
    read,
)
from botkit.exchange.rest.texml_resources import Json, base, paged
from botkit.exchange.seat import Seat
from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.follow import Target
from botkit.exchange.texml.house import CallOrder
from botkit.exchange.texml.services import time_text

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

Page = Annotated[int | None, Query(alias="Page", ge=0)]
PageSize = Annotated[int, Query(alias="PageSize", ge=1)]

_STATUS = {"init": "init", IN_PROGRESS: "in-progress", COMPLETED: "completed"}
_REASONS = {
    "all_left": "last-participant-left",
    "host_left": "participant-with-end-conference-on-exit-left",
    "ended_via_api": "conference-ended-via-api",
    "time_exceeded": "time-exceeded",
}
"""The words of webhooks, and those of the resource."""


def router(exchange: Exchange) -> APIRouter:
    """`/texml/Accounts/{account_sid}/Queues` and `/Conferences`."""
    routes = APIRouter(prefix="/texml/Accounts/{account_sid}", tags=["TeXML"])
    queues, conferences = exchange.platform.queues, exchange.platform.conferences
    house = exchange.texml

    def account(account_sid: str) -> str:
        if account_sid != house.calls.account_sid:
            raise not_found("The account")
        return base(account_sid)

    # --- queues -------------------------------------------------------------------------------------------

    def queue_of(sid: str) -> Queue:
        found = next((one for one in queues if sid in (one.id, one.name)), None)
        if found is None:
            raise not_found("The queue")
        return found

    def queue_shown(queue: Queue) -> Json:
        path = f"{base(house.calls.account_sid)}/Queues/{queue.id}"
        return {
            "sid": queue.id,
            "account_sid": house.calls.account_sid,
            "friendly_name": queue.name,
            "current_size": len(queue),
            "max_size": queue.max_size,
            "average_wait_time": round(queue.average_wait),
            "date_created": time_text(queue.created_at),
            "date_updated": time_text(queue.updated_at),
            "subresource_uris": {"members": f"{path}/Members"},
            "uri": path,
        }

    @routes.get("/Queues")
    async def list_queues(account_sid: str, page: Page = None, size: PageSize = 50) -> Json:
        """Queues, in the order in which they were made. Pages count from 1."""
        path = account(account_sid)
        return paged("queues", f"{path}/Queues", list(queues), queue_shown, max(1, page or 1), size, first=1)

    @routes.post("/Queues", openapi_extra=body_of(NewQueue))
    async def create_queue(account_sid: str, request: Request) -> Json:
        """Make a queue, or give the one that is there where it is alike."""
        account(account_sid)
        body = await read(request, NewQueue)
        return queue_shown(queues.create(body.friendly_name, body.max_size))

    @routes.get("/Queues/{queue_sid}")
    async def retrieve_queue(account_sid: str, queue_sid: Segment) -> Json:
        """One queue."""
        account(account_sid)
        return queue_shown(queue_of(queue_sid))

    @routes.post("/Queues/{queue_sid}", openapi_extra=body_of(QueueChange))
    async def change_queue(account_sid: str, queue_sid: Segment, request: Request) -> Json:
        """Change how many may wait."""
        account(account_sid)
        queue = queue_of(queue_sid)
        queue.max_size = (await read(request, QueueChange)).max_size
        return queue_shown(queue)

    @routes.delete("/Queues/{queue_sid}", status_code=204)
    async def delete_queue(account_sid: str, queue_sid: Segment) -> Response:
        """Everybody in it leaves it."""
        account(account_sid)
        queues.delete(queue_of(queue_sid).name)
        return Response(status_code=204)

    # --- conferences --------------------------------------------------------------------------------------

    def conference_of(sid: str) -> Conference:
        found = [one for one in conferences if sid in (one.id, one.name)]
        if not found:
            raise not_found("The conference")
        return next((one for one in found if not one.is_over), found[-1])

    def conference_shown(conference: Conference) -> Json:
        path = f"{base(house.calls.account_sid)}/Conferences/{conference.id}"
        by = conference.ended_by
        return {
            "sid": conference.id,
            "account_sid": house.calls.account_sid,
            "friendly_name": conference.name,
            "status": _STATUS[conference.status],
            "region": conference.plan.region,
            "api_version": "v2/texml",
            "reason_conference_ended": _REASONS.get(conference.end_reason or ""),
            "call_sid_ending_conference": by.control_id if by is not None else None,
            "date_created": time_text(conference.created_at),
            "date_updated": time_text(conference.updated_at),
            "subresource_uris": {"participants": f"{path}/Participants"},
            "uri": path,
        }

    @routes.get("/Conferences")
    async def list_conferences(
        account_sid: str,
        page: Page = None,
        size: PageSize = 50,
        name: Annotated[str | None, Query(alias="FriendlyName")] = None,
        status: Annotated[str | None, Query(alias="Status")] = None,
    ) -> Json:
        """Conferences, the latest first. Pages count from 0."""
        path = account(account_sid)
        found = [
            one
            for one in reversed(list(conferences))
            if name in (None, one.name) and status in (None, _STATUS[one.status])
        ]
        return paged("conferences", f"{path}/Conferences", found, conference_shown, page or 0, size)

    @routes.get("/Conferences/{conference_sid}")
    async def retrieve_conference(account_sid: str, conference_sid: Segment) -> Json:
        """One conference."""
        account(account_sid)
        return conference_shown(conference_of(conference_sid))

    @routes.post("/Conferences/{conference_sid}", openapi_extra=body_of(ConferenceChange))
    async def change_conference(account_sid: str, conference_sid: Segment, request: Request) -> Json:
        """End it."""
        account(account_sid)
        conference = conference_of(conference_sid)
        if (await read(request, ConferenceChange)).status == "completed":
            conference.end()
        return conference_shown(conference)

    # --- participants -------------------------------------------------------------------------------------

    def seat_of(conference: Conference, participant: str) -> Seat:
        found = conference.find(participant)
        if found is None:
            raise not_found("The participant")
        return found

    def seat_shown(seat: Seat) -> Json:
        conference = seat.conference.id
        return {
            "account_sid": house.calls.account_sid,
            "api_version": "v2/texml",
            "call_sid": seat.leg.control_id,
            "call_sid_legacy": seat.leg.control_id,
            "conference_sid": conference,
            "label": seat.label or None,
            "coaching": seat.whispers,
            "coaching_call_sid": next(iter(seat.whisper_to), None),
            "muted": seat.muted,
            "hold": seat.on_hold,
            "end_conference_on_exit": seat.end_on_exit,
            "status": "connected",
            "date_created": time_text(seat.created_at),
            "date_updated": time_text(seat.updated_at),
            "uri": f"{base(house.calls.account_sid)}/Conferences/{conference}/Participants/{seat.leg.control_id}",
        }

    @routes.get("/Conferences/{conference_sid}/Participants")
    async def list_participants(
        account_sid: str, conference_sid: Segment, page: Page = None, size: PageSize = 50
    ) -> Json:
        """Who is in it, in the order of coming. Pages count from 0."""
        path = account(account_sid)
        conference = conference_of(conference_sid)
        where = f"{path}/Conferences/{conference.id}/Participants"
        return paged("participants", where, conference.seats, seat_shown, page or 0, size)

    @routes.post("/Conferences/{conference_sid}/Participants", openapi_extra=body_of(NewParticipant))
    async def add_participant(account_sid: str, conference_sid: Segment, request: Request) -> Json:
        """Place a call whose party enters the conference when it answers. A name that no conference has makes one."""
        path = account(account_sid)
        body = await read(request, NewParticipant)
        try:
            name = conference_of(conference_sid).name
        except CommandRefused:
            name = conference_sid
        app = _application(exchange, body.application_sid)
        target = Target(body.status_callback, body.status_callback_method, body.status_callback_event)
        record = house.place(
            CallOrder(
                body.to,
                body.from_,
                app.id,
                Source(app.voice_url, text=_enters(name, body)),
                target=target if body.status_callback else None,
                display_name=body.caller_id,
                timeout=float(body.timeout),
                time_limit=float(body.time_limit),
            )
        )
        conference = conferences.active(name)
        return {
            "account_sid": house.calls.account_sid,
            "call_sid": record.facts.sid,
            "conference_sid": conference.id if conference is not None else None,
            "label": body.label or None,
            "muted": body.muted,
            "hold": False,
            "end_conference_on_exit": body.end_conference_on_exit,
            "status": "connecting",
            "uri": f"{path}/Conferences/{conference_sid}/Participants/{record.facts.sid}",
        }

    one = "/Conferences/{conference_sid}/Participants/{participant}"

    @routes.get(one)
    async def retrieve_participant(account_sid: str, conference_sid: Segment, participant: Segment) -> Json:
        """One participant, by the call's sid or its label."""
        account(account_sid)
        return seat_shown(seat_of(conference_of(conference_sid), participant))

    @routes.post(one, openapi_extra=body_of(ParticipantChange))
    async def change_participant(
        account_sid: str, conference_sid: Segment, participant: Segment, request: Request
    ) -> Json:
        """Mute it, or put it on hold."""
        account(account_sid)
        conference = conference_of(conference_sid)
        seat = seat_of(conference, participant)
        body = await read(request, ParticipantChange)
        sid = (seat.leg.control_id,)
        if body.muted is not None:
            conference.mute(body.muted, sid)
        if body.hold is not None:
            (conference.hold if body.hold else conference.unhold)(sid)
        if body.end_conference_on_exit is not None:
            seat.end_on_exit = body.end_conference_on_exit
        return seat_shown(seat)

    @routes.delete(one, status_code=204)
    async def remove_participant(account_sid: str, conference_sid: Segment, participant: Segment) -> Response:
        """Take it out; its call goes on with its document."""
        account(account_sid)
        conference = conference_of(conference_sid)
        conference.leave(seat_of(conference, participant).leg.control_id)
        return Response(status_code=204)

    return routes


def _application(exchange: Exchange, sid: str) -> TexmlApplication:
    found = exchange.directory.texml_applications.get(sid)
    if found is None or not found.active:
        detail = "The requested TeXML application is either invalid or does not exist."
        raise CommandRefused("10015", detail, pointer="/ApplicationSid")
    return found


def _enters(name: str, body: NewParticipant) -> str:
    """The document of a call that enters a conference."""
    flags = {
        "muted": body.muted,
        "startConferenceOnEnter": body.start_conference_on_enter,
        "endConferenceOnExit": body.end_conference_on_exit,
    }
    attributes = "".join(f' {key}="{str(value).lower()}"' for key, value in flags.items())
    attributes += f" beep={quoteattr(body.beep)} participantLabel={quoteattr(body.label)}"
    return f"<Response><Dial><Conference{attributes}>{escape(name)}</Conference></Dial></Response>"
