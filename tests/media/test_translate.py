"""From one leg's codec to the other's."""

import itertools
import random
import struct

import numpy as np
import pytest

from botkit.media.codec import Codec, codec_by_name
from botkit.media.pcm import level, resample
from botkit.media.receiver import Receiver
from botkit.media.rtp import RtpPacket, timestamp_diff
from botkit.media.sender import Sender
from botkit.media.tone import tone
from botkit.media.translate import onward
from botkit.media.wav import read_wav
from botkit.testing import ManualClock
from tests.load.digits import AUDIO
from tests.media.test_session import Desk

PCMU, PCMA, G722, OPUS = (codec_by_name(name) for name in ("PCMU", "PCMA", "G722", "opus"))
EVENT, FAR_EVENT = 101, 110


class Pair:
    """What one leg receives, and what the other sends of it."""

    def __init__(self, near: Codec, far: Codec, *, event_clocks: tuple[int, int] | None = None) -> None:
        self.desk, self.near_codec, self.far_codec = Desk(), near, far
        clocks = event_clocks or (near.clock_rate, far.clock_rate)
        self.near = Receiver(Desk(), near, receive_type=near.payload_type, event_type=EVENT, event_clock=clocks[0])
        clock = ManualClock(start=100.0, wall=1_700_000_000.0)
        self.far = Sender(self.desk, far, clock, event_type=FAR_EVENT, event_clock=clocks[1])
        self.near.forward_to = onward(self.near, near, self.far)
        self.far.fed(True)

    def hear(self, seq: int, payload: bytes, *, timestamp: int | None = None, kind: int | None = None) -> None:
        at = seq * self.near_codec.ticks if timestamp is None else timestamp
        assert self.near.forward_to is not None
        self.near.forward_to.packet(
            self.near_codec.payload_type if kind is None else kind, payload, seq & 0xFFFF, at & 0xFFFFFFFF, False
        )

    @property
    def out(self) -> list[RtpPacket]:
        return self.desk.packets

    @property
    def steps(self) -> list[tuple[int, int]]:
        out = self.out
        return [
            ((two.seq - one.seq) & 0xFFFF, timestamp_diff(two.timestamp, one.timestamp))
            for one, two in itertools.pairwise(out)
        ]


ALL = (PCMU, PCMA, G722, OPUS)
DIFFERENT = [(near, far) for near in ALL for far in ALL if near is not far]
PAIRS = pytest.mark.parametrize(("near", "far"), DIFFERENT, ids=lambda codec: codec.name)


@PAIRS
def test_sound_comes_out_in_the_other_codec(near: Codec, far: Codec) -> None:
    """A tone keeps its level and pitch, one packet for one, each in its place."""
    pair = Pair(near, far)
    for seq, payload in enumerate(near.encode_all(tone(600, 0.6, level=-15, rate=near.rate))):
        pair.hear(seq, payload)
    assert pair.steps == [(1, far.ticks)] * 29
    assert {packet.payload_type for packet in pair.out} == {far.payload_type}
    decoder = far.decoder()
    heard = np.concatenate([decoder.decode(packet.payload) for packet in pair.out])[far.rate // 5 : far.rate // 2]
    assert level(heard) == pytest.approx(-15, abs=1)
    turns = np.exp(-2j * np.pi * 600 * np.arange(heard.size) / far.rate)
    assert abs(heard @ turns) ** 2 * 2 / heard.size / float(heard.astype(float) @ heard) > 0.97


@PAIRS
def test_gaps_stay_gaps(near: Codec, far: Codec) -> None:
    """What was lost is a hole of the same size on the other side, also where numbers and timestamps wrap."""
    pair = Pair(near, far)
    start = 0xFFFFFFFF - 3 * near.ticks
    for seq in (0xFFFD, 0xFFFE, 0x10002, 0x10003):
        pair.hear(seq, near.silence, timestamp=start + (seq - 0xFFFD) * near.ticks)
    assert pair.steps == [(1, far.ticks), (4, 4 * far.ticks), (1, far.ticks)]


@pytest.mark.parametrize("length", [80, 160, 240, 480])
def test_packets_of_other_lengths_become_packets_of_20_ms(length: int) -> None:
    """10, 30 and 60 ms of G.711 come out as packets of 20 ms, none lost, none doubled."""
    pair = Pair(PCMU, G722)
    sound = tone(600, 0.6, level=-15)
    octets = PCMU.encode(sound)
    for seq, begin in enumerate(range(0, len(octets), length)):
        pair.hear(seq, octets[begin : begin + length], timestamp=begin)
    assert len(pair.out) == 30
    assert pair.steps == [(1, 160)] * 29
    assert {len(packet.payload) for packet in pair.out} == {160}


def test_one_law_to_the_other_by_table() -> None:
    """PCMU and PCMA are one look-up apart: what comes out decodes to what came in, as near as the laws are."""
    pair = Pair(PCMU, PCMA)
    codes = bytes(range(256))
    pair.hear(0, codes)
    apart = PCMA.decoder().decode(pair.out[0].payload).astype(int) - PCMU.decoder().decode(codes)  # type: ignore[arg-type]
    assert np.abs(apart).max() <= 512  # half a step of the coarsest segment


def test_events_in_the_other_clock() -> None:
    """A digit's duration and timestamps are told in the far leg's clock, under its payload type."""
    pair = Pair(OPUS, PCMU)
    pair.hear(0, OPUS.silence)
    for seq, ticks in ((1, 960), (2, 1920), (3, 2880)):
        pair.hear(seq, struct.pack("!BBH", 5, 10, ticks), timestamp=960, kind=EVENT)
    events = [packet for packet in pair.out if packet.payload_type == FAR_EVENT]
    assert [struct.unpack("!BBH", packet.payload) for packet in events] == [(5, 10, t) for t in (160, 320, 480)]
    assert pair.steps == [(1, 160), (1, 0), (1, 0)]


def test_a_shared_codec_with_other_event_clocks() -> None:
    """Both legs in Opus, one with telephone-event/8000: audio keeps its place, durations change their unit."""
    pair = Pair(OPUS, OPUS, event_clocks=(8000, 48000))
    pair.hear(0, OPUS.silence)
    pair.hear(1, struct.pack("!BBH", 1, 10, 160), kind=EVENT)
    assert struct.unpack("!BBH", pair.out[1].payload) == (1, 10, 960)
    pair = Pair(OPUS, OPUS, event_clocks=(8000, 48000))
    pair.hear(0, struct.pack("!BBH", 1, 10, 0xFFFF), kind=EVENT)
    assert struct.unpack("!BBH", pair.out[0].payload)[2] == 0xFFFF  # the field ends there


def test_what_is_no_audio_is_left_out() -> None:
    """Comfort noise, cut events and other payload types do not go through."""
    pair = Pair(PCMU, G722)
    pair.hear(0, b"\x40", kind=13)
    pair.hear(1, b"\x01", kind=EVENT)
    pair.hear(2, b"abc", kind=77)
    assert not pair.out


@PAIRS
def test_packets_with_nothing_in_them(near: Codec, far: Codec) -> None:
    """Empty packets, which keep a path open, are no sound and leave no gap."""
    pair = Pair(near, far)
    for seq, payload in enumerate((near.silence, b"", near.silence)):
        pair.hear(seq, payload, timestamp=(0, near.ticks, near.ticks)[seq])
    assert pair.steps == [(1, far.ticks)]


def test_another_source_starts_anew() -> None:
    """After a new SSRC the stream goes on in time, whatever the new numbers are."""
    pair = Pair(PCMU, G722)
    pair.hear(0, PCMU.silence)
    assert pair.near.forward_to is not None
    pair.near.forward_to.new_source()
    pair.hear(30000, PCMU.silence, timestamp=77)
    pair.hear(30001, PCMU.silence, timestamp=77 + 160)
    assert [step[0] for step in pair.steps] == [1, 1]
    assert pair.steps[1] == (1, 160)


@PAIRS
def test_time_is_kept_whatever_is_lost(near: Codec, far: Codec) -> None:
    """With a tenth of the packets lost, timestamps go on by 20 ms for each number, and none is sent for a lost one."""
    pair, draw = Pair(near, far), random.Random(1)
    kept = [seq for seq in range(400) if seq == 0 or draw.random() > 0.1]
    for seq in kept:
        pair.hear(seq + 0xFF00, near.silence, timestamp=0xFFFF0000 + seq * near.ticks)
    steps = [after - before for before, after in itertools.pairwise(kept)]
    assert pair.steps == [(step, step * far.ticks) for step in steps]


def spoken(near: Codec, far: Codec, lost: set[int]) -> dict[int, np.ndarray]:
    """The frames of a prompt, by number, as the far end hears them; it tells its decoder what was lost, too."""
    pcm, rate = read_wav(AUDIO / "welcome.wav")
    pair = Pair(near, far)
    for seq, payload in enumerate(near.encode_all(resample(pcm, rate, near.rate))):
        if seq not in lost:
            pair.hear(seq, payload)
    decoder, heard, last = far.decoder(), {}, -1
    for packet in pair.out:
        number = (packet.seq - pair.out[0].seq) & 0xFFFF
        for _ in range(number - last - 1):
            decoder.lost()
        heard[number], last = decoder.decode(packet.payload).astype(float), number
    return heard


@pytest.mark.parametrize("far", [PCMU, PCMA, OPUS], ids=lambda codec: codec.name)
def test_speech_comes_back_after_a_loss(far: Codec) -> None:
    """60 ms after a lost packet of G.722 what the far end hears is within 9 dB of what it would have heard."""
    lost = set(range(7, 200, 15))
    whole, holed = spoken(G722, far, set()), spoken(G722, far, lost)
    third = [number + 3 for number in lost if number + 3 in holed]
    signal = sum(float(whole[number] @ whole[number]) for number in third)
    error = sum(float(np.sum((whole[number] - holed[number]) ** 2)) for number in third)
    assert 10 * np.log10(signal / error) > 9


def test_a_late_packet_is_no_loss() -> None:
    """Two packets in the wrong order both go through, in their places."""
    pair = Pair(G722, PCMU)
    payloads = G722.encode_all(tone(600, 0.2, level=-15, rate=16000))
    for seq in (0, 1, 3, 2, 4):
        pair.hear(seq, payloads[seq])
    assert pair.steps == [(1, 160), (2, 320), (0xFFFF, -160), (2, 320)]
