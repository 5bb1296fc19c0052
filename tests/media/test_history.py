"""The last seconds of what one call heard."""

import numpy as np
import pytest

from botkit.media.codec import PCMU
from botkit.media.history import KEPT, History, HistoryStore


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


def test_calls_side_by_side() -> None:
    """Frames of many calls that are taken in together, some of one call at once, are what each would have alone."""
    store = HistoryStore(0)
    calls, alone = [], []
    for number in range(40):
        if number % 4 == 0:  # calls come while others are heard
            calls.append(History(store, len(calls)))
            alone.append(History())
        for _ in range(30):
            slots = np.repeat(np.arange(len(calls)), 1 + np.arange(len(calls)) % 3)
            turns = np.concatenate([np.arange(1 + slot % 3) for slot in range(len(calls))])
            times = np.array([alone[slot].until + 0.02 * turn for slot, turn in zip(slots, turns, strict=True)])
            octets = np.array([[slot, turn] * 80 for slot, turn in zip(slots, turns, strict=True)], np.uint8)
            store.append(slots, octets, times, turns)
            for slot, row, at in zip(slots.tolist(), octets, times.tolist(), strict=True):
                alone[slot].append(row.tobytes(), at)
    assert len(alone[2]) == KEPT
    for one, other in zip(calls, alone, strict=True):
        assert (one.since, one.until, len(one)) == (other.since, other.until, len(other))
        for its, theirs in zip(one.between(), other.between(), strict=True):
            assert its.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("count", [0, 5, KEPT + 50])
def test_kept_elsewhere(count: int) -> None:
    """What was remembered goes along, and what is heard from then on is no more the old one's."""
    history = filled(count)
    store = HistoryStore(0)
    moved = history.moved(store, 3)
    moved.append(frame(8), count * 0.02)
    assert [one.at for one in moved] == [*[one.at for one in history][-KEPT + 1 :], count * 0.02]
    assert len(history) == min(count, KEPT)
    assert moved.since == 0.0
    back = moved.moved()
    store.begin(3)
    assert [one.pcm.tobytes() for one in back] == [
        *[one.pcm.tobytes() for one in history][-KEPT + 1 :],
        PCMU.decode(frame(8)).tobytes(),
    ]


def test_from_when_to_when() -> None:
    """It tells when the first frame of all was heard, and when the last one was over."""
    history = History()
    assert history.since is None
    assert history.until == 0.0
    for number in range(KEPT + 7):
        history.append(frame(0), 5.0 + number * 0.02)
    assert history.since == 5.0
    assert history.until == pytest.approx(5.0 + (KEPT + 7) * 0.02)
