"""MP3 files, through FFmpeg's LAME (PyAV), where this build of it has one."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np

from botkit.errors import ConfigError
from botkit.media.pcm import Pcm

ENCODER = "libmp3lame"
BIT_RATE = 32_000
"""A channel: more than telephone speech needs."""

PIECE = 48_000
"""Samples that are encoded at a time."""


@functools.cache
def can_write_mp3() -> bool:
    """Whether this machine's FFmpeg encodes MP3."""
    try:
        av.codec.Codec(ENCODER, "w")
    except (av.FFmpegError, ValueError):
        return False
    return True


def write_mp3(path: Path | str, pcm: Pcm, rate: int) -> Path:
    """Write `pcm`, int16, shape (samples,) or (samples, channels), to `path`, whole or not at all.

    Takes some 10 ms a minute of sound: call it from a thread. Raises `ConfigError` where it cannot.
    """
    path = Path(path)
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file, av.open(file, "w", format="mp3") as container:
            _encode(container, np.ascontiguousarray(pcm).reshape(-1, channels), rate)
        os.replace(name, path)
    except (av.FFmpegError, OSError, ValueError) as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error}") from error
    return path


def _encode(container: Any, pcm: Pcm, rate: int) -> None:
    """`pcm` has shape (samples, channels)."""
    layout = "mono" if pcm.shape[1] == 1 else "stereo"
    stream = container.add_stream(ENCODER, rate=rate, layout=layout)
    stream.bit_rate = BIT_RATE * pcm.shape[1]
    context = stream.codec_context
    context.open()
    shaper = av.AudioResampler(format=context.format, layout=layout, rate=rate, frame_size=context.frame_size)
    for start in range(0, pcm.shape[0], PIECE):
        frame = av.AudioFrame.from_ndarray(pcm[start : start + PIECE].reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = start
        for piece in shaper.resample(frame):
            container.mux(stream.encode(piece))
    for piece in shaper.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
