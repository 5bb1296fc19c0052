import numpy as np
import pytest

from botkit.media import pcm, tone
from botkit.media.bank import Bank
from botkit.media.pcm import Pcm
from botkit.media.tone import ToneEnded, ToneFact, ToneStarted, ToneTracker
from tests.media.sounds import babble, frames, joined, noise, silence, summed, with_loss


def track(want: float | tuple[float, ...], batch: Pcm, **options: float) -> list[ToneFact]:
    bank = Bank()
    tracker = ToneTracker(bank, want, **options)
    heard = bank.hear(batch)
    return [fact for row in range(len(batch)) for fact in tracker.push(0.02 * row, heard, row)]


def burst(hz: float | tuple[float, ...], seconds: float = 0.5, level: float = -20) -> Pcm:
    return joined(silence(0.1), tone.tone(hz, seconds, level=level), silence(0.2))


def assert_heard(facts: list[ToneFact], seconds: float = 0.5, shift: int = 0) -> None:
    """One tone, its edges dated within a frame."""
    assert [type(fact) for fact in facts] == [ToneStarted, ToneEnded]
    started, ended = facts
    assert started.at == pytest.approx(0.1 + shift / 8000, abs=0.021)
    assert ended.at == pytest.approx(0.1 + seconds + shift / 8000, abs=0.021)
    assert isinstance(ended, ToneEnded)
    assert ended.duration == pytest.approx(seconds, abs=0.04)


# --- making -------------------------------------------------------------------------------------------


def test_level_of_a_tone() -> None:
    """A tone of -20 dBFS measures that; a pair measures 3 dB more."""
    assert pcm.level(tone.tone(440, 1, level=-20)) == pytest.approx(-20, abs=0.1)
    assert pcm.level(tone.tone((440, 480), 1, level=-20)) == pytest.approx(-17, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_length_of_a_tone(rate: int) -> None:
    """Seconds become samples at any rate, even very few of them."""
    assert tone.tone(440, 0.25, rate=rate).size == rate // 4
    assert tone.tone(440, 0, rate=rate).size == 0
    assert tone.tone(440, 0.001, rate=rate).size == rate // 1000


def test_tones_do_not_click() -> None:
    """The first and last samples are near zero."""
    made = tone.tone(1000, 0.1, level=0)
    assert abs(int(made[0])) < 300
    assert abs(int(made[-1])) < 300


def test_progress_tones_repeat() -> None:
    """Busy is half a second of tone and half a second of silence, as long as asked for."""
    busy = tone.progress("busy", 3.25)
    assert busy.size == 26000
    for second in range(3):
        assert pcm.level(busy[8000 * second : 8000 * second + 4000]) > -12
        assert pcm.level(busy[8000 * second + 4000 : 8000 * second + 8000]) == pcm.FLOOR
    assert tone.progress("ringback").size == 6 * 8000
    assert pcm.level(tone.progress("dial", 5)[-8000:]) > -12


# --- hearing: the tracker -----------------------------------------------------------------------------


def test_a_tracker_gives_its_columns_back() -> None:
    """A thousand calls one after the other need no thousand columns."""
    bank = Bank()
    for index in range(100):
        ToneTracker(bank, 400.5 + index).close()
    assert len(bank.hz) == 1


def test_three_tones_are_refused() -> None:
    """A tracker waits for one tone, or for two."""
    with pytest.raises(ValueError, match="two"):
        ToneTracker(Bank(), (1, 2, 3))


# --- hearing: one frequency ---------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [100, 350, 440, 697, 1000, 1633, 2000, 2800, 3400])
@pytest.mark.parametrize("off", [-1.5, 0, 1.5])
def test_frequencies_a_little_off(hz: float, off: float) -> None:
    """1.5 % more or less is the same tone up to 3 kHz."""
    if abs(hz * off) > 4500:
        pytest.skip("half frames resolve 45 Hz")
    assert_heard(track(hz, frames(burst(hz * (1 + off / 100)))))


@pytest.mark.parametrize(("want", "got"), [(440, 425), (440, 480), (440, 400), (440, 540), (440, 340), (1000, 1060)])
@pytest.mark.parametrize("level", [-30, -3])
def test_other_frequencies(want: float, got: float, level: float) -> None:
    """The neighbours in the world's tone plans are other tones, loud or soft."""
    assert track(want, frames(burst(got, level=level))) == []


@pytest.mark.parametrize("shift", range(0, 160, 7))
def test_any_alignment(shift: int) -> None:
    """A tone may begin anywhere within a frame."""
    assert_heard(track(440, frames(burst(440), shift)), shift=shift)
    assert_heard(track((350, 440), frames(burst((350, 440)), shift)), shift=shift)


@pytest.mark.parametrize("want", [440, (440, 480), (1400, 2060)])
@pytest.mark.parametrize("seed", range(5))
def test_noise_beside_the_tone(want: float | tuple[float, ...], seed: int) -> None:
    """12 dB above the noise is enough."""
    sound = summed(burst(want, level=-20), noise(1, level=-32, seed=seed))
    assert_heard(track(want, frames(sound)))


@pytest.mark.parametrize("want", [440, (440, 480)])
@pytest.mark.parametrize("seed", range(10))
def test_loss(want: float | tuple[float, ...], seed: int) -> None:
    """One frame in thirty lost and heard as silence neither ends nor doubles a tone."""
    batch = frames(burst(want, seconds=3))
    lost = with_loss(batch, 0.03, seed)
    lost[:8] = batch[:8]
    lost[-14:] = batch[-14:]
    gone = ~lost[8:-14].any(axis=1)
    if (gone[1:] & gone[:-1]).any():
        pytest.skip("two frames in a row")
    assert_heard(track(want, lost), seconds=3)


def test_level_limits() -> None:
    """-34 dBFS is heard, -40 is not."""
    assert_heard(track(440, frames(burst(440, level=-34))))
    assert track(440, frames(burst(440, level=-40))) == []


def test_short_tones() -> None:
    """A tone must last as long as asked for."""
    assert track(440, frames(burst(440, seconds=0.07))) == []
    assert_heard(track(440, frames(burst(440, seconds=0.07)), for_=0.05), seconds=0.07)
    assert track(440, frames(burst(440, seconds=0.4)), for_=0.5) == []


def test_reported_as_soon_as_it_has_lasted() -> None:
    """A tone from 0.1 s on is reported by the frame that makes it 100 ms long."""
    bank = Bank()
    tracker = ToneTracker(bank, 440)
    heard = bank.hear(frames(burst(440)))
    at = [row for row in range(20) if tracker.push(0.02 * row, heard, row)]
    assert at == [9]


def test_two_bursts_are_two_tones() -> None:
    """60 ms of silence separate two tones."""
    sound = joined(tone.tone(440, 0.3), silence(0.06), tone.tone(440, 0.3), silence(0.1))
    assert [type(fact).__name__ for fact in track(440, frames(sound))] == ["ToneStarted", "ToneEnded"] * 2


def test_what_is_measured() -> None:
    """The tracker tells the true frequency to a fraction of a hertz."""
    bank = Bank()
    tracker = ToneTracker(bank, 440)
    heard = bank.hear(frames(summed(tone.tone(443, 0.4), noise(1, level=-30))))
    for row in range(20):
        tracker.push(0.02 * row, heard, row)
    assert tracker.measured[0] == pytest.approx(443, abs=0.5)


# --- hearing: pairs -----------------------------------------------------------------------------------

PAIRS = [(350, 440), (440, 480), (480, 620), (697, 1209), (1400, 2060)]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("off", [(1, 1), (1.015, 1.015), (0.985, 0.985), (1.01, 0.99)])
def test_pairs(pair: tuple[float, float], off: tuple[float, float]) -> None:
    """Two tones are heard as a pair, each a little off."""
    assert_heard(track(pair, frames(burst((pair[0] * off[0], pair[1] * off[1])))))


@pytest.mark.parametrize("pair", PAIRS)
def test_half_a_pair_is_no_pair(pair: tuple[float, float]) -> None:
    """One of two tones is not both, and both are not one."""
    assert track(pair, frames(burst(pair[0]))) == []
    assert track(pair, frames(burst(pair[1]))) == []
    assert track(pair[0], frames(burst(pair))) == []
    assert track(pair[1], frames(burst(pair))) == []


@pytest.mark.parametrize("pair", PAIRS)
def test_other_pairs_are_other_tones(pair: tuple[float, float]) -> None:
    """None of the pairs is taken for another."""
    for other in PAIRS:
        if other != pair:
            assert track(pair, frames(burst(other))) == []


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("twist", [-6, 6])
def test_twist(pair: tuple[float, float], twist: float) -> None:
    """One tone may be 6 dB above the other; 12 dB are too many."""
    for decibels, heard in ((twist, True), (2 * twist, False)):
        sound = summed(burst(pair[0], level=-15), burst(pair[1], level=-15 + decibels))
        assert bool(track(pair, frames(sound))) is heard


# --- talk-off ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("want", [350, 425, 440, 1000, 2100, (350, 440), (440, 480), (480, 620), (697, 1209)])
def test_speech_is_no_tone(want: float | tuple[float, ...]) -> None:
    """Forty seconds of babble, and noise that swells and ebbs, trigger nothing."""
    assert track(want, frames(babble(40, seed=1))) == []
    swell = np.repeat(np.abs(np.random.default_rng(5).normal(0, 1, 200)), 800)
    assert track(want, frames((noise(20, level=-25, seed=2) * swell).astype(np.int16))) == []
