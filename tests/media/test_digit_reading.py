import random

import pytest

from botkit.media.bank import Bank
from botkit.media.digit_reading import BATCH_FROM, FREQUENCIES, KEYS, read
from botkit.media.dtmf import digits_tone
from botkit.media.tone import tone
from tests.media.sounds import babble, frames, joined, noise, summed


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_reads_as_one_by_one(seed: int) -> None:
    """Many windows at once read as each by itself, whatever is in them."""
    draw = random.Random(seed)
    sounds = [digits_tone("".join(draw.choices(KEYS, k=3)), length=0.06, gap=0.03) for _ in range(20)]
    sound = joined(*sounds, babble(3, seed=seed), noise(1), tone((697, 1209), 0.5, level=-30))
    hearing_bank = Bank(FREQUENCIES)
    heard = hearing_bank.hear(frames(summed(sound, noise(20, -45, seed=seed))))
    first, second = heard.z[:, 0, :8], heard.z[:, 1, :8]
    energy = heard.energy.sum(axis=1)
    assert len(first) > BATCH_FROM
    together = read(first, second, energy)
    alone = [read(first[row : row + 1], second[row : row + 1], energy[row : row + 1])[0] for row in range(len(first))]
    assert sum(one is not None for one in together) > 50
    assert [one and one.key for one in together] == [one and one.key for one in alone]
    for one, other in zip(together, alone, strict=True):
        if one is not None and other is not None:
            assert one[1:] == pytest.approx(other[1:], abs=0.01)
