"""One leg's RTP on the beat: what it says, what it hears, what it passes on and what it reports."""

import itertools
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from botkit.media import rtcp
from botkit.media.codec import PCMU, Codec, codec_by_name
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.pcm import Pcm
from botkit.media.playback import Playback
from botkit.media.receiver import GAP_FRAMES_MAX
from botkit.media.rtp import RtpPacket, pack, parse, seq_add, seq_diff, timestamp_diff
from botkit.media.sender import LiveSource
from botkit.media.session import RtpSession
from botkit.media.spool import RECEIVED, SENT, Spool, SpoolReader
from botkit.media.transport import Arrival, TransportParameters
from botkit.testing import ManualClock

EVENT = 101
BEAT = 0.02


class Desk:
    """A transport that keeps what is sent and hands over what the test lays on it."""

    def __init__(self) -> None:
        self.on_rtcp: Callable[[bytes, float], None] | None = None
        self.on_lost: Callable[[str], None] | None = None
        self.errors = 0
        self.sent: list[bytes] = []
        self.reports: list[bytes] = []
        self.inbox: list[Arrival] = []

    @property
    def local(self) -> TransportParameters:
        return TransportParameters("user", "x" * 22, (), ())

    async def gather(self, *, offerer: bool) -> None: ...

    async def connect(self, remote: TransportParameters, *, timeout: float = 10.0) -> None: ...

    async def close(self) -> None: ...

    def add_candidate(self, candidate: str | None) -> None: ...

    def poll(self, now: float, to_monotonic: float) -> list[Arrival]:
        got, self.inbox = self.inbox, []
        return got

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)

    def send_rtcp(self, packet: bytes) -> None:
        self.reports.append(packet)

    @property
    def packets(self) -> list[RtpPacket]:
        return [parse(data) for data in self.sent]


class Leg:
    """A session on a desk, and the beat that walks it."""

    def __init__(self, clock: ManualClock | None = None, *, events: int | None = EVENT, codec: Codec = PCMU) -> None:
        self.clock = clock or ManualClock(start=100.0, wall=1_700_000_000.0)
        self.desk = Desk()
        self.session = RtpSession(self.desk, codec, self.clock, event_type=events)
        self.heard: list[tuple[bytes | None, float]] = []
        self.digits: list[tuple[str, float, float | None]] = []

    def listen(self) -> "Leg":
        self.session.on_payload = lambda payload, at: self.heard.append((payload, at))
        self.session.on_digit = lambda *digit: self.digits.append(digit)
        return self

    def beat(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock._now += BEAT
            self.session.receive(self.clock.now(), 0.0)
            self.session.transmit(self.clock.now())

    def hear(self, *packets: RtpPacket, at: float | None = None) -> None:
        """These have arrived by the next beat."""
        self.desk.inbox += [(pack(packet), self.clock.now() if at is None else at) for packet in packets]

    @property
    def said(self) -> list[bytes]:
        return [packet.payload for packet in self.desk.packets]


def voice(*names: str) -> list[bytes]:
    """Payloads that can be told apart."""
    return [name.encode().ljust(160, b".") for name in names]


def frame(number: int, *, ssrc: int = 9, payload_type: int = 0, first_seq: int = 0) -> RtpPacket:
    """The packet that a sender sends on its n-th beat."""
    seq = (first_seq + number) & 0xFFFF
    return RtpPacket(payload_type, seq, (number * 160) & 0xFFFFFFFF, ssrc, f"{number}".encode().ljust(160, b"."))


def event(number: int, code: int, duration: int, *, begun: int, end: bool = False, marker: bool = False) -> RtpPacket:
    """A telephone-event packet sent on the n-th beat, of an event begun on beat `begun`."""
    payload = struct.pack("!BBH", code, (0x80 if end else 0) | 10, duration)
    return RtpPacket(EVENT, number, begun * 160, 9, payload, marker)


SILENCE = PCMU.silence


# --- what is said ---------------------------------------------------------------------------------------


def test_silence_while_there_is_nothing_to_say() -> None:
    """The stream never pauses: silence goes out each beat, under numbers and timestamps without a gap."""
    leg = Leg()
    leg.beat(60)
    packets = leg.desk.packets
    assert [packet.payload for packet in packets] == [SILENCE] * 60
    for before, after in itertools.pairwise(packets):
        assert seq_diff(after.seq, before.seq) == 1
        assert timestamp_diff(after.timestamp, before.timestamp) == 160
    assert len({packet.ssrc for packet in packets}) == 1
    assert leg.session.figures.sent == 60


def test_plays_go_out_in_order() -> None:
    """What is played goes out payload by payload, one play after the other, silence before and after."""
    leg = Leg()
    leg.beat()
    for names in ("abc", "de"):
        leg.session.play(Playback(voice(*names), lambda at: None))
    leg.beat(7)
    assert leg.said == [SILENCE, *voice(*"abcde"), SILENCE, SILENCE]


def test_each_play_begins_a_talkspurt() -> None:
    """The marker is on the first packet of the stream and of each play, and on no other."""
    leg = Leg()
    leg.beat(2)
    leg.session.play(Playback(voice(*"ab"), lambda at: None))
    leg.session.play(Playback(voice(*"c"), lambda at: None))
    leg.beat(5)
    assert [packet.marker for packet in leg.desk.packets] == [True, False, True, False, True, False, False]


def test_done_when_the_last_payload_left() -> None:
    """`on_done` is told once, with the time of the beat that sent the last payload."""
    leg = Leg()
    done: list[float] = []
    playback = Playback(voice(*"abc"), done.append)
    leg.session.play(playback)
    leg.beat(2)
    assert (done, playback.done) == ([], False)
    leg.beat()
    assert done == [leg.clock.now()]
    leg.beat(3)
    leg.session.stop(playback)
    assert len(done) == 1


def test_replace_ends_what_is_being_said() -> None:
    """A play that replaces stops the one under way and those that wait, and goes out on the next beat."""
    leg = Leg()
    done: list[str] = []
    for name in "ab":
        leg.session.play(Playback(voice(name) * 9, lambda at, name=name: done.append(name)))  # type: ignore[misc]
    leg.beat(3)
    leg.session.play(Playback(voice("c"), lambda at: done.append("c")), replace=True)
    assert done == ["a", "b"]
    leg.beat(2)
    assert leg.said == [*voice(*"aaac"), SILENCE]
    assert done == ["a", "b", "c"]


@pytest.mark.parametrize("beats", [0, 2], ids=["waiting", "under way"])
def test_stop_one(beats: int) -> None:
    """A stopped play is silent from the next beat on, its end is told at once, and the next play begins."""
    leg = Leg()
    done: list[str] = []
    first = Playback(voice(*"abcd"), lambda at: done.append("first"))
    leg.session.play(first)
    leg.session.play(Playback(voice("z"), lambda at: done.append("second")))
    leg.beat(beats)
    leg.session.stop(first)
    assert done == ["first"]
    assert first.stopped
    assert first.index == beats
    leg.beat(2)
    assert leg.said == [*voice(*"ab")[:beats], *voice("z"), SILENCE]


def test_loop_goes_on_until_stopped() -> None:
    """A looped play begins again after its last payload and never ends by itself."""
    leg = Leg()
    done: list[float] = []
    playback = Playback(voice(*"ab"), done.append, loop=True)
    leg.session.play(playback)
    leg.beat(5)
    assert leg.said == voice(*"ababa")
    assert not done
    leg.session.stop_playing()
    assert done == [leg.clock.now()]
    leg.beat()
    assert leg.said[-1] == SILENCE


@pytest.mark.parametrize("loop", [False, True])
def test_a_play_with_nothing_in_it(loop: bool) -> None:
    """A play without payloads is done on its beat, looped or not, and silence goes out."""
    leg = Leg()
    done: list[float] = []
    leg.session.play(Playback((), done.append, loop=loop))
    leg.beat(2)
    assert done == [pytest.approx(100.02)]
    assert leg.said == [SILENCE, SILENCE]


def test_mute_sends_silence_and_loses_the_time() -> None:
    """While muted silence goes out in place of what is played, which runs on underneath."""
    leg = Leg()
    leg.session.play(Playback(voice(*"abcd"), lambda at: None))
    leg.beat()
    leg.session.muted = True
    leg.beat(2)
    leg.session.muted = False
    leg.beat()
    assert leg.said == [*voice("a"), SILENCE, SILENCE, *voice("d")]


def test_idle_sound_between_plays() -> None:
    """`say_when_idle` fills the time between plays, over and over, until it is taken away."""
    leg = Leg()
    leg.session.say_when_idle(voice(*"xy"))
    leg.beat(3)
    leg.session.play(Playback(voice("a"), lambda at: None))
    leg.beat(2)
    leg.session.say_when_idle(())
    leg.beat()
    assert leg.said == [*voice(*"xyxay"), SILENCE]


# --- digits out ---------------------------------------------------------------------------------------------


def digit_packets(leg: Leg) -> list[RtpPacket]:
    return [packet for packet in leg.desk.packets if packet.payload_type == EVENT]


def test_digit_takes_the_place_of_audio() -> None:
    """An event goes out one packet a beat under the timestamp of its start, growing; numbers run on."""
    leg = Leg()
    leg.beat(2)
    leg.session.send_event("5", 0.06)
    leg.beat(7)
    packets = leg.desk.packets
    digits = digit_packets(leg)
    assert [packet.payload_type for packet in packets] == [0, 0] + [EVENT] * 5 + [0, 0]
    assert {timestamp_diff(packet.timestamp, packets[1].timestamp) for packet in digits} == {160}
    assert [struct.unpack("!BBH", packet.payload)[2] for packet in digits] == [160, 320, 480, 480, 480]
    assert {packet.payload[0] for packet in digits} == {5}
    assert [packet.marker for packet in digits] == [True, False, False, False, False]
    assert [seq_diff(packet.seq, packets[0].seq) for packet in packets] == list(range(9))


def test_the_end_goes_three_times() -> None:
    """The last packet of a digit, with the end bit, goes three times; the audio after it begins a talkspurt."""
    leg = Leg()
    leg.session.send_event("#", 0.1)
    leg.beat(9)
    ends = [packet for packet in digit_packets(leg) if packet.payload[1] & 0x80]
    assert len(ends) == 3
    assert len({(packet.payload, packet.timestamp) for packet in ends}) == 1
    audio = leg.desk.packets[7]
    assert (audio.payload_type, audio.marker) == (0, True)
    assert timestamp_diff(audio.timestamp, ends[0].timestamp) == 7 * 160


def test_digits_wait_for_each_other() -> None:
    """Digits go one after the other, each under a later timestamp, and each tells its end once."""
    leg = Leg()
    done: list[tuple[str, float]] = []
    for digit in "11":
        leg.session.send_event(digit, 0.04, lambda at, digit=digit: done.append((digit, at)))  # type: ignore[misc]
    leg.beat(8)
    digits = digit_packets(leg)
    assert len({packet.timestamp for packet in digits}) == 2
    assert [packet.marker for packet in digits].count(True) == 2
    assert [at for _, at in done] == [pytest.approx(100.08), pytest.approx(100.16)]


def test_digit_before_the_play_goes_on() -> None:
    """A digit during a play holds it up, and the play goes on where it was."""
    leg = Leg()
    leg.session.play(Playback(voice(*"abc"), lambda at: None))
    leg.beat()
    leg.session.send_event("1", 0.02)
    leg.beat(5)
    assert [packet.payload for packet in leg.desk.packets if packet.payload_type == 0] == voice(*"abc")


def test_forgotten_digits() -> None:
    """`stop_events` forgets digits not yet begun; the one under way is finished."""
    leg = Leg()
    leg.session.send_event("1", 0.04)
    leg.session.send_event("2", 0.04)
    leg.beat()
    leg.session.stop_events()
    leg.beat(9)
    assert {packet.payload[0] for packet in digit_packets(leg)} == {1}


# --- what is heard ------------------------------------------------------------------------------------------


def test_payloads_in_order_with_their_times() -> None:
    """What arrives is handed on in order, each with the time when it was heard, 20 ms apart."""
    leg = Leg().listen()
    for number in range(5):
        leg.hear(frame(number))
        leg.beat()
    assert [payload for payload, _ in leg.heard] == [frame(number).payload for number in range(5)]
    assert [at for _, at in leg.heard] == [pytest.approx(100.0 + number * BEAT) for number in range(5)]


def test_jitter_is_taken_out_of_the_times() -> None:
    """Frames that arrive unevenly are placed by RTP time, as the quickest of them say."""
    draw = random.Random(3)
    leg = Leg().listen()
    begin = leg.clock.now()
    for number in range(200):
        delay = 0.0 if number % 10 == 0 else draw.uniform(0.0, 0.018)
        leg.hear(frame(number), at=begin + number * BEAT + delay)
        leg.beat()
    assert [payload for payload, _ in leg.heard] == [frame(number).payload for number in range(200)]
    off = [at - (begin + number * BEAT) for number, (_, at) in enumerate(leg.heard)]
    assert max(off) < 0.01
    assert min(off) > -0.0001


def test_first_packet_late() -> None:
    """When the first packet was the slow one, later and quicker ones set the times right."""
    leg = Leg().listen()
    begin = leg.clock.now()
    for number in range(4):
        leg.hear(frame(number), at=begin + number * BEAT + (0.015 if number == 0 else 0.0))
        leg.beat()
    assert leg.heard[-1][1] == pytest.approx(begin + 3 * BEAT)


def test_a_sender_that_falls_behind_for_good() -> None:
    """After a stall of a second the times follow the arrival again, at once."""
    leg = Leg().listen()
    begin = leg.clock.now()
    for number in range(20):
        late = 1.0 if number >= 10 else 0.0
        leg.hear(frame(number), at=begin + number * BEAT + late)
        leg.beat()
    assert leg.heard[10][1] == pytest.approx(begin + 10 * BEAT + 1.0)


def test_overtaken_packets_are_put_in_order() -> None:
    """A packet that overtook another waits for it, and both are handed on in order at their own times."""
    leg = Leg().listen()
    begin = leg.clock.now()
    leg.hear(frame(0))
    leg.beat()
    leg.beat()
    leg.hear(frame(2), at=begin + 0.04)
    leg.beat()
    assert len(leg.heard) == 1
    leg.hear(frame(1), at=begin + 0.055)
    leg.beat()
    assert [payload for payload, _ in leg.heard] == [frame(number).payload for number in range(3)]
    assert leg.heard[2][1] - leg.heard[1][1] == pytest.approx(BEAT, abs=0.002)


def test_lost_packets_are_told() -> None:
    """A packet that never came is told as None in its place, some beats later; the others keep their times."""
    leg = Leg().listen()
    begin = leg.clock.now()
    for number in range(6):
        if number != 2:
            leg.hear(frame(number))
        leg.beat()
    assert [payload for payload, _ in leg.heard] == [
        None if number == 2 else frame(number).payload for number in range(6)
    ]
    assert [at for _, at in leg.heard] == [pytest.approx(begin + number * BEAT, abs=0.001) for number in range(6)]
    assert leg.session.figures.lost == 1


def test_a_long_hole_is_told_as_a_second() -> None:
    """A hole of many seconds is told as one second of lost frames, and what follows has its right time."""
    leg = Leg().listen()
    leg.hear(frame(0))
    leg.beat()
    leg.beat(499)
    leg.hear(frame(500))
    leg.beat(4)
    assert [payload for payload, _ in leg.heard].count(None) == GAP_FRAMES_MAX
    assert leg.heard[-1][1] == pytest.approx(leg.heard[0][1] + 500 * BEAT, abs=0.001)


@pytest.mark.parametrize("size", [80, 240, 320, 480])
def test_packets_of_other_lengths(size: int) -> None:
    """Packets of 10 to 60 ms follow each other without a hole; a lost one is one of its own length."""
    leg = Leg().listen()
    begin = leg.clock.now()
    numbers = [number for number in range(40) if number != 30]
    for number in numbers:
        leg.hear(RtpPacket(0, number, number * size, 9, bytes([number]) * size), at=begin + number * size / 8000)
    leg.clock._now += 40 * size / 8000
    leg.beat(4)
    heard = [(payload[0], at) for payload, at in leg.heard if payload]
    assert heard == [(number, pytest.approx(begin + number * size / 8000)) for number in numbers]
    lost = [at for payload, at in leg.heard if payload is None]
    assert lost == [pytest.approx(begin + 30 * size / 8000 + index * BEAT) for index in range(size // 160)]


@pytest.mark.parametrize("codec", [PCMU, codec_by_name("G722")])
@pytest.mark.parametrize("size", [80, 240, 320])
def test_lost_packets_of_other_lengths_had_their_time(size: int, codec: Codec) -> None:
    """Of packets of 10 or 30 ms many may be lost: what is heard lasts as long as what was said, to a frame."""
    leg = Leg(codec=codec)
    hearing = Hearing()
    ear = Ear()
    leg.session.on_payload = CallHearing(hearing, ear, codec).payload
    begin, count = leg.clock.now(), 10 * 8000 // size
    draw = random.Random(size)
    number = 0
    for beat in range(1, 510):
        while number < count and (number + 1) * size <= beat * 160:
            if number in (0, count - 1) or draw.random() > 0.1:
                packet = RtpPacket(codec.payload_type, number, number * size, 9, codec.silence[:80] * (size // 80))
                leg.hear(packet, at=begin + (number + 1) * size / 8000)
            number += 1
        leg.beat()
        hearing.analyse(leg.clock.now())
    assert 499 <= len(ear.history) <= 501


@pytest.mark.parametrize("jump", [0.02, 0.5, 5.0, 29.0])
def test_timestamps_that_jump_ahead(jump: float) -> None:
    """A jump of the timestamps alone is no silence: no time went by, and nothing lies ahead of the clock."""
    leg = Leg().listen()
    for number in range(20):
        packet = frame(number)
        leg.hear(packet if number < 10 else packet._replace(timestamp=packet.timestamp + int(jump * 8000)))
        leg.beat()
        assert leg.heard[-1][1] < leg.clock.now()
    assert [payload for payload, _ in leg.heard] == [frame(number).payload for number in range(20)]
    steps = [after - before for (_, before), (_, after) in itertools.pairwise(leg.heard)]
    assert steps == [pytest.approx(BEAT, abs=0.001)] * 19


@pytest.mark.parametrize("seed", range(5))
def test_any_network(seed: int) -> None:
    """Under loss, jitter and reordering frames come out once each, in order, placed by RTP time to 25 ms."""
    draw = random.Random(seed)
    leg = Leg().listen()
    begin = leg.clock.now()
    arrivals = sorted(
        (begin + number * BEAT + draw.uniform(0.0, 0.035), number) for number in range(300) if draw.random() > 0.08
    )
    while arrivals or leg.session.receiver._reorderer.holding:
        while arrivals and arrivals[0][0] <= leg.clock.now():
            at, number = arrivals.pop(0)
            leg.hear(frame(number, first_seq=65400), at=at)
        leg.beat()
    numbers = [int(payload.rstrip(b".")) for payload, _ in leg.heard if payload is not None]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 240
    for payload, at in leg.heard[50:]:
        if payload is not None:
            assert abs(at - (begin + int(payload.rstrip(b".")) * BEAT)) < 0.025


def test_a_new_source() -> None:
    """When the far end starts anew under another SSRC its frames are heard at once, at their arrival."""
    leg = Leg().listen()
    for number in range(3):
        leg.hear(frame(number))
        leg.beat()
    leg.clock._now += 3.0
    leg.hear(frame(7000, ssrc=10, first_seq=30000))
    at = leg.clock.now()
    leg.beat()
    assert leg.heard[-1] == (frame(7000).payload, pytest.approx(at))
    figures = leg.session.figures
    assert (figures.received, figures.lost) == (4, 0)


def test_other_payload_types_are_not_heard() -> None:
    """Comfort noise or a codec that was not agreed on is no audio, and leaves no gap in the numbers."""
    leg = Leg().listen()
    leg.hear(frame(0), frame(1, payload_type=13), frame(2))
    leg.beat(4)
    assert [payload for payload, _ in leg.heard] == [frame(0).payload, frame(2).payload]
    assert leg.session.figures.lost == 0


def test_nobody_listens() -> None:
    """Without a listener packets are counted all the same, and digits are dropped."""
    leg = Leg()
    for number in range(3):
        leg.hear(frame(number))
    leg.hear(event(3, 1, 160, begun=3, end=True, marker=True))
    leg.beat(30)
    assert leg.session.figures.received == 4


def test_padded_and_extended_packets() -> None:
    """Padding, CSRCs and header extensions are taken off before the payload is handed on."""
    leg = Leg().listen()
    plain = frame(0)
    extended = pack(plain._replace(csrc=(1, 2), extension=(0xBEDE, b"\x10\xff\x00\x00")))
    padded = bytearray(pack(frame(1)) + b"\0\0\0\4")
    padded[0] |= 0x20
    leg.desk.inbox += [(extended, 100.0), (bytes(padded), 100.02)]
    leg.beat()
    assert [payload for payload, _ in leg.heard] == [plain.payload, frame(1).payload]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80" * 11, b"\x40" + b"\0" * 20, b"\x8f" + b"\0" * 20, b"\xa0" + b"\0" * 20],
    ids=["empty", "one byte", "eleven bytes", "version 1", "CSRCs missing", "padding wrong"],
)
def test_malformed_packets_are_counted(data: bytes) -> None:
    """What is no RTP packet is an error of the transport's, not of reception, and is not raised."""
    leg = Leg().listen()
    leg.desk.inbox.append((data, 100.0))
    leg.hear(frame(0))
    leg.beat()
    assert leg.desk.errors == 1
    assert leg.session.figures.received == 1
    assert len(leg.heard) == 1


# --- digits in ----------------------------------------------------------------------------------------------


def test_a_digit_is_told_once() -> None:
    """However many packets tell of it, a digit is told once, with onset and duration, when it has ended."""
    leg = Leg().listen()
    far = Leg(leg.clock)
    far.session.send_event("7", 0.1)
    begin = leg.clock.now()
    for _ in range(9):
        far.session.transmit(leg.clock.now())
        leg.hear(*far.desk.packets)
        far.desk.sent.clear()
        leg.beat()
    assert leg.digits == [("7", pytest.approx(begin), pytest.approx(0.1))]


def test_a_digit_whose_end_was_lost() -> None:
    """When the end packets are lost the digit is told all the same, a fifth of a second later."""
    leg = Leg().listen()
    for number in range(3):
        leg.hear(event(number, 4, 160 * (number + 1), begun=0, marker=number == 0))
        leg.beat()
    assert leg.digits == []
    leg.beat(11)
    assert leg.digits == [("4", pytest.approx(100.0), pytest.approx(0.06))]


def test_a_digit_that_a_new_source_cuts_off() -> None:
    """When another SSRC begins, the digit under way before it has ended: it is told at once, once."""
    leg = Leg().listen()
    for number in range(3):
        leg.hear(event(number, 4, 160 * (number + 1), begun=0, marker=number == 0))
        leg.beat()
    for number in range(30):
        leg.hear(frame(number, ssrc=10, first_seq=5000))
        leg.beat()
        assert leg.digits == [("4", pytest.approx(100.0), pytest.approx(0.06))]


def test_audio_after_a_digit_keeps_its_time() -> None:
    """The time that a digit took is a hole in the audio; what follows is heard at its own time."""
    leg = Leg().listen()
    far = Leg(leg.clock)
    begin = leg.clock.now()
    for number in range(12):
        if number == 3:
            far.session.send_event("1", 0.04)
        far.session.transmit(leg.clock.now())
        leg.hear(*far.desk.packets)
        far.desk.sent.clear()
        leg.beat()
    times = [at for payload, at in leg.heard if payload]
    places = [0, 1, 2, 7, 8, 9, 10, 11]
    assert times == [pytest.approx(begin + place * BEAT, abs=0.001) for place in places]
    assert leg.session.figures.lost == 0


@pytest.mark.parametrize("lost", [(), (60, 61), (100,), (141,)], ids=str)
def test_a_digit_of_seconds_passes_as_it_lasts(lost: tuple[int, ...]) -> None:
    """While a key is held for long its time passes as silence, beat by beat, whatever is lost of it; what follows is
    heard at its own time."""
    leg = Leg().listen()
    far = Leg(leg.clock)
    begin = leg.clock.now()
    for number in range(160):
        if number == 5:
            far.session.send_event("1", 2.5)
        far.session.transmit(leg.clock.now())
        if number not in lost:
            leg.hear(*far.desk.packets)
        far.desk.sent.clear()
        leg.beat()
    assert [at for _, at in leg.heard] == [pytest.approx(begin + place * BEAT, abs=0.001) for place in range(160)]
    audio = [place for place in (*range(5), *range(132, 160)) if place not in lost]
    assert [place for place, (payload, _) in enumerate(leg.heard) if payload] == audio
    assert leg.digits == [("1", pytest.approx(begin + 5 * BEAT, abs=0.001), pytest.approx(2.5))]


# --- bridging -------------------------------------------------------------------------------------------------


class Bridge:
    """Two legs whose audio goes straight from one to the other, on one beat."""

    def __init__(self) -> None:
        self.near = Leg()
        self.far = Leg(self.near.clock)
        for leg, other in ((self.near, self.far), (self.far, self.near)):
            leg.session.forward_to = other.session
            leg.session.fed(True)

    def beat(self, count: int = 1) -> None:
        for _ in range(count):
            self.near.clock._now += BEAT
            now = self.near.clock.now()
            for leg in (self.near, self.far):
                leg.session.receive(now, 0.0)
            for leg in (self.near, self.far):
                leg.session.transmit(now)

    @property
    def out(self) -> list[RtpPacket]:
        """What the far leg has sent."""
        return self.far.desk.packets


def steps(packets: Sequence[RtpPacket]) -> list[tuple[int, int]]:
    """From packet to packet: how far the numbers and the timestamps went."""
    return [
        (seq_diff(after.seq, before.seq), timestamp_diff(after.timestamp, before.timestamp))
        for before, after in itertools.pairwise(packets)
    ]


def test_bridged_audio_goes_through_on_the_same_beat() -> None:
    """What one leg receives the other sends on that beat, undecoded, under its own source and numbers."""
    bridge = Bridge()
    for number in range(5):
        bridge.near.hear(frame(number))
        bridge.beat()
        assert bridge.out[-1].payload == frame(number).payload
    assert steps(bridge.out) == [(1, 160)] * 4
    assert {packet.ssrc for packet in bridge.out} == {bridge.far.session.sender.ssrc} != {9}
    assert [packet.marker for packet in bridge.out] == [True, False, False, False, False]


def test_gaps_stay_gaps() -> None:
    """What was lost on one side is a hole of the same size on the other: nothing is made up, nothing closed."""
    bridge = Bridge()
    for number in (0, 1, 4, 5):
        bridge.near.hear(frame(number))
        bridge.beat()
    bridge.beat(3)
    assert steps(bridge.out) == [(1, 160), (3, 480), (1, 160)]


def test_reordered_packets_stay_reordered() -> None:
    """A packet that was overtaken is passed on under the number that it had."""
    bridge = Bridge()
    for number in (0, 2, 1, 3):
        bridge.near.hear(frame(number))
        bridge.beat()
    assert steps(bridge.out) == [(2, 320), (-1, -160), (2, 320)]


def test_doubled_packets_are_passed_on_once() -> None:
    """The same packet twice is one packet on the other side."""
    bridge = Bridge()
    for number in (0, 1, 1, 2):
        bridge.near.hear(frame(number))
        bridge.beat()
    assert steps(bridge.out) == [(1, 160), (1, 160)]


def test_numbers_wrap() -> None:
    """A stream whose numbers and timestamps wrap around is passed on without a seam."""
    bridge = Bridge()
    for number in range(6):
        packet = frame(number)
        bridge.near.hear(
            packet._replace(seq=seq_add(65533, number), timestamp=(0xFFFFFFFF - 400 + number * 160) & 0xFFFFFFFF)
        )
        bridge.beat()
    assert steps(bridge.out) == [(1, 160)] * 5


def test_forwarded_source_that_starts_anew() -> None:
    """When the sender starts anew under another SSRC the forwarded stream goes on, one packet further."""
    bridge = Bridge()
    for number in range(3):
        bridge.near.hear(frame(number))
        bridge.beat()
    for number in range(1000, 1003):
        bridge.near.hear(frame(number, ssrc=77))
        bridge.beat()
    assert steps(bridge.out) == [(1, 160)] * 5
    assert [packet.marker for packet in bridge.out] == [True, False, False, True, False, False]


def test_telephone_events_are_passed_on() -> None:
    """A digit that came as events goes on as events, its packets under one timestamp."""
    bridge = Bridge()
    bridge.near.hear(frame(0))
    bridge.beat()
    for number in range(1, 4):
        bridge.near.hear(event(number, 3, 160 * number, begun=1, marker=number == 1, end=number == 3))
        bridge.beat()
    bridge.near.hear(frame(4))
    bridge.beat()
    assert [packet.payload_type for packet in bridge.out] == [0, EVENT, EVENT, EVENT, 0]
    assert steps(bridge.out) == [(1, 160), (1, 0), (1, 0), (1, 480)]


def test_digit_inserted_into_a_forwarded_stream() -> None:
    """A digit of our own takes the place of what is forwarded, and the numbers have no seam before or after."""
    bridge = Bridge()
    for number in range(20):
        if number == 5:
            bridge.far.session.send_event("9", 0.1)
        bridge.near.hear(frame(number))
        bridge.beat()
    out = bridge.out
    assert [step for step, _ in steps(out)] == [1] * 19
    assert [packet.payload_type for packet in out] == [0] * 5 + [EVENT] * 7 + [0] * 8
    assert timestamp_diff(out[12].timestamp, out[4].timestamp) == 8 * 160
    assert out[12].marker


def test_tone_inserted_into_a_forwarded_stream() -> None:
    """What interrupts a forwarded stream is said in its place, one payload a beat, then the stream goes on."""
    bridge = Bridge()
    for number in range(10):
        if number == 4:
            bridge.far.session.interrupt(Playback(voice(*"ab"), lambda at: None))
        bridge.near.hear(frame(number))
        bridge.beat()
    out = bridge.out
    assert steps(out) == [(1, 160)] * 9
    assert [packet.payload for packet in out[4:6]] == voice(*"ab")
    assert out[6].payload == frame(6).payload


def test_a_play_on_a_bridged_leg() -> None:
    """What a bridged leg is told to play goes out in place of what is forwarded, which then goes on."""
    bridge = Bridge()
    for number in range(10):
        if number == 4:
            bridge.far.session.play(Playback(voice(*"ab"), lambda at: None, turns=2))
        bridge.near.hear(frame(number))
        bridge.beat()
    out = bridge.out
    assert steps(out) == [(1, 160)] * 9
    assert [packet.payload for packet in out[4:8]] == voice(*"abab")
    assert out[8].payload == frame(8).payload


def test_several_who_listen() -> None:
    """Each who listens is given every payload and digit, its owner's own ear first, until it listens no more."""
    leg = Leg().listen()
    others: list[str] = []
    tell, tell_digit = lambda payload, at: others.append("payload"), lambda digit, at, length: others.append(digit)
    leg.session.listen(tell)
    leg.session.listen_for_digits(tell_digit)
    leg.hear(frame(0), event(1, 5, 160, begun=1, marker=True, end=True))
    leg.beat()
    assert [payload for payload, _ in leg.heard] == [frame(0).payload, b""]
    assert leg.digits == [("5", pytest.approx(100.0), pytest.approx(0.02))]
    assert others == ["payload", "5", "payload"]
    leg.session.listen_no_more(tell)
    leg.session.listen_for_digits_no_more(tell_digit)
    leg.hear(frame(2), event(3, 6, 160, begun=3, marker=True, end=True))
    leg.beat()
    assert [digit for digit, _, _ in leg.digits] == ["5", "6"]
    assert others == ["payload", "5", "payload"]


def test_listening_again_after_a_while() -> None:
    """Who begins to listen in the midst of a stream hears what comes from then on, and no hole before it."""
    leg = Leg().listen()
    leg.hear(frame(0))
    leg.beat()
    own = leg.session.on_payload
    leg.session.on_payload = None
    for number in range(1, 100):
        leg.hear(frame(number))
        leg.beat()
    leg.session.on_payload = own
    leg.hear(frame(100))
    leg.beat()
    assert [payload for payload, _ in leg.heard] == [frame(0).payload, frame(100).payload]


def test_interrupting_what_is_played() -> None:
    """An interruption of a leg that is not bridged goes before its play, which then goes on."""
    leg = Leg()
    leg.session.play(Playback(voice(*"ab"), lambda at: None))
    leg.beat()
    leg.session.interrupt(Playback(voice("x"), lambda at: None))
    leg.beat(2)
    assert leg.said == voice(*"axb")


def test_parted_legs_speak_for_themselves() -> None:
    """After the bridge is gone the leg says silence again, its numbers go on, and nothing is forwarded."""
    bridge = Bridge()
    for number in range(3):
        bridge.near.hear(frame(number))
        bridge.beat()
    for leg in (bridge.near, bridge.far):
        leg.session.forward_to = None
        leg.session.fed(False)
    bridge.near.hear(frame(3))
    bridge.beat(2)
    assert bridge.far.said[-2:] == [SILENCE, SILENCE]
    assert steps(bridge.out) == [(1, 160)] * 4


def test_forwarding_to_a_leg_that_is_not_fed() -> None:
    """A leg that was not told of the bridge sends its own stream, a digit of its own included."""
    leg = Leg()
    leg.session.send_event("1", 0.02)
    leg.session.sender.forward(b"x" * 160, 0, 1, 160, False)
    leg.beat(6)
    assert [packet.payload_type for packet in leg.desk.packets] == [EVENT] * 3 + [0] * 3


def test_events_to_a_far_end_that_knows_none() -> None:
    """To a leg without telephone-events only the audio is passed on."""
    bridge = Bridge()
    bridge.far.session.sender.event_type = None
    bridge.near.hear(frame(0), event(1, 3, 160, begun=1, marker=True), frame(2))
    bridge.beat()
    assert [packet.payload_type for packet in bridge.out] == [0, 0]


# --- reports ----------------------------------------------------------------------------------------------------


def reports(leg: Leg) -> list[rtcp.RtcpPacket]:
    return [packet for data in leg.desk.reports for packet in rtcp.parse(data)]


def test_reports_every_few_seconds() -> None:
    """A leg reports every 1.25 to 3.75 s, as sender, with its name and its counts."""
    leg = Leg()
    leg.beat(1500)
    sender = [packet for packet in reports(leg) if isinstance(packet, rtcp.SenderReport)]
    names = [packet for packet in reports(leg) if isinstance(packet, rtcp.SourceDescription)]
    assert 8 <= len(sender) <= 24
    assert names[0].names == ((leg.session.sender.ssrc, "botkit"),)
    last = sender[-1]
    assert last.octets == last.packets * 160
    sent = leg.desk.packets[last.packets]  # the one that goes at that very time
    assert (last.ssrc, last.rtp_timestamp) == (sent.ssrc, sent.timestamp)
    wall = rtcp.wall_from_ntp(last.ntp)
    assert wall == pytest.approx(1_700_000_000.0 + (last.packets + 1) * BEAT, abs=0.001)


def test_reports_are_spread() -> None:
    """Legs that begin together do not report together."""
    legs = [Leg() for _ in range(40)]
    for leg in legs:
        leg.beat(200)
    first = {round(rtcp.wall_from_ntp(reports(leg)[0].ntp), 2) for leg in legs}  # type: ignore[union-attr]
    assert len(first) > 15


def test_what_is_reported_of_the_far_end() -> None:
    """The block about the far end has its source, its losses, its jitter and its highest number."""
    leg = Leg()
    draw = random.Random(1)
    for number in range(400):
        if number % 10 != 3:
            leg.hear(frame(number), at=leg.clock.now() + draw.uniform(0.0, 0.01))
        leg.beat()
    blocks = [block for packet in reports(leg) if isinstance(packet, rtcp.SenderReport) for block in packet.blocks]
    block = blocks[-1]
    assert block.ssrc == 9
    assert block.lost == pytest.approx(block.highest_seq / 10, abs=2)
    assert block.fraction_lost == pytest.approx(256 / 10, abs=6)
    assert 8 < block.jitter < 80  # up to 10 ms of jitter are 80 ticks
    figures = leg.session.figures
    assert (figures.received, figures.lost) == (360, 40)
    assert 0.001 < figures.jitter < 0.010


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0])
def test_round_trip(ahead: float) -> None:
    """The round trip is measured from reports that quote ours, less the time that they lay there. A wallclock that is
    set meanwhile is none of it."""
    near = Leg()
    far = Leg(near.clock)
    under_way: list[tuple[float, Leg, bytes]] = []
    found: list[tuple[Leg, float]] = []
    for beat in range(1000):
        near.clock._now += BEAT
        near.clock._wall += ahead if beat == 500 else 0.0
        now = near.clock.now()
        for leg, other in ((near, far), (far, near)):
            leg.session.receive(now, 0.0)
            leg.session.transmit(now)
            other.hear(*leg.desk.packets)
            under_way += [(now + 0.03, other, data) for data in leg.desk.reports]
            leg.desk.sent.clear()
            leg.desk.reports.clear()
        for arrival in [one for one in under_way if one[0] <= now]:
            under_way.remove(arrival)
            due, leg, data = arrival
            assert leg.desk.on_rtcp is not None
            leg.desk.on_rtcp(data, due)
            if (rtt := leg.session.figures.rtt) is not None:
                found.append((leg, rtt))
    for leg in (near, far):
        measured = [rtt for whose, rtt in found if whose is leg]
        assert len(measured) > 1
        assert measured == [pytest.approx(0.06, abs=0.001)] * len(measured)
        assert leg.session.figures.rtt == pytest.approx(0.06, abs=0.001)


def test_whose_report_is_quoted() -> None:
    """Only the source that we hear is quoted, and a source that takes its place has not reported yet."""
    leg = Leg()

    def quoted() -> int:
        leg.desk.reports.clear()
        leg.beat(200)
        return [one for one in reports(leg) if isinstance(one, rtcp.SenderReport)][-1].blocks[0].last_sr

    leg.hear(frame(0))
    leg.beat()
    assert leg.desk.on_rtcp is not None
    leg.desk.on_rtcp(rtcp.pack([rtcp.SenderReport(77, 5 << 32, 0, 0, 0)]), leg.clock.now())
    assert quoted() == 0
    leg.desk.on_rtcp(rtcp.pack([rtcp.SenderReport(9, 5 << 32, 0, 0, 0)]), leg.clock.now())
    assert quoted() == 5 << 16
    leg.hear(frame(0, ssrc=10))
    assert quoted() == 0


@pytest.mark.parametrize("data", [b"", b"\x80\xc8\x00\x06", b"\x00" * 8, b"\x81\xc9\x00\x01" + b"\0" * 4])
def test_malformed_reports_are_counted(data: bytes) -> None:
    """What is no RTCP is counted with the transport's errors and not raised."""
    leg = Leg()
    assert leg.desk.on_rtcp is not None
    leg.desk.on_rtcp(data, 100.0)
    assert leg.desk.errors == 1
    assert leg.session.figures.rtt is None


def test_reports_about_others() -> None:
    """A block about another source, or one that quotes no report of ours, says nothing of the round trip."""
    leg = Leg()
    blocks = (rtcp.ReportBlock(ssrc=1, last_sr=5, delay=1), rtcp.ReportBlock(ssrc=leg.session.sender.ssrc))
    assert leg.desk.on_rtcp is not None
    leg.desk.on_rtcp(rtcp.pack([rtcp.ReceiverReport(9, blocks)]), 100.0)
    assert leg.session.figures.rtt is None


def test_goodbye() -> None:
    """The last report is followed by our name and a BYE of our source."""
    leg = Leg()
    leg.session.say_goodbye()
    first, name, last = reports(leg)
    assert isinstance(first, rtcp.ReceiverReport)
    assert name == rtcp.SourceDescription(((leg.session.sender.ssrc, "botkit"),))
    assert last == rtcp.Bye((leg.session.sender.ssrc,))


# --- the recording ----------------------------------------------------------------------------------------------


def test_recorded_as_it_came_and_went(tmp_path: Path) -> None:
    """The spool gets every packet as it arrived and as it was sent, digits too, with their times."""
    leg = Leg()
    spool = Spool(tmp_path / "spool.botkit")
    leg.session.record_to(spool, spool.new_call("x"))
    leg.hear(frame(4))
    leg.session.send_event("1", 0.02)
    leg.beat(4)
    spool.close()
    with SpoolReader(tmp_path / "spool.botkit") as reader:
        records = reader.records(1)
    received = [record for record in records if record.direction == RECEIVED]
    sent = [record for record in records if record.direction == SENT]
    assert [(record.seq, record.at, record.payload) for record in received] == [(4, 100.0, frame(4).payload)]
    assert [(record.payload_type, record.seq) for record in sent] == [
        (packet.payload_type, packet.seq) for packet in leg.desk.packets
    ]
    assert sent[0].at == pytest.approx(100.02)


def test_media_time_catches_up_with_lost_beats_in_silence() -> None:
    """After lost beats the next packet of silence is as much later in media time, and begins a talkspurt."""
    leg = Leg()
    leg.beat(2)
    leg.session.skip(3)
    leg.beat(2)
    assert steps(leg.desk.packets) == [(1, 160), (1, 640), (1, 160)]
    assert [packet.marker for packet in leg.desk.packets] == [True, False, True, False]


def test_a_play_is_not_cut_in_two_by_lost_beats() -> None:
    """Media time catches up when the play is over."""
    leg = Leg()
    leg.beat()
    leg.session.play(Playback(voice("a", "b", "c"), lambda at: None))
    leg.beat(2)
    leg.session.skip(2)
    leg.beat(3)
    assert steps(leg.desk.packets) == [(1, 160), (1, 160), (1, 160), (1, 480), (1, 160)]


@pytest.mark.parametrize("how", ["interrupt", "play_over"])
def test_what_is_said_over_all_else_is_not_cut_in_two_by_lost_beats(how: str) -> None:
    """A digit as tone, or a play that is mixed in, is a play as any other: media time catches up when it is over."""
    leg = Leg()
    leg.beat()
    said = Playback(voice("a", "b", "c"), lambda at: None)
    said.frames = np.zeros((3, 160), np.int16)
    getattr(leg.session, how)(said)
    leg.session.skip(1)  # it begins later
    leg.beat(2)
    leg.session.skip(2)
    leg.beat(3)
    assert steps(leg.desk.packets) == [(1, 320), (1, 160), (1, 160), (1, 480), (1, 160)]


@pytest.mark.parametrize("how", ["interrupt", "play_over"])
def test_a_play_that_begins_meanwhile_cuts_it_in_two_neither(how: str) -> None:
    """A play that is begun while a digit as tone, or a play that is mixed in, goes out is no pause in that."""
    leg = Leg()
    leg.beat()
    said, play = Playback(voice("a", "b", "c"), lambda at: None), Playback(voice("d"), lambda at: None)
    said.frames, play.frames = np.zeros((3, 160), np.int16), np.zeros((1, 160), np.int16)
    getattr(leg.session, how)(said)
    leg.beat()
    leg.session.skip(2)
    leg.session.play(play)
    leg.beat(3)
    assert steps(leg.desk.packets) == [(1, 160), (1, 160), (1, 160), (1, 480)]


def test_forwarding_begins_at_the_media_time_of_now() -> None:
    """Real time between our own last packet and the first forwarded one passes in media time, too."""
    bridge = Bridge()
    for leg in (bridge.near, bridge.far):
        leg.session.fed(False)
    bridge.beat(2)
    bridge.near.clock._now += 0.1
    for leg in (bridge.near, bridge.far):
        leg.session.fed(True)
    bridge.near.hear(frame(0))
    bridge.beat()
    assert steps(bridge.out) == [(1, 160), (1, 960)]


class Microphone:
    """A live source that never stops: a voice, and a room's hum in its pauses."""

    def __init__(self) -> None:
        self.asked = 0

    def next_frame(self) -> Pcm | None:
        self.asked += 1
        return np.full(160, 20 if self.asked % 10 == 0 else 3000, np.int16)


class Counting:
    """A live source whose frames bear their number."""

    def __init__(self) -> None:
        self.asked = 0

    def next_frame(self) -> Pcm | None:
        self.asked += 1
        return None if self.asked % 10 == 0 else np.full(160, self.asked * 100, np.int16)


@pytest.mark.parametrize("source", [Counting, Microphone])
def test_what_comes_live_is_not_cut_in_two_by_lost_beats(source: type[LiveSource]) -> None:
    """Media time catches up in its next pause, where nothing comes or only the hum of a room."""
    leg, live = Leg(), source()
    leg.session.say_live(live)
    leg.beat(7)
    leg.session.skip(2)
    leg.beat(4)
    assert steps(leg.desk.packets) == [*[(1, 160)] * 8, (1, 480), (1, 160)]


def test_a_live_source_is_asked_each_beat() -> None:
    """What it gives goes out; where it has nothing that beat is silent; under a play and a digit its time passes."""
    leg, live = Leg(), Counting()
    leg.session.say_live(live)
    leg.beat(10)
    sent = [PCMU.decoder().decode(packet.payload)[0] for packet in leg.desk.packets]
    assert sent == pytest.approx([100, 200, 300, 400, 500, 600, 700, 800, 900, 0], rel=0.05, abs=9)
    leg.session.play(Playback([PCMU.silence] * 5, lambda at: None))
    leg.session.send_event("1", 0.1)
    leg.beat(40)
    assert live.asked == 50
    leg.beat()
    assert PCMU.decoder().decode(leg.desk.packets[-1].payload)[0] == pytest.approx(5100, rel=0.05)


# --- over another path ---------------------------------------------------------------------------------


def test_numbers_of_a_new_path(tmp_path: Path) -> None:
    """On another path the stream goes on, under the payload types agreed there; a recording knows both of them."""
    opus = codec_by_name("opus")
    leg, fresh = Leg(codec=opus).listen(), Desk()
    spool = Spool(tmp_path / "spool")
    leg.session.record_to(spool, spool.new_call("k", caller_is_us=True, formats=leg.session.formats))
    leg.beat(3)
    leg.session.go_on(RtpSession(fresh, opus, leg.clock, payload_type=96, event_type=EVENT))
    leg.desk.inbox.clear()
    fresh.inbox += [(pack(RtpPacket(96, 1, 0, 9, b"heard")), leg.clock.now())]
    leg.beat(3)
    before, after = leg.desk.packets, fresh.packets
    assert [packet.payload_type for packet in after] == [96] * 3
    assert after[0].marker
    assert after[0].ssrc == before[0].ssrc
    assert after[0].seq == seq_add(before[-1].seq, 1)
    assert leg.heard[0][0] == b"heard"
    assert fresh.on_rtcp is not None
    assert leg.desk.on_rtcp is None
    spool.close()
    with SpoolReader(tmp_path / "spool") as reader:
        assert {"96", str(opus.payload_type)} <= set(reader.known(1)["formats"])


def test_digits_that_a_new_path_does_not_take() -> None:
    """Digits that wait for an end which takes events no more are over at once: nobody waits for them."""
    leg, done = Leg(), list[float]()
    for digit in "12":
        leg.session.send_event(digit, 0.1, done.append)
    leg.beat(2)
    leg.session.go_on(RtpSession(Desk(), PCMU, leg.clock))
    assert len(done) == 2
    leg.beat(3)
    assert leg.session.event_type is None
