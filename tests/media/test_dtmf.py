import random

import numpy as np
import pytest

from botkit.media import dtmf
from botkit.media.bank import Bank
from botkit.media.dtmf import Digit, DtmfHearing
from botkit.media.pcm import Pcm, gain, resample
from botkit.media.tone import tone
from botkit.media.wav import read_wav
from tests.load.digits import AUDIO
from tests.media.sounds import babble, frames, joined, noise, silence, summed, with_loss

ALL = "0123456789ABCD*#"


def listen(batch: Pcm, lost: list[int] | None = None) -> list[Digit]:
    """One call's frames through bank and detector, each frame a batch of its own; those `lost` are left out."""
    bank = Bank([440])
    hearing = DtmfHearing(bank)
    hearing.add(0)
    return [
        digit
        for row in range(len(batch))
        if row not in (lost or ())
        for _, digit in hearing.hear([0], [0.02 * row], bank.hear(batch[row : row + 1]))
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


@pytest.mark.parametrize("hz", [682, 754, 834])
@pytest.mark.parametrize("shift", [0, 53, 111])
def test_a_tone_with_its_octave(hz: float, shift: int) -> None:
    """An instrument's tone and its first harmonic are near 2, 6 and C, and none of them."""
    sound = summed(tone(hz, 0.5, level=-14), tone(2 * hz, 0.5, level=-17))
    assert digits(listen(frames(joined(sound, silence(0.1)), shift))) == ""


@pytest.mark.parametrize("twist", [-8, 6])
@pytest.mark.parametrize("shift", range(0, 160, 23))
def test_twist_at_the_limit(twist: float, shift: int) -> None:
    """Digits as short as may be whose twist is all that it may be: each is heard, wherever in a frame it begins."""
    parts = []
    for digit in ALL:
        low, high = dtmf.frequencies(digit)
        parts += [summed(tone(low, 0.04, level=-16), tone(high, 0.04, level=-16 + twist)), silence(0.04)]
    assert digits(listen(frames(joined(*parts, silence(0.1)), shift))) == ALL


LIMITS = [
    # low and high off by, low and high level (dBFS), length, gap, heard
    pytest.param(0.0, 0.0, -6, -6, 0.04, 0.04, True, id="40 ms, gaps of 40 ms"),
    pytest.param(0.0, 0.0, -6, -6, 0.023, 0.06, False, id="23 ms"),
    pytest.param(0.015, -0.015, -6, -6, 0.045, 0.045, True, id="1.5 % off"),
    pytest.param(0.035, 0.0, -6, -6, 0.1, 0.06, False, id="low 3.5 % off"),
    pytest.param(0.0, -0.035, -6, -6, 0.1, 0.06, False, id="high 3.5 % off"),
    pytest.param(0.0, 0.0, -6, -6, 0.05, 0.05, True, id="-3 dBm0"),
    pytest.param(0.0, 0.0, -28, -28, 0.05, 0.05, True, id="-25 dBm0"),
    pytest.param(0.0, 0.0, -35, -35, 0.06, 0.06, True, id="-32 dBm0"),
    pytest.param(0.0, 0.0, -48, -48, 0.1, 0.06, False, id="-45 dBm0"),
    pytest.param(0.0, 0.0, -12, -16, 0.05, 0.05, True, id="twist of 4 dB"),
    pytest.param(0.0, 0.0, -20, -12.5, 0.05, 0.05, False, id="reverse twist of 7.5 dB"),
    pytest.param(0.0, 0.0, -12, -19.5, 0.05, 0.05, True, id="twist of 7.5 dB"),
    pytest.param(0.0, 0.0, -17, -12, 0.05, 0.05, True, id="reverse twist of 5 dB"),
]


@pytest.mark.parametrize("shift", [0, 53, 111])
@pytest.mark.parametrize(("low_off", "high_off", "low_level", "high_level", "length", "gap", "heard"), LIMITS)
def test_the_limits_of_q24(
    low_off: float,
    high_off: float,
    low_level: float,
    high_level: float,
    length: float,
    gap: float,
    heard: bool,
    shift: int,
) -> None:
    """What ITU-T Q.24 says must be taken is (0 dBm0 is -3 dBFS), what it says must not is not."""
    parts = []
    for digit in ALL:
        low, high = dtmf.frequencies(digit)
        one = tone(low * (1 + low_off), length, level=low_level, ramp=0)
        parts += [summed(one, tone(high * (1 + high_off), length, level=high_level, ramp=0)), silence(gap)]
    assert digits(listen(frames(joined(*parts, silence(0.1)), shift))) == (ALL if heard else "")


def test_a_short_break_does_not_split_a_digit() -> None:
    """Q.24: 10 ms without the tones are no pause."""
    for digit in ALL:
        whole = dtmf.digit_tone(digit, 0.15)
        whole[500:580] = 0
        assert digits(listen(frames(joined(silence(0.05), whole, silence(0.1))))) == digit


@pytest.mark.parametrize("loss", [0.0, 0.03])
def test_prompts_dial_nothing(loss: float) -> None:
    """The spoken prompts hold no digit, at any level, with and without loss."""
    for path in sorted(AUDIO.glob("*.wav")):
        pcm, rate = read_wav(path)
        for level in (-12, 0, 9):
            batch = frames(gain(resample(pcm, rate, 8000), level))
            draw = random.Random(path.name)
            assert listen(batch, [row for row in range(len(batch)) if draw.random() < loss]) == [], path.name


@pytest.mark.parametrize("missing", range(5))
@pytest.mark.parametrize("other", range(5))
@pytest.mark.parametrize("third", range(5))
def test_any_three_of_five_frames_may_be_lost(missing: int, other: int, third: int) -> None:
    """A digit of 100 ms is heard once, whichever three of its frames are lost."""
    batch = frames(joined(silence(0.1), dtmf.digit_tone("5", 0.1), silence(0.1)))
    assert digits(listen(batch, [5 + missing, 5 + other, 5 + third])) == "5"


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
    hearing = DtmfHearing(bank)
    detector = hearing.add(0)
    seen = [
        (bool(hearing.hear([0], [0.02 * row], bank.hear(batch[row : row + 1]))), detector.sounding) for row in range(14)
    ]
    assert [row for row in range(14) if seen[row][1] == "3"] == list(range(6, 11))
    assert [row for row in range(14) if seen[row][0]] == [11]


def test_the_columns_are_given_back() -> None:
    """When it is closed nobody waits for digits."""
    bank = Bank()
    hearing = DtmfHearing(bank)
    assert len(bank.hz) == 8
    hearing.close()
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
    hearing = DtmfHearing(bank)
    for leg in range(40):
        hearing.add(leg)
    got = ["" for _ in calls]
    for row in range(min(map(len, calls))):
        order = draw.sample(range(40), 40)
        heard = bank.hear(np.stack([calls[leg][row] for leg in order]))
        for place, digit in hearing.hear(order, [0.02 * row] * 40, heard):
            got[order[place]] += digit.digit
    assert got == wanted


@pytest.mark.parametrize("seed", range(6))
def test_lost_frames_say_nothing(seed: int) -> None:
    """One frame in twenty lost, several in a row among them: digits of 100 ms all come, each once."""
    draw = random.Random(seed)
    wanted = "".join(draw.choice(ALL) for _ in range(100))
    batch = frames(joined(dtmf.digits_tone(wanted, length=0.1, gap=0.1), silence(0.1)), draw.randrange(160))
    lost = [row for row in range(len(batch)) if draw.random() < 0.05]
    assert digits(listen(batch, lost)) == wanted


def test_frames_that_are_not_neighbours() -> None:
    """Frames with a hole of more than a loss between them are no digit."""
    bank = Bank()
    hearing = DtmfHearing(bank)
    detector = hearing.add(0)
    batch = frames(tone(dtmf.frequencies("1"), 0.2, ramp=0))
    for row in range(10):
        assert hearing.hear([0], [float(row)], bank.hear(batch[row : row + 1])) == []
        assert detector.sounding is None


def test_what_is_no_digit() -> None:
    """Letters beyond D, and more than one digit, are a KeyError."""
    for wrong in ("E", "", "12", "w"):
        with pytest.raises(KeyError):
            dtmf.frequencies(wrong)


def test_pauses_among_digits() -> None:
    """A w is half a second of silence."""
    assert dtmf.digits_tone("1w2").size == 7200
