"""What stands inside `Dial`: whom, or what, it joins the leg to. Attributes as in the TeXML reference of `Dial`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

Method = Annotated[Literal["GET", "POST"], BeforeValidator(lambda value: str(value).strip().upper())]
Url = Annotated[str, Field(max_length=2000)]
"""Absolute, or relative to the document; empty: none."""

LegEvent = Literal["initiated", "ringing", "answered", "amd", "dtmf", "completed"]
RoomEvent = Literal["start", "end", "join", "leave", "speaker"]


def words(value: object) -> object:
    """The words of an attribute that lists some."""
    return tuple(value.split()) if isinstance(value, str) else value


class Model(BaseModel):
    """An element with its attributes: Python names here, camelCase in documents. `line` is where it stands."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")
    takes_text: ClassVar[str] = ""
    """The field that the element's text goes to; empty: the element has none."""
    line: int = Field(default=0, exclude=True)


class Party(Model):
    """A leg to ring: its callbacks, and what its callee hears before the parties are joined."""

    status_callback: Url = ""
    status_callback_event: Annotated[tuple[LegEvent, ...], BeforeValidator(words)] = ("completed",)
    status_callback_method: Method = "POST"
    url: Url = ""
    method: Method = "POST"
    send_digits: Annotated[str, Field(pattern=r"^[0-9A-Da-d*#wW]*$", max_length=128)] = ""
    machine_detection: str = ""


class Number(Party):
    """`<Number>+13120000001</Number>`, or the bare text of `Dial`."""

    takes_text: ClassVar[str] = "number"
    number: Annotated[str, Field(min_length=1, max_length=255)]

    @property
    def address(self) -> str:
        return self.number


class Sip(Party):
    """`<Sip>sip:user@host</Sip>`: the way to reach WebRTC clients."""

    takes_text: ClassVar[str] = "uri"
    uri: Annotated[str, Field(pattern=r"^[sS][iI][pP][sS]?:\S+$", max_length=2000)]
    username: str = ""
    password: Annotated[str, Field(repr=False)] = ""

    @property
    def address(self) -> str:
        return self.uri


class Queue(Model):
    """`<Queue>support</Queue>`: the head of the queue. It runs the document of `url` before it is joined."""

    takes_text: ClassVar[str] = "name"
    name: Annotated[str, Field(min_length=1, max_length=255)]
    url: Url = ""
    method: Method = "POST"


class Conference(Model):
    """`<Conference>room7</Conference>`. In documents a member starts the conference by entering it; in REST not."""

    takes_text: ClassVar[str] = "name"
    name: Annotated[str, Field(min_length=1, max_length=255)]
    muted: bool = False
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    max_participants: Annotated[int, Field(ge=2, le=250)] = 250
    beep: Literal["true", "false", "onEnter", "onExit"] = "true"
    participant_label: str = ""
    record: Literal["do-not-record", "record-from-start"] = "do-not-record"
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = "POST"
    status_callback: Url = ""
    status_callback_method: Method = "POST"
    status_callback_event: Annotated[tuple[RoomEvent, ...], BeforeValidator(words)] = ()
    wait_url: Url = ""
    wait_method: Method = "POST"


NOUNS: dict[str, type[Model]] = {"Number": Number, "Sip": Sip, "Queue": Queue, "Conference": Conference}
