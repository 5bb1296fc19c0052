"""The compiled module: one function, or class, for each of its twins in Python. See native.py."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from botkit.media.batch import Times
from botkit.media.history import Rows
from botkit.media.pcm import Levels, Pcm
from botkit.media.reference import Sheet
from botkit.media.srtp_path import Datagram
from botkit.media.transport import Arrival

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

# --- srtp_path.py ---------------------------------------------------------------------------------------------------

def use_srtp(protect: int, unprotect: int, /) -> bool: ...
def rtp_receive(
    fd: int,
    context: int,
    now: float,
    to_monotonic: float,
    fresh: float,
    most: int,
    got: list[Arrival],
    others: list[Datagram],
    /,
) -> int: ...
def rtp_send(fd: int, context: int, packet: bytes, to: bytes | None, /) -> bool: ...

# --- spectrum.py, vad.py: see native_speech.py -------------------------------------------------------------------

def is_tone(samples: Pcm) -> bool: ...

class Speech:
    start_after: float
    stop_after: float
    min_level: float
    @property
    def sure_until(self) -> float: ...
    @property
    def resting(self) -> bool: ...
    @property
    def stage(self) -> int: ...
    def __new__(
        cls,
        process: Any,
        detector: Any,
        start_after: float,
        stop_after: float,
        min_level: float,
        spoilt: int,
    ) -> Self: ...
    def judge(self, octets: bytes, at: float, level: float, /) -> list[tuple[float, float | None]] | None: ...
    @classmethod
    def hear_all(
        cls, by_slot: list[Any], slots: Rows, frames: Pcm, times: Times, levels: Levels, /
    ) -> list[tuple[int, float, float | None]]: ...
