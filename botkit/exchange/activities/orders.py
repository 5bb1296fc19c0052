"""Commands as data: what is asked for, once its parameters are in order.

An order is made from the platform's own parameters (None is one that was not given) and knows no leg, so that it
can be checked when it comes and carried out when its turn has come (`Activities.carry_out`). Each function raises
`CommandRefused`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botkit.exchange.activities import checks, told
from botkit.exchange.activities.gathering import Rules
from botkit.exchange.activities.recording import Wanted
from botkit.exchange.activities.sounds import ByText, What
from botkit.exchange.activities.told import Tell
from botkit.exchange.activities.utterance import Teller
from botkit.exchange.refusal import CommandRefused


@dataclass(frozen=True, slots=True)
class SayOrder:
    """A play or a speech. `turns` None: without end; `stop`: current, all or empty; `target`: self, opposite, both."""

    what: What
    teller: Callable[[Tell], Teller]
    turns: int | None = 1
    overlay: bool = False
    stop: str = ""
    target: str = "self"


@dataclass(frozen=True, slots=True)
class StopOrder:
    """The end of what is said. `which`: current or all; `overlay`: of overlays only."""

    which: str
    overlay: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a gather says first, and how it is told."""

    what: What
    teller: Callable[[Tell], Teller]


@dataclass(frozen=True, slots=True)
class GatherOrder:
    """A gather; with prompts or without. `again` is said after an invalid entry."""

    rules: Rules
    gather_id: str | None = None
    first: Prompt | None = None
    again: Prompt | None = None


@dataclass(frozen=True, slots=True)
class DigitsOrder:
    """Digits to be sent, w being half a second of silence; `length` of each in seconds."""

    digits: str
    length: float


Order = SayOrder | StopOrder | GatherOrder | DigitsOrder | Wanted


def play(
    *,
    audio_url: str | None = None,
    media_name: str | None = None,
    playback_content: str | None = None,
    audio_type: str | None = None,
    loop: str | int | None = None,
    overlay: bool | None = None,
    stop: str | None = None,
    target_legs: str | None = None,
    cache_audio: bool | None = None,
) -> SayOrder:
    """`playback_start`."""
    what = checks.audio(audio_url, media_name, playback_content, cached=cache_audio is not False)
    if what is None:
        raise CommandRefused(
            "10004", "One of audio_url, media_name and playback_content is required.", pointer="/audio_url"
        )
    checks.choice(audio_type, "audio_type", ("mp3", "wav"), "wav")  # what it is, the file itself says best
    target = checks.choice(target_legs, "target_legs", checks.TARGETS, "self")
    if overlay and target != "self":
        raise CommandRefused("10015", "An overlay can be played on the leg itself only.", pointer="/target_legs")
    teller = _playback(audio_url, media_name, bool(overlay))
    return SayOrder(what, teller, checks.turns(loop), bool(overlay), checks.stop(stop), target)


def speak(
    *,
    payload: str | None = None,
    voice: str | None = None,
    language: str | None = None,
    payload_type: str | None = None,
    service_level: str | None = None,
    loop: str | int | None = None,
    stop: str | None = None,
    target_legs: str | None = None,
) -> SayOrder:
    """`speak`."""
    what = _text(payload, voice, language, payload_type, service_level)
    target = checks.choice(target_legs, "target_legs", checks.TARGETS, "self")
    return SayOrder(what, told.Speak, checks.turns(loop), False, checks.stop(stop), target)


def stop_playback(*, stop: str | None = None, overlay: bool | None = None) -> StopOrder:
    """`playback_stop`: all, unless something else is said."""
    return StopOrder(checks.stop(stop, default="all"), bool(overlay))


def gather(
    *,
    minimum_digits: int | None = None,
    maximum_digits: int | None = None,
    timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    initial_timeout_millis: int | None = None,
    terminating_digit: str | None = None,
    valid_digits: str | None = None,
    gather_id: str | None = None,
) -> GatherOrder:
    """`gather`."""
    rules = checks.rules(
        minimum_digits=minimum_digits,
        maximum_digits=maximum_digits,
        timeout_millis=timeout_millis,
        inter_digit_timeout_millis=inter_digit_timeout_millis,
        initial_timeout_millis=initial_timeout_millis,
        terminating_digit=terminating_digit,
        valid_digits=valid_digits,
    )
    return GatherOrder(rules, gather_id)


def gather_using_audio(
    *,
    audio_url: str | None = None,
    media_name: str | None = None,
    invalid_audio_url: str | None = None,
    invalid_media_name: str | None = None,
    minimum_digits: int | None = None,
    maximum_digits: int | None = None,
    timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    terminating_digit: str | None = None,
    valid_digits: str | None = None,
    maximum_tries: int | None = None,
) -> GatherOrder:
    """`gather_using_audio`."""
    what = checks.audio(audio_url, media_name)
    if what is None:
        raise CommandRefused("10004", "One of audio_url and media_name is required.", pointer="/audio_url")
    invalid = checks.audio(invalid_audio_url, invalid_media_name, prefix="invalid_")
    first = again = Prompt(what, _playback(audio_url, media_name))
    if invalid is not None:
        again = Prompt(invalid, _playback(invalid_audio_url, invalid_media_name))
    rules = checks.rules(
        minimum_digits=minimum_digits,
        maximum_digits=maximum_digits,
        timeout_millis=timeout_millis,
        inter_digit_timeout_millis=inter_digit_timeout_millis,
        terminating_digit=terminating_digit,
        valid_digits=valid_digits,
        maximum_tries=maximum_tries,
        prompted=True,
    )
    return GatherOrder(rules, None, first, again)


def gather_using_speak(
    *,
    payload: str | None = None,
    voice: str | None = None,
    invalid_payload: str | None = None,
    language: str | None = None,
    payload_type: str | None = None,
    service_level: str | None = None,
    minimum_digits: int | None = None,
    maximum_digits: int | None = None,
    timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    terminating_digit: str | None = None,
    valid_digits: str | None = None,
    maximum_tries: int | None = None,
) -> GatherOrder:
    """`gather_using_speak`: no events are listed for its prompts."""
    first = again = Prompt(_text(payload, voice, language, payload_type, service_level), told.Nothing)
    if invalid_payload:
        text = _text(invalid_payload, voice, language, payload_type, service_level, "invalid_payload")
        again = Prompt(text, told.Nothing)
    rules = checks.rules(
        minimum_digits=minimum_digits,
        maximum_digits=maximum_digits,
        timeout_millis=timeout_millis,
        inter_digit_timeout_millis=inter_digit_timeout_millis,
        terminating_digit=terminating_digit,
        valid_digits=valid_digits,
        maximum_tries=maximum_tries,
        prompted=True,
    )
    return GatherOrder(rules, None, first, again)


def send_dtmf(*, digits: str | None = None, duration_millis: int | None = None) -> DigitsOrder:
    """`send_dtmf`."""
    said = checks.digits(digits)
    length = checks.whole(duration_millis, "duration_millis", 100, 500, 250, code="90027") / 1000
    return DigitsOrder(said.replace("W", "ww"), length)


record = checks.recording
"""`record_start`. `keys`: digits that end it, which only TeXML knows."""


def _playback(url: str | None, name: str | None, overlay: bool = False) -> Callable[[Tell], Teller]:
    return lambda tell: told.Playback(tell, url or None, name or None, overlay)


def _text(
    payload: str | None,
    voice: str | None,
    language: str | None,
    payload_type: str | None,
    service_level: str | None,
    name: str = "payload",
) -> ByText:
    words = checks.text(payload, name)
    checks.required(voice, "voice")
    kind = checks.choice(payload_type, "payload_type", ("text", "ssml"), "text")
    checks.choice(service_level, "service_level", ("basic", "premium"), "premium", code="90030")
    return ByText(words, kind == "ssml", language or "en-US", voice or "")
