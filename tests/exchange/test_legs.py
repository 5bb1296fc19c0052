"""The registry of legs: live ones, ended ones for a while, and those that never were."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from botkit.exchange.leg import Leg
from botkit.exchange.legs import KEPT, KEPT_MOST, Legs
from botkit.exchange.refusal import CommandRefused
from botkit.testing import ManualClock


class Bare:
    """As much of a leg as the registry looks at."""

    def __init__(self, control_id: str) -> None:
        self.control_id = control_id
        self.leg_id = self.session_id = self.connection_id = self.calling = self.called = self.direction = ""
        self.client_state = None
        self.started, self.answered_at, self.ended_at = 1.0, None, None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()


def refusal(legs: Legs, control_id: str) -> str:
    with pytest.raises(CommandRefused) as refused:
        legs.live(control_id)
    return refused.value.code


async def _ended_and_unknown() -> None:
    clock = ManualClock()
    legs = Legs(clock)
    leg = cast(Leg, Bare("v3:a"))
    legs.add(leg)
    assert legs.live("v3:a") is leg
    assert refusal(legs, "v3:b") == "90015"
    leg.over.set_result(None)  # type: ignore[arg-type]
    assert refusal(legs, "v3:a") == "90018"
    legs.ended(leg)
    assert (refusal(legs, "v3:a"), len(legs)) == ("90018", 0)
    assert legs.status("v3:a").control_id == "v3:a"
    await clock.advance(KEPT + 1)
    assert refusal(legs, "v3:a") == "90015"
    with pytest.raises(CommandRefused, match="10005"):
        legs.status("v3:a")


def test_ended_and_unknown() -> None:
    """A leg that is over is 90018 for ten minutes, then as unknown as one that never was: 90015, and 404 for GET."""
    asyncio.run(_ended_and_unknown())


async def _bounded() -> None:
    legs = Legs(ManualClock())
    for number in range(KEPT_MOST + 5):
        leg = cast(Leg, Bare(f"v3:{number}"))
        legs.add(leg)
        legs.ended(leg)
    assert refusal(legs, "v3:0") == "90015"
    assert refusal(legs, f"v3:{KEPT_MOST + 4}") == "90018"


def test_what_is_remembered_is_bounded() -> None:
    """Of very many ended legs the oldest are forgotten first."""
    asyncio.run(_bounded())
