"""The microphone and the loudspeaker of a call: what it says when nothing is played, and who listens along.

`audio_in` is a source (file, tone, silence …) that goes out over and over between plays; `audio_out`
a sink that gets every frame heard. Both may be chosen for a client or a call, and changed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from botkit.media.ear import Ear
from botkit.media.session import RtpSession
from botkit.media.sink import Sink
from botkit.media.source import Source


class Devices:
    """The devices of one call. `start` runs a coroutine in a task of the call's client."""

    def __init__(self, ear: Ear, start: Callable[[Coroutine[Any, Any, Any], str], None]) -> None:
        self._ear = ear
        self._start = start
        self._session: RtpSession | None = None
        self._source: Source | None = None
        self._sink: Sink | None = None

    @property
    def audio_in(self) -> Source | None:
        return self._source

    @audio_in.setter
    def audio_in(self, source: Source | None) -> None:
        self._source = source
        if self._session is not None:
            self._start(self._load(source), "audio in")

    @property
    def audio_out(self) -> Sink | None:
        return self._sink

    @audio_out.setter
    def audio_out(self, sink: Sink | None) -> None:
        before, self._sink = self._sink, sink
        if before is not None:
            self._ear.taps.remove(before.push)
            if self._session is not None:
                self._start(self._close(before), "audio out")
        if sink is not None:
            self._ear.taps.append(sink.push)

    def attach(self, session: RtpSession) -> None:
        """There is media now."""
        self._session = session
        if self._source is not None:
            self._start(self._load(self._source), "audio in")

    async def _load(self, source: Source | None) -> None:
        session = self._session
        assert session is not None
        loop = asyncio.get_running_loop()
        payloads = () if source is None else await loop.run_in_executor(None, source.payloads, session.codec)
        if self._source is source:  # else it was changed again meanwhile
            session.say_when_idle(payloads)

    async def _close(self, sink: Sink) -> None:
        await asyncio.get_running_loop().run_in_executor(None, sink.close)

    async def close(self) -> None:
        """The call is over: close the sink. Raises what its `close` raises."""
        sink, self._sink = self._sink, None
        if sink is not None:
            self._ear.taps.remove(sink.push)
            await self._close(sink)
