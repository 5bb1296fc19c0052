"""An RTP session on the beat: what one leg sends and receives, and what both report (RFC 3550).

`sender.py` has the outgoing half and `receiver.py` the incoming one; here they are joined by RTCP, and
by the few words in which calls and bridges speak to a leg.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import ParamSpec

from botkit.clock import Clock
from botkit.media import rtcp
from botkit.media.codec import Codec
from botkit.media.playback import Playback
from botkit.media.receiver import Receiver
from botkit.media.sender import LiveSource, Sender
from botkit.media.spool import Spool
from botkit.media.translate import onward
from botkit.media.transport import Transport
from botkit.results import RtpFigures

REPORT_EVERY = 2.5
"""Seconds between RTCP reports of a leg: RFC 3550 section 6.2's reduced minimum, half of the usual 5 s."""


OnPayload = Callable[[bytes | None, float], None]
"""Given a payload and when it was heard: see `Receiver.on_payload`."""

OnDigit = Callable[[str, float, float | None], None]
"""Given a digit, its onset and its duration: see `Receiver.on_digit`."""

Told = ParamSpec("Told")


def _each(calls: Sequence[Callable[Told, None]]) -> Callable[Told, None] | None:
    """One call for all of these, in order; None for none."""
    if len(calls) < 2:
        return calls[0] if calls else None

    def tell(*args: Told.args, **kwargs: Told.kwargs) -> None:
        for call in calls:
            call(*args, **kwargs)

    return tell


class RtpSession:
    """One leg's stream each way. `event_type` is the payload type of telephone-event, None without it.

    `event_clock` is the clock of its durations; it should be the codec's (RFC 4733 2.1). The `receive_…`
    types are ours, where they differ from those that the far end wants.
    """

    __slots__ = (
        "_clock",
        "_cname",
        "_digit_ears",
        "_ears",
        "_far",
        "_last_sr",
        "_numbers",
        "_on_digit",
        "_on_payload",
        "_report_at",
        "_transmit",
        "_wall",
        "codec",
        "on_failed",
        "receive",
        "receiver",
        "round_trip",
        "sender",
        "skip",
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
        receive_event_type: int | None = None,
        event_clock: int | None = None,
        cname: str = "botkit",
    ) -> None:
        payload_type = codec.payload_type if payload_type is None else payload_type
        self.transport = transport
        self.codec = codec
        self.sender = Sender(
            transport,
            codec,
            clock,
            ssrc=ssrc,
            payload_type=payload_type,
            event_type=event_type,
            event_clock=event_clock,
        )
        self.receiver = Receiver(
            transport,
            codec,
            receive_type=payload_type if receive_type is None else receive_type,
            event_type=event_type if receive_event_type is None else receive_event_type,
            event_clock=event_clock,
        )
        self.round_trip: float | None = None
        self.on_failed: Callable[[BaseException], bool] | None = None
        """See `failed`."""
        self.receive = self.receiver.receive  # the halves' own methods: the beat calls them hundreds of times
        self.skip = self.sender.skip
        self._transmit = self.sender.transmit
        self._clock = clock
        self._cname = cname
        self._far: RtpSession | None = None
        self._on_payload: OnPayload | None = None
        self._on_digit: OnDigit | None = None
        self._ears: tuple[OnPayload, ...] = ()
        self._digit_ears: tuple[OnDigit, ...] = ()
        self._numbers = {payload_type, self.receiver.receive_type}  # all that the codec ever had
        self._last_sr = (0, 0.0)  # NTP of the remote's last sender report, and when it came
        # Reports tell the time by this alone (RFC 3550 6.4.1): a wallclock that is set is no round trip.
        self._wall = clock.wall() - clock.now()
        self._report_at = clock.now() + REPORT_EVERY * random.uniform(0.5, 1.0)
        self.receiver.on_source = self._new_source
        transport.on_rtcp = self._rtcp_arrived

    def go_on(self, fresh: RtpSession) -> None:
        """Go on over the path of `fresh` and on its terms: the stream, who speaks and who listens stay.

        Both must have the same codec; `fresh` is of no use afterwards.
        """
        now = self._clock.now()
        self.receive(now, now - self._clock.wall())  # what has come the old way
        self.transport.on_rtcp = None
        self.transport = fresh.transport
        self.sender.go_on(fresh.transport, fresh.sender)
        self.receiver.go_on(fresh.transport, fresh.receiver)
        self._last_sr = (0, 0.0)
        self.transport.on_rtcp = self._rtcp_arrived
        self._numbers |= {self.sender.payload_type, self.receiver.receive_type}
        if self.sender.spool is not None:
            self.sender.spool.note(self.sender.spool_call, formats=self.formats)

    def transmit(self, now: float) -> None:
        """Send the packet of this beat, and a report when one is due."""
        if now >= self._report_at:
            self._report(now)
        self._transmit(now)

    def failed(self, error: BaseException) -> bool:
        """A mistake of ours on the beat, which walks this leg no more. Whether a call's report will tell it."""
        return self.on_failed is not None and self.on_failed(error)

    # --- what is said ----------------------------------------------------------------------------

    @property
    def event_type(self) -> int | None:
        """The payload type under which the far end takes telephone-events; None: it takes none."""
        return self.sender.event_type

    @property
    def muted(self) -> bool:
        """Silence goes out instead of what is being said."""
        return self.sender.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self.sender.muted = muted

    def play(self, playback: Playback, *, replace: bool = False) -> None:
        """See `Sender.play`."""
        self.sender.play(playback, replace=replace)

    def play_over(self, playback: Playback) -> None:
        """See `Sender.play_over`."""
        self.sender.play_over(playback)

    def stop(self, playback: Playback) -> None:
        """See `Sender.stop`."""
        self.sender.stop(playback)

    def stop_playing(self) -> None:
        """See `Sender.stop_playing`."""
        self.sender.stop_playing()

    def stop_loops(self) -> None:
        """See `Sender.stop_loops`."""
        self.sender.stop_loops()

    def send_event(self, digit: str, length: float, on_done: Callable[[float], None] | None = None) -> None:
        """See `Sender.send_event`."""
        self.sender.send_event(digit, length, on_done)

    def stop_events(self) -> None:
        """See `Sender.stop_events`."""
        self.sender.stop_events()

    def say_when_idle(self, payloads: Sequence[bytes]) -> None:
        """See `Sender.say_when_idle`."""
        self.sender.say_when_idle(payloads)

    def say_live(self, source: LiveSource) -> None:
        """See `Sender.say_live`."""
        self.sender.say_live(source)

    def interrupt(self, playback: Playback) -> None:
        """See `Sender.interrupt`."""
        self.sender.interrupt(playback)

    # --- what is heard ---------------------------------------------------------------------------

    @property
    def on_payload(self) -> OnPayload | None:
        """See `Receiver.on_payload`: its owner's own ear. Others use `listen`."""
        return self._on_payload

    @on_payload.setter
    def on_payload(self, call: OnPayload | None) -> None:
        self._on_payload = call
        self._hear()

    def listen(self, call: OnPayload) -> None:
        """Give each payload to `call`, too, until `listen_no_more`."""
        self._ears = (*self._ears, call)
        self._hear()

    def listen_no_more(self, call: OnPayload) -> None:
        """Undo `listen`. What was never given is no error."""
        self._ears = tuple(one for one in self._ears if one != call)
        self._hear()

    def _hear(self) -> None:
        own = () if self._on_payload is None else (self._on_payload,)
        ears = (*own, *self._ears)
        if ears and self.receiver.on_payload is None:
            self.receiver.begin_hearing()
        self.receiver.on_payload = _each(ears)

    @property
    def on_digit(self) -> OnDigit | None:
        """See `Receiver.on_digit`: whoever carries digits on. Others use `listen_for_digits`."""
        return self._on_digit

    @on_digit.setter
    def on_digit(self, call: OnDigit | None) -> None:
        self._on_digit = call
        self._hear_digits()

    def listen_for_digits(self, call: OnDigit) -> None:
        """Give each telephone-event to `call`, too, until `listen_for_digits_no_more`."""
        self._digit_ears = (*self._digit_ears, call)
        self._hear_digits()

    def listen_for_digits_no_more(self, call: OnDigit) -> None:
        """Undo `listen_for_digits`. What was never given is no error."""
        self._digit_ears = tuple(one for one in self._digit_ears if one != call)
        self._hear_digits()

    def _hear_digits(self) -> None:
        self.receiver.on_digit = _each(
            self._digit_ears if self._on_digit is None else (self._on_digit, *self._digit_ears)
        )

    # --- bridging --------------------------------------------------------------------------------

    @property
    def forward_to(self) -> RtpSession | None:
        """The other leg of a bridge: what arrives goes straight out there, in its own codec."""
        return self._far

    @forward_to.setter
    def forward_to(self, far: RtpSession | None) -> None:
        self._far = far
        self.receiver.forward_to = None if far is None else onward(self.receiver, self.codec, far.sender)

    def fed(self, by_bridge: bool) -> None:
        """See `Sender.fed`."""
        self.sender.fed(by_bridge)

    @property
    def formats(self) -> dict[str, str]:
        """Codec names by payload type, as the spool's notes have them."""
        return {str(number): self.codec.name for number in self._numbers}

    def record_to(self, spool: Spool, call: int) -> None:
        """Keep what arrives and what is sent, under the spool's number for the call."""
        for half in (self.sender, self.receiver):
            half.spool, half.spool_call = spool, call

    def record_no_more(self) -> None:
        """Keep nothing of what comes."""
        self.sender.spool = self.receiver.spool = None

    # --- RTCP ------------------------------------------------------------------------------------

    def _new_source(self) -> None:
        self._last_sr = (0, 0.0)

    def _report(self, now: float) -> None:
        self._report_at = now + REPORT_EVERY * random.uniform(0.5, 1.5)  # RFC 3550 6.3.1
        sender, receiver = self.sender, self.receiver
        blocks: tuple[rtcp.ReportBlock, ...] = ()
        if receiver.ssrc is not None:
            ntp, at = self._last_sr
            blocks = (rtcp.block_about(receiver.ssrc, receiver.statistics, ntp, now - at),)
        self.transport.send_rtcp(
            rtcp.pack(
                [
                    rtcp.SenderReport(
                        sender.ssrc,
                        rtcp.ntp_from_wall(self._wall + now),
                        sender.timestamp_now(),
                        sender.sent & 0xFFFFFFFF,
                        sender.octets & 0xFFFFFFFF,
                        blocks,
                    ),
                    rtcp.SourceDescription(((sender.ssrc, self._cname),)),
                ]
            )
        )

    def say_goodbye(self) -> None:
        """Send a last report and an RTCP BYE (RFC 3550 6.6)."""
        ssrc = self.sender.ssrc
        name = rtcp.SourceDescription(((ssrc, self._cname),))  # every compound has it (RFC 3550 6.1)
        self.transport.send_rtcp(rtcp.pack([rtcp.ReceiverReport(ssrc), name, rtcp.Bye((ssrc,))]))

    def _rtcp_arrived(self, data: bytes, at: float) -> None:
        try:
            packets = rtcp.parse(data)
        except rtcp.RtcpError:
            self.transport.errors += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport) and packet.ssrc == self.receiver.ssrc:
                self._last_sr = (packet.ntp, at)
            if isinstance(packet, (rtcp.SenderReport, rtcp.ReceiverReport)):
                for block in packet.blocks:
                    if block.ssrc == self.sender.ssrc:
                        measured = rtcp.round_trip(rtcp.ntp_from_wall(self._wall + at), block)
                        self.round_trip = self.round_trip if measured is None else measured

    @property
    def figures(self) -> RtpFigures:
        """Packets and quality so far."""
        heard = self.receiver.statistics
        return RtpFigures(
            sent=self.sender.sent,
            received=heard.packets_received,
            lost=max(0, heard.packets_lost),
            jitter=heard.jitter_seconds,
            rtt=self.round_trip,
        )
