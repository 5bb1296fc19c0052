"""RTP packets (RFC 3550), sequence and timestamp arithmetic, and what a receiver counts.

    0                   1                   2                   3
    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    |                           timestamp                           |
    |                             SSRC                              |
    |                    CSRC, 0 to 15 of them                      |

Sequence numbers count packets modulo 2^16, timestamps count samples of the codec's clock modulo
2^32. Everything here is arithmetic; arrival times come by argument, in seconds.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from botkit.errors import RemoteProtocolError

HEADER = struct.Struct("!BBHII")
"""The fixed header: version and flags, marker and payload type, sequence number, timestamp, SSRC."""

VERSION_2 = 0x80
"""The first byte of a packet without padding, extension or CSRCs: nearly all of them."""

MAX_DROPOUT = 3000
"""RFC 3550 A.1: a jump forward of this many packets (a minute of audio) is a restart, not loss."""

MAX_MISORDER = 100
"""RFC 3550 A.1: a packet this far behind (two seconds) is a restart, not a straggler."""


class RtpError(RemoteProtocolError):
    """A datagram that should be RTP and is not."""


class RtpPacket(NamedTuple):
    """One RTP packet, decrypted. `extension` is the profile number and the data, or None."""

    payload_type: int
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None


def parse(data: bytes) -> RtpPacket:
    """Read one packet. Padding is cut off, CSRCs and one header extension are read.

    Raises `RtpError` only: wrong version, or shorter than its own header says.
    """
    if len(data) < 12:
        raise RtpError(f"RTP packet of {len(data)} bytes: the header alone has 12")
    first, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
    if first == VERSION_2:
        return RtpPacket(second & 0x7F, seq, timestamp, ssrc, data[12:], second > 127)
    if first >> 6 != 2:
        raise RtpError(f"RTP version {first >> 6} instead of 2")
    start, end = 12, len(data)
    csrc: tuple[int, ...] = ()
    count = first & 0x0F
    if count:
        start += 4 * count
        if start > end:
            raise RtpError(f"RTP packet too short for its {count} CSRCs")
        csrc = struct.unpack_from(f"!{count}I", data, 12)
    extension: tuple[int, bytes] | None = None
    if first & 0x10:
        if start + 4 > end:
            raise RtpError("RTP packet too short for its header extension")
        profile, words = struct.unpack_from("!HH", data, start)
        start += 4
        if start + 4 * words > end:
            raise RtpError(f"RTP packet too short for its header extension of {words} words")
        extension = (profile, bytes(data[start : start + 4 * words]))
        start += 4 * words
    if first & 0x20:
        padding = data[-1] if start < end else 0
        if not 0 < padding <= end - start:
            raise RtpError(f"RTP padding of {padding} bytes in {end - start} bytes of payload")
        end -= padding
    return RtpPacket(second & 0x7F, seq, timestamp, ssrc, data[start:end], second > 127, csrc, extension)


def pack_header(payload_type: int, seq: int, timestamp: int, ssrc: int, marker: bool = False) -> bytes:
    """The twelve bytes before the payload: the sender's fast way, no CSRCs, no extension."""
    return HEADER.pack(VERSION_2, payload_type | 0x80 if marker else payload_type, seq, timestamp, ssrc)


def pack(packet: RtpPacket) -> bytes:
    """The packet as bytes. Extension data is padded with zeros to whole words (RFC 3550 5.3.1)."""
    first = VERSION_2 | len(packet.csrc) | (0x10 if packet.extension is not None else 0)
    second = packet.payload_type | (0x80 if packet.marker else 0)
    parts = [HEADER.pack(first, second, packet.seq, packet.timestamp, packet.ssrc)]
    if packet.csrc:
        parts.append(struct.pack(f"!{len(packet.csrc)}I", *packet.csrc))
    if packet.extension is not None:
        profile, data = packet.extension
        words = (len(data) + 3) // 4
        parts.append(struct.pack("!HH", profile, words) + data.ljust(4 * words, b"\0"))
    parts.append(packet.payload)
    return b"".join(parts)


# --- arithmetic modulo 2^16 and 2^32 ---------------------------------------------------------------


def seq_add(seq: int, count: int) -> int:
    """The sequence number `count` packets after (or, negative, before) `seq`."""
    return (seq + count) & 0xFFFF


def seq_diff(newer: int, older: int) -> int:
    """How many packets `newer` is after `older`: -32768 to 32767, wrap-around included."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def timestamp_add(timestamp: int, ticks: int) -> int:
    """The timestamp `ticks` after `timestamp`."""
    return (timestamp + ticks) & 0xFFFFFFFF


def timestamp_diff(newer: int, older: int) -> int:
    """How many ticks `newer` is after `older`: -2^31 to 2^31 - 1, wrap-around included."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Extender:
    """Unrolls numbers that wrap: `Extender(16)` for sequence numbers, `Extender(32)` for timestamps.

    Each number is taken to lie within half a turn of the highest one so far.
    """

    __slots__ = ("_half", "_mask", "highest")

    def __init__(self, bits: int) -> None:
        self._half = 1 << (bits - 1)
        self._mask = (1 << bits) - 1
        self.highest: int | None = None

    def extend(self, value: int) -> int:
        """`value` with its turns; the first one comes back as it is."""
        if self.highest is None:
            self.highest = value
            return value
        extended = self.highest + ((value - self.highest + self._half) & self._mask) - self._half
        self.highest = max(self.highest, extended)
        return extended


# --- which protocol is it ---------------------------------------------------------------------------


class Kind(enum.Enum):
    """What shares one UDP port with RTP, by the first byte (RFC 7983 section 7)."""

    STUN = "stun"
    ZRTP = "zrtp"
    DTLS = "dtls"
    TURN = "turn channel"
    RTP = "rtp or rtcp"
    UNKNOWN = "unknown"


def _kind(first: int) -> Kind:
    for low, high, kind in (
        (0, 3, Kind.STUN),
        (16, 19, Kind.ZRTP),
        (20, 63, Kind.DTLS),
        (64, 79, Kind.TURN),
        (128, 191, Kind.RTP),
    ):
        if low <= first <= high:
            return kind
    return Kind.UNKNOWN


KINDS = tuple(_kind(first) for first in range(256))
"""The kind of a datagram for each value of its first byte."""


def kind_of(first: int) -> Kind:
    """The kind of a datagram that begins with the byte `first`."""
    return KINDS[first]


def is_rtcp(data: bytes) -> bool:
    """Whether this is RTCP, told by its first two bytes (RFC 5761 section 4: types 192 to 223)."""
    return len(data) > 1 and 127 < data[0] < 192 and 191 < data[1] < 224


# --- reception statistics ---------------------------------------------------------------------------


class ReceptionStatistics:
    """What one receiver counts, per RFC 3550 appendices A.1 (sequence), A.3 (loss) and A.8 (jitter).

    Packets have passed SRTP's check when they come here, so the first one counts and there is no
    probation. A sequence number far off starts the source anew when its successor follows; a new
    SSRC starts it by `switch_source`. Counts of earlier sources are kept in the totals (`packets_received`,
    `packets_lost`); reports speak of the present source only.
    """

    __slots__ = (
        "_bad_seq",
        "_base",
        "_cycles",
        "_earlier_expected",
        "_earlier_received",
        "_expected_prior",
        "_last_arrival",
        "_last_timestamp",
        "_max_seq",
        "_received",
        "_received_prior",
        "clock_rate",
        "jitter",
        "late",
    )

    def __init__(self, clock_rate: int = 8000) -> None:
        self.clock_rate = clock_rate
        self.late = 0  # arrived after a later one; duplicates too
        self._earlier_expected = 0
        self._earlier_received = 0
        self._begin(-1)

    def _begin(self, seq: int) -> None:
        self._max_seq = self._base = seq
        self._cycles = 0
        self._bad_seq = -1
        self._received = self._received_prior = self._expected_prior = 0
        self._last_timestamp = 0
        self._last_arrival: float | None = None
        self.jitter = 0.0
        """Interarrival jitter in ticks of the clock."""

    def switch_source(self) -> None:
        """A new SSRC (or a new clock rate) begins; the totals go on."""
        self._earlier_expected += self._expected()
        self._earlier_received += self._received
        self._begin(-1)

    def received(self, seq: int, timestamp: int, arrival: float) -> None:
        """Count one packet that came at `arrival` (seconds, any epoch)."""
        ahead = (seq - self._max_seq) & 0xFFFF
        if self._base < 0:
            self._begin(seq)
        elif 0 < ahead < MAX_DROPOUT:
            if seq < self._max_seq:
                self._cycles += 0x10000
            self._max_seq = seq
        elif ahead == 0 or ahead > 0x10000 - MAX_MISORDER:
            self._received += 1
            self.late += 1
            return  # a straggler says nothing about jitter
        elif seq == self._bad_seq:  # two in sequence: the other side restarted
            self.switch_source()
            self._begin((seq - 1) & 0xFFFF)
            self._received = 1  # the one before it, which was not believed then
            self._cycles = 0x10000 if seq == 0 else 0
            self._max_seq = seq
        else:
            self._bad_seq = (seq + 1) & 0xFFFF
            return
        self._received += 1
        if self._last_arrival is not None:
            # A.8, from differences so that wrap-around cannot show. Packets of one telephone-event
            # share its timestamp: the first of them was sent then, the others say nothing.
            if timestamp == self._last_timestamp:
                return
            ticks = ((timestamp - self._last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            difference = (arrival - self._last_arrival) * self.clock_rate - ticks
            self.jitter += (abs(difference) - self.jitter) / 16
        self._last_timestamp = timestamp
        self._last_arrival = arrival

    def _expected(self) -> int:
        return self._cycles + self._max_seq - self._base + 1 if self._base >= 0 else 0

    @property
    def packets_received(self) -> int:
        """Packets received, duplicates included, all sources."""
        return self._earlier_received + self._received

    @property
    def packets_expected(self) -> int:
        """Packets that were sent as far as we can know, all sources."""
        return self._earlier_expected + self._expected()

    @property
    def packets_lost(self) -> int:
        """Packets lost over all sources; duplicates can make it negative (RFC 3550 A.3)."""
        return self.packets_expected - self.packets_received

    @property
    def source_lost(self) -> int:
        """Packets lost of the present source, within the 24 signed bits of a report (A.3)."""
        return max(-0x800000, min(0x7FFFFF, self._expected() - self._received))

    @property
    def highest_seq(self) -> int:
        """Extended highest sequence number of the present source, 32 bits; 0 before any packet."""
        return (self._cycles + self._max_seq) & 0xFFFFFFFF if self._base >= 0 else 0

    @property
    def jitter_seconds(self) -> float:
        """Interarrival jitter in seconds."""
        return self.jitter / self.clock_rate

    def take_fraction_lost(self) -> int:
        """The share lost since the last call of this method, in 1/256 (A.3), 0 to 255."""
        expected, received = self._expected(), self._received
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - (received - self._received_prior)
        self._expected_prior, self._received_prior = expected, received
        if expected_interval <= 0 or lost_interval <= 0:
            return 0
        return min(255, (lost_interval << 8) // expected_interval)
