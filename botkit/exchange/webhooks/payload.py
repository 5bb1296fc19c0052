"""An event as JSON data: the fields of its row, the common fields of its leg, the envelope.

Every field of the row is there, null when nothing is known of it. What does not fit the row (a field it does not
have, a word that is not legal, a number for a text) is our bug and raises `LocalProtocolError`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botkit.errors import LocalProtocolError
from botkit.exchange.webhooks.shapes import EVENTS, About, Dated, Field, Kind, Shape
from botkit.exchange.webhooks.told import ToldConference, ToldLeg
from botkit.media import sdp

SIP_DOMAIN = "sip.telnyx.com"
"""Host of `from_sip_uri` and `to_sip_uri`, which are `user@host` without a scheme."""

SIP_HEADERS = ("User-to-User", "Diversion")
"""The only names that `sip_headers` may have ([SDK] `InboundSipHeader`)."""

CALL_ID_HEADER = "X-RTC-CALLID"

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int,),
    Kind.FLAG: (bool,),
    Kind.LIST: (list, tuple),
    Kind.HEADERS: (list, tuple),
    Kind.RECORD: (Mapping,),
    Kind.TIME: (int, float, str),
}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, once, however often it is sent. `data` is the envelope's member of that name."""

    id: str
    event_type: str
    occurred_at: float
    """Wallclock seconds."""
    data: dict[str, Any]

    def envelope(self, *, attempt: int, delivered_to: str) -> dict[str, Any]:
        """The body of one try."""
        return {"data": self.data, "meta": {"attempt": attempt, "delivered_to": delivered_to}}


def iso(wall: float) -> str:
    """A time as the platform writes it: UTC, with microseconds and a `Z`."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leg_event(leg: ToldLeg, event_type: str, fields: Mapping[str, object], now: float) -> Event:
    """An event of a leg, as it is `now` (wallclock seconds). Raises `LocalProtocolError`."""
    shape = _shape(event_type, leg=True)
    payload = {**_ids(leg), "connection_id": leg.connection_id, "client_state": leg.client_state}
    if shape.numbers:
        payload |= {"from": leg.calling, "to": leg.called}
    return _event(event_type, shape, payload, {**_known(leg, event_type, now), **fields}, fields, now)


def conference_event(
    conference: ToldConference,
    event_type: str,
    fields: Mapping[str, object],
    now: float,
    *,
    member: ToldLeg | None = None,
) -> Event:
    """An event of a conference; `member` is the leg it is about, where it is about one. Raises `LocalProtocolError`."""
    shape = _shape(event_type, leg=False)
    creator = conference.creator
    payload: dict[str, Any] = {"conference_id": conference.id, "connection_id": conference.connection_id}
    if shape.about is About.MEMBER and member is None:
        raise LocalProtocolError(f"{event_type} is about a member, and none is named")
    if shape.about is About.ROOM:
        payload["creator_call_session_id"] = creator.session_id
    else:
        leg = member if member is not None and shape.about is About.MEMBER else creator
        payload |= {**_ids(leg), "client_state": creator.client_state}
    known = {"creator_call_session_id": creator.session_id}
    return _event(event_type, shape, payload, {**known, **fields}, fields, now)


def _shape(event_type: str, *, leg: bool) -> Shape:
    shape = EVENTS.get(event_type)
    if shape is None or (shape.about is About.LEG) is not leg:
        raise LocalProtocolError(f"{event_type} is no event of a {'leg' if leg else 'conference'}")
    return shape


def _ids(leg: ToldLeg) -> dict[str, Any]:
    return {"call_control_id": leg.control_id, "call_leg_id": leg.leg_id, "call_session_id": leg.session_id}


def _known(leg: ToldLeg, event_type: str, now: float) -> dict[str, object]:
    """What a leg says of itself, by the names of the table."""
    return {
        "direction": leg.direction or None,
        "start_time": leg.started or now,
        "end_time": leg.ended_at or now,
        "caller_id_name": leg.name or None,
        "calling_party_type": leg.party_type or None,
        "from_sip_uri": _sip_uri(leg.calling),
        "to_sip_uri": _sip_uri(leg.called),
        "custom_headers": _custom_headers(leg),
        "sip_headers": tuple(pair for pair in leg.headers if pair[0] in SIP_HEADERS),
        "offered_codecs": _offered_codecs(leg) if event_type == "call.initiated" else None,
    }


def _custom_headers(leg: ToldLeg) -> tuple[tuple[str, str], ...]:
    """Those of its invite, with the client's own id for a call that it placed, as the real service has it."""
    custom = tuple(pair for pair in leg.headers if pair[0].lower().startswith("x-"))
    if leg.inbound and not any(name == CALL_ID_HEADER for name, _ in custom):
        return ((CALL_ID_HEADER, leg.id), *custom)
    return custom


def _offered_codecs(leg: ToldLeg) -> str | None:
    """What its client offered, best first: `OPUS,PCMU`."""
    if leg.invite is None:
        return None
    try:
        formats = sdp.parse(leg.invite.sdp).audio.formats
    except sdp.SdpError:
        return None  # it is told of all the same
    return ",".join(dict.fromkeys(each.name.upper() for each in formats if each.is_voice)) or None


def _sip_uri(address: str) -> str | None:
    bare = address.removeprefix("sips:").removeprefix("sip:")
    if not bare:
        return None
    return bare if "@" in bare else f"{bare}@{SIP_DOMAIN}"


def _event(
    event_type: str,
    shape: Shape,
    payload: dict[str, Any],
    known: Mapping[str, object],
    said: Mapping[str, object],
    now: float,
) -> Event:
    if unknown := said.keys() - shape.fields.keys():
        raise LocalProtocolError(f"{event_type} has no field {', '.join(sorted(unknown))}")
    for name, row in shape.fields.items():
        payload[name] = _value(row, known.get(name), f"{event_type}: {name}")
    data: dict[str, Any] = {"record_type": "event", "event_type": event_type, "id": str(uuid.uuid4())}
    if shape.dated is not Dated.PAYLOAD:
        data["occurred_at"] = iso(now)
    if shape.dated is not Dated.DATA:
        payload["occurred_at"] = iso(now)
    data["payload"] = payload
    return Event(data["id"], event_type, now, data)


def _time(value: float | str, where: str) -> str:
    """A time given as wallclock seconds, or as it is sent."""
    if isinstance(value, int | float):
        return iso(value)
    try:
        return iso(datetime.fromisoformat(value).timestamp())
    except ValueError:
        raise LocalProtocolError(f"{where} cannot be {value!r}") from None


def _value(row: Field, value: object, where: str) -> Any:
    """A field's value for JSON."""
    if value is None:
        value = row.default
    if value is None:
        return None
    if not isinstance(value, _TYPES[row.kind]) or (isinstance(value, bool) and row.kind is not Kind.FLAG):
        raise LocalProtocolError(f"{where} cannot be {value!r}")
    if row.words and value not in row.words:
        raise LocalProtocolError(f"{where} cannot be {value!r}: it is one of {', '.join(row.words)}")
    if row.kind is Kind.TIME and isinstance(value, int | float | str):
        return _time(value, where)
    if row.kind is Kind.HEADERS and isinstance(value, list | tuple):
        return [{"name": name, "value": text} for name, text in value]
    if row.kind is Kind.LIST and isinstance(value, list | tuple):
        return list(value)
    if row.kind is Kind.RECORD and isinstance(value, Mapping):
        if unknown := value.keys() - row.members.keys():
            raise LocalProtocolError(f"{where} has no member {', '.join(sorted(map(str, unknown)))}")
        return {name: _value(member, value.get(name), f"{where}.{name}") for name, member in row.members.items()}
    return value
