"""The commands that ring somebody, `dial` and `transfer`: from their bodies to a plan, and what the answer brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.bodies import Dial, Transfer
from botkit.exchange.rest.on_answer import Beginning, Joining, detected
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
    then = Beginning(exchange, body, body.to[0] if len(body.to) == 1 else "")

    joining = Joining(exchange, body.conference_config) if body.conference_config is not None else None

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
        elif joining is not None:
            joining.join(leg)
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
            headers=body.headers,
            client_state=body.client_state,
            overrides=Overrides().updated(body.given()),
            on_answer=answered,
        )
    )
    return legs[0]


def transfer(exchange: Exchange, leg: Leg, body: Transfer) -> None:
    """Ring somebody for `leg`, and join the two when that one answers; otherwise `leg` stays as it is."""
    switch = exchange.switch
    then = Beginning(exchange, body, body.to)

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
        headers=body.headers,
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
