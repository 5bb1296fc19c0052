"""What is played and spoken into a conference: to the whole room, one thing after the other, or to some members.

Sounds are mixed with what is said. The whole room's are told as `conference.playback.started` and `.ended` (or
`.speak.`), those for some members once for each, as `conference.participant.…`. A sound that cannot be had is logged
and tells nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit.exchange.conference import Conference
from botkit.exchange.seat import Seat
from botkit.media.participant import RoomSound
from botkit.media.pcm import Pcm, in_frames
from botkit.media.source import Source

log = logging.getLogger("botkit.exchange")

Kind = Literal["playback", "speak"]


@dataclass(frozen=True, slots=True)
class RoomOrder:
    """Something to play. `find` gives its sound.

    `to` are call control ids, empty for the whole room; `turns` None is without end; `fields` are told with its events.
    """

    kind: Kind
    find: Callable[[], Awaitable[Source]]
    to: tuple[str, ...] = ()
    turns: int | None = 1
    fields: Mapping[str, object] = field(default_factory=dict)


class _Play:
    """One that is being played, or waits to be."""

    def __init__(self, order: RoomOrder, seats: list[Seat] | None) -> None:
        self.order = order
        self.seats = seats
        self.sound: RoomSound | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class ConferenceSound:
    """The sounds of one conference. `failures`: what `find` may raise; `start` runs work in a task that is owned."""

    def __init__(
        self,
        conference: Conference,
        start: Callable[[Coroutine[Any, Any, None], str], object],
        failures: tuple[type[Exception], ...],
    ) -> None:
        self._conference = conference
        self._start = start
        self._failures = failures
        self._waiting: deque[_Play] = deque()
        self._plays: list[_Play] = []
        self._at_work = False

    def play(self, order: RoomOrder) -> None:
        """Play it: at once to some members; to the room, when what was ordered before is over.

        Raises `CommandRefused`: 90019 for a conference that is over, 90015 for a call that is not in it.
        """
        conference = self._conference
        conference.need_active()
        seats = [conference.seat(one, "/call_control_ids") for one in order.to] if order.to else None
        play = _Play(order, seats)
        self._plays.append(play)
        name = f"conference {conference.id} {order.kind}"
        if seats is not None:
            self._start(self._say(play), name)
            return
        self._waiting.append(play)
        if not self._at_work:
            self._at_work = True
            self._start(self._work(), name)

    def stop(self, control_ids: Collection[str] = ()) -> None:
        """Stop what is played to some members alone, or all that is played and waits. Raises `CommandRefused`."""
        conference = self._conference
        conference.need_active()
        if not control_ids:
            self._waiting.clear()
            for play in list(self._plays):
                self._stop(play)
            return
        for seat in [conference.seat(one, "/call_control_ids") for one in control_ids]:
            for play in list(self._plays):
                if play.seats is not None and seat in play.seats:
                    self._leave_out(play, seat)

    def _leave_out(self, play: _Play, seat: Seat) -> None:
        assert play.seats is not None
        if play.seats == [seat]:
            self._stop(play)
            return
        play.seats = [one for one in play.seats if one is not seat]
        if play.sound is not None:
            play.sound.to = [one.member for one in play.seats]
            self._tell(play, "ended", [seat])

    def _stop(self, play: _Play) -> None:
        if play.sound is not None:
            self._conference.mixer.stop(play.sound)
        play.finish()

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._say(self._waiting.popleft())
        finally:
            self._at_work = False

    async def _say(self, play: _Play) -> None:
        conference, order = self._conference, play.order
        try:
            rate = conference.mixer.rate
            try:
                source = await order.find()
                frames = await asyncio.get_running_loop().run_in_executor(None, _frames, source, rate)
            except self._failures as error:
                log.warning("conference.silent conference=%s %s", conference.id, error)
                return
            if conference.is_over or play.over.done():
                return
            to = None if play.seats is None else [seat.member for seat in play.seats]
            self._tell(play, "started", play.seats)
            play.sound = conference.mixer.play(
                frames, rate, to=to, turns=order.turns, on_done=lambda at: self._over(play)
            )
            await asyncio.wait((play.over,))
        finally:
            self._plays.remove(play)

    def _over(self, play: _Play) -> None:
        self._tell(play, "ended", play.seats)
        play.finish()

    def _tell(self, play: _Play, what: str, seats: list[Seat] | None) -> None:
        conference, order = self._conference, play.order
        if seats is None:
            conference.tell(f"conference.{order.kind}.{what}", None, **order.fields)
            return
        for seat in seats:
            if not seat.out.done():
                conference.tell(f"conference.participant.{order.kind}.{what}", seat.leg, **order.fields)


def _frames(source: Source, rate: int) -> Pcm:
    return in_frames(source.pcm(rate), rate)
