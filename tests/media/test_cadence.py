import numpy as np
import pytest

from botkit.media import cadence, tone
from botkit.media.bank import Bank
from botkit.media.beep import OddBeeps
from botkit.media.dtmf import digit_tone
from botkit.media.pcm import Pcm, resample
from botkit.media.tone import ToneEnded, ToneFact, ToneStarted
from botkit.media.wav import read_wav
from tests.load.digits import AUDIO
from tests.load.progress import TONES, listen
from tests.load.progress import silence as quiet
from tests.load.speech import RATE, music, through
from tests.media.sounds import babble, frames, joined, noise, silence, summed


def track(what: str | float, sound: Pcm, shift: int = 0) -> list[ToneFact]:
    bank = Bank()
    tracker = cadence.tracker_for(bank, what)
    batch = frames(sound, shift)
    heard = bank.hear(batch)
    facts = [fact for row in range(len(batch)) for fact in tracker.push(0.02 * row, heard, row)]
    tracker.close()
    assert all(hz != hz for hz in bank.hz)  # all columns were given back
    return facts


def bursts(hz: float | tuple[float, ...], on: float, off: float, count: int) -> Pcm:
    return joined(*[part for _ in range(count) for part in (tone.tone(hz, on, level=-18), silence(off))])


EUROPE = {
    "dial": tone.tone(425, 4, level=-18),
    "busy": bursts(425, 0.5, 0.5, 4),
    "congestion": bursts(425, 0.25, 0.25, 8),
    "ringback": bursts(425, 1, 4, 2),
}
AMERICA = {
    "dial": tone.progress("dial", 4),
    "busy": tone.progress("busy", 4),
    "reorder": bursts((480, 620), 0.25, 0.25, 8),
    "ringback": tone.progress("ringback", 12),
    "sit": tone.progress("sit"),
}
MEANING = {"congestion": "busy", "reorder": "busy"}


@pytest.mark.parametrize("name", ["dial", "busy", "ringback", "sit"])
@pytest.mark.parametrize("plan", [AMERICA, EUROPE], ids=["America", "Europe"])
def test_each_name_hears_its_own(name: str, plan: dict[str, Pcm]) -> None:
    """Every name is heard once in its tone, dated to its start, and in no other tone."""
    for sounding, sound in plan.items():
        facts = track(name, joined(silence(0.5), sound, silence(0.3)))
        started = [fact for fact in facts if isinstance(fact, ToneStarted)]
        assert len(started) == (MEANING.get(sounding, sounding) == name), sounding
        for fact in started:
            assert fact.name == name
            assert fact.at == pytest.approx(0.5, abs=0.03)


FAR = [
    ("dial", "China"),
    ("busy", "China, congestion"),
    ("busy", "India"),
    ("ringback", "China"),
    ("ringback", "Turkey"),
    ("ringback", "Hong Kong"),
    ("ringback", "Japan"),
    ("ringback", "Japan, softer and quicker"),
]


@pytest.mark.parametrize(("name", "whose"), FAR)
def test_tones_of_other_countries(name: str, whose: str) -> None:
    """450 Hz, rings in pairs, long busy tones and a ring whose loudness swings: once, by their own name only."""
    batch = through("PCMU", joined(quiet(0.5), TONES[name][whose], quiet(0.6)))
    for asked in ("dial", "busy", "ringback", "sit"):
        began = [fact for fact in listen(asked, batch) if isinstance(fact, ToneStarted)]
        assert [fact.at for fact in began] == ([pytest.approx(0.5, abs=0.03)] if asked == name else [])


@pytest.mark.parametrize("shift", range(0, 160, 23))
@pytest.mark.parametrize("name", ["dial", "busy", "ringback", "sit", "beep"])
def test_any_alignment(name: str, shift: int) -> None:
    """A tone may begin anywhere within a frame."""
    sound = joined(silence(0.2), tone.progress(name, 7 if name == "ringback" else 3), silence(0.3))
    assert any(isinstance(fact, ToneStarted) for fact in track(name, sound, shift))


@pytest.mark.parametrize("name", ["busy", "ringback", "sit"])
def test_noise_beside_it(name: str) -> None:
    """15 dB above the noise is enough."""
    sound = joined(silence(0.3), tone.progress(name, 7, level=-18), silence(0.3))
    facts = track(name, summed(sound, noise(8, level=-33)))
    assert sum(isinstance(fact, ToneStarted) for fact in facts) >= 1


def test_ringing_is_one_tone_until_it_stops() -> None:
    """Ring after ring is one tone, ended when the next one fails to come."""
    facts = track("ringback", joined(bursts((440, 480), 2, 4, 3), silence(8)))
    assert [type(fact) for fact in facts] == [ToneStarted, ToneEnded]
    assert facts[1].at == pytest.approx(14, abs=0.04)


def test_ringing_joined_in_the_middle() -> None:
    """A ring cut short does not count, the next one does."""
    facts = track("ringback", joined(tone.tone((440, 480), 0.3), silence(4), tone.progress("ringback", 6)))
    assert facts[0].at == pytest.approx(4.3, abs=0.03)


def test_one_burst_is_not_busy() -> None:
    """Busy needs its rhythm."""
    assert track("busy", joined(tone.tone((480, 620), 0.5), silence(3))) == []


@pytest.mark.parametrize("hz", [400, 425, 440, 640, 777, 1000, 1400, 1633, 2100, 2200])
def test_a_beep_of_any_pitch(hz: float) -> None:
    """Any single tone is a beep; its pitch, start and end are told."""
    started, ended = track("beep", joined(silence(0.3), tone.tone(hz, 0.4, level=-20), silence(0.3)))
    assert started.hz[0] == pytest.approx(hz, abs=2)
    assert started.at == pytest.approx(0.3, abs=0.021)
    assert ended.at == pytest.approx(0.7, abs=0.021)


PAIRS_OF_PROGRESS = [
    ("dial", "North America"),
    ("dial", "United Kingdom"),
    ("dial", "stutter, North America"),
    ("busy", "North America"),
    ("busy", "North America, reorder"),
    ("ringback", "North America"),
    ("ringback", "United Kingdom"),
    ("ringback", "Australia"),
]


@pytest.mark.parametrize(("name", "whose"), PAIRS_OF_PROGRESS)
@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_pairs_of_call_progress_are_no_beep(name: str, whose: str, codec: str) -> None:
    """Dial tones, stuttering too, busy and ringing of two frequencies do not beep, however long one listens."""
    batch = through(codec, joined(quiet(0.2), TONES[name][whose], quiet(1.0)))
    for seed in range(3):
        assert listen("beep", batch, 0.03 if seed else 0.0, seed) == []


@pytest.mark.parametrize("pair", [(800, 1000), (697, 1000), (480, 1400), (350, 440)])
def test_two_tones_that_mean_nothing_else_are_a_beep(pair: tuple[float, float]) -> None:
    """They are told with both frequencies, start and end."""
    started, ended = track("beep", joined(silence(0.3), tone.tone(pair, 0.4, level=-20), silence(0.5)))
    assert started.hz == pytest.approx(pair, abs=3)
    assert started.at == pytest.approx(0.3, abs=0.021)
    assert ended.at == pytest.approx(0.7, abs=0.021)


def test_the_dial_tones_pair_is_a_beep_when_it_was_short() -> None:
    """350 and 440 Hz are one once 0.3 s have followed: not while they last, not when they come again or go on."""
    beep, pause = tone.tone((350, 440), 0.3), silence(0.1)
    assert track("beep", joined(pause, beep, silence(0.2))) == []
    assert len(track("beep", joined(pause, beep, silence(0.5)))) == 2
    assert track("beep", joined(pause, beep, pause, tone.tone((350, 440), 2.0), silence(0.5))) == []


@pytest.mark.parametrize("whose", ["800, then 1000 Hz", "1000, then 600 Hz", "600 to 1200 Hz in 0.3 s"])
def test_a_pitch_that_moves_is_one_beep(whose: str) -> None:
    """A beep that steps or glides is told once, from its first pitch to the end of its last."""
    sound = TONES["beep"][whose]
    started, ended = listen("beep", through("PCMU", joined(quiet(0.3), sound, quiet(0.5))))
    assert started.at == pytest.approx(0.3, abs=0.03)
    assert ended.at == pytest.approx(0.3 + sound.size / RATE, abs=0.03)
    assert isinstance(ended, ToneEnded)
    assert ended.duration == pytest.approx(sound.size / RATE, abs=0.04)


def test_two_beeps_with_a_pause_are_two() -> None:
    """60 ms of silence are enough to part them."""
    sound = joined(silence(0.2), tone.tone(1000, 0.2), silence(0.06), tone.tone(800, 0.2), silence(0.3))
    assert [type(fact) for fact in track("beep", sound)] == [ToneStarted, ToneEnded] * 2


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_music_has_no_odd_beeps(codec: str) -> None:
    """A minute of chords, melodies and glissandi of instruments has none of two tones, and none that glides.

    (A single note with hardly a harmonic is a steady tone, and so a beep.)
    """
    odd = OddBeeps()
    for row, frame in enumerate(through(codec, music(60.0))):
        assert odd.push(0.02 * row, frame, float(frame.astype(float) @ frame)) == []


@pytest.mark.parametrize("name", cadence.NAMES)
def test_speech_is_none_of_them(name: str) -> None:
    """Forty seconds of babble have no meaning."""
    assert track(name, babble(40, seed=3)) == []


def test_plain_frequencies_have_plain_trackers() -> None:
    """A number waits for that frequency."""
    assert [type(fact) for fact in track(440, joined(tone.tone(440, 0.3), silence(0.2)))] == [ToneStarted, ToneEnded]


PLANS = [(name, whose) for name, sounds in TONES.items() for whose in sounds]


@pytest.mark.parametrize(("name", "whose"), PLANS)
def test_tones_of_many_countries_after_speech_with_loss(name: str, whose: str) -> None:
    """In PCMU, after a prompt, 3 % lost: each is heard once, by its name. (All codecs: `make accept`.)"""
    spoken, rate = read_wav(AUDIO / "leave_message.wav")
    sound = joined(resample(spoken, rate, RATE), quiet(0.4), TONES[name][whose], quiet(0.6))
    batch = through("PCMU", sound)
    for seed in range(2):
        for asked in ("dial", "busy", "ringback", "sit"):
            facts = listen(asked, batch, 0.03, seed)
            assert sum(isinstance(fact, ToneStarted) for fact in facts) == (asked == name), asked
        if name == "beep":
            (began, _) = listen("beep", batch, 0.03, seed)
            assert began.at == pytest.approx(spoken.size / rate + 0.4, abs=0.06)


@pytest.mark.parametrize("digit", "0123456789ABCD*#")
def test_digits_are_no_progress(digit: str) -> None:
    """No digit is a beep or any other of the names."""
    for name in cadence.NAMES:
        assert track(name, joined(silence(0.1), digit_tone(digit, 0.5), silence(0.3))) == []


@pytest.mark.parametrize("name", cadence.NAMES)
def test_prompts_are_none_of_them(name: str) -> None:
    """The spoken prompts hold no tone, and the beep is one."""
    for path in sorted(AUDIO.glob("*.wav")):
        pcm, rate = read_wav(path)
        facts = track(name, joined(resample(pcm, rate, 8000), silence(0.3)))
        assert len(facts) == (2 if name == path.stem == "beep" else 0), path.name


def test_unknown_names() -> None:
    """A name that has no pattern is a KeyError."""
    with pytest.raises(KeyError):
        cadence.tracker_for(Bank(), "fanfare")


def test_babble_is_lively() -> None:
    """The babble of these tests has pitch, pauses and level, or it would prove nothing."""
    sound = babble(10, seed=3)
    levels = np.abs(frames(sound).astype(int)).max(axis=1)
    assert (levels > 8000).mean() > 0.2
    assert (levels < 400).mean() > 0.05
