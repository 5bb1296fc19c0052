"""A recording of a leg, as documents see it."""

from __future__ import annotations

import asyncio
from typing import Any

from botkit.exchange.activities.activities import Activities
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.texml.port import Recorded, RecordingOrder


class RealRecording:
    """Begins when it is made. Raises `CommandRefused` where the leg cannot be recorded."""

    def __init__(self, activities: Activities, recordings: Recordings, order: RecordingOrder) -> None:
        limits: dict[str, Any] = {}
        if order.longest:
            limits["max_length"] = int(order.longest)
        if order.silence:
            limits["timeout_secs"] = int(order.silence)
        self._recordings = recordings
        self._recording = activities.start_recording(
            channels="dual" if order.dual else "single",
            format=order.format,
            play_beep=order.beep,
            trim="trim-silence" if order.trim else None,
            **limits,
        )

    @property
    def sid(self) -> str:
        return self._recording.id

    async def ended(self) -> None:
        await asyncio.wait((self._recording.outcome,))

    async def stop(self) -> Recorded:
        self._recording.stop()
        await self.ended()
        file = self._recording.outcome.result()
        if file is None:
            return Recorded(self.sid, "", 0.0)
        return Recorded(self.sid, self._recordings.url(file), file.duration)
