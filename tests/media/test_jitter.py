import random

import pytest

from botkit.media.jitter import Arrived, Gap, Reorderer
from botkit.media.rtp import RtpPacket


def packet(number: int, *, first: int = 100, ssrc: int = 1, ticks: int = 160) -> RtpPacket:
    return RtpPacket(0, (first + number) & 0xFFFF, (ticks * number) & 0xFFFFFFFF, ssrc, str(number).encode())


def numbers(out: list[Arrived | Gap]) -> list[int | Gap]:
    return [one if isinstance(one, Gap) else int(one[0].payload) for one in out]


def push(reorderer: Reorderer, sent: list[int], at: float = 0.0, first: int = 100) -> list[int | Gap]:
    out: list[int | Gap] = []
    for index, number in enumerate(sent):
        out += numbers(reorderer.push(packet(number, first=first), at + 0.02 * index))
    return out


def test_packets_in_order_pass_straight() -> None:
    """Each packet comes out of the very call that took it, with its arrival time."""
    reorderer = Reorderer()
    for number in range(200):
        sent = packet(number, first=65500)
        assert reorderer.push(sent, 0.02 * number) == [(sent, 0.02 * number)]
    assert not reorderer.holding
    assert reorderer.release(99) == []


def test_a_swap_is_put_right() -> None:
    """Two packets in the wrong order come out in the right one, nothing lost."""
    reorderer = Reorderer()
    assert push(reorderer, [0, 2]) == [0]
    assert push(reorderer, [1, 3]) == [1, 2, 3]
    assert (reorderer.lost, reorderer.late, reorderer.holding) == (0, 0, False)


def test_a_gap_is_given_up_after_the_wait() -> None:
    """Two beats after the first packet behind it the gap is lost, and delay does not stay."""
    reorderer = Reorderer(wait=0.04)
    assert push(reorderer, [0, 3, 4]) == [0]  # 3 came at 0.02
    assert reorderer.release(0.055) == []
    assert numbers(reorderer.release(0.06)) == [Gap(2, 320), 3, 4]
    assert push(reorderer, [5], at=0.08) == [5]
    assert reorderer.lost == 2


def test_two_gaps_have_their_own_waits() -> None:
    """A second gap waits from the packet behind it, not from the first gap."""
    reorderer = Reorderer(wait=0.04)
    push(reorderer, [0])
    push(reorderer, [2], at=0.04)
    push(reorderer, [4], at=0.07)
    assert numbers(reorderer.release(0.08)) == [Gap(1, 160), 2]
    assert reorderer.release(0.10) == []
    assert numbers(reorderer.release(0.11)) == [Gap(1, 160), 4]


def test_late_packets_are_dropped() -> None:
    """What was given up and comes after all is counted and not delivered."""
    reorderer = Reorderer()
    push(reorderer, [0, 2])
    reorderer.release(1)
    assert push(reorderer, [1, 3]) == [3]
    assert (reorderer.lost, reorderer.late) == (1, 1)


def test_duplicates_are_dropped() -> None:
    """A packet that passed already is late; one that is held already is a duplicate."""
    reorderer = Reorderer()
    assert push(reorderer, [0, 0, 2, 2, 1, 3]) == [0, 1, 2, 3]
    assert (reorderer.late, reorderer.duplicates) == (1, 1)


def test_a_pause_of_the_sender_is_a_gap_without_loss() -> None:
    """Sequence numbers that go on over a jump of the timestamp: nothing was sent there."""
    reorderer = Reorderer()
    push(reorderer, [0, 1])
    later = RtpPacket(0, 102, 2 * 160 + 8000, 1, b"2", marker=True)
    assert numbers(reorderer.push(later, 1.04)) == [Gap(0, 8000), 2]


def test_events_take_their_time_on_the_timeline() -> None:
    """Packets of one event share a timestamp; the audio after it begins where the event ends."""
    reorderer = Reorderer()
    push(reorderer, [0])
    for number in range(1, 5):
        event = RtpPacket(101, 100 + number, 160, 1, str(number).encode())
        assert numbers(reorderer.push(event, 0.02 * number)) == [number]
    audio = RtpPacket(0, 105, 160 + 640, 1, b"5")
    assert numbers(reorderer.push(audio, 0.1)) == [Gap(0, 480), 5]


def test_time_that_is_known_to_be_silent_passes_at_once() -> None:
    """While an event lasts, whole frames of its time pass as they are over, and are no gap afterwards."""
    reorderer = Reorderer(160, counted=0, ticks_of=lambda payload: 160)
    assert reorderer.is_next(0, 0, 0, 0, b"a") is False  # the source is not known yet
    reorderer.push(RtpPacket(0, 10, 0, 1, b"a"), 0.0)
    passed = []
    for number in range(5):  # an event of 100 ms, told every 20 ms
        packet = RtpPacket(101, 11 + number, 160, 1, b"e")
        if not reorderer.is_next(101, packet.seq, 160, 1, b"e"):
            assert not any(isinstance(one, Gap) for one in reorderer.push(packet, 0.02 * number))
        passed.append(reorderer.pass_until(160 + 160 * (number + 1)))
    assert passed == [1, 1, 1, 1, 1]
    assert reorderer.pass_until(960) == 0
    assert reorderer.is_next(0, 16, 960, 1, b"b")


@pytest.mark.parametrize("seed", range(40))
def test_the_short_way_comes_to_the_same(seed: int) -> None:
    """Audio, events of any length and pauses, some of it lost, late or from elsewhere: packets that `is_next` takes
    are those that `push` hands straight on, and all others are handled alike."""
    draw = random.Random(seed)
    short, long = (Reorderer(160, counted=0, ticks_of=len) for _ in range(2))
    seq, timestamp, ssrc, arriving = draw.getrandbits(16), draw.choice((0xFFFFF000, 5000)), 1, list[RtpPacket]()
    for _ in range(60):
        kind, beats = draw.random(), draw.randrange(1, 70 if draw.random() < 0.1 else 9)
        if kind < 0.05:
            ssrc, seq, timestamp = ssrc + 1, draw.getrandbits(16), draw.getrandbits(32)
        begun = timestamp
        for _ in range(beats):
            seq, packed = (seq + 1) & 0xFFFF, draw.choice((160, 160, 160, 80))
            if kind < 0.5:
                arriving.append(RtpPacket(0, seq, timestamp & 0xFFFFFFFF, ssrc, b"a" * packed))
            else:
                arriving.append(RtpPacket(101, seq, begun & 0xFFFFFFFF, ssrc, b"e"))
            timestamp += packed
        timestamp += draw.choice((0, 0, 0, 320, 8000))
    for number in range(len(arriving) - 1, 0, -1):
        chance = draw.random()
        if chance < 0.02:
            arriving[number - 1], arriving[number] = arriving[number], arriving[number - 1]
        elif chance < 0.04:
            del arriving[number]
    taken = 0
    for number, sent in enumerate(arriving):
        at, whole = 0.02 * number, (sent.payload_type, sent.seq, sent.timestamp, sent.ssrc, sent.payload)
        pushed = long.push(sent, at)
        if short.is_next(*whole):
            taken += 1
            assert pushed == [(sent, at)]
        else:
            assert short.push(sent, at) == pushed
        if sent.payload_type and draw.random() < 0.7:
            until = (sent.timestamp + 160 * draw.randrange(8)) & 0xFFFFFFFF
            assert short.pass_until(until) == long.pass_until(until)
        assert short.release(at) == long.release(at)
    assert taken > len(arriving) // 3
    assert (short.lost, short.late) == (long.lost, long.late)


def test_a_loss_before_a_packet_of_an_event_already_begun() -> None:
    """Packets lost before one whose timestamp does not go on are a gap that ends where that one came."""
    reorderer = Reorderer()
    push(reorderer, [0])
    for seq, at in ((101, 0.02), (102, 0.04), (104, 0.08)):
        reorderer.push(RtpPacket(101, seq, 160, 1, b"event"), at)
    (gap, _) = reorderer.release(1)
    assert gap == Gap(1, 160)
    assert isinstance(gap, Gap)
    assert gap.until == 0.08


def test_lost_packets_with_a_pause_count_both() -> None:
    """The gap's ticks come from the timestamps, its packets from the sequence numbers."""
    reorderer = Reorderer()
    push(reorderer, [0])
    reorderer.push(RtpPacket(0, 102, 160 + 4000, 1, b"2"), 0.5)
    assert numbers(reorderer.release(1)) == [Gap(1, 4000), 2]


def test_a_new_ssrc_begins_at_once() -> None:
    """What was held of the old source comes first, then a restart, then the new source."""
    reorderer = Reorderer()
    push(reorderer, [0, 2])
    new = RtpPacket(0, 9, 777, 2, b"9")
    assert numbers(reorderer.push(new, 0.1)) == [Gap(1, 160), 2, Gap(0, 0, restart=True), 9]
    assert reorderer.push(RtpPacket(0, 10, 937, 2, b"10"), 0.12)


def test_numbers_from_nowhere_need_a_successor() -> None:
    """One wild packet is dropped; two in sequence restart the source."""
    reorderer = Reorderer()
    push(reorderer, [0])
    assert push(reorderer, [7], first=40000) == []
    assert push(reorderer, [1]) == [1]
    assert push(reorderer, [7, 8], first=40000) == [Gap(0, 0, restart=True), 7, 8]
    assert reorderer.lost == 0


@pytest.mark.parametrize("timestamp", [0xF0000000, 0x50000000])
def test_a_new_timeline_under_the_same_numbers(timestamp: int) -> None:
    """A bridge that changes the source keeps SSRC and numbers, and its timestamps jump anywhere."""
    reorderer = Reorderer()
    push(reorderer, [0])
    out = numbers(reorderer.push(RtpPacket(0, 101, timestamp, 1, b"1"), 0.02))
    assert out == [Gap(0, 0, restart=True), 1]


@pytest.mark.parametrize("size", [80, 240, 320, 480, 1600])
def test_packets_of_other_lengths(size: int) -> None:
    """Packets of any length have no gaps between them, and a lost one is as long as the others."""
    reorderer = Reorderer(counted=0)
    out: list[Arrived | Gap] = []
    for number in [*range(10), *range(11, 20)]:
        sent = RtpPacket(0, 100 + number, size * number, 1, b"x" * size)
        out += reorderer.push(sent, number * size / 8000) + reorderer.release(number * size / 8000 + 0.1)
    assert [one for one in out if isinstance(one, Gap)] == [Gap(1, size)]
    assert len(out) == 20


def test_a_burst_is_not_held_for_ever() -> None:
    """However many packets stand behind a gap, no more than a second of them is held."""
    reorderer = Reorderer()
    push(reorderer, [0])
    out = [one for number in range(2, 200) for one in numbers(reorderer.push(packet(number), 0.01))]
    assert out[:2] == [Gap(1, 160), 2]
    assert out[-1] == 199


def test_flush_empties() -> None:
    """At the end of a call nothing stays behind."""
    reorderer = Reorderer()
    push(reorderer, [0, 2, 5])
    assert numbers(reorderer.flush()) == [Gap(1, 160), 2, Gap(2, 320), 5]
    assert not reorderer.holding


@pytest.mark.parametrize("seed", range(20))
def test_any_network(seed: int) -> None:
    """Whatever the network does, what comes out is in order, once, and accounts for all."""
    draw = random.Random(seed)
    arrivals = []
    for number in range(500):
        if number and draw.random() < 0.05:
            continue
        for _ in range(1 + (draw.random() < 0.03)):
            arrivals.append((0.02 * number + (draw.random() * 0.06 if number else 0), number))
    arrivals.sort()
    reorderer = Reorderer(wait=0.04)
    out: list[Arrived | Gap] = []
    beat = 0.0
    for at, number in arrivals:
        while beat < at:
            out += reorderer.release(beat)
            beat += 0.02
        out += reorderer.push(packet(number, first=65400), at)
    out += reorderer.flush()
    seen = [int(one[0].payload) for one in out if not isinstance(one, Gap)]
    assert seen == sorted(set(seen))
    assert len(seen) + reorderer.late + reorderer.duplicates == len(arrivals)
    assert sum(one.packets for one in out if isinstance(one, Gap)) == reorderer.lost == seen[-1] + 1 - len(seen)
    assert sum(one.ticks for one in out if isinstance(one, Gap)) == 160 * reorderer.lost
