"""The recordings of an exchange: files in a folder of its own, by id, for a while.

The folder is made when it is first needed and is gone with the exchange. What is saved is served for ten minutes
(the life of the platform's recording addresses).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botkit.clock import Clock
from botkit.exchange.refusal import not_found

log = logging.getLogger("botkit.exchange")

SERVED = 600.0
"""Seconds."""

MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One that is saved. `started` and `ended` are wallclock, `duration` is in seconds of sound."""

    id: str
    path: Path
    format: str
    channels: str
    started: float
    ended: float
    duration: float
    name: str
    """What a browser calls the file."""

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return MEDIA_TYPES[self.format]


class Recordings:
    """`url` gives the address of a file by its name `<id>.<format>`. `close` it."""

    def __init__(self, clock: Clock, url: Callable[[str], str] = lambda name: f"/v2/recordings/{name}") -> None:
        self._clock = clock
        self._url = url
        self._folder: Path | None = None
        self._files: dict[str, tuple[float, RecordingFile]] = {}  # until when, what
        self._saving: set[asyncio.Future[RecordingFile]] = set()

    def new_id(self) -> str:
        """Of a recording that begins."""
        return str(uuid.uuid4())

    @property
    def folder(self) -> Path:
        """Where they are."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="botkit-recordings-"))
        return self._folder

    def url(self, file: RecordingFile) -> str:
        """Where it is served."""
        return self._url(f"{file.id}.{file.format}")

    def save(self, make: Callable[[], RecordingFile]) -> asyncio.Future[RecordingFile]:
        """Make a file in a thread, and serve it from then on. Raises what `make` raises; cancelling is no help."""
        saving = asyncio.get_running_loop().run_in_executor(None, make)
        self._saving.add(saving)
        saving.add_done_callback(self._saved)
        return saving

    def _saved(self, saving: asyncio.Future[RecordingFile]) -> None:
        self._saving.discard(saving)
        self._sweep()
        if not saving.cancelled() and saving.exception() is None:
            file = saving.result()
            self._files[file.id] = (self._clock.now() + SERVED, file)

    def find(self, name: str) -> RecordingFile:
        """By id, or by `<id>.<format>`. Raises `CommandRefused` 10005 for what is not there, or no longer."""
        self._sweep()
        ident, _, form = name.partition(".")
        _, file = self._files.get(ident, (0.0, None))
        if file is None or form not in ("", file.format):
            raise not_found("The recording")
        return file

    def _sweep(self) -> None:
        now = self._clock.now()
        for ident in [ident for ident, (until, _) in self._files.items() if now >= until]:
            _, file = self._files.pop(ident)
            with contextlib.suppress(OSError):
                file.path.unlink()

    async def close(self) -> None:
        """Wait for what is being saved, and remove all."""
        while self._saving:
            await asyncio.wait(set(self._saving))
        self._files.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, folder, True)
