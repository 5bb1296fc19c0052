"""One thing that a leg is told to say, from the command to its end, and what is told of it.

    waits ── begin ──► says ── end(status) ──► ended
      └───────────── end(status) ───────────────┘

`end` tells at once, so that what ends together is told in the order in which it is ended, and silence follows
within a beat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from botkit.errors import ConfigError
from botkit.exchange.activities.sounds import FAILED, SoundFailed, Sounds, What
from botkit.media.source import Source
from botkit.media.voice import Voice

log = logging.getLogger("botkit.exchange")

COMPLETED, CANCELLED, CALL_HANGUP = "completed", "cancelled", "call_hangup"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a play ended: `status` as `call.playback.ended` has it, and why it failed."""

    status: str
    detail: str = ""


class Teller(Protocol):
    """Tells of one utterance."""

    def began(self) -> None:
        """The first frame is about to leave."""
        ...

    def ended(self, status: str, detail: str) -> None:
        """It is over, whether it began or not."""
        ...


class Utterance:
    """One sound, said `turns` times (None: without end) by each of `voices`, which are asked for when it begins."""

    def __init__(
        self,
        what: What,
        teller: Teller,
        voices: Callable[[], Sequence[Voice]],
        *,
        turns: int | None = 1,
        over: str = "after_loops",
    ) -> None:
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        """Set once, when it has ended."""
        self.is_heard = False
        """It has begun and not ended."""
        self._what = what
        self._teller = teller
        self._voices = voices
        self._turns = turns
        self._over = over
        self._stop = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.outcome.done()

    def end(self, status: str, detail: str = "") -> None:
        """End it, and tell. What has ended stays as it is."""
        if self.outcome.done():
            return
        self.is_heard = False
        self.outcome.set_result(Outcome(status, detail))
        self._stop.set()
        self._teller.ended(status, detail)

    async def say(self, sounds: Sounds) -> None:
        """Say it to its end. A cancelled caller leaves it silent, and told as `cancelled`."""
        try:
            source = await self._loaded(sounds)
            if source is None or self.is_over:
                return
            voices = self._voices()
            self.is_heard = True
            self._teller.began()
            await self._said_by(voices, source)
        except SoundFailed as failure:
            self.end(failure.status, failure.detail)
        except Exception:
            # A bug of ours with one sound must not keep the next ones from being said, nor stay unheard.
            log.exception("utterance.failed")
            self.end(FAILED, "Unexpected error")
        finally:
            self.end(CANCELLED)

    async def _loaded(self, sounds: Sounds) -> Source | None:
        """The sound; None where it was ended meanwhile."""
        loading = asyncio.ensure_future(sounds.source(self._what))
        try:
            await asyncio.wait((loading, self.outcome), return_when=asyncio.FIRST_COMPLETED)
            return loading.result() if loading.done() else None
        finally:
            if not loading.done():
                loading.cancel()
                await asyncio.wait((loading,))
            if not loading.cancelled():
                loading.exception()

    async def _said_by(self, voices: Sequence[Voice], source: Source) -> None:
        loop, turns = self._turns is None, self._turns or 1
        try:
            async with asyncio.TaskGroup() as group:
                plays = [
                    group.create_task(voice.play(source, loop=loop, turns=turns, over=self._over, until=self._stop))
                    for voice in voices
                ]
        except* ConfigError as errors:
            raise SoundFailed(FAILED, str(errors.exceptions[0])) from errors
        stopped = {play.result().stopped_by for play in plays}
        if None in stopped or not stopped:
            self.end(COMPLETED)
        else:  # a bridge took the line, or the other leg is over
            self.end(CANCELLED)


class Turn:
    """A place in the queue that is kept as long as its owner speaks: a gather with its prompts.

    `on_stop(status)` is told when the queue is stopped while it has its turn, `on_end(status)` when it was taken out
    before.
    """

    def __init__(self, on_stop: Callable[[str], None], on_end: Callable[[str], None]) -> None:
        self.come = asyncio.Event()
        """It is its owner's turn to speak."""
        self._given_back = asyncio.Event()
        self._on_stop = on_stop
        self._on_end = on_end

    @property
    def is_over(self) -> bool:
        return self._given_back.is_set()

    def give_back(self) -> None:
        """The next one may speak. Once given back it does nothing."""
        self._given_back.set()

    def end(self, status: str, detail: str = "") -> None:
        """The queue is stopped here."""
        if self.is_over:
            return
        self._given_back.set()
        if self.come.is_set():
            self._on_stop(status)
        else:
            self._on_end(status)

    async def say(self, sounds: Sounds) -> None:
        """Wait for its owner to be done."""
        if not self.is_over:
            self.come.set()
            await self._given_back.wait()
