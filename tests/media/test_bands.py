"""The features of frames: independent of level, of where a frame is cut, and flat for silence."""

import numpy as np
import pytest

from botkit.media.bands import BANDS, SILENT_BANDS, BandHearing, bands_of_sound
from botkit.media.pcm import gain
from botkit.testing.sound import tone
from tests.media.sounds import babble, noise, silence


def test_silence_is_flat() -> None:
    """Silence and a telephone's idle noise have one shape: next to no band stands out."""
    for sound in (silence(0.5), noise(0.5, -78)):
        bands = bands_of_sound(sound).astype(int)
        assert bands.shape == (25, BANDS)
        assert (np.abs(bands - SILENT_BANDS) < 40).all()


@pytest.mark.parametrize("hz", [250, 700, 1300, 2600])
def test_a_tone_stands_in_its_band(hz: int) -> None:
    """The strongest band of a tone rises with its frequency, and nothing else is near it."""
    low, high = bands_of_sound(tone(hz, 0.2))[4], bands_of_sound(tone(hz * 1.3, 0.2))[4]
    assert low.argmax() < high.argmax()
    assert np.sort(low)[-1] == pytest.approx(255, abs=25)
    assert np.sort(low)[-5] < 128


def test_the_level_does_not_count() -> None:
    """A voice 12 dB softer has the same features where it is heard at all."""
    voice = babble(2.0, -15)
    loud, soft = bands_of_sound(voice).astype(int), bands_of_sound(gain(voice, -12)).astype(int)
    assert np.median(np.abs(loud - soft)) <= 1


def test_many_at_once_are_heard_as_one() -> None:
    """Frames of many calls together give what each sound gives alone; a slot's past is its own."""
    voices = [babble(0.4, seed=seed) for seed in range(5)]
    hearing = BandHearing()
    slots = [3, 0, 40, 7, 1]
    for slot in slots:
        hearing.begin(slot)
    heard = [
        hearing.hear(slots, np.stack([voice[160 * k : 160 * k + 160] for voice in voices])).copy() for k in range(20)
    ]
    for number, voice in enumerate(voices):
        assert (np.stack([bands[number] for bands in heard]) == bands_of_sound(voice)).all()


def test_a_slot_taken_again_begins_in_silence() -> None:
    """What the call before heard in a slot is forgotten."""
    hearing = BandHearing()
    hearing.begin(2)
    hearing.hear([2], tone(500, 0.02)[None, :])
    hearing.begin(2)
    assert (hearing.hear([2], silence(0.02)[None, :])[0] == SILENT_BANDS).all()
