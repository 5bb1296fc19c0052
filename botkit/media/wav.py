"""WAV files of 16-bit samples, one channel or several: written whole or not at all, and read back."""

from __future__ import annotations

import os
import tempfile
import wave
from pathlib import Path

import numpy as np

from botkit.errors import ConfigError
from botkit.media.pcm import Pcm


def write_wav(path: Path | str, pcm: Pcm, rate: int = 8000, *, durable: bool = False) -> Path:
    """Write `pcm`, int16, shape (samples,) or (samples, channels), to `path`; folders are made.

    The file appears under its name when it is complete (temporary file, then rename), so nobody
    reads half of it and a crash leaves what was there before. With `durable` it is on the disk when this
    returns, so that what it was made from may go. Raises ConfigError where it cannot.
    """
    path = Path(path)
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            with wave.open(file, "wb") as out:
                out.setnchannels(channels)
                out.setsampwidth(2)
                out.setframerate(rate)
                out.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp's own mode keeps others out
        os.replace(name, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}", hint="is there space, and may botkit write there?"
        ) from error
    return path


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
