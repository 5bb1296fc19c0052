"""What an exchange is doing just now, as plain data for the status page and for monitors.

It is made when somebody asks and costs nothing before that. Who asks often, or in numbers, shares one answer for
`FRESH` seconds, and of long lists the first `SHOWN` are told, beside their length: looking may not cost the beat.

Nothing secret is in it: no password, no token, no key. What callers say of themselves is, as text, and cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

from botkit.exchange.bridge import Bridge
from botkit.exchange.conference import Conference
from botkit.exchange.connections import CredentialConnection
from botkit.exchange.leg import Leg
from botkit.exchange.line import ClientLine
from botkit.exchange.queue import Entry, Queue
from botkit.exchange.registrar import Registration
from botkit.exchange.seat import Seat
from botkit.media.pcm import level

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

Facts = dict[str, Any]
"""JSON's own types. Times are seconds since 1970, durations seconds."""

FRESH = 0.25
"""Seconds for which one answer serves all who ask."""

SHOWN = 200
"""Rows of each list that are told."""

TEXT = 120
"""Characters of a text that are told: a caller's name may be as long as a frame."""

TALKING = -50.0
"""dBFS from which a member of a conference is said to talk, by its last 20 ms."""

T = TypeVar("T")


class Status:
    """The facts of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._began = exchange.clock.now()
        self._version = _version()
        self._told: tuple[float, Facts] | None = None

    def health(self) -> Facts:
        """What a monitor asks every few seconds: some numbers, all of them at hand."""
        exchange = self._exchange
        beat = exchange.plane.pacer.health
        return {
            "status": "ok",
            "version": self._version,
            "uptime": round(exchange.clock.now() - self._began, 3),
            "registrations": len(exchange.registrar),
            "legs": len(exchange.switch.legs),
            "beat": {"late": beat.late, "lost": beat.lost},
        }

    def facts(self) -> Facts:
        """All that the page shows; at most `FRESH` seconds old."""
        now = self._exchange.clock.now()
        if self._told is None or now - self._told[0] >= FRESH:
            self._told = (now, self._facts())
        return self._told[1]

    def _facts(self) -> Facts:
        exchange = self._exchange
        platform = exchange.platform
        legs = list(exchange.switch.legs)
        bridges = {leg.place: None for leg in legs if isinstance(leg.place, Bridge)}
        beat, webhooks = exchange.plane.pacer.health, platform.webhooks
        return {
            **self.health(),
            "at": round(exchange.clock.wall(), 3),
            "url": exchange.url,
            "registrations": _some(list(exchange.registrar), self._registration),
            "legs": _some(legs, self._leg),
            "bridges": _some(list(bridges), self._bridge),
            "queues": _some(list(platform.queues), self._queue),
            "conferences": _some([one for one in platform.conferences if not one.is_over], self._conference),
            "webhooks": {
                "waiting": webhooks.waiting,
                "under_way": webhooks.under_way,
                "lost": webhooks.lost,
                "last_lost": _text(webhooks.last_lost),
            },
            "beat": {
                "beats": beat.beats,
                "late": beat.late,
                "lost": beat.lost,
                "p99_ms": round(1000 * beat.lateness_p99, 1),
                "errors": exchange.plane.pacer.errors,
            },
        }

    def _registration(self, one: Registration[ClientLine]) -> Facts:
        client = one.line.client
        return {
            "login": one.sequence,
            "name": _text(one.name),
            "means": one.means,
            "since": round(one.at, 3),
            "agent": _text(one.user_agent),
            "client": f"{client[0]}:{client[1]}" if client else "",
            "reached": self._exchange.registrar.line_of(one.name) is one.line,
        }

    def _leg(self, leg: Leg) -> Facts:
        facts = {
            "id": leg.control_id,
            "from": _text(leg.calling or leg.number),
            "from_name": _text(leg.name),
            "to": _text(leg.called),
            "state": self._state(leg),
            "where": _where(leg),
            "direction": leg.direction,
            "owner": self._owner(leg.connection_id),
            "since": round(leg.started, 3),
            "answered_at": round(leg.answered_at, 3) if leg.answered_at is not None else None,
            "codec": "",
            "sent": 0,
            "received": 0,
            "lost": 0,
        }
        if leg.endpoint.described:
            session = leg.endpoint.session
            figures = session.figures
            facts |= {
                "codec": session.codec.name,
                "sent": figures.sent,
                "received": figures.received,
                "lost": figures.lost,
            }
        return facts

    def _state(self, leg: Leg) -> str:
        """By the common names of the SDKs."""
        if leg in self._exchange.recovery.lost:
            return "reconnecting"
        if not leg.is_answered:
            return "ringing"
        return "held" if leg.held else "active"

    def _owner(self, connection_id: str) -> str:
        owner = self._exchange.directory.owner(connection_id) if connection_id else None
        if owner is None:
            return ""
        if isinstance(owner, CredentialConnection):
            return _text(owner.connection_name or owner.user_name)
        return _text(str(getattr(owner, "application_name", "") or getattr(owner, "friendly_name", "")))

    def _bridge(self, bridge: Bridge) -> Facts:
        return {
            "id": "/".join(leg.control_id for leg in bridge.legs),
            "legs": [_who(leg) for leg in bridge.legs],
            "through": bridge.through,
            "held_by": [_who(leg) for leg in bridge.legs if leg.held],
            "moving": bridge.moving,
        }

    def _queue(self, queue: Queue) -> Facts:
        return {
            "name": _text(queue.name),
            "length": len(queue),
            "max_size": queue.max_size,
            "average_wait": round(queue.average_wait, 1),
            "entries": [_entry(one) for one in queue.entries[:SHOWN]],
        }

    def _conference(self, conference: Conference) -> Facts:
        return {
            "id": conference.id,
            "name": _text(conference.name),
            "status": conference.status,
            "since": round(conference.created_at, 3),
            "owner": self._owner(conference.connection_id),
            "length": len(conference.seats),
            "members": [_member(one) for one in conference.seats[:SHOWN]],
        }


def _some(all_of_them: list[T], facts_of: Callable[[T], Facts]) -> Facts:
    return {"length": len(all_of_them), "rows": [facts_of(one) for one in all_of_them[:SHOWN]]}


def _entry(entry: Entry) -> Facts:
    return {
        "id": entry.leg.control_id,
        "who": _who(entry.leg),
        "waited": round(entry.waited, 1),
        "alive": entry.is_alive,
    }


def _member(seat: Seat) -> Facts:
    frame = seat.member.frame
    return {
        "id": seat.id,
        "who": _who(seat.leg),
        "muted": seat.muted,
        "held": seat.on_hold,
        "role": seat.role,
        "talking": seat.is_heard and frame is not None and level(frame) >= TALKING,
    }


def _where(leg: Leg) -> Facts:
    """The place that gives it its sound."""
    match leg.place:
        case Bridge() as bridge:
            return {"kind": "bridge", "name": _who(bridge.other(leg))}
        case Entry() as entry:
            return {"kind": "queue", "name": _text(entry.queue.name)}
        case Seat() as seat:
            return {"kind": "conference", "name": _text(seat.conference.name)}
        case _:
            alone = leg.is_answered or (leg.inbound and not leg.put_through)
            return {"kind": "parked" if alone else "", "name": ""}


def _who(leg: Leg) -> str:
    """The party at the far end of a leg: who calls of one that came in, who was called of one that went out."""
    if leg.inbound:
        return _text(leg.name or leg.calling or leg.number)
    return _text(leg.called or leg.number)


def _text(text: str | None) -> str:
    """Cut short, and without what has no look of its own: control characters could hide or turn the rest."""
    shown = "".join(_printable((text or "")[: TEXT + 1]))
    return shown if len(shown) <= TEXT else f"{shown[:TEXT]}…"


def _printable(text: str) -> Iterable[str]:
    return (letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _version() -> str:
    try:
        return version("botkit")
    except PackageNotFoundError:  # run from a folder that was never installed
        return ""
