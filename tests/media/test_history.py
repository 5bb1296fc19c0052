"""The last seconds of what one call heard."""

import numpy as np
import pytest

from botkit.media.codec import PCMU
from botkit.media.history import KEPT, History


def frame(value: int) -> bytes:
    return PCMU.encode(np.full(160, value, np.int16))


def filled(count: int) -> History:
    history = History()
    for number in range(count):
        history.append(frame(100 + 8 * (number % 500)), number * 0.02)
    return history


@pytest.mark.parametrize("count", [0, 1, 7, KEPT, KEPT + 1, 2 * KEPT + 300])
def test_the_last_frames_are_kept(count: int) -> None:
    """The last twenty seconds, oldest first, each with its time."""
    history = filled(count)
    kept = list(history)
    assert len(kept) == len(history) == min(count, KEPT)
    assert [one.at for one in kept] == [number * 0.02 for number in range(max(0, count - KEPT), count)]
    for one in kept[:: max(1, len(kept) // 10)]:
        number = round(one.at / 0.02)
        assert one.pcm.shape == (160,)
        assert one.pcm.tobytes() == PCMU.decode(frame(100 + 8 * (number % 500))).tobytes()


@pytest.mark.parametrize("count", [50, KEPT + 50])
def test_a_part_of_it(count: int) -> None:
    """The frames that began in a span of time."""
    history = filled(count)
    begin = (count - 20) * 0.02
    times, pcm = history.between(begin - 0.001, begin + 0.099)
    assert times.tolist() == pytest.approx([begin + index * 0.02 for index in range(5)])
    assert pcm.shape == (5, 160)
    assert history.between(start=1e9)[1].shape == (0, 160)
