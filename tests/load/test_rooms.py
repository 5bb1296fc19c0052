"""Rooms on the beat: `make accept`."""

from __future__ import annotations

import pytest

from tests.load.rooms import SIZES, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("codec", "legs"), SIZES)
def test_a_room_in_which_everybody_speaks_keeps_the_beat(codec: str, legs: int) -> None:
    """Both ends of all legs take less than half a core, and every beat has its packet on every leg."""
    row = run("room", codec, legs, 10.0)
    assert row["errors"] == 0
    assert row["core"] < 0.5, row
    assert row["received"] > 0.98, row
    assert row["lost"] <= row["beats"] // 100, row
