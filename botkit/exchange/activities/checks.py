"""The parameters of commands: what is not right is refused by the platform's codes.

None stands for a parameter that was not given. Pointers are those of the command's JSON body.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from botkit.exchange.activities.gathering import Rules
from botkit.exchange.activities.recording import Wanted
from botkit.exchange.activities.sounds import ByContent, ByName, ByUrl, What
from botkit.exchange.refusal import CommandRefused
from botkit.media.mp3 import can_write_mp3

URL_LENGTH = 2000
TEXT_LENGTH = 3000
CONTENT_LENGTH = 4_000_000
"""Bytes of sound in a command: it is decoded from base64 between two beats."""

DIGITS = "0123456789ABCD*#"
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,39}")
STOPS = ("current", "all")
TARGETS = ("self", "opposite", "both")


def required(value: object, name: str) -> None:
    """Refuse what is missing or blank."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise CommandRefused("10004", f"The '{name}' parameter is required and cannot be blank.", pointer=f"/{name}")


def choice(value: object, name: str, allowed: Collection[str], default: str, *, code: str = "10032") -> str:
    """One of some words."""
    if value is None:
        return default
    if not isinstance(value, str) or value not in allowed:
        raise CommandRefused(code, f"The '{name}' parameter must be one of {', '.join(allowed)}.", pointer=f"/{name}")
    return value


def whole(value: object, name: str, low: int, high: int, default: int, *, code: str = "10033") -> int:
    """A whole number within bounds."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CommandRefused(
            code, f"The '{name}' parameter must be a whole number from {low} to {high}.", pointer=f"/{name}"
        )
    return value


def turns(loop: object) -> int | None:
    """How often a sound is said; None: without end."""
    if loop == "infinity":
        return None
    if isinstance(loop, str) and loop.isascii() and loop.isdecimal():
        loop = int(loop[:4])
    try:
        return whole(loop, "loop", 1, 100, 1)
    except CommandRefused as refused:
        raise CommandRefused(
            refused.code, "The 'loop' parameter must be a whole number from 1 to 100, or 'infinity'.", pointer="/loop"
        ) from None


def stop(value: object, default: str = "") -> str:
    """Which sounds are to be stopped; `default` where nothing is said."""
    return choice(value, "stop", STOPS, default, code="90016")


def audio(
    audio_url: str | None,
    media_name: str | None,
    playback_content: str | None = None,
    *,
    prefix: str = "",
    cached: bool = True,
) -> What | None:
    """The one that is given of an address, a name and base64; None for none. `prefix` is that of the names."""
    given = [
        name
        for name, value in (
            (f"{prefix}audio_url", audio_url),
            (f"{prefix}media_name", media_name),
            ("playback_content", playback_content),
        )
        if value
    ]
    if len(given) > 1:
        raise CommandRefused("10015", f"Only one of {' and '.join(given)} may be given.", pointer=f"/{given[1]}")
    if audio_url:
        return ByUrl(_url(audio_url, f"{prefix}audio_url"), cached)
    if media_name:
        return ByName(media_name)
    if playback_content:
        return ByContent(_content(playback_content))
    return None


def _url(url: str, name: str) -> str:
    if len(url) > URL_LENGTH:
        raise CommandRefused("10033", f"The '{name}' parameter may have {URL_LENGTH} characters.", pointer=f"/{name}")
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() == "file" or (parts.scheme.lower() in ("http", "https") and bool(parts.hostname))
    except ValueError:
        fine = False
    if not fine:
        raise CommandRefused("10015", f"The '{name}' parameter must be an http or https address.", pointer=f"/{name}")
    return url


def _content(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CommandRefused(
            "10015", "The 'playback_content' parameter must be base64.", pointer="/playback_content"
        ) from None
    if len(content) > CONTENT_LENGTH:
        raise CommandRefused(
            "10033", f"The 'playback_content' parameter may hold {CONTENT_LENGTH} bytes.", pointer="/playback_content"
        )
    return content


def text(value: str | None, name: str = "payload") -> str:
    """A text to be spoken."""
    required(value, name)
    assert value is not None
    if len(value) > TEXT_LENGTH:
        raise CommandRefused("10033", f"The '{name}' parameter may have {TEXT_LENGTH} characters.", pointer=f"/{name}")
    return value


def digits(value: str | None) -> str:
    """Digits to be sent, in seconds of pause W and half seconds w."""
    required(value, "digits")
    assert value is not None
    if not set(value) <= set(DIGITS + "wW"):
        raise CommandRefused("90014", "Valid digits are 0-9, A-D, *, #, w and W.", pointer="/digits")
    return value


def rules(
    *,
    minimum_digits: int | None = None,
    maximum_digits: int | None = None,
    timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    initial_timeout_millis: int | None = None,
    terminating_digit: str | None = None,
    valid_digits: str | None = None,
    maximum_tries: int | None = None,
    prompted: bool = False,
) -> Rules:
    """What a gather wants."""
    minimum = whole(minimum_digits, "minimum_digits", 1, 128, 1, code="90022")
    maximum = whole(maximum_digits, "maximum_digits", 1, 128, 128, code="90023")
    if minimum > maximum:
        raise CommandRefused("90022", "minimum_digits is greater than maximum_digits.", pointer="/minimum_digits")
    tries = whole(maximum_tries, "maximum_tries", 1, 128, 3, code="90024")
    timeout = whole(timeout_millis, "timeout_millis", 1, 120000, 60000, code="90025")
    between = whole(inter_digit_timeout_millis, "inter_digit_timeout_millis", 1, 120000, 5000, code="90026")
    initial = whole(initial_timeout_millis, "initial_timeout_millis", 1, 120000, 5000, code="90056")
    terminator = "#" if terminating_digit is None else terminating_digit
    if len(terminator) > 1 or terminator not in DIGITS:
        raise CommandRefused("10015", "terminating_digit must be one digit.", pointer="/terminating_digit")
    valid = valid_digits or "0123456789#*"
    if not set(valid) <= set(DIGITS):
        raise CommandRefused("10015", "valid_digits may hold 0-9, A-D, * and #.", pointer="/valid_digits")
    return Rules(
        minimum=minimum,
        maximum=maximum,
        timeout=timeout / 1000,
        between=between / 1000,
        initial=None if prompted else initial / 1000,
        terminator=terminator,
        valid=valid,
        tries=tries if prompted else 1,
    )


def recording(
    *,
    channels: str | None = None,
    format: str | None = None,
    play_beep: bool | None = None,
    max_length: int | None = None,
    timeout_secs: int | None = None,
    recording_track: str | None = None,
    trim: str | None = None,
    custom_file_name: str | None = None,
    keys: str = "",
) -> Wanted:
    """What a recording is to be."""
    required(channels, "channels")
    required(format, "format")
    kind = choice(format, "format", ("wav", "mp3"), "wav")
    if kind == "mp3" and not can_write_mp3():
        raise CommandRefused("10032", "This exchange cannot write mp3: use wav.", pointer="/format")
    if custom_file_name and not FILE_NAME.fullmatch(custom_file_name):
        raise CommandRefused(
            "10015",
            "The 'custom_file_name' parameter may have 40 letters, digits, spaces, and any of _ . -",
            pointer="/custom_file_name",
        )
    return Wanted(
        channels=choice(channels, "channels", ("single", "dual"), "single"),
        format=kind,
        track=choice(recording_track, "recording_track", ("both", "inbound", "outbound"), "both", code="90059"),
        beep=bool(play_beep),
        max_length=whole(max_length, "max_length", 0, 14400, 0),
        timeout=whole(timeout_secs, "timeout_secs", 0, 14400, 0, code="90028"),
        trim=choice(trim, "trim", ("trim-silence",), "") == "trim-silence",
        file_name=custom_file_name or "",
        keys=keys,
    )
