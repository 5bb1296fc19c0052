"""A prompt as it is known to those who listen for it: the features of its frames, and what they are found by.

*Patches* find it: every 0.64 s of the prompt (`PATCH` frames), as the few lowest coefficients of a cosine
transform over time and bands, of unit length. Two patches are as like as their product says, whatever the
level and whatever lies between them; the product of one with all patches of all prompts is one operation.

*Frames* prove it: `likeness` correlates the features of heard frames with those of the prompt, band by band,
over any stretch. The right prompt at the right place gives 0.85 and more on all codecs; other words of the
same voice give below 0.5 over a second or two.
"""

from __future__ import annotations

import functools
import math
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from botkit.errors import ConfigError
from botkit.media import native
from botkit.media.bands import BANDS, SILENT_BANDS, Bands, bands_of_sound
from botkit.media.pcm import FRAME_SECONDS, HEARING_RATE, HEARING_SAMPLES, gain, levels
from botkit.media.prompt import Prompt, load

PATCH = 32
"""Frames of a patch: 0.64 s."""

_TIMES, _SHAPES = 6, 7
COEFFICIENTS = _TIMES * _SHAPES
"""Numbers in a patch."""

OVERHANG = 12
"""Frames of silence at either end of a prompt that a patch may hold: prompts come out of silence, as a rule."""

ACTIVE_RANGE = 35.0
"""dB below a prompt's loudest frame from which a frame belongs to it."""

STRONG_RANGE = 24.0
"""dB below the loudest frame down to which a frame cannot be missed."""

GAINS = (-18.0, -12.0, -6.0, 0.0, 6.0, 12.0)
"""dB by which a prompt may be played louder than its file, evenly spaced. Softer, its soft sounds are lost; louder,
it is clipped."""

SHORT = 48
"""Frames of a prompt below which a patch holds much of it: there are patches of it with its beginning cut off, too."""

CUTS = (0.25, 0.45)
"""Shares of a short prompt that are cut off in those."""

SAME = 0.9
"""Product of two patches of a prompt from which nobody can tell by them which of the two is heard."""

SHORTEST = 0.3
"""Seconds of sound that a prompt needs to be told from others."""

LONGEST = 3000
"""Frames of a prompt that are looked at: a minute tells it from any other. After that it goes on as long as there is
sound (`Reference.beyond`)."""

COUNTED, STRONG, ACTIVE = 1, 2, 4
"""Bits by which a compiled twin knows a frame to be compared, one that cannot be missed, and one that is sound."""

Vector = npt.NDArray[np.float32]
Patches = npt.NDArray[np.float32]
"""Patches, shape (n, COEFFICIENTS), each of unit length at most."""

Sheet = tuple[Bands, Vector, npt.NDArray[np.uint8], npt.NDArray[np.int32], int, int, float, float]
"""Features at each gain, shape (gains, size, BANDS); levels of the frames; their marks; how many of sound are before
each; the first one of sound and the last; the lowest gain and the step to the next."""


def _cosines(size: int, count: int) -> Patches:
    """The first `count` rows of the cosine transform (DCT-II) over `size` points."""
    angles = np.pi * (np.arange(size)[None, :] + 0.5) * np.arange(count)[:, None] / size
    rows: Patches = (np.sqrt(2 / size) * np.cos(angles)).astype(np.float32)
    return rows


# Low coefficients of speech are larger than high ones by a power law in either direction. Half of it is taken back,
# so that the high ones, which tell words apart, have their say.
_OVER_TIME = _cosines(PATCH, _TIMES + 1)[1:] * np.sqrt(1 + 0.18 * np.arange(_TIMES, dtype=np.float32))[:, None]
_OVER_BANDS = (_cosines(BANDS, _SHAPES) * (1 + np.arange(_SHAPES, dtype=np.float32))[:, None] ** 0.57).T.copy()

_QUIET = np.float32(4e4)
"""Squared length of a patch in which nothing happens: noise shall look like nothing."""


def patches_of(windows: Bands | Vector) -> Patches:
    """The patches of stretches of `PATCH` frames each, shape (n, PATCH, BANDS)."""
    shapes = windows.astype(np.float32) @ _OVER_BANDS
    flat: Patches = np.matmul(_OVER_TIME, shapes).reshape(len(windows), COEFFICIENTS)
    flat /= np.sqrt(np.vecdot(flat, flat) + _QUIET)[:, None]
    return flat


def _patches_in_python(rings: Bands, slots: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]) -> Patches:
    """The patches of what some slots had heard last when each had heard so many frames; the features that each heard
    are in a ring, shape (slots, frames, BANDS)."""
    places = (counts[:, None] + np.arange(-PATCH, 0)) % rings.shape[1]
    return patches_of(rings[slots[:, None], places])


def _patches_in_c(rings: Bands, slots: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]) -> Patches:
    patches = np.empty((len(slots), COEFFICIENTS), np.float32)
    native.module.patches_in(rings, slots, counts, _OVER_TIME, _OVER_BANDS, float(_QUIET), patches)
    return patches


patches_in = _patches_in_c if native.AVAILABLE else _patches_in_python


def likeness(prompt: Vector, heard: Vector) -> float:
    """How alike two stretches of features are, shape (n, BANDS) each: their correlation, -1 to 1.

    Each band's own mean is taken away first, so that neither a telephone's colour nor a voice's average counts.
    """
    if len(prompt) < 2:
        return 0.0
    ours, theirs = centred(prompt).ravel(), centred(heard).ravel()
    return float(np.dot(ours, theirs)) / (math.sqrt(float(np.dot(ours, ours)) * float(np.dot(theirs, theirs))) + 1.0)


def centred(features: Vector) -> Vector:
    """Features without each band's mean."""
    without: Vector = features - np.add.reduce(features, axis=0) * np.float32(1 / len(features))
    return without


class Reference:
    """One prompt to listen for. Ask `reference_of` for it; it is shared by all calls and never changes."""

    def __init__(self, prompt: Prompt) -> None:
        """Raises ConfigError for one that is too short, or silent."""
        self.path = prompt.path
        whole = prompt.pcm(HEARING_RATE)
        pcm = whole[: LONGEST * HEARING_SAMPLES]
        self._bands = [bands_of_sound(gain(pcm, db)) for db in GAINS]
        self._vectors: dict[int, Vector] = {}
        bands = self._bands[GAINS.index(0.0)]
        self.size = len(bands)
        """Frames."""
        framed = np.zeros((self.size, HEARING_SAMPLES), np.int16)
        framed.ravel()[: pcm.size] = pcm
        self.levels = loud = levels(framed)
        """dBFS of its frames, shape (size,)."""
        self.active = loud > max(float(loud.max()) - ACTIVE_RANGE, -55.0)
        """Which frames are sound, shape (size,)."""
        self.strong = loud > max(float(loud.max()) - STRONG_RANGE, -50.0)
        """Those of them that are heard through any line."""
        where = np.flatnonzero(self.active)
        if where.size * 0.02 < SHORTEST:
            raise ConfigError(
                f"{prompt.path} has {where.size * 0.02:.2f} s of sound: too little to be told from other prompts",
                hint=f"at least {SHORTEST} s are needed; `expect_tone` and `expect_sound` hear what is shorter",
            )
        self.first, self.last = int(where[0]), int(where[-1])
        """Its first frame of sound, and its last."""
        rest = whole[pcm.size : whole.size - whole.size % HEARING_SAMPLES].reshape(-1, HEARING_SAMPLES)
        after = np.flatnonzero(levels(rest) > max(float(loud.max()) - ACTIVE_RANGE, -55.0))
        self.beyond = (self.size + int(after[-1]) - self.last) * 0.02 if after.size else 0.0
        """Seconds that it goes on after `last`: the rest of one that is too long to be looked at as a whole."""
        self.counted = self.active if where.size >= PATCH else _around(self.active)
        """Which frames are compared: a short one needs the silence around it as well."""
        self.active_before = np.concatenate(([0], np.cumsum(self.active))).tolist()
        """How many frames of sound lie before each frame, and at last how many there are."""
        self.patches, self.ends = self._whole(bands)
        """Its patches, and the frame at which each ends."""
        if self.size < SHORT:
            for share in CUTS:
                cut = bands.copy()
                cut[: self.first + round(share * where.size)] = SILENT_BANDS
                patches, ends = self._whole(cut)
                self.patches, self.ends = np.concatenate((self.patches, patches)), np.concatenate((self.ends, ends))

    def _whole(self, bands: Bands) -> tuple[Patches, npt.NDArray[np.intp]]:
        silence = np.full((PATCH, BANDS), SILENT_BANDS, np.uint8)
        padded = np.concatenate((silence, bands, silence))
        ends = np.arange(min(PATCH - OVERHANG, self.size) - 1, self.size + min(OVERHANG, PATCH - 1))
        windows = np.lib.stride_tricks.sliding_window_view(padded, PATCH, axis=0).transpose(0, 2, 1)
        return patches_of(windows[ends + 1]), ends

    @functools.cached_property
    def sheet(self) -> Sheet:
        """What it is judged by, as the compiled twins take it (`native/laid.c`)."""
        marks = self.counted * COUNTED | self.strong * STRONG | self.active * ACTIVE
        return (
            np.stack(self._bands),
            self.levels,
            marks.astype(np.uint8),
            np.array(self.active_before, np.int32),
            self.first,
            self.last,
            GAINS[0],
            GAINS[1] - GAINS[0],
        )

    def __repr__(self) -> str:
        return f"<Reference {self.path.name}>"

    def bands(self, db: float) -> Vector:
        """Its features when it is played louder by `db`, shape (size, BANDS)."""
        index = min(max(round((db - GAINS[0]) / (GAINS[1] - GAINS[0])), 0), len(GAINS) - 1)
        vector = self._vectors.get(index)
        if vector is None:  # few prompts are ever heard at all levels
            vector = self._vectors[index] = self._bands[index].astype(np.float32)
        return vector

    def repeats(self, end: int, other: int) -> bool:
        """Whether it sounds the same up to either of two frames, as music that is looped within its file does."""
        first = int(self.ends[0])
        if not first <= min(end, other) <= max(end, other) <= self.size:
            return False
        return float(self.patches[end - first] @ self.patches[other - first]) > SAME

    def strong_before(self, seconds: float) -> int:
        """How many frames that cannot be missed begin before so many seconds of it."""
        return int(self.strong[: max(math.ceil(seconds / FRAME_SECONDS), 0)].sum())

    @property
    def duration(self) -> float:
        """Seconds from the first sound to the last."""
        return (self.last + 1 - self.first) * 0.02


def _around(active: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    counted = active.copy()
    for _ in range(3):
        counted[1:] |= counted[:-1].copy()
        counted[:-1] |= counted[1:].copy()
    return counted


_known: dict[Path, tuple[Prompt, Reference]] = {}
_making = threading.Lock()


def reference_of(prompt: Prompt) -> Reference:
    """The reference of a prompt, made once. Takes milliseconds: from a thread, not on the beat.

    Raises ConfigError for a prompt that is too short to be recognised.
    """
    with _making:
        known = _known.get(prompt.path)
        if known is None or known[0] is not prompt:  # the file has changed
            known = _known[prompt.path] = (prompt, Reference(prompt))
        return known[1]


def reference_of_file(path: Path) -> Reference:
    """The reference of an audio file. Raises ConfigError as `botkit.media.prompt.load` does, and as `reference_of`."""
    return reference_of(load(path))
