"""A room on the beat: each member hears the sum of the others.

Theory of operation. The pacer walks the mixer like a leg, before the members, who are not bridged: all have read
what came, then the mixer takes one frame of each and lays the payload of this beat out for each to send (a
sender asks for it as for a line's hum, so what is played on a leg, a digit, a mute go before it).

Sums are made by rate: the frames of all members at 8, 16 and 48 kHz each. What a member hears is the sum of its own
rate, less its own frame, and the sums of the other rates, brought to its own. So G.711 among itself is never
resampled, a member's own voice is taken out to the bit, and there are at most six resamplers in a room, however
many are in it. All arithmetic is saturating: int32 sums, clipped once, before they are encoded.

G.711 is decoded and encoded by table, all members of a law at once. G.722 and Opus cost an encoder for each one who
hears a sum of its own. Those who say nothing hear the same sum and share one payload per codec, made once. Between
the two, encoders are changed where the decoders at the far end hardly notice: a new one first hears what
was said last (`PRIMED`), and an own one is kept until both have said the same for a while.

Measured on one machine (`python -m tests.load.rooms`: real encrypted RTP, both ends of every leg in the process):
50 members on PCMU who all speak cost 0.2 ms a beat to mix, 32 µs a leg and beat in all, beside 28 for 50 legs
bridged two by two; 12 on Opus 0.9 ms and 170 µs, beside 56: an encoder each is what that costs. No beat was late.

Some hear more than the others: a whisper, a sound that is played to them alone. They are given a sum of their own, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable

import numpy as np

from botkit.media.codec import G711, Codec, Encoder
from botkit.media.pacer import Pacer
from botkit.media.participant import Member, RoomSound, RoomVoice, Sum, Tap, clipped
from botkit.media.pcm import Pcm
from botkit.media.sender import REMEMBERED
from botkit.media.session import RtpSession

PRIMED = 2
"""Frames that a new encoder hears first, of a codec without a long memory: frames overlap with the one before."""

REST = 2
"""Frames of silence that are encoded after sound, before the constant payload goes out."""


class _Room:
    """Those of one codec, and what they share."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.members: list[Member] = []
        self.encoder: Encoder | None = None  # for all who hear the same, with a codec that has a memory
        self.lately: deque[Pcm] = deque(maxlen=REMEMBERED if codec.long_memory else PRIMED)
        self.resting = 0  # frames of silence that are still to be encoded

    def new_encoder(self) -> Encoder:
        """One that stands where an encoder would stand that had heard the room so far."""
        encoder = self.codec.encoder()
        for frame in self.lately:
            encoder.encode(frame)
        return encoder


class Mixer:
    """A room. It is on the beat while anybody is in it."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._rooms: dict[Codec, _Room] = {}
        self._voices: dict[int, RoomVoice] = {}  # of each rate, all together
        self._sounds: list[RoomSound] = []
        self._taps: list[Tap] = []

    def __len__(self) -> int:
        return sum(len(room.members) for room in self._rooms.values())

    @property
    def members(self) -> list[Member]:
        """All who are in it."""
        return [member for room in self._rooms.values() for member in room.members]

    @property
    def rate(self) -> int:
        """The best rate that anybody in it hears: what sounds for the room are best made at."""
        return max((codec.rate for codec in self._rooms), default=8000)

    def add(self, session: RtpSession) -> Member:
        """Let the far end of `session` take part from the next beat on. It must be on the beat, and not bridged."""
        if not len(self):
            self._pacer.add(self, first=True)
        self._pacer.add(session)  # behind the mixer
        member = Member(session)
        self._rooms.setdefault(member.codec, _Room(member.codec)).members.append(member)
        session.listen(member.playout.push)
        session.say_when_idle(member.slot)
        return member

    def remove(self, member: Member) -> None:
        """It hears silence, and is not heard any more. Removing what is not there is no error."""
        room = self._rooms.get(member.codec)
        if room is None or member not in room.members:
            return
        member.session.listen_no_more(member.playout.push)
        member.session.say_when_idle(())
        room.members.remove(member)
        if not room.members:
            del self._rooms[member.codec]
            if all(codec.rate != member.codec.rate for codec in self._rooms):
                for voice in (*self._voices.values(), *self._sounds, *self.members):
                    voice.forget(member.codec.rate)
        if not len(self):
            self._pacer.remove(self)
            self.stop_all()

    def play(
        self,
        frames: Pcm,
        rate: int,
        *,
        to: Collection[Member] | None = None,
        turns: int | None = 1,
        on_done: Callable[[float], None] = lambda at: None,
    ) -> RoomSound:
        """Play `frames`, shape (n, samples) at `rate`, over whatever is said, to all or to some; `turns` times, or
        without end.

        `on_done` is called once, with the time at which it was over or was stopped. A room that everybody has left
        stops all its sounds.
        """
        sound = RoomSound(frames, rate, to, turns, on_done)
        self._sounds.append(sound)
        return sound

    def stop(self, sound: RoomSound) -> None:
        """Stop one; one that is over stays as it ended."""
        if sound in self._sounds:
            self._sounds.remove(sound)
            sound.stopped = True
            sound.finish(self._pacer.last_beat)

    def stop_all(self) -> None:
        """Stop all that is being played into the room."""
        for sound in list(self._sounds):
            self.stop(sound)

    def tap(
        self,
        rate: int,
        heard: Callable[[Pcm | None, Pcm | None], None],
        apart: Callable[[], Member | None] = lambda: None,
    ) -> Tap:
        """Listen to the room while anybody is in it; see `Tap`."""
        tap = Tap(rate, heard, apart)
        self._taps.append(tap)
        return tap

    def untap(self, tap: Tap) -> None:
        """Listen no more. One that does not is no error."""
        if tap in self._taps:
            self._taps.remove(tap)

    # --- the beat --------------------------------------------------------------------------------

    def receive(self, now: float, to_monotonic: float) -> None:
        """The members read for themselves."""

    def skip(self, beats: int) -> None:
        """What came meanwhile is shortened by the members' lines."""

    def failed(self, error: BaseException) -> bool:
        """Without the room nobody in it hears the others: all their calls end."""
        told = [member.session.failed(error) for member in self.members]
        return bool(told) and all(told)

    def transmit(self, now: float) -> None:
        """Lay out what each member sends in this beat."""
        apart: list[Member | RoomSound] = []  # heard by some
        sums = self._sums(apart)
        self._take_sounds(sums, apart, now)
        totals = self._totals(sums)
        for tap in self._taps:
            tap.hear(totals[tap.rate])
        for room in self._rooms.values():
            total = totals[room.codec.rate]
            extra = self._extra(room, apart) if apart else {}
            if isinstance(room.codec, G711):
                _lay_out_at_once(room, room.codec, total, extra)
            else:
                _lay_out(room, total, extra)

    def _sums(self, apart: list[Member | RoomSound]) -> dict[int, Sum]:
        """What all say to all, by rate; each member's `frame` is set."""
        sums: dict[int, Sum] = {}
        for room in self._rooms.values():
            speaking: list[Member] = []
            said: list[bytes | Pcm] = []
            for member in room.members:
                member.frame = None
                frame = member.playout.take()
                if frame is not None and member.speaks:
                    speaking.append(member)
                    said.append(frame)
                if member.whispers_to is not None:
                    apart.append(member)
            if not speaking:
                continue
            codec = room.codec
            frames = codec.decode_batch(said) if isinstance(codec, G711) else np.stack(said)  # type: ignore[arg-type]
            for member, frame in zip(speaking, frames, strict=True):
                member.frame = frame
            if apart and any(member.whispers_to is not None for member in speaking):
                frames = frames[[member.whispers_to is None for member in speaking]]
            if len(frames):
                _add(sums, codec.rate, frames.sum(axis=0, dtype=np.int32))
        return sums

    def _take_sounds(self, sums: dict[int, Sum], apart: list[Member | RoomSound], now: float) -> None:
        for sound in list(self._sounds):
            if not sound.advance():
                self._sounds.remove(sound)
                sound.finish(now)
            elif sound.to is None:
                assert sound.frame is not None
                _add(sums, sound.rate, sound.frame.astype(np.int32))
            if sound.to is not None:
                apart.append(sound)

    def _totals(self, sums: dict[int, Sum]) -> dict[int, Sum | None]:
        """What one who says nothing hears, by the rates that are heard; None: silence."""
        for rate in sums:
            if rate not in self._voices:
                self._voices[rate] = RoomVoice(rate)
        heard = {codec.rate for codec in self._rooms} | {tap.rate for tap in self._taps}
        totals: dict[int, Sum | None] = {}
        for rate in heard:
            total = None
            for spoken, voice in self._voices.items():
                part = voice.at(rate, sums.get(spoken))
                if part is not None:
                    total = part.astype(np.int32) if total is None else total + part
            totals[rate] = total
        return totals

    def _extra(self, room: _Room, apart: Iterable[Member | RoomSound]) -> dict[Member, Sum]:
        """What some members of `room` hear besides."""
        extra: dict[Member, Sum] = {}
        for voice in apart:
            listeners = [member for member in room.members if member is not voice and voice.heard_by(member)]
            part = voice.frame_at(room.codec.rate) if listeners else None
            if part is not None:
                for member in listeners:
                    extra[member] = extra[member] + part if member in extra else part.astype(np.int32)
        return extra


def _add(sums: dict[int, Sum], rate: int, part: Sum) -> None:
    sums[rate] = sums[rate] + part if rate in sums else part


def _lay_out_at_once(room: _Room, codec: G711, total: Sum | None, extra: dict[Member, Sum]) -> None:
    """For a codec without a memory: all at once, as one array."""
    shared = codec.silence if total is None else codec.encode(clipped(total))
    own: list[Member] = []
    for member in room.members:
        if not member.hears:
            member.slot[0] = codec.silence
        elif (member.frame is not None and member.whispers_to is None) or member in extra:
            own.append(member)
        else:
            member.slot[0] = shared
    if not own:
        return
    mixed = np.empty((len(own), codec.samples), np.int32)
    mixed[:] = 0 if total is None else total
    for row, member in enumerate(own):
        if member.frame is not None and member.whispers_to is None:
            mixed[row] -= member.frame
        if member in extra:
            mixed[row] += extra[member]
    for member, payload in zip(own, codec.encode_batch(clipped(mixed)), strict=True):
        member.slot[0] = payload


def _lay_out(room: _Room, total: Sum | None, extra: dict[Member, Sum]) -> None:
    """For a codec with a memory: an encoder for each sum."""
    codec = room.codec
    if total is not None or extra:
        room.resting = REST
    elif not room.resting:
        room.encoder = None
        room.lately.clear()
        for member in room.members:
            member.encoder, member.apart = None, 0
            member.slot[0] = codec.silence
        return
    else:
        room.resting -= 1
    common = np.zeros(codec.samples, np.int32) if total is None else total
    frame = clipped(common)
    shared: bytes | None = None
    for member in room.members:
        if not member.hears:
            member.encoder, member.apart = None, 0
            member.slot[0] = codec.silence
            continue
        own = member.frame is not None and member.whispers_to is None
        if own or member in extra:
            member.apart = REMEMBERED
        if member.apart:
            member.apart -= 1
            if member.encoder is None:
                member.encoder = room.new_encoder()
            heard = frame
            if own or member in extra:
                mixed = common - member.frame if own and member.frame is not None else common
                heard = clipped(mixed + extra[member] if member in extra else mixed)
            member.slot[0] = member.encoder.encode(heard)
        else:
            member.encoder = None
            if shared is None:
                if room.encoder is None:
                    room.encoder = room.new_encoder()
                shared = room.encoder.encode(frame)
            member.slot[0] = shared
    if shared is None:
        room.encoder = None  # nobody was there to hear it
    room.lately.append(frame)
