"""Prompts, in all ways that they may come, and what is none: `make accept`."""

from __future__ import annotations

import pytest

from tests.load.prompts import find_all, mistake_all, prompts

pytestmark = [pytest.mark.slow, pytest.mark.needs("voices")]


def test_all_prompts_are_recognised() -> None:
    """On each codec, ±12 dB, at 3 % loss, up to a second cut off: the right name and onset, in 99 %."""
    found = find_all(prompts(), seeds=2)
    assert len(found.trials) > 2500
    assert found.named >= 0.99, "\n".join(found.failures())
    assert found.placed >= 0.99, "\n".join(found.failures())


def test_nothing_else_is() -> None:
    """More than half an hour of other sentences of the same voice, other voices, music and noise: no prompt."""
    mistaken = mistake_all(prompts())
    assert sum(one.minutes for one in mistaken if one.kind != "a dozen voices") > 30
    assert [false for one in mistaken for false in one.false] == []
