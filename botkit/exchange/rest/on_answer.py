"""What a leg does once it is answered, as `dial`, `answer`, `transfer` and `bridge` may say beforehand.

Everything is checked when the command comes, so that a mistake is its answer; what has become impossible by the time
of the answer (a conference that ended meanwhile) is logged, and the leg stays.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from botkit.exchange.activities import checks, orders
from botkit.exchange.activities.recording import Wanted
from botkit.exchange.address import parse_address
from botkit.exchange.conference import ConferencePlan
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.bodies import AutomaticRecording, ConferenceConfig, OnAnswer
from botkit.exchange.seat import SeatPlan

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

log = logging.getLogger("botkit.exchange")

LONGEST_RECORDING = 14400
"""Seconds; longer than a call can last."""


class Beginning:
    """What a leg that is answered is made to hear, and does. `address`: the one that was dialled, for its digits."""

    def __init__(self, exchange: Exchange, body: OnAnswer, address: str = "") -> None:
        self._exchange = exchange
        digits = body.send_digits_on_answer or parse_address(address).post_dial.replace(",", "w")
        self._orders: list[orders.Order] = []
        if (wanted := recording(body)) is not None:
            self._orders.append(wanted)
        if body.audio_url or body.media_name:
            self._orders.append(orders.play(audio_url=body.audio_url, media_name=body.media_name))
        if digits:
            self._orders.append(orders.send_dtmf(digits=digits))

    def begin(self, leg: Leg) -> None:
        """Begin with it all. A leg that is over does nothing."""
        for order in self._orders:
            begin(self._exchange, leg, order)


def begin(exchange: Exchange, leg: Leg, order: orders.Order) -> None:
    """Carry out what was said beforehand."""
    if not leg.is_answered:
        return
    try:
        exchange.activities.of(leg).carry_out(order)
    except CommandRefused as refused:
        log.info("command.late leg=%s %s", leg.id, refused)


def recording(body: AutomaticRecording) -> Wanted | None:
    """The automatic recording that a body asks for. Raises `CommandRefused`."""
    if body.record is None:
        return None
    return checks.recording(
        channels=body.record_channels,
        format=body.record_format,
        max_length=min(body.record_max_length, LONGEST_RECORDING),
        timeout_secs=body.record_timeout_secs,
        recording_track=body.record_track,
        trim=body.record_trim,
        custom_file_name=body.record_custom_file_name,
    )


class Joining:
    """Into the conference of an id or a name; one of that name is made where there is none. Raises `CommandRefused`."""

    def __init__(self, exchange: Exchange, wanted: ConferenceConfig) -> None:
        self._conferences = exchange.platform.conferences
        self._wanted = wanted
        self._audio = hold_audio(exchange, wanted.hold_audio_url, wanted.hold_media_name, "hold_")
        if wanted.id:
            try:
                self._conferences.get(wanted.id).need_active()
            except CommandRefused as refused:
                code = "90058" if refused.code == "10005" else refused.code
                raise CommandRefused(code, refused.detail, pointer="/conference_config/id") from None
        elif not wanted.conference_name:
            raise CommandRefused(
                "10004", "One of id and conference_name is required.", pointer="/conference_config/conference_name"
            )

    def join(self, leg: Leg) -> None:
        """Let the leg in."""
        try:
            self._join(leg)
        except CommandRefused as refused:
            log.info("conference.not_joined leg=%s %s", leg.id, refused)

    def _join(self, leg: Leg) -> None:
        wanted = self._wanted
        plan = SeatPlan(
            muted=wanted.mute,
            on_hold=wanted.hold,
            hold_audio=self._audio,
            end_on_exit=wanted.end_conference_on_exit,
            soft_end_on_exit=wanted.soft_end_conference_on_exit,
            start_on_enter=wanted.start_conference_on_enter,
            role=wanted.supervisor_role or "none",
            whisper_to=tuple(wanted.whisper_call_control_ids),
            beep=wanted.beep_enabled,
        )
        name = wanted.conference_name or ""
        there = self._conferences.get(wanted.id) if wanted.id else self._conferences.active(name)
        if there is not None:
            there.join(leg, plan)
            return
        room = ConferencePlan(name, start_on_create=wanted.start_conference_on_create, hold_audio=self._audio)
        self._conferences.create(leg, room, plan)


def hold_audio(exchange: Exchange, url: str | None, name: str | None, prefix: str = "") -> HoldAudio | None:
    """The hold audio that a body names; None: it names none. Raises `CommandRefused`."""
    what = checks.audio(url, name, prefix=prefix)
    if what is None:
        return None
    return HoldAudio(None, exchange.switch.start, found=lambda: exchange.platform.sounds.source(what))


def detected(leg: Leg, wanted: str) -> None:
    """Whoever answers here is human."""
    if wanted.startswith("premium"):
        leg.tell("call.machine.premium.detection.ended", result="human_residence")
    elif wanted != "disabled":
        leg.tell("call.machine.detection.ended", result="human")
