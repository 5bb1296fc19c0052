"""REST: queues and the calls in them; and the commands `enqueue` and `leave_queue`, which are those of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from botkit.exchange.leg import Leg
from botkit.exchange.queue import MAX_SIZE, Entry, Queue, QueuePlan
from botkit.exchange.refusal import not_found
from botkit.exchange.rest.bodies import Body, Enqueue
from botkit.exchange.rest.envelope import Json, Paging, Segment, data, listed, stamp

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

MaxSize = Annotated[int, Field(ge=1)]


class CreateQueue(Body):
    """`POST /queues`."""

    queue_name: Annotated[str, Field(min_length=1, max_length=255)]
    max_size: MaxSize = MAX_SIZE


class UpdateQueue(Body):
    """`POST /queues/{queue_name}`."""

    max_size: MaxSize


class UpdateQueueCall(Body):
    """`PATCH /queues/{queue_name}/calls/{call_control_id}`."""

    keep_after_hangup: bool | None = None


def router(exchange: Exchange) -> APIRouter:
    """The routes of queues."""
    routes = APIRouter(prefix="/queues", tags=["Queues"])
    queues = exchange.platform.queues

    @routes.post("", summary="Create a queue")
    async def create(body: CreateQueue) -> Json:
        return data(shown(queues.create(body.queue_name, body.max_size)))

    @routes.get("", summary="List queues")
    async def list_queues(page: Paging) -> Json:
        return listed([shown(queue) for queue in queues], page)

    @routes.get("/{queue_name}", summary="Retrieve a queue")
    async def retrieve(queue_name: Segment) -> Json:
        return data(shown(queues.get(queue_name)))

    @routes.post("/{queue_name}", summary="Update a queue")
    async def update(queue_name: Segment, body: UpdateQueue) -> Json:
        queue = queues.get(queue_name)
        queue.max_size = body.max_size
        queue.updated_at = queue.clock.wall()
        return data(shown(queue))

    @routes.delete("/{queue_name}", summary="Delete a queue", status_code=204)
    async def delete(queue_name: Segment) -> Response:
        queues.delete(queue_name)
        return Response(status_code=204)

    @routes.get("/{queue_name}/calls", summary="List the calls of a queue, head first")
    async def list_calls(queue_name: Segment, page: Paging) -> Json:
        return listed([queue_call(entry) for entry in queues.get(queue_name).entries], page)

    @routes.get("/{queue_name}/calls/{call_control_id}", summary="Retrieve a call of a queue")
    async def retrieve_call(queue_name: Segment, call_control_id: Segment) -> Json:
        return data(queue_call(_entry(queues.get(queue_name), call_control_id)))

    @routes.patch("/{queue_name}/calls/{call_control_id}", summary="Update a call of a queue", status_code=204)
    async def update_call(queue_name: Segment, call_control_id: Segment, body: UpdateQueueCall) -> Response:
        entry = _entry(queues.get(queue_name), call_control_id)
        if body.keep_after_hangup is not None:
            entry.keep_after_hangup = body.keep_after_hangup
        return Response(status_code=204)

    @routes.delete("/{queue_name}/calls/{call_control_id}", summary="Remove a call from a queue", status_code=204)
    async def remove(queue_name: Segment, call_control_id: Segment) -> Response:
        queue = queues.get(queue_name)
        queue.remove(_entry(queue, call_control_id), "leave")
        return Response(status_code=204)

    return routes


async def enqueue(exchange: Exchange, leg: Leg, body: Enqueue) -> None:
    """Carry out `actions/enqueue`; a parked leg may wait unanswered, and is answered when it is bridged.

    Raises `CommandRefused`: 90034, 90018, 90036, 90037, 90038.
    """
    if not leg.rings_here:
        await exchange.platform.commands.ready(leg)
    plan = QueuePlan(body.max_size, body.max_wait_time_secs, body.keep_after_hangup)
    exchange.platform.queues.enqueue(leg, body.queue_name, plan)


def leave_queue(exchange: Exchange, leg: Leg) -> None:
    """Carry out `actions/leave_queue`. Raises `CommandRefused` 90035."""
    exchange.platform.queues.leave(leg)


def shown(queue: Queue) -> Json:
    """A queue as it is sent."""
    return {
        "record_type": "queue",
        "id": queue.id,
        "name": queue.name,
        "current_size": len(queue),
        "max_size": queue.max_size,
        "average_wait_time_secs": round(queue.average_wait),
        "created_at": stamp(queue.created_at),
        "updated_at": stamp(queue.updated_at),
    }


def queue_call(entry: Entry) -> Json:
    """A call of a queue as it is sent."""
    leg = entry.facts
    return {
        "record_type": "queue_call",
        "call_control_id": leg.control_id,
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "connection_id": leg.connection_id,
        "from": leg.calling,
        "to": leg.called,
        "enqueued_at": stamp(entry.enqueued_at),
        "queue_id": entry.queue.id,
        "queue_position": entry.position,
        "wait_time_secs": round(entry.waited),
        "is_alive": entry.is_alive,
    }


def _entry(queue: Queue, control_id: str) -> Entry:
    entry = queue.entry(control_id)
    if entry is None:
        raise not_found("The requested call")
    return entry
