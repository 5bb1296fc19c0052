import numpy as np
import numpy.typing as npt
import pytest

from botkit.media import pcm
from botkit.media.pcm import Pcm, Resampler


def sine(hz: float, seconds: float, rate: int = 8000, peak: float = 0.3) -> Pcm:
    moments = np.arange(round(seconds * rate)) / rate
    return np.round(32767 * peak * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


def test_full_scale_sine_is_zero() -> None:
    """A sine of full amplitude measures 0 dBFS, half of it 6 dB less."""
    assert pcm.level(sine(400, 1, peak=1)) == pytest.approx(0, abs=0.01)
    assert pcm.level(sine(400, 1, peak=0.5)) == pytest.approx(-6.02, abs=0.01)


def test_silence_has_the_floor() -> None:
    """Zeros, and nothing at all, measure the floor."""
    assert pcm.level(pcm.SILENCE) == pcm.FLOOR
    assert pcm.level(np.zeros(0, np.int16)) == pcm.FLOOR


def test_levels_of_a_batch_are_those_of_its_rows() -> None:
    """The batch gives for each row what the single measure gives."""
    batch = np.stack([sine(500, 0.02, peak=peak) for peak in (0.01, 0.1, 1.0)] + [pcm.SILENCE])
    assert pcm.levels(batch) == pytest.approx([pcm.level(row) for row in batch], abs=1e-3)


def test_gain_clips() -> None:
    """6 dB doubles; what passes full scale stays there."""
    assert pcm.gain(np.array([1000, -1000, 30000, -30000], np.int16), 6.0206).tolist() == [2000, -2000, 32767, -32768]
    assert pcm.gain(pcm.SILENCE, 0) is pcm.SILENCE


def test_mix_adds_and_clips() -> None:
    """Parts of different length are added sample by sample."""
    parts = [np.array([1, 2, 30000], np.int16), np.array([10, -20, 30000, 5], np.int16)]
    assert pcm.mix(parts).tolist() == [11, -18, 32767, 5]
    assert pcm.mix([]).size == 0


RATES = [8000, 11025, 16000, 22050, 24000, 44100, 48000]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("to_rate", [8000, 16000, 48000])
def test_resampling_keeps_a_tone_in_place(rate: int, to_rate: int) -> None:
    """A 1 kHz sine comes out as the same sine, at the same moment, at any pair of rates."""
    got = pcm.resample(sine(1000, 0.48, rate), rate, to_rate)
    want = sine(1000, 0.48, to_rate)
    assert abs(got.size - want.size) <= 1
    inside = slice(to_rate // 100, -to_rate // 100)
    size = min(got.size, want.size)
    error = got[:size][inside].astype(float) - want[:size][inside]
    assert np.sqrt(np.mean(error**2)) < 6  # of an amplitude of 9830


@pytest.mark.parametrize("hz", [4600, 6000, 12000, 20000])
def test_what_would_alias_is_gone(hz: float) -> None:
    """A tone above the new Nyquist frequency leaves nothing behind."""
    assert pcm.level(pcm.resample(sine(hz, 0.5, 48000, 1.0), 48000, 8000)[80:-80]) < -65


def test_constant_stays_constant() -> None:
    """Every phase of the filter has the same gain for direct current."""
    steady: npt.NDArray[np.int16] = np.full(4000, 12345, np.int16)
    assert set(pcm.resample(steady, 44100, 8000)[100:-100].tolist()) == {12345}


def test_resampling_nothing() -> None:
    """No samples give no samples; equal rates give the samples themselves."""
    nothing = np.zeros(0, np.int16)
    assert pcm.resample(nothing, 48000, 8000).size == 0
    assert pcm.resample(pcm.SILENCE, 8000, 8000) is pcm.SILENCE


@pytest.mark.parametrize(
    "rates", [(8000, 8000), (16000, 8000), (48000, 8000), (8000, 16000), (8000, 48000), (48000, 16000)]
)
def test_streaming_has_no_seams(rates: tuple[int, int]) -> None:
    """Frame by frame it gives what the whole array gives, a little later."""
    rate, to_rate = rates
    speech = (np.random.default_rng(1).normal(0, 3000, rate // 2)).astype(np.int16)
    resampler = Resampler(rate, to_rate)
    size = rate // 50
    streamed = np.concatenate([resampler.push(speech[at : at + size]) for at in range(0, speech.size, size)])
    whole = pcm.resample(speech, rate, to_rate)
    assert streamed.size == whole.size
    late = round(resampler.delay * to_rate)
    assert resampler.delay <= 0.0025
    apart = streamed[late:].astype(int) - whole[: whole.size - late]
    assert np.abs(apart).max() <= 1  # sums in another order round otherwise


def test_streaming_takes_whole_factors_only() -> None:
    """44.1 kHz to 8 kHz is refused."""
    with pytest.raises(ValueError, match="multiple"):
        Resampler(44100)
