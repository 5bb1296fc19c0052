"""Whatever the compiled functions are given: an answer or an error, and no byte beyond what is there.

Arrays of fitting and of other shapes, with numbers that mean something and with any; the sanitizers see the rest
(test_native_sanitized.py).
"""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from botkit.media import bands, native  # bands: tells the module what it knows
from botkit.media.codec import PCMU
from botkit.media.vad import new_detector, webrtcvad_process

pytestmark = pytest.mark.needs("native")

assert bands.BANDS == 16
ODD = [None, -1, 1 << 62, 1 << 70, -(1 << 63), math.nan, math.inf, "x", b"", [], ()]
STRANGE = [math.nan, math.inf, -math.inf, 0, 1e30, -1e30, 1e-40, -45, 5]
ANSWERS = (ValueError, TypeError, OverflowError, BufferError)

Asked = tuple[Callable[..., Any], list[Any]]


class Draw:
    """Arguments, by chance."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.speeches: list[Any] = []

    def one(self, *of: Any) -> Any:
        return of[int(self.rng.integers(len(of)))]

    def upto(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def rarely(self, share: float = 0.05) -> bool:
        return bool(self.rng.random() < share)

    def size(self) -> int:
        return self.one(0, 1, 2, 40, self.upto(0, 12), self.upto(0, 12))

    def about(self, size: int) -> int:
        """As a rule just that."""
        return max(0, size + self.one(-1, 1, 5)) if self.rarely(0.02) else size

    def floats(self, *shape: int, dtype: str = "f4") -> Any:
        with np.errstate(over="ignore"):
            return self.one(
                lambda: self.rng.normal(-20, 20, shape),
                lambda: np.zeros(shape),
                lambda: self.rng.choice(STRANGE, shape),
                lambda: self.rng.normal(0, 1e4, shape),
            )().astype(dtype)

    def ints(self, shape: Any, end: int, begin: int = 0, dtype: Any = np.int64) -> Any:
        """From `begin` on and below `end`, and rarely any."""
        limits = np.iinfo(dtype)
        low, high = (limits.min, limits.max) if self.rarely(0.04) else (begin, max(begin, end - 1))
        return self.rng.integers(low, high, shape, dtype, endpoint=True)

    def octets(self, *shape: int, dtype: Any = np.uint8) -> Any:
        return self.ints(shape, np.iinfo(dtype).max, np.iinfo(dtype).min, dtype)

    def flags(self, *shape: int) -> Any:
        return self.rng.random(shape) < self.rng.random()

    def spoilt(self, given: list[Any]) -> list[Any]:
        """As a rule the same; else one of them is another, of another shape, missing, or not to be written to."""
        if not self.rarely(0.2):
            return given
        place = self.upto(0, len(given) - 1)
        was = given[place]
        instead = [[self.one(*ODD)], []]
        if isinstance(was, np.ndarray):
            locked = was.copy()
            locked.flags.writeable = False
            instead += [[was.ravel()], [was[::2]], [was[: len(was) // 2]], [locked], [np.zeros(was.shape, "f2")]]
        return given[:place] + self.one(*instead) + given[place + 1 :]

    # --- what each function is asked ---

    def of_frames(self) -> Asked:
        n, of = self.size(), native.module
        end, kept = self.upto(1, 6), self.one(1, 3, 7)
        slots, columns = self.ints(n, end), self.one(0, 1, 8, 9, 16, 17, 24, 40)
        payloads = [bytes(self.one(160, 160, 160, self.upto(0, 200))) for _ in range(n)]
        places = [self.upto(-1 if self.rarely() else 0, max(n - 1, 0)) for _ in range(self.upto(0, n))]
        return self.one(
            (of.fed, [array("q", slots.tolist()), self.floats(end, dtype="f8"), self.upto(-1, 4),
                      self.one(0.0, 1e9), 0.5]),
            (of.sorted, [slots, self.floats(n, dtype="f8"), payloads, places, places, np.empty(self.about(n), np.int64),
                         np.empty(n), np.empty(n, np.bool_), np.empty(self.about(n), np.bool_)]),
            (of.turns, [slots, np.empty(self.about(n), np.int64)]),
            (of.decoded, [payloads, slots, [self.one(PCMU, PCMU, PCMU, None)] * end, PCMU, PCMU.values,
                          np.empty((self.about(n), 160), np.uint8), np.empty((n, 160), np.int16)]),
            (of.bank_hear, [self.octets(n, self.about(160), dtype=np.int16), self.floats(80, 2 * columns),
                            np.empty((n, 2, self.about(columns)), "c8"), np.empty((n, 2), "f4")]),
            (of.levels, [self.floats(n, 2), self.one(1e10, 0.0, math.nan), self.one(1.0, -1.0),
                         np.empty(self.about(n), "f4")]),
            (of.edges, [slots, self.floats(n, dtype="f8"), self.floats(self.about(n)), -45.0, self.flags(end)]),
            (of.remember, [slots, self.octets(n, 160), self.floats(n, dtype="f8"), np.zeros((end, kept, 160), np.uint8),
                           np.zeros((end, self.about(kept))), self.ints(end, 20), np.zeros(self.about(end))]),
            (of.bands_of_frames, [slots, self.octets(n, 160, dtype=np.int16), self.floats(end, self.about(96)),
                                  np.empty((self.about(n), 16), np.uint8)]),
            (of.is_tone, [self.octets(160 * self.upto(0, 13) + self.one(0, 0, 0, 1), dtype=np.int16)]),
        )  # fmt: skip

    def of_digits(self) -> Asked:
        n, end, columns = self.size(), self.upto(1, 6), self.upto(8, 30)
        slots, energy, z = self.ints(n, end), self.floats(n, 2), self.floats(n, 2, 16).view("c8")
        wanted = [
            self.floats(n, 2, 2 * self.about(columns)).view("c8"), self.ints(8, columns), energy, slots,
            self.ints(n, 2), self.flags(end), 5.0, np.empty((n, 2, self.about(8)), "c8"), np.empty(n, np.bool_),
        ]  # fmt: skip
        keep = [slots, self.floats(n, dtype="f8"), z, energy, 0.01, np.zeros((self.about(end), 8), "c8"),
                np.zeros(end, "f4"), np.zeros(end)]  # fmt: skip
        return self.one((native.module.digits_wanted, wanted), (native.module.digits_keep, keep))

    def of_prompts(self) -> Asked:
        n, slots, ring, size = self.size(), self.upto(1, 8), self.one(33, 40, 100), self.size()
        here = self.upto(0, slots)
        begins = np.array([0, *sorted(self.ints(self.upto(0, 3), size + 1)), size])
        take_in = [
            self.ints(n, slots), self.ints(n, 2), self.floats(n, dtype="f8"), self.octets(n, 160, dtype=np.int16),
            self.flags(n), self.floats(n), self.flags(here), self.ints(here, 3), self.ints(here, 20),
            self.floats(self.one(here, slots, max(0, here - 1)), 96), np.zeros((slots, ring, 16), np.uint8),
            np.zeros((slots, self.about(ring))), np.zeros((slots, ring), np.bool_), np.zeros((slots, ring), "f4"),
            self.ints(slots, 300), self.ints(slots, 300), np.zeros(16, np.uint8), np.empty(self.about(n), np.int64),
            np.empty(n, np.int64),
        ]  # fmt: skip
        patches = [self.octets(slots, self.one(1, ring), 16), self.ints(n, slots), self.ints(n, 400, 32),
                   self.floats(6, 32), self.floats(16, 7), 4e4, np.empty((n, self.about(42)), "f4")]  # fmt: skip
        likely = [self.floats(n, 42), self.floats(7, 42), self.floats(-(-size // 16), 8, 16),
                  self.floats(self.about(size), 42), begins, self.ints(size, 99), self.one(0.9, 0.0, -1.0)]  # fmt: skip
        of = native.module
        return self.one((of.prompts_take_in, take_in), (of.patches_in, patches), (of.likely, likely))

    def of_samples(self) -> Asked:
        ups, taps, down, n = self.one(1, 2, 6), self.one(1, 2, 7, 64), self.one(1, 2, 6, 7), self.one(0, 1, 5, 160, 960)
        out = np.empty(self.about(-(-n // down) * ups), np.int16)
        given = [self.floats(self.about(taps - 1)), self.octets(n, dtype=np.int16), self.floats(ups, taps), down, out]
        return native.module.resample, given

    def of_alignment(self) -> Asked:
        """A prompt, as a rule laid where it was heard, with a slip in it."""
        slots, ring, size = self.upto(1, 3), self.one(40, 64, 200, 400), self.one(1, 5, 16, 30, 64, 100, 170, 250)
        first = self.upto(0, size - 1)
        prompt, heard, slot = self.octets(size, 16), self.octets(slots, ring, 16), self.upto(0, slots - 1)
        count = self.one(1, 5, ring - 1, ring, ring + 7, self.upto(1, 5 * ring))
        start = self.one(count - size, count - size // 2, count - 5, count + 5, 0, -5, self.one(1 << 39, -(1 << 62)))
        if not self.rarely(0.2):
            own = np.arange(size) - (np.arange(size) > self.upto(0, 2 * size)) * self.upto(0, 3)
            heard[slot, (start + np.arange(size)) % ring] = prompt[np.maximum(own, 0)]
        marks = self.one(np.full(size, 7, np.uint8), self.ints(size, 8, dtype=np.uint8))
        before = np.concatenate(([0], np.cumsum(marks & 4 > 0))).astype(np.int32)
        loud = np.full((slots, ring), -20, "f4")
        sheet = [np.stack([prompt] * self.upto(1, 6)), self.one(np.full(size, -20, "f4"), self.floats(size)), marks,
                 before, first, self.upto(first, size - 1), -18.0, self.one(6.0, 6.0, 6.0, 1e-300)]  # fmt: skip
        given = [
            heard, self.one(np.ones((slots, ring), np.bool_), self.flags(slots, ring)),
            self.one(loud, self.floats(slots, ring)), self.floats(slots, ring, dtype="f8"), slot, count,
            tuple(self.spoilt(sheet)), start, self.one(0.0, 0.005, -0.01, *STRANGE[:3]),
            self.one(0.0, 3.0, -40.0, *STRANGE[:3]),
        ]  # fmt: skip
        end, of = self.one(first, self.upto(-40, size + 40)), native.module
        ask = self.one(of.place_by_patch, of.place_by_all, of.likeness, of.score, of.beginning)
        return ask, [*given, end, self.upto(-5, size)] if ask is of.beginning else [*given, end]

    def of_speech(self) -> Asked:
        of = native.module.Speech
        if len(self.speeches) < 4 or self.rarely(0.02):
            new = [
                webrtcvad_process, new_detector(self.upto(0, 3)), self.one(0.1, -1.0, math.nan),
                self.one(0.3, math.nan), self.one(-45.0, -100.0, math.nan), self.one(0, 1, 2, 1000),
            ]  # fmt: skip
            self.speeches = [*self.speeches[-5:], of(*new)]
        n = self.size()
        tone = (3000 * np.sin(np.arange(n * 160) * self.rng.random())).astype(np.int16).reshape(n, 160)
        frames = self.one(self.octets(n, 160, dtype=np.int16), tone, np.zeros((n, 160), np.int16))
        times = self.one(self.upto(0, 9) + np.arange(n) * 0.02, self.floats(n, dtype="f8"))
        levels = self.one(np.full(n, -20, "f4"), self.floats(n))
        slots = self.one(np.zeros(n, np.int64), self.ints(n, 5))
        if self.rarely(0.1):
            return self.speeches[0].judge, [bytes(self.one(320, 320, 319, 0)), 1.0, self.one(-10.0, math.nan)]
        return of.hear_all, [[*self.speeches[-4:], self.one(None, None, None, 3)], slots, frames, times, levels]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_they_are_given(seed: int) -> None:
    """Every function answers, and refuses; what is refused is said by an error that says so."""
    draw = Draw(seed)
    answered: set[str] = set()
    refused: set[str] = set()
    for _ in range(1500):
        ask = draw.one(
            draw.of_frames, draw.of_digits, draw.of_prompts, draw.of_samples, draw.of_alignment, draw.of_alignment
        )
        function, given = (draw.of_speech if draw.rarely(0.1) else ask)()
        told = refused
        with contextlib.suppress(*ANSWERS):
            function(*draw.spoilt(given))
            told = answered
        told.add(function.__name__)
    assert len(answered) == len(refused) == 23
