"""The last minute of a call, as features."""

import numpy as np

from botkit.media.band_ring import RING, BandRing
from botkit.media.bands import BANDS, SILENT_BANDS
from botkit.media.reference import PATCH


def filled(count: int) -> BandRing:
    """A ring that heard `count` frames from second 10 on; frame k of them has features of k modulo 251."""
    ring = BandRing()
    for number in range(count):
        ring.push(np.full(BANDS, number % 251, np.uint8), 10 + number * 0.02, -20.0)
    return ring


def test_it_begins_in_silence() -> None:
    """Before the first frame there was silence, for as long as a patch is."""
    ring = filled(1)
    assert ring.count == PATCH + 1
    assert (ring.window(PATCH - 1) == SILENT_BANDS).all()
    assert ring.time_of(PATCH) == 10.0
    assert abs(ring.time_of(0) - (10 - PATCH * 0.02)) < 1e-9
    assert not ring.loud(0, PATCH).any()


def test_what_is_lost_keeps_its_place() -> None:
    """A lost frame takes its time, repeats the one before, and counts for nothing."""
    ring = filled(3)
    ring.lost(10.06)
    ring.push(np.full(BANDS, 9, np.uint8), 10.08, -20.0)
    heard, clear = ring.heard(PATCH + 2, PATCH + 5)
    assert heard[:, 0].tolist() == [2, 2, 9]
    assert clear.tolist() == [True, False, True]
    assert ring.time_of(PATCH + 4) == 10.08


def test_it_goes_round() -> None:
    """Only the last frames are kept; windows that lie across the seam are whole, older frames are not there."""
    ring = filled(RING + 100)
    assert ring.oldest == 100 + PATCH
    for end in (ring.count - 1, RING + 3):
        numbers = (np.arange(end - PATCH + 1, end + 1) - PATCH) % 251
        assert (ring.window(end)[:, 0] == numbers).all()
    assert not ring.heard(ring.oldest - 1, ring.oldest)[1].any()
    assert not ring.heard(ring.count, ring.count + 1)[1].any()
    assert ring.heard(ring.oldest, ring.oldest + 1)[1].all()


def test_as_it_was() -> None:
    """What it was when fewer frames had been heard lacks the others; it is itself where nothing is lacking."""
    ring = filled(RING + 100)
    assert ring.until(ring.count) is ring
    before = ring.until(ring.count - 5)
    end = ring.count - 5
    assert before.count == end
    assert before.heard(end - 2, end + 2)[1].tolist() == [True, True, False, False]
    assert before.loud(end - 2, end + 2).tolist() == [True, True, False, False]
    assert np.array_equal(before.heard(end - 9, end)[0], ring.heard(end - 9, end)[0])
