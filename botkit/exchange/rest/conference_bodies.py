"""What the commands for conferences take, as models (`bodies.py` has what all commands have in common)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from botkit.exchange.rest.bodies import Base64, Body, Digits, Url

Beep = Literal["always", "never", "on_enter", "on_exit"]
Role = Literal["barge", "monitor", "none", "whisper"]
Region = Literal["Australia", "Europe", "Middle East", "US"]
ControlIds = Annotated[list[str], Field(description="Members, by their call control ids; empty: all")]


class _InRegion(Body):
    """What every conference command may have."""

    region: Region | None = None


class _Once(_InRegion):
    """A command that may be repeated."""

    command_id: str | None = Field(None, description="A command with an id seen within 60 s is ignored")


class Create(_Once):
    """`POST /conferences`."""

    call_control_id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    beep_enabled: Beep = "never"
    client_state: Base64 | None = None
    comfort_noise: bool = True
    duration_minutes: Annotated[int, Field(ge=1, le=240)] = 240
    hold_audio_url: Url | None = None
    hold_media_name: str | None = None
    max_participants: Annotated[int, Field(ge=2, le=800)] = 250
    start_conference_on_create: bool = True


class Join(_Once):
    """`actions/join`."""

    call_control_id: Annotated[str, Field(min_length=1)]
    beep_enabled: Beep | None = None
    client_state: Base64 | None = None
    mute: bool = False
    hold: bool = False
    hold_audio_url: Url | None = None
    hold_media_name: str | None = None
    end_conference_on_exit: bool = False
    soft_end_conference_on_exit: bool = False
    start_conference_on_enter: bool = False
    supervisor_role: Role = "none"
    whisper_call_control_ids: list[str] = Field([])


class Leave(_Once):
    """`actions/leave`."""

    call_control_id: Annotated[str, Field(min_length=1)]
    beep_enabled: Beep | None = None


class End(_Once):
    """`actions/end`."""


class Some(_InRegion):
    """`actions/mute`, `actions/unmute`, `actions/stop`."""

    call_control_ids: ControlIds = Field([])


class Hold(Some):
    """`actions/hold`."""

    audio_url: Url | None = None
    media_name: str | None = None


class Unhold(_InRegion):
    """`actions/unhold`."""

    call_control_ids: Annotated[list[str], Field(min_length=1)]


class Play(Some):
    """`actions/play`."""

    audio_url: Url | None = None
    media_name: str | None = None
    loop: str | int | None = Field(None, description="1 to 100, or `infinity`")


class Speak(Some):
    """`actions/speak`."""

    payload: Annotated[str, Field(min_length=1, max_length=3000)]
    voice: Annotated[str, Field(min_length=1)]
    payload_type: Literal["text", "ssml"] = "text"
    language: str | None = None
    command_id: str | None = None


class SendDtmf(Some):
    """`actions/send_dtmf`."""

    digits: Digits
    duration_millis: Annotated[int, Field(ge=100, le=500)] = 250
    client_state: Base64 | None = None


class RecordStart(_Once):
    """`actions/record_start`."""

    format: Literal["wav", "mp3"]
    channels: Literal["single", "dual"] = "single"
    play_beep: bool = False
    trim: str | None = Field(None, description="`trim-silence`")
    custom_file_name: str | None = None


class OfRecording(_Once):
    """`actions/record_stop`, `actions/record_pause`, `actions/record_resume`."""

    client_state: Base64 | None = None
    recording_id: str | None = None


class Update(_Once):
    """`actions/update`."""

    call_control_id: Annotated[str, Field(min_length=1)]
    supervisor_role: Role
    whisper_call_control_ids: list[str] = Field([])


class UpdateParticipant(Body):
    """`PATCH /conferences/{id}/participants/{participant_id}`."""

    beep_enabled: Beep | None = None
    end_conference_on_exit: bool | None = None
    soft_end_conference_on_exit: bool | None = None
