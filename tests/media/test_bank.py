import numpy as np
import pytest

from botkit.media import tone
from botkit.media.bank import Bank
from tests.media.sounds import babble, frames, noise, silence


def test_shares_of_a_tone() -> None:
    """A tone has all of its own frequency's share and little of the others'."""
    bank = Bank([440, 1000, 2000])
    shares = bank.hear(frames(tone.tone(1000, 0.2, ramp=0))).shares()
    assert shares.shape == (10, 3)
    assert shares[:, 1].min() > 0.999
    assert shares[:, [0, 2]].max() < 0.02


def test_shares_never_pass_one() -> None:
    """A projection explains no more than there is."""
    bank = Bank([65, 100, 3900, 440])
    shares = bank.hear(np.concatenate((frames(noise(2)), frames(babble(2)), frames(silence(0.1))))).shares()
    assert shares.min() >= 0
    assert shares.max() <= 1.001


def test_columns_stay_and_are_used_again() -> None:
    """A frequency keeps its column while anyone wants it; afterwards another may have it."""
    bank = Bank([440, 480])
    assert bank.want(440) == 0
    bank.unwant(0)
    assert bank.want(620) == 2
    bank.unwant(0)
    assert bank.want(1000) == 0
    assert bank.hear(frames(tone.tone(1000, 0.02, ramp=0))).shares()[0, 0] > 0.999
    assert bank.want(440) == 3


@pytest.mark.parametrize("hz", [0, -5, 4000, float("nan")])
def test_impossible_frequencies(hz: float) -> None:
    """What 8 kHz cannot carry is refused."""
    with pytest.raises(ValueError, match="cannot be heard"):
        Bank().want(hz)
