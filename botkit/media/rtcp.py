"""RTCP (RFC 3550 section 6): sender and receiver reports, CNAME, BYE.

A datagram is a compound of packets, each with a header of four bytes: version, padding and a count;
the type; the length in words less one. `pack` and `parse` speak of the whole datagram. What is not
known (extended reports, feedback) is skipped, since a browser sends plenty of it. Reduced-size
datagrams (RFC 5506), which do not begin with a report, are read too.

NTP time is a 64-bit fixed-point number: seconds since 1900 above the point, fraction below.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from botkit.errors import RemoteProtocolError
from botkit.media.rtp import ReceptionStatistics

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
CNAME = 1
NTP_OFFSET = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970 (RFC 868)."""

_HEADER = struct.Struct("!BBH")
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")


class RtcpError(RemoteProtocolError):
    """A datagram that should be RTCP and is not."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source. `fraction_lost` is in 1/256, `jitter` in clock ticks.

    `last_sr` is the middle of the NTP time of the last sender report heard, `delay` the time since
    then in 1/65536 s; both are 0 where none was heard.
    """

    ssrc: int
    fraction_lost: int = 0
    lost: int = 0
    highest_seq: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a sender says of itself, and of those it hears. `ntp` is a 64-bit NTP time."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What one says that only listens."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """The CNAME of each source, as (ssrc, cname); other items are skipped."""

    names: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """These sources leave."""

    ssrcs: tuple[int, ...]
    reason: str = ""


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Bye


# --- NTP time and round trip --------------------------------------------------------------------------


def ntp_from_wall(wall: float) -> int:
    """64-bit NTP time of `wall`, seconds since 1970."""
    return int((wall + NTP_OFFSET) * 4294967296.0) & 0xFFFFFFFFFFFFFFFF


def wall_from_ntp(ntp: int) -> float:
    """Seconds since 1970 of a 64-bit NTP time (its first era, until 2036)."""
    return ntp / 4294967296.0 - NTP_OFFSET


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP time, as `last_sr` has them: 1/65536 s, modulo 18 hours."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip(arrival_ntp: int, block: ReportBlock) -> float | None:
    """Seconds there and back, from a block about us that came at `arrival_ntp` (RFC 3550 6.4.1).

    None where the block knows no sender report of ours, or where the clocks make it negative.
    """
    if not block.last_sr:
        return None
    ticks = (middle(arrival_ntp) - block.last_sr - block.delay) & 0xFFFFFFFF
    return ticks / 65536 if ticks < 0x80000000 else None


def block_about(ssrc: int, heard: ReceptionStatistics, last_sr_ntp: int = 0, since_sr: float = 0.0) -> ReportBlock:
    """The report on a source that we hear; begins its next interval of `fraction_lost`.

    `last_sr_ntp` is the NTP time in its last sender report (0: none), `since_sr` the seconds since
    that came.
    """
    return ReportBlock(
        ssrc=ssrc,
        fraction_lost=heard.take_fraction_lost(),
        lost=heard.source_lost,
        highest_seq=heard.highest_seq,
        jitter=min(int(heard.jitter), 0xFFFFFFFF),
        last_sr=middle(last_sr_ntp) if last_sr_ntp else 0,
        delay=min(max(int(since_sr * 65536), 0), 0xFFFFFFFF) if last_sr_ntp else 0,
    )


# --- packing ------------------------------------------------------------------------------------------


def pack(packets: Iterable[RtcpPacket]) -> bytes:
    """One compound datagram. A report should come first and a CNAME follow it (RFC 3550 6.1)."""
    return b"".join(_pack_one(packet) for packet in packets)


def _pack_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            sender = _SENDER.pack(packet.ssrc, packet.ntp, packet.rtp_timestamp, packet.packets, packet.octets)
            return _framed(SENDER_REPORT, len(packet.blocks), sender + _pack_blocks(packet.blocks))
        case ReceiverReport():
            head = struct.pack("!I", packet.ssrc)
            return _framed(RECEIVER_REPORT, len(packet.blocks), head + _pack_blocks(packet.blocks))
        case SourceDescription():
            return _framed(SOURCE_DESCRIPTION, len(packet.names), b"".join(_pack_chunk(*n) for n in packet.names))
        case Bye():
            body = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs)
            if packet.reason:
                reason = packet.reason.encode()[:255]
                body += bytes([len(reason)]) + reason
            return _framed(GOODBYE, len(packet.ssrcs), body + b"\0" * (-len(body) % 4))


def _framed(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _pack_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(b.ssrc, b.fraction_lost << 24 | b.lost & 0xFFFFFF, b.highest_seq, b.jitter, b.last_sr, b.delay)
        for b in blocks
    )


def _pack_chunk(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", ssrc, CNAME, len(name)) + name
    return chunk + b"\0" * (4 - len(chunk) % 4)  # the list of items ends with at least one zero


# --- parsing ------------------------------------------------------------------------------------------


def parse(data: bytes) -> tuple[RtcpPacket, ...]:
    """The packets of one compound datagram that we know, in order. Raises `RtcpError` only."""
    if not data:
        raise RtcpError("empty RTCP datagram")
    packets: list[RtcpPacket] = []
    start = 0
    while start < len(data):
        if start + 4 > len(data):
            raise RtcpError(f"{len(data) - start} bytes after the last RTCP packet")
        first, kind, words = _HEADER.unpack_from(data, start)
        if first >> 6 != 2:
            raise RtcpError(f"RTCP version {first >> 6} instead of 2")
        end = start + 4 + 4 * words
        if end > len(data):
            raise RtcpError(f"RTCP packet of type {kind} claims {4 * words} bytes, {len(data) - start - 4} are there")
        body = data[start + 4 : end]
        if first & 0x20:
            padding = body[-1] if body else 0
            if not 0 < padding <= len(body):
                raise RtcpError(f"RTCP padding of {padding} bytes in {len(body)}")
            body = body[:-padding]
        packet = _parse_one(kind, first & 0x1F, body)
        if packet is not None:
            packets.append(packet)
        start = end
    return tuple(packets)


def _parse_one(kind: int, count: int, body: bytes) -> RtcpPacket | None:
    try:
        if kind == SENDER_REPORT:
            ssrc, ntp, timestamp, sent, octets = _SENDER.unpack_from(body)
            return SenderReport(ssrc, ntp, timestamp, sent, octets, _parse_blocks(body, 24, count))
        if kind == RECEIVER_REPORT:
            return ReceiverReport(struct.unpack_from("!I", body)[0], _parse_blocks(body, 4, count))
        if kind == SOURCE_DESCRIPTION:
            return SourceDescription(_parse_names(body, count))
        if kind == GOODBYE:
            reason = b""
            if len(body) > 4 * count:
                reason = body[4 * count + 1 : 4 * count + 1 + body[4 * count]]
            return Bye(struct.unpack_from(f"!{count}I", body), reason.decode(errors="replace"))
    except (struct.error, IndexError) as error:
        raise RtcpError(f"RTCP packet of type {kind} is cut short at {len(body)} bytes") from error
    return None


def _parse_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for at in range(start, start + 24 * count, 24):
        ssrc, loss, highest_seq, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
        lost = (loss & 0xFFFFFF) - ((loss & 0x800000) << 1)  # 24 bits, signed
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest_seq, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_names(body: bytes, count: int) -> tuple[tuple[int, str], ...]:
    names: list[tuple[int, str]] = []
    at = 0
    for _ in range(count):
        (ssrc,) = struct.unpack_from("!I", body, at)
        at += 4
        while body[at]:
            item, length = body[at], body[at + 1]
            if at + 2 + length > len(body):
                raise IndexError("item longer than its packet")
            if item == CNAME:
                names.append((ssrc, body[at + 2 : at + 2 + length].decode(errors="replace")))
            at += 2 + length
        at = (at // 4 + 1) * 4  # past the zeros that fill the chunk up to a word
    return tuple(names)
