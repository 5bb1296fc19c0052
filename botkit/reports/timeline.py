"""The drawing of a call: steps as bars over seconds, each on the first lane that is free.

Pure arithmetic; `template.html` only writes the numbers into SVG. Coordinates are those of the
drawing's own box, `WIDTH` units wide, which the page stretches to its width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botkit.results import StepResult

WIDTH = 1000.0
LANE = 20.0  # height of a bar
GAP = 5.0  # between lanes
AXIS = 22.0  # height of the row of seconds
LETTER = 6.2  # about one letter of the bar's text

_KINDS = {
    "play": "voice",
    "send_dtmf": "digits",
    "gather": "digits",
    "record": "record",
}
_CONTAINERS = ("run", "repeat", "choose", "parallel", "race", "goto")


@dataclass(frozen=True, slots=True)
class Bar:
    """One step. `kind` names its colour; `text` is what fits into it."""

    x: float
    y: float
    width: float
    kind: str
    text: str
    title: str
    started: float
    index: int


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole drawing."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    seconds: float


LANES_MAX = 12


def draw(steps: Sequence[StepResult], duration: float | None) -> Timeline | None:
    """The drawing of these steps, or None where nothing took any time.

    Steps that only hold others are left out, since their own steps show the same span, and so are
    those that took no time (`set`, `log`) and were no expectation.
    """
    shown = [(i, s) for i, s in in_order(steps) if _is_shown(s)]
    total = max([duration or 0.0, *(step.ended for _, step in shown)], default=0.0)
    if not shown or total <= 0:
        return None
    scale = WIDTH / total
    free: list[float] = []  # where each lane becomes free
    bars = []
    for index, step in shown:
        x = max(step.started, 0.0) * scale
        # a step of no length still shows, as a sliver
        width = max((step.ended - max(step.started, 0.0)) * scale, 3.0)
        x = min(x, WIDTH - width)
        lane = next((n for n, end in enumerate(free) if end <= x + 0.5), len(free))
        if lane == LANES_MAX:  # hundreds of slivers: they overlap rather than make a page of blank lanes
            lane = free.index(min(free))
        elif lane == len(free):
            free.append(0.0)
        free[lane] = x + width
        name = step.summary or step.step
        shown_name = step.label if step.label else name
        bars.append(
            Bar(
                x=round(x, 1),
                y=AXIS + lane * (LANE + GAP),
                width=round(width - 1, 1),  # one unit of air before the next
                kind=kind(step),
                text=_fit(shown_name, width),
                title=f"{step.label + ': ' if step.label else ''}{name}\n{step.started:.2f}–{step.ended:.2f} s",
                started=step.started,
                index=index,
            )
        )
    return Timeline(WIDTH, AXIS + len(free) * (LANE + GAP), tuple(bars), _ticks(total, scale), total)


def in_order(steps: Sequence[StepResult]) -> list[tuple[int, StepResult]]:
    """The steps as a reader wants them, by their begin, each with its index: they are told when they end.

    Of two that began together, the one that holds the other comes first.
    """
    return sorted(enumerate(steps), key=lambda pair: (pair[1].started, len(pair[1].path), pair[0]))


def _is_shown(step: StepResult) -> bool:
    if step.problem is not None and not step.cancelled:
        return True
    return step.step not in _CONTAINERS and (kind(step) != "plain" or step.ended - step.started > 0.02)


def kind(step: StepResult) -> str:
    """The colour of a step: how it came out first, what it is second."""
    if step.problem is not None and not step.cancelled:
        return "fault" if step.problem.kind == "fault" else "unmet"
    if step.cancelled:
        return "cut"
    if not step.ok:
        return "unmet"
    return "met" if step.is_expectation else _KINDS.get(step.step, "plain")


def _ticks(total: float, scale: float) -> tuple[Tick, ...]:
    """At most a dozen marks at round seconds."""
    every = next((n for n in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if total / n <= 12), total)
    marks = [n * every for n in range(int(total / every) + 1)]
    return tuple(
        Tick(round(mark * scale, 1), f"{mark:g} s") for mark in marks if mark * scale < WIDTH - 20 or mark == 0
    )


def _fit(text: str, width: float) -> str:
    letters = int((width - 8) / LETTER)
    if letters >= len(text):
        return text
    return text[: letters - 1] + "…" if letters >= 4 else ""
