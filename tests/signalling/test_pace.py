"""Silences for a server that needs them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from botkit.signalling.pace import LONGEST_TALK, Pace

QUIET = 0.06


def talk(pace: Pace, wanted: list[float]) -> list[float]:
    """When frames that are wanted at these moments are sent, each as soon as may be."""
    sent: list[float] = []
    for due in wanted:
        now = max([due, *sent[-1:]])
        sent.append(now + pace.wait(now))
        pace.sent(sent[-1])
    return sent


def test_one_call_is_never_held_up() -> None:
    """Its frames come in short bursts."""
    wanted = [0.0, 0.001, 0.05, 0.19, 1.0, 1.01]
    assert talk(Pace(QUIET), wanted) == wanted


@pytest.mark.parametrize("every", [0.001, 0.02, 0.05])
def test_a_chatterer_falls_silent_now_and_then(every: float) -> None:
    """At the latest when it has talked for `LONGEST_TALK`; nothing is lost, and it keeps up."""
    wanted = [n * every for n in range(int(3 / every))]
    sent = talk(Pace(QUIET), wanted)
    silences = [after for before, after in pairwise(sent) if after - before >= QUIET - 1e-9]
    assert silences
    assert max(after - before for before, after in pairwise([0.0, *silences])) <= LONGEST_TALK + QUIET + every
    assert len(sent) == len(wanted)
    assert sent[-1] <= wanted[-1] + QUIET


def test_without_a_need_nothing_is_held() -> None:
    """Other servers speak when they like."""
    wanted = [n * 0.001 for n in range(1000)]
    assert talk(Pace(0.0), wanted) == wanted
