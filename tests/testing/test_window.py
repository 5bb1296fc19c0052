"""When an expectation is met: the mark and the window, as arithmetic."""

from __future__ import annotations

import pytest

from botkit.testing.window import Later, Met, Span, Unmet, Wanted, judge
from botkit.vocabulary import Window

ONE = Wanted(1.0)


def at(now: float, *spans: Span, wanted: Wanted = ONE, begun: float = 0.0, **window: float) -> Met | Unmet | Later:
    """The judgement at `now`, with the mark at 0."""
    return judge(spans, wanted, Window(**window), mark=0.0, after=-1e-6, begun=begun, now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "spans", "found"),
    [
        (1.0, [], Later(10.0)),
        (1.0, [Span(0.5)], Later(1.5)),
        (1.5, [Span(0.5)], Met(Span(0.5), 1.5, 0.5, 0.5)),
        (4.0, [Span(0.5, 1.0), Span(2.0, 3.5)], Met(Span(2.0, 3.5), 3.0, 2.0, 2.0)),
        (10.0, [Span(9.5)], Unmet("not in time")),
        (10.0, [], Unmet("not in time")),
        (5.0, [Span(-2.0)], Later(10.0)),
    ],
)
def test_judges_by_onset_and_length(now: float, spans: list[Span], found: object) -> None:
    """An onset after the mark that lasts long enough meets it; the moment to look again is the next that matters."""
    assert at(now, *spans) == found


def test_within_counts_from_the_later_of_mark_and_begin() -> None:
    """`within` counts from the step's begin when that is after the mark."""
    assert at(6.0, begun=5.0, within=2.0) == Later(7.0)


def test_end_is_awaited() -> None:
    """With `until="end"` a span is met when it has ended, and the mark moves there."""
    wanted = Wanted(1.0, until="end")
    assert isinstance(at(3.0, Span(0.5), wanted=wanted), Later)
    assert at(3.0, Span(0.5, 2.5), wanted=wanted) == Met(Span(0.5, 2.5), 2.5, 0.5, 2.5)


def test_late_onset_is_named() -> None:
    """What is met, but too late for `max_latency`, says when it began."""
    assert at(4.0, Span(2.0), max_latency=1.0) == Unmet("too late", late=2.0, mark=2.0)


def test_starts_within_ends_it_early() -> None:
    """Without an onset in `starts_within` nothing more is waited for."""
    assert at(1.0, starts_within=2.0) == Later(2.0)
    assert at(2.0, starts_within=2.0) == Unmet("not begun in time")
    assert at(2.5, Span(1.9), starts_within=2.0) == Later(2.9)


def test_quiet_is_clipped_to_the_mark() -> None:
    """Quiet that reigned at the mark counts from the mark, and the mark moves to where it was met."""
    assert at(1.0, Span(-5.0), wanted=Wanted(1.0, clipped=True)) == Met(Span(0.0), 1.0, 0.0, 1.0)


def test_level_counts_from_its_own_begin() -> None:
    """A level that is there now counts from its own begin; one that was over before we asked does not."""
    wanted = Wanted(1.0, level=True, clipped=True)
    assert isinstance(at(0.0, Span(-5.0), wanted=wanted), Met)
    assert isinstance(at(3.0, Span(-5.0, 1.0), wanted=wanted, begun=2.0), Later)
