"""The verbs of a document as frozen models. Attributes, defaults and ranges are those of the TeXML reference.

Times are seconds, whole numbers as documents write them. URLs are as written: absolute, or relative to the
document. An attribute that a verb does not have is no error (documents are written for more than one
platform); the reader of the document says so in the log.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from botkit.exchange.texml.nouns import Conference, Method, Model, Number, Party, Queue, Sip, Url, words

Keys = Annotated[str, Field(pattern=r"^[0-9A-Da-d*#]*$")]
Loop = Annotated[int, Field(ge=0, le=1000)]
"""How often; 0: until something else happens."""
RecordWhen = Literal[
    "do-not-record", "record-from-answer", "record-from-answer-dual", "record-from-ringing", "record-from-ringing-dual"
]
Trim = Literal["trim-silence", "do-not-trim"]


class Say(Model):
    """`<Say voice="alice">Good morning.</Say>`."""

    takes_text: ClassVar[str] = "text"
    text: Annotated[str, Field(max_length=3000)] = ""
    voice: str = "man"
    language: str = ""
    loop: Annotated[int, Field(ge=0, le=10)] = 1


class Play(Model):
    """`<Play>welcome.wav</Play>`; with `digits`, tones instead of a file (`w` is half a second of silence)."""

    takes_text: ClassVar[str] = "url"
    url: Url = ""
    loop: Loop = 1
    media_storage: bool = False
    digits: Annotated[str, Field(pattern=r"^[0-9A-Da-d*#wW]*$", max_length=128)] = ""

    @model_validator(mode="after")
    def _has_something(self) -> Play:
        if not self.url and not self.digits:
            raise ValueError("needs the address of a file, or digits")
        return self


class Pause(Model):
    """Silence of `length` seconds."""

    length: Annotated[int, Field(ge=1, le=180)] = 1


class Gather(Model):
    """Digits from the party. `prompts` are heard first; the first digit stops them."""

    action: Url = ""
    method: Method | None = None
    """None: that of the application."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 5
    input: Annotated[tuple[Literal["dtmf", "speech"], ...], BeforeValidator(words), Field(min_length=1)] = ("dtmf",)
    finish_on_key: Keys = "#"
    num_digits: Annotated[int, Field(ge=1, le=128)] | None = None
    min_digits: Annotated[int, Field(ge=1, le=128)] = 1
    max_digits: Annotated[int, Field(ge=1, le=128)] = 128
    valid_digits: Keys = ""
    """Empty: all are."""
    invalid_digits_action: Url = ""
    language: str = ""
    prompts: tuple[Say | Play | Pause, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Gather:
        if self.num_digits is None and self.min_digits > self.max_digits:
            raise ValueError(f"minDigits ({self.min_digits}) is more than maxDigits ({self.max_digits})")
        return self

    @property
    def least(self) -> int:
        """So many digits are valid input."""
        return self.num_digits or self.min_digits

    @property
    def most(self) -> int:
        """After so many digits nobody waits for more."""
        return self.num_digits or self.max_digits


class Dial(Model):
    """Joins the leg to whom `to` says: parties that ring together, the head of a queue, or a conference."""

    to: tuple[Number | Sip, ...] | Queue | Conference
    action: Url = ""
    method: Method = "POST"
    caller_id: str = ""
    from_display_name: Annotated[str, Field(max_length=128)] = ""
    timeout: Annotated[int, Field(ge=5, le=120)] = 30
    time_limit: Annotated[int, Field(ge=60, le=14400)] = 14400
    hangup_on_star: bool = False
    record: RecordWhen = "do-not-record"
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = "POST"
    ring_tone: str = "us"
    audio_url: Url = ""
    answer_on_bridge: bool = False
    pass_diversion_header: bool = False


class Enqueue(Model):
    """`<Enqueue waitUrl="/wait">support</Enqueue>`. Without a name, the queue is `default`."""

    takes_text: ClassVar[str] = "name"
    name: Annotated[str, Field(min_length=1, max_length=255)] = "default"
    action: Url = ""
    method: Method = "POST"
    wait_url: Url = ""
    wait_url_method: Method = "POST"
    max_wait_time_secs: Annotated[int, Field(ge=1, le=14400)] = 14400


class Leave(Model):
    """In the document of a `waitUrl`: out of the queue."""


class Redirect(Model):
    """Go on with the document at `url`."""

    takes_text: ClassVar[str] = "url"
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    method: Method = "POST"


class Hangup(Model):
    """The end of the call."""


class Reject(Model):
    """Refuse a call that is not answered: `rejected` is SIP 404, `busy` 486."""

    reason: Literal["rejected", "busy"] = "rejected"


class Record(Model):
    """Record the party until a key, silence of `timeout` seconds (0: none), or `max_length`."""

    action: Url = ""
    method: Method = "POST"
    finish_on_key: Keys = "0123456789*#"
    timeout: Annotated[int, Field(ge=0, le=14400)] = 0
    max_length: Annotated[int, Field(ge=1, le=14400)] = 3600
    play_beep: bool = True
    channels: Literal["single", "dual"] = "dual"
    format: Literal["mp3", "wav"] = "mp3"
    trim: Trim = "do-not-trim"
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = "POST"


Verb = Say | Play | Pause | Gather | Dial | Enqueue | Leave | Redirect | Hangup | Reject | Record
VERBS: dict[str, type[Model]] = {
    verb.__name__: verb for verb in (Say, Play, Pause, Gather, Dial, Enqueue, Leave, Redirect, Hangup, Reject, Record)
}
NOT_ON_PLATFORM = frozenset({"Pay", "Sms", "Message", "Prompt", "Queue", "Client", "Application", "Sim", "WhatsApp"})
"""Of the look-alike product; the platform does not have them (documentation: TeXML and TwiML compatibility)."""
NOT_HERE = frozenset(
    {"Refer", "Start", "Stop", "Connect", "Stream", "Suppression", "Transcription", "Siprec", "HttpRequest", "AIGather"}
)
"""The platform has them, this exchange has not."""

__all__ = [
    "VERBS",
    "Conference",
    "Dial",
    "Enqueue",
    "Gather",
    "Hangup",
    "Leave",
    "Number",
    "Party",
    "Pause",
    "Play",
    "Queue",
    "Record",
    "Redirect",
    "Reject",
    "Say",
    "Sip",
    "Verb",
]
