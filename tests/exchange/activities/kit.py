"""Clients whose calls the exchange answers and parks, so that their legs can be told to do things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.activities.activities import Activities
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone
from botkit.media.wav import write_wav

Event = tuple[str, dict[str, Any]]


class Party:
    """A client's call, its leg, and what was told of that."""

    def __init__(self, call: Call, leg: Leg, events: list[Event]) -> None:
        self.call = call
        self.leg = leg
        self.events = events

    @property
    def does(self) -> Activities:
        assert self.leg.activities is not None
        return self.leg.activities

    def told(self, *types: str) -> list[Event]:
        """The events, without `call.`; of these types only, where some are given."""
        named = [(name.removeprefix("call."), fields) for name, fields in self.events]
        return [event for event in named if not types or event[0] in types]

    @property
    def order(self) -> list[str]:
        """What was told, in order: the events, each with its status where it has one."""
        return [f"{name} {fields['status']}" if "status" in fields else name for name, fields in self.told()]

    @property
    def sounds(self) -> list[tuple[float, float | None]]:
        """When the client heard something: begin and end."""
        return [(sound.start, sound.end) for sound in self.call.ear.sounds]

    def tones(self, begin: float, end: float) -> set[int]:
        """The frequencies that the client heard between two times, in whole 10 Hz."""
        _, frames = self.call.ear.history.between(begin, end)
        return {round(hz, -1) for hz in tones_in(frames.ravel())}


class Room:
    """An exchange that answers and parks every call."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.clock = exchange.clock
        self.events: list[tuple[Leg, Event]] = []
        self.legs: list[Leg] = []
        self._told: dict[Leg, list[Event]] = {}
        exchange.switch.report = lambda leg, name, fields: self._told.setdefault(leg, []).append((name, dict(fields)))

        async def answered(leg: Leg, _invite: Any) -> None:
            self.legs.append(leg)
            leg.introduced = True
            await exchange.switch.answer(leg)

        exchange.switch.control = lambda leg, invite: answered
        self.clients: list[Client] = []

    async def party(self, **options: Any) -> Party:
        """One more client that has called, and hears the exchange."""
        name = f"client{len(self.clients)}"
        client = Client(self.exchange.account(name), connect_line=self.exchange.connect, **options)
        self.clients.append(await client.__aenter__())
        call = await client.dial("100")
        await call.answered()
        await self.clock.sleep(0.1)
        leg = self.legs[-1]
        events = self._told[leg]
        events.clear()
        return Party(call, leg, events)


Scene = Callable[[Room], Coroutine[Any, Any, None]]


def play(scene: Scene, *, virtual: bool = True, **options: Any) -> None:
    """Run a scene in virtual time; it leaves no task, no leg on the beat, nobody who hears. `options` are
    `run_exchange`'s."""
    troubles: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(str(context)))
        async with run_exchange(port=None, **options) as exchange:
            room = Room(exchange)
            try:
                async with asyncio.timeout(3600.0):
                    await scene(room)
            finally:
                for client in room.clients:
                    await client.__aexit__(None, None, None)
            plane = exchange.plane
        assert len(plane.pacer) == 0
        assert not plane.hearing._calls
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=virtual)
    assert not troubles


def sound(folder: Path, hz: float, seconds: float, name: str = "") -> Path:
    """A file with a tone."""
    return write_wav(folder / (name or f"{hz:g}.wav"), tone([hz], seconds))


def about(seconds: float, by: float = 0.06) -> Any:
    """So many seconds, give or take a few beats."""
    return pytest.approx(seconds, abs=by)


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Code and pointer of the refusal of a command."""
    with pytest.raises(CommandRefused) as caught:
        call(**parameters)
    return caught.value.code, caught.value.pointer
