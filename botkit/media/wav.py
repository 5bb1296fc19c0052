"""WAV files of 16-bit samples, one channel or several: written whole or not at all, and read back."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from botkit.errors import ConfigError
from botkit.media.pcm import Pcm

READ_AT_ONCE = 1 << 20
"""Bytes of a file that are in memory at a time."""

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""RIFF, `fmt ` and the head of `data`, as every reader of plain PCM knows them (Microsoft's RIFF, 1991)."""


class WavFile:
    """A WAV of `channels` that is written piece by piece. It appears under its name when it is closed.

    Until then it is a temporary file in the same folder (folders are made), so nobody reads half of it and a
    crash leaves what was there before. For one thread at a time. Each method raises `ConfigError` where the
    file cannot be written, and removes it.
    """

    def __init__(self, path: Path | str, rate: int = 8000, channels: int = 1) -> None:
        self.path = Path(path)
        self._rate = rate
        self._block = 2 * channels
        self._name = ""
        with self._or_removed():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            self._file = os.fdopen(handle, "w+b")
            self._file.write(bytes(_HEADER.size))
        self._at = 0

    def put(self, at: int, pcm: Pcm) -> None:
        """Write `pcm`, int16, shape (samples,) or (samples, channels), from sample `at` on.

        What is left out reads as silence; what was there is written over.
        """
        with self._or_removed():
            if at != self._at:
                self._file.seek(_HEADER.size + at * self._block)
            self._file.write(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
            self._at = at + pcm.shape[0]

    def energy(self, samples: int) -> float:
        """The sum of the squares of the first so many samples; what was not written counts as silence."""
        total = 0.0
        with self._or_removed():
            self._file.seek(_HEADER.size)
            left, self._at = samples * self._block, -1  # where it stands now is nowhere to write on
            while left > 0 and (data := self._file.read(min(left, READ_AT_ONCE))):
                piece = np.frombuffer(data, "<i2").astype(np.float32)
                total += float(np.dot(piece, piece))
                left -= len(data)
        return total

    def close(self, samples: int, *, durable: bool = False) -> None:
        """It has so many samples, cut or filled with silence; now it is there.

        With `durable` it is on the disk when this returns, so that what it was made from may go.
        """
        size, rate, block = samples * self._block, self._rate, self._block
        with self._or_removed():
            self._file.truncate(_HEADER.size + size)
            self._file.seek(0)
            fmt = (b"fmt ", 16, 1, block // 2, rate, rate * block, block, 16)  # 1: PCM
            self._file.write(_HEADER.pack(b"RIFF", _HEADER.size - 8 + size, b"WAVE", *fmt, b"data", size))
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
            self._file.close()
            os.chmod(self._name, 0o644)  # mkstemp's own mode keeps others out
            os.replace(self._name, self.path)
            if durable:
                sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _or_removed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._name:
                with contextlib.suppress(OSError):  # what is still in its buffer cannot be written either
                    self._file.close()
                Path(self._name).unlink(missing_ok=True)
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror or error}",
                hint="is there space, and may botkit write there?",
            ) from error


def write_wav(path: Path | str, pcm: Pcm, rate: int = 8000, *, durable: bool = False) -> Path:
    """Write `pcm`, int16, shape (samples,) or (samples, channels), to `path`, whole or not at all (see `WavFile`).

    Raises `ConfigError` where it cannot.
    """
    file = WavFile(path, rate, 1 if pcm.ndim == 1 else pcm.shape[1])
    file.put(0, pcm)
    file.close(pcm.shape[0], durable=durable)
    return file.path


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, as fsync(2) has it: a file's own does not see to its entry."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def wav_seconds(path: Path | str) -> float | None:
    """How long a WAV is; None where there is none that can be read."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return None


def read_wav(path: Path | str) -> tuple[Pcm, int]:
    """The samples, shape (samples,) or (samples, channels), and the rate. Raises ConfigError.

    For our own recordings and for tests; any other audio is `prompt.decode_file`'s.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ConfigError(f"{path} has {8 * file.getsampwidth()}-bit samples, not 16")
            channels, rate = file.getnchannels(), file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return (pcm if channels == 1 else pcm.reshape(-1, channels)), rate
