"""When an expectation is met: the mark and the window, as arithmetic.

A call knows what it has heard as spans (a tone, a stretch of speech or of quiet, each with its
onset and, once it is over, its end) and where its mark is. `judge` says whether these meet what is
expected, whether they no longer can, or when it is worth looking again. No waiting and no clock in
here, so that `FakeCall` and a real call cannot differ in it (flow-language.md section 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from botkit.vocabulary import Window

CLOSE = 1e-6
"""Moments nearer to each other than this are one moment: sums of floats are not exact."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something heard from `started` on; `ended` is None while it lasts."""

    started: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is expected of a span.

    `length`: it must last so long. `until`: it is met when it has begun and lasted (`start`), or
    when it has ended (`end`). `level`: one that began before the mark counts too. `clipped`: one
    that reigned at the mark counts from the mark on (quiet does).
    """

    length: float
    until: str = "start"
    level: bool = False
    clipped: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """`span` met it at `at`; the mark moves to `mark`."""

    span: Span
    at: float
    latency: float
    mark: float


@dataclass(frozen=True, slots=True)
class Unmet:
    """It can no longer be met. `late`: the onset that came too late, where one came; the mark moves to `mark`."""

    why: str
    late: float | None = None
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing can be said before `at`, unless something is heard first."""

    at: float


def judge(
    spans: Iterable[Span], wanted: Wanted, window: Window, *, mark: float, after: float, begun: float, now: float
) -> Met | Unmet | Later:
    """Judge what has been heard up to `now`. `spans` are in the order of their onsets.

    Onsets count when they come later than `after`: the mark, or a hair before it where nothing has been
    matched at the mark itself. All times are on one clock. `absent` and the call's end are the caller's to turn round.
    """
    base = max(mark, begun)
    deadline = base + window.within
    start_by = deadline if window.starts_within is None else base + window.starts_within
    look = deadline
    candidate = False
    for span in spans:
        counted = _counted(span, wanted, mark, after)
        if counted is None:
            continue
        if counted.started > start_by + CLOSE:
            break
        full = _full_at(counted, wanted, begun)
        if full is None:  # it was too short
            continue
        if full > deadline + CLOSE:
            # An onset that cannot be met in time; a later one cannot either.
            candidate = counted.ended is None
            break
        if full <= now + CLOSE:
            latency = max(counted.started - mark, 0.0)
            begins = wanted.until == "start" and not wanted.clipped
            moved = max(mark, counted.started if begins else full)
            if window.max_latency is not None and latency > window.max_latency + CLOSE:
                return Unmet("too late", late=counted.started, mark=moved)
            return Met(counted, full, latency, moved)
        candidate = True
        look = min(look, full)
        break
    if now >= deadline - CLOSE:
        return Unmet("not in time")
    if not candidate and start_by < deadline:
        if now >= start_by - CLOSE:
            return Unmet("not begun in time")
        look = min(look, start_by)
    return Later(look)


def _counted(span: Span, wanted: Wanted, mark: float, after: float) -> Span | None:
    """The part of `span` that counts, or None."""
    if wanted.level or span.started > after:
        return span
    if wanted.clipped and (span.ended is None or span.ended > mark + CLOSE):
        return Span(mark, span.ended)
    return None


def _full_at(span: Span, wanted: Wanted, begun: float) -> float | None:
    """The moment at which `span` meets it in full; far away while it lasts; None if it was too short."""
    over = span.ended is not None and span.ended - span.started < wanted.length - CLOSE
    if over:
        return None
    if wanted.level:
        # A level is what is there now: a span that was over before we asked is not.
        if span.ended is not None and span.ended < begun - CLOSE:
            return None
        full = max(span.started + wanted.length, begun)
        if wanted.until == "end":
            return span.ended if span.ended is not None else float("inf")
        return full
    if wanted.until == "end":
        return span.ended if span.ended is not None else float("inf")
    return span.started + wanted.length
