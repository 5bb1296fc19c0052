import numpy as np
import pytest

from botkit.media import cadence, tone
from botkit.media.dtmf import digit_tone
from botkit.media.pcm import Pcm, resample
from botkit.media.tone import Bank, ToneEnded, ToneFact, ToneStarted
from botkit.media.wav import read_wav
from tests.load.digits import AUDIO
from tests.load.progress import TONES, listen
from tests.load.progress import silence as quiet
from tests.load.speech import RATE, through
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


def test_pairs_are_no_beep() -> None:
    """Digits and call-progress pairs do not beep."""
    for pair in [(697, 1209), (941, 1633), (350, 440), (440, 480)]:
        assert track("beep", joined(silence(0.1), tone.tone(pair, 0.5), silence(0.2))) == []


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
