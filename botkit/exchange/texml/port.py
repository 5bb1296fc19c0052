"""What a document may ask of a leg, and of the rooms and queues that legs meet in.

A document's program is written against these protocols only, so it runs the same on the exchange's switch and on a
leg that merely records. Whatever makes a sound or waits is a coroutine, and cancelling it stops the sound at once.
Commands that cannot be carried out raise `CommandRefused`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

Direction = Literal["inbound", "outbound"]
Word = Literal["queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "canceled", "failed"]
"""`CallStatus` and `DialCallStatus`."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a leg ended: the hang-up cause (Q.850 name), the SIP status, and who hung up."""

    cause: str = "NORMAL_CLEARING"
    sip_code: int | None = None
    source: Literal["caller", "callee", "unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class LegFacts:
    """What does not change about a leg. `sid` is its call control id; `connection_id` that of its owner.

    `headers` are the SIP headers that came with the call, a client's own ones and `X-RTC-CALLID` among them.
    """

    sid: str
    leg_id: str
    session_id: str
    connection_id: str
    calling: str
    called: str
    direction: Direction
    party: Literal["sip", "pstn"] = "sip"
    calling_uri: str = ""
    called_uri: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    caller_name: str = ""
    """Shown to the other party; empty: the number is."""


@dataclass(frozen=True, slots=True)
class DialOrder:
    """A leg to ring. `address` is a number or a SIP URI, `timeout` the seconds it may ring."""

    address: str
    caller_id: str = ""
    display_name: str = ""
    timeout: float = 30.0
    headers: tuple[tuple[str, str], ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RecordingOrder:
    """`dual` keeps the parties apart, one to a channel. It ends by itself after `longest` seconds, and when the party
    has been silent for `silence` seconds (0: no such end). With `beep` a beep comes first."""

    dual: bool = True
    format: Literal["mp3", "wav"] = "mp3"
    trim: bool = False
    beep: bool = False
    longest: float = 0.0
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that is done. `duration` in seconds; `url` is where it can be fetched."""

    sid: str
    url: str
    duration: float


class Recording(Protocol):
    """A recording that runs."""

    @property
    def sid(self) -> str: ...

    async def ended(self) -> None:
        """Wait until it has ended by itself, or with its leg."""
        ...

    async def stop(self) -> Recorded:
        """End it, where it has not ended; gives what was recorded."""
        ...


class Digits(Protocol):
    """The digits of one listener, in order."""

    async def next(self) -> str:
        """The next digit. A cancelled caller loses none."""
        ...


class Ticket(Protocol):
    """A leg's place in a queue."""

    @property
    def queue_sid(self) -> str: ...

    @property
    def gone(self) -> asyncio.Future[str]:
        """Set when the leg is out of the queue, to the reason: `bridged`, `leave`, `timeout`, `hangup`."""
        ...

    def position(self) -> int:
        """1 is the head."""
        ...

    def size(self) -> int: ...

    def waited(self) -> float:
        """Seconds in the queue so far, or until it left."""
        ...

    def average_wait(self) -> float: ...

    def leave(self, reason: str = "leave") -> None:
        """Out of the queue, if it is still there."""
        ...

    async def served(self) -> None:
        """Wait until the leg is free again of whoever took it out of the queue."""
        ...


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something that happened in a conference. `fields` are the callback's own, by their names."""

    kind: Literal[
        "conference-start", "conference-end", "participant-join", "participant-leave", "participant-speech-start"
    ]
    sid: str
    name: str
    fields: tuple[tuple[str, str], ...] = ()


RoomListener = Callable[[RoomEvent], None]


@dataclass(frozen=True, slots=True)
class SeatOrder:
    """How a leg enters a conference. `listener` is told all of the conference if it is the first one given to it.
    `has_wait`: the leg plays something while it waits for the start; else it hears what the exchange has for that."""

    name: str
    muted: bool = False
    start_on_enter: bool = True
    end_on_exit: bool = False
    max_participants: int = 250
    beep: Literal["true", "false", "onEnter", "onExit"] = "true"
    label: str = ""
    record: bool = False
    has_wait: bool = False
    listener: RoomListener | None = None


class Seat(Protocol):
    """A leg's place in a conference. Until the conference starts, its member hears what its leg plays."""

    @property
    def conference_sid(self) -> str: ...

    @property
    def started(self) -> asyncio.Future[None]: ...

    @property
    def out(self) -> asyncio.Future[str]:
        """Set when the leg has left, to the reason. The end of the conference takes all members out, and
        leaves the legs of documents up."""
        ...

    def leave(self) -> None:
        """Out of the conference, if the leg is still in it."""
        ...


class TexmlLeg(Protocol):
    """One leg."""

    @property
    def facts(self) -> LegFacts: ...

    @property
    def ringing(self) -> asyncio.Future[None]:
        """Set when its party is being alerted."""
        ...

    @property
    def answered(self) -> asyncio.Future[None]: ...

    @property
    def over(self) -> asyncio.Future[Ending]: ...

    async def answer(self) -> None:
        """Answer an inbound leg; returns when media can flow. Nothing happens to one that is answered."""
        ...

    def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        """End it, whatever its state. A leg that is over stays as it ended."""
        ...

    def reject(self, reason: Literal["rejected", "busy"]) -> None:
        """Refuse an inbound leg that is not answered."""
        ...

    # --- sound ---------------------------------------------------------------------------------------

    async def say(self, text: str, *, voice: str, language: str) -> None:
        """Speak once, to the end."""
        ...

    async def play(self, url: str) -> None:
        """Play a file once, to the end: one at a URL, or one of the media storage by its name. Raises `CommandRefused`
        (90040) when it cannot be had."""
        ...

    async def ring_back(self, tone: str, audio_url: str) -> None:
        """Let the leg hear that somebody is being rung (as early media where it is not answered), until cancelled."""
        ...

    async def send_digits(self, digits: str) -> None:
        """Send digits, `w` being half a second of silence and `W` a whole one; returns after the last."""
        ...

    # --- hearing -------------------------------------------------------------------------------------

    def digits(self) -> AbstractContextManager[Digits]:
        """Hear the digits that arrive inside the scope; each listener hears all."""
        ...

    def record(self, order: RecordingOrder) -> Recording: ...

    # --- others --------------------------------------------------------------------------------------

    def dial(self, order: DialOrder) -> TexmlLeg:
        """Ring somebody on behalf of this leg (same session). The new leg rings by itself, and is over when its
        time-out passes. Raises `CommandRefused` when the address leads nowhere."""
        ...

    async def bridge(self, other: TexmlLeg) -> None:
        """Join two answered legs until they are parted: by the end of one, or by a command from outside. Neither leg
        is hung up by this; a cancelled caller parts them."""
        ...

    def part(self) -> None:
        """Take it out of the bridge it is in, if any; neither leg is hung up by this."""
        ...

    def enqueue(self, queue: str) -> Ticket:
        """Put it at the end of a queue. Raises `CommandRefused` (90036, 90038)."""
        ...

    def take_from(self, queue: str) -> AbstractAsyncContextManager[TexmlLeg | None]:
        """Take the head out of a queue (reason `bridged`); None from an empty one. The scope is the time in which the
        leg is ours: its ticket is served when the scope ends."""
        ...

    def join(self, order: SeatOrder) -> Seat:
        """Enter a conference, which is made where there is none. Raises `CommandRefused` (90032)."""
        ...
