"""The compiled module: one function, or class, for each of its twins in Python. See native.py."""

from array import array
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from botkit.media.batch import Flags, Payload, Times
from botkit.media.codec import Codec
from botkit.media.history import Octets, Rows
from botkit.media.pcm import Levels, Pcm
from botkit.media.reference import Sheet
from botkit.media.srtp_path import Datagram
from botkit.media.transport import Arrival

_Singles = npt.NDArray[np.float32]
_Amplitudes = npt.NDArray[np.complex64]
_Counts = npt.NDArray[np.int64]

REVISION: int

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

# --- batch.py, bank.py, history.py, hearing.py

def fed(slots: array[int], fed_at: Times, first: int, now: float, longest: float, /) -> list[int]: ...
def sorted(
    slots: array[int],
    times: array[float],
    payloads: list[Payload],
    unsent: list[int],
    lost: list[int],
    slots_out: Rows,
    times_out: Times,
    sent_out: Flags,
    lost_out: Flags,
    /,
) -> list[Payload]: ...
def turns(slots: Rows, turns_out: Rows, /) -> None: ...
def decoded(
    payloads: list[Payload],
    slots: Rows,
    codecs: Sequence[Codec | None],
    codec: Codec,
    values: Pcm,
    octets_out: Octets,
    frames_out: Pcm,
    /,
) -> bool: ...
def bank_hear(frames: Pcm, basis: _Singles, z_out: _Amplitudes, energy_out: _Singles, /) -> None: ...
def levels(energy: _Singles, full: float, floor: float, levels_out: Levels, /) -> None: ...
def edges(slots: Rows, times: Times, levels: Levels, least: float, loud: Flags, /) -> list[tuple[int, float, bool]]: ...
def remember(
    slots: Rows,
    octets: Octets,
    times: Times,
    octets_by_slot: Octets,
    times_by_slot: Times,
    counts: Rows,
    since: Times,
    /,
) -> None: ...

# --- digit_sieve.py

def digits_wanted(
    z: _Amplitudes,
    columns: Rows,
    energy: _Singles,
    slots: Rows,
    turns: Rows,
    busy: Flags,
    least: float,
    z_out: _Amplitudes,
    likely_out: Flags,
    /,
) -> list[int]: ...
def digits_keep(
    slots: Rows,
    times: Times,
    z: _Amplitudes,
    energy: _Singles,
    window: float,
    z_by_slot: _Amplitudes,
    energy_by_slot: _Singles,
    end_by_slot: Times,
    /,
) -> None: ...

# --- bands.py

def bands_begin(hann: _Singles, filters: _Singles, idle: float, floor: float, steps: float, /) -> None: ...
def bands_of_frames(slots: Rows, frames: Pcm, tails: _Singles, out: Octets, /) -> None: ...

# --- catalogue.py

def likely(
    heard: _Singles,
    basis: _Singles,
    sketches: _Singles,
    patches: _Singles,
    begins: Rows,
    ends: Rows,
    least: float,
    /,
) -> list[tuple[int, int, int]]: ...

# --- prompt_hearing.py, band_ring.py, reference.py

def prompts_take_in(
    slots: Rows,
    turns: Rows,
    times: Times,
    frames: Pcm,
    sent: Flags,
    loud: Levels,
    listening: Flags,
    unclear: _Counts,
    nothing: _Counts,
    tails: _Singles,
    bands_by_place: Octets,
    times_by_place: Times,
    clear_by_place: Flags,
    levels_by_place: Levels,
    counts: _Counts,
    next_due: _Counts,
    silent: Octets,
    slots_out: Rows,
    counts_out: Rows,
    /,
) -> tuple[int, list[int]]: ...
def patches_in(
    bands_by_place: Octets,
    slots: Rows,
    counts: Rows,
    over_time: _Singles,
    over_bands: _Singles,
    quiet: float,
    patches_out: _Singles,
    /,
) -> None: ...

# --- pcm.py ---------------------------------------------------------------------------------------------------------

def resample(
    held: npt.NDArray[np.float32],
    samples: npt.NDArray[np.int16],
    taps: npt.NDArray[np.float32],
    down: int,
    out: npt.NDArray[np.int16],
    /,
) -> None: ...
