"""Offer and answer of one audio stream (RFC 3264, 8829): what to propose, what to reply, what comes of it.

offer(ours)                 -> Description     what we propose
answer(theirs, ours)        -> Description     our reply to a proposal
complete(offer, answer)     -> Description     their reply to ours, checked and given its mids
agree(local, remote, ...)   -> Agreement       what to send, what may arrive, who is DTLS client
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from botkit.media.sdp import (
    DEFAULT_CODECS,
    EVENTS,
    FORMATS,
    PROFILE,
    UDP_CANDIDATE,
    Description,
    Direction,
    Format,
    Media,
    SdpError,
    Setup,
)

_EVENT_NUMBERS = {8000: 101, 48000: 110}


class NoCommonCodec(SdpError):
    """Both descriptions are sound, but no codec is in both."""


@dataclass(frozen=True, slots=True)
class Transport:
    """What ICE and DTLS of our end bring to its description.

    `fingerprint` is the certificate's SHA-256, as AA:BB:...; `candidates` are texts without their
    `candidate:`, all of them (we do not trickle); `ssrc` and `cname` name our stream.
    """

    ufrag: str
    password: str
    fingerprint: str
    candidates: tuple[str, ...]
    ssrc: int
    cname: str = "botkit"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two descriptions come to.

    `send` and `events` carry the numbers that the other side wants; `receive` are all formats that
    may arrive, by our numbers. `events` is the telephone-event format for `send`, None where it was
    not agreed. `sends` and `receives` tell the direction that results, ours.
    """

    send: Format
    events: Format | None
    receive: tuple[Format, ...]
    sends: bool
    receives: bool
    dtls_client: bool


# --- making them -----------------------------------------------------------------------------------


def _ours(codecs: Sequence[str]) -> list[Format]:
    known = []
    for name in codecs:
        if name.lower() not in FORMATS:
            raise SdpError(f"codec {name!r} has no place in a description", hint=f"known: {', '.join(DEFAULT_CODECS)}")
        known.append(FORMATS[name.lower()])
    return known


def _our_media(
    ours: Transport, formats: Sequence[Format], mid: str | None, direction: Direction, setup: Setup, protocol: str
) -> Media:
    host, port = "0.0.0.0", 9  # RFC 8829 5.2.1: where no candidate is the default one
    for candidate in ours.candidates:
        match = UDP_CANDIDATE.match(candidate)
        if match and "." in match["host"] and ":" not in match["host"]:
            host, port = match["host"], int(match["port"])
            break
    return Media(
        kind="audio",
        port=port,
        protocol=protocol,
        numbers=tuple(str(one.payload_type) for one in formats),
        formats=tuple(formats),
        host=host,
        mid=mid,
        direction=direction,
        ice_ufrag=ours.ufrag,
        ice_pwd=ours.password,
        candidates=ours.candidates,
        end_of_candidates=True,
        fingerprints=(("sha-256", ours.fingerprint),),
        setup=setup,
        rtcp_mux=True,
        ptime=20,
        ssrc=ours.ssrc,
        cname=ours.cname,
    )


def offer(
    ours: Transport,
    codecs: Sequence[str] = DEFAULT_CODECS,
    *,
    direction: Direction = Direction.SENDRECV,
    events: bool = True,
    mid: str = "0",
    session_id: int | str | None = None,
    version: int = 1,
    formats: Sequence[Format] = (),
) -> Description:
    """Our proposal: `codecs` in order of preference, telephone-events for each clock rate of theirs.

    `formats`, events among them, stand in their place where the numbers are known already: what a number meant
    once in a call it means to its end (RFC 3264 8.3.2).
    `session_id` must stay and `version` grow by one from one offer of a call to the next (RFC 3264
    section 8); the SSRC serves as id where none is given.
    """
    known, formats = bool(formats), list(formats) or _ours(codecs)
    if not formats:
        raise SdpError("an offer needs at least one codec")
    if events and not known:
        # 8000 goes along even with opus alone: some servers know no other clock
        for rate in sorted({8000, *(one.clock_rate for one in formats)}):
            formats.append(Format(_EVENT_NUMBERS[rate], EVENTS, rate, 1, "0-15"))
    media = _our_media(ours, formats, mid, direction, Setup.ACTPASS, PROFILE)
    return Description((media,), (mid,), str(ours.ssrc if session_id is None else session_id), version)


def answer(
    theirs: Description,
    ours: Transport,
    codecs: Sequence[str] = DEFAULT_CODECS,
    *,
    direction: Direction = Direction.SENDRECV,
    prefer_ours: bool = False,
    every_codec: bool = False,
    session_id: int | str | None = None,
    version: int = 1,
) -> Description:
    """Our reply: one codec that both know, by the numbers of the offer, and its telephone-events.

    The offer's order of preference decides, or with `prefer_ours` that of `codecs`. With
    `every_codec` all common ones are listed, so that the other side may change over in mid-call.
    m-lines besides the audio are refused. Raises NoCommonCodec, and SdpError for an unusable offer.
    """
    audio = theirs.audio
    formats = _common(audio, _ours(codecs), prefer_ours)
    if not every_codec:
        formats = formats[:1]
    formats += [event for event in [_events_for(formats[0], audio.formats)] if event is not None]
    if audio.setup in (Setup.ACTPASS, Setup.PASSIVE, None):  # none: active is the default (RFC 4145 4.1)
        setup = Setup.PASSIVE if audio.setup is None else Setup.ACTIVE
    elif audio.setup is Setup.ACTIVE:
        setup = Setup.PASSIVE
    else:
        raise SdpError("the offer's a=setup:holdconn wants no connection yet")
    replies = []
    for index, media in enumerate(theirs.media):
        mid = media.mid if media.mid is not None else str(index)
        if media is audio:
            wanted = media.direction.answered_by(direction)
            replies.append(_our_media(ours, formats, mid, wanted, setup, media.protocol))
        else:
            replies.append(
                Media(media.kind, 0, media.protocol, media.numbers, mid=mid, direction=Direction.INACTIVE)
            )  # fmt: skip
    bundle = (audio.mid,) if audio.mid is not None and audio.mid in theirs.bundle else ()
    return Description(tuple(replies), bundle, str(ours.ssrc if session_id is None else session_id), version)


def _common(audio: Media, ours: list[Format], prefer_ours: bool) -> list[Format]:
    theirs = [one for one in audio.formats if one.is_voice]
    pairs = [(one, mine) for one in theirs for mine in ours if one.same_as(mine)]
    if not pairs:
        offered = ", ".join(one.name for one in theirs) or "none"
        raise NoCommonCodec(f"no codec in common: offered {offered}; known here {', '.join(o.name for o in ours)}")
    if prefer_ours:
        pairs.sort(key=lambda pair: ours.index(pair[1]))
    return [dataclasses.replace(mine, payload_type=one.payload_type) for one, mine in pairs]


def _events_for(voice: Format, formats: Sequence[Format]) -> Format | None:
    """The telephone-event format that goes with `voice`: its own clock (RFC 4733 2.1), else any."""
    events = [one for one in formats if one.name.lower() == EVENTS]
    for one in events:
        if one.clock_rate == voice.clock_rate:
            return one
    return events[0] if events else None


def complete(ours: Description, theirs: Description) -> Description:
    """Their answer to our offer, checked against it, with our mids where it has none.

    FreeSWITCH answers without a=mid and BUNDLE (signalling of one m-line needs neither).
    """
    if [media.kind for media in theirs.media] != [media.kind for media in ours.media]:
        kinds = ", ".join(media.kind for media in theirs.media) or "none"
        raise SdpError(f"the answer's m-lines ({kinds}) are not those of the offer")
    if theirs.audio.setup not in (Setup.ACTIVE, Setup.PASSIVE):
        raise SdpError(f"the answer needs a=setup:active or passive, not {theirs.audio.setup or 'none'}")
    media = []
    for our_line, their_line in zip(ours.media, theirs.media, strict=True):
        if their_line.mid is None:
            their_line = dataclasses.replace(their_line, mid=our_line.mid)
        elif their_line.mid != our_line.mid:
            raise SdpError(f"the answer has a=mid:{their_line.mid} where the offer has a=mid:{our_line.mid}")
        media.append(their_line)
    return dataclasses.replace(theirs, media=tuple(media))


def agree(local: Description, remote: Description, *, we_answered: bool) -> Agreement:
    """What an offer and its answer come to. The answer's first codec is what both send.

    Raises NoCommonCodec where the answer took none of the offer's codecs.
    """
    mine, theirs = local.audio, remote.audio
    answered = mine if we_answered else theirs
    receive = tuple(one for one in mine.formats if any(one.same_as(other) for other in theirs.formats))
    for one in answered.formats:
        send = next((other for other in theirs.formats if other.is_voice and other.same_as(one)), None)
        if send is not None and any(send.same_as(other) for other in receive):
            break
    else:
        raise NoCommonCodec(
            f"the answer has none of the offer's codecs ({', '.join(o.name for o in answered.formats)})"
        )
    common_events = [one for one in theirs.formats if any(one.same_as(other) for other in receive)]
    active = mine.setup is Setup.ACTIVE if we_answered else theirs.setup is Setup.PASSIVE
    return Agreement(
        send=send,
        events=_events_for(send, common_events),
        receive=receive,
        sends=mine.direction.sends and theirs.direction.receives,
        receives=mine.direction.receives and theirs.direction.sends,
        dtls_client=active,
    )
