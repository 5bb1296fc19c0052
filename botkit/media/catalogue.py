"""All prompts that a process listens for, as one: which of them a heard patch is like.

One product of what was heard with the patches of all prompts tells it. The compiled twin does less: of each patch it
has a *sketch*, what it is along the seven axes along which patches differ most, and the length of what is left of it.
The product of two patches is at most that of their sketches (Cauchy and Schwarz), and next to none of all patches have
so much; only those are multiplied as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from botkit.media import native
from botkit.media.match import LIKELY
from botkit.media.reference import COEFFICIENTS, Patches, Reference

AXES = 7
BLOCK = 16
"""Patches whose sketches lie side by side."""


class Catalogue:
    """The patches of some prompts."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self.references = references
        counts = [len(reference.patches) for reference in references]
        self.begins = np.concatenate((np.zeros(1, np.intp), np.cumsum(counts, dtype=np.intp)))
        """Where those of each prompt begin, and where all end."""
        self.patches: Patches = np.zeros((0, COEFFICIENTS), np.float32)
        """All of them, shape (n, COEFFICIENTS)."""
        self.ends = np.zeros(0, np.intp)
        """The frame of its prompt at which each ends."""
        if references:
            self.patches = np.concatenate([reference.patches for reference in references])
            self.ends = np.concatenate([reference.ends for reference in references])

    def likely(self, heard: Patches) -> list[tuple[int, int, int]]:
        """Of each heard patch, shape (n, COEFFICIENTS), the prompts that it is like: (row, number, end), in order.

        `number` is the prompt's among `references`, `end` the frame at which that patch of it ends that is most alike.
        """
        # A patch in which little happens is short: whatever its product with another is, it is no longer than that.
        eventful = np.flatnonzero(np.vecdot(heard, heard) > LIKELY**2)
        if not eventful.size or not self.references:
            return []
        alike = heard[eventful] @ self.patches.T
        best: dict[tuple[int, int], tuple[float, int]] = {}  # by row and prompt: how alike, and the patch
        hits = np.flatnonzero(alike > LIKELY)
        rows, columns = np.divmod(hits, alike.shape[1])
        numbers = np.searchsorted(self.begins, columns, "right") - 1
        likes = alike.ravel()[hits].tolist()
        for row, number, like, column in zip(
            eventful[rows].tolist(), numbers.tolist(), likes, columns.tolist(), strict=True
        ):
            if like > best.get((row, number), (LIKELY, 0))[0]:
                best[row, number] = like, column
        return [(row, number, int(self.ends[column])) for (row, number), (_, column) in best.items()]


class NativeCatalogue(Catalogue):
    """The same, and quicker."""

    def __init__(self, references: Sequence[Reference]) -> None:
        super().__init__(references)
        patches = self.patches.astype(np.float64)
        self._basis = np.ascontiguousarray(np.linalg.eigh(patches.T @ patches)[1].T[: -AXES - 1 : -1], np.float32)
        self._sketches = self._sketched(patches)

    def _sketched(self, patches: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Sketches of patches, in blocks of shape (AXES + 1, BLOCK); the last block is filled with nothing."""
        along = patches @ self._basis.T
        left = np.sqrt(np.maximum(np.vecdot(patches, patches) - np.vecdot(along, along), 0))
        blocks = np.zeros((-(-len(patches) // BLOCK) * BLOCK, AXES + 1), np.float32)
        blocks[: len(patches), :AXES], blocks[: len(patches), AXES] = along, left
        return np.ascontiguousarray(blocks.reshape(-1, BLOCK, AXES + 1).transpose(0, 2, 1))

    def likely(self, heard: Patches) -> list[tuple[int, int, int]]:
        """See `Catalogue.likely`."""
        return native.module.likely(heard, self._basis, self._sketches, self.patches, self.begins, self.ends, LIKELY)


catalogue_of: type[Catalogue] = NativeCatalogue if native.AVAILABLE else Catalogue
