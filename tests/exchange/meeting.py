"""A meeting: phones whose legs are in conferences and queues, what is told of them, and who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import numpy as np

from botkit.exchange.conference import Conference
from botkit.exchange.conferences import Conferences
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from botkit.exchange.queues import Queues
from botkit.media.source import ToneSource
from tests.exchange.kit import Office, Phone, play, soon
from tests.exchange.test_transfer import take


class Guest:
    """A phone that was called and has answered, its leg, and the tone that it says."""

    def __init__(self, name: str, phone: Phone, leg: Leg, hz: float) -> None:
        self.name = name
        self.phone = phone
        self.leg = leg
        self.hz = hz

    def __repr__(self) -> str:
        return self.name

    @property
    def id(self) -> str:
        return self.leg.control_id

    def says(self, seconds: float) -> None:
        self.phone.utter(ToneSource((self.hz,), seconds, level=-20.0))

    def hears(self, hz: float) -> bool:
        """Whether that frequency is in what it heard lately, from 100 ms ago on."""
        pcm = self.phone.sound()[-2400:-800].astype(float)
        wave = np.exp(-2j * np.pi * hz * np.arange(pcm.size) / 8000)
        return bool(pcm.size and 2 * abs(np.mean(pcm * wave)) > 500)


class Meeting:
    """An office with guests. `told` is every event in order: type, who it is about, its fields."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.exchange = office.exchange
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.names: dict[str, str] = {}
        self.conferences: Conferences = office.exchange.platform.conferences
        self.queues: Queues = office.exchange.platform.queues
        self._owner_told = self.conferences.teller
        self.conferences.teller = self._of_conference

    def _of_conference(
        self, conference: Conference, event_type: str, fields: Mapping[str, object], leg: Leg | None
    ) -> None:
        self.told.append((event_type, self.names.get(leg.control_id, "?") if leg else "", dict(fields)))
        self._owner_told(conference, event_type, fields, leg)

    def _of_leg(self, leg: Leg, event_type: str, fields: Mapping[str, object]) -> None:
        self.told.append((event_type, self.names.get(leg.control_id, "?"), dict(fields)))
        if self.exchange.switch.report is not None:
            self.exchange.switch.report(leg, event_type, fields)

    @property
    def events(self) -> list[str]:
        """What was told, as `participant.joined bob`; and forgotten."""
        told, self.told = self.told, []
        return [f"{event.removeprefix('conference.')} {name}".strip() for event, name, _ in told]

    async def guest(self, name: str, *, codec: str = "PCMU", owner: str = "4711") -> Guest:
        """Call somebody, who answers."""
        number = f"1{len(self.names):02}"
        phone = await self.office.phone(name, number)
        (leg,) = self.exchange.switch.dial(DialPlan((number,), "+15550001", connection_id=owner))
        self.names[leg.control_id] = name
        await take(phone, codec)
        await asyncio.sleep(0.2)
        await soon(lambda: leg.is_answered)
        leg.report = self._of_leg
        self.told.clear()
        return Guest(name, phone, leg, 400.0 + 150 * len(self.names))

    async def guests(self, *names: str) -> list[Guest]:
        return [await self.guest(name) for name in names]

    async def who_hears(self, *guests: Guest) -> dict[str, str]:
        """All speak at once; whom each of them hears, by their names in order."""
        for guest in guests:
            guest.says(0.7)
        await asyncio.sleep(0.65)
        heard = {guest.name: " ".join(one.name for one in guests if guest.hears(one.hz)) for guest in guests}
        await asyncio.sleep(0.2)
        return heard


def meet(scene: Callable[[Meeting], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run a scene in virtual time; hold audio is silence unless `options` say otherwise."""

    async def whole(office: Office) -> None:
        meeting = Meeting(office)
        await scene(meeting)
        for phone in office.phones:
            await phone.vanish()
        await asyncio.sleep(0.2)

    play(whole, **{"hold_audio": None, **options})
