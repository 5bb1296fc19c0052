"""The `record` of a flow: what is heard from now on, as a WAV of its own.

(The recording of the whole call is the spool's; see `botkit.media.spool`.)
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from botkit.clock import Clock
from botkit.media.ear import PTIME, Ear, HeardFrame, Pcm
from botkit.media.pcm import level
from botkit.media.wav import write_wav
from botkit.vocabulary import Recorded

RATE = 8000
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

    A cancelled caller's file is written all the same.
    """
    frames: list[HeardFrame] = []
    began = clock.now()
    deadline = None if limit is None else began + limit
    digits = ear.digits_heard
    ear.taps.append(frames.append)
    watching = asyncio.ensure_future(until.wait()) if until is not None else None
    if watching is not None:
        watching.add_done_callback(lambda _: ear.changed())
    try:
        while not over.is_set() and not (until is not None and until.is_set()):
            now = clock.now()
            if deadline is not None and now >= deadline:
                break
            if "dtmf" in stop_on and ear.digits_heard > digits:
                break
            if "silence" in stop_on and _has_gone_quiet(ear, began, now):
                break
            change = ear.next_change()
            try:
                async with clock.timeout(0.1 if deadline is None else min(0.1, deadline - now)):
                    await change
            except TimeoutError:
                pass
            finally:
                change.cancel()
    finally:
        ended = clock.now()
        ear.taps.remove(frames.append)
        if watching is not None:
            watching.cancel()
        # In a thread: half an hour takes 200 ms, and the beat of all calls would be late by it.
        writing = asyncio.get_running_loop().run_in_executor(None, _write, to, frames, began, ended)
        await asyncio.shield(writing)
    return writing.result()


def _write(to: Path, frames: list[HeardFrame], began: float, ended: float) -> Recorded:
    pcm = _on_one_timeline(frames, began, ended)
    write_wav(to, pcm, RATE)
    return Recorded(str(to), pcm.size / RATE, round(float(level(pcm)), 2))


def _has_gone_quiet(ear: Ear, began: float, now: float) -> bool:
    last = ear.sounds.last
    if last is None or (last.end is not None and last.end < began):
        return now - began >= QUIET_FROM_THE_START
    return last.end is not None and now - last.end >= QUIET_ENDS


def _on_one_timeline(frames: list[HeardFrame], began: float, ended: float) -> Pcm:
    """The frames where they were heard, silence between; shape (samples,)."""
    length = max(0, round((ended - began) / PTIME)) * 160
    pcm = np.zeros(length, np.int16)
    at = 0
    for frame in frames:
        # Within a beat of where the last one ended it is its neighbour: jitter is no gap.
        place = round((frame.at - began) * RATE)
        if abs(place - at) < 1.5 * 160:
            place = at
        at = place + frame.pcm.size
        if place >= 0 and at <= length:
            pcm[place:at] = frame.pcm
    return pcm
