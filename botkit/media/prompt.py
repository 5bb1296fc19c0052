"""Prompts: an audio file decoded once, encoded once per codec, and shared by every call.

Any plain audio file that FFmpeg can read will do: WAV, MP3, Ogg, FLAC, with any number of channels at
any rate. Playlists will not: they name other files, and a flow may play only those that it may read.
Prompts are kept by path, size, time of change and gain, so a file that was edited is read anew.
Loading takes milliseconds: do it in a thread (`load` may be called from any), not on the beat.
"""

from __future__ import annotations

import difflib
import io
import math
import shlex
import threading
from pathlib import Path
from typing import IO

import av
import numpy as np

from botkit.errors import ConfigError
from botkit.media.codec import Codec
from botkit.media.pcm import Pcm, gain, in_frames, resample

FORMATS = ("wav", "w64", "mp3", "ogg", "flac", "aac", "mov", "aiff", "au", "matroska", "amr", "amrnb", "amrwb", "caf")
"""FFmpeg's names of the formats that are read: those that hold their sound themselves."""

SUFFIXES = (".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".aac", ".m4a", ".mp4", ".aiff", ".au", ".mka", ".webm")
"""What names of such files usually end in: only hints go by it."""

_CONTAINED = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}


def decode_file(path: Path | str, rate: int | None = None) -> tuple[Pcm, int]:
    """All sound of a file as int16 mono, shape (samples,), and its rate: `rate`, or None: the file's own.

    Channels are averaged. Raises ConfigError for a file that is missing or holds no sound that can
    be read.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigError(f"there is no audio file {path}", hint=_similar(path))
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not an audio file")
    if not path.is_file():
        raise ConfigError(f"{path} is not a plain file")
    try:
        # Opened here, and all other protocols forbidden, so that FFmpeg reads this file and no other.
        with path.open("rb") as file:
            pcm, own_rate = _decode(file, str(path), math.inf)
    except (av.FFmpegError, OSError, ValueError) as error:
        if path.stat().st_size == 0:
            raise ConfigError(f"{path} is empty: it holds no sound") from error
        raise ConfigError(f"{path} cannot be read as audio: {_reason(error)}", hint=_conversion(path)) from error
    if rate is None:
        return pcm, own_rate
    return resample(pcm, own_rate, rate), rate


HIGHEST_RATE = 48_000
"""Of samples: no codec of ours has more. A file may claim any rate: silence at a high one is small as a file only."""


def decode_bytes(data: bytes, name: str, *, longest: float) -> Prompt:
    """The sound of a file that is in memory; errors call it `name`.

    Raises ConfigError where it holds no sound that can be read, or more than `longest` seconds of it.
    """
    if not data:
        raise ConfigError(f"{name} is empty: it holds no sound")
    try:
        pcm, rate = _decode(io.BytesIO(data), name, longest)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ConfigError(f"{name} cannot be read as audio: {_reason(error)}") from error
    pcm.flags.writeable = False
    return Prompt(Path(name), pcm, rate)


def _decode(file: IO[bytes], name: str, longest: float) -> tuple[Pcm, int]:
    """Sound as int16 mono, shape (samples,), and its rate. Raises what PyAV raises, and ConfigError."""
    parts: list[Pcm] = []
    with av.open(file, "r", container_options=_CONTAINED) as container:
        if not container.streams.audio:
            raise ConfigError(f"{name} holds no sound (no audio stream)")
        stream = container.streams.audio[0]
        rate = min(stream.codec_context.sample_rate, HIGHEST_RATE)
        mono = av.AudioResampler(format="s16", layout="mono", rate=rate)
        samples = 0
        for frame in container.decode(stream):
            pieces = [piece.to_ndarray()[0] for piece in mono.resample(frame)]
            parts += pieces
            samples += sum(piece.size for piece in pieces)
            if samples > longest * rate:
                raise ConfigError(f"{name} is longer than {longest:g} s")
        parts += [piece.to_ndarray()[0] for piece in mono.resample(None)]
    pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    if not pcm.size:
        raise ConfigError(f"{name} holds no sound (0 samples)")
    return pcm, rate


def _reason(error: Exception) -> str:
    return "its format is unknown, or it is damaged" if isinstance(error, av.InvalidDataError) else _words_of(error)


def _words_of(error: Exception) -> str:
    """What went wrong, without FFmpeg's number and path."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def _conversion(path: Path) -> str:
    """What to do about a file that cannot be read."""
    name = f"{path.stem}-converted.wav" if path.suffix.lower() == ".wav" else f"{path.stem}.wav"
    command = f"ffmpeg -i {shlex.quote(path.name)} -ac 1 -c:a pcm_s16le {shlex.quote(name)}"
    return (
        "WAV, MP3, Ogg, FLAC, AAC, MP4, AIFF, AU, Matroska, WebM, AMR and CAF are read, playlists are not; "
        f"convert it, for example: {command}"
    )


def _similar(path: Path) -> str | None:
    """The files that stand where this one should."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either; paths count from the file that names them"
    beside = sorted(one.name for one in path.parent.iterdir() if one.is_file() and not one.name.startswith("."))
    same = [name for name in beside if Path(name).stem.lower() == path.stem.lower()]
    sounds = [name for name in beside if Path(name).suffix.lower() in SUFFIXES]
    names = same or difflib.get_close_matches(path.name, sounds, n=3) or sounds or beside
    if not names:
        return f"{path.parent} is empty"
    return f"{path.parent} holds {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


class Prompt:
    """One file at one gain. Ask `load` for it."""

    def __init__(self, path: Path, pcm: Pcm, rate: int) -> None:
        self.path = path
        self._pcm = {rate: pcm}
        self._rate = rate
        self._payloads: dict[str, tuple[bytes, ...]] = {}
        self._frames: dict[int, Pcm] = {}
        self._lock = threading.Lock()

    @property
    def duration(self) -> float:
        """Seconds."""
        return self._pcm[self._rate].size / self._rate

    @property
    def size(self) -> int:
        """Bytes of its samples as they were read."""
        return self._pcm[self._rate].nbytes

    def pcm(self, rate: int) -> Pcm:
        """The samples at `rate`, shape (samples,); made once. Not to be written to."""
        with self._lock:
            return self._at(rate)

    def payloads(self, codec: Codec) -> tuple[bytes, ...]:
        """20 ms each, made once; the last one is filled up with silence."""
        with self._lock:
            if codec.name not in self._payloads:
                self._payloads[codec.name] = codec.encode_all(self._at(codec.rate))
            return self._payloads[codec.name]

    def frames(self, codec: Codec) -> Pcm:
        """The samples behind `payloads`, shape (payloads, samples), made once. Not to be written to."""
        with self._lock:
            if codec.rate not in self._frames:
                self._frames[codec.rate] = in_frames(self._at(codec.rate), codec.rate)
            return self._frames[codec.rate]

    def _at(self, rate: int) -> Pcm:
        if rate not in self._pcm:
            made = resample(self._pcm[self._rate], self._rate, rate)
            made.flags.writeable = False
            self._pcm[rate] = made
        return self._pcm[rate]


_Key = tuple[Path, float]
_Stamp = tuple[int, int]
_loaded: dict[_Key, tuple[_Stamp, Prompt]] = {}
_loading = threading.Lock()


def load(path: Path | str, decibels: float = 0.0) -> Prompt:
    """The prompt of a file, louder by `decibels`; the same object as long as the file stays the same.

    Raises ConfigError as `decode_file` does.
    """
    path = Path(path)
    try:
        path = path.resolve()
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError):
        stamp = (0, 0)  # decode_file has the words for it
    with _loading:
        known = _loaded.get((path, decibels))
        if known is not None and known[0] == stamp:
            return known[1]
        pcm, rate = decode_file(path)
        pcm = gain(pcm, decibels)
        pcm.flags.writeable = False
        prompt = Prompt(path, pcm, rate)
        _loaded[path, decibels] = (stamp, prompt)
        return prompt


def load_payloads(path: Path | str, codec: Codec, decibels: float = 0.0) -> tuple[bytes, ...]:
    """The payloads of a file for `codec`, louder by `decibels`, shared by all who ask."""
    return load(path, decibels).payloads(codec)


def forget_all() -> None:
    """Give back the memory; what is still playing stays with whoever plays it."""
    with _loading:
        _loaded.clear()
