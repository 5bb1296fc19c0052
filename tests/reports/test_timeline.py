"""The drawing of a call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from botkit.reports.timeline import LANES_MAX, WIDTH, draw, kind
from botkit.results import StepResult
from tests.reports import samples


def test_nothing_to_draw() -> None:
    """A call without time has no drawing."""
    assert draw([], 3.0) is None
    assert draw([samples.step("on.ended/0", "check", 0.0, 0.0)], None) is None


def test_scale() -> None:
    """A step from 3 to 6 s of a 12 s call lies from a quarter to half of the width."""
    drawing = draw([samples.step("a", "play", 3.0, 6.0)], 12.0)
    assert drawing is not None
    assert (drawing.bars[0].x, drawing.bars[0].width) == (WIDTH / 4, WIDTH / 4 - 1)
    assert [tick.text for tick in drawing.ticks][:2] == ["0 s", "1 s"]


def test_steps_that_hold_steps_are_left_out() -> None:
    """A `run` shows by its own steps."""
    drawing = draw([samples.step("a", "run", 0.0, 4.0), samples.step("a/0", "play", 0.0, 4.0)], 4.0)
    assert drawing is not None
    assert [bar.text for bar in drawing.bars] == ["play"]


def test_kinds() -> None:
    """How a step came out decides before what it is."""
    met, unmet = samples.caller().steps[0], samples.caller(met=False).steps[5]
    assert [kind(s) for s in (met, unmet, samples.caller().steps[-1])] == ["met", "unmet", "cut"]
    assert kind(samples.step("a", "play", 0, 1)) == "voice"


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 30)), min_size=1, max_size=LANES_MAX))
def test_bars_never_overlap(spans: list[tuple[float, float]]) -> None:
    """Bars of one lane stand side by side, inside the drawing, as long as there are lanes for all."""
    steps: list[StepResult] = [samples.step("a", "play", start, start + length) for start, length in spans]
    drawing = draw(steps, 90.0)
    assert drawing is not None
    for bar in drawing.bars:
        assert 0 <= bar.x <= WIDTH
        assert bar.x + bar.width <= WIDTH + 0.2
        assert bar.y + 20 <= drawing.height
        for other in drawing.bars:
            if other is not bar and other.y == bar.y:
                assert bar.x + bar.width <= other.x or other.x + other.width <= bar.x


def test_steps_of_no_time_are_left_out() -> None:
    """A `set` shows nowhere, an expectation that was met at once does, and so does whatever failed."""
    at_once = samples.step("a", "expect_tone", 1.0, 1.0, is_expectation=True)
    failed = samples.step("c", "check", 2.0, 2.0, ok=False, problem=samples.UNMET)
    drawing = draw([samples.step("b", "set", 0.0, 0.0), at_once, failed], 4.0)
    assert drawing is not None
    assert [bar.kind for bar in drawing.bars] == ["met", "unmet"]


def test_steps_in_a_row_share_a_lane() -> None:
    """One step after the other needs no second lane."""
    drawing = draw([samples.step("a", "play", n, n + 1.0) for n in range(8)], 8.0)
    assert drawing is not None
    assert len({bar.y for bar in drawing.bars}) == 1


def test_hundreds_of_short_steps_share_a_dozen_lanes() -> None:
    """Steps too short to be drawn side by side overlap: the drawing stays small."""
    steps = [StepResult(f"on.answered/{n}", "send_dtmf", True, n * 0.0005, n * 0.0005 + 0.0004) for n in range(300)]
    drawing = draw(steps, 60.0)
    assert drawing is not None
    assert len(drawing.bars) == 300
    assert len({bar.y for bar in drawing.bars}) <= 12
