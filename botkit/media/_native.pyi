"""The compiled module: one function, or class, for each of its twins in Python. See native.py."""

import numpy as np
import numpy.typing as npt

from botkit.media.reference import Sheet

# --- alignment.py: what was heard (the arrays of a BandStore, a slot, its count), the prompt, and where it lies -------

def place_by_patch(
    bands: npt.NDArray[np.uint8],
    clear: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    slot: int,
    count: int,
    sheet: Sheet,
    start: int,
    offset: float,
    louder: float,
    end: int,
    /,
) -> tuple[float, int, float, float]: ...
def place_by_all(
    bands: npt.NDArray[np.uint8],
    clear: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    slot: int,
    count: int,
    sheet: Sheet,
    start: int,
    offset: float,
    louder: float,
    first: int,
    /,
) -> tuple[float, int, float, float]: ...
def likeness(
    bands: npt.NDArray[np.uint8],
    clear: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    slot: int,
    count: int,
    sheet: Sheet,
    start: int,
    offset: float,
    louder: float,
    first: int,
    /,
) -> tuple[int, float]: ...
def beginning(
    bands: npt.NDArray[np.uint8],
    clear: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    slot: int,
    count: int,
    sheet: Sheet,
    start: int,
    offset: float,
    louder: float,
    low: int,
    high: int,
    /,
) -> tuple[int, float] | None: ...
def score(
    bands: npt.NDArray[np.uint8],
    clear: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    slot: int,
    count: int,
    sheet: Sheet,
    start: int,
    offset: float,
    louder: float,
    first: int,
    /,
) -> tuple[float, float, int]: ...
