"""One recording of a leg: packets to a spool while it lasts, a file when it is over.

Nothing is decoded on the beat: what arrives and what is sent goes to a spool of the recording's own as it is,
and a thread makes the file of it (`botkit.media.recorder`). Pauses are cut out. Seen from the leg, what arrives is
the `inbound` track and what is sent the `outbound` one; of two channels the leg's own voice is the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.exchange.activities.player import Start
from botkit.exchange.activities.recordings import RecordingFile, Recordings
from botkit.exchange.activities.told import Tell
from botkit.media.ear import Ear
from botkit.media.mp3 import write_mp3
from botkit.media.pcm import SOUND_LEVEL, Pcm, in_frames, levels, mix
from botkit.media.playback import Playback
from botkit.media.recorder import timelines
from botkit.media.session import RtpSession
from botkit.media.source import ToneSource
from botkit.media.spool import Spool, SpoolReader
from botkit.media.wav import write_wav

log = logging.getLogger("botkit.exchange")

FLUSH_EVERY = 1.0
"""Seconds between two writes of what has gathered."""

LOOK_EVERY = 0.2
"""Seconds between two looks at whether it has become silent."""

BEEP = ToneSource((1000.0,), 0.4)

COMMAND, HANGUP, MAX_LENGTH, SILENCE, KEY = "command", "hangup", "max_length", "silence", "key"
"""Why a recording ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a recording is to be. Durations are seconds; 0: no limit. `keys` are digits that end it."""

    channels: str = "single"
    format: str = "wav"
    track: str = "both"
    beep: bool = False
    max_length: float = 0.0
    timeout: float = 0.0
    """Of silence after sound."""
    trim: bool = False
    """Silence at the beginning and at the end is cut off."""
    file_name: str = ""
    keys: str = ""


class Recording:
    """One recording. `outcome` is set when its file is there, to None where there is none; `on_end` is told when it
    records no more.
    """

    def __init__(
        self,
        wanted: Wanted,
        session: RtpSession,
        ear: Ear,
        clock: Clock,
        recordings: Recordings,
        tell: Tell,
        on_end: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.id = recordings.new_id()
        self.wanted = wanted
        self.outcome: asyncio.Future[RecordingFile | None] = loop.create_future()
        self.ended_by = ""
        """Why it ended; empty while it lasts."""
        self._session = session
        self._ear = ear
        self._clock = clock
        self._recordings = recordings
        self._tell = tell
        self._on_end = on_end
        self._over = asyncio.Event()
        self._spool: Spool | None = None
        self._call = 0
        self._began = self._began_wall = 0.0
        self._pauses: list[tuple[float, float]] = []
        self._paused_at: float | None = None

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def begin(self, start: Start) -> None:
        """Record from now on, or after the beep. Raises `ConfigError` where there is no place for it."""
        if not self.wanted.beep:
            self._record()
        start(self._last(), f"recording {self.id}")

    def _record(self) -> None:
        path = self._recordings.folder / f"{self.id}.spool"
        self._spool = Spool(path)
        session = self._session
        types = (session.sender.payload_type, session.receiver.receive_type)
        self._call = self._spool.new_call(self.id, formats={str(number): session.codec.name for number in types})
        self._began, self._began_wall = self._clock.now(), self._clock.wall()
        if self._paused_at is not None:
            self._paused_at = self._began
        else:
            session.record_to(self._spool, self._call)

    def pause(self) -> None:
        """Leave out what comes, until `resume`. One that is paused stays so."""
        if self._paused_at is None and not self.is_over:
            self._paused_at = self._clock.now()
            self._session.record_no_more()

    def resume(self) -> None:
        """Go on. One that is not paused does."""
        if self._paused_at is None or self.is_over:
            return
        self._pauses.append((self._paused_at, self._clock.now()))
        self._paused_at = None
        if self._spool is not None:
            self._session.record_to(self._spool, self._call)

    def stop(self, why: str = COMMAND) -> None:
        """Record no more; the file is made, and told of, afterwards. Once it is over it does nothing."""
        if self.is_over:
            return
        self.ended_by = why
        self._over.set()
        if self._paused_at is None:
            self._session.record_no_more()
        else:
            self._pauses.append((self._paused_at, self._clock.now()))
        self._on_end()
        self._save()

    # --- while it lasts --------------------------------------------------------------------------

    async def _last(self) -> None:
        if self.wanted.beep:
            await self._beep()
            if self.is_over:
                return
            try:
                self._record()
            except ConfigError as error:
                log.warning("recording.failed id=%s %s", self.id, error)
                self.stop()
                return
        limit = self._began + self.wanted.max_length if self.wanted.max_length else None
        flushed = self._began
        while not self.is_over:
            now = self._clock.now()
            if limit is not None and now >= limit + self._paused:
                self.stop(MAX_LENGTH)
                return
            if self.wanted.timeout and self._silent_for(now) >= self.wanted.timeout:
                self.stop(SILENCE)
                return
            if self._spool is not None and now - flushed >= FLUSH_EVERY:
                flushed = now
                await asyncio.get_running_loop().run_in_executor(None, self._spool.flush)
            wait = LOOK_EVERY if self.wanted.timeout else FLUSH_EVERY
            if limit is not None:
                wait = min(wait, max(0.0, limit + self._paused - self._clock.now()))
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(wait):
                    await self._over.wait()

    @property
    def _paused(self) -> float:
        """Seconds that were left out so far: they do not count."""
        under_way = 0.0 if self._paused_at is None else self._clock.now() - self._paused_at
        return under_way + sum(end - begin for begin, end in self._pauses)

    def _silent_for(self, now: float) -> float:
        """Seconds of silence up to now; the time starts with the first sound."""
        last = self._ear.sounds.last
        if last is None or last.end is None or last.end < self._began or self._paused_at is not None:
            return 0.0
        return now - max([last.end, *(end for _, end in self._pauses[-1:])])

    async def _beep(self) -> None:
        said = asyncio.get_running_loop().create_future()
        playback = Playback(BEEP.payloads(self._session.codec), lambda at: None if said.done() else said.set_result(at))
        self._session.interrupt(playback)
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((said, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            if not playback.done:
                self._session.stop(playback)

    # --- the file --------------------------------------------------------------------------------

    def _save(self) -> None:
        if self._spool is None:
            self._failed("it had not begun")
            return
        ended, ended_wall = self._clock.now(), self._clock.wall()
        saving = self._recordings.save(lambda: self._made(ended, ended_wall))
        saving.add_done_callback(self._saved)

    def _saved(self, saving: asyncio.Future[RecordingFile]) -> None:
        if saving.cancelled() or (error := saving.exception()) is not None:
            self._failed("it was not written" if saving.cancelled() else str(error))
            return
        file = saving.result()
        urls: dict[str, str | None] = {"mp3": None, "wav": None}
        self._tell(
            "call.recording.saved",
            channels=file.channels,
            recording_urls={**urls, file.format: self._recordings.url(file)},
            public_recording_urls=urls,
            recording_started_at=iso(file.started),
            recording_ended_at=iso(file.ended),
        )
        if not self.outcome.done():
            self.outcome.set_result(file)

    def _failed(self, why: str) -> None:
        log.warning("recording.failed id=%s %s", self.id, why)
        self._tell("call.recording.error", reason="Internal server error")
        if not self.outcome.done():
            self.outcome.set_result(None)

    def _made(self, ended: float, ended_wall: float) -> RecordingFile:
        """The file, made in a thread. Raises `ConfigError`."""
        assert self._spool is not None
        try:
            self._spool.close()
            pcm, rate = self._sound(self._spool.path, ended)
        finally:
            self._spool.remove()
        wanted = self.wanted
        if wanted.trim:
            pcm = trimmed(pcm, rate)
        path: Path = self._recordings.folder / f"{self.id}.{wanted.format}"
        write = write_mp3 if wanted.format == "mp3" else write_wav
        write(path, pcm, rate)
        return RecordingFile(
            id=self.id,
            path=path,
            format=wanted.format,
            channels="single" if pcm.ndim == 1 else "dual",
            started=self._began_wall,
            ended=ended_wall,
            duration=pcm.shape[0] / rate,
            name=f"{wanted.file_name or self.id}.{wanted.format}",
        )

    def _sound(self, path: Path, ended: float) -> tuple[Pcm, int]:
        """What was recorded, shape (samples,) or (samples, 2), and its rate."""
        with SpoolReader(path) as reader:
            records, known = reader.records(self._call), reader.known(self._call)
        received, sent, rate, began = (
            np.zeros(0, np.int16),
            np.zeros(0, np.int16),
            self._session.codec.rate,
            self._began,
        )
        if records:
            received, sent, rate, began = timelines(records, known.get("formats"))
        inbound, outbound = (_fitted(side, began, self._began, ended, rate) for side in (received, sent))
        if self.wanted.track != "both":
            pcm = inbound if self.wanted.track == "inbound" else outbound
        elif self.wanted.channels == "dual":
            pcm = np.stack((inbound, outbound), axis=1)
        else:
            pcm = mix((inbound, outbound))
        keep = np.ones(pcm.shape[0], bool)
        for begin, end in self._pauses:
            keep[max(0, round((begin - self._began) * rate)) : max(0, round((end - self._began) * rate))] = False
        return pcm[keep], rate


def _fitted(side: Pcm, began: float, wanted: float, ended: float, rate: int) -> Pcm:
    """One side that began at `began`, on the timeline from `wanted` to `ended`."""
    whole = np.zeros(max(0, round((ended - wanted) * rate)), np.int16)
    at = round((began - wanted) * rate)
    side = side[max(0, -at) :]
    at = max(0, at)
    side = side[: max(0, whole.size - at)]
    whole[at : at + side.size] = side
    return whole


def trimmed(pcm: Pcm, rate: int) -> Pcm:
    """Without the silence before the first sound and after the last one."""
    loudest = np.abs(pcm.astype(np.int32)).max(axis=1).astype(np.int16) if pcm.ndim == 2 else pcm
    if not loudest.size:
        return pcm
    loud = np.flatnonzero(levels(in_frames(loudest, rate)) > SOUND_LEVEL)
    size = rate // 50
    return pcm[loud[0] * size : (loud[-1] + 1) * size] if loud.size else pcm[:0]


def iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
