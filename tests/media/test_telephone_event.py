"""Digits as telephone-events, both ways."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media.dtmf import Digit
from botkit.media.telephone_event import (
    EVENT_DIGITS,
    EventPacket,
    EventReceiver,
    EventSender,
)


def digits(facts: list[Digit]) -> str:
    return "".join(fact.digit for fact in facts)


# --- sending -----------------------------------------------------------------------


def packets_of(digit: str, length: float, clock_rate: int = 8000) -> list[EventPacket]:
    sender = EventSender(digit, length, clock_rate)
    packets = []
    while not sender.finished:
        packets += sender.beat()
    assert sender.beat() == ()
    assert len(packets) == sender.beats
    return packets


def test_an_event_beat_by_beat() -> None:
    """The marker first, the duration grows by a beat, the end goes three times (RFC 4733 2.5)."""
    packets = packets_of("#", 0.1)
    assert [packet.payload.hex() for packet in packets] == [
        "0b0a00a0",
        "0b0a0140",
        "0b0a01e0",
        "0b0a0280",
        "0b8a0320",
        "0b8a0320",
        "0b8a0320",
    ]
    assert [packet.marker for packet in packets] == [True] + [False] * 6
    assert {packet.offset for packet in packets} == {0}


def test_the_shortest_event() -> None:
    """One beat: the first packet has the marker and the end, its repetitions the end alone."""
    packets = packets_of("1", 0.001)
    assert [packet.marker for packet in packets] == [True, False, False]
    assert {packet.payload.hex() for packet in packets} == {"018a00a0"}


def test_events_at_another_clock() -> None:
    """At 48 kHz a beat has 960 ticks."""
    assert packets_of("1", 0.1, 48000)[0].payload.hex() == "010a03c0"


def test_long_events_are_split() -> None:
    """A segment has at most 0xFFFF ticks; the next one has a later timestamp and no marker."""
    packets = packets_of("5", 20)
    offsets = sorted({packet.offset for packet in packets})
    assert offsets == [0, 0xFFFF, 2 * 0xFFFF]
    assert sum(packet.marker for packet in packets) == 1
    last = packets[-1]
    assert last.offset + int.from_bytes(last.payload[2:], "big") == 160000


# --- receiving ------------------------------------------------------------------------

Timed = tuple[float, int, EventPacket]


def receive(packets: list[Timed], receiver: EventReceiver | None = None) -> list[Digit]:
    receiver = receiver or EventReceiver()
    facts: list[Digit] = []
    now = 0.0
    for at, timestamp, packet in packets:
        while now < at:
            facts += receiver.expire(now)
            now += 0.02
        facts += receiver.push(packet.payload, timestamp, packet.marker, at)
    return facts + receiver.expire(now + 1)


def sent(text: str, length: float = 0.1, clock_rate: int = 8000) -> list[Timed]:
    packets, at = [], 1.0
    for digit in text:
        start = round(at * clock_rate)
        for packet in packets_of(digit, length, clock_rate):
            packets.append((at, start + packet.offset, packet))
            at += 0.02
        at += 0.06
    return packets


@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_digits_by_event(clock_rate: int) -> None:
    """Each digit comes once, with its start and its length."""
    facts = receive(sent("1290#", clock_rate=clock_rate), EventReceiver(clock_rate))
    assert digits(facts) == "1290#"
    assert facts[0].at == 1.0
    assert facts[0].duration == pytest.approx(0.1)


def test_same_digit_twice() -> None:
    """Two equal digits differ by their timestamps."""
    assert digits(receive(sent("77"))) == "77"


def test_lost_start() -> None:
    """A digit whose first packets were lost is dated back by the duration that came."""
    (heard,) = receive(sent("4")[2:])
    assert heard.at == pytest.approx(1.0)


def test_lost_end() -> None:
    """A digit without an end is ended by silence, with the duration that came."""
    receiver = EventReceiver()
    (heard,) = receive(sent("4")[:4], receiver)
    assert heard.duration == pytest.approx(0.08)
    assert receiver.sounding is None


def test_lost_end_before_the_next_digit() -> None:
    """The next digit ends one whose end was lost."""
    packets = sent("45")
    assert digits(receive(packets[:4] + packets[7:])) == "45"


@given(st.randoms(use_true_random=False))
def test_any_loss_and_doubling(draw: random.Random) -> None:
    """As long as one packet of each digit comes, each digit comes once."""
    wanted = "".join(draw.choice(EVENT_DIGITS) for _ in range(8))
    packets = sent(wanted)
    arriving = []
    for start in range(0, len(packets), 7):
        kept = draw.sample(range(start, start + 7), draw.randrange(1, 8))
        arriving += [packets[index] for index in sorted(kept) for _ in range(draw.randrange(1, 3))]
    assert digits(receive(arriving)) == wanted


def test_packets_out_of_order() -> None:
    """Updates that come after the end, or after the next digit's start, change nothing."""
    packets = sent("45")
    assert digits(receive([*packets[:7], packets[2], packets[7], packets[6], *packets[8:]])) == "45"


@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_long_events_are_one_digit(clock_rate: int) -> None:
    """Twelve seconds of one key are one digit of twelve seconds, across its segments."""
    (heard,) = receive(sent("8", length=12, clock_rate=clock_rate), EventReceiver(clock_rate))
    assert heard.digit == "8"
    assert heard.duration == pytest.approx(12, abs=0.05)


def test_timestamps_may_wrap_and_restart() -> None:
    """Digits before and after a wrap, or a new random start, are told apart."""
    receiver = EventReceiver()
    for timestamp in (0xFFFFFF00, 0x40, 0x80000000, 5):
        assert digits(receiver.push(b"\x01\x8a\x03\x20", timestamp, True, 1.0)) == "1"


def test_other_events_and_garbage() -> None:
    """Flash and short packets are no digits."""
    receiver = EventReceiver()
    assert receiver.push(b"\x10\x8a\x03\x20", 0, True, 1.0) == []
    assert receiver.push(b"\x01\x8a", 0, True, 1.0) == []
    assert receiver.malformed == 1
    assert receiver.sounding is None


@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 0xFFFFFFFF), st.booleans(), st.floats(0, 100))))
def test_any_payload(packets: list[tuple[bytes, int, bool, float]]) -> None:
    """No payload, order or time raises."""
    receiver = EventReceiver()
    for packet in packets:
        receiver.push(*packet)
        receiver.expire(packet[3])


def test_what_is_no_digit() -> None:
    """Letters beyond D, and more than one digit, are a KeyError."""
    for wrong in ("E", "", "12", "w"):
        with pytest.raises(KeyError):
            EventSender(wrong, 0)


@pytest.mark.parametrize("duration", [960, 1920])
def test_durations_in_the_codecs_clock(duration: int) -> None:
    """FreeSWITCH agrees on telephone-event/8000 beside Opus and counts at 48 kHz: date and length are right."""
    receiver = EventReceiver(8000, 48000)
    for index in range(5):
        ticks = duration * (index + 1)
        payload = bytes((5, 10 | (0x80 if index == 4 else 0))) + ticks.to_bytes(2, "big")
        heard = receiver.push(payload, 7000, index == 0, 10.0 + index * duration / 48000)
    (digit,) = heard
    assert digit.at == pytest.approx(10.0, abs=0.03)
    assert digit.duration == pytest.approx(5 * duration / 48000)
