"""What the commands take by which a call hears and says something.

The fields are here for their names and for the description; their values are judged where the orders are made
(`botkit.exchange.activities.orders`), by the documented codes, so here any value passes, but a text is a text.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from botkit.exchange.rest.bodies import Command


def _any(about: str, *words: str) -> Any:
    """A field that may be anything yet."""
    return Field(None, description=f"{about} ({', '.join(words)})" if words else about)


class Speak(Command):
    """`actions/speak`."""

    payload: str | None = _any("the text, at most 3000 characters")
    voice: str | None = _any("the voice; a local one stands in for it")
    language: str | None = _any("such as en-US")
    payload_type: Any = _any("what the payload is", "text", "ssml")
    service_level: Any = _any("the quality", "basic", "premium")
    loop: Any = _any("how often, 1 to 100, or infinity")
    stop: Any = _any("what ends before", "current", "all")
    target_legs: Any = _any("who hears it", "self", "opposite", "both")


class Play(Command):
    """`actions/playback_start`."""

    audio_url: str | None = _any("where the exchange fetches the audio")
    media_name: str | None = _any("a file that the exchange knows by name")
    playback_content: str | None = _any("the audio itself, in base64")
    audio_type: Any = _any("what it is", "mp3", "wav")
    loop: Any = _any("how often, 1 to 100, or infinity")
    overlay: Any = _any("mixed with what plays, which there must be")
    stop: Any = _any("what ends before", "current", "all")
    target_legs: Any = _any("who hears it", "self", "opposite", "both")
    cache_audio: Any = _any("keep what was fetched")


class StopPlay(Command):
    """`actions/playback_stop`."""

    stop: Any = _any("what ends", "current", "all")
    overlay: Any = _any("overlays only")


class _Limits(Command):
    minimum_digits: Any = _any("1 to 128")
    maximum_digits: Any = _any("1 to 128")
    timeout_millis: Any = _any("of the whole; with a prompt, from its end")
    inter_digit_timeout_millis: Any = _any("between two digits")
    terminating_digit: str | None = _any("ends it; # unless given")
    valid_digits: str | None = _any("those that count")


class Gather(_Limits):
    """`actions/gather`."""

    initial_timeout_millis: Any = _any("until the first digit")
    gather_id: str | None = _any("comes back in the event")


class GatherUsingAudio(_Limits):
    """`actions/gather_using_audio`."""

    audio_url: str | None = _any("the prompt")
    media_name: str | None = _any("the prompt, by name")
    invalid_audio_url: str | None = _any("the prompt after an invalid entry")
    invalid_media_name: str | None = _any("the same, by name")
    maximum_tries: Any = _any("1 to 128")


class GatherUsingSpeak(_Limits):
    """`actions/gather_using_speak`."""

    payload: str | None = _any("the prompt's text")
    voice: str | None = _any("its voice")
    invalid_payload: str | None = _any("the text after an invalid entry")
    language: str | None = _any("such as en-US")
    payload_type: Any = _any("what the payload is", "text", "ssml")
    service_level: Any = _any("the quality", "basic", "premium")
    maximum_tries: Any = _any("1 to 128")


class SendDtmf(Command):
    """`actions/send_dtmf`."""

    digits: str | None = _any("of 0-9 A-D * # w W")
    duration_millis: Any = _any("of each, 100 to 500")


class Record(Command):
    """`actions/record_start`."""

    channels: Any = _any("one channel or one for each party", "single", "dual")
    format: Any = _any("the file", "wav", "mp3")
    play_beep: Any = _any("a beep before")
    max_length: Any = _any("seconds, at most 14400")
    timeout_secs: Any = _any("seconds of silence that end it")
    recording_track: Any = _any("whom", "inbound", "outbound", "both")
    trim: Any = _any("trim-silence")
    custom_file_name: str | None = _any("a part of the file's name")


class OfRecording(Command):
    """`actions/record_stop`, `record_pause`, `record_resume`."""

    recording_id: str | None = _any("which; the one that runs")
