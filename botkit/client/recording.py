"""The `record` of a flow: what is heard from now on, as a WAV of its own, written as it goes.

(The recording of the whole call is the spool's; see `botkit.media.spool`.)
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from pathlib import Path

import numpy as np

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.media.ear import PTIME, Ear, HeardFrame
from botkit.media.pcm import FLOOR, levels_from_energy
from botkit.media.wav import WavFile
from botkit.vocabulary import Recorded

RATE = 8000
WRITTEN_AT = 500
"""Frames heard (10 s) that are written together; no more than about these are in memory."""

QUIET_ENDS = 2.0
"""Seconds of quiet after sound that end a recording with `stop_on: silence`."""

QUIET_FROM_THE_START = 5.0
"""Seconds after which it ends when nobody says anything at all."""


async def record_heard(
    ear: Ear,
    clock: Clock,
    to: Path,
    *,
    limit: float | None,
    stop_on: frozenset[str],
    until: asyncio.Event | None,
    over: asyncio.Event,
) -> Recorded:
    """Record until the limit, what `stop_on` names, `until`, or the call's end.

    A cancelled caller's file is written all the same. Raises `ConfigError` where it cannot be written, as soon
    as that is known.
    """
    loop = asyncio.get_running_loop()
    began = clock.now()
    recording = _Recording(to, began)
    deadline = None if limit is None else began + limit
    digits = ear.digits_heard
    ear.taps.append(recording.heard)
    watching = asyncio.ensure_future(until.wait()) if until is not None else None
    if watching is not None:
        watching.add_done_callback(lambda _: ear.changed())
    try:
        while not over.is_set() and not (until is not None and until.is_set()) and recording.failed is None:
            if recording.has_much and not recording.is_writing:
                recording.is_writing = True
                loop.run_in_executor(None, recording.write)
            now = clock.now()
            if deadline is not None and now >= deadline:
                break
            if "dtmf" in stop_on and ear.digits_heard > digits:
                break
            if "silence" in stop_on and _has_gone_quiet(ear, began, now):
                break
            await ear.wait_for_change(clock, 0.1 if deadline is None else min(0.1, deadline - now))
    finally:
        ended = clock.now()
        ear.taps.remove(recording.heard)
        if watching is not None:
            watching.cancel()
        # In a thread: to read an hour again for its level takes long, and the beat of all calls would be late by it.
        finishing = loop.run_in_executor(None, recording.finish, ended)
        await asyncio.shield(finishing)
    return finishing.result()


class _Recording:
    """What one recording has heard, on one timeline: the frames where they were heard, silence between.

    `heard` is called on the beat; `write` and `finish` in threads, which they keep apart by themselves. A
    `write` that comes late, after `finish`, finds nothing to do.
    """

    def __init__(self, to: Path, began: float) -> None:
        self.failed: ConfigError | None = None
        """Why it cannot be written."""
        self.is_writing = False
        """A thread has been asked to write, and has not done so."""
        self._to = to
        self._began = began
        self._frames: deque[HeardFrame] = deque()
        self._file: WavFile | None = None
        self._at = 0  # where the last frame ended, in samples
        self._alone = threading.Lock()

    def heard(self, frame: HeardFrame) -> None:
        """Keep the frame, until it is written."""
        self._frames.append(frame)

    @property
    def has_much(self) -> bool:
        """It is time to write."""
        return len(self._frames) >= WRITTEN_AT

    def write(self) -> None:
        """Write what has been heard so far; what goes wrong is in `failed`."""
        with self._alone:
            try:
                self._write(None)
            except ConfigError as error:
                self.failed = error
            finally:
                self.is_writing = False

    def finish(self, ended: float) -> Recorded:
        """Write the rest, and have the file appear. Raises `ConfigError` where it cannot."""
        samples = max(0, round((ended - self._began) / PTIME)) * 160
        with self._alone:
            if self.failed is not None:
                raise self.failed
            file = self._write(samples)
            energy = file.energy(samples)
            file.close(samples)
        level = float(levels_from_energy(np.array(energy, np.float32), samples)) if samples else FLOOR
        return Recorded(str(self._to), samples / RATE, round(level, 2))

    def _write(self, length: int | None) -> WavFile:
        """Put the frames that were heard in their places, up to `length`."""
        if self._file is None:
            self._file = WavFile(self._to, RATE)
        while self._frames:
            frame = self._frames.popleft()
            # Within a beat of where the last one ended it is its neighbour: jitter is no gap.
            place = round((frame.at - self._began) * RATE)
            if abs(place - self._at) < 1.5 * 160:
                place = self._at
            self._at = place + frame.pcm.size
            if place >= 0 and (length is None or self._at <= length):
                self._file.put(place, frame.pcm)
        return self._file


def _has_gone_quiet(ear: Ear, began: float, now: float) -> bool:
    last = ear.sounds.last
    if last is None or (last.end is not None and last.end < began):
        return now - began >= QUIET_FROM_THE_START
    return last.end is not None and now - last.end >= QUIET_ENDS
