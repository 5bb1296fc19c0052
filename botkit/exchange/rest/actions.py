"""REST: commands for one call. Each is accepted or refused at once; what becomes of it is told by webhooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from botkit.exchange.activities import orders
from botkit.exchange.activities.recording import Wanted
from botkit.exchange.leg import Leg
from botkit.exchange.rest import activity_bodies as told
from botkit.exchange.rest import bodies, queues
from botkit.exchange.rest.dialling import transfer
from botkit.exchange.rest.envelope import Json, Segment, ok
from botkit.exchange.rest.on_answer import begin, recording

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

_PATH = "/calls/{call_control_id}/actions"


def router(exchange: Exchange) -> APIRouter:
    """The routes of commands."""
    routes = APIRouter(prefix=_PATH, tags=["Call commands"])
    switch, commands = exchange.switch, exchange.platform.commands

    async def run(control_id: str, body: bodies.Command, work: Callable[[Leg], Awaitable[None]]) -> Json:
        """Carry a command out, once for its `command_id`. Its client_state is the leg's if it is accepted."""
        if commands.repeated(control_id, body.command_id)[0]:
            return ok()
        leg = switch.legs.live(control_id)
        before = leg.client_state
        leg.client_state = body.client_state if body.client_state is not None else before
        try:
            await work(leg)
        except BaseException:
            leg.client_state = before
            raise
        commands.remember(control_id, body.command_id)
        return ok()

    async def order(control_id: str, body: bodies.Command, make: Callable[..., orders.Order], early: bool) -> Json:
        """Something that a leg does by itself."""
        wanted = make(**{name: value for name, value in body.given().items() if name not in _COMMON})

        async def work(leg: Leg) -> None:
            await commands.ready(leg, early=early)
            exchange.activities.of(leg).carry_out(wanted)

        return await run(control_id, body, work)

    def record_then(leg: Leg, wanted: Wanted | None) -> None:
        """Record it when what was ordered before is done."""

        async def record() -> None:
            if wanted is not None:
                begin(exchange, leg, wanted)

        if wanted is not None:
            commands.then(leg, record, "record")

    # --- the call itself -----------------------------------------------------------------------------

    @routes.post("/answer", summary="Answer a call")
    async def answer(call_control_id: Segment, body: bodies.Answer) -> Json:
        async def work(leg: Leg) -> None:
            overrides, wanted = leg.overrides.updated(body.given()), recording(body)
            commands.answer(leg, body.headers)
            leg.overrides = overrides
            record_then(leg, wanted)

        return await run(call_control_id, body, work)

    @routes.post("/reject", summary="Reject a call")
    async def reject(call_control_id: Segment, body: bodies.Reject) -> Json:
        async def work(leg: Leg) -> None:
            commands.reject(leg, body.cause)

        return await run(call_control_id, body, work)

    @routes.post("/hangup", summary="Hang up")
    async def hangup(call_control_id: Segment, body: bodies.Hangup) -> Json:
        async def work(leg: Leg) -> None:
            commands.hang_up(leg)

        return await run(call_control_id, body, work)

    @routes.post("/bridge", summary="Bridge two calls, or a call and the head of a queue")
    async def bridge(call_control_id: Segment, body: bodies.Bridge) -> Json:
        async def work(leg: Leg) -> None:
            stays = "held" if body.hold_after_unbridge else "parked" if body.park_after_unbridge else ""
            wanted = recording(body)
            if body.queue is not None:
                other = exchange.platform.queues.take_head(body.queue)
            else:
                other = switch.legs.live(body.call_control_id or "")
            commands.bridge(
                leg, other, stays=stays, prevent_double=body.prevent_double_bridge, ringtone=body.play_ringtone
            )
            record_then(leg, wanted)

        return await run(call_control_id, body, work)

    @routes.post("/transfer", summary="Transfer a call to somebody else")
    async def move(call_control_id: Segment, body: bodies.Transfer) -> Json:
        async def work(leg: Leg) -> None:
            if not leg.inbound:
                await commands.ready(leg)
            transfer(exchange, leg, body)

        return await run(call_control_id, body, work)

    @routes.post("/enqueue", summary="Put a call into a queue")
    async def enqueue(call_control_id: Segment, body: bodies.Enqueue) -> Json:
        async def work(leg: Leg) -> None:
            await queues.enqueue(exchange, leg, body)

        return await run(call_control_id, body, work)

    @routes.post("/leave_queue", summary="Take a call out of its queue")
    async def leave_queue(call_control_id: Segment, body: bodies.Command) -> Json:
        async def work(leg: Leg) -> None:
            queues.leave_queue(exchange, leg)

        return await run(call_control_id, body, work)

    @routes.put("/client_state_update", summary="Update a call's client state")
    async def client_state_update(call_control_id: Segment, body: bodies.ClientState) -> Json:
        switch.legs.live(call_control_id).client_state = body.client_state
        return ok()

    # --- what it hears and says -----------------------------------------------------------------------

    @routes.post("/speak", summary="Speak a text")
    async def speak(call_control_id: Segment, body: told.Speak) -> Json:
        return await order(call_control_id, body, orders.speak, early=True)

    @routes.post("/playback_start", summary="Play audio")
    async def playback_start(call_control_id: Segment, body: told.Play) -> Json:
        return await order(call_control_id, body, orders.play, early=True)

    @routes.post("/playback_stop", summary="Stop what is played or spoken")
    async def playback_stop(call_control_id: Segment, body: told.StopPlay) -> Json:
        wanted = orders.stop_playback(stop=body.stop, overlay=body.overlay)

        async def work(leg: Leg) -> None:
            if leg.rings_here and not leg.endpoint.described:
                return  # it has never been played anything
            await commands.ready(leg, early=True)
            exchange.activities.of(leg).carry_out(wanted)

        return await run(call_control_id, body, work)

    @routes.post("/gather", summary="Gather digits")
    async def gather(call_control_id: Segment, body: told.Gather) -> Json:
        return await order(call_control_id, body, orders.gather, early=False)

    @routes.post("/gather_using_audio", summary="Gather digits, with a prompt that is played")
    async def gather_using_audio(call_control_id: Segment, body: told.GatherUsingAudio) -> Json:
        return await order(call_control_id, body, orders.gather_using_audio, early=False)

    @routes.post("/gather_using_speak", summary="Gather digits, with a prompt that is spoken")
    async def gather_using_speak(call_control_id: Segment, body: told.GatherUsingSpeak) -> Json:
        return await order(call_control_id, body, orders.gather_using_speak, early=False)

    @routes.post("/gather_stop", summary="Stop gathering digits")
    async def gather_stop(call_control_id: Segment, body: bodies.Command) -> Json:
        return await by_activities(call_control_id, body, "stop_gather")

    @routes.post("/send_dtmf", summary="Send digits")
    async def send_dtmf(call_control_id: Segment, body: told.SendDtmf) -> Json:
        return await order(call_control_id, body, orders.send_dtmf, early=False)

    @routes.post("/record_start", summary="Record a call")
    async def record_start(call_control_id: Segment, body: told.Record) -> Json:
        return await order(call_control_id, body, orders.record, early=False)

    @routes.post("/record_stop", summary="End a recording")
    async def record_stop(call_control_id: Segment, body: told.OfRecording) -> Json:
        return await by_activities(call_control_id, body, "stop_recording", recording_id=body.recording_id)

    @routes.post("/record_pause", summary="Pause a recording")
    async def record_pause(call_control_id: Segment, body: told.OfRecording) -> Json:
        return await by_activities(call_control_id, body, "pause_recording", recording_id=body.recording_id)

    @routes.post("/record_resume", summary="Go on recording")
    async def record_resume(call_control_id: Segment, body: told.OfRecording) -> Json:
        return await by_activities(call_control_id, body, "resume_recording", recording_id=body.recording_id)

    async def by_activities(control_id: str, body: bodies.Command, name: str, **given: Any) -> Json:
        async def work(leg: Leg) -> None:
            await commands.ready(leg)
            getattr(exchange.activities.of(leg), name)(**given)

        return await run(control_id, body, work)

    # --- accepted, without effect ----------------------------------------------------------------------

    @routes.post("/suppression_start", summary="Noise suppression: accepted, without effect")
    @routes.post("/suppression_stop", summary="Noise suppression: accepted, without effect")
    async def suppression(call_control_id: Segment, body: bodies.Command) -> Json:
        return await run(call_control_id, body, commands.ready)

    return routes


_COMMON = ("client_state", "command_id")
