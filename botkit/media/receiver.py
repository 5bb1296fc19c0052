"""What one leg hears: the incoming half of an RTP session (RFC 3550).

Each beat it reads what its transport holds, counts it, puts it in order and hands it to whoever listens:
an ear, the far leg of a bridge. Everything here runs on the beat: arithmetic, no waiting, nothing raised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from botkit.media.codec import Codec
from botkit.media.dtmf import Digit
from botkit.media.jitter import Arrived, Gap, Reorderer
from botkit.media.pacer import PTIME
from botkit.media.rtp import HEADER, VERSION_2, ReceptionStatistics, RtpError, RtpPacket, parse
from botkit.media.spool import RECEIVED, Spool
from botkit.media.telephone_event import EventReceiver
from botkit.media.transport import Transport

GAP_FRAMES_MAX = 50
"""A hole longer than a second is told as one second: detectors have long settled on silence."""


class Onward(Protocol):
    """The other leg of a bridge, or what translates for it."""

    def packet(self, payload_type: int, payload: bytes, seq: int, timestamp: int, marker: bool) -> None:
        """A packet of this leg arrived. Never raises."""
        ...

    def new_source(self) -> None:
        """Another SSRC speaks: its numbers have nothing to do with those before."""
        ...


class Receiver:
    """One leg's incoming stream. `event_type` is the payload type of telephone-event, `event_clock` the
    clock of its durations."""

    __slots__ = (
        "_anchor",
        "_base",
        "_codec",
        "_events",
        "_hole",
        "_last_at",
        "_pressed",
        "_rate",
        "_reorderer",
        "_ticks",
        "_transport",
        "event_clock",
        "event_type",
        "forward_to",
        "on_digit",
        "on_payload",
        "on_source",
        "receive_type",
        "spool",
        "spool_call",
        "ssrc",
        "statistics",
    )

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        *,
        receive_type: int,
        event_type: int | None = None,
        event_clock: int | None = None,
    ) -> None:
        self.receive_type = receive_type
        self.event_type = event_type
        self.event_clock = event_clock or codec.clock_rate
        self.on_payload: Callable[[bytes | None, float], None] | None = None
        """Given each packet in order: its payload, usually 20 ms, and when it was heard. For 20 ms of a hole in the
        timeline: None where packets were lost, b"" where none were sent (a pause, or the time of a digit's event)."""
        self.on_digit: Callable[[str, float, float | None], None] | None = None
        """Given each telephone-event once: digit, onset, duration."""
        self.on_source: Callable[[], None] | None = None
        """Told when another SSRC begins."""
        self.forward_to: Onward | None = None
        """The other leg of a bridge: what arrives goes straight out there."""
        self.spool: Spool | None = None
        self.spool_call = 0
        self.ssrc: int | None = None
        self.statistics = ReceptionStatistics(codec.clock_rate)
        self._transport = transport
        self._codec = codec
        self._ticks = codec.ticks
        self._rate = codec.clock_rate
        self._reorderer = Reorderer(codec.ticks, counted=receive_type, ticks_of=codec.ticks_of)
        self._events = EventReceiver(self.event_clock, codec.clock_rate)
        self._pressed = False  # a digit is being received
        self._anchor: float | None = None  # when media time `_base` was heard
        self._base = 0
        self._last_at = 0.0  # when the last packet was heard
        self._hole = 0  # ticks of holes that did not fill 20 ms yet: of packets of 10 or 30 ms

    def begin_hearing(self) -> None:
        """Somebody listens again: what was not listened to is no hole in the timeline."""
        self._reorderer = Reorderer(self._ticks, counted=self.receive_type, ticks_of=self._codec.ticks_of)
        self._anchor, self._hole = None, 0

    def go_on(self, transport: Transport, fresh: Receiver) -> None:
        """Hear over another path, on the terms of `fresh`; the codec is the same."""
        self._transport = transport
        self.receive_type, self.event_type, self.event_clock = fresh.receive_type, fresh.event_type, fresh.event_clock
        self._reorderer.count(self.receive_type)
        self._events = EventReceiver(self.event_clock, self._rate)

    def receive(self, now: float, to_monotonic: float) -> None:
        """Read and pass on what arrived."""
        for data, at in self._transport.poll(now, to_monotonic):
            self._packet(data, at)
        if self._pressed and (digits := self._events.expire(now)):
            self._digits(digits)
        if self.on_payload is not None and self._reorderer.held:
            for item in self._reorderer.release(now):
                self._in_order(item)

    def _packet(self, data: bytes, at: float) -> None:
        if len(data) < 12:
            self._transport.errors += 1
            return
        first, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
        if first == VERSION_2:
            payload = data[12:]
        else:
            try:
                payload = parse(data).payload
            except RtpError:
                self._transport.errors += 1
                return
        if ssrc != self.ssrc:
            self._switch_source(ssrc)
        payload_type = second & 0x7F
        self.statistics.received(seq, timestamp, at)
        if self.spool is not None:
            self.spool.append(self.spool_call, RECEIVED, payload_type, seq, timestamp, at, payload)
        if self.forward_to is not None:
            self.forward_to.packet(payload_type, payload, seq, timestamp, second > 127)
        if payload_type == self.event_type:
            if digits := self._events.push(payload, timestamp, second > 127, at):
                self._digits(digits)
            self._pressed = not self._events.ended
        on_payload = self.on_payload
        if on_payload is None:
            return
        # All packets, events too: their numbers are part of the sequence.
        if self._reorderer.is_next(payload_type, seq, timestamp, ssrc, payload):
            if payload_type == self.receive_type and payload:
                self._last_at = heard_at = self._place(timestamp, at)
                on_payload(payload, heard_at)
        else:
            for item in self._reorderer.push(RtpPacket(payload_type, seq, timestamp, ssrc, payload), at):
                self._in_order(item)
        if payload_type == self.event_type and self._anchor is not None:
            self._pass(self._events.reached)

    def _pass(self, until: int) -> None:
        """While an event lasts no audio is sent: its time passes as it does, and not at once when audio comes again."""
        assert self.on_payload is not None
        step = self._reorderer.ticks / self._rate
        for _ in range(self._reorderer.pass_until(until)):
            self._last_at += step
            self.on_payload(b"", self._last_at)

    def _digits(self, digits: list[Digit]) -> None:
        """Tell digits when they have ended: who answered one at once would else speak into it."""
        self._pressed = False
        if self.on_digit is not None:
            for heard in digits:
                self.on_digit(heard.digit, heard.at, heard.duration)

    def _switch_source(self, ssrc: int) -> None:
        if self.ssrc is not None:
            if self.forward_to is not None:
                self.forward_to.new_source()
            if self._pressed:
                self._digits(self._events.expire(math.inf))
            self.statistics.switch_source()
            self._events = EventReceiver(self.event_clock, self._rate)
            if self.on_source is not None:
                self.on_source()
        self.ssrc = ssrc

    def _in_order(self, item: Arrived | Gap) -> None:
        """Hand on the next of the timeline: a packet in its place, or 20 ms pieces of a hole."""
        assert self.on_payload is not None
        if isinstance(item, Gap):
            if item.restart:
                self._anchor, self._hole = None, 0
            elif self._anchor is not None:
                # What was lost had its time. Timestamps alone may jump: silence ends where the next packet came.
                begin = self._last_at + (self._reorderer.ticks - self._hole) / self._rate
                fits = max(item.packets, int((item.until - begin) / PTIME + 1e-3))
                pieces, self._hole = divmod(item.ticks + self._hole, self._ticks)
                for index in range(min(pieces, GAP_FRAMES_MAX, fits)):
                    self._last_at = begin + index * PTIME
                    self.on_payload(None if item.packets else b"", self._last_at)
            return
        packet, at = item
        if packet.payload_type != self.receive_type or not packet.payload:
            return
        heard_at = self._place(packet.timestamp, at)
        self._last_at = heard_at
        self.on_payload(packet.payload, heard_at)

    def _place(self, timestamp: int, at: float) -> float:
        """When a packet's first sample was heard: by RTP time, on the line that the quickest packets draw.

        The line follows slower ones by a twentieth each, so jitter does not stretch or squeeze what was
        heard, and a sender that fell behind for good is believed within half a second.
        """
        anchor = self._anchor
        if anchor is None:
            self._anchor, self._base = at, timestamp
            return at
        offset = (((timestamp - self._base + 0x80000000) & 0xFFFFFFFF) - 0x80000000) / self._rate
        behind = at - offset - anchor
        self._anchor = anchor = anchor + (behind * 0.05 if 0 <= behind <= 0.5 else behind)
        return anchor + offset
