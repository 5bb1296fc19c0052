"""Session descriptions of WebRTC calls with one audio stream (RFC 8866, 8829, 8839, 8842).

    parse(text)          -> Description     what came
    print(description)   -> str             the text, lines ended by CRLF

What is proposed and agreed on is `negotiation.py`'s.

Out of scope: more than one audio stream, RTP without DTLS, RTCP on a port of its own, candidates
that trickle (they come by signalling). Video and data m-lines of an offer are refused by port 0.
Attributes that we do not know are dropped, not echoed. What cannot be understood raises `SdpError`.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from dataclasses import dataclass

from botkit.errors import RemoteProtocolError

PROFILE = "UDP/TLS/RTP/SAVPF"
PROFILES = frozenset({PROFILE, "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVP"})
"""FreeSWITCH and other servers write the shorter names and mean the first (RFC 8829 5.1.2)."""

EVENTS = "telephone-event"
_NOT_VOICE = frozenset({EVENTS, "cn", "red", "ulpfec", "rtx"})


class SdpError(RemoteProtocolError):
    """A description that cannot be read, or that no call can be built on."""


class Direction(enum.StrEnum):
    """Who sends, seen from the side that wrote it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def answered_by(self, wanted: Direction) -> Direction:
        """What to answer to this direction when we want `wanted` (RFC 3264 6.1)."""
        sends, receives = self.receives and wanted.sends, self.sends and wanted.receives
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE


class Setup(enum.StrEnum):
    """Who begins DTLS (RFC 8842): the active side is its client."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type: an rtpmap and its fmtp. `clock_rate` is the RTP clock in Hz."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: str = ""

    @property
    def is_voice(self) -> bool:
        """A codec, as opposed to events, comfort noise and redundancy."""
        return self.name.lower() not in _NOT_VOICE

    def same_as(self, other: Format) -> bool:
        """The same encoding, whatever its number (RFC 8866 6.6: names know no case)."""
        mine = (self.name.lower(), self.clock_rate, self.channels)
        return mine == (other.name.lower(), other.clock_rate, other.channels)


FORMATS: dict[str, Format] = {
    "pcmu": Format(0, "PCMU", 8000),
    "pcma": Format(8, "PCMA", 8000),
    "g722": Format(9, "G722", 8000),  # it samples at 16 kHz; the clock is RFC 3551's old mistake
    "opus": Format(111, "opus", 48000, 2, "minptime=10;useinbandfec=1"),
}
"""The codecs that we know, with the payload numbers of our offers (browsers' own)."""

_STATIC = {
    0: Format(0, "PCMU", 8000),
    8: Format(8, "PCMA", 8000),
    9: Format(9, "G722", 8000),
    13: Format(13, "CN", 8000),
}
DEFAULT_CODECS = ("PCMU", "PCMA", "G722", "opus")


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line and its attributes, those of the session level included where it has none of its own.

    `numbers` are the m-line's formats as written; `formats` those of them that have an rtpmap or a
    static meaning, in the same order. `fingerprints` are (algorithm, AA:BB:...).
    """

    kind: str
    port: int
    protocol: str
    numbers: tuple[str, ...]
    formats: tuple[Format, ...] = ()
    host: str = "0.0.0.0"
    mid: str | None = None
    direction: Direction = Direction.SENDRECV
    ice_ufrag: str = ""
    ice_pwd: str = ""
    candidates: tuple[str, ...] = ()
    end_of_candidates: bool = False
    fingerprints: tuple[tuple[str, str], ...] = ()
    setup: Setup | None = None
    rtcp_mux: bool = False
    bundle_only: bool = False
    ptime: int | None = None
    ssrc: int | None = None
    cname: str = ""

    @property
    def rejected(self) -> bool:
        """Port 0 refuses the m-line, but for one that lives by its bundle (RFC 9143 6)."""
        return self.port == 0 and not self.bundle_only

    @property
    def udp_candidates(self) -> tuple[str, ...]:
        """The candidates that we can use: well formed, UDP, first component. Others are not errors."""
        return tuple(text for text in self.candidates if UDP_CANDIDATE.match(text))


@dataclass(frozen=True, slots=True)
class Description:
    """A whole session description; `str()` prints it."""

    media: tuple[Media, ...]
    bundle: tuple[str, ...] = ()
    session_id: str = "1"
    session_version: int = 1
    session_name: str = "-"
    ice_lite: bool = False

    @property
    def audio(self) -> Media:
        """The first audio m-line that is not refused. Raises SdpError where a call cannot use it."""
        for media in self.media:
            if media.kind == "audio" and not media.rejected:
                _check(media)
                return media
        kinds = ", ".join(f"{m.kind}{' refused by port 0' * m.rejected}" for m in self.media) or "no m-line at all"
        raise SdpError(f"the description offers no audio ({kinds})")

    def __str__(self) -> str:
        return print(self)


# --- printing ---------------------------------------------------------------------------------------


def print(description: Description) -> str:
    """The description as text, every line ended by CRLF."""
    address = next((media.host for media in description.media if not media.rejected), "0.0.0.0")
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=- {description.session_id} {description.session_version} IN {family} {address}",
        f"s={description.session_name}",
        "t=0 0",
    ]
    if description.bundle:
        lines.append(f"a=group:BUNDLE {' '.join(description.bundle)}")
    if description.ice_lite:
        lines.append("a=ice-lite")
    lines.append("a=msid-semantic: WMS *")
    for media in description.media:
        lines += _media_lines(media)
    return "\r\n".join(lines) + "\r\n"


def _media_lines(media: Media) -> list[str]:
    family = "IP6" if ":" in media.host else "IP4"
    lines = [
        f"m={media.kind} {media.port} {media.protocol} {' '.join(media.numbers)}",
        f"c=IN {family} {media.host}",
    ]
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    lines.append(f"a={media.direction}")
    if media.bundle_only:
        lines.append("a=bundle-only")
    if media.rtcp_mux:
        lines += ["a=rtcp-mux", f"a=rtcp:{media.port or 9} IN {family} {media.host}"]
    for one in media.formats:
        channels = f"/{one.channels}" if one.channels > 1 else ""
        lines.append(f"a=rtpmap:{one.payload_type} {one.name}/{one.clock_rate}{channels}")
        if one.parameters:
            lines.append(f"a=fmtp:{one.payload_type} {one.parameters}")
    if media.ptime is not None:
        lines.append(f"a=ptime:{media.ptime}")
    if media.ice_ufrag:
        lines += [f"a=ice-ufrag:{media.ice_ufrag}", f"a=ice-pwd:{media.ice_pwd}"]
    lines += [f"a=candidate:{candidate}" for candidate in media.candidates]
    if media.end_of_candidates:
        lines.append("a=end-of-candidates")
    lines += [f"a=fingerprint:{algorithm} {value}" for algorithm, value in media.fingerprints]
    if media.setup is not None:
        lines.append(f"a=setup:{media.setup}")
    if media.ssrc is not None:
        if media.direction.sends:  # without a msid browsers give the track no stream
            lines.append(f"a=msid:{media.cname or '-'} {media.cname or '-'}-audio")
        lines.append(f"a=ssrc:{media.ssrc} cname:{media.cname}")
    return lines


# --- reading ----------------------------------------------------------------------------------------

UDP_CANDIDATE = re.compile(
    r"\S+ 1 udp [0-9]{1,10} (?P<host>\S+) (?P<port>[0-9]{1,5}) typ \S+", re.ASCII | re.IGNORECASE
)
_M_LINE = re.compile(r"(\S+) ([0-9]{1,5})(?:/[0-9]{1,5})? (\S+) (\S.*)", re.ASCII)
_RTPMAP = re.compile(r"([0-9]{1,3}) ([^\s/]+)/([0-9]{1,6})(?:/([0-9]{1,2}))?\s*", re.ASCII)
_FMTP = re.compile(r"([0-9]{1,3}) (.*)", re.ASCII)
_SSRC = re.compile(r"([0-9]{1,10}) cname:(.*)", re.ASCII)
_CONNECTION = re.compile(r"IN IP[46] (\S+)", re.ASCII)
_FINGERPRINT = re.compile(r"(\S+) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+)\s*", re.ASCII)
_ORIGIN = re.compile(r"\S+ (\S+) ([0-9]{1,20}) IN IP[46] \S+", re.ASCII)

Attributes = list[tuple[str, str]]


def parse(text: str) -> Description:
    """Read a description; lines may end in CRLF, LF or CR. Raises SdpError only.

    This checks the form. Whether a call can be built on it is checked by `Description.audio`.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    if not lines or lines[0].strip() != "v=0":
        raise SdpError(f"a description begins with v=0, not {lines[0][:40]!r}" if lines else "the description is empty")
    origin, name, session_host = ("1", 1), "-", "0.0.0.0"
    session: Attributes = []
    sections: list[tuple[re.Match[str], Attributes, list[str]]] = []
    for number, line in enumerate(lines[1:], 2):
        kind, equals, value = line[:1], line[1:2], line[2:]
        if equals != "=" or not kind.islower():
            raise SdpError(f"line {number} is not <letter>=<value>: {line[:60]!r}")
        if kind == "m":
            if not (match := _M_LINE.fullmatch(value)) or int(match[2]) > 65535:
                raise SdpError(f"line {number} is not m=<kind> <port> <protocol> <formats>: {line[:60]!r}")
            sections.append((match, [], []))
        elif kind == "a":
            attribute, _, content = value.partition(":")
            (sections[-1][1] if sections else session).append((attribute, content.strip()))
        elif kind == "c":
            if not (connection := _CONNECTION.match(value)):
                raise SdpError(f"line {number} is not c=IN IP4 <address>: {line[:60]!r}")
            if sections:
                sections[-1][2].append(connection[1])
            else:
                session_host = connection[1]
        elif kind == "o" and (parts := _ORIGIN.match(value)):
            origin = (parts[1], int(parts[2]))
        elif kind == "s":
            name = value.strip() or "-"
    groups = [value.split() for key, value in session if key == "group"]
    return Description(
        media=tuple(_media(match, own, session, hosts[0] if hosts else session_host) for match, own, hosts in sections),
        bundle=next((tuple(group[1:]) for group in groups if group and group[0] == "BUNDLE"), ()),
        session_id=origin[0],
        session_version=origin[1],
        session_name=name,
        ice_lite=any(key == "ice-lite" for key, _ in session),
    )


def _media(match: re.Match[str], own: Attributes, session: Attributes, host: str) -> Media:
    def first(key: str) -> str | None:
        """The attribute at media level, else at session level (RFC 8866 6: the nearer one wins)."""
        return next((value for attributes in (own, session) for name, value in attributes if name == key), None)

    direction = Direction.SENDRECV
    for attributes in (session, own):
        for key, _ in attributes:
            if key in list(Direction):
                direction = Direction(key)
    setup = first("setup")
    if setup is not None and setup not in list(Setup):
        raise SdpError(f"a=setup:{setup[:40]} is none of actpass, active, passive, holdconn")
    prints = [value for key, value in own if key == "fingerprint"]
    prints = prints or [value for key, value in session if key == "fingerprint"]
    ssrc = next((found for key, value in own if key == "ssrc" and (found := _SSRC.fullmatch(value))), None)
    ptime = first("ptime") or ""
    numbers = tuple(match[4].split())
    own_keys = {key for key, _ in own}
    return Media(
        kind=match[1],
        port=int(match[2]),
        protocol=match[3],
        numbers=numbers,
        formats=_formats(numbers, own),
        host=host,
        mid=next((value for key, value in own if key == "mid"), None),
        direction=direction,
        ice_ufrag=first("ice-ufrag") or "",
        ice_pwd=first("ice-pwd") or "",
        candidates=tuple(value for key, value in own if key == "candidate"),
        end_of_candidates="end-of-candidates" in own_keys or first("end-of-candidates") is not None,
        fingerprints=tuple(_fingerprint(value) for value in prints),
        setup=Setup(setup) if setup is not None else None,
        rtcp_mux="rtcp-mux" in own_keys,
        bundle_only="bundle-only" in own_keys,
        ptime=int(ptime) if re.fullmatch("[0-9]{1,4}", ptime) else None,
        ssrc=int(ssrc[1]) & 0xFFFFFFFF if ssrc else None,
        cname=ssrc[2] if ssrc else "",
    )


def _formats(numbers: tuple[str, ...], own: Attributes) -> tuple[Format, ...]:
    maps: dict[str, Format] = {str(number): static for number, static in _STATIC.items()}
    for key, value in own:
        if key == "rtpmap":
            found = _RTPMAP.fullmatch(value)
            if not found or int(found[1]) > 127:
                raise SdpError(f"a=rtpmap:{value[:60]} is not <number> <name>/<clock rate>[/<channels>]")
            maps[str(int(found[1]))] = Format(int(found[1]), found[2], int(found[3]), int(found[4] or 1))
    for key, value in own:
        if key == "fmtp" and (found := _FMTP.fullmatch(value)) and found[1] in maps:
            maps[found[1]] = dataclasses.replace(maps[found[1]], parameters=found[2].strip())
    return tuple(maps[number] for number in numbers if number in maps)


def _fingerprint(value: str) -> tuple[str, str]:
    if not (found := _FINGERPRINT.fullmatch(value)):
        raise SdpError(f"a=fingerprint:{value[:60]} is not <algorithm> <AA:BB:...>")
    return found[1].lower(), found[2].upper()


def _check(audio: Media) -> None:
    """What WebRTC cannot do without (RFC 8829 5.8)."""
    if audio.protocol.upper() not in PROFILES:
        raise SdpError(f"audio over {audio.protocol}, where WebRTC needs {PROFILE}")
    if not audio.ice_ufrag or not audio.ice_pwd:
        raise SdpError("the audio has no a=ice-ufrag or no a=ice-pwd")
    if not audio.fingerprints:
        raise SdpError("the audio has no a=fingerprint, so DTLS cannot be trusted")
    if not audio.rtcp_mux:
        raise SdpError("the audio has no a=rtcp-mux; RTCP on a port of its own is not supported")
