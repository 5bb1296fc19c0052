"""A prompt: a file decoded once, encoded once per codec, and shared by every call of the process.

What costs is done when it is first played, off the beat; after that a prompt is a tuple of payloads.
A file that changed on disk is read anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import av
import numpy as np

from botkit.errors import ConfigError
from botkit.media.codec import Codec
from botkit.media.pcm import Pcm, gain, resample

KEPT = 512
"""Prompts kept per process (a prompt of 10 s in G.711 is 80 kB)."""

LONGEST = 3600.0
"""Seconds that one file may last: beyond an hour it is a mistake."""

_Key = tuple[str, int, int, str, float]
_payloads: OrderedDict[_Key, tuple[bytes, ...]] = OrderedDict()
_lock = threading.Lock()


def decode_file(path: Path | str, rate: int) -> Pcm:
    """The first audio stream of a file as int16 mono at `rate` Hz, shape (samples,).

    Any format that FFmpeg reads. Raises `ConfigError` for a file that is missing, unreadable, without
    audio or longer than an hour.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ConfigError(f"{path} holds no audio", hint="is it the right file?")
            stream = container.streams.audio[0]
            parts: list[Pcm] = []
            file_rate, samples = 0, 0
            to_mono = av.AudioResampler(format="s16", layout="mono")
            for frame in container.decode(stream):
                file_rate = frame.sample_rate
                for mono in to_mono.resample(frame):
                    parts.append(mono.to_ndarray().reshape(-1).astype(np.int16, copy=False))
                    samples += parts[-1].size
                if samples > LONGEST * file_rate:
                    raise ConfigError(f"{path} is longer than an hour", hint="prompts are seconds, not hours")
            for mono in to_mono.resample(None):
                parts.append(mono.to_ndarray().reshape(-1).astype(np.int16, copy=False))
    except FileNotFoundError:
        raise ConfigError(f"there is no audio file {path}", hint="paths count from the file that names them") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder, not an audio file") from None
    except PermissionError:
        raise ConfigError(f"{path} may not be read", hint="check the file's permissions") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is no audio that can be read: {error}", hint="play it elsewhere to check it"
        ) from error
    if not parts:
        return np.zeros(0, np.int16)
    pcm: Pcm = np.concatenate(parts)
    return resample(pcm, file_rate, rate)


def load_payloads(path: Path | str, codec: Codec, gain_db: float = 0.0) -> tuple[bytes, ...]:
    """A file as payloads of 20 ms, `gain_db` louder. Made once per process, shared by all; thread-safe.

    Raises `ConfigError` as `decode_file` does.
    """
    real = Path(path)
    try:
        status = real.stat()
    except OSError:
        decode_file(real, codec.rate)  # says what is wrong with it
        raise
    key = (str(real.resolve()), status.st_mtime_ns, status.st_size, codec.name, gain_db)
    with _lock:
        known = _payloads.get(key)
        if known is not None:
            _payloads.move_to_end(key)
            return known
    payloads = codec.encode_all(gain(decode_file(real, codec.rate), gain_db))
    with _lock:
        _payloads[key] = payloads
        while len(_payloads) > KEPT:
            _payloads.popitem(last=False)
    return payloads
