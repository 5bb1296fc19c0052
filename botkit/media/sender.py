"""What one leg says: the outgoing half of an RTP session, one packet a beat (RFC 3550).

What goes out is, in this order: the packets of a digit's event; what interrupts (a digit as tone); what
is being played; what a bridge forwards; what the microphone gives; silence. The stream never pauses,
since far ends judge a silent line dead.

Everything here runs on the beat, hundreds of times in 20 ms: it does arithmetic and one system call,
never waits and never raises.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from botkit.clock import Clock
from botkit.media.codec import Codec, Encoder
from botkit.media.pacer import PTIME
from botkit.media.pcm import Pcm, level, mix
from botkit.media.playback import Playback
from botkit.media.rtp import HEADER, VERSION_2, seq_diff
from botkit.media.spool import SENT, Spool
from botkit.media.telephone_event import EventSender
from botkit.media.transport import Transport

PAUSE = -45.0
"""dBFS: what comes live and is softer is a pause, as a microphone has them, which never stops."""

REMEMBERED = 12
"""Payloads after which an encoder that heard them is in step with a decoder that heard all."""


class LiveSource(Protocol):
    """Sound that is made while it is said: a pipe, a microphone."""

    def next_frame(self) -> Pcm | None:
        """The next 20 ms, int16 mono at the codec's rate; None: nothing has come. Must not wait.

        Asked each beat, also while something else is said: its time passes, as for a person at a microphone.
        """
        ...


class Sender:
    """One leg's outgoing stream. `event_type` is the payload type of telephone-event, None without it.

    `event_clock` is the clock of its durations; timestamps are the codec's (RFC 4733 2.1).
    """

    __slots__ = (
        "_clock",
        "_encoder",
        "_event",
        "_event_at",
        "_event_done",
        "_events",
        "_forward_in",
        "_idle",
        "_idle_at",
        "_lately",
        "_live",
        "_marker",
        "_overlays",
        "_owed",
        "_playing",
        "_sent_at",
        "_seq",
        "_silence",
        "_ticks",
        "_timestamp",
        "_transport",
        "_urgent",
        "_waiting",
        "codec",
        "event_clock",
        "event_type",
        "muted",
        "octets",
        "payload_type",
        "sent",
        "spool",
        "spool_call",
        "ssrc",
    )

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        clock: Clock,
        *,
        ssrc: int | None = None,
        payload_type: int | None = None,
        event_type: int | None = None,
        event_clock: int | None = None,
    ) -> None:
        self.codec = codec
        self.ssrc = random.getrandbits(32) if ssrc is None else ssrc
        self.payload_type = codec.payload_type if payload_type is None else payload_type
        self.event_type = event_type
        self.event_clock = event_clock or codec.clock_rate
        self.muted = False
        self.spool: Spool | None = None
        self.spool_call = 0
        self.sent = 0
        """Packets."""
        self.octets = 0
        """Bytes of payload."""
        self._transport = transport
        self._clock = clock
        self._silence = codec.silence
        self._ticks = codec.ticks
        self._seq = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._playing: Playback | None = None
        self._waiting: deque[Playback] = deque()
        self._overlays: list[Playback] = []  # mixed over whatever is being played
        self._encoder: Encoder | None = None  # of what is mixed or made live
        self._events: deque[tuple[str, float, Callable[[float], None] | None]] = deque()  # digits that wait
        self._event: EventSender | None = None  # the digit under way
        self._event_at = 0  # the RTP timestamp at which it began
        self._event_done: Callable[[float], None] | None = None
        self._urgent: deque[Playback] = deque()  # digits as tones
        self._idle: Sequence[bytes] = ()
        self._idle_at = -1
        self._live: LiveSource | None = None
        self._lately: deque[bytes] | None = deque(maxlen=REMEMBERED) if codec.long_memory else None
        self._marker = True  # the first packet of a talkspurt
        self._sent_at = clock.now()
        self._owed = 0  # beats that were lost and that media time has not caught up with
        self._forward_in: tuple[int, int] | None = None  # last (seq, timestamp) that came to be forwarded

    def go_on(self, transport: Transport, fresh: Sender) -> None:
        """Speak over another path, on the terms of `fresh`; the codec is the same, and the numbers go on."""
        self._transport = transport
        self.payload_type, self.event_type, self.event_clock = fresh.payload_type, fresh.event_type, fresh.event_clock
        self._marker = True
        if self.event_type is None and (self._events or self._event is not None):
            # Nobody may wait for the end of digits that the far end takes no more.
            told = [self._event_done, *(done for _, _, done in self._events)]
            self._event, self._event_done = None, None
            self._events.clear()
            for done in told:
                if done is not None:
                    done(self._clock.now())

    # --- what is said ----------------------------------------------------------------------------

    @property
    def playing(self) -> Playback | None:
        """What is being played, or the next thing that will be."""
        return self._playing or (self._waiting[0] if self._waiting else None)

    def play(self, playback: Playback, *, replace: bool = False) -> None:
        """Say this after what is being said, or instead of it."""
        if replace:
            self.stop_playing()
        self._waiting.append(playback)

    def play_over(self, playback: Playback) -> None:
        """Say this at once, mixed with whatever is being played. It needs its `frames`, and what it is mixed
        with needs them to be heard: without, that is silent meanwhile."""
        self._overlays.append(playback)

    def stop(self, playback: Playback) -> None:
        """Stop one playback, under way or waiting; its `on_done` is told at once."""
        playback.stopped = True
        if self._playing is playback:
            self._playing = None
        elif playback in self._urgent:
            self._urgent.remove(playback)
        elif playback in self._waiting:
            self._waiting.remove(playback)
        elif playback in self._overlays:
            self._overlays.remove(playback)
        playback.finish(self._clock.now())

    def stop_playing(self) -> None:
        """Stop all that is being played and waits to be. What interrupts it goes on."""
        for playback in [*([self._playing] if self._playing else []), *self._waiting, *self._overlays]:
            self.stop(playback)

    def stop_loops(self) -> None:
        """Stop what would be said for ever (a ringing tone, hold music), so that what is said next is heard."""
        for playback in [*([self._playing] if self._playing else []), *self._waiting]:
            if playback.loop:
                self.stop(playback)

    def send_event(self, digit: str, length: float, on_done: Callable[[float], None] | None = None) -> None:
        """Send a digit as telephone-event (RFC 4733), after those already waiting. `length` in seconds.

        Needs `event_type`. It takes the place of audio while it lasts.
        """
        self._events.append((digit, length, on_done))

    def stop_events(self) -> None:
        """Forget digits that have not been begun."""
        self._events.clear()

    def say_when_idle(self, payloads: Sequence[bytes]) -> None:
        """What goes out, over and over, while nothing is being played: a room, a line's hum. Empty: silence."""
        self._idle, self._idle_at, self._live = payloads, -1, None

    def say_live(self, source: LiveSource) -> None:
        """Ask `source` each beat for what goes out while nothing is being played; what it gives meanwhile is lost."""
        self._idle, self._live, self._encoder = (), source, self.codec.encoder()

    @property
    def lately(self) -> tuple[bytes, ...]:
        """The last payloads that went out, of a codec with a long memory."""
        return tuple(self._lately or ())

    def interrupt(self, playback: Playback) -> None:
        """Say this at once, in place of whatever is being said or forwarded; what was played goes on afterwards."""
        self._urgent.append(playback)

    # --- the beat --------------------------------------------------------------------------------

    def transmit(self, now: float) -> None:
        """Send the packet of this beat."""
        live = None if self._live is None else self._live.next_frame()
        if self._event is not None or self._events:
            self._transmit_event(now)
            return
        urgent = self._urgent
        if self._forward_in is not None and not self._has_something_to_say:
            if self._forward_in[0] >= 0:
                self._sent_at = now
            return  # a bridge feeds this leg
        self._sent_at = now
        playing, resumes = self._playing, self._marker  # after a digit as event, or on another path
        if playing is None and self._waiting:
            playing = self._playing = self._waiting.popleft()
            self._marker = True
        if self._owed and (resumes or self._may_jump(live)):
            self._catch_up()
        self._seq = seq = (self._seq + 1) & 0xFFFF
        self._timestamp = timestamp = (self._timestamp + self._ticks) & 0xFFFFFFFF
        if urgent:
            payload = self._next_payload(urgent[0], now)
        elif self._overlays:
            payload = self._mixed(playing, now)
        elif playing is not None:
            payload = self._next_payload(playing, now)
        elif live is not None:
            payload = self._encode(live)
        elif self._idle:
            payload = self._next_idle()
        else:
            payload = self._silence
        if self.muted:
            payload = self._silence
        if self._lately is not None:
            self._lately.append(payload)
        payload_type = self.payload_type
        if self._marker:
            self._marker = False
            payload_type |= 0x80
        self.sent += 1
        self.octets += len(payload)
        self._transport.send(HEADER.pack(VERSION_2, payload_type, seq, timestamp, self.ssrc) + payload)
        if self.spool is not None:
            self.spool.append(self.spool_call, SENT, self.payload_type, seq, timestamp, now, payload)

    def skip(self, beats: int) -> None:
        """So many beats were lost. Media time catches up where nothing is cut in two by it: in silence, in
        loops, before the next thing said, in the pauses of what comes live. Far ends date what they hear by it."""
        if self._forward_in is None:
            self._owed += beats

    def timestamp_now(self) -> int:
        """The RTP timestamp of this moment: of the packet about to go, or of the one a bridge has just sent."""
        ahead = self._ticks if self._forward_in is None else 0
        return (self._timestamp + ahead) & 0xFFFFFFFF

    def _may_jump(self, live: Pcm | None) -> bool:
        """Whether a jump of media time cuts nothing in two now."""
        said = [self._urgent[0]] if self._urgent else [*([self._playing] if self._playing else []), *self._overlays]
        return all(one.loop or not one.sent for one in said) if said else live is None or level(live) < PAUSE

    def _catch_up(self) -> None:
        self._timestamp = (self._timestamp + self._owed * self._ticks) & 0xFFFFFFFF
        self._owed = 0
        self._marker = True  # a jump of media time begins a talkspurt (RFC 3551 4.1)

    def _next_idle(self) -> bytes:
        self._idle_at = (self._idle_at + 1) % len(self._idle)
        return self._idle[self._idle_at]

    def _next_payload(self, playing: Playback, now: float) -> bytes:
        index = self._advance(playing, now)
        return self._silence if index is None else playing.payloads[index]

    def _advance(self, playing: Playback, now: float) -> int | None:
        """The index of the frame of `playing` that is due; None where there is nothing in it."""
        if not playing.payloads:
            self._finish(playing, now)
            return None
        index = playing.index
        playing.index += 1
        playing.sent += 1
        if playing.index >= len(playing.payloads):
            if playing.loop:
                playing.index = 0
            elif playing.turns > 1:
                playing.turns -= 1
                playing.index = 0
            else:
                self._finish(playing, now)
        return index

    def _finish(self, playing: Playback, now: float) -> None:
        if playing is self._playing:
            self._playing = None
        elif playing in self._urgent:
            self._urgent.remove(playing)
        elif playing in self._overlays:
            self._overlays.remove(playing)
        playing.finish(now)

    def _mixed(self, playing: Playback | None, now: float) -> bytes:
        """All that is to be heard at once, encoded now."""
        parts: list[Pcm] = []
        for one in [playing, *self._overlays]:
            index = None if one is None else self._advance(one, now)
            if one is not None and index is not None and one.frames is not None:
                parts.append(one.frames[index])
        payload = self._encode(mix(parts)) if parts else self._silence
        if not self._overlays and self._live is None:
            self._encoder = None
        return payload

    def _encode(self, frame: Pcm) -> bytes:
        if self._encoder is None:
            self._encoder = self.codec.encoder()
        return self._encoder.encode(frame)

    def _transmit_event(self, now: float) -> None:
        """Send the next packet of the digit under way, or the first of the next one."""
        if self._event is None:
            digit, length, self._event_done = self._events.popleft()
            self._event = EventSender(digit, length, self.event_clock)
            self._event_at = (self._timestamp + self._ticks) & 0xFFFFFFFF
        event, event_type = self._event, self.event_type
        assert event_type is not None
        self._sent_at = now
        for payload, marker, offset in event.beat():
            self._seq = seq = (self._seq + 1) & 0xFFFF
            timestamp = self._event_at
            if offset:
                timestamp = (timestamp + offset * self.codec.clock_rate // self.event_clock) & 0xFFFFFFFF
            self.sent += 1
            self.octets += len(payload)
            payload_type = event_type | 0x80 if marker else event_type
            self._transport.send(HEADER.pack(VERSION_2, payload_type, seq, timestamp, self.ssrc) + payload)
            if self.spool is not None:
                self.spool.append(self.spool_call, SENT, event_type, seq, timestamp, now, payload)
        self._timestamp = (self._timestamp + self._ticks) & 0xFFFFFFFF
        if event.finished:
            self._event = None
            self._marker = True
            if self._event_done is not None:
                self._event_done(now)

    # --- bridging --------------------------------------------------------------------------------

    @property
    def _has_something_to_say(self) -> bool:
        return bool(self._urgent or self._playing is not None or self._waiting or self._overlays)

    def fed(self, by_bridge: bool) -> None:
        """Be fed by another leg from now on, or speak for oneself again."""
        self._forward_in = (-1, 0) if by_bridge else None
        self._marker = True

    def forward(self, payload: bytes, payload_type: int, seq: int, timestamp: int, marker: bool) -> None:
        """Send what the other leg received. Gaps in its numbering stay gaps."""
        before = self._forward_in
        if before is None:
            return
        if self._event is not None or self._events or self._has_something_to_say:
            self._forward_in = (-1, 0)
            return  # a digit or a play of ours has the line
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
        if self._lately is not None and payload_type == self.payload_type:
            self._lately.append(payload)
        self._forward_in = (seq, timestamp)
        self._seq = (self._seq + step) & 0xFFFF
        self._timestamp = (self._timestamp + ticks) & 0xFFFFFFFF
        self.sent += 1
        self.octets += len(payload)
        self._transport.send(
            HEADER.pack(
                VERSION_2, payload_type | 0x80 if marker else payload_type, self._seq, self._timestamp, self.ssrc
            )
            + payload
        )
        if self.spool is not None:
            at = self._clock.now()
            self.spool.append(self.spool_call, SENT, payload_type, self._seq, self._timestamp, at, payload)
