"""What the commands for calls take, as models: fields, ranges and the code that a bad value is answered with.

Unknown fields are ignored, as the platform does. A validation error whose type is one of `refusal.TITLES` is that
code; else the REST side chooses by its kind (missing 10004, enumeration 10032, range 10033, any other 10015).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from botkit.exchange.refusal import TITLES
from botkit.exchange.rest.envelope import Body as Envelope


def coded(code: str, low: float, high: float) -> BeforeValidator:
    """A number within a range whose code for any other value is `code`."""

    def check(value: Any) -> Any:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if isinstance(value, bool) or not low <= number <= high:
            raise PydanticCustomError(code, f"{TITLES[code]}: it must be between {low:g} and {high:g}.")
        return value

    return BeforeValidator(check)


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("90017", "The client_state must be valid Base64.") from None
    return value


def _digits(value: str) -> str:
    if not re.fullmatch(r"[0-9A-Da-d*#wW]+", value):
        raise PydanticCustomError("90014", "Digits must be of 0-9, A-D, *, #, w and W.")
    return value


def _blank(name: str) -> PydanticCustomError:
    return PydanticCustomError("10004", f"The '{name}' parameter is required and cannot be blank.")


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("10015", "An address is a text: +E164, or sip:user@host.")
    if not value.strip():
        raise _blank("to")
    number = re.split("[,;]", value)[0]  # behind these: digits to send, parameters
    if re.fullmatch(r"[\d\s().-]+", number):
        raise PydanticCustomError("10016", "The 'to' parameter must be in E164 format.")
    return value


def _addresses(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and not value:
        raise _blank("to")
    return tuple(_address(one) for one in (value if isinstance(value, list) else [value]))


def _number(value: str) -> str:
    if not value.strip():
        raise _blank("from")
    return value


Base64 = Annotated[str, AfterValidator(_base64)]
Digits = Annotated[str, AfterValidator(_digits)]
Address = Annotated[str, BeforeValidator(_address)]
Addresses = Annotated[
    tuple[str, ...],
    BeforeValidator(_addresses),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One or several; they all ring."""
Number = Annotated[str, AfterValidator(_number)]
TimeoutSecs = Annotated[int, coded("90028", 5, 600)]
TimeLimitSecs = Annotated[int, coded("90029", 30, 14400)]
Url = Annotated[str, Field(max_length=2000)]
Detection = Literal[
    "premium",
    "premium_ios_call_screening_detection",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "disabled",
]


class Body(Envelope):
    """A body; a field may go by its alias or by its name."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Command(Body):
    """What every command may have."""

    client_state: Base64 | None = Field(None, description="Base64; returned in every later webhook of the leg")
    command_id: str | None = Field(None, description="A command with an id seen on the leg within 60 s is ignored")


class Header(Body):
    """A custom SIP header."""

    name: str
    value: str = ""


class SipHeader(Body):
    """One of the few SIP headers that may be set."""

    name: Literal["User-to-User"]
    value: str = ""


class Webhooks(Body):
    """Where a leg's events go instead of its owner's URL."""

    webhook_url: Url | None = None
    webhook_url_method: Literal["POST", "GET"] = "POST"
    webhook_urls: dict[str, list[str]] | None = Field(None, description="Event type to the URLs that get it")
    webhook_urls_method: Literal["POST", "GET"] = "POST"
    webhook_retries_policies: dict[str, Any] | None = None


class ConferenceConfig(Body):
    """The conference that a dialled leg joins when it answers."""

    id: str | None = None
    conference_name: str | None = None
    mute: bool = False
    hold: bool = False
    hold_audio_url: Url | None = None
    hold_media_name: str | None = None
    early_media: bool = True
    end_conference_on_exit: bool = False
    soft_end_conference_on_exit: bool = False
    start_conference_on_create: bool = True
    start_conference_on_enter: bool = False
    supervisor_role: Literal["barge", "monitor", "none", "whisper"] | None = None
    whisper_call_control_ids: tuple[str, ...] = ()
    beep_enabled: Literal["always", "never", "on_enter", "on_exit"] = "never"


class Headers(Body):
    """What a client sees in its invite, or in its answer."""

    custom_headers: tuple[Header, ...] = ()
    sip_headers: tuple[SipHeader, ...] = ()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names with values."""
        custom = tuple((one.name, one.value) for one in self.custom_headers)
        return custom + tuple((one.name, one.value) for one in self.sip_headers)


class AutomaticRecording(Body):
    """A recording that begins with the answer. Durations in seconds; 0: none."""

    record: Literal["record-from-answer"] | None = None
    record_channels: Literal["single", "dual"] = "dual"
    record_format: Literal["wav", "mp3"] = "mp3"
    record_max_length: Annotated[int, Field(ge=0, le=43200)] = 0
    record_timeout_secs: Annotated[int, Field(ge=0)] = 0
    record_track: Literal["both", "inbound", "outbound"] = "both"
    record_trim: Literal["trim-silence"] | None = None
    record_custom_file_name: str | None = None


class OnAnswer(AutomaticRecording):
    """What a dialled leg hears and does once it has answered."""

    audio_url: Url | None = None
    media_name: str | None = None
    send_digits_on_answer: Annotated[Digits, Field(max_length=64)] | None = None
    answering_machine_detection: Detection = "disabled"


class Dial(Command, Webhooks, Headers, OnAnswer):
    """`POST /calls`."""

    connection_id: str = Field(description="The Voice API application in whose name the call is placed")
    to: Addresses
    calling: Number = Field(alias="from", description="The number that is shown")
    from_display_name: Annotated[str, Field(max_length=128)] = ""
    timeout_secs: TimeoutSecs = 30
    time_limit_secs: TimeLimitSecs = 14400
    retry_on_timeout: bool = True
    link_to: str | None = None
    bridge_on_answer: bool = False
    bridge_intent: bool = False
    park_after_unbridge: Literal["self"] | None = None
    prevent_double_bridge: bool = False
    conference_config: ConferenceConfig | None = None


class Answer(Command, Webhooks, Headers, AutomaticRecording):
    """`actions/answer`."""


class Reject(Command):
    """`actions/reject`."""

    cause: Literal["CALL_REJECTED", "USER_BUSY"]


class Hangup(Command):
    """`actions/hangup`."""

    custom_headers: tuple[Header, ...] = ()


class Bridge(Command, AutomaticRecording):
    """`actions/bridge`. With `queue` the `call_control_id` is ignored ([RUN] the SDK insists on one)."""

    call_control_id: str | None = None
    queue: str | None = None
    video_room_id: str | None = None
    park_after_unbridge: Literal["self"] | None = None
    hold_after_unbridge: bool = False
    prevent_double_bridge: bool = False
    play_ringtone: bool = False


class Transfer(Command, Webhooks, Headers, OnAnswer):
    """`actions/transfer`."""

    to: Address
    calling: str | None = Field(None, alias="from")
    from_display_name: Annotated[str, Field(max_length=128)] = ""
    timeout_secs: TimeoutSecs = 30
    time_limit_secs: TimeLimitSecs = 14400
    target_leg_client_state: Base64 | None = None
    early_media: bool = True
    park_after_unbridge: Literal["self"] | None = None


class Enqueue(Command):
    """`actions/enqueue`."""

    queue_name: Annotated[str, Field(min_length=1, max_length=255)]
    max_size: Annotated[int, Field(ge=1)] | None = None
    max_wait_time_secs: Annotated[int, Field(ge=1)] | None = None
    keep_after_hangup: bool = False


class ClientState(Body):
    """`PUT actions/client_state_update`."""

    client_state: Base64
