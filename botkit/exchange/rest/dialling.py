"""The commands that ring somebody, `dial` and `transfer`: from their bodies to a plan, and what the answer brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botkit.exchange.activities import orders
from botkit.exchange.address import parse_address
from botkit.exchange.conference import ConferencePlan
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.bodies import ConferenceConfig, Dial, OnAnswer, Transfer
from botkit.exchange.seat import SeatPlan
from botkit.exchange.webhooks.targets import Overrides
from botkit.media.playback import Playback

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

_NO_APPLICATION = (
    "The requested connection_id (Call Control App ID) is either invalid or does not exist. "
    "Only Call Control Apps with valid webhook URL are accepted."
)


def dial(exchange: Exchange, body: Dial) -> Leg:
    """Ring; gives the leg of the first address. Raises `CommandRefused`."""
    application = exchange.directory.voice_applications.get(body.connection_id)
    if application is None or not application.active:
        raise CommandRefused("10015", _NO_APPLICATION, pointer="/connection_id")
    limit = application.outbound.channel_limit
    if limit is not None and sum(leg.connection_id == application.id for leg in exchange.switch.legs) >= limit:
        raise CommandRefused("90043", f"The application may have {limit} calls at the same time.")
    link = exchange.switch.legs.live(body.link_to, "/link_to") if body.link_to else None
    for wants_link in ("bridge_on_answer", "bridge_intent", "park_after_unbridge", "prevent_double_bridge"):
        if getattr(body, wants_link) and link is None:
            raise CommandRefused("10004", f"{wants_link} needs link_to.", pointer="/link_to")
    then = _OnAnswer(exchange, body, body.to[0] if len(body.to) == 1 else "")

    async def answered(leg: Leg) -> None:
        detected(leg, body.answering_machine_detection)
        if link is not None and body.bridge_on_answer:
            if body.prevent_double_bridge and link.peer is not None:
                leg.bye("NORMAL_CLEARING", "command")
                return
            far = await exchange.platform.commands.up(link)
            if leg.is_answered and far.is_answered:
                stays = {leg: "parked"} if body.park_after_unbridge else None
                exchange.switch.bridge(leg, far, stays=stays)
        elif body.conference_config is not None:
            join(exchange, leg, body.conference_config)
        then.begin(leg)

    calling = link.calling if link is not None and body.bridge_intent else body.calling
    legs = exchange.switch.dial(
        DialPlan(
            to=body.to,
            calling=calling,
            connection_id=application.id,
            name=body.from_display_name,
            session_id=link.session_id if link is not None else "",
            timeout=body.timeout_secs,
            time_limit=body.time_limit_secs,
            on_timeout="timeout" if body.retry_on_timeout else "no_answer",
            headers=tuple((one.name, one.value) for one in body.custom_headers),
            client_state=body.client_state,
            overrides=Overrides().updated(body.given()),
            on_answer=answered,
        )
    )
    return legs[0]


def transfer(exchange: Exchange, leg: Leg, body: Transfer) -> None:
    """Ring somebody for `leg`, and join the two when that one answers; otherwise `leg` stays as it is."""
    switch = exchange.switch
    then = _OnAnswer(exchange, body, body.to)

    async def answered(new: Leg) -> None:
        await exchange.platform.commands.up(leg)
        if leg.is_answered and new.is_answered:
            switch.bridge(leg, new, stays={leg: "parked"} if body.park_after_unbridge else None)
            then.begin(new)
        else:
            new.bye("ORIGINATOR_CANCEL", "peer")

    ringback: list[Playback] = []

    def failed() -> None:
        for playback in ringback:
            leg.endpoint.session.stop(playback)

    plan = DialPlan(
        to=(body.to,),
        calling=body.calling or leg.called,
        connection_id=leg.connection_id,
        name=body.from_display_name,
        session_id=leg.session_id,
        timeout=body.timeout_secs,
        time_limit=body.time_limit_secs,
        headers=tuple((one.name, one.value) for one in body.custom_headers),
        client_state=body.target_leg_client_state,
        codecs=leg.endpoint.codec_names if leg.endpoint.described else None,
        near=(leg,),
        overrides=Overrides().updated(body.given()),
        on_answer=answered,
        on_failure=failed,
    )
    switch.check(plan)
    switch.leave(leg)
    if leg.is_answered and body.early_media:
        ringback.append(leg.endpoint.play_ringback())
    switch.dial(plan)


class _OnAnswer:
    """What a dialled leg hears and does once it has answered. Made, and checked, before it is dialled."""

    def __init__(self, exchange: Exchange, body: OnAnswer, address: str) -> None:
        self._exchange = exchange
        digits = body.send_digits_on_answer or parse_address(address).post_dial.replace(",", "w").replace(";", "W")
        self._orders: list[orders.Order] = []
        if body.record:
            self._orders.append(orders.record(channels=body.record_channels, format=body.record_format))
        if body.audio_url or body.media_name:
            self._orders.append(orders.play(audio_url=body.audio_url, media_name=body.media_name))
        if digits:
            self._orders.append(orders.send_dtmf(digits=digits))

    def begin(self, leg: Leg) -> None:
        for order in self._orders if leg.is_answered else ():
            self._exchange.activities.of(leg).carry_out(order)


def join(exchange: Exchange, leg: Leg, wanted: ConferenceConfig) -> None:
    """Into the conference of this id or name; one of that name is made where there is none."""
    conferences = exchange.platform.conferences
    hold_audio: HoldAudio | None = None
    plan = SeatPlan(
        muted=wanted.mute,
        on_hold=wanted.hold,
        hold_audio=hold_audio,
        end_on_exit=wanted.end_conference_on_exit,
        soft_end_on_exit=wanted.soft_end_conference_on_exit,
        start_on_enter=wanted.start_conference_on_enter,
        role=wanted.supervisor_role or "none",
        whisper_to=tuple(wanted.whisper_call_control_ids),
        beep=wanted.beep_enabled,
    )
    if wanted.id:
        conferences.get(wanted.id).join(leg, plan)
        return
    name = wanted.conference_name or ""
    there = conferences.active(name)
    if there is not None:
        there.join(leg, plan)
    else:
        conferences.create(leg, ConferencePlan(name, start_on_create=wanted.start_conference_on_create), plan)


def detected(leg: Leg, wanted: str) -> None:
    """Whoever answers here is human."""
    if wanted == "premium":
        leg.tell("call.machine.premium.detection.ended", result="human_residence")
    elif wanted != "disabled":
        leg.tell("call.machine.detection.ended", result="human")
