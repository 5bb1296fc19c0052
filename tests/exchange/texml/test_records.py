"""What is remembered of calls."""

from __future__ import annotations

import gc
import weakref

import pytest

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml import records
from botkit.exchange.texml.fetch import Source
from tests.exchange.texml.kit import HOST, Stage, play


def test_states_and_times() -> None:
    """A call is remembered with its times; one that was never answered lasted no time."""

    async def scene(stage: Stage) -> None:
        leg = stage.world.leg("outbound")
        record = stage.calls.records.note(leg)
        assert (record.status, record.duration) == ("initiated", 0.0)
        leg.ringing.set_result(None)
        assert record.status == "ringing"
        await stage.sleep(3)
        leg.pick_up()
        await stage.sleep(5)
        assert record.status == "in-progress"
        leg.leaves()
        await stage.sleep(1)
        assert (record.status, record.duration) == ("completed", pytest.approx(5.0))
        assert record.answered == pytest.approx(record.started + 3)
        missed = stage.world.leg("outbound")
        other = stage.calls.records.note(missed)
        missed.leaves("USER_BUSY")
        await stage.sleep(1)
        assert (other.status, other.duration) == ("busy", 0.0)

    play(scene)


def test_a_call_that_is_over_holds_no_leg() -> None:
    """A call that is over is remembered without its leg, and cannot be given another document."""

    async def scene(stage: Stage) -> None:
        leg = await stage.run("<Say>a</Say>")
        sid, seen = leg.facts.sid, weakref.ref(leg)
        with pytest.raises(CommandRefused, match="90018"):
            stage.calls.redirect(sid, Source(f"{HOST}/new"))
        with pytest.raises(CommandRefused, match="90018"):
            stage.calls.end(sid)
        with pytest.raises(CommandRefused, match="10005"):
            stage.calls.end("v3:nobody")
        stage.world.legs.clear()
        del leg
        await stage.sleep(1)
        gc.collect()
        assert seen() is None
        assert stage.calls.record(sid).status == "completed"

    play(scene)


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many are remembered: of those that are over the oldest goes first."""
    monkeypatch.setattr(records, "MOST", 2)

    async def scene(stage: Stage) -> None:
        legs = [stage.world.leg() for _ in range(3)]
        for leg in legs[:2]:
            stage.calls.records.note(leg)
        legs[1].leaves()
        await stage.sleep(1)
        stage.calls.records.note(legs[2])
        assert [record.facts.sid for record in stage.calls.records] == [legs[0].facts.sid, legs[2].facts.sid]

    play(scene)
