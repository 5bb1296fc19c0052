"""Putting packets in order without making them late.

Theory of operation. A player needs a jitter buffer, since its loudspeaker cannot wait; a listener
that writes down when things were heard does not. So packets in order pass straight through, and
only a gap in the sequence numbers holds back what comes after it, for at most `wait` seconds (two
beats): the missing packet may still come. Then the gap is declared lost and what was held follows,
all at once. Nothing stays behind: after the burst, packets pass straight again. (A buffer that
plays on from where it was would keep the delay for the rest of the call.)

What comes out of a call to `push` or `release` is, in order, packets with their arrival times, and
`Gap`s where the RTP timeline has a hole: packets lost (`packets` > 0), or nothing sent (0 packets:
discontinuous transmission, or the time that telephone-events took). Detectors put `ticks` of
silence there. A new source (another SSRC, or sequence numbers from nowhere) begins at once, marked
by a `Gap` with `restart` set; its timestamps have nothing to do with those before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from botkit.media.rtp import MAX_DROPOUT, MAX_MISORDER, RtpPacket

Arrived = tuple[RtpPacket, float]
"""A packet and its arrival, seconds."""

MAX_HELD = 50
"""Packets held at most: a second of audio. A burst beyond it is released without waiting."""

MAX_EVENT = 8.5
"""Seconds that a telephone-event lasts under one timestamp: its duration has 16 bits, of an 8 kHz clock as a rule
(RFC 4733 2.3.5)."""

MAX_PAUSE = 30.0
"""Seconds of timestamps that one gap may span; more is a new timeline, not a pause."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in the timeline: `packets` were lost, `ticks` of the RTP clock have no audio.

    `until` is when the packet behind it came.
    """

    packets: int
    ticks: int
    restart: bool = False
    until: float = field(default=math.inf, compare=False)


class Reorderer:
    """One leg's incoming packets in order. `ticks` is the clock's advance per packet (160 for G.711's 20 ms).

    `counted` is the payload type whose packets tell by themselves how many ticks they last, by `ticks_of`:
    `ticks` follows them.
    """

    __slots__ = (
        "_clock_rate",
        "_counted",
        "_expected",
        "_held_since",
        "_next_timestamp",
        "_source",
        "_suspect",
        "duplicates",
        "held",
        "late",
        "lost",
        "ticks",
        "ticks_of",
        "wait",
    )

    def __init__(
        self,
        ticks: int = 160,
        wait: float = 0.04,
        *,
        counted: int | None = None,
        ticks_of: Callable[[bytes], int] = len,
    ) -> None:
        self.ticks = ticks
        self.ticks_of = ticks_of
        self._counted = counted
        self.wait = wait
        self.lost = 0
        """Packets given up. One that comes after all counts as late, and stays lost."""
        self.late = 0
        self.duplicates = 0
        self._clock_rate = ticks * 50
        self._source: int | None = None  # the SSRC
        self._expected = 0
        self._next_timestamp = 0
        self.held: dict[int, Arrived] = {}
        """By sequence number, what waits for packets before it: `release` has something to do."""
        self._held_since = 0.0
        self._suspect: Arrived | None = None  # far from all others; its successor would confirm it

    def count(self, payload_type: int) -> None:
        """Packets of `payload_type` tell how long they last from now on."""
        self._counted = payload_type

    @property
    def holding(self) -> bool:
        """Whether `release` has anything to wait for."""
        return bool(self.held)

    def is_next(self, payload_type: int, seq: int, timestamp: int, ssrc: int, payload: bytes) -> bool:
        """Take a packet that simply follows the one before it, as nearly all do; any other is for `push`."""
        if seq != self._expected or ssrc != self._source or self.held:
            return False
        if payload_type == self._counted or self._counted is None:
            if timestamp != self._next_timestamp:
                return False
            if self._counted is not None and self.ticks_of(payload) != self.ticks:
                return False
            self._next_timestamp = (timestamp + self.ticks) & 0xFFFFFFFF
        elif (self._next_timestamp - timestamp) & 0xFFFFFFFF > MAX_EVENT * self._clock_rate:
            return False  # all packets of one event have the timestamp of its first, and time has passed since
        self._suspect = None
        self._expected = (seq + 1) & 0xFFFF
        return True

    def pass_until(self, timestamp: int) -> int:
        """Nothing is sent before this time, as in an event: the frames, of `ticks` each, that are over by it and
        will not be told as a gap any more."""
        ticks = ((timestamp - self._next_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        if self.held or not 0 < ticks <= self._clock_rate:
            return 0
        frames = ticks // self.ticks
        self._next_timestamp = (self._next_timestamp + frames * self.ticks) & 0xFFFFFFFF
        return frames

    def push(self, packet: RtpPacket, at: float) -> list[Arrived | Gap]:
        """Take the packet that arrived at `at`; returns what is in order now, often just it."""
        ahead = (packet.seq - self._expected) & 0xFFFF
        if ahead == 0 and packet.ssrc == self._source:
            self._suspect = None
            out: list[Arrived | Gap] = []
            self._deliver((packet, at), out)
            self._deliver_ready(out)
            return out
        if packet.ssrc != self._source:
            return self._restart([(packet, at)])
        if ahead < MAX_DROPOUT:
            return self._hold(packet, at)
        if ahead > 0x10000 - MAX_MISORDER:
            self.late += 1
            return []
        if self._suspect is not None and packet.seq == (self._suspect[0].seq + 1) & 0xFFFF:
            return self._restart([self._suspect, (packet, at)])
        self._suspect = (packet, at)
        return []

    def release(self, now: float) -> list[Arrived | Gap]:
        """Give up what has been waited for long enough. Call it once a beat while `holding`."""
        out: list[Arrived | Gap] = []
        due = now - self.wait + 0.001  # a beat that is a little early may release, too
        while self.held and self._held_since <= due:
            self._skip(out)
        return out

    def flush(self) -> list[Arrived | Gap]:
        """Everything held, gaps included: for the end of a call."""
        out: list[Arrived | Gap] = []
        while self.held:
            self._skip(out)
        return out

    # --- inside -----------------------------------------------------------------------------------

    def _hold(self, packet: RtpPacket, at: float) -> list[Arrived | Gap]:
        if packet.seq in self.held:
            self.duplicates += 1
            return []
        if not self.held:
            self._held_since = at
        self.held[packet.seq] = (packet, at)
        out: list[Arrived | Gap] = []
        if len(self.held) > MAX_HELD:
            self._skip(out)
        return out

    def _skip(self, out: list[Arrived | Gap]) -> None:
        """Give up the packets up to the first one held, and deliver from there."""
        missing = min((seq - self._expected) & 0xFFFF for seq in self.held)
        self.lost += missing
        self._expected = (self._expected + missing) & 0xFFFF
        self._deliver(self.held.pop(self._expected), out, missing)
        self._deliver_ready(out)

    def _deliver_ready(self, out: list[Arrived | Gap]) -> None:
        while self.held and self._expected in self.held:
            self._deliver(self.held.pop(self._expected), out)
        if self.held:  # the next gap has been open since the first packet behind it came
            self._held_since = min(at for _, at in self.held.values())

    def _deliver(self, arrived: Arrived, out: list[Arrived | Gap], missing: int = 0) -> None:
        packet = arrived[0]
        if packet.payload_type == self._counted and (own := self.ticks_of(packet.payload)):
            self.ticks = min(own, self._clock_rate // 5)
        ticks = (packet.timestamp - self._next_timestamp) & 0xFFFFFFFF
        restart = False
        if ticks > MAX_PAUSE * self._clock_rate:
            # backwards: packets of one telephone-event share a timestamp, and audio may be a packet late;
            # anything more is a timeline that was changed under the same SSRC
            most = 1.0 if packet.payload_type == self._counted or self._counted is None else MAX_EVENT
            restart = 0x100000000 - ticks > most * self._clock_rate
            if missing or restart:
                out.append(Gap(missing, 0 if restart else missing * self.ticks, restart, until=arrived[1]))
        elif ticks or missing:
            out.append(Gap(missing, ticks, until=arrived[1]))
        out.append(arrived)
        self._expected = (packet.seq + 1) & 0xFFFF
        if packet.payload_type == self._counted or self._counted is None:
            self._next_timestamp = (packet.timestamp + self.ticks) & 0xFFFFFFFF
        elif ticks <= MAX_PAUSE * self._clock_rate or restart:  # an event takes no time of its own: it says how long
            self._next_timestamp = packet.timestamp
        else:  # of those that were lost it is known that they took theirs
            self._next_timestamp = (self._next_timestamp + missing * self.ticks) & 0xFFFFFFFF

    def _restart(self, arrived: list[Arrived]) -> list[Arrived | Gap]:
        out = self.flush()
        first = arrived[0][0]
        if self._source is not None:
            out.append(Gap(0, 0, restart=True))
        self._source = first.ssrc
        self._suspect = None
        self._expected, self._next_timestamp = first.seq, first.timestamp
        for one in arrived:
            self._deliver(one, out)
        return out
