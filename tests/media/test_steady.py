"""Tones that webrtcvad takes for voices, and voices."""

from __future__ import annotations

import random

import numpy as np
import pytest

from botkit.media.dtmf import digit_tone
from botkit.media.pcm import Pcm, levels, resample
from botkit.media.tone import progress, tone
from botkit.media.vad import DOUBT, SpeechEnd, SpeechFact, SpeechStart, VoiceActivity
from botkit.media.wav import read_wav
from tests.load.digits import AUDIO, CODECS
from tests.load.progress import TONES
from tests.load.speech import RATE, through
from tests.media.sounds import babble, joined, silence, with_loss


def rest(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE), np.int16)


def judge(batch: Pcm, codec: str = "PCMU", *, loss: float = 0.0, seed: int = 0) -> list[tuple[float, SpeechFact]]:
    """What is reported of frames, and when the frame that made it known was over. Lost frames are not heard."""
    vad, draw = VoiceActivity(spoilt=0 if codec.startswith("PCM") else 2), random.Random(seed)
    return [
        (0.02 * row + 0.02, fact)
        for row, level in enumerate(levels(batch).tolist())
        if draw.random() >= loss
        for fact in vad.hear(batch[row].tobytes(), 0.02 * row, level)
    ]


def spoken(file: str = "welcome") -> Pcm:
    pcm, rate = read_wav(AUDIO / f"{file}.wav")
    return resample(pcm, rate, RATE)


SINGLE = {
    f"{hz} Hz, {seconds} s": tone(hz, seconds, level=-15, rate=RATE)
    for hz in (300, 440, 1000, 2000)
    for seconds in (0.06, 0.1, 0.3, 2.0)
}
DIGITS = {
    f"digit {digit}, {seconds} s": digit_tone(digit, seconds, rate=RATE)
    for digit in "159#"
    for seconds in (0.06, 0.1, 0.2)
}
ENTRIES = {
    f"digits {on} s each {off} s": joined(
        *[part for digit in "1234567" for part in (digit_tone(digit, on, rate=RATE), rest(off))]
    )
    for on, off in ((0.1, 0.1), (0.06, 0.04))
}
ALL = (
    SINGLE
    | DIGITS
    | ENTRIES
    | {
        f"{name}, {whose}": sound
        for name in TONES
        for whose, sound in TONES[name].items()
        if " to " not in whose and (name, whose[:5]) != ("ringback", "Japan")
    }
)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("loss", [0.0, 0.03])
def test_no_tone_is_speech(codec: str, loss: float) -> None:
    """Neither call progress, nor beeps, nor digits, whatever the codec, also where 3 % are lost.

    (But for beeps whose pitch glides, and Japan's ring, whose loudness swings: see `steady.py`.)
    """
    for name, sound in ALL.items():
        batch = through(codec, joined(rest(0.3), sound[: 2 * RATE], rest(0.2)))
        for seed in range(2 if loss else 1):
            assert judge(batch, codec, loss=loss, seed=seed) == [], f"{name}, seed {seed}"


@pytest.mark.parametrize("codec", CODECS)
def test_every_prompt_is_speech(codec: str) -> None:
    """Each is heard, dated to where its sound begins, and reported within 160 ms."""
    for path in sorted(AUDIO.glob("*.wav")):
        if path.stem == "beep":
            continue
        batch = through(codec, joined(rest(0.5), spoken(path.stem), rest(1.0)))
        when, fact = judge(batch, codec)[0]
        first = 0.02 * int(np.flatnonzero(levels(batch) > -40)[0])
        assert isinstance(fact, SpeechStart)
        assert fact.at == pytest.approx(first, abs=0.06), path.name
        assert when - fact.at <= 0.16 + 1e-6, path.name


def test_speech_after_a_beep_is_dated_to_itself() -> None:
    """A voice 0.1 s after a beep begins with the voice."""
    batch = through("PCMU", joined(rest(0.5), tone(1000, 0.4, level=-12, rate=RATE), rest(0.1), spoken(), rest(1.0)))
    assert judge(batch)[0][1].at == pytest.approx(1.0, abs=0.08)


def test_a_tone_does_not_lengthen_speech() -> None:
    """A ringback that begins as soon as the voice has ended, or 0.3 s later, is not part of it."""
    only = judge(through("PCMU", joined(rest(0.5), spoken("goodbye"), rest(1.0))))
    for gap in (0.0, 0.3):
        sound = joined(rest(0.5), spoken("goodbye"), rest(gap), progress("ringback", 2.0, rate=RATE), rest(1.0))
        facts = judge(through("PCMU", sound))
        assert [type(fact) for _, fact in facts] == [SpeechStart, SpeechEnd]
        assert facts[1][1].at == pytest.approx(only[1][1].at, abs=0.061)
        assert facts[1][0] - only[1][0] <= DOUBT + 0.061


def test_a_voice_amid_lost_frames_is_heard() -> None:
    """5 % lost change neither that speech is heard nor by more than a word's begin when it began."""
    batch = through("PCMU", joined(rest(0.5), spoken(), rest(1.0)))
    start = judge(batch)[0][1].at
    for seed in range(10):
        assert judge(batch, loss=0.05, seed=seed)[0][1].at == pytest.approx(start, abs=0.15)


def test_a_voice_that_falls_upon_a_tone() -> None:
    """Speech over a tone that sounds on is speech."""
    pcm = joined(tone(440, 4.0, level=-25))
    loud = pcm.astype(int)
    voice = joined(silence(1.0), babble(2.0, level=-12, seed=2), silence(1.0))
    mixed = np.clip(loud + voice, -32768, 32767).astype(np.int16).reshape(-1, 160)
    start, end = (fact for _, fact in judge(mixed))
    assert start.at == pytest.approx(1.0, abs=0.15)
    assert end.at == pytest.approx(3.0, abs=0.25)


def test_silence_in_place_of_what_was_lost() -> None:
    """Frames that came as silence cut a tone in pieces, and none of them is a voice."""
    for seed in range(5):
        batch = through("PCMU", joined(rest(0.5), progress("ringback", 2.0, rate=RATE), rest(0.5)))
        assert judge(with_loss(batch, 0.03, seed)) == []
