"""What a stretch of sound consists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from botkit.media.codec import PCMU, codec_by_name
from botkit.media.pcm import SOUND_LEVEL, Pcm, levels, resample
from botkit.media.spectrum import is_tone, tones_in
from botkit.media.tone import tone
from botkit.media.wav import read_wav
from tests.media.sounds import frames, noise, summed

AUDIO = Path(__file__).parents[2] / "audio"


@pytest.mark.parametrize("hz", [(300.0,), (500.0,), (1004.0,), (350.0, 440.0), (697.0, 1209.0)])
def test_tones_are_named_by_their_frequencies(hz: tuple[float, ...]) -> None:
    """One or two frequencies are found within 3 Hz."""
    assert tones_in(tone(hz, 0.5)) == pytest.approx(hz, abs=3)


def test_noise_is_no_tone() -> None:
    """Noise has no frequencies."""
    assert tones_in((np.random.default_rng(1).standard_normal(4000) * 2000).astype(np.int16)) == ()


def test_too_little_is_no_tone() -> None:
    """Less than 60 ms says nothing."""
    assert tones_in(tone(440, 0.04)) == ()


@pytest.mark.parametrize("milliseconds", [5, 15, 30])
def test_a_click_is_no_tone(milliseconds: int) -> None:
    """One that rings for a moment, with enough around it to be three frames of sound: too little of it is loud."""
    hum = tone((508.0,), 0.06, level=-40.0, ramp=0.0)
    hum[200 : 200 + 8 * milliseconds] = tone((508.0,), milliseconds / 1000, level=-15.0, ramp=0.0)
    assert tones_in(hum) == ()


def test_silence_is_no_tone() -> None:
    """Nothing has no frequencies."""
    assert tones_in(np.zeros(8000, np.int16)) == ()


@pytest.mark.parametrize("hz", [(440.0,), (350.0, 440.0), (440.0, 480.0), (697.0, 1209.0)])
@pytest.mark.parametrize("seconds", [0.1, 0.2])
def test_tones_are_pure_on_the_line(hz: tuple[float, ...], seconds: float) -> None:
    """One or two frequencies are a tone, also after G.711."""
    assert is_tone(PCMU.decode(PCMU.encode(tone(hz, seconds))))


@pytest.mark.parametrize("file", ["menu.wav", "welcome.wav", "goodbye.wav"])
def test_no_voice_is_pure(file: str) -> None:
    """In no 200 ms of a voice are there only one or two frequencies."""
    pcm, rate = read_wav(AUDIO / file)
    pcm = resample(pcm, rate, 8000)
    assert not any(is_tone(pcm[start : start + 1600]) for start in range(0, pcm.size - 1600, 400))


def test_silence_is_not_pure() -> None:
    """Silence is no tone, and neither is too little of one."""
    assert not is_tone(np.zeros(8000, np.int16))
    assert not is_tone(tone(440, 0.03))


def through(codec: str, sound: Pcm, begin: int) -> Pcm:
    """`sound`, 8 kHz, as an ear remembers it: the frames above the level of sound, in mu-law, `begin` samples late."""
    coder = codec_by_name(codec)
    decoder = coder.decoder()
    late = np.concatenate((np.zeros(2400 + begin, np.int16), sound, np.zeros(1600, np.int16)))
    heard = np.concatenate([decoder.decode(one) for one in coder.encode_all(resample(late, 8000, coder.rate))])
    batch = frames(PCMU.decode(PCMU.encode(resample(heard, coder.rate, 8000))))
    loud = np.flatnonzero(levels(batch) > SOUND_LEVEL)
    return batch[loud[0] : loud[-1] + 1].ravel()


TONES = [(440.0,), (1000.0,), (2100.0,), (350.0, 440.0), (480.0, 620.0), (697.0, 1209.0), (941.0, 1477.0)]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
@pytest.mark.parametrize(("seconds", "by"), [(0.07, 20), (0.1, 10), (0.5, 3)])
def test_short_tones_are_named_in_every_codec(codec: str, seconds: float, by: float) -> None:
    """One or two frequencies, from 70 ms on, wherever in a frame they begin."""
    for hz in TONES:
        for begin in (0, 50, 110):
            assert tones_in(through(codec, tone(hz, seconds, level=-20), begin)) == pytest.approx(hz, abs=by)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
@pytest.mark.parametrize("hz", [440.0, 1000.0, 2100.0])
def test_a_tone_of_60_ms(codec: str, hz: float) -> None:
    """One frequency is named after 60 ms."""
    assert tones_in(through(codec, tone(hz, 0.06, level=-20), 0)) == pytest.approx((hz,), abs=10)


def test_a_ringback_of_which_frames_were_lost() -> None:
    """Silent frames in a tone are passed over."""
    sound = frames(tone((440, 480), 1.0))
    sound[[7, 8, 23, 40]] = 0
    assert tones_in(sound.ravel()) == pytest.approx((440, 480), abs=2)


def test_a_tone_in_noise() -> None:
    """A second of a tone 15 dB above the noise is a tone."""
    assert tones_in(summed(tone(440, 1.0, level=-15), noise(1.0, level=-30))) == pytest.approx((440,), abs=2)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_no_sound_of_a_prompt_is_a_tone(codec: str) -> None:
    """No stretch of sound between pauses of any spoken prompt is a tone; the beep is one."""
    for path in sorted(AUDIO.glob("*.wav")):
        pcm, rate = read_wav(path)
        batch = frames(through(codec, resample(pcm, rate, 8000), 0))
        loud = np.concatenate(([False], levels(batch) > SOUND_LEVEL, [False]))
        edges = np.flatnonzero(np.diff(loud.astype(np.int8))).reshape(-1, 2)
        named = [tones for begin, end in edges if (tones := tones_in(batch[begin : min(end, begin + 50)].ravel()))]
        assert len(named) == (path.stem == "beep"), path.name
