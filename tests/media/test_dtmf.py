import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media import dtmf
from botkit.media.dtmf import Digit, DtmfToneDetector, EventPacket, EventReceiver, EventSender
from botkit.media.pcm import Pcm
from botkit.media.tone import Bank, tone
from tests.media.sounds import babble, frames, joined, noise, silence, summed, with_loss

ALL = "0123456789ABCD*#"


def listen(batch: Pcm) -> list[Digit]:
    """One call's frames through bank and detector, each frame a batch of its own, as the ear feeds them."""
    bank = Bank([440])
    detector = DtmfToneDetector(bank)
    return [
        digit for row in range(len(batch)) for digit in detector.push(0.02 * row, bank.hear(batch[row : row + 1]), 0)
    ]


def digits(facts: list[Digit]) -> str:
    return "".join(fact.digit for fact in facts)


# --- tones --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digit", ALL)
def test_every_digit(digit: str) -> None:
    """Each of the sixteen is heard once, with its start and its length."""
    (heard,) = listen(frames(joined(silence(0.1), dtmf.digit_tone(digit), silence(0.1))))
    assert (heard.digit, heard.via) == (digit, "tone")
    assert heard.at == pytest.approx(0.1, abs=0.012)
    assert heard.duration == pytest.approx(0.1, abs=0.021)


@pytest.mark.parametrize("shift", range(160))
def test_shortest_digits_at_any_alignment(shift: int) -> None:
    """40 ms of tone and 40 ms of gap, begun at any sample: none lost, none doubled."""
    sound = joined(dtmf.digits_tone("15990D#*", length=0.04, gap=0.04), silence(0.1))
    assert digits(listen(frames(sound, shift))) == "15990D#*"


@pytest.mark.parametrize("seed", range(8))
def test_random_digits(seed: int) -> None:
    """Any digits of any length, gap, level and alignment, under noise: none lost, none doubled."""
    draw = random.Random(seed)
    wanted = "".join(draw.choice(ALL) for _ in range(60))
    parts = [silence(draw.uniform(0, 0.02))]
    for digit in wanted:
        parts.append(dtmf.digit_tone(digit, draw.uniform(0.045, 0.2), level=draw.uniform(-28, -6)))
        parts.append(silence(draw.uniform(0.045, 0.2)))
    sound = summed(joined(*parts, silence(0.1)), noise(40, level=-48, seed=seed))
    assert digits(listen(frames(sound))) == wanted


@pytest.mark.parametrize("level", [-8, -20])
@pytest.mark.parametrize("seed", range(4))
def test_noise(level: float, seed: int) -> None:
    """15 dB above the noise is enough for digits of 60 ms."""
    sound = joined(*[joined(dtmf.digit_tone(digit, 0.06, level=level), silence(0.06)) for digit in ALL], silence(0.1))
    assert digits(listen(frames(summed(sound, noise(5, level=level + 3 - 15, seed=seed))))) == ALL


@pytest.mark.parametrize("off", [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)])
@pytest.mark.parametrize("shift", [0, 37, 80, 121])
def test_frequencies_a_little_off(off: tuple[float, float], shift: int) -> None:
    """Q.24: tones 1.5 % off are digits."""
    parts = []
    for digit in ALL:
        low, high = dtmf.frequencies(digit)
        parts += [tone((low * off[0], high * off[1]), 0.05), silence(0.05)]
    assert digits(listen(frames(joined(*parts, silence(0.1)), shift))) == ALL


@pytest.mark.parametrize("off", [(1.035, 1), (0.965, 1), (1, 1.035), (1, 0.965), (1.04, 1.04)])
def test_frequencies_too_far_off(off: tuple[float, float]) -> None:
    """Q.24: tones 3.5 % off are none."""
    parts = []
    for digit in ALL:
        low, high = dtmf.frequencies(digit)
        parts += [tone((low * off[0], high * off[1]), 0.1), silence(0.05)]
    assert digits(listen(frames(joined(*parts)))) == ""


@pytest.mark.parametrize(("twist", "heard"), [(-7, True), (5, True), (0, True), (-12, False), (12, False)])
def test_twist(twist: float, heard: bool) -> None:
    """The low tone may be 8 dB louder, the high one 6 dB; 12 dB are too many."""
    parts = []
    for digit in ALL:
        low, high = dtmf.frequencies(digit)
        parts += [summed(tone(low, 0.06, level=-16), tone(high, 0.06, level=-16 + twist)), silence(0.05)]
    assert digits(listen(frames(joined(*parts, silence(0.1)), 50))) == (ALL if heard else "")


@pytest.mark.parametrize("shift", range(0, 160, 16))
def test_blips_are_no_digits(shift: int) -> None:
    """20 ms are too short for a digit."""
    assert listen(frames(joined(silence(0.05), dtmf.digit_tone("5", 0.02), silence(0.1)), shift)) == []


@pytest.mark.parametrize("seed", range(6))
def test_loss_doubles_nothing(seed: int) -> None:
    """One frame in thirty lost and heard as silence: digits of 120 ms all come, each once."""
    draw = random.Random(seed)
    wanted = "".join(draw.choice(ALL) for _ in range(60))
    batch = frames(joined(dtmf.digits_tone(wanted, length=0.12, gap=0.1), silence(0.1)), draw.randrange(160))
    lost = with_loss(batch, 0.03, seed)
    gone = batch.any(axis=1) & ~lost.any(axis=1)
    lost[1:][gone[1:] & gone[:-1]] = batch[1:][gone[1:] & gone[:-1]]  # two in a row are a gap
    assert digits(listen(lost)) == wanted


def test_digit_after_digit_without_a_gap() -> None:
    """Two digits that touch are two."""
    sound = joined(dtmf.digit_tone("1", 0.1), dtmf.digit_tone("9", 0.1), silence(0.1))
    first, second = listen(frames(sound))
    assert first.digit + second.digit == "19"
    assert first.at + first.duration == pytest.approx(second.at, abs=0.01)


def test_a_long_digit_is_one() -> None:
    """Five seconds of one key are one digit."""
    (heard,) = listen(frames(joined(dtmf.digit_tone("7", 5), silence(0.1))))
    assert heard.duration == pytest.approx(5, abs=0.03)


def test_a_digit_is_known_while_it_sounds() -> None:
    """A digit is sure 40 ms after its start, and reported 40 ms after its end."""
    batch = frames(joined(silence(0.1), dtmf.digit_tone("3", 0.1), silence(0.1)))
    bank = Bank()
    detector = DtmfToneDetector(bank)
    heard = bank.hear(batch)
    seen = [(bool(detector.push(0.02 * row, heard, row)), detector.sounding) for row in range(14)]
    assert [row for row in range(14) if seen[row][1] == "3"] == list(range(6, 11))
    assert [row for row in range(14) if seen[row][0]] == [11]


def test_a_detector_gives_its_columns_back() -> None:
    """After the last call nobody waits for digits."""
    bank = Bank()
    detectors = [DtmfToneDetector(bank), DtmfToneDetector(bank)]
    assert len(bank.hz) == 8
    for detector in detectors:
        detector.close()
    assert bank.want(1000) == 0


@pytest.mark.parametrize("seed", range(3))
def test_speech_dials_nothing(seed: int) -> None:
    """A minute of babble holds no digit."""
    assert listen(frames(babble(60, level=-12, seed=seed))) == []


def test_two_voices_dial_hardly_anything() -> None:
    """Two minutes of two babblers, whose two harmonics may well hit a digit's tones, hold two at most."""
    for seed in range(2):
        both = summed(babble(60, level=-25, seed=seed + 10), babble(60, level=-25, seed=seed + 20))
        assert len(listen(frames(both))) <= 1


def test_noise_dials_nothing() -> None:
    """Loud noise, and noise that comes and goes, hold no digit."""
    assert listen(frames(noise(60, level=-10))) == []
    gate = np.repeat(np.random.default_rng(1).integers(0, 2, 3000), 160).astype(np.int16)
    assert listen(frames(noise(60, level=-10, seed=2) * gate)) == []


def test_call_progress_dials_nothing() -> None:
    """Dial tone, ringback and busy are no digits."""
    for pair in [(350, 440), (440, 480), (480, 620), (950,), (1400,), (700, 900), (1209, 1336)]:
        assert listen(frames(tone(pair, 1))) == []


def test_many_legs_at_once() -> None:
    """Each leg's digits are its own, whatever order the legs come in."""
    bank, draw = Bank(), random.Random(4)
    wanted = ["".join(draw.choice(ALL) for _ in range(6)) for _ in range(40)]
    calls = [frames(joined(dtmf.digits_tone(text), silence(0.1)), draw.randrange(160)) for text in wanted]
    detectors = [DtmfToneDetector(bank) for _ in calls]
    got = ["" for _ in calls]
    for row in range(min(map(len, calls))):
        order = draw.sample(range(40), 40)
        heard = bank.hear(np.stack([calls[leg][row] for leg in order]))
        for place, leg in enumerate(order):
            got[leg] += digits(detectors[leg].push(0.02 * row, heard, place))
    assert got == wanted


def test_frames_that_are_not_neighbours() -> None:
    """Two halves with a hole in time between them are no window."""
    bank = Bank()
    detector = DtmfToneDetector(bank)
    heard = bank.hear(frames(tone(dtmf.frequencies("1"), 0.06, ramp=0)))
    for row in range(3):
        assert detector.push(float(row), heard, row) == []
        assert (detector.sounding == "1") is (row == 2)


def test_what_is_no_digit() -> None:
    """Letters beyond D, and more than one digit, are a KeyError."""
    for wrong in ("E", "", "12", "w"):
        with pytest.raises(KeyError):
            dtmf.frequencies(wrong)
        with pytest.raises(KeyError):
            EventSender(wrong, 0)


def test_pauses_among_digits() -> None:
    """A w is half a second of silence."""
    assert dtmf.digits_tone("1w2").size == 7200


# --- telephone-events: sending -----------------------------------------------------------------------


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


# --- telephone-events: receiving ------------------------------------------------------------------------

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
    wanted = "".join(draw.choice(ALL) for _ in range(8))
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
