"""An RTP session on the beat: what one leg sends and receives (RFC 3550).

Each beat it reads what its transport holds, counts it, puts it in order and hands it to whoever
listens (an ear, a bridge), and sends the next packet of what it has to say: a digit's event, what
is being played, else silence. The stream never pauses, since far ends judge a silent line dead.

Everything here runs on the beat, hundreds of times in 20 ms: it does arithmetic and one system
call, never waits and never raises.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence

from botkit.clock import Clock
from botkit.media import rtcp
from botkit.media.codec import G711, Codec
from botkit.media.dtmf import Digit, EventReceiver, EventSender
from botkit.media.jitter import Arrived, Gap, Reorderer
from botkit.media.pacer import PTIME
from botkit.media.playback import Playback
from botkit.media.rtp import HEADER, VERSION_2, ReceptionStatistics, RtpError, RtpPacket, parse, seq_diff
from botkit.media.spool import Spool
from botkit.media.transport import Transport
from botkit.results import RtpFigures

REPORT_EVERY = 2.5
"""Seconds between RTCP reports of a leg: RFC 3550 section 6.2's reduced minimum, half of the usual 5 s."""

GAP_FRAMES_MAX = 50
"""A hole longer than a second is told as one second: detectors have long settled on silence."""


class RtpSession:
    """One leg's stream each way. `event_type` is the payload type of telephone-event, None without it.

    `event_clock` is its RTP clock: that of the audio codec (RFC 4733 2.1).
    """

    __slots__ = (
        "_anchor",
        "_base",
        "_clock",
        "_cname",
        "_event",
        "_event_at",
        "_event_done",
        "_events",
        "_forward_in",
        "_idle",
        "_idle_at",
        "_last_at",
        "_last_sr",
        "_marker",
        "_octets",
        "_owed",
        "_playing",
        "_pressed",
        "_receiver",
        "_remote_ssrc",
        "_reorderer",
        "_report_at",
        "_sent_at",
        "_seq",
        "_silence",
        "_ssrc",
        "_ticks",
        "_timestamp",
        "_urgent",
        "_waiting",
        "codec",
        "event_type",
        "forward_to",
        "muted",
        "on_digit",
        "on_payload",
        "payload_type",
        "receive_type",
        "round_trip",
        "sent",
        "spool",
        "spool_call",
        "statistics",
        "transport",
    )

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        clock: Clock,
        *,
        ssrc: int | None = None,
        payload_type: int | None = None,
        receive_type: int | None = None,
        event_type: int | None = None,
        cname: str = "botkit",
    ) -> None:
        self.transport = transport
        self.codec = codec
        self.payload_type = codec.payload_type if payload_type is None else payload_type
        self.receive_type = self.payload_type if receive_type is None else receive_type
        self.event_type = event_type
        self.muted = False
        self.on_payload: Callable[[bytes | None, float], None] | None = None
        """Given each packet in order: its payload (None: 20 ms lost), usually 20 ms, and when it was heard."""
        self.on_digit: Callable[[str, float, float | None], None] | None = None
        """Given each telephone-event once: digit, onset, duration."""
        self.forward_to: RtpSession | None = None
        """The other leg of a bridge: what arrives goes straight out there."""
        self.spool: Spool | None = None
        self.spool_call = 0
        self.statistics = ReceptionStatistics(codec.clock_rate)
        self.round_trip: float | None = None
        self.sent = 0

        self._clock = clock
        self._cname = cname
        self._silence = codec.silence
        self._ticks = codec.clock_rate // 50
        self._ssrc = random.getrandbits(32) if ssrc is None else ssrc
        self._seq = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._octets = 0
        self._playing: Playback | None = None
        self._waiting: deque[Playback] = deque()
        self._events: deque[tuple[str, float, Callable[[float], None] | None]] = deque()  # digits that wait
        self._event: EventSender | None = None  # the digit under way
        self._event_at = 0  # the RTP timestamp at which it began
        self._event_done: Callable[[float], None] | None = None
        self._urgent: deque[bytes] = deque()
        self._idle: Sequence[bytes] = ()
        self._idle_at = -1
        self._marker = True  # the first packet of a talkspurt
        self._sent_at = clock.now()
        self._owed = 0  # beats that were lost and that media time has not caught up with
        self._remote_ssrc: int | None = None
        counted = self.receive_type if isinstance(codec, G711) else None
        self._reorderer = Reorderer(codec.clock_rate // 50, counted=counted)
        self._receiver = EventReceiver(codec.clock_rate)
        self._pressed = False  # a digit is being received
        self._anchor: float | None = None  # when media time `_base` was heard
        self._base = 0
        self._last_at = 0.0  # when the last packet was heard
        self._last_sr = (0, 0.0)  # NTP of the remote's last sender report, and when it came
        self._report_at = clock.now() + REPORT_EVERY * random.uniform(0.5, 1.0)
        self._forward_in: tuple[int, int] | None = None  # last (seq, timestamp) that came to be forwarded
        transport.on_rtcp = self._rtcp_arrived

    # --- what is said ----------------------------------------------------------------------------

    def play(self, playback: Playback, *, replace: bool = False) -> None:
        """Say this after what is being said, or instead of it."""
        if replace:
            self.stop_playing()
        self._waiting.append(playback)

    def stop(self, playback: Playback) -> None:
        """Stop one playback, under way or waiting; its `on_done` is told at once."""
        playback.stopped = True
        if self._playing is playback:
            self._playing = None
        elif playback in self._waiting:
            self._waiting.remove(playback)
        playback.finish(self._clock.now())

    def stop_playing(self) -> None:
        """Stop all that is being said and waits to be."""
        for playback in [*([self._playing] if self._playing else []), *self._waiting]:
            self.stop(playback)

    def send_event(self, digit: str, length: float, on_done: Callable[[float], None] | None = None) -> None:
        """Send a digit as telephone-event (RFC 4733), after those already waiting. `length` in seconds.

        Needs `event_type`. It takes the place of audio while it lasts.
        """
        self._events.append((digit, length, on_done))

    def say_when_idle(self, payloads: Sequence[bytes]) -> None:
        """What goes out, over and over, while nothing is being played: a room, a line's hum. Empty: silence."""
        self._idle, self._idle_at = payloads, -1

    def stop_events(self) -> None:
        """Forget digits that have not been begun."""
        self._events.clear()

    # --- the beat --------------------------------------------------------------------------------

    def transmit(self, now: float) -> None:
        """Send the packet of this beat."""
        if now >= self._report_at:
            self._report(now)
        if self._event is not None or self._events:
            self._transmit_event(now)
            return
        urgent = self._urgent
        if self._forward_in is not None and not urgent:
            if self._forward_in[0] >= 0:
                self._sent_at = now
            return  # a bridge feeds this leg
        self._sent_at = now
        playing = self._playing
        if playing is None and self._waiting:
            playing = self._playing = self._waiting.popleft()
            self._marker = True
        if self._owed and (playing is None or playing.loop or self._marker):
            self._catch_up()
        self._seq = seq = (self._seq + 1) & 0xFFFF
        self._timestamp = timestamp = (self._timestamp + self._ticks) & 0xFFFFFFFF
        if urgent:
            payload = urgent.popleft()
        elif playing is not None:
            payload = self._next_payload(playing, now)
        elif self._idle:
            payload = self._next_idle()
        else:
            payload = self._silence
        if self.muted:
            payload = self._silence
        payload_type = self.payload_type
        if self._marker:
            self._marker = False
            payload_type |= 0x80
        self.sent += 1
        self._octets += len(payload)
        self.transport.send(HEADER.pack(VERSION_2, payload_type, seq, timestamp, self._ssrc) + payload)
        if self.spool is not None:
            self.spool.append(self.spool_call, 1, self.payload_type, seq, timestamp, now, payload)

    def skip(self, beats: int) -> None:
        """So many beats were lost. Media time catches up where nothing is cut in two by it: in silence, in
        loops, before the next thing said. Far ends date what they hear by it."""
        if self._forward_in is None:
            self._owed += beats

    def _catch_up(self) -> None:
        self._timestamp = (self._timestamp + self._owed * self._ticks) & 0xFFFFFFFF
        self._owed = 0
        self._marker = True  # a jump of media time begins a talkspurt (RFC 3551 4.1)

    def _next_idle(self) -> bytes:
        self._idle_at = (self._idle_at + 1) % len(self._idle)
        return self._idle[self._idle_at]

    def _next_payload(self, playing: Playback, now: float) -> bytes:
        payloads = playing.payloads
        if playing.index >= len(payloads):  # nothing in it
            self._playing = None
            playing.finish(now)
            return self._silence
        payload = payloads[playing.index]
        playing.index += 1
        playing.sent += 1
        if playing.index >= len(payloads):
            if playing.loop:
                playing.index = 0
            else:
                self._playing = None
                playing.finish(now)
        return payload

    def _transmit_event(self, now: float) -> None:
        """Send the next packet of the digit under way, or the first of the next one."""
        if self._event is None:
            digit, length, self._event_done = self._events.popleft()
            self._event = EventSender(digit, length, self.codec.clock_rate)
            self._event_at = (self._timestamp + self._ticks) & 0xFFFFFFFF
        assert self.event_type is not None
        self._sent_at = now
        for packet in self._event.beat():
            self._seq = (self._seq + 1) & 0xFFFF
            timestamp = (self._event_at + packet.offset) & 0xFFFFFFFF
            self.sent += 1
            self._octets += len(packet.payload)
            payload_type = self.event_type | 0x80 if packet.marker else self.event_type
            header = HEADER.pack(VERSION_2, payload_type, self._seq, timestamp, self._ssrc)
            self.transport.send(header + packet.payload)
            if self.spool is not None:
                self.spool.append(self.spool_call, 1, self.event_type, self._seq, timestamp, now, packet.payload)
        self._timestamp = (self._timestamp + self._ticks) & 0xFFFFFFFF
        if self._event.finished:
            self._event = None
            self._marker = True
            if self._event_done is not None:
                self._event_done(now)

    def receive(self, now: float, to_monotonic: float) -> None:
        """Read and pass on what arrived."""
        for data, at in self.transport.poll(now, to_monotonic):
            self._packet(data, at)
        if self._pressed:
            self._digits(self._receiver.expire(now))
        if self.on_payload is not None and self._reorderer.holding:
            for item in self._reorderer.release(now):
                self._in_order(item)

    def _packet(self, data: bytes, at: float) -> None:
        if len(data) < 12:
            self.transport.errors += 1
            return
        first, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
        if first == VERSION_2:
            payload = data[12:]
        else:
            try:
                payload = parse(data).payload
            except RtpError:
                self.transport.errors += 1
                return
        if ssrc != self._remote_ssrc:
            self._switch_source(ssrc)
        payload_type = second & 0x7F
        self.statistics.received(seq, timestamp, at)
        if self.spool is not None:
            self.spool.append(self.spool_call, 0, payload_type, seq, timestamp, at, payload)
        far = self.forward_to
        if far is not None:
            if payload_type == self.receive_type:
                far.forward(payload, far.payload_type, seq, timestamp, second > 127)
            elif payload_type == self.event_type and far.event_type is not None:
                far.forward(payload, far.event_type, seq, timestamp, second > 127)
        if payload_type == self.event_type:
            self._digits(self._receiver.push(payload, timestamp, second > 127, at))
        if self.on_payload is not None:
            # All packets, events too: their numbers are part of the sequence.
            for item in self._reorderer.push(RtpPacket(payload_type, seq, timestamp, ssrc, payload), at):
                self._in_order(item)

    def _digits(self, digits: list[Digit]) -> None:
        self._pressed = self._receiver.sounding is not None
        # A digit is told when it has ended: who answered it at once would else speak into it.
        if self.on_digit is not None:
            for heard in digits:
                self.on_digit(heard.digit, heard.at, heard.duration)

    def _switch_source(self, ssrc: int) -> None:
        if self._remote_ssrc is not None:
            if self.forward_to is not None:
                self.forward_to.fed(True)  # its numbers have nothing to do with those before
            self.statistics.switch_source()
            self._receiver = EventReceiver(self.codec.clock_rate)
            self._last_sr = (0, 0.0)
        self._remote_ssrc = ssrc

    def _in_order(self, item: Arrived | Gap) -> None:
        """Hand on the next of the timeline: a packet in its place, or 20 ms pieces of a hole."""
        assert self.on_payload is not None
        if isinstance(item, Gap):
            if item.restart:
                self._anchor = None
            elif self._anchor is not None:
                # What was lost had its time. Timestamps alone may jump: silence ends where the next packet came.
                begin = self._last_at + self._reorderer.ticks / self.codec.clock_rate
                fits = max(item.packets, int((item.until - begin) / PTIME + 1e-3))
                for index in range(min(item.ticks // self._ticks, GAP_FRAMES_MAX, fits)):
                    self.on_payload(None, begin + index * PTIME)
            return
        packet, at = item
        if packet.payload_type != self.receive_type:
            return
        heard_at = self._place(packet.timestamp, at)
        self._last_at = heard_at
        self.on_payload(packet.payload, heard_at)

    def _place(self, timestamp: int, at: float) -> float:
        """When a packet's first sample was heard: by RTP time, on the line that the quickest packets draw.

        The line follows slower ones by a twentieth each, so jitter does not stretch or squeeze what was
        heard, and a sender that fell behind for good is believed within half a second.
        """
        if self._anchor is None:
            self._anchor, self._base = at, timestamp
            return at
        offset = (((timestamp - self._base + 0x80000000) & 0xFFFFFFFF) - 0x80000000) / self.codec.clock_rate
        behind = at - offset - self._anchor
        if behind < 0 or behind > 0.5:
            self._anchor += behind
        else:
            self._anchor += behind * 0.05
        return self._anchor + offset

    # --- bridging --------------------------------------------------------------------------------

    def record_to(self, spool: Spool, call: int) -> None:
        """Keep what arrives and what is sent, under the spool's number for the call."""
        self.spool, self.spool_call = spool, call

    def fed(self, by_bridge: bool) -> None:
        """Be fed by another leg from now on, or speak for oneself again."""
        self._forward_in = (-1, 0) if by_bridge else None
        self._marker = True

    def interrupt(self, payloads: Sequence[bytes]) -> None:
        """Say this at once, over whatever is being said or forwarded."""
        self._urgent.extend(payloads)

    def forward(self, payload: bytes, payload_type: int, seq: int, timestamp: int, marker: bool) -> None:
        """Send what the other leg received, undecoded. Gaps in its numbering stay gaps."""
        before = self._forward_in
        if before is None:
            return
        if self._event is not None or self._events or self._urgent:
            self._forward_in = (-1, 0)
            return  # a digit of ours has the line
        if before[0] < 0:
            # as much media time as real time since we last spoke ourselves
            beats = max(1, round((self._clock.now() - self._sent_at) / PTIME)) + self._owed
            step, ticks, marker, self._owed = 1, self._ticks * beats, True, 0
        else:
            step = seq_diff(seq, before[0])
            ticks = timestamp - before[1]
            if step == 0:
                return  # doubled under way
            if not -50 < step < 3000:
                step, ticks = 1, self._ticks
        self._forward_in = (seq, timestamp)
        self._seq = (self._seq + step) & 0xFFFF
        self._timestamp = (self._timestamp + ticks) & 0xFFFFFFFF
        self.sent += 1
        self._octets += len(payload)
        self.transport.send(
            HEADER.pack(
                VERSION_2, payload_type | 0x80 if marker else payload_type, self._seq, self._timestamp, self._ssrc
            )
            + payload
        )

    # --- RTCP ------------------------------------------------------------------------------------

    def _report(self, now: float) -> None:
        self._report_at = now + REPORT_EVERY * random.uniform(0.5, 1.5)  # RFC 3550 6.3.1
        blocks: tuple[rtcp.ReportBlock, ...] = ()
        if self._remote_ssrc is not None:
            ntp, at = self._last_sr
            blocks = (rtcp.block_about(self._remote_ssrc, self.statistics, ntp, now - at),)
        # The timestamp of this moment: that of the packet about to go, or of the one a bridge has just sent.
        ahead = self._ticks if self._forward_in is None else 0
        self.transport.send_rtcp(
            rtcp.pack(
                [
                    rtcp.SenderReport(
                        self._ssrc,
                        rtcp.ntp_from_wall(self._clock.wall()),
                        (self._timestamp + ahead) & 0xFFFFFFFF,
                        self.sent & 0xFFFFFFFF,
                        self._octets & 0xFFFFFFFF,
                        blocks,
                    ),
                    rtcp.SourceDescription(((self._ssrc, self._cname),)),
                ]
            )
        )

    def say_goodbye(self) -> None:
        """Send a last report and an RTCP BYE (RFC 3550 6.6)."""
        name = rtcp.SourceDescription(((self._ssrc, self._cname),))  # every compound has it (RFC 3550 6.1)
        self.transport.send_rtcp(rtcp.pack([rtcp.ReceiverReport(self._ssrc), name, rtcp.Bye((self._ssrc,))]))

    def _rtcp_arrived(self, data: bytes, at: float) -> None:
        try:
            packets = rtcp.parse(data)
        except rtcp.RtcpError:
            self.transport.errors += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport) and packet.ssrc == self._remote_ssrc:
                self._last_sr = (packet.ntp, at)
            if isinstance(packet, (rtcp.SenderReport, rtcp.ReceiverReport)):
                for block in packet.blocks:
                    if block.ssrc == self._ssrc:
                        arrival = rtcp.ntp_from_wall(self._clock.wall() - (self._clock.now() - at))
                        measured = rtcp.round_trip(arrival, block)
                        self.round_trip = self.round_trip if measured is None else measured

    @property
    def figures(self) -> RtpFigures:
        """Packets and quality so far."""
        return RtpFigures(
            sent=self.sent,
            received=self.statistics.packets_received,
            lost=max(0, self.statistics.packets_lost),
            jitter=self.statistics.jitter_seconds,
            rtt=self.round_trip,
        )
