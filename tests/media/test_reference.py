"""A prompt as those who listen for it know it."""

from pathlib import Path

import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media.bands import bands_of_sound
from botkit.media.pcm import gain
from botkit.media.prompt import load
from botkit.media.reference import COEFFICIENTS, PATCH, likeness, patches_of, reference_of
from tests.media.prompting import quiet, reference, written
from tests.media.sounds import babble, joined


def test_where_its_sound_is(tmp_path: Path) -> None:
    """The silence around a prompt is told from its sound, and a pause in it as well."""
    prompt = reference(tmp_path / "a.wav", joined(quiet(0.2), babble(1.0), quiet(0.5), babble(0.6, seed=1), quiet(0.3)))
    assert prompt.size == 130
    assert abs(prompt.first - 10) <= 2
    assert abs(prompt.last - 114) <= 2
    assert not prompt.active[62:84].any()
    assert prompt.duration == pytest.approx(2.1, abs=0.08)


def test_patches_are_alike_whatever_the_level(tmp_path: Path) -> None:
    """The product of a prompt's patch with the same sound, 10 dB softer, is nearly 1; of another, far less."""
    voice, other = babble(2.0), babble(2.0, seed=9)
    prompt = reference(tmp_path / "a.wav", voice)
    assert prompt.patches.shape[1] == COEFFICIENTS

    def best(sound: np.ndarray) -> float:
        return float((patches_of(bands_of_sound(sound)[None, 20 : 20 + PATCH]) @ prompt.patches.T).max())

    assert best(gain(voice, -10)) > 0.97
    assert best(other) < 0.8


def test_likeness_is_a_correlation() -> None:
    """1 for itself, whatever is added to a band; about 0 for another voice."""
    voice = bands_of_sound(babble(2.0)).astype(np.float32)
    other = bands_of_sound(babble(2.0, seed=5)).astype(np.float32)
    assert likeness(voice, voice) == pytest.approx(1.0, abs=1e-3)
    assert likeness(voice, voice + np.arange(16, dtype=np.float32)) == pytest.approx(1.0, abs=1e-3)
    assert abs(likeness(voice, other)) < 0.4
    assert likeness(voice[:1], voice[:1]) == 0.0


def test_louder_it_is_clipped(tmp_path: Path) -> None:
    """Its features at another level are those of the file played so loud."""
    voice = babble(1.0, -8)
    prompt = reference(tmp_path / "a.wav", voice)
    assert (prompt.bands(11.0) == bands_of_sound(gain(voice, 12.0))).all()
    assert (prompt.bands(0.4) == bands_of_sound(voice)).all()


def test_too_little_sound(tmp_path: Path) -> None:
    """A click is no prompt, and silence neither; what to do is said."""
    for number, sound in enumerate((joined(quiet(1.0), babble(0.1), quiet(1.0)), quiet(2.0))):
        with pytest.raises(ConfigError, match="too little to be told from other prompts") as caught:
            reference(tmp_path / f"{number}.wav", sound)
        assert "expect_sound" in str(caught.value.hint)


def test_it_is_made_once(tmp_path: Path) -> None:
    """The same file gives the same object; a file that has changed, a new one."""
    path = written(tmp_path / "a.wav", babble(1.0))
    first = reference_of(load(path))
    assert reference_of(load(path)) is first
    written(path, babble(1.5))
    assert reference_of(load(path)) is not first
