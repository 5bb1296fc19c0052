"""The compiled alignment against the one in Python: the same places, beginnings and scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.media import native
from botkit.media.alignment import Alignment
from botkit.media.band_ring import RING, BandRing, BandStore
from botkit.media.bands import bands_of_sound
from botkit.media.codec import PCMA
from botkit.media.native_alignment import NativeAlignment
from botkit.media.pcm import Pcm, gain, levels
from botkit.media.prompt import load
from botkit.media.reference import Reference, reference_of_file
from tests.media.sounds import babble, joined, noise

pytestmark = pytest.mark.needs("native")

AUDIO = Path(__file__).parent.parent.parent / "audio"
UNLIKE = 0.4
"""Likeness below which nobody goes to a place: there, many are alike, and chance says which of them is best."""

FILES = sorted(file for file in AUDIO.glob("*.wav") if file.stem != "beep")


def ring_of(pcm: Pcm, rng: np.random.Generator, lost: float, slot: int) -> BandRing:
    """What a call heard of a sound, some of it lost, in one of several slots."""
    store = BandStore(3)
    ring = BandRing(store, slot)
    frames = pcm[: pcm.size // 160 * 160].reshape(-1, 160)
    for bands, level, at in zip(bands_of_sound(frames.ravel()), levels(frames), np.arange(len(frames)), strict=True):
        if rng.random() < lost:
            ring.lost(at * 0.02)
        else:
            ring.push(bands, at * 0.02, float(level), clear=rng.random() > lost / 2)
    return ring


def scenes(rng: np.random.Generator) -> Iterator[tuple[BandRing, Reference, int]]:
    """Something heard, a prompt, and the ring's frame on which it begins (if it does)."""
    for number, file in enumerate(FILES):
        reference, said = reference_of_file(file), load(file).pcm(8000)
        other = load(FILES[number - 1]).pcm(8000)
        cut = int(rng.integers(0, 8000))
        pieces = {
            "whole": (said, 0),
            "late": (said[cut:], -cut // 160),
            "broken off": (joined(said[: said.size // 2], np.zeros(16000, np.int16)), 0),
            "gone on as another": (joined(said[: said.size // 2], other), 0),
            "slipped": (joined(said[: said.size // 2], said[said.size // 2 + 400 :]), 0),
            "another": (other, 0),
            "babble": (babble(3.0, seed=number), 0),
        }
        for sound, start in pieces.values():
            quiet = int(rng.integers(0, 120))
            heard = joined(noise(quiet * 0.02, -70), gain(sound, float(rng.uniform(-15, 12))), noise(0.5, -70))
            heard = PCMA.decode(PCMA.encode(heard))
            yield ring_of(heard, rng, float(rng.choice([0, 0.03, 0.2])), number % 3), reference, quiet + 32 + start


def same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return all(math.isclose(a, b, abs_tol=2e-3) for a, b in zip(np.atleast_1d(one), np.atleast_1d(other), strict=True))


def compared(ring: BandRing, reference: Reference, start: int, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """All that both say of one place, and where they are after it."""
    offset, louder = float(rng.uniform(-0.01, 0.01)) * float(rng.integers(0, 2)), float(rng.uniform(-20, 15))
    pair = [kind(ring, reference, start, offset, louder) for kind in (Alignment, NativeAlignment)]
    end = int(rng.integers(8, reference.size + 12))
    first = int(rng.integers(reference.first, reference.last))
    said = []
    for ask in (
        lambda one: one.likeness(first),
        lambda one: one.is_like(first, 0.6),
        lambda one: one.beginning(end - 31, end),
        lambda one: one.place_by_patch(end),
        lambda one: one.beginning(end - 31, end),
        lambda one: one.score(first),
        lambda one: one.place_by_all(first),
        lambda one: one.score(reference.first),
        lambda one: one.beginning(reference.first, reference.last),
    ):
        said.append(tuple(ask(one) for one in pair))
        if pair[0].likeness(first) > UNLIKE:
            said.append(tuple((one.start, one.offset, one.louder) for one in pair))
        pair[1].start, pair[1].offset, pair[1].louder = pair[0].start, pair[0].offset, pair[0].louder
    return said


def test_the_same_as_in_python() -> None:
    """Whatever is heard and wherever a prompt is laid over it, both say the same of it."""
    rng = np.random.default_rng(7)
    asked = different = 0
    for ring, reference, start in scenes(rng):
        for until in (ring.count, int(rng.integers(33, ring.count))):
            for begin in (start, start + int(rng.integers(-4, 5)), int(rng.integers(-40, ring.count))):
                for one, other in compared(ring.until(until), reference, begin, rng):
                    asked += 1
                    different += not same(one, other)
    assert asked > 5000
    assert different == 0


def test_across_the_seam_of_the_ring() -> None:
    """The same where the ring has come round, and where it has forgotten the prompt's beginning."""
    rng = np.random.default_rng(3)
    reference, said = reference_of_file(FILES[0]), load(FILES[0]).pcm(8000)
    before = RING - 32 - said.size // 320
    heard = joined(np.zeros(before * 160, np.int16), said, said)
    ring = ring_of(heard, rng, 0.02, 1)
    for start in (before + 32, before + 30, ring.count - RING - 20, before + 32 + said.size // 160):
        for _ in range(20):
            assert all(same(one, other) for one, other in compared(ring, reference, start, rng))


@pytest.mark.parametrize(
    "wrong",
    [
        {4: 3},
        {4: -1},
        {5: 0},
        {5: 1 << 60},
        {7: 1 << 60},
        {7: -(1 << 62)},
        {0: np.zeros((3, RING, 8), np.uint8)},
        {0: np.zeros((3, RING, 16), np.float32)},
        {1: np.zeros((2, RING), np.bool_)},
        {2: np.zeros((3, RING)), 3: np.zeros((3, 8))},
        {6: ()},
        {6: None},
        {8: "no"},
        {10: 1 << 40},
        {10: None},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[int, Any]) -> None:
    """Arrays that do not belong together, slots and frames that are not there: an error, and nothing is read."""
    reference = reference_of_file(FILES[0])
    ring = ring_of(load(FILES[0]).pcm(8000), np.random.default_rng(0), 0.0, 1)
    good = [*ring.whole(), reference.sheet, 32, 0.0, 0.0, 40]
    native.module.place_by_patch(*good)
    bad = [wrong.get(index, part) for index, part in enumerate(good)]
    with pytest.raises((TypeError, ValueError, OverflowError)):
        native.module.place_by_patch(*bad)
    with pytest.raises(TypeError):
        native.module.score(*good, 1)
