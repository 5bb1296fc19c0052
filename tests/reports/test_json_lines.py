"""JSON lines: one object per call, and one for the run."""

from __future__ import annotations

import json

from botkit.reports.json_lines import lines
from tests.reports import samples


def test_lines() -> None:
    """Each line stands alone; the last one is the run's."""
    read = [json.loads(line) for line in lines(samples.FAILED)]
    assert [entry["type"] for entry in read] == ["call", "call", "run"]
    assert [entry["verdict"] for entry in read] == ["aborted", "failed", "failed"]
    assert "steps" not in read[0]
    assert all("\n" not in line for line in lines(samples.FAILED))
    assert read[-1]["problems"][0].startswith("flows/clinic_caller.yaml:23:")
