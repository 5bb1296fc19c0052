"""Recording a conference: all that is said in it, to one channel, or its creator apart from the others to two.

What is heard is gathered on the beat and written away each second, as it is; a thread makes the file of it when it is
over. Pauses are left out. It ends by command or with the conference, and is told of as `conference.recording.saved`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.exchange.activities.recording import BEEP, Wanted, iso, trimmed
from botkit.exchange.activities.recordings import RecordingFile, Recordings
from botkit.exchange.conference import Conference
from botkit.exchange.refusal import CommandRefused
from botkit.media.mp3 import write_mp3
from botkit.media.participant import Member
from botkit.media.pcm import Pcm, in_frames
from botkit.media.wav import write_wav

log = logging.getLogger("botkit.exchange")

FLUSH_EVERY = 1.0
"""Seconds between two writes of what has gathered."""


class ConferenceRecording:
    """One. It runs from when it is made. Its `id` is the platform's `recording_id`."""

    def __init__(
        self,
        conference: Conference,
        wanted: Wanted,
        recordings: Recordings,
        clock: Clock,
        start: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self.id = recordings.new_id()
        self.paused = False
        self._conference = conference
        self._wanted = wanted
        self._recordings = recordings
        self._clock = clock
        self._path = recordings.folder / f"{self.id}.pcm"
        self._rate = conference.mixer.rate
        self._gathered: list[bytes] = []
        self._silence = bytes(2 * (self._rate // 50) * self._channels)
        self._over = asyncio.Event()
        self._began = clock.wall()
        if wanted.beep:
            conference.mixer.play(in_frames(BEEP.pcm(self._rate), self._rate), self._rate)
        self._tap = conference.mixer.tap(self._rate, self._hear, self._creator)
        start(self._last(), f"recording {self.id}")

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    @property
    def _channels(self) -> int:
        return 2 if self._wanted.channels == "dual" else 1

    def stop(self) -> None:
        """Record no more; the file is made, and told of, afterwards. Once it is over it does nothing."""
        self._over.set()
        self._conference.mixer.untap(self._tap)

    def _creator(self) -> Member | None:
        if self._channels == 1:
            return None
        return next(iter(self._conference.members_of([self._conference.creator.control_id])), None)

    def _hear(self, total: Pcm | None, own: Pcm | None) -> None:
        """On the beat: one frame of all, and of the creator alone."""
        if self.paused:
            return
        if total is None:
            self._gathered.append(self._silence)
        elif self._channels == 1:
            self._gathered.append(total.tobytes())
        else:
            first = np.zeros_like(total) if own is None else own
            rest = np.clip(total.astype(np.int32) - first, -32768, 32767).astype(np.int16)
            self._gathered.append(np.stack((first, rest), axis=1).tobytes())

    async def _last(self) -> None:
        try:
            while not self.is_over:
                await self._write()
                with contextlib.suppress(TimeoutError):
                    async with self._clock.timeout(FLUSH_EVERY):
                        await self._over.wait()
            await self._write()
        except OSError as error:
            log.warning("recording.failed id=%s %s", self.id, error)
            return
        finally:
            self.stop()
        ended = self._clock.wall()
        saving = self._recordings.save(lambda: self._made(ended))
        saving.add_done_callback(self._saved)

    async def _write(self) -> None:
        gathered, self._gathered = self._gathered, []
        await asyncio.get_running_loop().run_in_executor(None, _append, self._path, gathered)

    def _made(self, ended: float) -> RecordingFile:
        """The file, made in a thread. Raises `ConfigError`."""
        wanted = self._wanted
        try:
            pcm: Pcm = np.fromfile(self._path, np.int16)
        except OSError as error:
            raise ConfigError(f"{self._path}: {error}") from error
        finally:
            self._path.unlink(missing_ok=True)
        if self._channels == 2:
            pcm = pcm.reshape(-1, 2)
        if wanted.trim:
            pcm = trimmed(pcm, self._rate)
        path: Path = self._recordings.folder / f"{self.id}.{wanted.format}"
        (write_mp3 if wanted.format == "mp3" else write_wav)(path, pcm, self._rate)
        return RecordingFile(
            id=self.id,
            path=path,
            format=wanted.format,
            channels=wanted.channels,
            started=self._began,
            ended=ended,
            duration=pcm.shape[0] / self._rate,
            name=f"{wanted.file_name or self.id}.{wanted.format}",
        )

    def _saved(self, saving: asyncio.Future[RecordingFile]) -> None:
        if saving.cancelled() or (error := saving.exception()) is not None:
            log.warning("recording.failed id=%s %s", self.id, "not written" if saving.cancelled() else error)
            return
        file = saving.result()
        urls: dict[str, str | None] = {"mp3": None, "wav": None}
        self._conference.tell(
            "conference.recording.saved",
            recording_id=self.id,
            format=file.format,
            channels=file.channels,
            recording_urls={**urls, file.format: self._recordings.url(file)},
            public_recording_urls=urls,
            recording_started_at=iso(file.started),
            recording_ended_at=iso(file.ended),
        )


def _append(path: Path, parts: Sequence[bytes]) -> None:
    with path.open("ab") as file:
        file.write(b"".join(parts))


class ConferenceRecordings:
    """The recording of each conference, one at a time. `watch` the conferences' events with `told`."""

    def __init__(
        self,
        recordings: Recordings,
        clock: Clock,
        start: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._recordings = recordings
        self._clock = clock
        self._start = start
        self._running: dict[str, ConferenceRecording] = {}

    def start(self, conference: Conference, wanted: Wanted) -> ConferenceRecording:
        """Raises `CommandRefused`: 90019 for a conference that is over, 90033 where it is recorded already."""
        conference.need_active()
        running = self._running.get(conference.id)
        if running is not None and not running.is_over:
            raise CommandRefused("90033", "The conference is being recorded already.")
        recording = ConferenceRecording(conference, wanted, self._recordings, self._clock, self._start)
        self._running[conference.id] = recording
        return recording

    def of(self, conference: Conference, recording_id: str | None = None) -> ConferenceRecording:
        """The one that runs. Raises `CommandRefused`: 90019 for a conference that is over, 90033 for no such one."""
        conference.need_active()
        running = self._running.get(conference.id)
        if running is None or running.is_over or recording_id not in (None, running.id):
            raise CommandRefused("90033", "There is no such recording of the conference.")
        return running

    def over(self, conference: Conference) -> None:
        """The conference is over, and with it its recording."""
        running = self._running.pop(conference.id, None)
        if running is not None:
            running.stop()
