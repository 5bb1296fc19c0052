"""What a party hears that was put on hold: one sound for all calls of an exchange, in a loop.

It is read and encoded when it is first heard on a codec, in a thread, and shared by all legs with that
codec from then on. Until then, and where it cannot be read, the party hears silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from botkit.errors import ConfigError
from botkit.exchange.activities.sounds import SoundFailed
from botkit.media.codec import Codec
from botkit.media.playback import Playback
from botkit.media.session import RtpSession
from botkit.media.source import Source

log = logging.getLogger("botkit.exchange")


class HoldAudio:
    """`source` None is silence; one that is still to be had is `found` when it is first heard.

    `start` runs work in a task that somebody owns.
    """

    def __init__(
        self,
        source: Source | None,
        start: Callable[[Coroutine[Any, Any, None], str], object],
        *,
        found: Callable[[], Awaitable[Source]] | None = None,
    ) -> None:
        self._source = source
        self._found = found
        self._start = start
        self._encoded: dict[str, tuple[bytes, ...]] = {}

    def play(self, session: RtpSession) -> Playback | None:
        """Say it from its beginning on, until the session is told to say something else, or to stop what is given
        back: None where silence goes out."""
        codec = session.codec
        if self._source is None and self._found is None:
            return None
        known = self._encoded.get(codec.name)
        playback = Playback(known or (codec.silence,), lambda at: None, loop=True)
        session.play(playback)
        if known is None:
            self._start(self._fill(playback, codec), f"hold audio {codec.name}")
        return playback

    async def _fill(self, playback: Playback, codec: Codec) -> None:
        try:
            if (source := self._source) is None:
                assert self._found is not None
                source = self._source = await self._found()
            payloads = await asyncio.to_thread(source.payloads, codec)
        except (ConfigError, SoundFailed) as error:  # a file was there when the exchange began
            log.warning("hold.silent %s", error)
            return
        self._encoded[codec.name] = payloads
        playback.payloads, playback.index = payloads, 0
