"""What `save_as` keeps."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.flow.values import give, saved


@pytest.mark.parametrize("data", ["12", 42, 1.5, [1, 2]])
def test_result_that_is_a_value_answers_to_its_fields(data: Any) -> None:
    """A value that a step gives is that value, and still has `ok` beside it."""
    kept = saved(give(data), {"ok": True, "started": 1.0, "ended": 2.0})
    assert kept == data
    assert isinstance(kept, type(data))
    assert (kept.ok, kept.ended) == (True, 2.0)


def test_result_that_is_a_mapping_has_its_keys() -> None:
    """A mapping's keys are fields; what every result has cannot be hidden by them."""
    assert saved(give({"a": 1, "ok": "mine"}), {"ok": True}) == {"a": 1, "ok": True}
    assert saved(give(None), {"ok": True}) == {"ok": True}
    assert saved(give(False), {"ok": True}) is False
